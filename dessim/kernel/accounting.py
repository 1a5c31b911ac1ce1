"""Where time goes, how long faults take, and how many there were at what time.

All of it is sums, counts and maxima, so that the result does not depend on the order in which an
engine carries out steps that are independent of each other.
"""

from dessim.kernel.layout import (
    H_COUNT,
    H_HIST,
    H_LATENCY_MAX,
    H_LATENCY_SUM,
    H_SERIES,
    H_SERIES_SHIFT,
    HIST_BUCKETS,
    HIST_SUB_BITS,
    N_LATENCIES,
    SERIES_BINS,
    T_ACCOUNT,
    World,
)


def account(w: World, t: int, category: int, ps: int) -> None:
    """Add ps to a category of the task whose record is at ``t``."""
    w[t + T_ACCOUNT + category] += ps


def count(w: World, counter: int, by: int) -> None:
    """Add to a counter of the run."""
    w[w[H_COUNT] + counter] += by


def bucket_of(value_ps: int) -> int:
    """Return the histogram bucket of a latency: exact below 128 ps, then 128 buckets an octave.

    Source
    ------
    The layout of HdrHistogram (G. Tene): linear inside an octave, logarithmic over octaves.
    """
    if value_ps < 1 << HIST_SUB_BITS:
        return value_ps
    shift = 0
    rest = value_ps >> (HIST_SUB_BITS + 1)
    step = 32
    while step:
        if rest >> step:
            shift += step
            rest >>= step
        step >>= 1
    shift += rest
    bucket = ((shift + 1) << HIST_SUB_BITS) + (value_ps >> shift) - (1 << HIST_SUB_BITS)
    return bucket if bucket < HIST_BUCKETS else HIST_BUCKETS - 1


def record_latency(w: World, latency_ps: int) -> None:
    """Add one fault's latency to the histogram."""
    w[w[H_HIST] + bucket_of(latency_ps)] += 1
    count(w, N_LATENCIES, 1)
    w[H_LATENCY_SUM] += latency_ps
    if latency_ps > w[H_LATENCY_MAX]:
        w[H_LATENCY_MAX] = latency_ps


def halve_series(w: World) -> None:
    """Double the width of the time bins: merge them in pairs."""
    base = w[H_SERIES]
    for row in range(2):
        start = base + row * SERIES_BINS
        for i in range(SERIES_BINS // 2):
            w[start + i] = w[start + 2 * i] + w[start + 2 * i + 1]
        for i in range(SERIES_BINS // 2, SERIES_BINS):
            w[start + i] = 0
    w[H_SERIES_SHIFT] += 1


def record_in_series(w: World, now: int, pages: int) -> None:
    """Count a fault that ended at ``now``, and the pages it mapped, in its time bin."""
    while now >> w[H_SERIES_SHIFT] >= SERIES_BINS:
        halve_series(w)
    place = w[H_SERIES] + (now >> w[H_SERIES_SHIFT])
    w[place] += 1
    w[place + SERIES_BINS] += pages
