"""The share of faults that take longer than some time: the complementary distribution."""

from collections.abc import Sequence
from dataclasses import dataclass

from dessim.kernel.histogram import Counts, bucket_high, merge
from dessim.measure.statistics.intervals import half_width
from dessim.measure.statistics.run_metrics import PS_PER_NS


@dataclass(frozen=True)
class Survivors:
    """How many faults take longer than a latency.

    Attributes
    ----------
    latency_ns : float, ns
        Upper end of a histogram bucket.
    faults : int
        Faults in that bucket, all replications together.
    longer_share : float, 0..1
        Share of all faults above it.
    low, high : float or None, 0..1
        95 % t interval over replications, cut to 0..1.
    """

    latency_ns: float
    faults: int
    longer_share: float
    low: float | None
    high: float | None


def survival(runs: Sequence[Counts]) -> list[Survivors]:
    """Complementary distribution of latencies with an interval at each bucket.

    Parameters
    ----------
    runs : sequence of histograms, shape (n_replications,), buckets of ps

    Returns
    -------
    list of Survivors
        By latency, ascending.
    """
    merged = merge(runs)
    totals = [sum(n for _, n in counts) for counts in runs]
    left = list(totals)
    tables = [dict(counts) for counts in runs]
    rows = []
    for bucket, n in merged:
        left = [rest - table.get(bucket, 0) for rest, table in zip(left, tables, strict=True)]
        share = sum(left) / sum(totals)
        half = None
        if min(totals):
            each = [rest / total for rest, total in zip(left, totals, strict=True)]
            half = half_width(each, share)
        low, high = (None, None) if half is None else (max(0.0, share - half), share + half)
        top_ns = bucket_high(bucket) / PS_PER_NS
        rows.append(Survivors(top_ns, n, share, low, None if high is None else min(1.0, high)))
    return rows
