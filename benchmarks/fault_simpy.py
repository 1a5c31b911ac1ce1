"""radix_walk_trylock as a SimPy user would write it: processes, Resources, Timeouts.

The same machine and the same scheme, with the costs of dessim's World. What a user would hardly
write is left out: the arbiter's preference for near requesters, the sibling that rides on a
transfer, turns at the page walker; draws are Python's own. So the result agrees with dessim's
closely, not exactly.
"""

import time
from collections.abc import Generator

import simpy

from benchmarks.simpy_machine import LOAD, RMW, STORE, TABLE_PAGES, Cpu, Life, Machine, Outcome
from benchmarks.world_file import Rows


class Thread:
    """One thread: its CPU, its page tables, its life."""

    def __init__(self, machine: Machine, number: int) -> None:
        n = machine.n
        smt = n["task.smt"][number]
        cost = {name[5:]: row[smt] for name, row in n.items() if name.startswith("cost.")}
        place = (n[f"task.{word}"][number] for word in ("core", "l3", "socket"))
        self.cpu = Cpu(*place, cost)
        self.machine, self.number = machine, number
        self.start_ps = n["task.start"][number]
        self.mapped: set[int] = set()
        self.tables: set[int] = set()
        self.ptl = simpy.Resource(machine.env)

    def life(self) -> Life:
        """Read the file page by page."""
        m = self.machine
        yield m.env.timeout(self.start_ps)
        for page in range(len(m.pages)):
            while page not in self.mapped:
                yield from self.fault(page)
            m.outcome.touches += 1
            # every page is new to the thread: with a TLB each read begins with a page walk
            walk = self.cpu.cost["page_walk"] + m.n["walk_miss"][self.cpu.l3]
            yield m.env.timeout(walk * bool(m.one("TLB")) + m.read_page_ps(self.cpu, page))
        m.outcome.finish_ps = m.env.now
        m.live -= 1
        if m.live == 0:
            yield from self.tear_down()

    def fault(self, target: int) -> Life:
        """Handle one fault, beginning again when the target is locked by somebody else."""
        m, cpu, cost = self.machine, self.cpu, self.cpu.cost
        began_ps = m.env.now
        m.outcome.faults += 1
        yield m.work(cost["exception_entry"])
        yield from m.access(cpu, m.mmap_line, LOAD)  # down_read_trylock looks first
        while True:
            yield from m.access(cpu, m.mmap_line, RMW, cost["lock_local"])  # a reader never waits
            yield m.work(cost["find_vma"])
            if m.one("VMA_CACHE_OF_MM"):
                yield from self.look_at_vma_cache()
            yield from m.access(cpu, m.mmap_line, LOAD)  # the page-table root is on it
            yield m.work(cost["walk_page_table"])
            if target // TABLE_PAGES not in self.tables:
                yield from self.new_table(target // TABLE_PAGES)
            if m.one("ORDER"):
                yield from self.fault_around(target)
            done = target in self.mapped or (yield from self.map_one(target))
            yield from m.access(cpu, m.mmap_line, RMW, cost["lock_local"])
            if done:
                break
            yield from self.sleep_on(target)
        yield m.work(cost["exception_exit"])
        m.outcome.latencies_ps.append(m.env.now - began_ps)
        if m.env.now >= m.all_run_from and m.live == m.one("TASKS"):
            m.outcome.steady_latencies_ps.append(m.env.now - began_ps)

    def look_at_vma_cache(self) -> Life:
        """Look whether the mapping found last is this thread's, and leave it there if not."""
        m = self.machine
        yield from m.access(self.cpu, m.vma_line, LOAD)
        if m.vma_found is not self:
            yield from m.access(self.cpu, m.vma_line, STORE)
            m.vma_found = self

    def new_table(self, table: int) -> Life:
        """Allocate a page table and hang it in, under a lock that may be nobody else's."""
        m, cost = self.machine, self.cpu.cost
        yield m.work(cost["alloc_page_table"])
        if m.one("OWN_PMDS"):
            yield m.work(cost["local_rmw"], cost["lock_local"])
            yield from self.hang_in(table)
            yield m.work(cost["local_store"], cost["lock_local"])
            return
        lock = m.table_lock(self.number, table)
        with lock.holder.request() as request:
            yield request
            yield from m.access(self.cpu, lock.line, RMW, cost["lock_local"])
            yield from self.hang_in(table)
            yield from m.access(self.cpu, lock.line, STORE, cost["lock_local"])

    def hang_in(self, table: int) -> Life:
        """Hang in a page table: with locks of PMD pages, it is counted on mmap_sem's line."""
        m = self.machine
        if m.one("SPLIT_PMD"):
            yield from m.access(self.cpu, m.mmap_line, RMW)
        self.tables.add(table)

    def fault_around(self, target: int) -> Life:
        """Map the window around the target under the page-table lock."""
        m, cost = self.machine, self.cpu.cost
        yield m.work(cost["fault_around_setup"])
        with self.ptl.request() as request:
            yield request
            yield m.work(cost["local_rmw"], cost["lock_local"], cost["local_load"])
            around = window(target, m.one("ORDER"), len(m.pages))
            left = [i for i, page in enumerate(around) if page not in self.mapped]
            if left:
                yield m.work(cost["lookup_descent"], m.slots_ps(self.cpu, around))
            for page in around[left[0] :] if left else ():
                yield from self.map_if_free(page)
            yield m.work(cost["local_store"], cost["lock_local"])

    def map_if_free(self, page: int) -> Life:
        """Map one page of the window unless somebody has locked it."""
        m, cpu, cost = self.machine, self.cpu, self.cpu.cost
        record = m.pages[page]
        yield from m.access_page(cpu, page, RMW, cost["lookup_slot"])
        record.refcount += 1
        yield from m.access_page(cpu, page, LOAD)
        yield from m.access_page(cpu, page, RMW)
        if record.locked:
            m.outcome.trylock_lost += 1
            yield from m.access_page(cpu, page, RMW, keep=False)
            record.refcount -= 1
            return
        record.locked = True
        yield from m.access_page(cpu, page, LOAD, cost["page_checks"])
        yield m.work(cost["local_load"])
        if page in self.mapped:
            yield from self.unlock(page, keep=True)
            yield from m.access_page(cpu, page, RMW, keep=False)
            record.refcount -= 1
            return
        yield from self.map_locked(page)
        yield from self.unlock(page)

    def map_locked(self, page: int) -> Life:
        """Account for and map a page that this thread has locked."""
        m, cost = self.machine, self.cpu.cost
        yield from m.access_page(self.cpu, page, RMW, cost["rmap"])
        m.pages[page].mapcount += 1
        yield m.work(cost["local_store"], cost["set_pte"])
        self.mapped.add(page)
        m.outcome.pages_mapped += 1

    def map_one(self, page: int) -> Generator[simpy.Event, None, bool]:
        """Map the target by the ordinary path; return whether it was not locked."""
        m, cpu, cost = self.machine, self.cpu, self.cpu.cost
        record = m.pages[page]
        yield m.work(cost["slow_path"], m.slots_ps(cpu, [page]))
        yield from m.access_page(cpu, page, RMW, cost["lookup_descent"])
        record.refcount += 1
        yield from m.access_page(cpu, page, RMW)
        if record.locked:
            return False
        record.locked = True
        yield from m.access_page(cpu, page, LOAD, cost["page_checks"])
        with self.ptl.request() as request:
            yield request
            yield m.work(cost["local_rmw"], cost["lock_local"], cost["local_load"])
            yield from self.map_locked(page)
            yield m.work(cost["local_store"], cost["lock_local"])
        yield from self.unlock(page)
        return True

    def unlock(self, page: int, *, keep: bool = False) -> Life:
        """Unlock a page and wake who sleeps on it."""
        m, cost = self.machine, self.cpu.cost
        record = m.pages[page]
        yield from m.access_page(self.cpu, page, RMW, cost["unlock_page"], keep=keep)
        record.locked = False
        if record.unlocked:
            record.unlocked.succeed()
            record.unlocked = None
            yield m.work(cost["wake_read"], cost["wake_walk"])

    def sleep_on(self, page: int) -> Life:
        """Queue, look again, sleep until a page is unlocked, and drop the reference to it."""
        m, cost = self.machine, self.cpu.cost
        record = m.pages[page]
        yield from m.access_page(self.cpu, page, LOAD, cost["page_lock_sleep"])
        yield from m.access_page(self.cpu, page, LOAD)
        if record.locked:
            record.unlocked = record.unlocked or m.env.event()
            yield record.unlocked
            yield m.work(cost["wakeup"], cost["context_switch"])
        yield from m.access_page(self.cpu, page, RMW, keep=False)
        record.refcount -= 1

    def tear_down(self) -> Life:
        """Unmap everything: the last thread does it for all."""
        m, cost = self.machine, self.cpu.cost
        tables = -(-len(m.pages) // TABLE_PAGES) * m.one("TASKS")
        ptes = len(m.pages) * m.one("TASKS")
        for page in m.pages:
            page.mapcount -= m.one("TASKS")
            page.refcount -= m.one("TASKS")
        yield m.work(ptes * cost["teardown_per_pte"], tables * cost["teardown_per_table"])
        yield m.work(m.unprefetched_ps(self.cpu) * m.one("TASKS"))
        yield m.work(cost["process_exit"])
        m.outcome.completion_ps = m.env.now


def window(target: int, order: int, pages: int) -> range:
    """Return the pages of the aligned window around a page."""
    first = target >> order << order
    return range(first, min(first + (1 << order), pages))


def run(numbers: Rows, seed: int) -> Outcome:
    """Run the whole program and return what came out.

    Raises
    ------
    AssertionError
        If a page is not at rest at the end.
    """
    machine = Machine(numbers, seed)
    for number in range(machine.one("TASKS")):
        machine.env.process(Thread(machine, number).life())
    before = time.process_time()
    machine.env.run()
    machine.outcome.seconds = time.process_time() - before
    for page in machine.pages:
        if page.mapcount or page.refcount != 1 or page.locked:
            raise AssertionError("a page is not at rest")
    return machine.outcome
