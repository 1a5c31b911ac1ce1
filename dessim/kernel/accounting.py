"""Where time goes, how long faults take, and how many there were at what time.

All of it is sums, counts and maxima, so that the result does not depend on the order in which an
engine carries out steps that are independent of each other.
"""

from dessim.kernel.bits import highest_bit
from dessim.kernel.layout import *


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
    shift = highest_bit(value_ps) - HIST_SUB_BITS
    bucket = ((shift + 1) << HIST_SUB_BITS) + (value_ps >> shift) - (1 << HIST_SUB_BITS)
    return bucket if bucket < HIST_BUCKETS else HIST_BUCKETS - 1


def end_latency(w: World, t: int, now: int) -> None:
    """Note that the task's fault, or its wait for a lock, is over: its latency is now due.

    Whether all threads run at ``now`` is known for sure at the task's next shared step only: a
    private step may be carried out before earlier steps of other tasks.
    """
    w[t + T_FAULT_END] = now
    w[t + T_DUE] |= DUE_LATENCY


def record_latency(w: World, t: int) -> None:
    """Add the latency that is due to one of two records, by the time at which it ended.

    The first holds those that ended while all threads ran.
    """
    w[t + T_DUE] &= ~DUE_LATENCY
    ended = w[t + T_FAULT_END]
    record = w[H_HIST]
    if ended < w[H_STEADY_FROM] or ended > w[H_STEADY_TO]:
        record += Y_WORDS
    latency_ps = ended - w[t + T_FAULT_AT]
    add_latency(w, record, latency_ps)
    if w[H_PAGING]:
        record_major(w, t, latency_ps, record - w[H_HIST])


def record_call(w: World, t: int, call: int, now: int) -> None:
    """Add the latency of a system call that ends now to the record of its kind.

    Calls on a region have a time series, too.
    """
    if call == CALL_REGION and w[H_PAGING] == 0:
        record_more(w, now, SERIES_OF_CALLS, 1)
    add_latency(w, w[H_HIST] + (N_FAULT_RECORDS + call) * Y_WORDS, now - w[t + T_CALL_AT])


def add_latency(w: World, record: int, latency_ps: int) -> None:
    """Add a latency to a record."""
    w[record + Y_BUCKETS + bucket_of(latency_ps)] += 1
    w[record + Y_COUNT] += 1
    w[record + Y_SUM] += latency_ps
    if latency_ps > w[record + Y_MAX]:
        w[record + Y_MAX] = latency_ps


def record_major(w: World, t: int, latency_ps: int, part: int) -> None:
    """Add the latency of a fault that had to wait for the device to those of such faults alone."""
    g = w[H_PAGING]
    task = (t - w[H_TASK]) // T_WORDS
    if w[w[g + G_TASK] + task * X_WORDS + X_MAJOR] == 0:
        return
    add_latency(w, w[g + G_HIST] + part, latency_ps)


def halve_series(w: World) -> None:
    """Double the width of the time bins: merge them in pairs."""
    base = w[H_SERIES]
    for row in range(w[H_SERIES_ROWS]):
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


def record_more(w: World, now: int, row: int, by: int) -> None:
    """Add to one of the time series that follow those of faults and pages."""
    while now >> w[H_SERIES_SHIFT] >= SERIES_BINS:
        halve_series(w)
    w[w[H_SERIES] + (2 + row) * SERIES_BINS + (now >> w[H_SERIES_SHIFT])] += by
