"""A number and how sure it is; means with 95 % t intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

CONFIDENCE = 0.95
T_OVER_REPLICATIONS = "t over replications"
BATCH_MEANS = "t over batch means of one run"


@dataclass(frozen=True)
class IntervalEstimate:
    """A number and how sure it is.

    Attributes
    ----------
    mean : float or None
        None if the runs do not support a number; then ``reason`` says why.
    ci95 : (float, float) or None
        95 % interval; None with fewer than two replications.
    n : int
        Replications.
    reason : str or None
        Why the number or its interval is missing.
    method : str
        How the interval was made.
    observations : int or None
        What was observed, over all replications: faults, batches; None if it is the replications.
    """

    mean: float | None
    ci95: tuple[float, float] | None
    n: int
    reason: str | None = None
    method: str = T_OVER_REPLICATIONS
    observations: int | None = None

    @property
    def relative_half_width(self) -> float | None:
        """Half the interval over the number itself; None without an interval."""
        if self.ci95 is None or not self.mean:
            return None
        return (self.ci95[1] - self.ci95[0]) / 2 / abs(self.mean)

    def because(self, reason: str) -> IntervalEstimate:
        """Return the same with the reason why its number or its interval is missing."""
        return replace(self, reason=reason)

    def unsure(self, reason: str, *, number: bool) -> IntervalEstimate:
        """Return the same without an interval, and without a number unless that may stay."""
        mean = self.mean if number else None
        return replace(self, mean=mean, ci95=None, reason=reason)

    def as_dict(self) -> dict[str, Any]:
        """The form of results; ``reason`` only where there is one."""
        out: dict[str, Any] = {
            "mean": self.mean,
            "ci95": None if self.ci95 is None else list(self.ci95),
            "n": self.n,
            "observations": self.n if self.observations is None else self.observations,
            "method": self.method,
        }
        return out if self.reason is None else {**out, "reason": self.reason}


@lru_cache(maxsize=1024)
def t_factor(n: int) -> float:
    """Half-width of a 95 % t interval over n values, in standard errors."""
    from scipy.special import stdtrit  # here: it takes long to import

    return float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2))


def half_width(values: Sequence[float], centre: float) -> float | None:
    """Half-width of the 95 % t interval from the spread of replications around a centre.

    Returns
    -------
    float or None
        None with fewer than two values: there is no spread to take it from.
    """
    n = len(values)
    if n < 2:
        return None
    variance = math.fsum((x - centre) ** 2 for x in values) / (n - 1)
    return t_factor(n) * math.sqrt(variance / n)


def _around(centre: float, values: Sequence[float]) -> IntervalEstimate:
    half = half_width(values, centre)
    ci95 = None if half is None else (centre - half, centre + half)
    return IntervalEstimate(centre, ci95, len(values))


def mean_interval(values: Sequence[float | int | None]) -> IntervalEstimate:
    """Mean over replications with its 95 % t interval.

    Parameters
    ----------
    values : sequence of numbers, shape (n_replications,)
        None in a replication without observations makes the whole estimate None.
    """
    numbers = [float(x) for x in values if x is not None]
    if not numbers or len(numbers) < len(values):
        return IntervalEstimate(None, None, len(values), "no observations in every replication")
    return _around(math.fsum(numbers) / len(numbers), numbers)


def batch_interval(batches: Sequence[float]) -> IntervalEstimate:
    """Mean of one run with its interval from batches inside it.

    Parameters
    ----------
    batches : sequence of float, at least 2
        Means of consecutive parts of the run, long enough to be nearly independent.

    Source
    ------
    A. Law, *Simulation Modeling and Analysis*, 5th ed., 2015, section 9.5.3.
    """
    found = mean_interval(batches)
    return IntervalEstimate(found.mean, found.ci95, 1, None, BATCH_MEANS, len(batches))
