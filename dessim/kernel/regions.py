"""How large each region of the World is, and where it begins."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dessim.kernel import cost_table
from dessim.kernel import layout as lay
from dessim.kernel.assembler import Program, assemble, link
from dessim.kernel.costs import cost_rows
from dessim.kernel.paging_programs import kswapd_program, slot_program
from dessim.kernel.pcp_sizes import most_listed, pcp_batch, pcp_high
from dessim.kernel.placement import Cpu, cpu_of
from dessim.kernel.programs import creator_program, device_program
from dessim.kernel.setup import Setup, WorldError, check_contpte
from dessim.model.units import PPM
from dessim.model.workload import PAGE_BYTES

Words = npt.NDArray[np.int64]


class _Regions:
    """Hands out consecutive parts of the World."""

    def __init__(self) -> None:
        self.size = lay.H_WORDS

    def take(self, words: int) -> int:
        """Reserve words and return where they begin, on a boundary of eight."""
        base = self.size
        self.size = (base + words + 7) & ~7
        return base


class PmdLocks(NamedTuple):
    """Locks of the PMD pages of one mapping, each of which spans 1 GiB of addresses.

    Attributes
    ----------
    start, number : int
        Which of all such locks they are.
    first : int
        Place of the mapping's first page table in its first PMD page.
    """

    start: int
    number: int
    first: int


@dataclass(frozen=True)
class Sizes:
    """Sizes that follow from a setup."""

    words: tuple[int, ...]
    entries: tuple[int, ...]
    tasks: int
    cpus: tuple[Cpu, ...]
    masks: int
    line_words: int
    page_words: int
    tables: int
    mappings: int
    mms: int
    pmd_locks: tuple[PmdLocks, ...]  # of each mapping; none if they are not split

    @property
    def n_pmd_locks(self) -> int:
        """Number of PMD locks: neighbours in an mm may share one."""
        return self.pmd_locks[-1].start + self.pmd_locks[-1].number if self.pmd_locks else 0

    @property
    def shares_pmd_locks(self) -> bool:
        """Whether mappings share a PMD lock."""
        return self.n_pmd_locks < sum(locks.number for locks in self.pmd_locks)


def programs_of(setup: Setup) -> list[Program]:
    """Return all programs: of threads, of each actor, of the device, of who creates the threads."""
    programs = [setup.program, *(actor.program for actor in setup.actors)]
    if setup.kswapds:
        programs.append(assemble(kswapd_program()))
    if setup.devices:
        commands, file = setup.workload.commands, setup.workload.pages_file
        slot = slot_program(has_pages=file) if commands else device_program()
        programs.append(assemble(slot))
    if setup.creators:
        programs.append(assemble(creator_program()))
    return programs


def check_together(setup: Setup) -> None:
    """Check that machine, workload and size go together.

    Raises
    ------
    WorldError
        If pages have to be read and the machine has no device, if a folio does not fit, or if ptes
        are to carry a contiguous bit that they have not got.
    """
    if (
        setup.page_cache_changes or setup.workload.commands
    ) and setup.machine.device.read_latency_ps == 0:
        raise WorldError(
            f"pages of workload {setup.workload.name!r} must be read, but machine"
            f" {setup.machine.name!r} has no device: set device.read_latency"
        )
    if setup.replay and setup.page_bytes != PAGE_BYTES:
        raise WorldError(
            f"the trace of workload {setup.workload.name!r} has pages of 4 KiB, those of machine"
            f" {setup.machine.name!r} are larger: set memory.page_size to 4KiB"
        )
    check_contpte(setup.batches, setup.machine, setup.workload)
    if setup.region_pages % setup.frame_pages:
        raise WorldError(
            f"a region of {setup.region_pages} pages is not a multiple of a folio of"
            f" {setup.frame_pages}: change simulate, file_size or anon_order"
        )


def sizes_of(setup: Setup) -> Sizes:
    """Return the sizes that follow from a setup."""
    topology = setup.machine.topology
    words, entries = link(programs_of(setup))
    masks = -(-topology.n_cores // lay.MASK_BITS)
    line_words = lay.L_MASK + masks
    mappings, mms = setup.mapping_of_task[-1] + 1, setup.mm_of_task[-1] + 1
    tables = -(-setup.pages // setup.table_pages)
    split = setup.machine.locks.pmd_locks
    return Sizes(
        words,
        entries,
        setup.tasks,
        tuple(_cpu_of(setup, i) for i in range(setup.tasks)),
        masks,
        line_words,
        line_words + topology.n_l3,
        tables,
        mappings,
        mms,
        pmd_locks_of(setup, tables) if split else (),
    )


def _cpu_of(setup: Setup, task: int) -> Cpu:
    """Return the CPU of a task: kswapd's is the last on its node."""
    topology = setup.machine.topology
    node = task - setup.threads - len(setup.actors)
    if 0 <= node < setup.kswapds:
        cpus = (cpu_of(topology, i) for i in reversed(range(topology.n_cpus)))
        return next(cpu for cpu in cpus if cpu.socket == node)
    return cpu_of(topology, task)


def mm_of_mapping(setup: Setup) -> tuple[int, ...]:
    """Return the number of the address space of each mapping: ascending."""
    pairs = zip(setup.mapping_of_task, setup.mm_of_task, strict=True)
    return tuple(mm for _, mm in sorted(dict(pairs).items()))


def pmd_locks_of(setup: Setup, tables: int) -> tuple[PmdLocks, ...]:
    """Return the PMD locks of each mapping: those of one mm lie one behind the other.

    What counts is how far apart they lie, so the whole file, of which a part may be simulated.
    """
    whole = -(-setup.file_pages // setup.table_pages)
    shift = setup.table_pages.bit_length() - 1
    found, end, reached, number_in_mm = list[PmdLocks](), 0, (-1, -1), 0
    for mm in mm_of_mapping(setup):
        number_in_mm = number_in_mm + 1 if mm == reached[0] else 0
        first = number_in_mm * whole
        last = (first + tables - 1) >> shift
        start = end - (reached == (mm, first >> shift))  # the neighbour's last one
        number = last - (first >> shift) + 1
        found.append(PmdLocks(start, number, first % (1 << shift)))
        end, reached = start + number, (mm, last)
    return tuple(found)


def _header(setup: Setup, sizes: Sizes) -> dict[int, int]:
    """Return the regions of which the header says where they begin, and their words."""
    topology = setup.machine.topology
    header = {
        lay.H_PROG: len(sizes.words),
        lay.H_CPU: topology.n_cpus * lay.U_WORDS,
        lay.H_CORE: topology.n_cores * lay.C_WORDS,
        lay.H_COST: cost_rows(setup.machine) * cost_table.N_COSTS,
        lay.H_LINE_COST: 9 * lay.N_DISTANCES,
        lay.H_HOPS: topology.sockets**2,
        lay.H_L3_DISTANCE: topology.n_l3**2,
        lay.H_FAR_READ: 3,
        lay.H_TASK: sizes.tasks * lay.T_WORDS,
        lay.H_GANG: sizes.tasks * (setup.table_pages >> lay.PTE_SHIFT),
        lay.H_DRAWN: sizes.tasks * lay.N_COUNTED_DRAWS * lay.DRAWN_AHEAD,
        lay.H_COUNT: lay.N_COUNTERS,
        lay.H_WOKEN: sizes.tasks + 1,
        lay.H_NODE: topology.sockets,
        lay.H_L3: topology.n_l3,
        lay.H_LEAD: 2 * topology.n_l3,
        lay.H_WALK_MISS: topology.n_l3,
        lay.H_WALKER: topology.n_cores * walkers_of(setup),
        lay.H_FLIGHT: 2 * lay.FLIGHT_SLOTS * topology.n_l3,
        lay.H_BUCKET: setup.machine.locks.page_wait_queues,
        lay.H_LOCK: sizes.line_words,
        lay.H_FILE: 2 * sizes.line_words,
        lay.H_MM: sizes.mms * (lay.MM_LOCKS + lay.MM_LINES * sizes.line_words),
        lay.H_MAPPING: sizes.mappings * lay.M_WORDS,
        lay.H_QUANTILES: lay.N_QUANTILES * lay.QUANTILE_WORDS,
        lay.H_WORK: lay.WORK_FACTORS,
        lay.H_HIST: lay.N_FAULT_RECORDS * lay.Y_WORDS,
        lay.H_SERIES: setup.series_rows * lay.SERIES_BINS,
        lay.H_PAGE: sizes.tables * setup.table_pages * sizes.page_words,
    }
    if setup.workload.uses_frames:
        header |= frame_regions(setup, sizes)
    if setup.replay:
        header[lay.H_TRACE] = setup.replay.rows.size
    if setup.workload.commands:
        header |= {lay.H_PAGING: lay.G_WORDS}
    return header


@dataclass(frozen=True)
class _Places:
    """Where each region begins.

    Attributes
    ----------
    header, paging : dict of int to int
        Of regions that the header names, and the record of a file larger than memory: slot ->
        where the region begins.
    tables, ptes, vma_locks, pmd_locks, tlb : int
        Of all mappings; of all cores.
    words : int
        Of the whole World.
    """

    header: dict[int, int]
    tables: int
    ptes: int
    vma_locks: int
    pmd_locks: int
    paging: dict[int, int]
    tlb: int
    words: int


def _places(setup: Setup, sizes: Sizes) -> _Places:
    """Reserve all regions, one behind the other."""
    regions, all_tables = _Regions(), sizes.mappings * sizes.tables
    return _Places(
        header={slot: regions.take(words) for slot, words in _header(setup, sizes).items()},
        tables=regions.take(all_tables * 2 * sizes.line_words),
        ptes=regions.take(all_tables * (setup.table_pages >> lay.PTE_SHIFT)),
        vma_locks=regions.take(sizes.mappings * sizes.line_words),
        pmd_locks=regions.take(sizes.n_pmd_locks * sizes.line_words),
        paging={slot: regions.take(words) for slot, words in paging_regions(setup, sizes).items()},
        tlb=regions.take(setup.machine.topology.n_cores * _tlb_words(setup)),
        words=regions.size,
    )


def world_words(setup: Setup) -> int:
    """Return the words of a run's World, without building it."""
    return _places(setup, sizes_of(setup)).words


def allocate(setup: Setup, sizes: Sizes) -> Words:
    """Reserve all regions and note in the header where they begin."""
    places = _places(setup, sizes)
    bases, ptes = places.header, places.ptes
    w = np.zeros(places.words, dtype=np.int64)
    if tlb_words := _tlb_words(setup):
        w[lay.H_TLB], w[lay.H_TLB_WORDS] = places.tlb, tlb_words
    for slot, base in bases.items():
        w[slot] = base
    for slot, base in places.paging.items():
        w[bases[lay.H_PAGING] + slot] = base if slot != lay.G_YOUNG else base - ptes
    per_table = setup.table_pages >> lay.PTE_SHIFT
    for i in range(sizes.mappings):
        record = bases[lay.H_MAPPING] + i * lay.M_WORDS
        w[record + lay.M_PTE] = ptes + i * sizes.tables * per_table
        w[record + lay.M_TABLE] = places.tables + i * sizes.tables * 2 * sizes.line_words
        w[record + lay.M_VMA_LOCK] = places.vma_locks + i * sizes.line_words
    for i, locks in enumerate(sizes.pmd_locks):
        record = bases[lay.H_MAPPING] + i * lay.M_WORDS
        w[record + lay.M_PMD] = places.pmd_locks + locks.start * sizes.line_words
        w[record + lay.M_PMD_FIRST] = locks.first
    return w


def zone_of(w: Words, node: int) -> int:
    """Return where the words of a node's lists begin (Z_*), behind its lock records."""
    return int(w[lay.H_ZONE] + (node + 1) * w[lay.H_ZONE_WORDS]) - lay.Z_WORDS


def frames_of(setup: Setup, sizes: Sizes) -> int:
    """Return the frames of each node: enough for all regions of its tasks and all its lists."""
    if setup.workload.pages_file:
        return _frames_for_file(setup, sizes)
    if not setup.workload.allocates:
        return 1
    frames = frames_of_size(setup, sizes, setup.frame_pages)
    if not setup.workload.parts_folios:
        return frames
    return frames * setup.frame_pages + frames_of_size(setup, sizes, 1)


def frames_of_size(setup: Setup, sizes: Sizes, pages: int) -> int:
    """Return how many frames of some pages a node has: folios, or the single pages next to them."""
    batches, places = setup.batches, [cpu.socket for cpu in sizes.cpus[: setup.threads]]
    most = max(places.count(socket) for socket in set(places))
    spare = most_listed(setup, pages) + batches.lru_release + 1
    return most * (setup.region_pages // pages + spare) + pcp_batch(setup, pages)


def nodes_used(setup: Setup, sizes: Sizes) -> list[int]:
    """Return the nodes on which threads run: each allocates on its own."""
    return sorted({cpu.socket for cpu in sizes.cpus[: setup.threads]})


def _frames_for_file(setup: Setup, sizes: Sizes) -> int:
    """Return the frames of each node for a file: its share, or more than anybody can use."""
    if setup.finite:
        share = setup.pages * setup.workload.memory_share_ppm // PPM
        return max(1, share // len(nodes_used(setup, sizes)))
    listed = pcp_high(setup, setup.frame_pages) + pcp_batch(setup, setup.frame_pages)
    return setup.pages + (setup.threads + 1) * listed


def paging_regions(setup: Setup, sizes: Sizes) -> dict[int, int]:
    """Return the regions behind the record of a file larger than memory, and their words."""
    if not setup.workload.commands:
        return {}
    commands = sizes.tasks
    found = {
        lay.G_TASK: sizes.tasks * lay.X_WORDS,
        lay.G_DEVICE: setup.machine.device.devices * lay.Q_WORDS,
        lay.G_FILE: sizes.line_words,
        lay.G_HIST: 2 * lay.Y_WORDS,
    }
    if setup.workload.pages_file:
        commands = max(commands, setup.machine.topology.sockets * frames_of(setup, sizes))
        found[lay.G_SHADOW] = sizes.tables * setup.table_pages
    found[lay.G_YOUNG] = sizes.mappings * sizes.tables * (setup.table_pages >> lay.PTE_SHIFT)
    return {**found, lay.G_COMMAND: commands * lay.J_WORDS}


def frame_regions(setup: Setup, sizes: Sizes) -> dict[int, int]:
    """Return the regions of a World whose faults write, and their words."""
    sockets = setup.machine.topology.sockets
    files = setup.exec_files * (sizes.line_words + lay.O_WORDS)
    queue = sizes.line_words + lay.SPLIT_WORDS
    frames = sockets * frames_of(setup, sizes)
    parts = {lay.H_PARTS: frames * lay.FP_WORDS, lay.H_SPLIT: queue * split_queues(setup)}
    return {
        **({lay.H_OBJECT: files} if files else {}),
        **(parts if setup.workload.parts_folios else {}),
        lay.H_HIST: (lay.N_FAULT_RECORDS + len(lay.CALLS)) * lay.Y_WORDS,
        lay.H_FRAME: frames * lay.F_WORDS,
        lay.H_ZONE: sockets * (2 * sizes.line_words + lay.Z_WORDS),
        lay.H_FRAME_OF: sizes.tables * setup.table_pages,
        lay.H_MEMCG: (max(1, setup.workload.memcg_depth) + sockets) * sizes.line_words,
        lay.H_STRUCT_MISS: sockets,
        lay.H_NODE_ZERO: sockets,
        lay.H_NODE_COPY: sockets,
    }


def split_queues(setup: Setup) -> int:
    """Return the deferred split queues: one of the tasks' memory cgroup, or one a node."""
    return 1 if setup.workload.memcg_depth else setup.machine.topology.sockets


def walkers_of(setup: Setup) -> int:
    """Return the page walks that a core can have in progress; 0: siblings never wait for them."""
    tlb, siblings = setup.machine.tlb, setup.machine.topology.threads_per_core
    return tlb.page_walkers if tlb.l1_entries and tlb.page_walkers < siblings else 0


def _tlb_words(setup: Setup) -> int:
    """Return the words of one core's TLB: a generation, and per set a victim and its ways."""
    tlb = setup.machine.tlb
    if tlb.l1_entries == 0:
        return 0
    sets = (tlb.l1_entries // tlb.l1_ways, tlb.l2_entries // tlb.l2_ways)
    return 1 + sets[0] * (tlb.l1_ways + 1) + sets[1] * (tlb.l2_ways + 1)
