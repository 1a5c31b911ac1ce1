"""Between which numbers of threads one scheme overtakes another.

A crossover is reported only where the ratio is significantly on one side of 1 at one simulated
number of threads and significantly on the other at a later one. Between the two the ratio goes
through 1, however it bends: these two numbers are the interval. Identical schemes cross each other
again and again in their means, and have none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from dessim.measure.statistics.ratios import LEVEL, median_test
from dessim.measure.statistics.typical import median

METHOD = (
    "significantly on different sides of 1 at both simulated numbers of threads, all simulated"
    " numbers together at 5 %"
)


@dataclass(frozen=True)
class Bracket:
    """Where the ratio of two schemes goes through 1.

    Attributes
    ----------
    low, high : int
        Simulated numbers of threads, between which it does: the 95 % interval.
    threads : float
        Interpolated between medians inside the interval; how the ratio bends there is not known,
        so the number is never reported without ``low`` and ``high``.
    upwards : bool
        Whether the ratio B / A rises through 1.
    """

    low: int
    high: int
    threads: float
    upwards: bool

    def as_dict(self) -> dict[str, Any]:
        """The form of results."""
        return {
            "threads": self.threads,
            "ci95": [self.low, self.high],
            "ratio": "rises through 1" if self.upwards else "falls through 1",
            "between": [self.low, self.high],
            "method": METHOD,
        }

    @property
    def sentence(self) -> str:
        """The crossover in words."""
        return f"between {self.low} and {self.high} threads"


def sides(log_ratios: Sequence[Sequence[float]], level: float = LEVEL) -> list[int]:
    """On which side of 1 the ratio is at each number of threads.

    Parameters
    ----------
    log_ratios : sequence of sequences, shape (n_threads, n_replications)
        log(B / A) of each pair of replications; numbers of threads may differ in replications.
    level : float, 0..1
        Of all tests together (Bonferroni).

    Returns
    -------
    list of int, shape (n_threads,)
        1 above, -1 below, 0 not significantly on either side.
    """
    made = max(1, sum(len(each) > 1 for each in log_ratios))
    found = []
    for logs in log_ratios:
        if len(logs) < 2:
            found.append(0)
            continue
        (low, high), _, _ = median_test(logs, level / made)
        found.append(1 if low > 0 else -1 if high < 0 else 0)
    return found


def brackets(threads: Sequence[int], log_ratios: Sequence[Sequence[float]]) -> list[Bracket]:
    """Find all crossovers of two schemes that the runs show.

    Parameters
    ----------
    threads : sequence of int, ascending
    log_ratios : sequence of sequences, shape (n_threads, n_replications)
        As of ``sides``.

    Returns
    -------
    list of Bracket
        Empty: none in the range, or none that is significant.

    Raises
    ------
    ValueError
        If the numbers of threads do not ascend.

    Notes
    -----
    If all sides are right, which has a probability of at least 95 %, an odd number of crossovers
    lies in each bracket; an even number between two counts of one side is not seen.
    """
    if list(threads) != sorted(set(threads)):
        raise ValueError(f"numbers of threads do not ascend: {list(threads)}")
    known = [(i, side) for i, side in enumerate(sides(log_ratios)) if side]
    found = []
    for (i, before), (j, after) in pairwise(known):
        if before != after:
            at = _interpolated(threads[i : j + 1], [median(x) for x in log_ratios[i : j + 1]])
            found.append(Bracket(threads[i], threads[j], at, after > 0))
    return found


def threads_inside(bracket: Bracket, known: Sequence[int] = ()) -> int | None:
    """Return the number of threads to simulate next, so that the bracket becomes narrower.

    Parameters
    ----------
    bracket : Bracket
    known : sequence of int
        Numbers that are simulated already.

    Returns
    -------
    int or None
        Nearest to the geometric mean of its ends; None if all in between are known.
    """
    return threads_between(bracket.low, bracket.high, known)


def threads_between(low: int, high: int, known: Sequence[int] = ()) -> int | None:
    """Return the number of threads between two others to simulate next: as ``threads_inside``."""
    middle = math.sqrt(low * high)
    inside = [n for n in range(low + 1, high) if n not in known]
    return min(inside, key=lambda n: abs(math.log(n / middle)), default=None)


def _interpolated(threads: Sequence[int], medians: Sequence[float]) -> float:
    """Where the medians go through 0, linear in log threads; of several places the middle one.

    The middle of the bracket if a median at an end is 0: of differences whose squares underflow.
    """
    clear = [(math.log2(n), y) for n, y in zip(threads, medians, strict=True) if y]
    places = []
    for (x0, y0), (x1, y1) in pairwise(clear):
        if (y0 > 0) != (y1 > 0):
            places.append(x0 + (x1 - x0) * y0 / (y0 - y1))
    if not places:
        return math.sqrt(threads[0] * threads[-1])
    return float(2 ** places[len(places) // 2])
