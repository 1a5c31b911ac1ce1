"""All that decides a run, before it becomes a World."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from dessim.errors import UserError
from dessim.kernel import layout as lay
from dessim.kernel.assembler import Program
from dessim.kernel.replay import Replay, replay_of
from dessim.model.machine import Machine
from dessim.model.units import PPM
from dessim.model.workload import PAGE_BYTES, Workload


class WorldError(UserError):
    """A machine, a workload and a number of threads that do not go together."""


@dataclass(frozen=True)
class ActorSetup:
    """An actor: its program, its pace, and the pages of one round.

    Attributes
    ----------
    program : Program
    every_ps : int, ps
        Mean pause between two rounds.
    range_pages : int
    """

    program: Program
    every_ps: int
    range_pages: int


MAY_BE_ZERO = frozenset(
    (
        *("pcp_high_max", "pcp_scale", "rss_batch", "rwsem_steals", "prefetch_buddy"),
        *("folio_batches", "contpte", "maps_folio", "rmap_batch"),
    )
)


@dataclass(frozen=True)
class Batches:
    """How many pages a kernel moves, frees, counts or charges at once: options of a scheme.

    Attributes
    ----------
    pcp_batch, pcp_high : int
        Between a CPU's list of free pages and its zone; pages from which the list gives some back.
    pcp_high_max, pcp_scale : int
        Pages up to which that mark grows (0: it does not); how often the batch doubles at most.
    lru_batch, lru_release : int
        Put on the LRU at once, and taken off.
    memcg_batch, uncharge_batch : int
        Charged at once, and uncharged.
    gather_max : int
        Gathered by an unmap before it flushes translations and frees.
    rmap_batch : int
        Written pages of a file that an unmap flushes at once; 0: a page table's.
    rss_batch : int
        Counted apart from the mm's count; 0: twice the CPUs of the machine, at least 32.
    folio_batches : int
        1: the ptes of a folio are unmapped and copied in one go; 0: one by one.
    rwsem_steals : int
        1: writers of mmap_lock spin on their owner and take it before those that sleep; 0: all
        get it in order of arrival.
    unlink_batch : int
        Mappings of a file that the end of an mm takes out of its tree at once.
    prefetch_buddy : int
        1: the buddies of pages that go back to a zone are prefetched before its lock is taken.
    contpte : int
        1: arm64, blocks of ptes that one folio has carry the contiguous bit.
    maps_folio : int
        1: a read fault maps a large folio as a whole; 0: what its window has of it.
    """

    pcp_batch: int = 63
    pcp_high: int = 512
    pcp_high_max: int = 0
    pcp_scale: int = 5
    lru_batch: int = 15
    lru_release: int = 32
    memcg_batch: int = 64
    uncharge_batch: int = 512
    gather_max: int = 9698
    rmap_batch: int = 0
    rss_batch: int = 64
    folio_batches: int = 0
    rwsem_steals: int = 0
    unlink_batch: int = 1
    prefetch_buddy: int = 0
    contpte: int = 0
    maps_folio: int = 0

    @classmethod
    def among(cls, options: Mapping[str, bool | int | str]) -> "Batches":
        """Return those that are among the options of a scheme, the others as they are.

        Raises
        ------
        WorldError
            If one is less than a page.
        """
        chosen = {f.name: int(options[f.name]) for f in fields(cls) if f.name in options}
        for name, value in chosen.items():
            least = 0 if name in MAY_BE_ZERO else 1
            if value < least:
                raise WorldError(f"option {name!r} must be at least {least}: {value}")
        return cls(**chosen)


def changes_page_cache(workload: Workload) -> bool:
    """Return whether pages of the file can be missing from the page cache."""
    removed = bool(workload.actors) and not workload.writes
    return workload.cached_ppm < 1_000_000 or removed or workload.pages_file


def check_contpte(batches: Batches, machine: Machine, workload: Workload) -> None:
    """Check that ptes of a machine have the contiguous bit that a kernel is to set.

    Raises
    ------
    WorldError
        If they have none, or pages of a file are unmapped one by one meanwhile: that would clear
        the bit, which is not modelled.
    """
    if not batches.contpte:
        return
    if not machine.tlb.contiguous_bit:
        raise WorldError(
            "option 'contpte' needs ptes with a contiguous bit (arm64), and those of machine"
            f" {machine.name!r} have none: drop the option, or take a machine with"
            " tlb.contiguous_bit, such as 'graviton2-1s'"
        )
    if not workload.writes and (workload.actors or workload.unmap_every_pages):
        raise WorldError(
            f"option 'contpte' does not go with workload {workload.name!r}, which unmaps pages of"
            " its file meanwhile: drop the option, or actors and unmap_every_pages"
        )


SLOTS_A_THREAD = 8
CONTPTE_ORDERS = {4096: 4, 16_384: 7, 65_536: 5}
"""Bytes of a page -> log2 of the ptes of a block (Linux ``CONFIG_ARM64_CONT_PTE_SHIFT``)."""
PTE_BYTES = 8
LINE_BYTES = 64


@dataclass(frozen=True)
class Setup:
    """All that decides a run.

    Attributes
    ----------
    machine, workload, program
        What runs on what.
    threads : int
    fault_around_order : int, 0..9
        log2 of the window in pages of the machine.
    simulate_bytes : int or None, bytes
        Part of the file that is simulated; None: all of it.
    seed, replication : int
    folio_order : int, 0..9
        log2 of the pages of a folio.
    actors : tuple of ActorSetup
        Who works on the file alongside the threads.
    batches : Batches
        Of the kernel that is simulated.
    """

    machine: Machine
    workload: Workload
    program: Program
    threads: int
    fault_around_order: int
    simulate_bytes: int | None
    seed: int
    replication: int
    actors: tuple[ActorSetup, ...] = ()
    folio_order: int = 0
    batches: Batches = Batches()

    @property
    def devices(self) -> int:
        """Number of reads that the device serves at once: none if every page stays in the cache.

        Of a device that serves commands no more than its threads can keep busy: a window may be cut
        into some commands by pages that are there.
        """
        if self.workload.commands:
            device = self.machine.device
            return min(device.queue_depth * device.devices, SLOTS_A_THREAD * (self.threads + 1))
        if not self.page_cache_changes:
            return 0
        return self.machine.device.queue_depth

    @property
    def finite(self) -> bool:
        """Whether memory may run out."""
        return self.workload.pages_file and self.workload.memory_share_ppm < PPM

    @property
    def kswapds(self) -> int:
        """Number of tasks that take pages back: one for each node, if memory may run out."""
        return self.machine.topology.sockets if self.finite else 0

    @property
    def device_span(self) -> int:
        """Pages of the device to which commands without a page cache go."""
        return 1 << 24

    @property
    def creators(self) -> int:
        """Number of tasks that do nothing but create the threads: one, or none."""
        return int(self.workload.creates_threads)

    @property
    def tasks(self) -> int:
        """Number of tasks: threads, actors, kswapds, slots of the device, who creates threads."""
        return self.threads + len(self.actors) + self.kswapds + self.devices + self.creators

    @property
    def page_cache_changes(self) -> bool:
        """Whether a page can be missing from the page cache: then its faults must look."""
        return changes_page_cache(self.workload)

    @property
    def replay(self) -> Replay | None:
        """What tasks do that replay a trace."""
        return replay_of(self.workload)

    @property
    def mapping_of_task(self) -> tuple[int, ...]:
        """Number of each thread's mapping."""
        if self.replay and not self.workload.writes:
            return self.replay.processes
        own = self.workload.mapping != "shared" and self.workload.kind == "faults"
        return tuple(i if own else 0 for i in range(self.threads))

    @property
    def mm_of_task(self) -> tuple[int, ...]:
        """Number of each thread's address space: ascending."""
        if self.replay:
            return self.replay.processes
        each = self.workload.mapping == "per_process"
        return tuple(i if each else 0 for i in range(self.threads))

    @property
    def region_of_task(self) -> tuple[tuple[int, int], ...]:
        """First page and pages of each thread's own region or file."""
        if self.replay:
            return self.replay.regions
        return tuple((i * self.stride, self.stride) for i in range(self.threads))

    @property
    def region_pages(self) -> int:
        """Number of simulated pages of one file, or of one task's region."""
        if self.replay:
            return self.replay.region_pages
        size = self.workload.file_size_bytes
        if self.workload.maps_only:
            return 1
        if self.simulate_bytes is not None:
            size = min(size, self.simulate_bytes)
        return self.pages_in(size)

    def pages_in(self, size_bytes: int) -> int:
        """Number of pages of a file of a size: at least one, the last of which may not be full."""
        return max(1, -(-size_bytes // self.page_bytes))

    @property
    def page_bytes(self) -> int:
        """Bytes of a page."""
        return self.machine.memory.page_size_bytes

    @property
    def file_pages(self) -> int:
        """Number of pages of the whole file, or of a task's whole region."""
        return self.pages_in(self.workload.file_size_bytes)

    @property
    def table_pages(self) -> int:
        """Number of pages that a page table maps, and of tables below a PMD page."""
        return self.page_bytes // PTE_BYTES

    @property
    def series_rows(self) -> int:
        """Number of time series: of faults, of pages, and of what else there is."""
        if self.workload.commands:
            return 2 + lay.N_PAGING_SERIES
        return 3 if self.workload.writes else 2

    @property
    def exec_files(self) -> int:
        """Number of files that processes map: those of one task, or of all; 0: none does."""
        workload = self.workload
        if not workload.writes or workload.after_sweep not in ("exec", "exit"):
            return 0
        return workload.exec_files * (self.threads if workload.libraries == "own" else 1)

    @property
    def frame_pages(self) -> int:
        """Number of pages of a frame: of a folio of anonymous memory, else 1."""
        return 1 << self.workload.anon_order if self.workload.fault == "anonymous" else 1

    @property
    def contpte_order(self) -> int:
        """log2 of the ptes of a block that carry the contiguous bit; 0: no ptes do.

        Those of a file only where a fault sets all of a block: its window, or its folio, covers it.
        """
        order = CONTPTE_ORDERS[self.page_bytes]
        if self.workload.writes:
            largest = self.frame_pages.bit_length() - 1
        else:
            mapped = 9 if self.batches.maps_folio else self.fault_around_order
            largest = min(self.folio_order, mapped)
        return order if self.batches.contpte and largest >= order else 0

    @property
    def drop_pages(self) -> tuple[int, int]:
        """Pages that a call of MADV_DONTNEED drops, at least one, and those to the next call."""
        workload = self.workload
        every = self.region_pages
        if workload.drop_every_bytes:
            every = min(every, self.pages_in(workload.drop_every_bytes))
        return max(1, every * workload.dropped_ppm // 1_000_000), every

    @property
    def pages_of_sweep(self) -> int:
        """Number of pages of its region that a task touches before it unmaps it: at least one."""
        return max(1, self.region_pages * self.workload.touched_ppm // 1_000_000)

    @property
    def stride(self) -> int:
        """Number of pages between the beginnings of two tasks' regions: whole page tables.

        Parts of one region follow each other without a gap.
        """
        if self.workload.file == "part":
            return self.region_pages
        return -(-self.region_pages // self.table_pages) * self.table_pages

    @property
    def pages(self) -> int:
        """Number of pages that are simulated: of one file, or of all tasks' own."""
        if self.workload.kind != "faults":
            return 1
        if self.replay:
            return self.replay.pages
        if self.workload.writes:
            return self.threads * self.stride
        return self.region_pages

    @property
    def accesses(self) -> int:
        """Number of accesses of each thread."""
        workload = self.workload
        if workload.kind != "faults":
            return workload.iterations
        if self.replay:
            return max(self.replay.counts)
        if workload.touches:
            return workload.touches
        if workload.access == "blocks":
            return max(1, self.pages // self.threads)
        if workload.access == "one_per_table":
            return (self.pages + self.table_pages - 1) // self.table_pages
        if workload.writes:
            return self.pages_of_sweep * workload.sweeps
        if workload.access == "random":
            return self.pages * workload.touches_per_page * self.page_bytes // PAGE_BYTES
        return self.pages
