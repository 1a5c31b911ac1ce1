"""Means and quantiles with 95 % intervals over replications."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dessim.kernel.histogram import Counts, bucket_high, bucket_low, merge
from dessim.measure.statistics.run_metrics import MIN_BEYOND, PS_PER_NS, supported_quantile_ns

CONFIDENCE = 0.95
T_OVER_REPLICATIONS = "t over replications"
BATCH_MEANS = "t over batch means of one run"
INVERTED_SHARES = "inverted t interval of the share below it, over replications"


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


def quantile_interval(runs: Sequence[Counts], per_million: int) -> IntervalEstimate:
    """Quantile of all observations together, with an interval that respects their correlation.

    Parameters
    ----------
    runs : sequence of histograms, shape (n_replications,), buckets of ps
    per_million : int
        999_000 for p99.9.

    Returns
    -------
    IntervalEstimate, ns
        No number if fewer than ten observations lie beyond the quantile.

    Notes
    -----
    Waits inside a run are correlated, so their number says little about how sure a quantile is.
    The share of each replication's observations at or below the quantile is one independent value;
    these shares give a t interval, and its ends, looked up in the distribution of all observations,
    are those of the quantile. The interval covers whole buckets: it is never narrower than they.
    If the share may be 1, the interval ends at the greatest observation, and the method says so:
    leaving such intervals out would select the runs that happen to agree.

    Source
    ------
    R. Woodruff, *Confidence intervals for medians and other position measures*, J. Am. Stat.
    Assoc. 47, 1952, with the variance over replications (clusters). Chosen after a coverage study
    against sectioning (S. Asmussen, P. Glynn, *Stochastic Simulation*, 2007, sec. III.5):
    docs/statistics.md.
    """
    merged = merge(runs)
    total = sum(n for _, n in merged)
    centre = supported_quantile_ns(merged, per_million)
    if centre is None:
        beyond = total * (1_000_000 - per_million) // 1_000_000
        reason = f"only {beyond} of {total} observations lie beyond it; {MIN_BEYOND} are needed"
        return IntervalEstimate(None, None, len(runs), reason, INVERTED_SHARES, total)
    if not all(runs):
        reason = "a replication without observations"
        return IntervalEstimate(centre, None, len(runs), reason, INVERTED_SHARES, total)
    wanted = per_million / 1_000_000
    half = _share_half_width(runs, round(centre * PS_PER_NS))
    if half is None:
        return IntervalEstimate(centre, None, len(runs), None, INVERTED_SHARES, total)
    method, highest = INVERTED_SHARES, (wanted + half) * total
    if highest > total - 1:
        method += "; its upper end is the greatest observation"
    low_ps = bucket_low(_bucket_at(merged, (wanted - half) * total))
    ci95 = (low_ps / PS_PER_NS, bucket_high(_bucket_at(merged, highest)) / PS_PER_NS)
    return IntervalEstimate(centre, ci95, len(runs), None, method, total)


def paired_quantiles(
    runs: Sequence[Counts], per_million: Sequence[int]
) -> list[list[float | None]]:
    """One value of each quantile for each replication, from which schemes are compared in pairs.

    The quantile of all other replications tells what a replication contributes: the values scatter
    around the quantile of all observations together, whose logarithm is the mean of theirs. One
    replication alone often holds too few observations beyond a quantile to have one of its own.

    Parameters
    ----------
    runs : sequence of histograms, shape (n_replications,), buckets of ps
    per_million : sequence of int, shape (n_quantiles,)

    Returns
    -------
    list of lists, shape (n_quantiles, n_replications), ns
        None where all observations together do not support the quantile.

    Notes
    -----
    log v_i = log Q + (n - 1) (mean of log Q_(-j) - log Q_(-i)): pseudo-values of the jackknife, but
    centred. Q_(-i) is interpolated inside its bucket, since n - 1 times a bucket's width is much.

    Source
    ------
    J. Shao, D. Tu, *The Jackknife and Bootstrap*, 1995, eq. (1.9), deleting a replication (group)
    at a time, which serves for quantiles as well: sec. 2.3.
    """
    merged = merge(runs)
    rest = [_without(merged, counts) for counts in runs]
    found: list[list[float | None]] = []
    for ppm in per_million:
        centre = supported_quantile_ns(merged, ppm)
        if centre is None or not all(rest):
            found.append([centre] * len(runs))
            continue
        logs = [math.log(max(1.0, _interpolated_ps(counts, ppm))) for counts in rest]
        mean, n = math.fsum(logs) / len(logs), len(logs)
        found.append([centre * math.exp((n - 1) * (mean - log)) for log in logs])
    return found


def _without(merged: Counts, counts: Counts) -> Counts:
    """Leave one histogram out of a sum that holds it."""
    left = dict(merged)
    for bucket, n in counts:
        left[bucket] -= n
    return tuple((bucket, n) for bucket, n in left.items() if n)


def _interpolated_ps(counts: Counts, per_million: int) -> float:
    """Quantile of a histogram, linear in rank inside its bucket, ps."""
    rank = sum(n for _, n in counts) * per_million / 1_000_000
    seen = 0
    for bucket, n in counts:
        if seen + n >= rank:
            width = bucket_high(bucket) + 1 - bucket_low(bucket)
            return bucket_low(bucket) + width * (rank - seen) / n
        seen += n
    return float(bucket_high(counts[-1][0]))


def _share_half_width(runs: Sequence[Counts], at_ps: int) -> float | None:
    """Half-width of the t interval of the share of observations up to a value, over replications.

    Replications differ in size: the share of all together is a ratio of sums, and its variance that
    of the residuals (W. Cochran, *Sampling Techniques*, 3rd ed., 1977, eq. (6.13)).
    """
    totals = [sum(n for _, n in counts) for counts in runs]
    below = [sum(n for bucket, n in counts if bucket_low(bucket) <= at_ps) for counts in runs]
    share, mean_total = sum(below) / sum(totals), sum(totals) / len(totals)
    residuals = [(b - share * n) / mean_total for b, n in zip(below, totals, strict=True)]
    return half_width(residuals, 0.0)


def _bucket_at(merged: Counts, rank: float) -> int:
    """Bucket that holds the observation of a rank; the first one below rank 1."""
    seen = 0
    for bucket, n in merged:
        seen += n
        if seen >= rank:
            return bucket
    return merged[-1][0]
