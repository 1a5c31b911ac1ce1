"""Where latencies and time series of a run are counted."""

from dessim.kernel.record import Record

HIST_SUB_BITS = 7  # 128 buckets an octave: relative width <= 1/128
HIST_BUCKETS = 128 * 42  # values below 2**48 ps = 281 s; above: the last bucket

_latencies = Record()
Y_COUNT = _latencies.word()
Y_SUM = _latencies.word()
Y_MAX = _latencies.word()
Y_BUCKETS = _latencies.end(multiple=8)  # the histogram
Y_WORDS = Y_BUCKETS + HIST_BUCKETS

# Latencies of faults, or of waits: while all threads run, and before or after. Then those of system
# calls, of the whole run, where tasks make any.
N_FAULT_RECORDS = 2
CALLS = ("region", "mmap", "writer")
"""Of which system calls there is a record each: what a task does with its region after a sweep,
mmap, and calls of actors that write mmap_lock at a rate."""
CALL_REGION, CALL_MMAP, CALL_WRITER = range(len(CALLS))

SERIES_BINS = 1024
SERIES_FIRST_SHIFT = 20
SERIES_OF_CALLS = 0  # behind those of faults and pages: calls on regions, if no page is read
