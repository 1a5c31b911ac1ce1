"""Quantiles of single runs, and that of the typical run.

The quantile of all observations together is that of whatever runs happened to collapse: where one
run in thirteen does, its p99 cannot be estimated from five. So each run has a quantile of its own,
and what is reported is the median of these. It needs runs that are long enough to have one.
"""

from __future__ import annotations

from collections.abc import Sequence

from dessim.kernel.histogram import Counts
from dessim.measure.statistics.intervals import IntervalEstimate
from dessim.measure.statistics.run_metrics import FEWEST_BEYOND, MIN_BEYOND, run_quantile_ns
from dessim.measure.statistics.typical import ORDER_STATISTICS, median, typical_run

MILLION = 1_000_000


def typical_quantile(runs: Sequence[Counts], per_million: int) -> IntervalEstimate:
    """Quantile of the typical run with its 95 % interval.

    Parameters
    ----------
    runs : sequence of histograms, shape (n_replications,), buckets of ps
    per_million : int

    Returns
    -------
    IntervalEstimate, ns
        No number if runs are too short to have this quantile: ten observations lie beyond it in the
        typical run, and five in each. One estimator for all runs, or none.
    """
    totals = [observed(counts) for counts in runs]
    values = [run_quantile_ns(counts, per_million) for counts in runs]
    usual = median(totals) if runs else 0
    if None in values or usual * (MILLION - per_million) < MIN_BEYOND * MILLION:
        some, fewest = (_beyond(n, per_million) for n in (usual, min(totals, default=0)))
        reason = (
            f"observations beyond it: {some} of a typical run, and {fewest} of the shortest;"
            f" {MIN_BEYOND} and {FEWEST_BEYOND} are needed: simulate more"
        )
        return IntervalEstimate(None, None, len(runs), reason, ORDER_STATISTICS, sum(totals))
    return typical_run(values, sum(totals))


def observed(counts: Counts) -> int:
    """Return how many observations a histogram holds."""
    return sum(n for _, n in counts)


def _beyond(total: float, per_million: int) -> int:
    return int(total * (MILLION - per_million) // MILLION)
