"""Means and quantiles with 95 % intervals over replications."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dessim.kernel.histogram import Counts, merge, quantile_ps
from dessim.measure.metrics import MIN_BEYOND, PS_PER_NS, supported_quantile_ns

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
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
    """

    mean: float | None
    ci95: tuple[float, float] | None
    n: int
    reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The form of results: ``{"mean", "ci95", "n"}``, and ``reason`` where there is one."""
        out: dict[str, Any] = {
            "mean": self.mean,
            "ci95": None if self.ci95 is None else list(self.ci95),
            "n": self.n,
        }
        return out if self.reason is None else {**out, "reason": self.reason}


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


def _around(centre: float, values: Sequence[float]) -> Estimate:
    half = half_width(values, centre)
    ci95 = None if half is None else (centre - half, centre + half)
    return Estimate(centre, ci95, len(values))


def mean_interval(values: Sequence[float | int | None]) -> Estimate:
    """Mean over replications with its 95 % t interval.

    Parameters
    ----------
    values : sequence of numbers, shape (n_replications,)
        None in a replication without observations makes the whole estimate None.
    """
    numbers = [float(x) for x in values if x is not None]
    if not numbers or len(numbers) < len(values):
        return Estimate(None, None, len(values), "no observations in every replication")
    return _around(math.fsum(numbers) / len(numbers), numbers)


def quantile_interval(runs: Sequence[Counts], per_million: int) -> Estimate:
    """Quantile of all observations together, with an interval from the replications' quantiles.

    Parameters
    ----------
    runs : sequence of histograms, shape (n_replications,), buckets of ps
    per_million : int
        999_000 for p99.9.

    Returns
    -------
    Estimate, ns
        None if fewer than ten observations lie beyond the quantile.

    Source
    ------
    Sectioning: the centre is the estimate from all data, the spread that of the sections around it;
    here a section is a replication.
    S. Asmussen, P. Glynn, *Stochastic Simulation*, 2007, sec. III.5.
    """
    merged = merge(runs)
    centre = supported_quantile_ns(merged, per_million)
    if centre is None:
        total = sum(n for _, n in merged)
        beyond = total * (1_000_000 - per_million) // 1_000_000
        reason = f"only {beyond} of {total} observations lie beyond it; {MIN_BEYOND} are needed"
        return Estimate(None, None, len(runs), reason)
    each = [quantile_ps(counts, per_million) for counts in runs]
    sections = [ps / PS_PER_NS for ps in each if ps is not None]
    if len(sections) < len(runs):
        return Estimate(centre, None, len(runs), "a replication without observations")
    return _around(centre, sections)
