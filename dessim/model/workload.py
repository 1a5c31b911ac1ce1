"""What a workload is: who touches which pages of the file, in which order and mapping."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from dessim.model.costs import Cost
from dessim.model.fields import (
    Count,
    Model,
    Name,
    PositiveTime,
    Ratio,
    Share,
    Text,
    Time,
    Unit,
    refuse,
    yaml_key,
)
from dessim.model.paging_rules import PAGING_FIELDS, check_paging
from dessim.model.trace_rules import TRACE_FIELDS, check_trace
from dessim.model.units import SIZE
from dessim.model.write_rules import WRITE_FIELDS, check_writes

PAGE_BYTES = 4096
MAX_THREADS = 4096

FileSize = Annotated[int, Unit(SIZE, low=PAGE_BYTES, high=1 << 40, multiple=PAGE_BYTES)]
ThreadCount = Annotated[Count, Field(le=MAX_THREADS)]
Distribution = Literal["fixed", "exponential"]

_FAULT_FIELDS = (
    "start",
    "access",
    "mapping",
    "file_size_bytes",
    "touches_per_page",
    "random_sequence",
    "page_work_ps",
    "page_touch",
    "cached_ppm",
    "readahead_pages",
    "folio_order",
    "unmap_every_pages",
    "actors",
    *WRITE_FIELDS,
    *TRACE_FIELDS,
    *PAGING_FIELDS,
)
_LOCK_LOOP_FIELDS = (
    "think_ps",
    "hold_ps",
    "think_distribution",
    "hold_distribution",
    "iterations",
)
_DEVICE_LOOP_FIELDS = ("command_pages", "direction", "iterations")
KINDS = {
    "faults": _FAULT_FIELDS,
    "lock_loop": _LOCK_LOOP_FIELDS,
    "device_loop": _DEVICE_LOOP_FIELDS,
}
"""Kind of a workload -> the keys that belong to it."""
Kind = Literal["faults", "lock_loop", "device_loop"]


class ActorChoice(Model):
    """Somebody alongside the faulting threads: a program of `dessim/schemes` at a rate."""

    name: Annotated[Text, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=100)]
    """Name of an actor's file in `dessim/schemes`."""
    every_ps: PositiveTime
    """Mean pause between two rounds; exponentially distributed."""
    range_pages: Annotated[Count, Field(le=1 << 28)] = 16
    """Pages per round: a range of the file, drawn each time."""
    count: Annotated[Count, Field(le=64)] = 1
    """Number of actors of this kind."""
    options: dict[Annotated[Text, Field(max_length=100)], Any] = Field(default_factory=dict)
    """Options of the actor that differ from its defaults."""


class Workload(Model):
    """Threads that read a cached file, or (kind `lock_loop`) think and take one lock in turn."""

    name: Name
    """Name of the workload, as in results."""
    description: Text = ""
    """What the workload models."""
    kind: Kind = "faults"
    """`faults` reads a file. `lock_loop` has no pages: a closed queue, for theory. `device_loop`
    has no page cache: commands to the device, one after the other (O_DIRECT)."""
    threads: ThreadCount = 8
    """Number of threads, unless the experiment sets it."""
    start: Literal["pthread_create", "interval"] = "interval"
    """How threads begin. `pthread_create`: one thread of the process creates them in turn, with
    mmap and mprotect of each stack; threads with their own mapping map the file first. All of that
    takes mmap_sem for writing. `interval`: everything exists already, and threads begin an interval
    apart. The default is `pthread_create` for mappings `per_thread`, unless there is a
    `start_stagger`."""
    start_stagger_ps: Time | None = None
    """Interval between the starts of two threads, in place of the machine's `kernel.thread_start`;
    `0ns` starts all at the same instant."""
    start_jitter_ppm: Ratio = 1_000_000
    """Spread of the starts around their interval: 1 is exponential-like, 0 is regular."""

    access: Literal["sequential", "random", "one_per_table", "blocks", "trace"] = "sequential"
    """Order of the pages: in sequence; words at random, or with `fault` other than `read` each page
    of a sweep once, in an order drawn for each; one page per 2 MiB page table; blocks, of which
    each thread repeatedly takes the next that nobody has taken; or as recorded in a trace."""
    trace: Text = ""
    """Access `trace`: the file that `dessim import` wrote; a relative path starts from the folder
    of the workload's file."""
    trace_sha256: Annotated[Text, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    """Access `trace`: SHA-256 of that file, so that a result shows what was replayed."""
    replay: Literal["closed", "open"] = "closed"
    """Access `trace`. `closed`: the time between two faults of a task is think time before the
    second. `open`: faults arrive as recorded, or as soon as the task has finished the previous one.
    """
    fault_time_ps: Time = 0
    """Access `trace`, replay `closed`: time of a recorded fault and its tracing, which is not think
    time."""
    mapping: Literal["per_thread", "shared", "per_process"] = "per_thread"
    """A mapping per thread in one mm, one mapping for all, or an mm per thread."""
    file_size_bytes: FileSize = 0
    """Size of the cached file that every thread reads, a multiple of 4 KiB."""
    touches_per_page: Annotated[Count, Field(le=1_000_000)] = 1
    """Random reads: word reads per 4 KiB of the file (default 512, so that all words of the file
    are read once on average); otherwise 1."""
    random_sequence: Literal["own", "same"] = "own"
    """Random access: each thread draws its own pages, or all draw the same pages in the same order
    (a benchmark whose threads use the same seed)."""
    page_work_ps: Annotated[Time, Cost(smt="user", of_bytes=True)] = 0
    """Extra user work per 4 KiB of a page."""
    page_touch: Literal["read_page", "touch_word"] = "read_page"
    """What the user does with a page: read every word, or touch one. The default is `read_page`, or
    `touch_word` for access `one_per_table`."""

    cached_ppm: Share = 1_000_000
    """Share of the file's pages in the page cache at the start; the device reads the rest."""
    readahead_pages: Annotated[int, Field(strict=True, ge=0, le=4096)] = 0
    """Pages that the device reads ahead after a miss or a marked page; 0 turns readahead off."""
    unmap_every_pages: Annotated[int, Field(strict=True, ge=0, le=1 << 28)] = 0
    """Sequential access: a thread unmaps what it touched after this many pages; 0 means never."""
    fault: Literal["read", "anonymous", "write_shared", "write_private"] = "read"
    """What a fault does. `read` maps a cached page of the file. `anonymous` allocates and zeroes a
    page of memory. `write_shared` maps a cached page of the file for writing. `write_private`
    copies a cached page of the file to a page of memory. All except `read` need a scheme that
    supports them, such as `linux_6_12`."""
    file: Literal["shared", "own", "part"] = "shared"
    """One file for all tasks, or one of `file_size` per task, or, with `fault: anonymous`, a region
    of memory per task. All faults except `read` need `own`, which is then the default, or `part`:
    one mapping of all threads, of which each uses, unmaps and maps a part of `file_size`.
    Neighbours share the page tables in which their parts meet, and all share the VMA."""
    sweeps: Annotated[Count, Field(le=1_000_000)] = 1
    """With `fault` other than `read`: how often a task touches every page of its file or region.
    `after_sweep` sets what follows each time, inside the measured time."""
    phases: Literal["spread", "same"] = "spread"
    """With more than one of `sweeps`: where tasks begin. `spread`: each at a random place in its
    first sweep, as in the middle of a long run, when tasks are no longer in step. `same`: all at
    its start, so all unmap at once."""
    touched_ppm: Share = 1_000_000
    """With `fault` other than `read`: share of the region's pages that a sweep touches, evenly
    spaced. `0%` only maps and unmaps the region; rates and latencies are those of a pair of munmap
    and mmap."""
    vmas: Literal["own", "merged"] = "own"
    """With `fault: anonymous`: what threads of one process map. `own`: a VMA each. `merged`: their
    regions touch, and the kernel makes one VMA of them. All share its lock; munmap splits it, and
    mmap merges it again. So it is with regions that are mapped one after the other, whole multiples
    of 2 MiB, in all versions but 6.7."""
    after_sweep: Literal["munmap", "dontneed", "fork", "mremap", "exec", "exit"] = "munmap"
    """With `fault` other than `read`: what a task does with its region after each sweep. `munmap`:
    unmap it and map it again. `dontneed`: release its pages with madvise(MADV_DONTNEED), which
    keeps the mapping. `fork`: fork `calls` times, with children that exit at once, then as
    `munmap`. `mremap`: move the region `calls` times to another address, then as `munmap`. `exec`:
    the process gives its address space up and maps `exec_files`. `exit`: it ends, and a new one
    with the same files is forked in its place. All but the first need `fault: anonymous`."""
    calls: Annotated[Count, Field(le=1_000_000)] = 1
    """With `after_sweep: fork` or `mremap`: number of such calls after each sweep."""
    moves: Literal["tables", "ptes"] = "tables"
    """With `after_sweep: mremap`: what moves. `tables`: both addresses lie alike in their page
    tables, so that whole tables are hung in elsewhere. `ptes`: one pte after the other."""
    exec_files: Annotated[Count, Field(le=64)] = 3
    """With `after_sweep: exec` or `exit`: number of files that a process maps. The default is the
    binary, the loader, and the C library."""
    exec_links: Annotated[Count, Field(le=1000)] = 9
    """With `after_sweep: exec`: how often mapping a file takes its i_mmap_rwsem; at least
    `exec_vmas`. The default is counted in docs/calls.md."""
    exec_vmas: Annotated[Count, Field(le=1000)] = 5
    """With `after_sweep: exec` or `exit`: mappings of a file that are left when it is mapped, each
    of which the fork of a new process links."""
    libraries: Literal["shared", "own"] = "shared"
    """With `after_sweep: exec` or `exit`: all processes map the same files, or each has its own
    copies."""
    dropped_ppm: Share = 1_000_000
    """With `after_sweep: dontneed`: share of `drop_every` that a call of madvise drops, from its
    start on. What is left of the region stays mapped until the end of the run."""
    drop_every_bytes: Annotated[int, Unit(SIZE, low=0, high=1 << 40, multiple=PAGE_BYTES)] = 0
    """With `after_sweep: dontneed`: from where one call begins to where the next does, as an
    allocator drops what is free in each of its runs; 0 makes one call for the region."""
    split_folios: Annotated[bool, Field(strict=True)] = False
    """With `after_sweep: dontneed` that leaves parts of folios: whether the task splits these then,
    and frees what is not mapped of them, as the shrinker does when memory is full."""
    memcg_depth: Annotated[int, Field(strict=True, ge=0, le=8)] = 3
    """With `fault: anonymous` or `write_private`: page counters that a page is charged to, the
    task's memory cgroup and its ancestors including the root; 0 turns memory cgroups off."""
    anon_order: Annotated[int, Field(strict=True, ge=0, le=9)] = 0
    """With `fault: anonymous`: log2 of the pages of an anonymous folio, which a fault allocates,
    zeroes, charges and maps at once (mTHP, Linux 6.8 and later; 9 is 2 MiB, mapped by ptes)."""
    folio_order: Annotated[int, Field(strict=True, ge=0, le=9)] = 0
    """With `fault: read` or `write_private`: log2 of the pages of a folio of the file, as readahead
    makes them in the page cache of ext4 or XFS; for schemes that know folios (`linux`,
    `folio_batch`)."""
    actors: tuple[ActorChoice, ...] = ()
    """Who else works on the file while threads fault."""
    advice: Literal["", "normal", "random", "sequential"] = ""
    """The madvise of the file. With it, faults read as Linux does: windows of `readahead_pages`
    around a miss or ahead of it, each a command to the device; and memory may run out. Without it,
    a miss reads page by page, and memory never runs out."""
    memory_share_ppm: Share = 1_000_000
    """With `advice`: share of the file's pages that fits in memory; at 100% memory never runs out.
    """
    touches: Annotated[int, Field(strict=True, ge=0, le=1 << 40)] = 0
    """With `advice`: pages that each thread touches; 0 takes as many as `access` says."""
    block_pages: Annotated[int, Field(strict=True, ge=0, le=1 << 28)] = 0
    """Access `blocks`: pages per block."""
    scan_pages: Annotated[int, Field(strict=True, ge=32, le=1 << 20)] = 32
    """With `advice`: pages that a call of reclaim looks at, at least. Linux looks at 1/4096 of the
    inactive list: 32 pages of a small memory, 3,000 of 100 GB. A small memory that stands for a
    large one needs more than 32."""

    think_ps: Annotated[Time, Cost(clock=False, smt="none", drawn=True)] = 0
    """Lock loop: (mean) time from releasing the lock to requesting it again."""
    hold_ps: Annotated[Time, Cost(clock=False, smt="none", drawn=True)] = 0
    """Lock loop: (mean) time for which the lock is held."""
    think_distribution: Distribution = "exponential"
    """Lock loop: distribution of the think time."""
    hold_distribution: Distribution = "exponential"
    """Lock loop: distribution of the hold time."""
    iterations: Annotated[int, Field(strict=True, ge=0, le=10**9)] = 0
    """Lock loop: how often each thread takes the lock. Device loop: commands of each thread."""
    command_pages: Annotated[Count, Field(le=4096)] = 1
    """Device loop: pages per command."""
    direction: Literal["read", "write"] = "read"
    """Device loop: read or write."""

    @property
    def creates_threads(self) -> bool:
        """Whether threads are created in turn, each with its stack mapped."""
        return self.kind == "faults" and self.start == "pthread_create"

    @property
    def replays(self) -> bool:
        """Whether accesses are those of a trace."""
        return self.kind == "faults" and self.access == "trace"

    @property
    def maps_file(self) -> bool:
        """Whether each thread maps the file before it begins."""
        return self.creates_threads and self.mapping == "per_thread"

    @property
    def writes(self) -> bool:
        """Whether faults write, in a region of each task's own, unmapped after each sweep."""
        return self.kind == "faults" and self.fault != "read"

    @property
    def pages_file(self) -> bool:
        """Whether the file's pages are read by windows, and memory may run out."""
        return self.kind == "faults" and bool(self.advice)

    @property
    def commands(self) -> bool:
        """Whether the device serves commands of several pages, under ceilings."""
        return self.pages_file or self.kind == "device_loop"

    @property
    def uses_frames(self) -> bool:
        """Whether frames of memory are counted."""
        return self.writes or self.pages_file

    @property
    def allocates(self) -> bool:
        """Whether faults allocate memory."""
        return self.kind == "faults" and self.fault in ("anonymous", "write_private")

    @property
    def drops_parts(self) -> bool:
        """Whether MADV_DONTNEED leaves some of a region, or takes more than a call for it."""
        return self.after_sweep == "dontneed" and (
            self.dropped_ppm < 1_000_000 or self.drop_every_bytes > 0
        )

    @property
    def parts_folios(self) -> bool:
        """Whether folios of memory may be unmapped in part: single pages then take their place."""
        return self.drops_parts and self.anon_order > 0

    @property
    def merges(self) -> bool:
        """Whether the regions of a process's threads are one VMA."""
        return self.file == "part" or (self.vmas == "merged" and self.mapping == "per_thread")

    @property
    def maps_only(self) -> bool:
        """Whether tasks map and unmap their regions and touch no page."""
        return self.writes and self.touched_ppm == 0

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_access(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("kind", "faults") != "faults":
            return data
        defaults: dict[str, object] = {}
        if data.get("advice"):
            defaults |= {"readahead_pages": 32, "start_stagger": "1us", "page_touch": "touch_word"}
            for key in ("readahead_pages", "start_stagger"):
                if f"{key}_ps" in data:
                    del defaults[key]
            return {**defaults, **data}
        if data.get("access") == "random" and data.get("fault", "read") == "read":
            defaults["touches_per_page"] = 512
        if data.get("access") in ("one_per_table", "trace"):
            defaults["page_touch"] = "touch_word"
        if data.get("fault", "read") != "read":
            defaults |= {"file": "own", "start_stagger": "1us", "page_touch": "touch_word"}
            if "start_stagger_ps" in data:
                del defaults["start_stagger"]
            return {**defaults, **data}
        if data.get("access") == "trace":
            return {"mapping": "shared", **defaults, **data}
        own = data.get("mapping", "per_thread") == "per_thread"
        given = data.get("start_stagger", data.get("start_stagger_ps"))
        if own and given is None:
            defaults["start"] = "pthread_create"
        return {**defaults, **data}

    @model_validator(mode="after")
    def _check_kind(self) -> Workload:
        problems: list[tuple[tuple[str | int, ...], str]] = []
        own_keys = tuple(yaml_key(name) for name in KINDS[self.kind])
        for key in foreign_keys(self.kind):
            if key in {yaml_key(name) for name in self.model_fields_set}:
                text = f"'{key}' is not a key of kind '{self.kind}', which has "
                problems.append(((key,), text + ", ".join(own_keys)))
        required: tuple[str, ...] = ("access", "file_size_bytes")
        if self.kind == "lock_loop":
            required = ("think_ps", "hold_ps", "iterations")
        if self.kind == "device_loop":
            required = ("iterations",)
        for name in required:
            if name not in self.model_fields_set:
                problems.append(((), f"missing key '{yaml_key(name)}'"))
        problems += self._check_values()
        if problems:
            raise refuse(problems)
        return self

    def _check_values(self) -> list[tuple[tuple[str | int, ...], str]]:
        problems: list[tuple[tuple[str | int, ...], str]] = []
        if self.access != "random" and self.touches_per_page != 1:
            text = "touches_per_page needs access 'random': others touch each page once"
            problems.append((("touches_per_page",), text))
        if self.access != "random" and self.random_sequence != "own":
            text = "random_sequence needs access 'random'"
            problems.append((("random_sequence",), text))
        if self.unmap_every_pages and self.access != "sequential":
            text = "unmap_every_pages needs access 'sequential': it unmaps the pages just read"
            problems.append((("unmap_every_pages",), text))
        if self.start == "pthread_create" and self.mapping == "per_process":
            text = "start 'pthread_create' needs threads of one process; mapping 'per_process' has"
            problems.append((("start",), f"{text} one thread each: use 'interval'"))
        problems += check_writes(self)
        problems += check_trace(self)
        problems += check_paging(self)
        if "iterations" in self.model_fields_set and self.iterations == 0:
            problems.append((("iterations",), "must be at least 1, found 0"))
        return problems


def foreign_keys(kind: Kind) -> tuple[str, ...]:
    """YAML keys that a workload of this kind may not hold, because they belong to others."""
    own = KINDS[kind]
    others = {name: None for fields in KINDS.values() for name in fields if name not in own}
    return tuple(yaml_key(name) for name in others)
