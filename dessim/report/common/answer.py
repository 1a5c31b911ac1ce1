"""The answer of a run in a sentence for each place: which scheme is better, by how much, how sure.

The two best schemes of a place are compared, by pages mapped a second; what is said of them are the
ratios and intervals of the comparisons in the results, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from dessim.metrics import MORE, View, columns_of
from dessim.report.common.format import three_digits

Row = dict[str, Any]
Place = tuple[str, str, int, tuple[tuple[str, str], ...]]
Pairs = dict[tuple[str, str], list[Row]]

COMPARED = columns_of(View.RESULTS)
MOST_PLACES = 6
"""Sentences at most: more places than that are a table."""
AS_TIMES = 2.0
"""From so many times on more is said as times, not as a percentage."""
SURE_PERCENT = 5
"""Width of an interval, per cent, up to which a tenth of a per cent means something."""
VERBS = {
    "pages_mapped_per_s": (
        "maps {} more pages/s",
        "maps {} times as many pages/s",
        "maps {} fewer pages/s",
    ),
    "fault_latency_ns_p99": ("raises p99 by {}", "raises p99 by a factor of {}", "cuts p99 by {}"),
}
"""Of each metric that is compared: more by a percentage, more by a factor, less."""


def answer_lines(document: dict[str, Any]) -> list[str]:
    """Return the answer in sentences, one for each workload, machine, order and parameter.

    Parameters
    ----------
    document : dict
        As ``dessim run --format json`` prints it.

    Returns
    -------
    list of str
        Empty where there is one scheme alone, or nothing that can be compared.
    """
    places: dict[Place, Pairs] = {}
    for one in document.get("comparisons", []):
        for row in one["rows"]:
            pairs = places.setdefault(_place(row), {})
            pairs.setdefault((one["a"], one["b"]), []).append(row)
    alone = len(places) == 1
    sentences = [
        f"{sentence[0].upper()}{sentence[1:]}."
        if alone
        else f"{_where(place, places)}: {sentence}."
        for place, pairs in places.items()
        if (sentence := _sentence(pairs)) is not None
    ]
    left = len(sentences) - MOST_PLACES
    if left > 0:
        sentences[MOST_PLACES:] = [f"And {left} more: see the comparisons."]
    return sentences


def _place(row: Row) -> Place:
    swept = tuple((key, str(value)) for key, value in row["parameters"].items())
    return row["workload"], row["machine"], row["fault_around_order"], swept


def _where(place: Place, places: dict[Place, Pairs]) -> str:
    """What sets a place apart from the others, and always its workload."""
    workload, machine, order, swept = place
    words = [workload]
    if len({other[1] for other in places}) > 1:
        words.append(machine)
    if len({other[2] for other in places}) > 1:
        words.append(f"order {order}")
    return ", ".join([*words, *(f"{key} {value}" for key, value in swept)])


def _sentence(pairs: Pairs) -> str | None:
    first = COMPARED[0].name
    ranked = _ranked(pairs, first)
    if len(ranked) < 2:
        return None
    best, other = ranked[0], ranked[1]
    turned = (best, other) in pairs  # their ratios are of the second to the first
    rows = pairs.get((best, other)) or pairs.get((other, best))
    if rows is None:
        return None
    parts = []
    for metric in COMPARED:
        own = [_Seen(row, turned=turned) for row in rows if row["metric"] == metric.name]
        parts.append(list(_parts(metric.name, sorted(own, key=lambda one: one.threads))))
    if not any(parts):
        counts = _counts(sorted({row["threads"] for row in rows}))
        named = " or ".join(metric.heading for metric in COMPARED)
        return f"no significant difference of {best} and {other} in {named} with {counts}"
    return f"compared with {other}, {best} {_joined(parts)}"


def _ranked(pairs: Pairs, metric: str) -> list[str]:
    """Schemes by the geometric mean of their ratios to the first one, the best at the head."""
    base = next(iter(pairs))[0]
    means = {base: 0.0}
    for (a, b), rows in pairs.items():
        logs = [math.log(row["ratio"]) for row in rows if row["metric"] == metric and row["ratio"]]
        if a == base and logs:
            means[b] = math.fsum(logs) / len(logs)
    sign = 1 if COMPARED[0].better == MORE else -1
    return sorted(means, key=lambda name: -sign * means[name])


class _Seen:
    """A ratio of the better scheme to the other one, with the interval of its test."""

    def __init__(self, row: Row, *, turned: bool) -> None:
        ends = row.get("ratio_ci95_simultaneous", row["ratio_ci95"])
        self.threads: int = row["threads"]
        self.known = bool(row["ratio"] and ends and min(ends) > 0 and row.get("resolved", True))
        self.significant = self.known and bool(row["significant"])
        self.ratio, self.ends = row["ratio"] or 1.0, tuple(ends or (1.0, 1.0))
        if turned and self.known:
            self.ratio, self.ends = 1 / self.ratio, (1 / self.ends[1], 1 / self.ends[0])


def _parts(metric: str, seen: list[_Seen]) -> Iterator[tuple[str, str]]:
    """What is said of one metric, and with how many threads: where it is more, where less."""
    more = [one for one in seen if one.significant and one.ratio > 1]
    less = [one for one in seen if one.significant and one.ratio <= 1]
    if not more and not less:
        return
    forms = VERBS[metric]
    for group, grows in ((more, True), (less, False)):
        if group:
            text, times = _amount(group, grows=grows)
            verb = forms[2] if not grows else forms[1] if times else forms[0]
            yield verb.format(text), _counts([one.threads for one in group])


def _amount(group: list[_Seen], *, grows: bool) -> tuple[str, bool]:
    """Smallest and greatest change of a group, and the interval that holds all of theirs."""
    ratios = [one.ratio for one in group]
    low = min(one.ends[0] for one in group)
    high = max(one.ends[1] for one in group)
    if grows and max(ratios) >= AS_TIMES:
        small, great = three_digits(min(ratios)), three_digits(max(ratios))
        ends = f"[{three_digits(low)}, {three_digits(high)}]"
        return f"{_range(small, great)} {ends}", True
    sign = 100 if grows else -100
    changes = sorted(sign * (x - 1) for x in (min(ratios), max(ratios)))
    surely = sorted(sign * (x - 1) for x in (low, high))
    digits = 1 if surely[1] - surely[0] < SURE_PERCENT else 0
    words = [f"{x:.{digits}f}" for x in (*changes, *surely)]
    return f"{_range(words[0], words[1])} % [{words[2]}, {words[3]}]", False


def _range(small: str, great: str) -> str:
    return small if small == great else f"{small} to {great}"


def _counts(threads: list[int]) -> str:
    """Numbers of threads: `8 threads`, `6 and 8 threads`, `1, 2 and 8 threads`."""
    if threads == [1]:
        return "1 thread"
    words = [str(n) for n in threads]
    return f"{_listed(words)} threads"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _joined(parts: list[list[tuple[str, str]]]) -> str:
    """What is said of all metrics; where two agree on the numbers of threads, these come once."""
    some = [one for one in parts if one]
    if [len(one) for one in some] == [1, 1] and some[0][0][1] == some[1][0][1]:
        return f"{some[0][0][0]} and {some[1][0][0]} with {some[0][0][1]}"
    said = [" but ".join(f"{what} with {where}" for what, where in one) for one in some]
    return "; ".join(said)
