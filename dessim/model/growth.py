"""Sizes that `simulate: auto` tries: each four times the one before, up to a cap.

A part of a file says what the whole would show only if a larger part says the same. How much work a
size is depends on the access: a word of a mapped page is read in a fraction of the time of a fault,
and a region that is touched in six sweeps is six times the work.
"""

from __future__ import annotations

from dessim.model.workload import PAGE_BYTES, Workload

AUTO = 0
"""Value of `simulate_bytes` that stands for `simulate: auto`."""
FACTOR = 4
"""One size to the next. At least 2: a drift must have room to show."""
LEAST_FACTOR = 2
"""What the last step before the cap must still be."""
START_PAGES = 2048
"""First size, in accesses of a thread, of random access in pages: some windows of any order."""
START_TABLES = 512
"""First size of access `one_per_table`, in page tables."""
RUN_ACCESSES = 1 << 22
"""Accesses of all threads of one run at most, where the experiment does not say: about a second."""
TOUCHES_PER_ACCESS = 16
"""Words of mapped pages that take about as long to simulate as one fault."""
WRITE_ACCESSES = 4
"""Pages of a window of 16 that take about as long to simulate as one fault that writes."""
TABLE_PAGES = 512
MOST_BYTES = 1 << 40
"""The greatest size that an experiment can ask for."""


def first_bytes(workload: Workload, cap: int | None = None) -> int:
    """Return the first size that is simulated of a workload's file, bytes.

    Parameters
    ----------
    workload : Workload
    cap : int or None, bytes
        As of ``cap_bytes``: under a low cap, one that leaves room for a second size.
    """
    pages = START_TABLES * TABLE_PAGES if workload.access == "one_per_table" else START_PAGES
    usual = pages * PAGE_BYTES
    if cap is None or cap >= LEAST_FACTOR * usual:
        return usual
    return max(cap // FACTOR // PAGE_BYTES, 1) * PAGE_BYTES


def cap_bytes(workload: Workload, threads: int, asked: int | None) -> int:
    """Return the largest size that is tried, bytes: what was asked for, or about a second's work.

    Parameters
    ----------
    workload : Workload
    threads : int
    asked : int or None, bytes
        `simulate_cap` of the experiment.
    """
    if asked is not None:
        return asked
    each = workload.sweeps
    if workload.fault != "read" and not workload.anon_order:  # each page has a fault of its own
        each *= WRITE_ACCESSES
    accesses = max(1, RUN_ACCESSES // (threads * each))
    if workload.access == "one_per_table":
        pages = accesses * TABLE_PAGES
    else:
        pages = accesses * TOUCHES_PER_ACCESS // max(TOUCHES_PER_ACCESS, workload.touches_per_page)
    round_size: int = (
        1 << (max(pages, 1) * PAGE_BYTES).bit_length() - 1
    )  # a power of two reads best
    return min(max(round_size, LEAST_FACTOR * first_bytes(workload)), MOST_BYTES)


def next_bytes(size: int, file_bytes: int, cap: int) -> int | None:
    """Return the size to try after another, bytes; None if there is none that is large enough.

    Parameters
    ----------
    size, file_bytes, cap : int, bytes
        The size tried, the whole file, and the largest size to try.

    Returns
    -------
    int or None
        ``file_bytes`` stands for the whole file. A step that would leave a small rest of the file
        or of the cap goes to its end.
    """
    end = min(file_bytes, cap)
    if end < LEAST_FACTOR * size:
        return None
    step = FACTOR * size
    return step if end >= LEAST_FACTOR * step else end
