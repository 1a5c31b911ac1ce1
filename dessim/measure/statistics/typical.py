"""The typical run: the median over replications, with an interval that needs no normal runs.

A run is the unit. Half of all runs of a point have a smaller value than its median, half a greater
one, whatever their distribution: skewed, of two modes, or with a collapse in one run of thirteen.
The mean over runs is not like that. Where one run in thirteen takes twenty times as long, five
replications usually show none, and no method can estimate the mean from them: docs/statistics.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from dessim.measure.statistics.intervals import CONFIDENCE, IntervalEstimate, half_width

FEWEST = 5
"""Fewest runs whose least and greatest value are an interval of the median (93.75 %)."""
SURE_ENOUGH = 0.5
"""Share of the chance to miss that is not used up at which order statistics are not interpolated:
an interval of 97.5 % is left as it is, since an end inside a gap between modes is not safe."""
LARGEST_FACTOR = 4.0
"""An interval that goes further than so many times its number, or a part of it, says nothing."""
ORDER_STATISTICS = "median of runs; order statistics"
T_OVER_LOGS = "median of runs; t over logarithms, as runs are fewer than 5"
T_OVER_VALUES = "median of runs; t over values, as runs are fewer than 5"

Ends = tuple[float, float]


def median(values: Sequence[float]) -> float:
    """Middle of the sorted values, or the mean of the two in the middle."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2


def typical_run(
    values: Sequence[float | int | None], observations: int | None = None
) -> IntervalEstimate:
    """Value of the typical run, the median over replications, with its 95 % interval.

    Parameters
    ----------
    values : sequence of numbers, shape (n_replications,)
        None in a run without observations makes the whole estimate None.
    observations : int or None
        What was observed, over all replications; None if it is the replications.

    Returns
    -------
    IntervalEstimate
        ``mean`` holds the median; ``ci95`` is None with fewer than two replications.

    Notes
    -----
    From five runs on the interval is made of order statistics and holds the median of any
    distribution: exactly in 93.75 % for five, in 95 to 97.5 % for most numbers of runs; where the
    exact one would hold it in more, its ends are interpolated. With fewer runs it is a t interval
    of logarithms (of the values themselves if one is not positive): that supposes runs which are
    alike.

    Source
    ------
    T. Hettmansperger, S. Sheather, *Confidence intervals based on interpolated order statistics*,
    Statist. Probab. Lett. 4, 1986.
    """
    n = len(values)
    numbers = [float(x) for x in values if x is not None]
    if not numbers or len(numbers) < n:
        reason = "no observations in every replication"
        return IntervalEstimate(None, None, n, reason, ORDER_STATISTICS, observations)
    centre = median(numbers)
    if n >= FEWEST:
        ends = median_interval(numbers)
        return IntervalEstimate(centre, ends, n, None, ORDER_STATISTICS, observations)
    positive = min(numbers) > 0
    method = T_OVER_LOGS if positive else T_OVER_VALUES
    if n < 2:
        return IntervalEstimate(centre, None, n, "one run has no spread", method, observations)
    return IntervalEstimate(centre, _t_ends(numbers, logs=positive), n, None, method, observations)


def median_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Ends:
    """Interval of the median from interpolated order statistics.

    Parameters
    ----------
    values : sequence of float, at least 2
    confidence : float, 0..1

    Returns
    -------
    (float, float)
        From the least to the greatest value if even that is less sure than ``confidence``.

    Source
    ------
    T. Hettmansperger, S. Sheather, Statist. Probab. Lett. 4, 1986; the ranks: Thompson, Ann. Math.
    Statist. 7, 1936.
    """
    ordered, n = sorted(values), len(values)
    k, share = _depth(n, confidence)
    if share == 0:
        return ordered[k - 1], ordered[n - k]
    low = (1 - share) * ordered[k - 1] + share * ordered[k]
    high = (1 - share) * ordered[n - k] + share * ordered[n - k - 1]
    return low, high


def sign_interval(values: Sequence[float], alpha: float) -> Ends | None:
    """Exact interval of the median: those values that the sign test does not refuse.

    Parameters
    ----------
    values : sequence of float
    alpha : float, 0..1
        Greatest chance to miss the median.

    Returns
    -------
    (float, float) or None
        None if there are too few values for so small a chance (``runs_needed``).

    Source
    ------
    M. Hollander, D. Wolfe, E. Chicken, *Nonparametric Statistical Methods*, 3rd ed., 2014,
    sec. 3.6.
    """
    n = len(values)
    if n < runs_needed(alpha):
        return None
    ordered, k = sorted(values), _rank(n, alpha)
    return ordered[k - 1], ordered[n - k]


def sign_test(values: Sequence[float]) -> float:
    """Probability of so uneven signs if the median were 0; zeros count for the weaker side.

    Returns
    -------
    float, 0..1
        At most ``alpha`` exactly where ``sign_interval`` of that ``alpha`` does not hold 0.
    """
    n = len(values)
    weaker = n - max(sum(x > 0 for x in values), sum(x < 0 for x in values))
    return min(1.0, 2 * _below(weaker, n))


def runs_needed(alpha: float) -> int:
    """Fewest runs from which the sign test can refuse at a level: 6 for 5 %, 12 for 5 % of 60."""
    return max(1, math.ceil(1 - math.log2(alpha)))


def resolved(value: float, ends: Ends) -> bool:
    """Whether an interval says something: it stays within a factor of 4 of its number."""
    if value <= 0 or ends[0] <= 0:
        return False
    return ends[1] <= LARGEST_FACTOR * value and ends[0] * LARGEST_FACTOR >= value


def _t_ends(numbers: Sequence[float], *, logs: bool) -> Ends:
    if min(numbers) == max(numbers):
        return numbers[0], numbers[0]  # as they are: a logarithm and back would be rounded
    used = [math.log(x) for x in numbers] if logs else numbers
    centre = math.fsum(used) / len(used)
    half = half_width(used, centre) or 0.0
    low, high = centre - half, centre + half
    if not logs:
        return low, high
    return math.exp(low), math.exp(min(high, 700.0))  # two unlike runs can leave the range of float


@lru_cache(maxsize=4096)
def _below(k: int, n: int) -> float:
    """Probability of at most k heads in n throws."""
    heads: int = sum(math.comb(n, i) for i in range(k + 1))
    return heads / (1 << n)


@lru_cache(maxsize=4096)
def _rank(n: int, alpha: float) -> int:
    """Deepest rank k of which (x_k, x_(n+1-k)) misses the median at most with ``alpha``."""
    k = 1
    while 2 * (k + 1) <= n + 1 and 2 * _below(k, n) <= alpha:
        k += 1
    return k


@lru_cache(maxsize=4096)
def _depth(n: int, confidence: float) -> tuple[int, float]:
    """Rank and the share of the way to the next one at which an interval has its confidence."""
    k = _rank(n, 1 - confidence)
    outer = 1 - 2 * _below(k - 1, n)
    if 1 - outer >= SURE_ENOUGH * (1 - confidence) or 2 * (k + 1) > n + 1:
        return k, 0.0
    inner = 1 - 2 * _below(k, n)
    i = (outer - confidence) / (outer - inner)
    return k, (n - k) * i / (k + (n - 2 * k) * i)
