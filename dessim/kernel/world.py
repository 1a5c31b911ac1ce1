"""Building the World of a run: all regions of the flat sequence, from a setup."""

from hashlib import sha256
from typing import Any

import numpy as np

from dessim.kernel import cost_table, quantiles
from dessim.kernel import layout as lay
from dessim.kernel.costs import cost_row, cost_rows, line_costs
from dessim.kernel.draws import draw_at, philox, scaled
from dessim.kernel.memory import lay_out_memory
from dessim.kernel.paging import lay_out_paging
from dessim.kernel.placement import busy_cores
from dessim.kernel.regions import (
    Sizes,
    Words,
    allocate,
    check_together,
    mm_of_mapping,
    sizes_of,
    walkers_of,
)
from dessim.kernel.replay import Replay
from dessim.kernel.setup import ActorSetup, Setup, WorldError
from dessim.kernel.translation import pages_and_tables, translation
from dessim.kernel.walk_misses import walk_miss_ps
from dessim.model.workload import Workload

__all__ = ["ActorSetup", "Setup", "Words", "WorldError", "build_world"]

HAND_OVER = {
    "racing": lay.HAND_OVER_RACING,
    "fair": lay.HAND_OVER_FAIR,
    "bounded": lay.HAND_OVER_BOUNDED,
}
LOCK_KIND = {
    "ticket": lay.LOCK_TICKET,
    "mcs": lay.LOCK_MCS,
    "test_and_set": lay.LOCK_TEST_AND_SET,
}
ACCESS = {
    "sequential": lay.ACCESS_SEQUENTIAL,
    "random": lay.ACCESS_RANDOM,
    "one_per_table": lay.ACCESS_ONE_PER_TABLE,
    "blocks": lay.ACCESS_BLOCKS,
    "trace": lay.ACCESS_TRACE,
}


def _scalars(w: Words, setup: Setup, sizes: Sizes) -> None:
    """Fill the header's scalars."""
    machine, workload = setup.machine, setup.workload
    line, locks = machine.cache_line, machine.locks
    key = sha256(f"{setup.seed}/{setup.replication}".encode()).digest()
    values = {
        lay.H_TASKS: sizes.tasks,
        lay.H_WORKERS: setup.threads,
        lay.H_LIVE: setup.threads,
        lay.H_MAPPINGS: sizes.mappings,
        lay.H_PAGE_WORDS: sizes.page_words,
        lay.H_PAGES: setup.pages,
        lay.H_SEEN: sizes.line_words,
        lay.H_TABLE_WORDS: 2 * sizes.line_words,
        lay.H_LINE_WORDS: sizes.line_words,
        lay.H_MASKS: sizes.masks,
        lay.H_SOCKETS: machine.topology.sockets,
        lay.H_SERIES_SHIFT: lay.SERIES_FIRST_SHIFT,
        lay.H_SERIES_ROWS: setup.series_rows,
        lay.H_BUCKETS: locks.page_wait_queues,
        lay.H_KEY: int.from_bytes(key[:4], "little"),
        lay.H_HOLD: line.hold_ps,
        lay.H_SHARE: line.arbitration_share_ppm * (1 << 32) // 1_000_000,
        lay.H_COALESCE: line.coalesce_ppm * (1 << 32) // 1_000_000,
        lay.H_HIDDEN_PPM: line.prefetch_hidden_ppm,
        lay.H_TRAIN: line.prefetch_after,
        lay.H_EVICT: line.evict_after_ps,
        lay.H_L3_HIT: line.l3_hit_ps,
        lay.H_PTL_KIND: LOCK_KIND[locks.page_table_lock],
        lay.H_TICKET_WAITER: locks.ticket_per_waiter_ps,
        lay.H_TAS_WAITER: locks.test_and_set_per_waiter_ps,
        lay.H_PAGE_HAND_OVER: HAND_OVER[locks.page_lock_hand_over],
        lay.H_PAGE_RETRIES: locks.page_lock_retries,
        lay.H_SHARED_FIRST: int(locks.page_wait_order == "shared_first"),
        lay.H_SLICE: machine.kernel.time_slice_ps,
        lay.H_FOLIO: 1 << setup.folio_order,
        lay.H_CONTPTE: setup.contpte_order,
        lay.H_ANON: setup.frame_pages,
        lay.H_READAHEAD: workload.readahead_pages,
        lay.H_UNMAP_EVERY: _unmap_every(setup),
        lay.H_WALKERS: walkers_of(setup),
        **translation(machine.tlb),
        **pages_and_tables(setup, sizes),
        lay.H_MCS_PPM: locks.mcs_transfers_ppm,
        lay.H_SPLIT_PTL: int(locks.split_page_table_locks),
        lay.H_SPLIT_PMD: int(locks.pmd_locks),
        lay.H_ORDER: setup.fault_around_order,
        lay.H_ACCESS: _access(workload),
        lay.H_OPEN: int(workload.replays and workload.replay == "open"),
        lay.H_ACCESSES: setup.accesses,
        lay.H_SAME_DRAWS: int(workload.random_sequence == "same"),
        lay.H_ACCESS_COST: cost_table.COSTS.index(_access_cost(workload)),
        lay.H_THINK_QUANTILES: _quantiles_of(workload.think_distribution),
        lay.H_HOLD_QUANTILES: _quantiles_of(workload.hold_distribution),
        lay.H_INTERLEAVE: int(machine.memory.file_placement == "interleave"),
    }
    for slot, value in values.items():
        w[slot] = value


def _access(workload: Workload) -> int:
    if workload.writes and not workload.replays:
        return lay.ACCESS_OWN_REGION
    return ACCESS[workload.access]


def _unmap_every(setup: Setup) -> int:
    """Return after how many touches a region is unmapped: in a replay at the end."""
    if not setup.workload.writes:
        return setup.workload.unmap_every_pages
    return setup.accesses if setup.replay else setup.pages_of_sweep


def _access_cost(workload: Workload) -> str:
    if workload.allocates:
        return "local_store"  # what the fault has just zeroed or copied
    if workload.access == "random" and not workload.writes:
        return "random_word"
    return "touch_word" if workload.page_touch == "touch_word" else "read_page_dram"


def _quantiles_of(distribution: str) -> int:
    return lay.QUANTILES_EXPONENTIAL if distribution == "exponential" else 0


def _machine_tables(w: Words, setup: Setup, sizes: Sizes) -> None:
    """Fill the core records, the hop matrix, and the cost tables."""
    machine = setup.machine
    topology = machine.topology
    cores = np.arange(topology.n_cores)
    base = int(w[lay.H_CORE])
    table = w[base : base + topology.n_cores * lay.C_WORDS].reshape(-1, lay.C_WORDS)
    table[:, lay.C_L3] = cores // topology.cores_per_l3
    table[:, lay.C_SOCKET] = cores // topology.cores_per_l3 // topology.l3_per_socket
    base = int(w[lay.H_HOPS])
    w[base : base + topology.sockets**2] = np.array(topology.hops).ravel()
    sockets = np.arange(topology.n_l3) // topology.l3_per_socket
    apart = lay.SAME_SOCKET + np.array(topology.hops)[np.ix_(sockets, sockets)]
    np.fill_diagonal(apart, lay.SAME_L3)
    base = int(w[lay.H_L3_DISTANCE])
    w[lay.H_L3S] = topology.n_l3
    w[lay.H_L3_CORES] = topology.cores_per_l3
    w[base : base + apart.size] = apart.ravel()
    busy = busy_cores(topology, sizes.cpus[: setup.threads + len(setup.actors)])
    base = int(w[lay.H_COST])
    for row in range(cost_rows(machine)):
        costs = cost_row(setup, busy, siblings=row)
        w[base + row * cost_table.N_COSTS : base + (row + 1) * cost_table.N_COSTS] = costs
    base = int(w[lay.H_LINE_COST])
    w[base : base + 9 * lay.N_DISTANCES] = line_costs(machine)
    base = int(w[lay.H_WALK_MISS])
    w[base : base + topology.n_l3] = walk_miss_ps(setup, sizes.cpus)
    memory = machine.memory
    base = int(w[lay.H_FAR_READ])
    for hops, ps in enumerate((memory.local_ps, memory.one_hop_ps, memory.two_hops_ps)):
        w[base + hops] = ps * 1_000_000 // memory.local_ps if memory.local_ps else 1_000_000
    base = int(w[lay.H_QUANTILES])
    tables = (
        *quantiles.lognormal(machine.user.read_page_cv_ppm),
        *quantiles.exponential(),
        *quantiles.lognormal(machine.device.read_latency_cv_ppm),
    )
    w[base : base + len(tables)] = tables
    base = int(w[lay.H_WORK])
    w[base : base + lay.WORK_FACTORS] = quantiles.work_factors(machine.kernel.work_cv_ppm)


def _lines_and_pages(w: Words, setup: Setup, sizes: Sizes) -> None:
    """Give every line its home node; put the file's pages in the page cache."""
    topology = setup.machine.topology
    base, words = int(w[lay.H_PAGE]), sizes.page_words
    pages = w[base : base + sizes.tables * setup.table_pages * words].reshape(-1, words)
    pages[:, lay.P_FLAGS] = lay.FLAG_UPTODATE | lay.FLAG_OURS
    pages[:, lay.P_REFCOUNT] = np.arange(len(pages)) % (1 << setup.folio_order) == 0
    if setup.workload.cached_ppm < 1_000_000:
        share = setup.workload.cached_ppm * (1 << 32) // 1_000_000
        heads = np.arange(len(pages)) & -(1 << setup.folio_order)
        missing = _drawn_by_page(w, len(pages))[heads] >= share
        pages[missing, lay.P_FLAGS] = 0
        pages[missing, lay.P_REFCOUNT] = 0
    if w[lay.H_INTERLEAVE]:
        pages[:, lay.L_HOME] = np.arange(len(pages)) % topology.sockets


def _drawn_by_page(w: Words, pages: int) -> Words:
    """Return a 32-bit draw for each page of the file: ``draw_at`` of task 0, for all at once."""
    indices: Any = np.arange(pages, dtype=np.uint64)
    drawn: Any = philox(int(w[lay.H_KEY]), indices, lay.DRAW_CACHED)
    words: Words = drawn.astype(np.int64)
    return words


def _mms(w: Words, setup: Setup, sizes: Sizes) -> None:
    """Fill the mm and mapping records."""
    mm_words = lay.MM_LOCKS + lay.MM_LINES * sizes.line_words
    of_task, of_mapping = setup.mm_of_task, mm_of_mapping(setup)
    for i in range(sizes.mms):
        mm = int(w[lay.H_MM]) + i * mm_words
        w[mm + lay.MM_LIVE] = w[mm + lay.MM_TASKS] = of_task.count(i)
        w[mm + lay.MM_MAPPINGS] = of_mapping.count(i)
        w[mm + lay.MM_FIRST] = w[lay.H_MAPPING] + of_mapping.index(i) * lay.M_WORDS
        w[mm + lay.MM_TASK] = of_task.index(i)
    for i, mm_number in enumerate(of_mapping):
        mapping = int(w[lay.H_MAPPING]) + i * lay.M_WORDS
        w[mapping + lay.M_INDEX] = i
        w[mapping + lay.M_MM] = w[lay.H_MM] + mm_number * mm_words


def _tasks(w: Words, setup: Setup, sizes: Sizes) -> None:
    """Fill the records of all tasks: threads, actors, slots of the device, who creates threads."""
    on_core: dict[int, set[int]] = {}
    mapping_of, region_of = setup.mapping_of_task, setup.region_of_task
    for cpu in sizes.cpus[: setup.threads + len(setup.actors)]:
        on_core.setdefault(cpu.core, set()).add(cpu.cpu)
    for task, cpu in enumerate(sizes.cpus):
        t = int(w[lay.H_TASK]) + task * lay.T_WORDS
        mapping = int(w[lay.H_MAPPING])
        worker = task < setup.threads
        if worker:
            mapping += mapping_of[task] * lay.M_WORDS
        has_cpu = task < setup.threads + len(setup.actors) + setup.kswapds
        others = sorted(on_core.get(cpu.core, set()) - {cpu.cpu}) if has_cpu else []
        mm = int(w[mapping + lay.M_MM])
        values = {
            lay.T_PC: sizes.entries[_kind_of(setup, task)],
            lay.T_WORK: philox(int(w[lay.H_KEY]), 0, task << 4 | lay.DRAW_WORK),
            lay.T_GRANT: -1,
            lay.T_LAST: -2,
            lay.T_SLOTS: -2,
            lay.T_WAIT_PAGE: -1,
            lay.T_CORE: cpu.core,
            lay.T_L3: cpu.l3,
            lay.T_SOCKET: cpu.socket,
            lay.T_SMT: int(bool(others)),
            lay.T_COSTS: w[lay.H_COST] + len(others) * cost_table.N_COSTS,
            lay.T_CPU: w[lay.H_CPU] + cpu.cpu * lay.U_WORDS if has_cpu else 0,
            lay.T_SIBLING: w[lay.H_CPU] + others[0] * lay.U_WORDS if others else 0,
            lay.T_MM: mm,
            lay.T_HOME_MM: mm if worker else -1 - task,
            lay.T_PTE: w[mapping + lay.M_PTE],
            lay.T_TABLE: w[mapping + lay.M_TABLE],
            lay.T_MAPPING: mapping,
            lay.T_GANG: w[lay.H_GANG] + task * (setup.table_pages >> lay.PTE_SHIFT),
            lay.T_OWN_TABLES: _users_of_tables(setup, sizes) if worker else lay.TABLES_SHARED,
            lay.T_ACTOR: int(not worker),
            lay.T_FIRST: region_of[task][0] if setup.workload.writes and worker else 0,
        }
        if 0 <= task - setup.threads < len(setup.actors):
            actor = setup.actors[task - setup.threads]
            values[lay.T_EVERY], values[lay.T_RANGE] = actor.every_ps, actor.range_pages
        for slot, value in values.items():
            w[t + slot] = value


def _users_of_tables(setup: Setup, sizes: Sizes) -> int:
    """Return whether every page table has one user, and whether every PMD page has, and a lock."""
    visited = setup.actors and not setup.workload.writes
    if sizes.mappings < setup.threads or visited or setup.finite:
        return lay.TABLES_SHARED
    own = sizes.pmd_locks and not sizes.shares_pmd_locks
    return lay.PMDS_OWN if own else lay.TABLES_OWN


def _kind_of(setup: Setup, task: int) -> int:
    """Return which of the linked programs a task runs: all slots of the device run the same."""
    actors = setup.threads + len(setup.actors)
    if task < actors:
        return max(0, task - setup.threads + 1)
    kswapds = actors + setup.kswapds
    if task < kswapds:
        return len(setup.actors) + 1
    others = len(setup.actors) + 1 + (setup.kswapds > 0)
    return others + (task >= kswapds + setup.devices and setup.devices > 0)


def _lay_out_trace(w: Words, setup: Setup, replay: Replay) -> None:
    """Fill in the accesses of all tasks, and let each begin when its first fault was recorded.

    All end with the same number of accesses done: who has fewer begins with some of them done.
    """
    base, most, done = int(w[lay.H_TRACE]), setup.accesses, 0
    w[base : base + replay.rows.size] = replay.rows.ravel()
    for task, count in enumerate(replay.counts):
        t = int(w[lay.H_TASK]) + task * lay.T_WORDS
        w[t + lay.T_ACCESS] = w[t + lay.T_TOUCHED] = most - count
        w[t + lay.T_EVERY] = base + 2 * (done - (most - count))
        w[t + lay.T_RANGE] = replay.regions[task][1]
        w[t + lay.T_AT] = w[t + lay.T_CLOCK] = w[t + lay.T_START] = replay.starts_ps[task]
        done += count
    w[lay.H_STEADY_FROM] = max(replay.starts_ps)
    w[lay.H_STEADY_TO] = lay.NEVER_PS


def _starts(w: Words, setup: Setup) -> None:
    """Set the time at which each thread is created: an interval with a random part.

    Those that another task creates are asleep until then; its mmap and mprotect are part of the
    interval.
    """
    kernel = setup.machine.kernel
    interval = setup.workload.start_stagger_ps
    if interval is None:
        interval = kernel.thread_start_ps
    if setup.creators:
        interval = max(0, interval - kernel.map_stack_ps - kernel.protect_guard_ps)
    spread = interval * setup.workload.start_jitter_ppm // 1_000_000
    w[lay.H_STEADY_FROM] = w[lay.H_STEADY_TO] = lay.NEVER_PS
    if setup.creators:
        w[lay.H_CREATE], w[lay.H_CREATE_RANDOM] = max(0, interval - spread), spread
        for task in range(setup.threads):
            t = int(w[lay.H_TASK]) + task * lay.T_WORDS
            w[t + lay.T_AT], w[t + lay.T_START] = lay.ASLEEP, lay.NEVER_PS
        return
    now = 0
    words = w[: w[lay.H_PAGE]].tolist()  # plain integers: numpy scalars would overflow loudly
    for task in range(setup.threads):
        t = int(w[lay.H_TASK]) + task * lay.T_WORDS
        if task:
            bits = draw_at(words, task, lay.DRAW_START, 0)
            random_part = scaled(words, lay.QUANTILES_EXPONENTIAL, bits, spread)
            now += max(0, interval - spread) + random_part
        w[t + lay.T_AT] = w[t + lay.T_CLOCK] = w[t + lay.T_START] = now
    w[lay.H_STEADY_FROM] = now


def _decide_privacy(program: Words, users: int, split_locks: bool) -> None:
    """Decide which steps nobody else sees, now that it is known who uses the page tables.

    Without split locks a page-table lock is everybody's, and so is that of a new page table unless
    nobody shares the PMD pages: no step on it is private.
    """
    rows = program.reshape(-1, lay.I_WORDS)
    private = rows[:, lay.I_PRIVATE]
    locks = rows[:, lay.I_TIMED] & (lay.OWN_RULE - 1) == lay.LOCK_LINE
    if not split_locks:
        private[locks & (rows[:, lay.I_A] == lay.LOCK_PTL)] = lay.PRIVATE_NEVER
    if users != lay.PMDS_OWN:
        private[locks & (rows[:, lay.I_A] == lay.LOCK_PAGE_TABLE)] = lay.PRIVATE_NEVER
    answer = lay.PRIVATE_NEVER if users == lay.TABLES_SHARED else lay.PRIVATE_ALWAYS
    private[private == lay.PRIVATE_OWN_TABLES] = answer


def build_world(setup: Setup) -> Words:
    """Return the World of a run before its first event.

    Returns
    -------
    int64 array, shape (n_words,) : see ``layout``

    Raises
    ------
    WorldError
        If machine, workload and size do not go together, or memory is too small for the threads.
    """
    check_together(setup)
    sizes = sizes_of(setup)
    w = allocate(setup, sizes)
    base = int(w[lay.H_PROG])
    program = w[base : base + len(sizes.words)]
    program[:] = sizes.words
    split = setup.machine.locks.split_page_table_locks
    _decide_privacy(program, _users_of_tables(setup, sizes), split)
    if setup.machine.kernel.work_cv_ppm == 0:
        program.reshape(-1, lay.I_WORDS)[:, lay.I_VARIES] = 0
    _scalars(w, setup, sizes)
    _machine_tables(w, setup, sizes)
    _lines_and_pages(w, setup, sizes)
    _mms(w, setup, sizes)
    _tasks(w, setup, sizes)
    if setup.workload.writes:
        lay_out_memory(w, setup, sizes)
    if setup.workload.commands:
        lay_out_paging(w, setup, sizes)
    if setup.replay:
        _lay_out_trace(w, setup, setup.replay)
    else:
        _starts(w, setup)
    return w
