"""Building the World of a run: all regions of the flat sequence, from a setup."""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from dessim.kernel import layout as lay
from dessim.kernel import quantiles
from dessim.kernel.assembler import Program
from dessim.kernel.draws import draw_at, scaled
from dessim.kernel.placement import Cpu, clock_stretch_ppm, cpu_of
from dessim.model.machine import Distances, Machine
from dessim.model.workload import PAGE_BYTES, Workload

Words = npt.NDArray[np.int64]

WAIT_QUEUES = 256  # buckets of the hashed page wait queues of one memory zone, at least
AT_EXIT = ("teardown_per_pte", "teardown_per_table", "process_exit")
MEMORY_BOUND = ("read_page_dram", "touch_word", "random_word")
USER = ("read_page_dram", "read_page_l3", "touch_word", "random_word", "page_work")
ACCESS = {
    "sequential": lay.ACCESS_SEQUENTIAL,
    "random": lay.ACCESS_RANDOM,
    "one_per_table": lay.ACCESS_ONE_PER_TABLE,
}


class WorldError(ValueError):
    """A machine, a workload and a number of threads that do not go together."""


@dataclass(frozen=True)
class Setup:
    """All that decides a run.

    Attributes
    ----------
    machine, workload, program
        What runs on what.
    threads : int
    fault_around_order : int, 0..9
        log2 of the window in pages.
    simulate_bytes : int or None, bytes
        Part of the file that is simulated; None: all of it.
    seed, replication : int
    """

    machine: Machine
    workload: Workload
    program: Program
    threads: int
    fault_around_order: int
    simulate_bytes: int | None
    seed: int
    replication: int

    @property
    def pages(self) -> int:
        """Number of file pages that are simulated: whole page tables unless the file is smaller."""
        if self.workload.kind == "lock_loop":
            return 1
        size = self.workload.file_size_bytes
        if self.simulate_bytes is not None:
            size = min(size, self.simulate_bytes)
        return max(1, size // PAGE_BYTES)

    @property
    def accesses(self) -> int:
        """Number of accesses of each thread."""
        workload = self.workload
        if workload.kind == "lock_loop":
            return workload.iterations
        if workload.access == "one_per_table":
            return (self.pages + lay.TABLE_PAGES - 1) // lay.TABLE_PAGES
        if workload.access == "random":
            return self.pages * workload.touches_per_page
        return self.pages


class _Regions:
    """Hands out consecutive parts of the World."""

    def __init__(self) -> None:
        self.size = lay.H_WORDS

    def take(self, words: int) -> int:
        """Reserve words and return where they begin, on a boundary of eight."""
        base = self.size
        self.size = (base + words + 7) & ~7
        return base


@dataclass(frozen=True)
class _Plan:
    """Sizes that follow from a setup."""

    cpus: tuple[Cpu, ...]
    masks: int
    line_words: int
    page_words: int
    tables: int
    mappings: int
    mms: int


def _plan(setup: Setup) -> _Plan:
    topology = setup.machine.topology
    if setup.threads > topology.n_cpus:
        raise WorldError(
            f"{setup.threads} threads on {setup.machine.name!r}, which has {topology.n_cpus} CPUs:"
            " every thread needs a CPU of its own"
        )
    masks = -(-topology.n_cores // lay.MASK_BITS)
    line_words = lay.L_MASK + masks
    own = setup.workload.mapping != "shared" and setup.workload.kind == "faults"
    mappings = setup.threads if own else 1
    return _Plan(
        tuple(cpu_of(topology, i) for i in range(setup.threads)),
        masks,
        line_words,
        line_words + topology.n_l3,
        -(-setup.pages // lay.TABLE_PAGES),
        mappings,
        setup.threads if setup.workload.mapping == "per_process" else 1,
    )


def _allocate(setup: Setup, plan: _Plan) -> Words:
    """Reserve all regions and note in the header where they begin."""
    topology = setup.machine.topology
    regions = _Regions()
    header = {
        lay.H_PROG: len(setup.program.words),
        lay.H_CORE: topology.n_cores * lay.C_WORDS,
        lay.H_COST: 2 * lay.N_COSTS,
        lay.H_LINE_COST: 9 * lay.N_DISTANCES,
        lay.H_HOPS: topology.sockets**2,
        lay.H_FAR_READ: 3,
        lay.H_TASK: setup.threads * lay.T_WORDS,
        lay.H_COUNT: lay.N_COUNTERS,
        lay.H_WOKEN: setup.threads + 1,
        lay.H_NODE: topology.sockets,
        lay.H_L3: topology.n_l3,
        lay.H_BUCKET: WAIT_QUEUES,
        lay.H_LOCK: plan.line_words,
        lay.H_MM: plan.mms * (lay.MM_LOCKS + 3 * plan.line_words),
        lay.H_MAPPING: plan.mappings * lay.M_WORDS,
        lay.H_QUANTILES: lay.N_QUANTILES * lay.QUANTILE_WORDS,
        lay.H_HIST: lay.HIST_BUCKETS,
        lay.H_SERIES: 2 * lay.SERIES_BINS,
        lay.H_PAGE: plan.tables * lay.TABLE_PAGES * plan.page_words,
    }
    bases = {slot: regions.take(words) for slot, words in header.items()}
    tables = regions.take(plan.mappings * plan.tables * 2 * plan.line_words)
    ptes = regions.take(plan.mappings * plan.tables * (lay.TABLE_PAGES >> lay.PTE_SHIFT))
    w = np.zeros(regions.size, dtype=np.int64)
    for slot, base in bases.items():
        w[slot] = base
    per_table = lay.TABLE_PAGES >> lay.PTE_SHIFT
    for i in range(plan.mappings):
        record = bases[lay.H_MAPPING] + i * lay.M_WORDS
        w[record + lay.M_PTE] = ptes + i * plan.tables * per_table
        w[record + lay.M_TABLE] = tables + i * plan.tables * 2 * plan.line_words
    return w


def _scalars(w: Words, setup: Setup, plan: _Plan) -> None:
    """Fill the header's scalars."""
    machine, workload = setup.machine, setup.workload
    line, locks = machine.cache_line, machine.locks
    key = sha256(f"{setup.seed}/{setup.replication}".encode()).digest()
    values = {
        lay.H_TASKS: setup.threads,
        lay.H_PAGE_WORDS: plan.page_words,
        lay.H_PAGES: setup.pages,
        lay.H_SEEN: plan.line_words,
        lay.H_TABLE_WORDS: 2 * plan.line_words,
        lay.H_LINE_WORDS: plan.line_words,
        lay.H_MASKS: plan.masks,
        lay.H_TABLES: plan.tables,
        lay.H_SOCKETS: machine.topology.sockets,
        lay.H_SERIES_SHIFT: lay.SERIES_FIRST_SHIFT,
        lay.H_BUCKETS: WAIT_QUEUES,
        lay.H_KEY: int.from_bytes(key[:4], "little"),
        lay.H_HOLD: line.hold_ps,
        lay.H_SHARE: line.arbitration_share_ppm * (1 << 32) // 1_000_000,
        lay.H_COALESCE: int(line.coalesce),
        lay.H_HIDDEN_PPM: line.prefetch_hidden_ppm,
        lay.H_EVICT: line.evict_after_ps,
        lay.H_L3_HIT: line.l3_hit_ps,
        lay.H_L3_PAGES: machine.topology.l3_size_bytes // PAGE_BYTES,
        lay.H_NODE_PAGE: PAGE_BYTES * 10**12 // machine.memory.bandwidth_per_socket_bytes_per_s,
        lay.H_PTL_KIND: lay.LOCK_MCS if locks.page_table_lock == "mcs" else lay.LOCK_TICKET,
        lay.H_TICKET_WAITER: locks.ticket_per_waiter_ps,
        lay.H_MCS_PPM: locks.mcs_transfers_ppm,
        lay.H_SPLIT_PTL: int(locks.split_page_table_locks),
        lay.H_ORDER: setup.fault_around_order,
        lay.H_ACCESS: ACCESS[workload.access],
        lay.H_ACCESSES: setup.accesses,
        lay.H_ACCESS_COST: lay.COSTS.index(_access_cost(workload)),
        lay.H_THINK_QUANTILES: _quantiles_of(workload.think_distribution),
        lay.H_HOLD_QUANTILES: _quantiles_of(workload.hold_distribution),
        lay.H_INTERLEAVE: int(machine.memory.file_placement == "interleave"),
    }
    for slot, value in values.items():
        w[slot] = value


def _access_cost(workload: Workload) -> str:
    if workload.access == "random":
        return "random_word"
    return "touch_word" if workload.page_touch == "touch_word" else "read_page_dram"


def _quantiles_of(distribution: str) -> int:
    return lay.QUANTILES_EXPONENTIAL if distribution == "exponential" else 0


def cost_row(setup: Setup, busy_cores: int, *, smt_busy: bool) -> list[int]:
    """Return the cost table for a CPU, ps: stretched by the clock and by a busy SMT sibling.

    What waits for memory does not stretch with the clock.

    The end of a process runs alone, at the clock of one busy core.
    """
    machine, workload = setup.machine, setup.workload
    stretch = clock_stretch_ppm(machine, busy_cores)
    line = machine.cache_line
    other = {
        "none": 0,
        "page_work": workload.page_work_ps,
        "local_rmw": line.local_rmw_ps,
        "local_load": line.local_load_ps,
        "local_store": line.local_store_ps,
        "think": workload.think_ps,
        "hold": workload.hold_ps,
    }
    row = []
    for name in lay.COSTS:
        if name in ("none", "think", "hold"):
            row.append(other[name])
            continue
        ps = other.get(name)
        if ps is None:
            ps = getattr(machine.user if name in USER else machine.kernel, f"{name}_ps")
        if name not in AT_EXIT:
            if name not in MEMORY_BOUND:
                ps = ps * stretch // 1_000_000
            if smt_busy:
                smt = machine.smt
                slow = smt.user_slowdown_ppm if name in USER else smt.kernel_slowdown_ppm
                ps = ps * slow // 1_000_000
        row.append(ps)
    return row


def _machine_tables(w: Words, setup: Setup, plan: _Plan) -> None:
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
    busy = len({cpu.core for cpu in plan.cpus})
    base = int(w[lay.H_COST])
    for row in range(2):
        costs = cost_row(setup, busy, smt_busy=bool(row))
        w[base + row * lay.N_COSTS : base + (row + 1) * lay.N_COSTS] = costs
    base = int(w[lay.H_LINE_COST])
    w[base : base + 9 * lay.N_DISTANCES] = _line_costs(machine)
    memory = machine.memory
    base = int(w[lay.H_FAR_READ])
    for hops, ps in enumerate((memory.local_ps, memory.one_hop_ps, memory.two_hops_ps)):
        w[base + hops] = ps * 1_000_000 // memory.local_ps if memory.local_ps else 1_000_000
    base = int(w[lay.H_QUANTILES])
    tables = quantiles.lognormal(machine.user.read_page_cv_ppm) + quantiles.exponential()
    w[base : base + len(tables)] = tables


def _line_costs(machine: Machine) -> list[int]:
    """Return the line cost table, ps, flat [operation][state][distance]."""
    line, memory = machine.cache_line, machine.memory
    rows: list[int] = []
    for local, shared, modified in (
        (line.local_load_ps, line.load_shared, line.load_modified),
        (line.local_store_ps, line.store_shared, line.store_modified),
        (line.local_rmw_ps, line.rmw_shared, line.rmw_modified),
    ):
        dram = [memory.local_ps, memory.local_ps, memory.local_ps]
        rows += [*dram, memory.one_hop_ps, memory.two_hops_ps, memory.local_ps]
        rows += _distance_row(local, shared)
        rows += _distance_row(local, modified)
    return rows


def _distance_row(local: int, d: Distances) -> list[int]:
    remote = [d.same_l3_ps, d.same_socket_ps, d.one_hop_ps, d.two_hops_ps]
    return [local, *remote, d.smt_sibling_ps]


def _lines_and_pages(w: Words, setup: Setup, plan: _Plan) -> None:
    """Give every line its home node; put the file's pages in the page cache."""
    topology = setup.machine.topology
    base, words = int(w[lay.H_PAGE]), plan.page_words
    pages = w[base : base + plan.tables * lay.TABLE_PAGES * words].reshape(-1, words)
    pages[:, lay.P_FLAGS] = lay.FLAG_UPTODATE | lay.FLAG_OURS
    pages[:, lay.P_REFCOUNT] = 1
    if w[lay.H_INTERLEAVE]:
        pages[:, lay.L_HOME] = np.arange(len(pages)) % topology.sockets


def _tasks(w: Words, setup: Setup, plan: _Plan) -> None:
    """Fill the task, mm and mapping records."""
    by_core: dict[int, list[int]] = {}
    for task, cpu in enumerate(plan.cpus):
        by_core.setdefault(cpu.core, []).append(task)
    mm_words = lay.MM_LOCKS + 3 * plan.line_words
    for i in range(plan.mms):
        mm = int(w[lay.H_MM]) + i * mm_words
        w[mm + lay.MM_LIVE] = setup.threads // plan.mms
        w[mm + lay.MM_MAPPINGS] = plan.mappings // plan.mms
        w[mm + lay.MM_FIRST] = w[lay.H_MAPPING] + i * (plan.mappings // plan.mms) * lay.M_WORDS
    for task, cpu in enumerate(plan.cpus):
        t = int(w[lay.H_TASK]) + task * lay.T_WORDS
        mapping = int(w[lay.H_MAPPING]) + (task if plan.mappings > 1 else 0) * lay.M_WORDS
        others = [other for other in by_core[cpu.core] if other != task]
        values = {
            lay.T_GRANT: -1,
            lay.T_LAST: -2,
            lay.T_WAIT_PAGE: -1,
            lay.T_CORE: cpu.core,
            lay.T_L3: cpu.l3,
            lay.T_SOCKET: cpu.socket,
            lay.T_SMT: int(bool(others)),
            lay.T_COSTS: w[lay.H_COST] + int(bool(others)) * lay.N_COSTS,
            lay.T_SLOT: others[0] + 1 if others else 0,
            lay.T_MM: w[lay.H_MM] + (task if plan.mms > 1 else 0) * mm_words,
            lay.T_PTE: w[mapping + lay.M_PTE],
            lay.T_TABLE: w[mapping + lay.M_TABLE],
            lay.T_MAPPING: mapping,
            lay.T_OWN_TABLES: int(plan.mappings == setup.threads),
        }
        for slot, value in values.items():
            w[t + slot] = value


def _starts(w: Words, setup: Setup) -> None:
    """Set the time at which each thread is created: an interval with a random part."""
    interval = setup.workload.start_stagger_ps
    if interval is None:
        interval = setup.machine.kernel.thread_start_ps
    spread = interval * setup.workload.start_jitter_ppm // 1_000_000
    now = 0
    words = w[: w[lay.H_PAGE]].tolist()  # plain integers: numpy scalars would overflow loudly
    for task in range(setup.threads):
        t = int(w[lay.H_TASK]) + task * lay.T_WORDS
        if task:
            bits = draw_at(words, task, lay.DRAW_START, 0)
            random_part = scaled(words, lay.QUANTILES_EXPONENTIAL, bits, spread)
            now += max(0, interval - spread) + random_part
        w[t + lay.T_AT] = w[t + lay.T_CLOCK] = w[t + lay.T_START] = now


def _share_page_table_locks(program: Words) -> None:
    """Without split locks a page-table lock is everybody's: no step on it is private."""
    rows = program.reshape(-1, lay.I_WORDS)
    locks = np.isin(rows[:, lay.I_OP], (lay.OP_LOCK, lay.OP_UNLOCK))
    rows[locks & (rows[:, lay.I_A] == lay.LOCK_PTL), lay.I_PRIVATE] = lay.PRIVATE_NEVER


def build_world(setup: Setup) -> Words:
    """Return the World of a run before its first event.

    Returns
    -------
    int64 array, shape (n_words,)
        See ``layout``.

    Raises
    ------
    WorldError
        If there are more threads than CPUs.
    """
    plan = _plan(setup)
    w = _allocate(setup, plan)
    base = int(w[lay.H_PROG])
    w[base : base + len(setup.program.words)] = setup.program.words
    if not setup.machine.locks.split_page_table_locks:
        _share_page_table_locks(w[base : base + len(setup.program.words)])
    _scalars(w, setup, plan)
    _machine_tables(w, setup, plan)
    _lines_and_pages(w, setup, plan)
    _tasks(w, setup, plan)
    _starts(w, setup)
    return w
