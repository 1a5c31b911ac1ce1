"""Variances that are known from few observations: pooled, grown with a distance, and added up.

Source
------
F. Satterthwaite, *An approximate distribution of estimates of variance components*, Biometrics
Bulletin 2, 1946, eq. (17).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dessim.measure.statistics.fitting import CONFIDENCE

UPPER = 0.80
"""Confidence of the one-sided upper limit of a slope."""
Observation = tuple[float, float]
"""A mean square of logarithms, and the distance over which it arose."""


@dataclass(frozen=True)
class Term:
    """A part of a variance.

    Attributes
    ----------
    variance : float
    degrees : float
        Of freedom with which it is known; infinite if it is given.
    """

    variance: float
    degrees: float


@dataclass(frozen=True)
class Growth:
    """Variance for each unit of a distance.

    Attributes
    ----------
    slope : float
        Upper limit.
    degrees : int
        Number of observations.
    """

    slope: float
    degrees: int

    def over(self, distance: float) -> Term:
        """The variance at a distance."""
        return Term(self.slope * distance, self.degrees)


def half_width(terms: Sequence[Term], most: float = math.inf) -> float:
    """Half of a 95 % interval of a logarithm whose variance is a sum.

    Parameters
    ----------
    terms : sequence of Term
    most : float
        Degrees of freedom at most.
    """
    from scipy.stats import t

    variance = math.fsum(term.variance for term in terms)
    quantile = t.ppf((1 + CONFIDENCE) / 2, max(min(degrees_of(terms), most), 1))
    return float(quantile) * math.sqrt(variance)


def degrees_of(terms: Sequence[Term]) -> float:
    """Effective degrees of freedom of a sum of variances (Satterthwaite, eq. 17)."""
    total = math.fsum(term.variance for term in terms)
    parts = math.fsum(term.variance**2 / term.degrees for term in terms)
    return total**2 / parts if parts > 0 else math.inf


def growth_of(groups: Mapping[Any, Sequence[Observation]], less: int = 0) -> Growth:
    """Pool observations to the upper limit of one slope.

    Parameters
    ----------
    groups : mapping
        Key -> observations that are not independent: they count as one, their mean.
    less : int
        By how much the degrees of freedom are fewer than the groups.
    """
    from scipy.stats import chi2

    means = [
        [math.fsum(part) / len(one) for part in zip(*one, strict=True)] for one in groups.values()
    ]
    slope = math.fsum(square for square, _ in means) / math.fsum(far for _, far in means)
    n = len(means) - less
    return Growth(slope * n / float(chi2.ppf(1 - UPPER, n)), n)
