"""Two schemes beside each other: paired differences and ratios under common random numbers.

Replication i of every point draws the same random numbers per task and purpose (``kernel.draws``),
so what two schemes have in common cancels in the difference of their i-th replications.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dessim.measure.statistics.intervals import t_factor

SIGNIFICANCE = 0.05
METHOD = "paired t over replications with common random numbers"


@dataclass(frozen=True)
class Comparison:
    """How B differs from A.

    Attributes
    ----------
    ratio : float or None
        B / A, geometric mean over replications; None if a value is missing or not positive.
    ratio_ci95 : (float, float) or None
    difference : float or None
        B - A, mean over replications.
    difference_ci95 : (float, float) or None
    p_value : float or None, 0..1
        That the ratio is 1 (the difference 0, where there is no ratio); None without a spread.
    n : int
        Pairs of replications.
    reason : str or None
        Why something is missing.
    """

    ratio: float | None
    ratio_ci95: tuple[float, float] | None
    difference: float | None
    difference_ci95: tuple[float, float] | None
    p_value: float | None
    n: int
    reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The form of results."""
        out: dict[str, Any] = {
            "ratio": self.ratio,
            "ratio_ci95": None if self.ratio_ci95 is None else list(self.ratio_ci95),
            "difference": self.difference,
            "difference_ci95": None if self.difference_ci95 is None else list(self.difference_ci95),
            "p_value": self.p_value,
            "n": self.n,
            "method": METHOD,
        }
        return out if self.reason is None else {**out, "reason": self.reason}


@dataclass(frozen=True)
class _TTest:
    mean: float
    ci95: tuple[float, float] | None
    p_value: float | None


def _t_test(values: Sequence[float]) -> _TTest:
    """One-sample t interval, and the probability of so great a mean if the true one were 0."""
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return _TTest(mean, None, None)
    error = math.sqrt(math.fsum((x - mean) ** 2 for x in values) / (n - 1) / n)
    half = t_factor(n) * error
    if error == 0:
        return _TTest(mean, (mean, mean), 1.0 if mean == 0 else 0.0)
    from scipy.special import stdtr  # here: it takes long to import

    return _TTest(mean, (mean - half, mean + half), 2 * float(stdtr(n - 1, -abs(mean) / error)))


def compare(a: Sequence[float | None], b: Sequence[float | None]) -> Comparison:
    """Compare two schemes by the values of their replications.

    Parameters
    ----------
    a, b : sequences of number or None, shape (n_replications,)
        Value of each replication, in order; pairs are formed by position. If one has more, its
        surplus is left out.

    Returns
    -------
    Comparison

    Source
    ------
    A. Law, *Simulation Modeling and Analysis*, 5th ed., 2015, section 10.2.1 (paired t) and 11.2
    (common random numbers). The ratio is the difference of logarithms, so that B / A and A / B say
    the same.
    """
    pairs = list(zip(a, b, strict=False))
    known = [(x, y) for x, y in pairs if x is not None and y is not None]
    if not pairs or len(known) < len(pairs):
        return Comparison(None, None, None, None, None, len(pairs), "a replication has no value")
    difference = _t_test([y - x for x, y in known])
    if any(x <= 0 or y <= 0 for x, y in known):
        reason = "no ratio: a value is not positive"
        found = (difference.mean, difference.ci95, difference.p_value)
        return Comparison(None, None, *found, len(known), reason)
    log = _t_test([math.log(y / x) for x, y in known])
    ci95 = None if log.ci95 is None else (math.exp(log.ci95[0]), math.exp(log.ci95[1]))
    return Comparison(
        math.exp(log.mean),
        ci95,
        difference.mean,
        difference.ci95,
        log.p_value,
        len(known),
        "one pair of replications: no interval" if len(known) < 2 else None,
    )


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p-values of a family of comparisons, so that all hold together.

    Parameters
    ----------
    p_values : sequence of float or None
        None is a comparison that could not be made; it is not counted.

    Returns
    -------
    list of float or None
        In the same order; a comparison is significant if its adjusted value is below 0.05.

    Source
    ------
    S. Holm, *A simple sequentially rejective multiple test procedure*, Scand. J. Statist. 6, 1979.
    """
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    worst = 0.0
    for rank, (p, i) in enumerate(known):
        worst = max(worst, min(1.0, (len(known) - rank) * p))
        adjusted[i] = worst
    return adjusted
