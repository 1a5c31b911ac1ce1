"""Schemes, or whole results, side by side: paired ratios, what is significant, crossovers.

It works on results documents alone (``results.json``), which hold the values of every replication.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from dessim.measure.statistics.brackets import brackets
from dessim.measure.statistics.flags import NOT_STATIONARY, PERHAPS_NOT
from dessim.measure.statistics.ratios import compare_family, log_ratios
from dessim.measure.statistics.scaling import fit
from dessim.measure.statistics.typical import typical_run
from dessim.metrics import PAGES_RATE, View, columns_of, more_is_better

COMPARED = tuple(metric.name for metric in columns_of(View.RESULTS))
"""Metrics that every results document compares."""
SCALED = PAGES_RATE
"""Metric to which laws of scaling are fitted."""
MAX_PAIRS_OF = 4
"""Up to so many schemes all pairs are compared; of more, each with the first."""

NONE_IN_RANGE = "none in range: no two numbers of threads are significantly on different sides"

Entry = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """Two points that differ in what is compared only."""

    a: Entry
    b: Entry


def scheme_label(point: Entry) -> str:
    """Scheme with its options, as text that distinguishes it from the others."""
    options = point["scheme_options"]
    if not options:
        return str(point["scheme"])
    chosen = ", ".join(f"{key}={str(value).lower()}" for key, value in options.items())
    return f"{point['scheme']} ({chosen})"


def place_of(point: Entry) -> tuple[Any, ...]:
    """All that distinguishes a point from others but its scheme and its number of threads."""
    swept = tuple(sorted((key, str(value)) for key, value in point["parameters"].items()))
    return (point["workload"], point["machine"], point["fault_around_order"], swept)


def pairs_of_schemes(points: Iterable[Entry], a: str, b: str) -> list[Pair]:
    """Points of two schemes that differ in nothing else, in the order of results."""
    known = {(scheme_label(p), place_of(p), p["threads"]): p for p in points if p["metrics"]}
    return [
        Pair(point, known[b, place, threads])
        for (scheme, place, threads), point in known.items()
        if scheme == a and (b, place, threads) in known
    ]


def pairs_of_results(a: Iterable[Entry], b: Iterable[Entry]) -> list[Pair]:
    """Points that two results have in common: scheme, threads, workload, window and parameters.

    The machine may differ: two machines are compared by two results.
    """

    def key(point: Entry) -> tuple[Any, ...]:
        workload, _, order, swept = place_of(point)
        return (scheme_label(point), workload, order, swept, point["threads"])

    known = {key(point): point for point in b if point["metrics"]}
    return [Pair(p, known[key(p)]) for p in a if p["metrics"] and key(p) in known]


def values_of(point: Entry, metric: str) -> list[float | None]:
    """Values of a metric for each replication, by which schemes are paired.

    None where there is no number, or where it depends, or may depend, on how much was simulated:
    the ratio of two such numbers does, too.
    """
    found = point["metrics"].get(metric, {})
    values = list(found.get("paired_values", found.get("values", [])))
    depends_on_size = str(found.get("reason", "")).startswith((NOT_STATIONARY, PERHAPS_NOT))
    return [None] * len(values) if found.get("mean") is None or depends_on_size else values


def compared(pairs: Sequence[Pair], metrics: Sequence[str]) -> list[Entry]:
    """Compare pairs of points metric by metric; all together are one family.

    Returns
    -------
    list of dict
        One for each pair and metric: where it is, both estimates, the paired ratio with its own
        and its simultaneous interval, the difference, and whether the ratio is significant.
    """
    rows = [_row(pair, metric) for pair in pairs for metric in metrics]
    judge(rows)
    return rows


def _row(pair: Pair, metric: str) -> Entry:
    a, b = values_of(pair.a, metric), values_of(pair.b, metric)
    both = zip(a, b, strict=False)
    apart = typical_run([None if None in (x, y) else y - x for x, y in both])  # type: ignore[operator]
    return {
        "workload": pair.a["workload"],
        "machine": pair.a["machine"],
        "fault_around_order": pair.a["fault_around_order"],
        "parameters": pair.a["parameters"],
        "threads": pair.a["threads"],
        "scheme": scheme_label(pair.a),
        "metric": metric,
        "a": _short(pair.a, metric),
        "b": _short(pair.b, metric),
        "difference": apart.mean,
        "difference_ci95": None if apart.ci95 is None else list(apart.ci95),
        "seed": pair.a["seed"],
        "paired": pair.a["seed"] == pair.b["seed"],
        "_values": (a, b),
    }


def judge(rows: Sequence[Entry]) -> None:
    """Add the ratio of each row, what is significant, and intervals that hold together.

    Parameters
    ----------
    rows : sequence of dict
        All comparisons that are shown together. Each holds ``_values``, which is taken out.
    """
    found = compare_family([row.pop("_values") for row in rows])
    for row, ratio in zip(rows, found, strict=True):
        row.update(ratio.as_dict())
        row["p_value_holm"] = row["p_value_family"]  # the key of earlier results


def _short(point: Entry, metric: str) -> Entry | None:
    estimate = point["metrics"].get(metric)
    if estimate is None:
        return None
    kept = {name: value for name, value in estimate.items() if name != "values"}
    kept["flags"] = list(point.get("flags", ()))
    values = [x for x in values_of(point, metric) if x is not None]
    if len(values) > 1 and (mean := math.fsum(values) / len(values)):
        spread = math.fsum((x - mean) ** 2 for x in values) / (len(values) - 1)
        kept["stddev_ratio"] = math.sqrt(spread) / abs(mean)
    return kept


def crossings(pairs: Sequence[Pair], metric: str) -> list[Entry]:
    """Find where B overtakes A in a metric, for each workload, machine and set of parameters."""
    groups: dict[tuple[Any, ...], list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(place_of(pair.a), []).append(pair)
    found = []
    for group in groups.values():
        logs = {
            pair.a["threads"]: log_ratios(values_of(pair.a, metric), values_of(pair.b, metric))
            for pair in group
        }
        threads = sorted(n for n, each in logs.items() if each)
        entry: Entry = {
            "workload": group[0].a["workload"],
            "machine": group[0].a["machine"],
            "fault_around_order": group[0].a["fault_around_order"],
            "parameters": group[0].a["parameters"],
            "metric": metric,
            "threads": threads,
        }
        places = brackets(threads, [logs[n] for n in threads])
        better = more_is_better(metric)
        entry["crossovers"] = [
            {**one.as_dict(), "b_overtakes": one.upwards == better} for one in places
        ]
        if not places:
            entry["crossovers_reason"] = NONE_IN_RANGE if threads else "no ratio at any point"
        found.append(entry)
    return found


def comparisons_of(points: Sequence[Entry]) -> list[Entry]:
    """Compare the schemes of an experiment with each other.

    Returns
    -------
    list of dict
        One for each pair of schemes: names, rows of ``compared``, entries of ``crossings``.
    """
    names = list(dict.fromkeys(scheme_label(point) for point in points if point["metrics"]))
    chosen = list(combinations(names, 2))
    if len(names) > MAX_PAIRS_OF:
        chosen = [(names[0], name) for name in names[1:]]
    result: list[Entry] = []
    for a, b in chosen:
        pairs = pairs_of_schemes(points, a, b)
        if pairs:
            crossed = [entry for metric in COMPARED for entry in crossings(pairs, metric)]
            result.append(
                {
                    "a": a,
                    "b": b,
                    "rows": [_row(pair, metric) for pair in pairs for metric in COMPARED],
                    "crossovers": crossed,
                }
            )
    judge([row for one in result for row in one["rows"]])
    return result


def scalings_of(points: Sequence[Entry]) -> list[Entry]:
    """Fit Amdahl's law and the USL to each scheme's throughput, where there are enough threads."""
    groups: dict[tuple[Any, ...], list[Entry]] = {}
    for point in points:
        if point["metrics"]:
            groups.setdefault((scheme_label(point), place_of(point)), []).append(point)
    found = []
    for (scheme, _), group in groups.items():
        by_threads = {p["threads"]: values_of(p, SCALED) for p in group}
        threads = sorted(by_threads)
        size = min(len(each) for each in by_threads.values())
        rates = [[x or 0.0 for x in by_threads[n][:size]] for n in threads]
        for law in ("amdahl", "usl"):
            fitted = fit(law, threads, rates) if size else None
            if fitted is not None:
                found.append(
                    {
                        "scheme": scheme,
                        "workload": group[0]["workload"],
                        "machine": group[0]["machine"],
                        "fault_around_order": group[0]["fault_around_order"],
                        "parameters": group[0]["parameters"],
                        "metric": SCALED,
                        "threads": threads,
                        **fitted.as_dict(),
                    }
                )
    return found
