"""One CPU: a fault lasts the sum of its steps, added up by hand from the machine profile."""

import pytest
from helpers import a_machine, a_workload, scheme_setup

from dessim.engines import run_setup
from dessim.engines.reference import Reference
from dessim.kernel import layout as lay
from dessim.kernel.steps import advance
from dessim.kernel.world import build_world
from dessim.model import load_machine
from dessim.study.fidelity.parameters import machine_with

MACHINES = {
    "test": a_machine(topology={"threads_per_core": 1}),
    "prefetch": a_machine(
        topology={"threads_per_core": 1},
        memory={"file_placement": "interleave"},
        cache_line={"prefetch_hidden_ppm": 600_000},
    ),
    "trained prefetch": a_machine(
        topology={"threads_per_core": 1},
        cache_line={"prefetch_hidden_ppm": 900_000, "prefetch_after": 2},
    ),
    "ivybridge-ex-4s": machine_with(load_machine("ivybridge-ex-4s"), {"kernel.work_cv": 0}),
}


class Hand:
    """Sums of steps, as one would add them up on paper."""

    def __init__(self, machine):
        self.machine, self.k = machine, machine.kernel
        line = machine.cache_line
        self.load, self.store, self.rmw = (
            line.local_load_ps,
            line.local_store_ps,
            line.local_rmw_ps,
        )
        self.spin = self.rmw + self.k.lock_local_ps  # take a lock whose line is at hand
        self.unspin = self.store + self.k.lock_local_ps

    def fetch(self, page):
        """First RMW on a page's line: from its node's memory, prefetched once enough missed."""
        ps = self.memory(page)
        if page > self.machine.cache_line.prefetch_after:
            ps -= self.hidden(ps)
        return max(ps, self.rmw)

    def memory(self, line):
        """Latency of the memory of a page, or of a line of slots."""
        memory, sockets = self.machine.memory, self.machine.topology.sockets
        far = memory.file_placement == "interleave" and line % sockets
        return memory.one_hop_ps if far else memory.local_ps

    def hidden(self, ps):
        """What prefetch hides of a latency."""
        return ps * self.machine.cache_line.prefetch_hidden_ppm // 1_000_000

    def slots(self, *pages):
        """Radix-tree slots of pages 0 to 15, the first time: two lines and one of parents."""
        if len(pages) == 16:
            one = self.memory(0)
            trained = self.machine.cache_line.prefetch_after == 0
            return 3 * one - (self.hidden(one) if trained else 0)
        first = pages[0]
        if first == 0:
            return 2 * self.memory(0)
        ps = self.memory(first // 8)
        return ps - self.hidden(ps) if first == 8 else 0

    def entry(self, first):
        """From the exception to the handler; the first fault also makes the page table."""
        k, memory = self.k, self.machine.memory.local_ps
        look = memory if first else self.load
        mmap_lock = look + self.rmw + k.lock_local_ps + self.load
        mmap_lock += memory + self.store if first else self.load  # the mapping found last
        table = k.alloc_page_table_ps + self.spin + self.rmw + self.unspin if first else 0
        return k.exception_entry_ps + mmap_lock + k.find_vma_ps + k.walk_page_table_ps + table

    def exit(self):
        """Drop mmap_lock by an RMW and return."""
        return self.rmw + self.k.lock_local_ps + self.k.exception_exit_ps

    def map_and_unlock(self):
        """Mapcount, pte, page unlock."""
        k = self.k
        return (self.rmw + k.rmap_ps) + (self.store + k.set_pte_ps) + (self.rmw + k.unlock_page_ps)

    def find_and_lock(self, page):
        """Walk from the root with a reference, trylock, checks."""
        k = self.k
        return (
            self.slots(page)
            + (self.fetch(page) + k.lookup_descent_ps)
            + self.rmw
            + (self.load + k.page_checks_ps)
        )

    def no_fault_around(self, pages, first):
        """S0: one page."""
        (page,) = pages
        slow = self.load + self.k.slow_path_ps + self.find_and_lock(page)
        under_ptl = self.spin + self.load + self.map_and_unlock() + self.unspin
        return self.entry(first) + slow + under_ptl + self.exit()

    def lock_each_page(self, pages, first):
        """S1: the target, then each neighbour by a walk of its own."""
        target, *neighbours = pages
        k = self.k
        slow = self.load + k.slow_path_ps + self.find_and_lock(target)
        under_ptl = self.spin + self.load + self.map_and_unlock() + k.fault_around_setup_ps
        for page in neighbours:
            under_ptl += self.load + k.indirect_call_ps
            under_ptl += self.find_and_lock(page) + self.load + self.map_and_unlock()
        return self.entry(first) + slow + under_ptl + self.unspin + self.exit()

    def radix_walk_trylock(self, pages, first):
        """S4: one walk over the window."""
        k = self.k
        around = k.fault_around_setup_ps + self.spin + self.load  # is any pte none?
        around += k.lookup_descent_ps + self.slots(*pages)
        for page in pages:
            around += (self.fetch(page) + k.lookup_slot_ps) + self.load + self.rmw
            around += (self.load + k.page_checks_ps) + self.load + self.map_and_unlock()
        return self.entry(first) + around + self.unspin + self.load + self.exit()

    def gang_lookup_mapcount(self, pages, first):
        """S2: references first, then per page mapcount, flags, mapping, pte."""
        k = self.k
        around = k.fault_around_setup_ps + self.spin + k.lookup_descent_ps + self.slots(*pages)
        for page in pages:
            around += self.fetch(page) + k.lookup_slot_ps
        for _ in pages:
            around += self.load + (self.rmw + k.rmap_ps) + self.load
            around += (self.load + k.page_checks_ps) + (self.store + k.set_pte_ps)
        return self.entry(first) + around + self.unspin + self.load + self.exit()


def latencies(setup):
    """Return the latency of each fault of a run of one thread."""
    w = build_world(setup).tolist()
    begun, ended = [], []

    def watched(w, task, now):
        step = setup.program.listing[w[w[lay.H_TASK] + lay.T_PC]]
        then = advance(w, task, now)
        if step == "fault begin":
            begun.append(now)
        if step == "fault end":
            ended.append(then)
        return then

    Reference(w, None, watched).run()
    return [end - begin for begin, end in zip(begun, ended, strict=True)]


CASES = [
    ("no_fault_around", 0),
    ("lock_each_page", 2),
    ("radix_walk_trylock", 2),
    ("gang_lookup_mapcount", 2),
    ("radix_walk_trylock", 4),
]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("scheme", "order"), CASES)
def test_the_latency_of_every_fault_is_the_sum_of_its_steps(scheme, order, machine):
    """Alone on the machine, each fault lasts exactly what its steps cost in the profile."""
    profile = MACHINES[machine]
    workload = a_workload(pages=16, page_touch="touch_word")
    by_hand = getattr(Hand(profile), scheme)
    size = 1 << order
    windows = [list(range(start, start + size)) for start in range(0, 16, size)]
    expected = [by_hand(window, i == 0) for i, window in enumerate(windows)]
    assert latencies(scheme_setup(scheme, order, 1, profile, workload)) == expected


@pytest.mark.parametrize("machine", MACHINES)
def test_precheck_costs_one_load_a_page(machine):
    """The option adds a load of the page's flags per page, and nothing else while all is free."""
    workload = a_workload(pages=16, page_touch="touch_word")
    with_it, without = (
        latencies(
            scheme_setup("gang_lookup_mapcount", 2, 1, MACHINES[machine], workload, precheck=on)
        )
        for on in (True, False)
    )
    load = MACHINES[machine].cache_line.local_load_ps
    assert [a - b for a, b in zip(with_it, without, strict=True)] == [4 * load] * 4


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("scheme", "order"), CASES)
def test_a_run_lasts_its_faults_its_touches_and_its_teardown(scheme, order, machine):
    """Completion is faults, touches, a page walk at each first touch, and unmapping, to the ps."""
    profile = MACHINES[machine]
    setup = scheme_setup(scheme, order, 1, profile, a_workload(pages=16, page_touch="touch_word"))
    result = run_setup(setup, "reference")
    walk = profile.tlb.page_walk_ps if profile.tlb.l1_entries else 0
    reading = 16 * (profile.user.touch_word_ps + walk)
    assert result.finish_ps == result.latency_sum_ps + reading == sum(latencies(setup)) + reading
    kernel = profile.kernel
    teardown = 16 * kernel.teardown_per_pte_ps + kernel.teardown_per_table_ps
    # one run of struct pages, which an L3 can keep: what the prefetcher has to see first
    teardown += (1 + profile.cache_line.prefetch_after) * profile.cache_line.l3_hit_ps
    assert result.completion_ps == result.finish_ps + teardown + kernel.process_exit_ps
