"""Two schemes side by side, and the change between them in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dessim.metrics import View, columns_of
from dessim.report.common.doubts import MARKED, MIXTURE, flags_of, heading_of
from dessim.report.common.format import (
    UNKNOWN,
    estimate_text,
    form_of,
    form_of_name,
    three_digits,
)
from dessim.report.text.console import PIPE_WIDTH

Row = dict[str, Any]
CHANGE = 26
"""Columns of a change."""
NOT_SIGNIFICANT = "~"


UNRESOLVED = "unresolved"
AS_FACTORS = 4.0
"""From so many times on a change is shown as a factor: `5.20x`, not `+420.0%`."""


def _value(row: Row, side: str) -> str:
    """A number with its interval, as tables of `dessim run` have it."""
    estimate = row[side]
    mixed = estimate is not None and MIXTURE in estimate.get("flags", ())
    text = estimate_text(estimate, form_of_name(row["metric"]), alike=not mixed)
    return f"{text}, {MIXTURE}" if mixed else text


def together(row: Row) -> list[float] | None:
    """Interval that belongs to the same test as `~`; earlier results have another one."""
    ends: list[float] | None = row.get("ratio_ci95_simultaneous", row["ratio_ci95"])
    return ends


def change(row: Row) -> str:
    """Change from A to B with the interval of its test; `~` where it is not significant.

    What an interval does not narrow down to a factor of four is not reported as a number: the
    change is `unresolved`, or, if it is significant, at least or at most so many times.
    """
    ratio, ends = row["ratio"], together(row)
    if ratio is None:
        return UNKNOWN
    as_factors = ratio >= AS_FACTORS or (ends is not None and ends[1] >= AS_FACTORS)
    form = _factor if as_factors else _per_cent
    if ends is None:
        return f"{form(ratio)} (no interval)"
    if not row.get("resolved", True):
        if not row["significant"]:
            return f"{NOT_SIGNIFICANT} {UNRESOLVED}"
        bound = row["at_least"]
        return f"at {'least' if bound > 1 else 'most'} {three_digits(bound)}x"
    what = form(ratio) if row["significant"] else NOT_SIGNIFICANT
    return f"{what} [{form(ends[0])}, {form(ends[1])}]"


def _per_cent(ratio: float) -> str:
    return f"{ratio * 100 - 100:+.1f}%"


def _factor(ratio: float) -> str:
    return f"{three_digits(ratio)}x"


def lines_of(
    a: str, b: str, rows: list[Row], crossings: list[Row], width: int = PIPE_WIDTH
) -> Iterator[str]:
    """Lines of a comparison: what is compared, a block for each place, crossovers, remarks.

    Parameters
    ----------
    a, b : str
        Names of what is compared.
    rows : list of dict
        As in ``comparisons`` of a results document.
    crossings : list of dict
        As its ``crossovers``.
    width : int
        Columns of the console: in a narrow one a row's name has a line of its own.
    """
    names = [f"{_threads(row)}.{row['metric']}" for row in rows]
    values = [(_value(row, "a"), _value(row, "b")) for row in rows]
    side = max((len(text) for pair in values for text in pair), default=0)
    used = 2 * side + CHANGE + 4
    own_line = used + 2 + max(map(len, names), default=0) > width
    stacked = used > width
    yield from _heads(a, b, 0 if stacked else side)
    title = ""
    for row, name, (first, second) in zip(rows, names, values, strict=True):
        if (place := _place(row)) != title:
            title = place
            yield f"  {title}:"
        if own_line:
            yield f"{name}:"
        if stacked:
            yield from (f"  A {first}", f"  B {second}", f"  {change(row)}")
            continue
        line = f"{first:>{side}}  {change(row):^{CHANGE}}  {second:>{side}}"
        yield line.rstrip() if own_line else f"{line}  {name}"
    yield ""
    yield from _crossover_lines(a, b, crossings)
    if any(row[side]["ci95"] for row in rows for side in "ab" if row[side] is not None):
        yield "± and [ ]: 95 % interval of the typical run, the median over replications"
    yield from _remarks(rows)


def _heads(a: str, b: str, side: int) -> Iterator[str]:
    """What the columns are; a name that is too long for its column comes before the table."""
    if max(len(a), len(b)) > side:
        yield f"A = {a}"
        yield f"B = {b}"
        a, b = "A", "B"
    if side:
        yield f"{a:>{side}}  {'change':^{CHANGE}}  {b:>{side}}"
        yield f"{'-' * side}  {'-' * CHANGE}  {'-' * side}"


def _crossover_lines(a: str, b: str, crossings: list[Row]) -> Iterator[str]:
    """Where one overtakes the other: a line for all metrics of a place of which it is the same."""
    metrics: dict[tuple[str, str], list[str]] = {}
    for entry in crossings:
        key = (_place(entry), crossover_word(entry, a, b))
        metrics.setdefault(key, []).append(entry["metric"])
    for (place, word), names in metrics.items():
        yield f"crossover of {', '.join(names)}, {place}: {word}"


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
        words.append(f"{first} overtakes {second} {bracket_word(one)}")
    return "; ".join(words)


def bracket_word(one: Row) -> str:
    """Between which simulated numbers of threads; the interpolated one never without them."""
    low, high = one["between"]
    return f"between {low} and {high} threads (interpolated: {one['threads']:.3g})"


def _remarks(rows: list[Row]) -> Iterator[str]:
    yield f"change: {ratio_words(rows)}"
    if any(not row["paired"] for row in rows):
        yield "warning: seeds differ: nothing is paired, and intervals are wider than necessary"
    wide = [row for row in rows if row["ratio"] is not None and not row.get("resolved", True)]
    wide = [row for row in wide if together(row) is not None]
    if wide:
        yield (
            f"{UNRESOLVED}, at least, at most: the interval extends more than a factor of 4 from"
            f" its ratio ({len(wide)} of {len(rows)} comparisons)"
        )
    missing = [why for row in rows if (why := _why_missing(row))]
    for reason in dict.fromkeys(missing):
        yield f"{UNKNOWN} {reason} ({missing.count(reason)} of {len(rows)} comparisons)"


def ratio_words(rows: list[Row]) -> str:
    """What a change is, and of which family of intervals its own is one."""
    sizes = sorted({row["n"] for row in rows if row["ratio"] is not None})
    pairs = " to ".join(map(str, dict.fromkeys((sizes[0], sizes[-1])))) if sizes else "0"
    family = max((row.get("family") or 0 for row in rows), default=0)
    if family > 1:
        held = f"95 % intervals that hold for all {family} comparisons together (Bonferroni)"
    else:
        held = "95 % interval"
    methods = dict.fromkeys(
        row["method"].partition(",")[0]
        for row in rows
        if row.get("method") and row["ratio"] is not None and together(row) is not None
    )
    by = f", {' or '.join(methods)}" if methods else ""
    return (
        f"median ratio of {pairs} pairs of replications with common random numbers; {held}{by};"
        f" {NOT_SIGNIFICANT} not significant: 1 is inside"
    )


def _why_missing(row: Row) -> str | None:
    """Why there is no ratio: what its point says of the number, else what the ratio says."""
    if row["ratio"] is not None:
        return None if together(row) is not None else row.get("reason")
    for side in ("a", "b"):
        estimate = row[side]
        if estimate is not None and estimate["mean"] is None and estimate.get("reason"):
            return "one scheme has no number there: see its point"
    return row.get("reason")


COMPARED = columns_of(View.RESULTS)


def summary_lines(document: dict[str, Any], width: int = PIPE_WIDTH) -> Iterator[str]:
    """Compare each scheme of a run with the first one, at every number of threads.

    Parameters
    ----------
    document : dict
        As ``dessim run --format json`` prints it.
    width : int
        Columns of the console: in a narrow one each metric has a table of its own.
    """
    comparisons = document.get("comparisons", [])
    if not comparisons:
        return
    base = comparisons[0]["a"]
    states: dict[tuple[Any, ...], dict[str, str]] = {}
    for point in document["points"]:
        key = _key(point, point["threads"])
        states.setdefault(key, {})[scheme_label(point)] = _state(point)
    if not any(word for words in states.values() for word in words.values()):
        states = {}
    for one in comparisons:
        if one["a"] == base:
            yield from _block(one, states, width)
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


def _state(point: Row) -> str:
    """Flags that make all numbers doubtful, and whether the wanted precision is met."""
    words = [flag for flag in flags_of(point) if flag in MARKED]
    asked = point.get("precision") or {}
    missed = [heading_of(name) for name, one in asked.items() if not one["met"]]
    if asked:
        words.append(f"not met: {', '.join(missed)}" if missed else "met")
    return ", ".join(words)


def _block(one: Row, states: dict[tuple[Any, ...], dict[str, str]], width: int) -> Iterator[str]:
    """The compact table of one pair of schemes."""
    places: dict[str, dict[int, dict[str, Row]]] = {}
    for row in one["rows"]:
        places.setdefault(_place(row), {}).setdefault(row["threads"], {})[row["metric"]] = row
    yield f"A = {one['a']}, B = {one['b']}"
    heads = [f"{'threads':>9}"]
    for metric in COMPARED:
        word = metric.heading
        heads.append(f"{word + ' A':>9}  {word + ' B':>9}  {'B to A, paired':<26}")
    if states:
        heads.append("flags, precision")
    for place, by_threads in places.items():
        yield f"  {place}"
        lines = [heads]
        for threads, rows in sorted(by_threads.items()):
            words = states.get(_key(rows[COMPARED[0].name], threads), {})
            known = [(side, words.get(one[side.lower()], "")) for side in "AB"]
            state = "; ".join(f"{side} {text}" for side, text in known if text)
            lines.append([*_cells(rows, threads), *([state] if states else [])])
        yield from _fitting(lines, width)
        for entry in one["crossovers"]:
            if _place(entry) == place:
                where = crossover_word(entry, one["a"], one["b"])
                yield f"  crossover of {entry['metric']}: {where}"


def _fitting(lines: list[list[str]], width: int) -> Iterator[str]:
    """Lines of a table if it fits; else those of one table for each part, with the first one."""
    whole = ["  ".join(parts).rstrip() for parts in lines]
    if max(map(len, whole)) <= width:
        yield from whole
        return
    for i in range(1, len(lines[0])):
        yield from (f"{parts[0]}  {parts[i]}".rstrip() for parts in lines)


def _cells(rows: dict[str, Row], threads: int) -> list[str]:
    """Parts of a line of such a table: both numbers of each metric, and the change."""
    cells = [f"{threads:>9}"]
    for metric in COMPARED:
        row = rows[metric.name]
        form = form_of(metric)
        both = []
        for side in ("a", "b"):
            mean = None if row[side] is None else row[side]["mean"]
            both.append(f"{UNKNOWN if mean is None else form(mean):>9}")
        cells.append("  ".join([*both, f"{change(row):<26}"]))
    return cells


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
            ends_text = "" if ends is None else f" [{ends[0]:.3g}, {ends[1]:.3g}]"
            ends_text = " (its bound)" if ends is None and not estimate["mean"] else ends_text
            words.append(f"{name} {estimate['mean']:.3g}{ends_text}")
        where = f"{one['scheme']}, {_place(one)}"
        yield f"  {one['law']:<6} {', '.join(words)}, error {one['error_rms'] * 100:.0f}%: {where}"
