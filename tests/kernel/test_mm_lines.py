"""What a fault reads of the mm and of the radix tree: the mapping found last, pgd, slots."""

import pytest
from helpers import (
    KERNEL_PS,
    LINE_PS,
    LOCAL_PS,
    MEMORY_PS,
    a_lab,
    a_machine,
    a_workload,
    scheme_program,
)

from dessim import registry
from dessim.engines import run_setup
from dessim.kernel import layout as lay
from dessim.kernel.addressing import lock_at, vma_cache_at
from dessim.kernel.alphabet import cache_vma, count, load_mmap_sem, load_pgd, lock, read_slots, when
from dessim.model import Point, SchemeChoice
from dessim.study.sweep.plan import setup_of

YES, NO = count("touches"), count("pte_lost")
SAME_L3 = 1  # column of LINE_PS
TAKE = KERNEL_PS["lock_local"]
NEAR, FAR = MEMORY_PS["local_ps"], MEMORY_PS["one_hop_ps"]


def vma_line(lab, task=0):
    """Return where the line with the mapping found last begins."""
    return vma_cache_at(lab.w, lab.w[lay.H_TASK] + task * lay.T_WORDS)


def mapping(lab, task):
    """Return the number of a task's mapping, plus one."""
    return lab.w[lab.get(task, lay.T_MAPPING) + lay.M_INDEX] + 1


def own(lab, line, task):
    """Let a task's core own a line, modified."""
    lab.w[line + lay.L_OWN] = lab.get(task, lay.T_CORE) << 2 | lay.MODIFIED


@pytest.mark.parametrize(("finder", "place"), [(0, "count touches"), (2, "count pte_lost")])
def test_when_vma_cached_holds_for_ones_own_mapping_only(finder, place):
    """The condition holds if one's own mapping was found last; either way it is one local load."""
    lab = a_lab(when("vma.cached", YES, otherwise=(NO,)), threads=3)
    lab.w[vma_line(lab) + lay.V_FOUND] = mapping(lab, finder)
    own(lab, vma_line(lab), 0)
    assert lab.go(0, 5) == 5 + LOCAL_PS["load"]
    assert lab.place(0) == place
    assert lab.spent(0, "mmap_lock") == LOCAL_PS["load"]


def test_when_vma_cached_is_false_before_anybody_has_looked():
    """At first no mapping was found; the first to look has its line from memory."""
    lab = a_lab(when("vma.cached", YES, otherwise=(NO,)))
    assert lab.go(0, 0) == NEAR
    assert lab.place(0) == "count pte_lost"


def test_when_vma_cached_holds_for_all_threads_of_a_shared_mapping():
    """Threads that share a mapping find what another one found."""
    lab = a_lab(
        cache_vma(),
        when("vma.cached", YES, otherwise=(NO,)),
        threads=3,
        workload=a_workload(mapping="shared"),
    )
    done = lab.go(0, 0)
    lab.put(2, lay.T_PC, 1)
    assert lab.go(2, done) == done + LINE_PS["load_modified"][SAME_L3]
    assert lab.place(2) == "count touches"


def test_cache_vma_takes_the_line_and_leaves_ones_own_mapping_there():
    """Remembering costs a store on the line, wherever it is, and replaces what was there."""
    lab = a_lab(cache_vma(), threads=3)
    done = lab.go(0, 0)
    assert done == NEAR
    assert lab.w[vma_line(lab) + lay.V_FOUND] == mapping(lab, 0)
    assert lab.go(2, done) == done + LINE_PS["store_modified"][SAME_L3]
    assert lab.w[vma_line(lab) + lay.V_FOUND] == mapping(lab, 2)


def test_cache_vma_of_one_process_is_unseen_in_another():
    """Each mm remembers a mapping of its own."""
    lab = a_lab(cache_vma(), threads=3, workload=a_workload(mapping="per_process"))
    lab.go(0, 0)
    assert vma_line(lab, 0) != vma_line(lab, 2)
    assert lab.w[vma_line(lab, 2) + lay.V_FOUND] == 0


def test_load_mmap_sem_brings_a_copy_and_the_lock_asks_again():
    """The look brings a copy; owning the line takes a second transfer if anybody else had it."""
    lab = a_lab(load_mmap_sem(), lock("mmap_lock"), threads=3)
    alone = lab.go(0, 0)
    assert lab.go(0, alone) == alone + LOCAL_PS["rmw"] + TAKE
    later = alone + 10 * NEAR
    looked = lab.go(2, later)
    assert looked == later + LINE_PS["load_modified"][SAME_L3]
    assert lab.go(2, looked) == looked + LINE_PS["rmw_shared"][SAME_L3] + TAKE


def test_load_pgd_reads_the_line_of_mmap_sem():
    """Whoever took mmap_sem last has the line on which the page-table root lies."""
    lab = a_lab(lock("mmap_lock"), load_pgd(), threads=3)
    done = lab.go(0, 0)
    assert lab.go(0, done) == done + LOCAL_PS["load"]
    lab.put(2, lay.T_PC, 1)
    later = done + 10 * NEAR
    assert lab.go(2, later) == later + LINE_PS["load_modified"][SAME_L3]
    assert lab.spent(2, "mmap_lock") == LINE_PS["load_modified"][SAME_L3]


def test_load_pgd_takes_the_line_from_the_core_that_will_unlock():
    """A load between the two RMWs of another fault makes its unlock fetch the line again."""
    lab = a_lab(lock("mmap_lock"), load_pgd(), threads=3)
    done = lab.go(0, 0)
    lab.put(2, lay.T_PC, 1)
    lab.go(2, done)
    line = lock_at(lab.w, lab.w[lay.H_TASK], lay.LOCK_MMAP)
    assert lab.w[line + lay.L_OWN] == lab.get(2, lay.T_CORE) << 2 | lay.SHARED


def a_slot_lab(order=0, window=False, **line):
    """Return a lab that reads slots over and over, on a machine with these cache lines."""
    machine = a_machine(cache_line={"prefetch_hidden_ppm": 750_000, **line})
    return a_lab(
        read_slots(window=window), order=order, machine=machine, workload=a_workload(pages=4096)
    )


def read(lab, *pages, task=0):
    """Return ps of reading the slots at each of some pages."""
    taken = []
    for page in pages:
        lab.put(task, lay.T_PC, 0)
        lab.on_page(task, page)
        taken.append(lab.go(task, 0))
    return taken


HIDDEN = NEAR - NEAR * 750_000 // 1_000_000


def test_read_slots_gets_eight_at_once():
    """The first of eight slots brings the others; the next eight are prefetched."""
    assert read(a_slot_lab(), 0, 1, 7, 8, 9, 16) == [2 * NEAR, 0, 0, HIDDEN, 0, HIDDEN]


def test_read_slots_elsewhere_misses_and_needs_the_parent_beyond_512_pages():
    """A line elsewhere misses once below the same line of parents, else twice."""
    lab = a_slot_lab()
    assert read(lab, 0, 64, 511, 0, 512 + 16) == [2 * NEAR, NEAR, NEAR, NEAR, 2 * NEAR]
    assert lab.spent(0, "lookup") == 7 * NEAR


@pytest.mark.parametrize(
    ("order", "after", "misses", "hidden"),
    [(2, 0, 2, 0), (4, 0, 2, 1), (4, 1, 3, 0), (6, 1, 3, 6), (6, 3, 5, 4), (6, 9, 9, 0)],
)
def test_read_slots_of_a_window_trains_the_prefetcher(order, after, misses, hidden):
    """A window costs parent and first line, the stream's training, and what prefetch leaves."""
    lab = a_slot_lab(order, window=True, prefetch_after=after)
    assert read(lab, 3) == [misses * NEAR + hidden * HIDDEN]


def test_read_slots_of_a_window_again_is_free_and_of_the_next_one_prefetched():
    """A retry finds the window's lines at hand; the next window goes on with the stream."""
    lab = a_slot_lab(4, window=True)
    read(lab, 32)
    assert read(lab, 47, 32, 48, 32) == [0, 0, 2 * HIDDEN, NEAR + HIDDEN]


def test_read_slots_of_the_target_after_its_window_is_free():
    """The slow path after a window finds the slot at hand, also in the window's first line."""
    machine = a_machine(cache_line={"prefetch_hidden_ppm": 750_000})
    program = (read_slots(window=True), read_slots(window=False))
    lab = a_lab(*program, order=4, machine=machine, workload=a_workload(pages=4096))
    lab.on_page(0, 33)
    done = lab.go(0, 0)
    assert lab.go(0, done) == done
    read(lab, 48)
    assert lab.get(0, lay.T_SLOTS) == 7


def test_read_slots_forgets_all_but_a_window():
    """In order, lines stay at hand as many as a window has; what was read before that misses."""
    lab = a_slot_lab(4)
    read(lab, *range(0, 64, 8))
    assert read(lab, 56, 48, 40) == [0, 0, NEAR]


def test_read_slots_before_the_first_one_read_is_no_hit():
    """A line in front of the one that was read first was never read."""
    lab = a_slot_lab(4)
    assert read(lab, 24, 16, 24) == [2 * NEAR, NEAR, HIDDEN]


def test_read_slots_comes_from_the_node_of_their_line_if_files_are_interleaved():
    """Lines of slots are spread over the nodes like the file."""
    machine = a_machine(memory={"file_placement": "interleave"})
    lab = a_lab(read_slots(window=False), machine=machine, workload=a_workload(pages=4096))
    assert read(lab, 0, 8, 16, 40) == [2 * NEAR, FAR, NEAR, FAR]


def test_only_faults_under_mmap_sem_remember_the_mapping():
    """Per-VMA locks find their mapping without the line that all share."""
    under_mmap_sem = scheme_program("radix_walk_trylock", 4).listing
    under_vma_lock = scheme_program("folio_batch", 4).listing
    assert "cache vma" in under_mmap_sem
    assert "cache vma" not in under_vma_lock
    assert "load pgd" in under_vma_lock


FAULTS = ("no_fault_around", 0), ("radix_walk_trylock", 4)


@pytest.mark.parametrize(("scheme", "order"), FAULTS)
def test_a_vma_cache_per_thread_leaves_no_shared_line_in_a_fault(scheme, order):
    """From Linux 3.15 on the steps on the mm's line are gone; nothing else changes."""
    own = registry.thread_program(registry.load(scheme), {}, order, vma_cache_of_mm=False)
    shared = registry.thread_program(registry.load(scheme), {}, order)
    steps = ("when vma cached", "cache vma")
    assert [line for line in shared.listing if line not in steps] == list(own.listing)
    assert len(shared.listing) == len(own.listing) + 2


def faults_of(vma_cache, mapping):
    """Return the result of two threads that fault in turn, 100 us apart, never at once."""
    machine = a_machine(topology={"threads_per_core": 1}, locks={"vma_cache": vma_cache})
    workload = a_workload(
        pages=2,
        mapping=mapping,
        page_touch="touch_word",
        start_stagger_ps=10**8,
        start_jitter_ppm=0,
    )
    point = Point(
        experiment="test",
        machine=machine,
        workload=workload,
        scheme=SchemeChoice(name="no_fault_around"),
        threads=2,
        fault_around_order=0,
    )
    return run_setup(setup_of(point, 0), "reference")


def test_the_machine_says_whose_the_vma_cache_is():
    """Threads with mappings of their own take the mm's line from each other; own caches do not."""
    spent = {who: faults_of(who, "per_thread").time_ps["mmap_lock"] for who in ("mm", "thread")}
    assert spent["mm"] > spent["thread"]
    alone = {who: faults_of(who, "per_process").time_ps["mmap_lock"] for who in ("mm", "thread")}
    # the first fault brings the line from memory and remembers the mapping, the second looks
    each = MEMORY_PS["local_ps"] + LOCAL_PS["store"] + LOCAL_PS["load"]
    assert alone["mm"] - alone["thread"] == 2 * each
