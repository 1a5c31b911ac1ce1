"""The table that a person reads in a terminal: one row per point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

from dessim.metrics import BY_NAME, EVENTS, METRICS, Metric, Topic, View, columns_of, events_of
from dessim.model.held_against import held_against_line
from dessim.report.common.answer import answer_lines
from dessim.report.common.doubts import (
    flag_lines,
    flags_of,
    mixture_lines,
    note_lines,
    one_kind_line,
    precision_lines,
    refusals,
    runs_alike,
    simulated_word,
    size_line,
    sizes_differ,
    telling_flags,
    with_averages,
)
from dessim.report.common.format import (
    NO_INTERVAL,
    UNKNOWN,
    amount,
    estimate_text,
    form_of,
    is_lock_loop,
    percent,
    scheme_of,
)
from dessim.report.text.comparison import summary_lines
from dessim.report.text.console import console_for, say
from dessim.report.text.table import new_table, print_fitting, table_width

Point = dict[str, Any]
Column = tuple[str, Callable[[Point], str]]


def _metric(name: str, form: Callable[[float], str]) -> Callable[[Point], str]:
    return lambda point: estimate_text(point["metrics"].get(name), form, alike=runs_alike(point))


def _of(part: str, name: str, form: Callable[[float], str]) -> Callable[[Point], str]:
    def cell(point: Point) -> str:
        value = point.get(part, {}).get(name)
        doubt = "?" if part == "error" and point["measured"].get("doubtful") else ""
        return "" if value is None else form(value) + doubt

    return cell


def _key(name: str) -> Callable[[Point], str]:
    return lambda point: str(point[name])


KEYS: tuple[Column, ...] = (
    ("scheme", scheme_of),
    ("threads", _key("threads")),
    ("order", _key("fault_around_order")),
)


def _beside(metric: Metric) -> tuple[Column, ...]:
    """A metric, what was measured, and how far it is from that."""
    return (
        (metric.heading, _metric(metric.name, form_of(metric))),
        ("measured", _of("measured", metric.name, form_of(metric))),
        ("error", _of("error", metric.name, percent)),
    )


SIZES: Column = ("simulated", simulated_word)
FLAGS_HEADING = "flags"
BESIDE = tuple(column for metric in columns_of(View.MEASURED) for column in _beside(metric))
COUNTS = events_of(View.RUN)
"""Columns of a second table, of events that only some workloads know."""
REVEALING = tuple(metric.name for metric in METRICS if metric.reveals)
"""Counts without which there is no second table."""


def print_table(document: dict[str, Any], file: TextIO | None = None) -> None:
    """Print the results of an experiment.

    Parameters
    ----------
    document : dict
        As ``dessim run --format json`` prints it.
    file : text stream
        Standard output if left out. No colours unless it is a terminal, or with NO_COLOR.
    """
    console = console_for(file)
    shown = _shown(document)
    for title, points in _groups(document["points"]):
        say(console, title, "bold")
        print_fitting(console, _fitting(points, document, console), keys=len(KEYS))
        size = size_line(points, shown)
        if size is not None:
            say(console, size)
        counts = _counts(points)
        if counts:
            console.print()
            print_fitting(console, counts, keys=len(KEYS))
        console.print()
    for line in summary_lines(document, console.width):
        say(console, line)
    for line in _remarks(document):
        say(console, line)
    answers = answer_lines(document)
    if answers:
        console.print()
    for line in answers:
        say(console, line, "bold")


def _shown(document: dict[str, Any]) -> tuple[Metric, ...]:
    return columns_of(View.MEASURED if "measured" in document else View.RUN)


def _groups(points: list[Point]) -> Iterator[tuple[str, list[Point]]]:
    """Points of one workload, machine and set of other parameters, under their heading.

    Sizes are no part of it: `simulate: auto` gives each scheme its own, and schemes belong next to
    each other.
    """
    groups: dict[str, list[Point]] = {}
    for point in points:
        words = [f"{point['workload']} on {point['machine']}"]
        swept = point["parameters"].items()
        words += [f"{key} {value}" for key, value in swept if key != "simulate"]
        groups.setdefault(", ".join(words), []).append(point)
    for title, group in groups.items():
        yield title, sorted(group, key=_place)


def _place(point: Point) -> tuple[int, int, int]:
    swept = point["simulated_bytes"] if "simulate" in point["parameters"] else 0
    return point["threads"], point["fault_around_order"], swept


def _fitting(points: list[Point], document: dict[str, Any], console: Console) -> Table:
    """The table of some points; in a narrow console intervals go below their numbers.

    Flags are left to the lines below then.
    """
    wide = _filled(points, _chosen(points, document, telling_flags(points)))
    if table_width(wide) <= console.width:
        return wide
    return _filled(points, _chosen(points, document, set()), narrow=True)


def _chosen(points: list[Point], document: dict[str, Any], flags: set[str]) -> tuple[Column, ...]:
    columns = [*KEYS, *([SIZES] if sizes_differ(points) else [])]
    if "measured" in document:
        columns += BESIDE
    else:
        shown = with_averages(columns_of(View.RUN), points)
        turns = all(map(is_lock_loop, points))
        for one in shown:
            heading = one.heading.replace("faults", "turns") if turns else one.heading
            columns.append((heading, _metric(one.name, form_of(one))))
    if flags:
        columns.append((FLAGS_HEADING, lambda point: _some_flags(point, flags)))
    return tuple(columns)


def _some_flags(point: Point, wanted: set[str]) -> str:
    return " ".join(flag for flag in flags_of(point) if flag in wanted)


def _counts(points: list[Point]) -> Table | None:
    """Events of actors, device, munmap and run queues, if the workload has any of these.

    BUG_ONs that did not fire are shown, too, wherever somebody could have run into one.
    """
    queues = any(point.get("time_share", {}).get("run_queue", 0) > 0 for point in points)
    if not queues and not any(_mean(point, name) for point in points for name in REVEALING):
        return None
    invalidated = any(_mean(point, "invalidations") for point in points)
    shown = [
        (one.heading, _event(one))
        for one in COUNTS
        if any(_mean(point, one.name) for point in points)
        or (invalidated and one.topic is Topic.BUG)
    ]
    return _filled(points, (*KEYS, *shown))


def _mean(point: Point, name: str) -> float:
    return point["metrics"].get(name, {}).get("mean") or 0.0


def _event(metric: Metric) -> Callable[[Point], str]:
    """Write a count as an amount, a latency of a system call with its interval."""
    return _count(metric.name) if metric.unit == EVENTS else _metric(metric.name, form_of(metric))


def _count(name: str) -> Callable[[Point], str]:
    """Write a count as an amount; a point that has none, because it cannot be scaled, says so."""

    def cell(point: Point) -> str:
        found = point["metrics"].get(name)
        return UNKNOWN if found and found["mean"] is None else amount(_mean(point, name))

    return cell


def _filled(points: list[Point], chosen: tuple[Column, ...], *, narrow: bool = False) -> Table:
    table = new_table(*(name for name, _ in chosen))
    for point in points:
        cells = [cell(point) for _, cell in chosen]
        if narrow:
            cells = [text.replace(" ±", "\n±").replace(" [", "\n[") for text in cells]
        table.add_row(*cells)
    return table


def _remarks(document: dict[str, Any]) -> Iterator[str]:
    """What must be known to read the table, each thing once."""
    points, shown = document["points"], _shown(document)
    counts = sorted({point["replications"] for point in points})
    if counts and counts[-1] > 1:
        runs = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
        yield (
            f"± 95 % interval of the typical run, the median over {runs} replications"
            " (docs/statistics.md)"
        )
    else:
        yield "one replication: intervals of rates only, from batches inside the run"
    if any("[" in text for text in _cells(points, shown)):
        yield "[a, b] such an interval in full, where ± would not be true"
    for mark, number in ((UNKNOWN, False), (NO_INTERVAL, True)):
        for times, where, reason in refusals(points, shown, number=number):
            like_it = f" (the first of {times} like it)" if times > 1 else ""
            yield f"{mark} {where}: {reason}{like_it}"
    yield from flag_lines(points)
    yield from precision_lines(points)
    yield from mixture_lines(points)
    one_kind = one_kind_line(points)
    if one_kind is not None:
        yield one_kind
    for note in note_lines(points):
        yield f"note: {note}"
    real = [point for point in points if not is_lock_loop(point)]
    machines = (point["machine"] for point in points)
    yield held_against_line(machines, (point["scheme"] for point in real))
    yield from _measured_remarks(document)


def _cells(points: list[Point], shown: tuple[Metric, ...]) -> Iterator[str]:
    for point in points:
        for metric in shown:
            yield _metric(metric.name, form_of(metric))(point)


def _measured_remarks(document: dict[str, Any]) -> Iterator[str]:
    measured = document.get("measured")
    if measured is None:
        return
    for metric, by_workload in measured["mean_absolute_error"].items():
        each = [
            f"{name} {entry['ratio'] * 100:.1f}% (n={entry['points']})"
            for name, entry in by_workload.items()
        ]
        if each:
            yield f"mean |error| of {BY_NAME[metric].heading}: {', '.join(each)}"
    if any(point.get("measured", {}).get("doubtful") for point in document["points"]):
        yield "? a doubtful measurement, left out of the mean"
    yield f"measured: {measured['source']}"
