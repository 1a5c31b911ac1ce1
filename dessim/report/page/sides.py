"""Several stored results side by side: which point of one is which of another, and how it moved."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from dessim.metrics import BY_NAME, FAULTS_RATE, PAGES_RATE, Metric, View, latencies_of
from dessim.report.common.format import scheme_of
from dessim.report.common.results import Point, ReportError, Results

Entry = dict[str, Any]
Key = tuple[str, ...]
TOUCHES_RATE = "touches_per_s"
ALIKE, APART, UNSURE, SAME = "alike", "apart", "unsure", "same"
"""Whether two intervals touch, or one is missing, or both numbers are the very same."""


@dataclass(frozen=True)
class Side:
    """One of the results.

    Attributes
    ----------
    letter, name : str
        What it is called in tables and figures; the folder, as far as it differs from the others.
    results : Results
    configuration : dict or None
    """

    letter: str
    name: str
    results: Results
    configuration: Entry | None

    @property
    def points(self) -> list[Point]:
        """Points that have numbers."""
        return [point for point in self.results.document["points"] if point["metrics"]]


@dataclass(frozen=True)
class Matched:
    """The same point in all results that have it.

    Attributes
    ----------
    place : tuple of str
        Values of what points differ in, besides scheme and threads.
    scheme : str
    threads : int
    points : tuple of dict or None
        One for each side.
    """

    place: Key
    scheme: str
    threads: int
    points: tuple[Point | None, ...]

    def estimates(self, metric: str) -> list[Entry | None]:
        """The metric in each of the results; None where there is no number."""
        found = [(point or {}).get("metrics", {}).get(metric) for point in self.points]
        return [one if one and one["mean"] is not None else None for one in found]

    def ratio(self, metric: str) -> float | None:
        """Last over first; None unless both have a number."""
        first, *_, last = self.estimates(metric)
        return None if not first or not last or not first["mean"] else last["mean"] / first["mean"]

    def verdict(self, metric: str) -> str:
        """How first and last lie to each other."""
        first, *_, last = self.estimates(metric)
        if not first or not last:
            return UNSURE
        if first["mean"] == last["mean"] and first["ci95"] == last["ci95"]:
            return SAME
        if not first["ci95"] or not last["ci95"]:
            return UNSURE
        apart = first["ci95"][1] < last["ci95"][0] or last["ci95"][1] < first["ci95"][0]
        return APART if apart else ALIKE


@dataclass(frozen=True)
class Matching:
    """All points of some results, those of the same name together.

    Attributes
    ----------
    keys : tuple of str
        What places differ in: `workload`, `machine`, `order`, swept keys. What each of the results
        has one value of, and is another, is no key: points are matched across it.
    matched : list of Matched
    """

    keys: Key
    matched: list[Matched]

    @property
    def metrics(self) -> list[Metric]:
        """What is compared: a rate, and quantiles of the latency."""
        rates = (BY_NAME[name] for name in (PAGES_RATE, FAULTS_RATE, TOUCHES_RATE))
        found = [next((m for m in rates if self._has(m.name)), None), *latencies_of(View.FIGURE)]
        return [metric for metric in found if metric and self._has(metric.name)]

    def _has(self, metric: str) -> bool:
        return any(one and one["mean"] for m in self.matched for one in m.estimates(metric))


def sides_of(folders: Sequence[Path], all_results: Sequence[tuple[Results, Any]]) -> list[Side]:
    """Give results letters, and the names by which their folders differ."""
    names = _short([folder.absolute().parts for folder in folders])
    letters = [
        (ascii_uppercase[i // 26 - 1] if i >= 26 else "") + ascii_uppercase[i % 26]
        for i in range(len(folders))
    ]
    sides = zip(letters, names, all_results, strict=True)
    return [Side(letter, name, *both) for letter, name, both in sides]


def _short(paths: Sequence[tuple[str, ...]]) -> list[str]:
    """As many parts from the end as distinguish all paths."""
    longest = max(len(path) for path in paths)
    for n in range(1, longest + 1):
        if len({path[-n:] for path in paths}) == len(set(paths)):
            break
    return ["/".join(path[-n:]) for path in paths]


def match(sides: Sequence[Side]) -> Matching:
    """Find for each point its like in the other results.

    Raises
    ------
    ReportError
        If no point is in two of them.
    """
    readers = {key: read for key, read in _readers(sides) if _tells_apart(sides, read)}
    rows: dict[tuple[Key, str, int], list[Point | None]] = {}
    for at, side in enumerate(sides):
        for point in side.points:
            place = tuple(read(point) for read in readers.values())
            key = (place, scheme_of(point), point["threads"])
            rows.setdefault(key, [None] * len(sides))[at] = point
    if not any(sum(point is not None for point in row) > 1 for row in rows.values()):
        raise ReportError(
            "no point is in two of these results: they have no scheme and number of threads in"
            " common, or differ in what they sweep"
        )
    matched = [Matched(*key, tuple(points)) for key, points in rows.items()]
    return Matching(tuple(readers), matched)


def _readers(sides: Sequence[Side]) -> Iterator[tuple[str, Callable[[Point], str]]]:
    """What points can differ in besides scheme and threads, and how to read it."""
    yield "workload", lambda point: str(point["workload"])
    yield "machine", lambda point: str(point["machine"])
    yield "order", lambda point: str(point["fault_around_order"])
    points = [point for side in sides for point in side.points]
    for key in dict.fromkeys(key for point in points for key in point["parameters"]):
        yield key, lambda point, key=key: str(point["parameters"].get(key, ""))  # type: ignore[misc]


def _tells_apart(sides: Sequence[Side], read: Callable[[Point], str]) -> bool:
    """Whether points of one of the results differ in this."""
    return any(len({read(point) for point in side.points}) > 1 for side in sides)


def mean_ratios(matching: Matching, metric: str, scheme: str) -> list[float]:
    """Geometric mean of each of the results over the first, over points that all have."""
    rows = [m.estimates(metric) for m in matching.matched if m.scheme == scheme]
    full = [[one["mean"] for one in row if one] for row in rows]
    full = [row for row, all_ in zip(full, rows, strict=True) if len(row) == len(all_) and min(row)]
    if not full:
        return []
    return [
        math.exp(sum(math.log(row[i] / row[0]) for row in full) / len(full))
        for i in range(len(full[0]))
    ]
