"""The table that a person reads in a terminal: one row per point."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

from dessim.metrics import BY_NAME, METRICS, Metric, Topic, View, columns_of, events_of
from dessim.report.common.format import (
    UNKNOWN,
    amount,
    form_of,
    percent,
    plus_minus,
    scheme_of,
)
from dessim.report.text.comparison import summary_lines

Point = dict[str, Any]
Column = tuple[str, Callable[[Point], str]]
PIPE_WIDTH = 250
"""Columns of a line when nobody's terminal is there to wrap it."""


def _metric(name: str, form: Callable[[float], str]) -> Callable[[Point], str]:
    def cell(point: Point) -> str:
        estimate = point["metrics"].get(name)
        if estimate is None or estimate["mean"] is None:
            return UNKNOWN
        return f"{form(estimate['mean'])} {plus_minus(estimate)}".strip()

    return cell


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


def _columns(view: View) -> tuple[Column, ...]:
    return tuple((one.heading, _metric(one.name, form_of(one))) for one in columns_of(view))


def _beside(metric: Metric) -> tuple[Column, ...]:
    """A metric, what was measured, and how far it is from that."""
    return (
        (metric.heading, _metric(metric.name, form_of(metric))),
        ("measured", _of("measured", metric.name, form_of(metric))),
        ("error", _of("error", metric.name, percent)),
    )


SIMULATED = _columns(View.RUN)
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
    stream = file or sys.stdout
    console = Console(
        file=stream,
        width=None if stream.isatty() else PIPE_WIDTH,
        highlight=False,
        emoji=False,
        markup=False,
    )
    for title, points in _groups(document["points"]):
        console.print(title, style="bold", soft_wrap=True)
        console.print(_table(points, document))
        counts = _counts(points)
        if counts:
            console.print()
            console.print(counts)
        console.print()
    for line in summary_lines(document):
        console.print(line, soft_wrap=True)
    for line in _remarks(document):
        console.print(line, soft_wrap=True)


def _groups(points: list[Point]) -> Iterator[tuple[str, list[Point]]]:
    """Points of one workload, machine and set of other parameters, under their heading."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        words = [f"{point['workload']} on {point['machine']}"]
        swept = point["parameters"].items()
        words += [f"{key} {value}" for key, value in swept if key != "simulate"]
        if point["scaled"]:
            words.append(f"scaled from {_bytes(point['simulated_bytes'])} per thread")
        groups.setdefault(", ".join(words), []).append(point)
    for title, group in groups.items():
        yield title, sorted(group, key=lambda p: (p["threads"], p["fault_around_order"]))


def _bytes(n: int) -> str:
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if n >= 1 << shift and n % (1 << shift) == 0:
            return f"{n >> shift} {unit}"
    return f"{n} B"


def _table(points: list[Point], document: dict[str, Any]) -> Table:
    return _filled(points, KEYS + (BESIDE if "measured" in document else SIMULATED))


def _counts(points: list[Point]) -> Table | None:
    """Events of actors, device, munmap and run queues, if the workload has any of these.

    BUG_ONs that did not fire are told, too, wherever somebody could have run into one.
    """
    queues = any(point.get("time_share", {}).get("run_queue", 0) > 0 for point in points)
    if not queues and not any(_mean(point, name) for point in points for name in REVEALING):
        return None
    invalidated = any(_mean(point, "invalidations") for point in points)
    shown = [
        (one.heading, _count(one.name))
        for one in COUNTS
        if any(_mean(point, one.name) for point in points)
        or (invalidated and one.topic is Topic.BUG)
    ]
    return _filled(points, (*KEYS, *shown))


def _mean(point: Point, name: str) -> float:
    return point["metrics"].get(name, {}).get("mean") or 0.0


def _count(name: str) -> Callable[[Point], str]:
    return lambda point: amount(_mean(point, name))


def _filled(points: list[Point], chosen: tuple[Column, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for index, (name, _) in enumerate(chosen):
        table.add_column(name, justify="left" if index == 0 else "right", no_wrap=True)
    for point in points:
        table.add_row(*(cell(point) for _, cell in chosen))
    return table


def _remarks(document: dict[str, Any]) -> Iterator[str]:
    """What must be known to read the table, each thing once."""
    points = document["points"]
    counts = sorted({point["replications"] for point in points})
    if counts and counts[-1] > 1:
        told = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
        yield f"± 95 % interval over {told} replications (docs/statistics.md)"
    else:
        yield "one replication: intervals of rates only, from batches inside the run"
    shown = columns_of(View.MEASURED if "measured" in document else View.RUN)
    reasons = [
        estimate["reason"]
        for point in points
        for metric in shown
        if (estimate := point["metrics"].get(metric.name, {})).get("reason")
    ]
    if reasons:
        times = f", {len(reasons)} times; first" if len(reasons) > 1 else ""
        yield f"{UNKNOWN} not supported by the sample{times}: {reasons[0]}"
    for note in dict.fromkeys(note for point in points for note in point["notes"]):
        n = sum(note in point["notes"] for point in points)
        yield f"note: {note} ({n} of {len(points)} points)"
    yield from _measured_remarks(document)


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
