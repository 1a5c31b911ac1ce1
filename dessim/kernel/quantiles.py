"""Quantile tables: distributions as integers, filled by scipy before a run.

A table holds quantiles of a distribution with mean 1 in units of 1/65536: 4,097 knots over (0, 1),
then 4,097 more over the last 1/4,096, so that tails reach down to a probability of 2**-24.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dessim.kernel.layout import QUANTILE_KNOTS, QUANTILE_ONE, WORK_FACTORS

_STEPS = QUANTILE_KNOTS - 1
Floats = npt.NDArray[np.float64]


def _table(quantile: Callable[[Floats], Floats]) -> tuple[int, ...]:
    """Return both halves of the table of a quantile function, mean 1 after rounding."""
    coarse = np.arange(QUANTILE_KNOTS) / _STEPS
    fine = 1 - (_STEPS - np.arange(QUANTILE_KNOTS)) / _STEPS**2
    # The last knot stands for all that lies beyond: half of a fine interval's quarter.
    coarse[-1] = fine[-1] = 1 - 1 / (4 * _STEPS**2)
    knots = [quantile(coarse), quantile(fine)]
    middle = [(k[:-1] + k[1:]) / 2 for k in knots]
    mean = (middle[0][:-1].sum() + middle[1].mean()) / _STEPS
    return tuple(round(float(x / mean * QUANTILE_ONE)) for k in knots for x in k)


@lru_cache
def exponential() -> tuple[int, ...]:
    """Quantiles of the exponential distribution, mean 1: -log(1 - u)."""
    return _table(lambda u: -np.log1p(-u))


@lru_cache
def lognormal(cv_ppm: int) -> tuple[int, ...]:
    """Quantiles of a lognormal distribution, mean 1, coefficient of variation in ppm.

    Lognormal: execution times of a fixed piece of work are positive and skewed to the right. Its
    quantiles are exp(sigma z(u)) with sigma**2 = log(1 + cv**2) and the normal quantile z.
    """
    if cv_ppm == 0:
        return (QUANTILE_ONE,) * (2 * QUANTILE_KNOTS)
    from scipy.special import ndtri  # scipy.stats would take most of a second to import

    sigma = float(np.sqrt(np.log1p((cv_ppm / 1e6) ** 2)))
    return _table(lambda u: np.exp(sigma * ndtri(u)))


@lru_cache
def work_factors(cv_ppm: int) -> tuple[int, ...]:
    """Factors of a step's own work in units of 1/65536, ascending and equally likely.

    Each is the mean of a lognormal distribution over its part of the probability,
    (Phi(z_k - sigma) - Phi(z_k-1 - sigma)) n with z_k the normal quantile of k / n: their mean is
    that of the distribution, 1. What rounding leaves is spread over the greatest fractions, so that
    the integers have the mean 1 exactly. The coefficient of variation is up to a hundredth smaller
    than asked for: the parts have no variation of their own.
    """
    if cv_ppm == 0:
        return (QUANTILE_ONE,) * WORK_FACTORS
    from scipy.special import ndtr, ndtri  # scipy.stats would take most of a second to import

    sigma = float(np.sqrt(np.log1p((cv_ppm / 1e6) ** 2)))
    ends = ndtri(np.arange(WORK_FACTORS + 1) / WORK_FACTORS)
    exact = np.diff(ndtr(ends - sigma)) * WORK_FACTORS * QUANTILE_ONE
    whole = np.floor(exact).astype(np.int64)
    left = WORK_FACTORS * QUANTILE_ONE - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:left]] += 1
    return tuple(int(x) for x in np.sort(whole))
