"""Two schemes beside each other, as the kernel test robot prints them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dessim.metrics import View, columns_of
from dessim.report.common.format import UNKNOWN, form_of, form_of_name

Row = dict[str, Any]
WIDTH = 22
HEAD = f"{'%stddev':>{WIDTH}}  {'%change':^26}  {'%stddev':>{WIDTH}}"
ARROWS = f"{chr(92):>{WIDTH - 6}}        {'|':^26}  {chr(92):>{WIDTH - 6}}"
NOT_SIGNIFICANT = "~"


def _value(row: Row, side: str) -> str:
    estimate = row[side]
    if estimate is None or estimate["mean"] is None:
        return UNKNOWN
    text = form_of_name(row["metric"])(estimate["mean"])
    spread = estimate.get("stddev_ratio")
    return text if spread is None else f"{text} ± {spread * 100:.0f}%"


def change(row: Row) -> str:
    """Change from A to B with its interval; `~` where it is not significant."""
    if row["ratio"] is None:
        return UNKNOWN
    if row["ratio_ci95"] is None:
        return f"{row['ratio'] * 100 - 100:+.1f}% (no interval)"
    low, high = (end * 100 - 100 for end in row["ratio_ci95"])
    if not row["significant"]:
        return f"{NOT_SIGNIFICANT} [{low:+.1f}%, {high:+.1f}%]"
    return f"{row['ratio'] * 100 - 100:+.1f}% [{low:+.1f}%, {high:+.1f}%]"


def lines_of(a: str, b: str, rows: list[Row], crossings: list[Row]) -> Iterator[str]:
    """Lines of a comparison: what is compared, a block for each place, crossovers, remarks.

    Parameters
    ----------
    a, b : str
        Names of what is compared.
    rows : list of dict
        As in ``comparisons`` of a results document.
    crossings : list of dict
        As its ``crossovers``.
    """
    yield f"{a:>{WIDTH}}  {'':^26}  {b:>{WIDTH}}"
    yield f"{'-' * WIDTH}  {'':^26}  {'-' * WIDTH}"
    yield HEAD
    yield ARROWS
    title = ""
    for row in rows:
        if (place := _place(row)) != title:
            title = place
            yield f"  {title}:"
        values = f"{_value(row, 'a'):>{WIDTH}}  {change(row):^26}  {_value(row, 'b'):>{WIDTH}}"
        yield f"{values}  {_threads(row)}.{row['metric']}"
    yield ""
    for entry in crossings:
        yield f"crossover of {entry['metric']}, {_place(entry)}: {crossover_word(entry, a, b)}"
    yield from _remarks(rows)


def _threads(row: Row) -> str:
    scheme = f"{row['scheme']}." if row.get("name_scheme") else ""
    return f"{scheme}{row['threads']}t"


def _place(row: Row) -> str:
    swept = [f"{key} {value}" for key, value in row["parameters"].items()]
    words = [f"{row['workload']} on {row['machine']}", f"order {row['fault_around_order']}"]
    return ", ".join(words + swept)


def crossover_word(entry: Row, a: str, b: str) -> str:
    """Where B overtakes A, or A overtakes B again; or why there is no such place."""
    if not entry["crossovers"]:
        return str(entry["crossovers_reason"])
    words = []
    for one in entry["crossovers"]:
        first, second = (b, a) if one["b_overtakes"] else (a, b)
        low, high = (UNKNOWN if end is None else f"{end:.3g}" for end in one["ci95"])
        words.append(
            f"{first} overtakes {second} at {one['threads']:.3g} threads [{low}, {high}]"
            f" (simulated: {one['between'][0]} and {one['between'][1]})"
        )
    return "; ".join(words)


def _remarks(rows: list[Row]) -> Iterator[str]:
    sizes = sorted({row["n"] for row in rows})
    told = " to ".join(str(n) for n in (sizes if len(sizes) < 3 else [sizes[0], sizes[-1]]))
    made = sum(row["p_value"] is not None for row in rows)
    together = f", all {made} comparisons together (Holm)" if made > 1 else ""
    yield (
        f"change: ratio of {told or 0} pairs of replications with common random numbers, 95 %"
        f" paired t interval; {NOT_SIGNIFICANT} not significant at 5 %{together}"
    )
    if any(not row["paired"] for row in rows):
        yield "warning: seeds differ: nothing is paired, intervals are wider than they need be"
    for reason in dict.fromkeys(row["reason"] for row in rows if row.get("reason")):
        n = sum(row.get("reason") == reason for row in rows)
        yield f"{UNKNOWN} {reason} ({n} of {len(rows)} comparisons)"


COMPARED = columns_of(View.RESULTS)


def summary_lines(document: dict[str, Any]) -> Iterator[str]:
    """What a run says about its schemes: each beside the first one, at every number of threads."""
    comparisons = document.get("comparisons", [])
    if not comparisons:
        return
    base = comparisons[0]["a"]
    met: dict[tuple[Any, ...], dict[str, str]] = {}
    for point in document["points"]:
        if point.get("precision"):
            key = _key(point, point["threads"])
            met.setdefault(key, {})[scheme_label(point)] = _precise(point)
    for one in comparisons:
        if one["a"] == base:
            yield from _block(one, met)
            yield ""
    rest = [f"{one['a']} and {one['b']}" for one in comparisons if one["a"] != base]
    if rest:
        yield f"also in results.json: {', '.join(rest)}; `dessim compare A B --in RESULTS`"
    yield from _remarks([row for one in comparisons for row in one["rows"]])
    yield from _laws(document.get("scaling", []))


def _key(row: Row, threads: int) -> tuple[Any, ...]:
    swept = tuple(sorted((key, str(value)) for key, value in row["parameters"].items()))
    return (row["workload"], row["machine"], row["fault_around_order"], swept, threads)


def scheme_label(point: Row) -> str:
    """Scheme with its options, as comparisons name it."""
    options = [f"{key}={str(value).lower()}" for key, value in point["scheme_options"].items()]
    return f"{point['scheme']} ({', '.join(options)})" if options else str(point["scheme"])


def _precise(point: Row) -> str:
    missed = [name for name, one in point["precision"].items() if not one["met"]]
    return f"not met ({', '.join(missed)})" if missed else "met"


def _block(one: Row, met: dict[tuple[Any, ...], dict[str, str]]) -> Iterator[str]:
    """The compact table of one pair of schemes."""
    places: dict[str, dict[int, dict[str, Row]]] = {}
    for row in one["rows"]:
        places.setdefault(_place(row), {}).setdefault(row["threads"], {})[row["metric"]] = row
    yield f"A = {one['a']}, B = {one['b']}"
    heads = [f"{'threads':>9}"]
    for metric in COMPARED:
        word = metric.heading
        heads += [f"{word + ' A':>9}", f"{word + ' B':>9}", f"{'B to A, paired':<26}"]
    for place, by_threads in places.items():
        yield f"  {place}"
        yield ("  ".join(heads) + ("  precision" if met else "")).rstrip()
        for threads, rows in sorted(by_threads.items()):
            cells = [f"{threads:>9}"]
            for metric in COMPARED:
                row = rows[metric.name]
                form = form_of(metric)
                for side in ("a", "b"):
                    mean = None if row[side] is None else row[side]["mean"]
                    cells.append(f"{UNKNOWN if mean is None else form(mean):>9}")
                cells.append(f"{change(row):<26}")
            any_row = rows[COMPARED[0].name]
            words = met.get(_key(any_row, threads), {})
            cells += [f"A {words[one['a']]}; B {words[one['b']]}"] if words else []
            yield "  ".join(cells).rstrip()
        for entry in one["crossovers"]:
            if _place(entry) == place:
                told = crossover_word(entry, one["a"], one["b"])
                yield f"  crossover of {entry['metric']}: {told}"


def _laws(fits: list[Row]) -> Iterator[str]:
    """The laws of scaling, one line each."""
    if fits:
        yield "scaling of pages/s (95 % t interval over replications; error: root mean square):"
    for one in fits:
        words = []
        for name, estimate in one["coefficients"].items():
            if name == "lambda":
                continue
            if estimate["mean"] is None:
                words.append(f"{name} {UNKNOWN} ({estimate['reason']})")
                continue
            ends = estimate["ci95"]
            told = "" if ends is None else f" [{ends[0]:.3g}, {ends[1]:.3g}]"
            told = " (its bound)" if ends is None and not estimate["mean"] else told
            words.append(f"{name} {estimate['mean']:.3g}{told}")
        where = f"{one['scheme']}, {_place(one)}"
        yield f"  {one['law']:<6} {', '.join(words)}, error {one['error_rms'] * 100:.0f}%: {where}"
