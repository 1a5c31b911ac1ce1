"""A trace as accesses of a workload: which pages there are, and when each task asks for them.

Addresses are sparse, pages of a World are not: each block of 512 pages in which a fault lies, a
page table's reach, becomes one page table of the World, and a page keeps its place in it. So what a
window covers and who shares a page table is as it was; what lies in different page tables stands
side by side here.

A trace says when a page was mapped, and not when it was unmapped. A page that faults once more in
the same address space stands for new pages: its block is there once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dessim.errors import UserError
from dessim.kernel import layout as lay
from dessim.model import trace_file
from dessim.model.trace_file import TraceFile, TraceTask, load_trace
from dessim.model.workload import Workload

Rows = npt.NDArray[np.int64]
RACE_NS = 100_000
"""Two tasks that fault on a page at about the same time want the same page."""
MAX_TABLES = 1 << 15
MAX_SPAN_NS = 30 * 86_400 * 10**9
PS_PER_NS = 1000


class ReplayError(UserError):
    """A trace that cannot be replayed as its workload asks for."""


@dataclass(frozen=True)
class Replay:
    """What the tasks of a trace do.

    Attributes
    ----------
    rows : int64 array, shape (n, 2)
        Page and ps, task by task, in order of time: ps of think time before the access, or, if the
        replay is open, of its arrival.
    counts : tuple of int
        Rows of each task.
    starts_ps : tuple of int, ps
        When each task begins.
    regions : tuple of (int, int)
        First page and number of pages of each task's own region; of all tasks the whole file.
    pages : int
        Of the World.
    processes : tuple of int
        Number of each task's process, ascending.
    tasks : tuple of TraceTask
        In the order of the replay.
    """

    rows: Rows
    counts: tuple[int, ...]
    starts_ps: tuple[int, ...]
    regions: tuple[tuple[int, int], ...]
    pages: int
    processes: tuple[int, ...]
    tasks: tuple[TraceTask, ...]

    @property
    def region_pages(self) -> int:
        """Number of pages of the largest region."""
        return max(pages for _, pages in self.regions)


def replay_of(workload: Workload) -> Replay | None:
    """Return what the tasks of a workload's trace do; None if it has none.

    Raises
    ------
    UnreadableError, TraceFileError, ReplayError
        If the trace cannot be read, or holds nothing to replay.
    """
    if not workload.replays:
        return None
    return _replay(
        workload.trace,
        workload.trace_sha256,
        workload.fault,
        workload.replay,
        workload.fault_time_ps,
    )


@lru_cache(maxsize=8)
def _replay(path: str, sha256: str, fault: str, mode: str, fault_time_ps: int) -> Replay:
    return laid_out(load_trace(path, sha256), fault, mode, fault_time_ps)


def is_replayed(trace: TraceFile, fault: str) -> npt.NDArray[np.bool_]:
    """Return which faults of a trace are of a kind.

    What the trace does not say is taken for what it mostly is: a write to an unknown page is one to
    anonymous memory, any other access one to a file.

    Parameters
    ----------
    trace : TraceFile
    fault : str
        As of a workload.

    Returns
    -------
    bool array, shape (n,)
    """
    writes = trace.access == trace_file.WRITE
    unknown = trace.file == trace_file.UNKNOWN_FILE
    found: npt.NDArray[np.bool_] = (trace.file == trace_file.ANONYMOUS) | (unknown & writes)
    if fault != "anonymous":
        found = ~found & (writes == (fault != "read"))
    return found


def laid_out(trace: TraceFile, fault: str, mode: str, fault_time_ps: int) -> Replay:
    """Return what the tasks of a trace do.

    Parameters
    ----------
    trace : TraceFile
    fault : str
        Which faults are replayed; the others are think time.
    mode : "closed" or "open"
    fault_time_ps : int, ps
        How long a fault and its tracing took, which is no think time.

    Raises
    ------
    ReplayError
        If there are no such faults, they span more than a month, or touch too many page tables.
    """
    order = sorted(range(len(trace.tasks)), key=lambda i: trace.tasks[i].process)
    tasks = tuple(trace.tasks[i] for i in order)
    chosen = is_replayed(trace, fault)
    if not chosen.any():
        raise ReplayError(f"the trace has no faults of kind {fault!r}: set another fault")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    process = np.array([task.process for task in tasks], dtype=np.int64)
    task, time_ns = rank[trace.task[chosen]], trace.time_ns[chosen]
    page, file = trace.page[chosen], trace.file[chosen]
    time_ns = time_ns - time_ns[0]
    if time_ns[-1] > MAX_SPAN_NS:
        raise ReplayError("the trace is longer than 30 days: shorten it")
    owner = task if fault != "read" else np.zeros_like(task)
    space = np.where(file >= 0, file, -1 - process[task])
    again = _generations(process[task], space, page, task, time_ns)
    pages, regions = _tables(owner, space, page, again, len(tasks))
    by_task = np.argsort(task, kind="stable")
    rows, starts = _timed(task[by_task], time_ns[by_task], mode, fault_time_ps, len(tasks))
    rows[:, 0] = pages[by_task]
    counts = np.bincount(task, minlength=len(tasks))
    total = sum(pages for _, pages in regions)
    whole = regions if fault != "read" else ((0, total),) * len(tasks)
    return Replay(
        rows,
        tuple(int(n) for n in counts),
        starts,
        whole,
        total,
        tuple(int(n) for n in process),
        tasks,
    )


def _changes(*columns: Rows) -> npt.NDArray[np.bool_]:
    """Return where any of some sorted columns differs from the row before."""
    first = np.ones(len(columns[0]), dtype=bool)
    first[1:] = False
    for column in columns:
        first[1:] |= column[1:] != column[:-1]
    return first


def _generations(process: Rows, space: Rows, page: Rows, task: Rows, time_ns: Rows) -> Rows:
    """Return for each fault how often its page has become a new one in its address space."""
    order = np.lexsort((time_ns, page, space, process))
    first = _changes(process[order], space[order], page[order])
    same_task = np.zeros(len(order), dtype=bool)
    same_task[1:] = task[order][1:] == task[order][:-1]
    late = np.zeros(len(order), dtype=bool)
    late[1:] = np.diff(time_ns[order]) > RACE_NS
    new = np.cumsum(~first & (same_task | late))
    at_first = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    found = np.empty(len(order), dtype=np.int64)
    found[order] = new - new[at_first]
    return found


def _tables(
    owner: Rows, space: Rows, page: Rows, again: Rows, tasks: int
) -> tuple[Rows, tuple[tuple[int, int], ...]]:
    """Return the place of each fault's page, and first page and pages of each owner.

    A page keeps its place in its page table. One that faults again takes a free place of the same
    table, as long as there are any, then of further ones.
    """
    block, slot = page // lay.TABLE_PAGES, page & (lay.TABLE_PAGES - 1)
    order = np.lexsort((slot, again, block, space, owner))
    group = np.cumsum(_changes(owner[order], space[order], block[order])) - 1
    if group[-1] >= MAX_TABLES:
        raise _too_many(int(group[-1]) + 1)
    first = _changes(group, again[order], slot[order])
    own = owner[order][first]
    place, tables = _places(group[first], again[order][first], slot[order][first])
    groups = _changes(group[first])
    each = np.bincount(own[groups], weights=tables, minlength=1).astype(np.int64)
    owners = tasks if owner.any() or tasks == 1 else 1
    sizes = np.ones(max(owners, len(each)), dtype=np.int64)
    sizes[: len(each)] = np.maximum(each, 1)
    if sizes.sum() > MAX_TABLES:
        raise _too_many(int(sizes.sum()))
    begins = np.cumsum(sizes) - sizes
    seen = np.cumsum(each) - each
    table = np.cumsum(tables) - tables - seen[own[groups]] + begins[own[groups]]
    at = table[group[first]] * lay.TABLE_PAGES + place
    found = np.empty(len(order), dtype=np.int64)
    found[order] = at[np.cumsum(first) - 1]
    regions = zip(begins * lay.TABLE_PAGES, sizes * lay.TABLE_PAGES, strict=True)
    return found, tuple((int(begin), int(size)) for begin, size in regions)


def _places(group: Rows, again: Rows, slot: Rows) -> tuple[Rows, Rows]:
    """Return the place of each page in the tables of its group, and how many each group has.

    Pages are sorted by group; in it those that fault for the first time come first.
    """
    place = slot.copy()
    begins = np.flatnonzero(_changes(group))
    tables = np.ones(len(begins), dtype=np.int64)
    late = again > 0
    several = np.bincount(group[late], minlength=len(begins))
    ends = np.append(begins[1:], len(group))
    for number in np.flatnonzero(several):
        end, many = ends[number], several[number]
        early = slot[begins[number] : end - many]
        free = np.setdiff1d(np.arange(lay.TABLE_PAGES), early, assume_unique=True)
        more = np.arange(max(0, many - len(free))) + lay.TABLE_PAGES
        place[end - many : end] = np.append(free, more)[:many]
        tables[number] += -(-len(more) // lay.TABLE_PAGES)
    return place, tables


def _too_many(tables: int) -> ReplayError:
    return ReplayError(
        f"the faults lie in {tables:,} page tables, and {MAX_TABLES:,} can be simulated:"
        " import fewer tasks (--comm, --pid) or a shorter trace"
    )


def _timed(
    task: Rows, time_ns: Rows, mode: str, fault_time_ps: int, tasks: int
) -> tuple[Rows, tuple[int, ...]]:
    """Return the rows with their times, and when each task begins."""
    rows = np.zeros((len(task), 2), dtype=np.int64)
    arrival = time_ns * PS_PER_NS
    starts = np.zeros(tasks, dtype=np.int64)
    first = _changes(task)
    starts[task[first]] = arrival[first]
    if mode == "open":
        rows[:, 1] = arrival
    else:
        gap = np.diff(arrival, prepend=arrival[:1]) - fault_time_ps
        rows[:, 1] = np.where(first, 0, np.maximum(gap, 0))
    return rows, tuple(int(start) for start in starts)
