"""Latency histograms as bucket counts: bounds of buckets, quantiles, merging.

Source
------
The layout of HdrHistogram (G. Tene): 128 linear buckets an octave, relative width at most 1/128.
"""

from collections.abc import Iterable

from dessim.kernel.accounting import bucket_of
from dessim.kernel.layout import HIST_SUB_BITS

__all__ = ["bucket_high", "bucket_low", "bucket_of", "merge", "quantile_ps"]

Counts = tuple[tuple[int, int], ...]

_SUB = 1 << HIST_SUB_BITS


def bucket_low(bucket: int) -> int:
    """Return the smallest value of a bucket, ps."""
    if bucket < _SUB:
        return bucket
    shift = (bucket >> HIST_SUB_BITS) - 1
    return (_SUB + (bucket & (_SUB - 1))) << shift


def bucket_high(bucket: int) -> int:
    """Return the largest value of a bucket, ps."""
    return bucket_low(bucket + 1) - 1


def merge(many: Iterable[Counts]) -> Counts:
    """Return the sum of histograms: exact, since buckets are the same everywhere."""
    total: dict[int, int] = {}
    for counts in many:
        for bucket, n in counts:
            total[bucket] = total.get(bucket, 0) + n
    return tuple(sorted(total.items()))


def quantile_ps(counts: Counts, per_million: int) -> int | None:
    """Return a quantile: the middle of the bucket that holds the observation of that rank.

    Parameters
    ----------
    counts : tuple of (bucket, count)
    per_million : int
        999_000 for p99.9.

    Returns
    -------
    int or None, ps
        None if the histogram is empty.
    """
    total = sum(n for _, n in counts)
    rank = -(-total * per_million // 1_000_000)
    seen = 0
    for bucket, n in counts:
        seen += n
        if seen >= max(rank, 1):
            return (bucket_low(bucket) + bucket_high(bucket)) // 2
    return None
