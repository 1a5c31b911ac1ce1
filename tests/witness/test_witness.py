"""An independent witness: `no_fault_around` written by hand as a SimPy user would write it.

It shares no code and no data structure with the kernel: objects for cache lines and locks, a
generator for a thread, stock SimPy events. Left out, and switched off in the machine: SMT,
arbitration, coalescing, prefetch, eviction, random reads. Of two requests for one line in the same
picosecond that of the thread with the smaller number is served first. Such ties are not rare: a
core that holds a line for the time of one access asks for it again just when it comes free.
"""

from collections import deque
from itertools import product

import pytest
import simpy
from helpers import a_machine, a_workload
from witness_parts import Core, Line, Pause, TicketLock

from dessim.engines.reference import Reference
from dessim.kernel import layout as lay
from dessim.kernel.steps import advance
from dessim.kernel.world import Setup, build_world
from dessim.registry import load, thread_program
from dessim.study.sweep.plan import features_of

TABLE, GIB = 512, 1 << 30
SLOTS = 8  # of a radix-tree node on a cache line
STAGGERS = (0, 10_007, 150_107, 400_009, 1_300_021, 5_000_011)


class Page:
    """A page of the file: its struct page's line, its lock, who sleeps on the lock."""

    def __init__(self, env, machine, home):
        self.line, self.locked, self.queue = Line(env, machine, home), False, deque()


class Waiter:
    """Who stands in a page's wait queue: for the lock, or for its release alone."""

    def __init__(self, wants):
        self.wants, self.asleep_at, self.awake = wants, None, None


class Kernel:
    """What all threads of the process share."""

    def __init__(self, env, machine, pages, file_pages):
        self.env, self.machine, self.cost = env, machine, machine.kernel
        self.mmap_line, self.vma_line = Line(env, machine), Line(env, machine)
        self.found_last = None
        self.page_table_lock, self.pmd_locks = TicketLock(env, machine), {}
        self.counts_tables = machine.locks.split_pmd_locks
        self.remembers_vma = machine.locks.vma_cache == "mm"
        self.file_pages = -(-file_pages // TABLE) * TABLE
        spread = machine.memory.file_placement == "interleave"
        nodes = machine.topology.sockets if spread else 1
        self.pages = [Page(env, machine, i % nodes) for i in range(pages)]
        self.nodes = nodes

    def lock_of_table(self, thread, table):
        """Return the lock under which a thread's page table goes in: its PMD page's, or the mm's.

        A PMD page spans 1 GiB of addresses, in which the files of the threads adjoin.
        """
        if not self.counts_tables:
            return self.page_table_lock
        gib = (thread * self.file_pages + table * TABLE) * 4096 // GIB
        return self.pmd_locks.setdefault(gib, TicketLock(self.env, self.machine))


class Thread:
    """One thread with a mapping of its own, reading the file in order."""

    def __init__(self, kernel, number, start, own_pmds):
        self.kernel, self.env, self.cost = kernel, kernel.env, kernel.cost
        self.core, self.number = Core(number, kernel.machine.topology), number
        self.local = kernel.machine.cache_line
        self.start, self.tables, self.finished = start, set(), []
        self.slots, self.own_pmds = None, own_pmds

    def pause(self, *ps):
        """Work for a while."""
        return Pause(self.env, self.core, sum(ps))

    def reader(self):
        """Take or drop mmap_lock as a reader: writers there are none, so only the line counts."""
        ps = yield from self.kernel.mmap_line.use(self.core, "rmw")
        yield self.pause(ps, self.cost.lock_local_ps)

    def rmw(self, page, work_ps=0):
        """Count something in the page."""
        ps = yield from page.line.use(self.core, "rmw", again=True)
        yield self.pause(ps, work_ps)

    def trylock(self, page):
        """Try to lock the page; return whether that worked."""
        ps = yield from page.line.use(self.core, "rmw", again=True)
        won, page.locked = not page.locked, True
        yield self.pause(ps)
        return won

    def unlock(self, page):
        """Unlock the page and wake who waits: up to the first who wants the lock."""
        ps = yield from page.line.use(self.core, "rmw")
        page.locked = False
        woken = []
        while page.queue and not (woken and woken[-1].wants):
            woken.append(page.queue.popleft())
        each = self.cost.wake_read_ps + self.cost.wake_walk_ps
        ps += len(woken) * each + self.cost.unlock_page_ps
        done = self.env.now + ps
        for before, waiter in enumerate(woken):
            at = done - (len(woken) - before - 1) * each + self.cost.wakeup_ps
            if waiter.asleep_at is not None:
                ready = max(at, waiter.asleep_at)
                waiter.awake.succeed(ready + self.cost.context_switch_ps)
        yield self.pause(ps)

    def look(self, page, waiter, op):
        """Look at the page once, or try to lock it; queue if it is locked, leave if it is not.

        Return whether it was free.
        """
        ps = yield from page.line.use(self.core, op, again=True)
        if page.locked:
            if waiter not in page.queue:
                (page.queue.append if waiter.wants else page.queue.appendleft)(waiter)
            yield self.pause(ps, self.cost.page_lock_sleep_ps)
            return False
        page.locked = waiter.wants
        if waiter in page.queue:
            page.queue.remove(waiter)
            ps += self.cost.page_lock_leave_ps
        yield self.pause(ps)
        return True

    def second_look(self, page, waiter):
        """Look again before sleeping; return whether one who waits for the release is done."""
        ps = yield from page.line.use(self.core, "load", again=True)
        if page.locked:
            if waiter in page.queue:
                waiter.asleep_at, waiter.awake = self.env.now + ps, self.env.event()
                at = yield waiter.awake
                waiter.asleep_at = None
                ps = at - self.env.now
            yield self.pause(ps)
            return False
        if not waiter.wants and waiter in page.queue:
            page.queue.remove(waiter)
            ps += self.cost.page_lock_leave_ps
        yield self.pause(ps)
        return not waiter.wants

    def wait_for(self, page, *, wants):
        """Wait until the page is unlocked, or until it is ours: as Linux did up to 4.12."""
        waiter = Waiter(wants)
        while not (yield from self.look(page, waiter, "rmw" if wants else "load")):
            if (yield from self.second_look(page, waiter)):
                return

    def make_table(self, number):
        """Allocate the page table and hang it in; Linux counts them since 3.13."""
        lock, line = self.kernel.lock_of_table(self.number, number), self.local
        yield self.pause(self.cost.alloc_page_table_ps)
        if self.own_pmds:
            yield self.pause(line.local_rmw_ps, self.cost.lock_local_ps)
        else:
            yield from lock.take(self.core)
        if self.kernel.counts_tables:
            ps = yield from self.kernel.mmap_line.use(self.core, "rmw")  # nr_ptes is there
            yield self.pause(ps)
        self.tables.add(number)
        if self.own_pmds:
            yield self.pause(line.local_store_ps, self.cost.lock_local_ps)
        else:
            yield from lock.drop(self.core)

    def map_locked(self, page):
        """Map a page whose lock we hold: the page-table lock and the ptes are our own."""
        ps = yield from page.line.use(self.core, "load", again=True)
        yield self.pause(ps, self.cost.page_checks_ps)
        line = self.local
        yield self.pause(line.local_rmw_ps, self.cost.lock_local_ps, line.local_load_ps)
        yield from self.rmw(page, self.cost.rmap_ps)
        yield self.pause(line.local_store_ps, self.cost.set_pte_ps)
        yield self.pause(line.local_store_ps, self.cost.lock_local_ps)
        yield from self.unlock(page)

    def find_mapping(self):
        """Find one's mapping where the last finder left it, or leave it there; then the tables."""
        yield self.pause(self.cost.find_vma_ps)
        if self.kernel.remembers_vma:
            ps = yield from self.kernel.vma_line.use(self.core, "load")
            found = self.kernel.found_last is self
            yield self.pause(ps)
            if not found:
                ps = yield from self.kernel.vma_line.use(self.core, "store")
                self.kernel.found_last = self
                yield self.pause(ps)
        ps = yield from self.kernel.mmap_line.use(self.core, "load")  # pgd is there
        yield self.pause(ps, self.cost.walk_page_table_ps)

    def slot_ps(self, number):
        """Return ps to read the page's slot: eight come at once, the first with its parent's."""
        here, before = number // SLOTS, self.slots
        self.slots = here
        if here == before:
            return 0
        memory = self.kernel.machine.memory
        near = self.core.socket == here % self.kernel.nodes
        ps = memory.local_ps if near else memory.one_hop_ps
        return 2 * ps if before is None else ps

    def fault(self, number):
        """One page fault."""
        page = self.kernel.pages[number]
        yield self.pause(self.cost.exception_entry_ps)
        ps = yield from self.kernel.mmap_line.use(self.core, "load")  # is it free?
        yield self.pause(ps)
        tried = False
        while True:
            yield from self.reader()
            yield from self.find_mapping()
            if number // TABLE not in self.tables:
                yield from self.make_table(number // TABLE)
            yield self.pause(self.local.local_load_ps, self.cost.slow_path_ps, self.slot_ps(number))
            yield from self.rmw(page, self.cost.lookup_descent_ps)
            if (yield from self.trylock(page)):
                break
            if tried:  # the second attempt keeps mmap_lock
                yield from self.wait_for(page, wants=True)
                break
            tried = True
            yield from self.reader()
            yield from self.wait_for(page, wants=False)
            yield from self.rmw(page)
        yield from self.map_locked(page)
        yield from self.reader()
        yield self.pause(self.cost.exception_exit_ps)

    def live(self):
        """Read the file in order: each page faults once and is then touched."""
        yield Pause(self.env, self.core, self.start)
        for number in range(len(self.kernel.pages)):
            yield from self.fault(number)
            self.finished.append(self.env.now)
            yield self.pause(self.kernel.machine.user.touch_word_ps)


def witnessed(machine, threads, pages, stagger, file_pages=None):
    """Return the times at which each thread's faults end, as the witness has them."""
    env = simpy.Environment(initial_time=0)
    kernel = Kernel(env, machine, pages, file_pages or pages)
    gib_each = kernel.file_pages * 4096 % GIB == 0
    own_pmds = kernel.counts_tables and (threads == 1 or gib_each)
    actors = [Thread(kernel, i, i * stagger, own_pmds) for i in range(threads)]
    for actor in actors:
        env.process(actor.live())
    env.run()
    return [actor.finished for actor in actors]


def simulated(machine, threads, pages, stagger, file_pages=None):
    """Return the same from the reference engine, and how often a page's lock made a thread wait."""
    workload = a_workload(
        pages=file_pages or pages,
        page_touch="touch_word",
        start_stagger_ps=stagger,
        start_jitter_ppm=0,
    )
    features = dict(features_of(workload, machine))
    program = thread_program(load("no_fault_around"), {}, 0, **features)
    setup = Setup(machine, workload, program, threads, 0, pages * 4096, 1, 0)
    w = build_world(setup).tolist()
    finished = [[] for _ in range(threads)]

    def watched(w, task, now):
        pc = w[w[lay.H_TASK] + task * lay.T_WORDS + lay.T_PC]
        then = advance(w, task, now)
        if setup.program.listing[pc] == "fault end":
            finished[task].append(then)
        return then

    Reference(w, None, watched).run()
    return finished, w[w[lay.H_COUNT] + lay.N_PAGE_LOCK_WAITS]


def the_machine(**changes):
    """Return the test machine without SMT: tasks 0 to 3 are on two L3s of one socket."""
    return a_machine(topology={"threads_per_core": 1}, **changes)


MACHINES = {
    "plain": the_machine(),
    "held long": the_machine(kernel={"rmap_ps": 1_913_099}),
    "held for ever": the_machine(kernel={"rmap_ps": 9_413_113}),
    "runs": the_machine(cache_line={"hold_ps": 40_000}),
    "interleaved": the_machine(
        memory={"file_placement": "interleave"}, cache_line={"hold_ps": 20_011}
    ),
    "two sockets": a_machine(
        topology={"l3_per_socket": 1, "threads_per_core": 1, "placement": "compact"},
        cache_line={"hold_ps": 25_013},
    ),
}


CASES = list(product(MACHINES, (1, 2, 3, 4), STAGGERS))


@pytest.mark.parametrize(("machine", "threads", "stagger"), CASES)
def test_every_fault_ends_when_the_witness_says(machine, threads, stagger):
    """The reference engine and a hand-written SimPy program agree to the picosecond."""
    profile = MACHINES[machine]
    pages = 40
    finished, _ = simulated(profile, threads, pages, stagger)
    assert finished == witnessed(profile, threads, pages, stagger)


def test_every_fault_ends_when_the_witness_says_over_several_page_tables():
    """The agreement holds over page tables that are made on the way."""
    profile = MACHINES["runs"]
    finished, _ = simulated(profile, 3, 1100, 333_337)
    assert finished == witnessed(profile, 3, 1100, 333_337)


KERNELS = {
    "Linux 3.15": {"vma_cache": "thread"},
    "Linux 3.14": {},
    "Linux 3.12": {"split_pmd_locks": False},
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("file_mib", [64, 1022, 1024])
@pytest.mark.parametrize("stagger", [0, 333_337])
def test_every_fault_ends_when_the_witness_says_in_every_kernel(kernel, file_mib, stagger):
    """The agreement holds for all locks of page tables and whoever remembers the mapping found."""
    profile = the_machine(cache_line={"hold_ps": 40_000}, locks=KERNELS[kernel])
    args = (profile, 4, 520, stagger, file_mib << 8)
    finished, _ = simulated(*args)
    assert finished == witnessed(*args)


def test_the_witness_has_seen_contention():
    """The cases above are not trivial: threads met on locked pages and slept."""
    for machine in ("held long", "held for ever"):
        waits = [simulated(MACHINES[machine], 4, 40, stagger)[1] for stagger in (0, 150_107)]
        assert min(waits) > 5
