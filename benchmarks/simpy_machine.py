"""The machine on which threads written for SimPy fault: lines, pages, CPUs, memory nodes.

What a user would hardly write is left out, see `fault_simpy.py`.
"""

import math
import random
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import simpy

from benchmarks.world_file import Rows

UNCACHED, SHARED, MODIFIED = 0, 1, 2
LOAD, STORE, RMW = 0, 1, 2
SAME_CORE, SAME_L3, SAME_SOCKET = 0, 1, 2
N_DISTANCES = 6
TABLE_PAGES = 512
TABLES_OF_PMD_PAGE = 512
LINES_OF_4_KIB = 64
LOCAL = ("local_load", "local_store", "local_rmw")

Life = Generator[simpy.Event, None, None]


@dataclass
class Line:
    """A cache line: one core at a time may fetch it."""

    port: simpy.Resource
    home: int = 0
    state: int = UNCACHED
    owner: int = 0
    free_ps: int = 0
    sharers: set[int] = field(default_factory=set)


@dataclass
class TableLock:
    """A lock under which new page tables go in: that of a PMD page, or of the mm."""

    holder: simpy.Resource
    line: Line


@dataclass
class Page:
    """A page of the file with the line of its struct page."""

    line: Line
    locked: bool = False
    mapcount: int = 0
    refcount: int = 1
    unlocked: simpy.Event | None = None


@dataclass
class Cpu:
    """Where a thread runs, and what work costs there."""

    core: int
    l3: int
    socket: int
    cost: dict[str, int]
    last_page: int = -2
    stream: int = 0
    slots: int = -2
    slots_from: int = 0


@dataclass
class Outcome:
    """What is compared with dessim; steady are latencies that ended while all threads ran."""

    faults: int = 0
    pages_mapped: int = 0
    touches: int = 0
    trylock_lost: int = 0
    latencies_ps: list[int] = field(default_factory=list)
    steady_latencies_ps: list[int] = field(default_factory=list)
    finish_ps: int = 0
    completion_ps: int = 0
    seconds: float = 0.0


class Machine:
    """The shared parts of a run: page cache, locks, memory nodes."""

    def __init__(self, numbers: Rows, seed: int) -> None:
        self.env = simpy.Environment(initial_time=0)
        self.n = numbers
        self.rng = random.Random(seed)
        sockets = self.one("SOCKETS")
        self.hops = [numbers["hops"][i * sockets : (i + 1) * sockets] for i in range(sockets)]
        self.pages = [Page(self.line(self.home(i))) for i in range(self.one("PAGES"))]
        self.mmap_line, self.vma_line = self.line(), self.line()
        self.vma_found: object = None  # the thread that looked last
        self.table_locks = [
            TableLock(simpy.Resource(self.env), self.line()) for _ in range(self.one("TABLE_LOCKS"))
        ]
        self.node_busy_ps = [0] * sockets
        self.read_into_l3: list[dict[int, int]] = [{} for _ in range(self.one("L3S"))]
        self.arrives_ps: list[dict[int, int]] = [{} for _ in range(self.one("L3S"))]
        sigma = math.sqrt(math.log1p(self.one("READ_CV_PPM") ** 2 / 1e12))
        self.read_mu, self.read_sigma = -sigma * sigma / 2, sigma
        self.outcome = Outcome()
        self.live = self.one("TASKS")
        self.all_run_from = max(numbers["task.start"])

    def one(self, name: str) -> int:
        """Return a number by name."""
        return self.n[name][0]

    def home(self, page: int) -> int:
        """Return the memory node of a page."""
        return page % self.one("SOCKETS") if self.one("INTERLEAVE") else 0

    def table_lock(self, thread: int, table: int) -> TableLock:
        """Return the lock under which a thread hangs in one of its page tables."""
        if not self.one("SPLIT_PMD"):
            return self.table_locks[0]
        place = (self.n["task.pmd_first"][thread] + table) // TABLES_OF_PMD_PAGE
        return self.table_locks[self.n["task.pmd"][thread] + place]

    def line(self, home: int = 0) -> Line:
        """Return a new line."""
        return Line(simpy.Resource(self.env), home)

    def work(self, *ps: int) -> simpy.Timeout:
        """Return an event after some private work."""
        return self.env.timeout(sum(ps))

    def line_cost(self, op: int, state: int, distance: int) -> int:
        """Return ps for an operation on a line."""
        return self.n["line_cost"][(op * 3 + state) * N_DISTANCES + distance]

    def distance(self, cpu: Cpu, core: int) -> int:
        """Return the distance of a CPU from a core."""
        if core == cpu.core:
            return SAME_CORE
        if self.n["core.l3"][core] == cpu.l3:
            return SAME_L3
        return SAME_SOCKET + self.hops[cpu.socket][self.n["core.socket"][core]]

    def transfer_ps(self, cpu: Cpu, line: Line, op: int) -> int:
        """Return ps to bring a line to a CPU."""
        state = line.state
        if state != UNCACHED and self.env.now - line.free_ps > self.one("EVICT"):
            if self.n["core.l3"][line.owner] == cpu.l3:
                return self.one("L3_HIT")
            state = UNCACHED
        if state == UNCACHED:
            return self.line_cost(op, state, SAME_SOCKET + self.hops[cpu.socket][line.home])
        if state == MODIFIED or op == LOAD:
            return self.line_cost(op, state, self.distance(cpu, line.owner))
        far = max(self.distance(cpu, core) for core in line.sharers)
        return self.line_cost(op, state, far)

    def access(
        self,
        cpu: Cpu,
        line: Line,
        op: int,
        work: int = 0,
        *,
        prefetched: bool = False,
        keep: bool = False,
    ) -> Life:
        """Use a cache line, fetching it if need be, and do some work; maybe keep it for a while."""
        env = self.env
        mine = line.state == MODIFIED and line.owner == cpu.core
        if mine or (op == LOAD and line.state == SHARED and cpu.core in line.sharers):
            cost = cpu.cost[LOCAL[op]]
            line.free_ps = max(line.free_ps, env.now + cost)
            yield self.work(cost, work)
            return
        with line.port.request() as request:
            yield request
            while line.free_ps > env.now:  # whoever has it keeps it for a while
                yield env.timeout(line.free_ps - env.now)
            cost = self.transfer_ps(cpu, line, op)
            if prefetched:
                hidden = cost * self.one("HIDDEN_PPM") // 1_000_000
                cost = max(cost - hidden, cpu.cost[LOCAL[op]])
            alone = line.state == UNCACHED or (line.state == MODIFIED and line.owner == cpu.core)
            if op != LOAD or alone:
                line.state = MODIFIED
            elif line.state != SHARED:
                line.sharers = {line.owner} if line.state == MODIFIED else set()
                line.state = SHARED
            line.owner = cpu.core
            line.sharers.add(cpu.core)
            line.free_ps = env.now + cost + (self.one("HOLD") if keep else 0)
            yield env.timeout(cost)
        if work:
            yield self.work(work)

    def access_page(
        self, cpu: Cpu, page: int, op: int, work: int = 0, *, keep: bool = True
    ) -> Life:
        """Use the line of a struct page: a trained prefetcher knows the next one of its 4 KiB."""
        ahead = False
        if page != cpu.last_page:
            follows = page == cpu.last_page + 1 and page % LINES_OF_4_KIB != 0
            cpu.stream = cpu.stream + 1 if follows else 0
            ahead = cpu.stream > self.one("TRAIN")
        cpu.last_page = page
        return self.access(cpu, self.pages[page].line, op, work, prefetched=ahead, keep=keep)

    def slots_ps(self, cpu: Cpu, pages: Sequence[int]) -> int:
        """Return ps to read the radix-tree slots of some pages in a row, eight to a line."""
        lines = range(pages[0] // 8, pages[-1] // 8 + 1)
        before = cpu.slots
        if cpu.slots_from <= lines[0] and lines[-1] <= before:
            return 0
        cpu.slots = lines[-1]
        hops = self.hops[cpu.socket][self.home(lines[0])]
        miss = self.line_cost(LOAD, UNCACHED, SAME_SOCKET + hops)
        hidden = miss - miss * self.one("HIDDEN_PPM") // 1_000_000
        if before <= lines[0] <= before + 1:
            oldest = lines[-1] - ((1 << self.one("ORDER")) - 1) // 8
            cpu.slots_from = max(cpu.slots_from, oldest)
            return (lines[-1] - before) * hidden
        cpu.slots_from = lines[0]
        missed = min(len(lines) - 1, self.one("TRAIN"))
        parent = int(lines[0] // 64 != before // 64)
        return (1 + parent + missed) * miss + (len(lines) - 1 - missed) * hidden

    def unprefetched_ps(self, cpu: Cpu) -> int:
        """Return ps to wait for the struct pages of the file that come before the prefetcher."""
        pages, first = len(self.pages), 1 + self.one("TRAIN")
        misses = sum(min(first, pages - at) for at in range(0, pages, LINES_OF_4_KIB))
        touched = self.one("FILE_TABLES") * (min(pages, TABLE_PAGES) + LINES_OF_4_KIB)
        kept = min(1.0, self.one("L3_PAGES") * LINES_OF_4_KIB / touched)
        homes = range(self.one("SOCKETS") if self.one("INTERLEAVE") else 1)
        far = [
            self.line_cost(LOAD, UNCACHED, SAME_SOCKET + self.hops[cpu.socket][h]) for h in homes
        ]
        mean = sum(far) / len(far)
        return round(misses * (mean - (mean - self.one("L3_HIT")) * kept))

    def read_page_ps(self, cpu: Cpu, page: int) -> int:
        """Return ps to read a page, from the L3 or from a memory node of limited bandwidth."""
        spread = self.rng.lognormvariate(self.read_mu, self.read_sigma)
        near = int(cpu.cost["read_page_l3"] * spread)
        seen, arrives = self.read_into_l3[cpu.l3], self.arrives_ps[cpu.l3]
        now = int(self.env.now)
        if page in seen and len(seen) - seen[page] < self.one("L3_PAGES"):
            return max(near, arrives[page] - now)  # not before the leader's data is there
        seen[page] = len(seen) + 1
        ps = int(cpu.cost["read_page_dram"] * spread)
        node = self.home(page)
        far = self.n["far_read"][self.hops[cpu.socket][node]]
        ps = min(ps, near) + max(0, ps - near) * far // 1_000_000
        self.node_busy_ps[node] = max(self.node_busy_ps[node], now) + self.one("NODE_PAGE")
        arrives[page] = max(now + ps, self.node_busy_ps[node])
        return arrives[page] - now
