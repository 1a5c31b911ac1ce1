"""More numbers of threads where two schemes cross: the tool spends runs inside the brackets.

A crossover is known to lie between two simulated numbers of threads (``statistics.brackets``). A
number in their middle makes the bracket half as wide, on a logarithmic scale, if it is
significantly on either side; what it says belongs to the results like any other point.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dessim.measure.statistics.brackets import threads_between
from dessim.model import Experiment, Point
from dessim.model.growth import cap_bytes, first_bytes
from dessim.study.sweep.compare import place_of, scheme_label

Entry = dict[str, Any]


def points_inside(
    document: Entry, points: Sequence[Point], experiment: Experiment
) -> tuple[Point, ...]:
    """Return points with further numbers of threads, one inside each bracket of a document.

    Parameters
    ----------
    document : dict
        Results of ``points``, in their order.
    points : sequence of Point
        As resolved, not as grown.
    experiment : Experiment

    Returns
    -------
    tuple of Point
        Of both schemes that cross. Empty: nothing crosses, or all numbers inside are known.
    """
    wanted: dict[tuple[str, tuple[Any, ...], int], Point] = {}
    known: dict[tuple[str, tuple[Any, ...]], dict[int, Point]] = {}
    for entry, point in zip(document["points"], points, strict=True):
        known.setdefault((scheme_label(entry), place_of(entry)), {})[point.threads] = point
    for pair in document["comparisons"]:
        for crossed in pair["crossovers"]:
            place = place_of(crossed)
            both = [known[pair[side], place] for side in ("a", "b")]
            there = sorted(set(both[0]) & set(both[1]))
            for one in crossed["crossovers"]:
                low, high = one["between"]
                threads = threads_between(low, high, there)
                if threads is None:
                    continue
                for side, own in zip(("a", "b"), both, strict=True):
                    if threads not in own:
                        new = with_threads(own[low], threads, experiment)
                        wanted[pair[side], place, threads] = new
    return tuple(wanted.values())


def with_threads(point: Point, threads: int, experiment: Experiment) -> Point:
    """Return a point with another number of threads, simulated as the experiment says."""
    workload = point.workload.model_copy(update={"threads": threads})
    changed: Entry = {"threads": threads, "workload": workload}
    if point.simulate_cap_bytes is not None:
        cap = cap_bytes(workload, threads, experiment.simulate_cap_bytes)
        changed |= {"simulate_cap_bytes": cap, "simulate_bytes": first_bytes(workload, cap)}
    return point.model_copy(update=changed)


def merged(points: Sequence[Point], more: Sequence[Point]) -> tuple[Point, ...]:
    """Put new points among others: each behind the last of its place with no more threads."""
    found = list(points)
    for new in sorted(more, key=lambda point: point.threads):
        alike = [i for i, old in enumerate(found) if _kind(old) == _kind(new)]
        fewer = [i for i in alike if found[i].threads <= new.threads]
        found.insert(fewer[-1] + 1 if fewer else alike[0], new)
    return tuple(found)


def _kind(point: Point) -> tuple[object, ...]:
    """All of a point but its scheme and its number of threads."""
    swept = tuple((key, str(value)) for key, value in point.parameters.items())
    return (point.workload.name, point.machine.name, point.fault_around_order, swept)
