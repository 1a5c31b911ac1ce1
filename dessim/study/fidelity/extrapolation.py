"""How much less sure a prediction is, the farther it is from what was measured.

What a model gets wrong drifts with the number of threads. How fast is seen by leaving out: keep the
cells of a workload up to some number of threads (refit to them, if numbers were fitted at all), and
look at those with more. The drift of a cell is its logarithmic error less that of the same order at
the most threads that were kept.

* Law: the mean square of the drift grows in proportion to ln(threads / largest kept), like a random
  walk over doublings. In the table of 2014 it is not less from 8 to 32 threads than from 1 to 32,
  so that nothing speaks for the square of the distance. Below the distances that it is taken
  from, the proportional law is also the more careful one.
* Size: one slope for all workloads, since each has one or two left-out numbers of threads: sum of
  mean squares over sum of distances. All cells of a workload with the same threads count as one
  observation, because they are wrong together. The slope is raised to its upper 80 % limit,
  degrees × slope / chi-square(20 %): workloads differ by a factor of seven, and from so few
  observations that depend on each other Student's quantile alone covers 93 %, not 95, where drift
  is all there is (and 98 % with the limit; ``tests/study/test_extrapolation.py`` measures it). The
  noise of both measurements is in it.
* Degrees of freedom: one for each left-out number of threads of a workload. Variances of different
  degrees are put together by Welch and Satterthwaite, never to more degrees than without this.

Orders between or beyond those that were measured, and workloads that were not measured, have a
variance of their own, found in the same way: from one measured order to the next, and from the
other workloads to one that is left out.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from dessim.model import LeftOut, Machine
from dessim.model.published import Key
from dessim.model.units import PPM
from dessim.study.fidelity.validation import FAULTS, SECONDS
from dessim.study.fidelity.variances import Growth, Observation, Term, growth_of

MIN_GROUPS = 3
"""With fewer observations than these, those of the literature are added."""
LITERATURE = Path(__file__).with_name("literature.csv")
"""Errors of ivybridge-ex-4s, where nothing is fitted, in the table of 2014. They speak for profiles
whose record does not hold their own, and are pooled with too few others. Written by
`python experiments/fidelity.py --literature` from the expected numbers of the figure
`published_table`; a test holds it to them."""
CROWDED_SPREAD = 0.09
"""Standard deviation of ln(seconds) from run to run where as many threads run as there are cores,
or more: other work and the kernel's own find no idle core. From the table of 2014, sequential reads
with 32 threads at orders 4, 5, 7 and 9: 10.18, 11.84, 9.59 and 9.93 s. In the simulation they fall
by 4 % from the first to the last; what goes up by 15 % and down again is none of the order's. With
8 threads it is 3 %. No more repetitions are published, and none with every CPU busy."""
CROWDED_DEGREES = 3

Entry = dict[str, Any]


@lru_cache
def literature() -> tuple[Entry, ...]:
    """Cells with the errors of ``LITERATURE``; quantities without an error were refused."""
    with LITERATURE.open(newline="", encoding="utf-8") as file:
        return tuple(
            {
                "workload": row["workload"],
                "threads": int(row["threads"]),
                "fault_around_order": int(row["fault_around_order"]),
                "doubtful": row["doubtful"],
                **{
                    name: {"log_error": float(row[name]) if row[name] else None}
                    for name in (SECONDS, FAULTS)
                },
            }
            for row in csv.DictReader(file)
        )


@dataclass(frozen=True)
class Distance:
    """How far a cell is from those that were measured.

    Attributes
    ----------
    threads : float
        ln(threads / largest measured number of threads of the workload), or of the smallest over
        threads; 0 in between.
    order : int
        Steps to the nearest measured order.
    workloads : int
        1 if its workload was not measured.
    """

    threads: float
    order: int
    workloads: int


@dataclass(frozen=True)
class Growths:
    """What each kind of distance adds."""

    threads: Growth
    order: Growth
    workloads: Growth

    def over(self, distance: Distance) -> list[Term]:
        """The variances at a distance; none for what is not distant."""
        parts = (
            (self.threads, distance.threads),
            (self.order, distance.order),
            (self.workloads, distance.workloads),
        )
        return [growth.over(far) for growth, far in parts if far > 0]


@dataclass(frozen=True)
class Error:
    """The logarithmic error of one measured cell."""

    workload: str
    threads: int
    order: int
    value: float


def errors_of(cells: Iterable[Entry], quantity: str) -> list[Error]:
    """Errors of the cells that are not doubtful."""
    return [
        Error(
            cell["workload"],
            cell["threads"],
            cell.get("fault_around_order", 0),
            cell[quantity]["log_error"],
        )
        for cell in cells
        if not cell["doubtful"] and (cell.get(quantity) or {}).get("log_error") is not None
    ]


def drifts(errors: Sequence[Error], largest: int) -> dict[tuple[str, int], list[float]]:
    """Errors with more threads than were kept, less that of the same order at the most kept.

    An order that was not kept is compared with the mean of all orders of its workload.

    Returns
    -------
    dict
        Workload and number of threads -> the drift of each cell.
    """
    found: dict[tuple[str, int], list[float]] = {}
    for one in errors:
        kept = [e for e in errors if e.workload == one.workload and e.threads <= largest]
        same = [e for e in kept if e.order == one.order] or kept
        if one.threads > largest and same:
            most = max(e.threads for e in same)
            there = [e.value for e in same if e.threads == most]
            drift = one.value - math.fsum(there) / len(there)
            found.setdefault((one.workload, one.threads), []).append(drift)
    return found


def left_out(cells: Sequence[Entry], largest: int, quantity: str = SECONDS) -> list[LeftOut]:
    """What was seen by leaving out more threads than some number.

    Parameters
    ----------
    cells : sequence of dict
        Of a validation, simulated with numbers that no cell with more threads has changed.
    largest : int
        Largest number of threads that was kept.
    quantity : str
        What stands for seconds: curves have a `value`.
    """
    faults = drifts(errors_of(cells, FAULTS), largest)
    kept = {
        name: max(c["threads"] for c in cells if c["workload"] == name and c["threads"] <= largest)
        for name, _ in drifts(errors_of(cells, quantity), largest)
    }
    return [
        LeftOut(
            workload=name,
            largest=kept[name],
            threads=threads,
            cells=len(found),
            seconds=_mean_square(found),
            faults=_mean_square(faults[name, threads]) if (name, threads) in faults else None,
        )
        for (name, threads), found in drifts(errors_of(cells, quantity), largest).items()
    ]


def _mean_square(values: Sequence[float]) -> float:
    return math.fsum(value * value for value in values) / len(values)


def ceilings(threads: Iterable[int]) -> list[int]:
    """Numbers of threads that can be the largest kept: all but the largest of all."""
    return sorted(set(threads))[:-1]


def splits(cells: Sequence[Entry]) -> list[LeftOut]:
    """Every way to leave out the largest numbers of threads where nothing was fitted."""
    every = ceilings(cell["threads"] for cell in cells)
    found = {(o.workload, o.largest, o.threads): o for n in every for o in left_out(cells, n)}
    return list(found.values())


def with_threads(observations: Iterable[LeftOut], quantity: str) -> Growth:
    """Growth with the logarithm of the number of threads."""
    groups: dict[tuple[str, int], list[Observation]] = {}
    for one in observations:
        square = one.faults if quantity == FAULTS else one.seconds
        if square is not None:
            far = math.log(one.threads / one.largest)
            groups.setdefault((one.workload, one.threads), []).append((square, far))
    return growth_of(groups)


def between_orders(cells: Sequence[Entry], quantity: str) -> list[Observation]:
    """Squares of what errors differ from one measured order to the next, and how far they are."""
    rows: dict[tuple[str, int], list[tuple[int, float]]] = {}
    for one in errors_of(cells, quantity):
        rows.setdefault((one.workload, one.threads), []).append((one.order, one.value))
    found = []
    for row in rows.values():
        steps = [(b[0] - a[0], b[1] - a[1]) for a, b in _neighbours(sorted(row)) if b[0] > a[0]]
        if steps:
            far = math.fsum(step for step, _ in steps) / len(steps)
            found.append((_mean_square([change for _, change in steps]), far))
    return found


def _neighbours(row: list[tuple[int, float]]) -> Iterable[tuple[tuple[int, float], ...]]:
    return pairwise(row)


def between_workloads(cells: Sequence[Entry], quantity: str) -> list[Observation]:
    """Squares of what the mean error of a workload differs from that of all others."""
    values: dict[str, list[float]] = {}
    for one in errors_of(cells, quantity):
        values.setdefault(one.workload, []).append(one.value)
    means = {name: math.fsum(row) / len(row) for name, row in values.items()}
    found = []
    for name, mean in means.items():
        others = [value for other, value in means.items() if other != name]
        if others:
            found.append(((mean - math.fsum(others) / len(others)) ** 2, 1.0))
    return found


def growths_of(validation: Entry, machine: Machine) -> dict[str, Growths]:
    """What distances add to the variance of each quantity on a machine.

    Parameters
    ----------
    validation : dict
        Of the machine, on all measured cells.
    machine : Machine
        If it was calibrated, its record shows what fits to few threads got wrong with more.
    """
    cells = validation["cells"] if machine.calibration is None else []
    own = splits(cells) if machine.calibration is None else machine.calibration.left_out or ()
    found = {}
    for quantity in (SECONDS, FAULTS):
        orders = _or_literature(between_orders, cells, quantity)
        workloads = _or_literature(between_workloads, cells, quantity)
        found[quantity] = Growths(
            with_threads(_enough(own, quantity), quantity),
            growth_of(dict(enumerate(orders))),
            growth_of(dict(enumerate(workloads)), less=1),  # against each other
        )
    return found


def _enough(own: Sequence[LeftOut], quantity: str) -> list[LeftOut]:
    """Observations of a quantity, with those of the literature where they are few."""
    known = [one for one in own if quantity != FAULTS or one.faults is not None]
    few = len({(one.workload, one.threads) for one in known}) < MIN_GROUPS
    return [*known, *(splits(literature()) if few else ())]


def _or_literature(
    observe: Callable[[Sequence[Entry], str], list[Observation]],
    cells: Sequence[Entry],
    quantity: str,
) -> list[list[Observation]]:
    """Observations one by one, with those of the literature where they are few."""
    own = observe(cells, quantity)
    few = len(own) < MIN_GROUPS
    return [[one] for one in (*own, *(observe(literature(), quantity) if few else ()))]


def distance_of(key: Key, cells: Sequence[Entry]) -> Distance:
    """How far a cell is from those of a validation.

    A workload that was not measured is as far in threads as it would be from the workload that was
    measured with the fewest.
    """
    workload, _, threads, order = key
    errors = errors_of(cells, SECONDS)
    own = [one for one in errors if one.workload == workload]
    orders = {one.order for one in own or errors}
    far = [
        _beyond(threads, [one.threads for one in errors if one.workload == name])
        for name in ({workload} if own else {one.workload for one in errors})
    ]
    return Distance(
        max(far, default=0.0),
        min((abs(order - known) for known in orders), default=0),
        0 if own else 1,
    )


def _beyond(threads: int, measured: Sequence[int]) -> float:
    return max(math.log(threads / max(measured)), math.log(min(measured) / threads), 0.0)


def scheduler_terms(machine: Machine, threads: int) -> list[Term]:
    """What other work and uneven placement do to a measured run, in ln(seconds).

    From as many threads as cores on, ``CROWDED_SPREAD``. While there are siblings left, the
    scheduler may put two threads on one core although the simulation does not: the run is longer by
    anything from nothing to the slow-down of a sibling, uniformly, as for open numbers.
    """
    topology = machine.topology
    if threads < topology.n_cores:
        return []
    found = [Term(CROWDED_SPREAD**2, CROWDED_DEGREES)]
    if threads < topology.n_cpus:
        found.append(Term(math.log(machine.smt.user_slowdown_ppm / PPM) ** 2 / 12, math.inf))
    return found
