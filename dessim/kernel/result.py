"""What a run leaves: plain integers, read out of the World when the last task has ended."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dessim.kernel import layout as lay
from dessim.kernel.addressing import table_pages
from dessim.kernel.exec_invariants import check_files_at_rest
from dessim.kernel.held_at_end import still_held
from dessim.kernel.histogram import merge
from dessim.kernel.layout import World
from dessim.kernel.memory_invariants import check_memory_at_rest
from dessim.kernel.paging_invariants import check_paging_at_rest
from dessim.kernel.setup import LINE_BYTES

MIN_SHARE = 5
"""Smallest part of a run that speaks for it, as a divisor: one fifth."""
SERIES_OF_PAGING = ("series_touches", "series_read", "series_evictions", "series_interrupts")
"""Fields of the time series that only files larger than memory have, in the order of their rows."""


class InvariantError(AssertionError):
    """The World at the end of a run contradicts itself: a bug in dessim or in a scheme."""


@dataclass(frozen=True)
class Latencies:
    """Latencies that ended in some part of a run.

    Attributes
    ----------
    counts : tuple of (int, int)
        Bucket and count, ascending.
    max_ps, sum_ps, count : int
    """

    counts: tuple[tuple[int, int], ...]
    max_ps: int
    sum_ps: int
    count: int

    def __add__(self, other: "Latencies") -> "Latencies":
        """Return the latencies of both parts."""
        return Latencies(
            merge((self.counts, other.counts)),
            max(self.max_ps, other.max_ps),
            self.sum_ps + other.sum_ps,
            self.count + other.count,
        )


@dataclass(frozen=True)
class RunResult:
    """One run.

    Attributes
    ----------
    threads : int
    pages_simulated, pages_declared : int
        Pages of the file per thread: simulated, and in the workload.
    start_ps, first_finish_ps, finish_ps, completion_ps : int, ps
        When the last thread started, the first and the last one finished its accesses, and the last
        process had been torn down.
    counters : dict
        Events by name (``layout.COUNTERS``).
    time_ps : dict
        Time by category, summed over tasks; adds up to ``total_time_ps`` exactly.
    total_time_ps : int, ps
        Sum over tasks of the time from start to end.
    latency_counts : tuple of (int, int)
        Histogram of fault latencies: bucket and count, ascending (``histogram``).
    latency_max_ps, latency_sum_ps, latency_count : int
    latency_steady : bool
        Whether these are the latencies that ended while all threads ran; else those of the whole
        run, which had no such time to speak of (``choose_latencies``).
    series_bin_ps : int, ps
        Width of the bins of the two time series.
    series_faults, series_pages : tuple of int
        Faults that ended, and pages that they mapped, per bin of simulated time.
    events : int
        Simulated steps.
    series_touches, series_read, series_evictions, series_interrupts : tuple of int
        Of a file that may be larger than memory: pages touched, read by the device, evicted, and
        CPUs interrupted to flush them, per bin; empty for others.
    major_counts : tuple of (int, int)
        Histogram of the latencies of faults that waited for the device, out of those above.
    major_max_ps, major_sum_ps, major_count : int
    calls : dict
        Latencies of system calls by kind (``layout.CALLS``), of the whole run; empty where tasks
        make none.
    series_calls : tuple of int
        Calls on a region that ended (munmap, madvise, fork, exec), per bin.
    page_bytes : int, bytes
    """

    threads: int
    pages_simulated: int
    pages_declared: int
    start_ps: int
    first_finish_ps: int
    finish_ps: int
    completion_ps: int
    counters: dict[str, int]
    time_ps: dict[str, int]
    total_time_ps: int
    latency_counts: tuple[tuple[int, int], ...]
    latency_max_ps: int
    latency_sum_ps: int
    latency_count: int
    latency_steady: bool
    series_bin_ps: int
    series_faults: tuple[int, ...]
    series_pages: tuple[int, ...]
    events: int
    series_touches: tuple[int, ...] = ()
    series_read: tuple[int, ...] = ()
    series_evictions: tuple[int, ...] = ()
    series_interrupts: tuple[int, ...] = ()
    major_counts: tuple[tuple[int, int], ...] = ()
    major_max_ps: int = 0
    major_sum_ps: int = 0
    major_count: int = 0
    calls: dict[str, Latencies] = field(default_factory=dict)
    series_calls: tuple[int, ...] = ()
    page_bytes: int = 4096

    @property
    def scaled(self) -> bool:
        """Whether only a part of the file was simulated."""
        return self.pages_simulated < self.pages_declared

    @property
    def faults(self) -> int:
        """Faults of the whole run; in a lock loop, acquisitions of the lock."""
        return sum(self.series_faults)


def choose_latencies(
    steady: Latencies, other: Latencies, start_ps: int, first_finish_ps: int, finish_ps: int
) -> tuple[Latencies, bool]:
    """Return the latencies that speak for a run, and whether they are those of its steady part.

    That part goes from the last start to the first finish, as that of the rates. Where it is less
    than a fifth of the run, or holds no latency, all latencies of the run have to do.
    """
    if steady.count and (first_finish_ps - start_ps) * MIN_SHARE >= finish_ps:
        return steady, True
    return steady + other, False


def read_result(w: World, pages_declared: int) -> RunResult:
    """Read a finished World out.

    Raises
    ------
    InvariantError
        If time does not add up or pages and page tables disagree.
    """
    tasks = [int(w[lay.H_TASK]) + i * lay.T_WORDS for i in range(int(w[lay.H_WORKERS]))]
    time_ps = _time_by_category(w)
    total = sum(int(w[t + lay.T_CLOCK]) - int(w[t + lay.T_START]) for t in tasks)
    if sum(time_ps.values()) != total:
        raise InvariantError(f"accounted {sum(time_ps.values())} ps of {total} ps")
    series = int(w[lay.H_SERIES])
    faults = [int(w[series + i]) for i in range(lay.SERIES_BINS)]
    pages = [int(w[series + lay.SERIES_BINS + i]) for i in range(lay.SERIES_BINS)]
    used = max((i + 1 for i, n in enumerate(faults) if n), default=0)
    base = int(w[lay.H_COUNT])
    start_ps = max(int(w[t + lay.T_START]) for t in tasks)
    first_ps, last_ps = (edge(int(w[t + lay.T_FINISH]) for t in tasks) for edge in (min, max))
    inside, outside = (_latencies(w, int(w[lay.H_HIST]) + i * lay.Y_WORDS) for i in range(2))
    latencies, steady = choose_latencies(inside, outside, start_ps, first_ps, last_ps)
    return RunResult(
        threads=len(tasks),
        pages_simulated=int(w[lay.H_REGION] or w[lay.H_PAGES]),
        pages_declared=pages_declared,
        start_ps=start_ps,
        first_finish_ps=first_ps,
        finish_ps=last_ps,
        completion_ps=int(w[lay.H_END]),
        counters={name: int(w[base + lay.COUNTERS.index(name)]) for name in _counters(w)},
        time_ps=time_ps,
        total_time_ps=total,
        latency_counts=latencies.counts,
        latency_max_ps=latencies.max_ps,
        latency_sum_ps=latencies.sum_ps,
        latency_count=latencies.count,
        latency_steady=steady,
        series_bin_ps=1 << int(w[lay.H_SERIES_SHIFT]),
        series_faults=tuple(faults[:used]),
        series_pages=tuple(pages[:used]),
        events=int(w[lay.H_EVENTS]),
        calls=_calls(w) if w[lay.H_FRAME] else {},
        series_calls=_series(w, 2 + lay.SERIES_OF_CALLS) if w[lay.H_SERIES_ROWS] == 3 else (),
        page_bytes=int(w[lay.H_TABLE_LINES]) * LINE_BYTES,
        **_of_paging(w, steady=steady),
    )


def _series(w: World, row: int) -> tuple[int, ...]:
    """Return a time series up to its last bin in which anything happened."""
    first = int(w[lay.H_SERIES]) + row * lay.SERIES_BINS
    bins = [int(w[first + i]) for i in range(lay.SERIES_BINS)]
    return tuple(bins[: max((i + 1 for i, n in enumerate(bins) if n), default=0)])


def _of_paging(w: World, *, steady: bool) -> dict[str, Any]:
    """Return the fields of a result that only files larger than memory have."""
    if not w[lay.H_PAGING]:
        return {}
    found: dict[str, Any] = {name: _series(w, 2 + row) for row, name in enumerate(SERIES_OF_PAGING)}
    hist = int(w[w[lay.H_PAGING] + lay.G_HIST])
    inside, outside = (_latencies(w, hist + i * lay.Y_WORDS) for i in range(2))
    major = inside if steady else inside + outside
    found |= {"major_counts": major.counts, "major_max_ps": major.max_ps}
    return found | {"major_sum_ps": major.sum_ps, "major_count": major.count}


def _calls(w: World) -> dict[str, Latencies]:
    first = int(w[lay.H_HIST]) + lay.N_FAULT_RECORDS * lay.Y_WORDS
    return {name: _latencies(w, first + i * lay.Y_WORDS) for i, name in enumerate(lay.CALLS)}


def _latencies(w: World, record: int) -> Latencies:
    buckets = (int(w[record + lay.Y_BUCKETS + i]) for i in range(lay.HIST_BUCKETS))
    counts = tuple((i, n) for i, n in enumerate(buckets) if n)
    fields = (int(w[record + word]) for word in (lay.Y_MAX, lay.Y_SUM, lay.Y_COUNT))
    return Latencies(counts, *fields)


def _time_by_category(w: World) -> dict[str, int]:
    first = int(w[lay.H_TASK]) + lay.T_ACCOUNT
    tasks = [first + task * lay.T_WORDS for task in range(int(w[lay.H_WORKERS]))]
    found = {name: sum(int(w[t + i]) for t in tasks) for i, name in enumerate(lay.CATEGORIES)}
    names = lay.CATEGORIES
    of_memory = names[lay.N_FILE_CATEGORIES : lay.N_PAGING_CATEGORIES]
    of_paging = names[lay.N_PAGING_CATEGORIES :]
    for present, some in ((w[lay.H_FRAME], of_memory), (w[lay.H_PAGING], of_paging)):
        if not present and not any(found[name] for name in some):
            found = {name: ps for name, ps in found.items() if name not in some}
    return found


def _counters(w: World) -> tuple[str, ...]:
    """Return the counters of a run: those of memory, paging and traces where there is any."""
    parts = (
        (0, lay.N_FILE_COUNTERS, True),
        (lay.N_FILE_COUNTERS, lay.N_PAGING_COUNTERS, w[lay.H_FRAME] or w[lay.H_PAGING]),
        (lay.N_PAGING_COUNTERS, lay.N_REPLAY_COUNTERS, w[lay.H_PAGING]),
        (lay.N_REPLAY_COUNTERS, len(lay.COUNTERS), w[lay.H_TRACE]),
    )
    return tuple(name for i, j, there in parts if there for name in lay.COUNTERS[i:j])


def check_at_rest(w: World) -> None:
    """Check that a finished World is at rest: nothing mapped, locked, waited for or leaked.

    Raises
    ------
    InvariantError
        With the first page, lock or queue that is not at rest.
    """
    base, words, pages = int(w[lay.H_PAGE]), int(w[lay.H_PAGE_WORDS]), int(w[lay.H_PAGES])
    table = np.asarray(w[base : base + pages * words]).reshape(-1, words)
    flags, mapcount, refcount = (
        table[:, word] for word in (lay.P_FLAGS, lay.P_MAPCOUNT, lay.P_REFCOUNT)
    )
    head = np.arange(pages) % int(w[lay.H_FOLIO]) == 0
    wanted = ((flags & lay.FLAG_OURS) != 0) & head
    wrong = (mapcount != 0) | (refcount != wanted) | ((flags & lay.FLAG_LOCKED) != 0)
    if wrong.any():
        page = int(wrong.argmax())
        raise InvariantError(
            f"page {page} at the end: mapcount {mapcount[page]}, refcount {refcount[page]},"
            f" flags {flags[page]}"
        )
    first = int(w[int(w[lay.H_MAPPING]) + lay.M_PTE])
    tables = int(w[lay.H_MAPPINGS]) * int(w[lay.H_TABLES])
    ptes = tables * (table_pages(w) >> lay.PTE_SHIFT)
    if np.asarray(w[first : first + ptes]).any():
        raise InvariantError("a page is mapped at the end")
    if held := still_held(w):
        raise InvariantError(held)
    if any(w[int(w[lay.H_BUCKET]) + i] for i in range(int(w[lay.H_BUCKETS]))):
        raise InvariantError("somebody sleeps on a page at the end")
    check_files_at_rest(w)
    if w[lay.H_FRAME] and w[lay.H_PAGING]:
        check_paging_at_rest(w if isinstance(w, list) else [int(word) for word in w])
    elif w[lay.H_FRAME]:
        check_memory_at_rest(w if isinstance(w, list) else [int(word) for word in w])
    if w[lay.H_IO_HEAD]:
        raise InvariantError("a page waits for the device at the end")
