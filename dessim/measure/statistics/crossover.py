"""The number of threads from which on one scheme overtakes another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from dessim.measure.statistics.intervals import t_factor

NONE_IN_RANGE = "none in range"
METHOD = "log ratio linear in log threads, Fieller set over paired replications"
STEPS = 64
"""Places between two simulated thread counts at which the interval is looked at."""


@dataclass(frozen=True)
class Crossover:
    """Where the ratio of two schemes goes through 1.

    Attributes
    ----------
    threads : float
        Interpolated between simulated thread counts.
    low, high : float or None
        Ends of the 95 % interval; None where it reaches the end of the range, or without a spread.
    upwards : bool
        Whether the ratio B / A rises through 1.
    between : (int, int)
        The simulated thread counts on both sides.
    """

    threads: float
    low: float | None
    high: float | None
    upwards: bool
    between: tuple[int, int]

    def as_dict(self) -> dict[str, Any]:
        """The form of results."""
        return {
            "threads": self.threads,
            "ci95": [self.low, self.high],
            "ratio": "rises through 1" if self.upwards else "falls through 1",
            "between": list(self.between),
            "method": METHOD,
        }


def crossovers(threads: Sequence[int], log_ratios: Sequence[Sequence[float]]) -> list[Crossover]:
    """Find all crossovers of two schemes.

    Parameters
    ----------
    threads : sequence of int, ascending
    log_ratios : sequence of sequences, shape (n_threads, n_replications)
        log(B / A) of each pair of replications; every thread count has as many.

    Returns
    -------
    list of Crossover
        Empty: none in the range.

    Notes
    -----
    At each number of threads between two simulated ones, the log ratio of a replication is
    interpolated, which gives a t interval there. The interval of the crossover holds the threads
    around it at which this interval contains 0. How the ratio bends between simulated thread counts
    is not known: ``between`` is all that the simulation itself says.

    Crossings whose intervals overlap cannot be told apart: noise around 1 crosses it again and
    again. Of an odd number one is left, of which the middle one is told; of an even number none is.

    Source
    ------
    E. Fieller, *Some problems in interval estimation*, J. R. Statist. Soc. B 16, 1954: the set of
    values that a test does not refuse.
    """
    x = [math.log2(n) for n in threads]
    means = [math.fsum(each) / len(each) for each in log_ratios]
    clear = [i for i, mean in enumerate(means) if mean != 0]
    found = []
    for i, j in pairwise(clear):
        if (means[i] > 0) == (means[j] > 0):
            continue
        if j > i + 1:  # equal in between: the middle of where they are
            at = (x[i + 1] + x[j - 1]) / 2
        else:
            at = x[i] + (x[j] - x[i]) * means[i] / (means[i] - means[j])
        low, high = _interval(x, log_ratios, at)
        found.append(Crossover(2**at, low, high, means[j] > 0, (threads[i], threads[j])))
    return _told_apart(found) if log_ratios and len(log_ratios[0]) > 1 else found


def _told_apart(found: Sequence[Crossover]) -> list[Crossover]:
    """Leave one or none of crossings that overlap."""
    groups: list[list[Crossover]] = []
    for one in found:
        last = groups[-1][-1] if groups else None
        if last is not None and (last.high is None or last.high > one.threads):
            groups[-1].append(one)
        else:
            groups.append([one])
    return [
        replace(
            group[len(group) // 2],
            upwards=group[0].upwards,
            between=(group[0].between[0], group[-1].between[1]),
        )
        for group in groups
        if len(group) % 2
    ]


def _interval(
    x: Sequence[float], log_ratios: Sequence[Sequence[float]], at: float
) -> tuple[float | None, float | None]:
    """Ends of the threads around a crossover at which the ratio may be 1."""
    if len(log_ratios[0]) < 2:
        return None, None
    below, above = [at], [at]
    for left, right, a, b in zip(x, x[1:], log_ratios, log_ratios[1:], strict=False):
        places = [left + (right - left) * k / STEPS for k in range(STEPS + 1)]
        for place in places:
            share = (place - left) / (right - left)
            mixed = [u * (1 - share) + v * share for u, v in zip(a, b, strict=True)]
            if not _may_be_zero(mixed):
                (below if place < at else above).append(place)
    lows = [place for place in below if place < at]
    highs = [place for place in above if place > at]
    low = 2 ** max(lows) if lows else None
    return low, 2 ** min(highs) if highs else None


def _may_be_zero(values: Sequence[float]) -> bool:
    n = len(values)
    mean = math.fsum(values) / n
    error = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1) / n)
    return abs(mean) <= t_factor(n) * error
