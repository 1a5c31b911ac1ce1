"""Steps of actors and of munmap: rounds, ranges, mappings, own ptes."""

from statistics import mean

import pytest
from helpers import KERNEL_PS, TLB, TLB_PS, a_lab, a_machine, a_workload

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step, count, each_in_range, each_mapping, jump, label

SEEN, AFTER = count("touches"), count("pte_lost")


def ranging(size, pages=16):
    """Return a lab whose task picks ranges of a size."""
    lab = a_lab(Step("pick_range"), each_in_range(SEEN), workload=a_workload(pages=pages))
    lab.put(0, lay.T_RANGE, size)
    return lab


def test_pause_draws_its_length_around_the_actors_pace():
    """Pauses are exponential around the mean of the YAML file (4 sigma), and differ."""
    lab = a_lab(jump("pause", "end"), AFTER, label("end"))
    lab.put(0, lay.T_EVERY, 1_000_000)
    lengths = []
    for _ in range(400):
        lab.put(0, lay.T_PC, 0)
        lengths.append(lab.go(0, 0))
    assert len(set(lengths)) > 390
    assert abs(mean(lengths) - 1_000_000) < 4 * 1_000_000 / 400**0.5


@pytest.mark.parametrize(("live", "place"), [(1, "count pte_lost"), (0, "stop")])
def test_pause_is_the_last_when_the_workload_is_over(live, place):
    """After its pause an actor begins another round only if a thread is still at work."""
    lab = a_lab(jump("pause", "end"), AFTER, label("end"))
    lab.w[lay.H_LIVE] = live
    lab.go(0, 0)
    assert lab.place(0) == place


@pytest.mark.parametrize(
    ("size", "pages", "ranges"),
    [
        (4, 16, {(0, 4), (4, 8), (8, 12), (12, 16)}),
        (6, 16, {(0, 6), (6, 12), (12, 16)}),
        (99, 16, {(0, 16)}),
        (1, 3, {(0, 1), (1, 2), (2, 3)}),
    ],
)
def test_pick_range_draws_aligned_ranges_of_the_file(size, pages, ranges):
    """Every range of the actor's size is drawn, clipped to the file, and nothing else; free."""
    lab = ranging(size, pages)
    seen = set()
    for _ in range(120):
        lab.put(0, lay.T_PC, 0)
        assert lab.go(0, 3) == 3
        seen.add((lab.get(0, lay.T_CURSOR), lab.get(0, lay.T_STOP)))
    assert seen == ranges


def test_next_in_range_visits_each_page_once_and_returns_to_the_first():
    """The loop sees the range's pages in order and ends where it began, for another loop."""
    lab = ranging(5, pages=15)
    lab.go(0, 0)
    first, pages = lab.get(0, lay.T_CURSOR), []
    while lab.place(0) != "stop":
        if lab.place(0) == "count touches":
            pages.append(lab.get(0, lay.T_CURSOR))
        assert lab.go(0, 0) == 0
    assert pages == list(range(first, first + 5))
    assert lab.get(0, lay.T_CURSOR) == first


@pytest.mark.parametrize(("mapping", "expected"), [("per_thread", 3), ("shared", 1)])
def test_first_mapping_and_next_mapping_look_at_each_mapping_once(mapping, expected):
    """The walk sees the page tables of every mapping of the file, in order."""
    lab = a_lab(each_mapping(SEEN), threads=3, workload=a_workload(mapping=mapping))
    tables = []
    while lab.place(0) != "stop":
        if lab.place(0) == "count touches":
            tables.append(lab.get(0, lay.T_PTE))
        assert lab.go(0, 0) == 0
    base = lab.w[lay.H_MAPPING] + lay.M_PTE
    assert tables == [lab.w[base + i * lay.M_WORDS] for i in range(expected)]


def test_first_mapping_begins_with_the_first_whoever_asks():
    """An actor's walk begins with mapping 0 even if its own is another."""
    lab = a_lab(Step("first_mapping"), threads=3)
    lab.go(2, 0)
    assert lab.get(2, lay.T_PTE) == lab.get(0, lay.T_PTE)
    assert lab.get(2, lay.T_MAPPING) != lab.get(2, lay.T_SWEEP)  # it still runs in its own


def test_next_mapping_moves_locks_to_the_mappings_mm():
    """In processes of their own, each mapping's locks are those of its own mm."""
    lab = a_lab(each_mapping(SEEN), threads=3, workload=a_workload(mapping="per_process"))
    own = [lab.get(task, lay.T_MM) for task in range(3)]
    seen = []
    while lab.place(0) != "stop":
        if lab.place(0) == "count touches":
            seen.append(lab.get(0, lay.T_MM))
        lab.go(0, 0)
    assert seen == own
    assert len(set(own)) == 3


def unmapping(touched, last, mapped, **changes):
    """Return a lab of a task that unmaps: pages mapped, pages touched up to the last."""
    workload = a_workload(pages=64, unmap_every_pages=8)
    lab = a_lab(Step("unmap_own", category="teardown"), workload=workload, **changes)
    for page in mapped:
        lab.w[lab.get(0, lay.T_PTE) + page // lay.PTE_BITS] |= 1 << page % lay.PTE_BITS
        lab.w[lab.page_at(page) + lay.P_MAPCOUNT] += 1
        lab.w[lab.page_at(page) + lay.P_REFCOUNT] += 1
    lab.put(0, lay.T_PAGE, last)
    lab.put(0, lay.T_TOUCHED, touched)
    return lab


def test_unmap_own_clears_what_was_touched_and_nothing_else():
    """Munmap clears the ptes of the touched pages, drops their counts, and begins to count anew."""
    lab = unmapping(touched=4, last=33, mapped=range(28, 36))
    assert lab.go(0, 0) == 4 * KERNEL_PS["teardown_per_pte"]
    assert [p for p in range(64) if lab.mapped(0, p)] == [28, 29, 34, 35]
    counts = {(lab.page(p, lay.P_MAPCOUNT), lab.page(p, lay.P_REFCOUNT)) for p in range(30, 34)}
    assert counts == {(0, 1)}
    assert (lab.counter("ptes_cleared"), lab.get(0, lay.T_TOUCHED)) == (4, 0)


def test_unmap_own_leaves_pages_alone_that_somebody_else_unmapped():
    """A page that is not mapped any more loses no count."""
    lab = unmapping(touched=4, last=3, mapped=[1, 2])
    lab.go(0, 0)
    assert [lab.page(p, lay.P_MAPCOUNT) for p in range(4)] == [0, 0, 0, 0]
    assert lab.counter("ptes_cleared") == 2


def test_unmap_own_pays_the_flush_as_shootdown_and_the_ptes_as_teardown():
    """A munmap's time is its ptes and the flush of each page, in two categories."""
    lab = unmapping(touched=4, last=3, mapped=range(4), machine=a_machine(tlb=TLB))
    flush = 4 * TLB_PS["invlpg"]
    assert lab.go(0, 0) == 4 * KERNEL_PS["teardown_per_pte"] + flush
    assert lab.spent(0, "shootdown") == flush
    assert lab.spent(0, "teardown") == 4 * KERNEL_PS["teardown_per_pte"]


@pytest.mark.parametrize(
    ("touched", "place"), [(7, "stop"), (8, "count pte_lost"), (9, "count pte_lost")]
)
def test_when_touched_is_true_after_so_many_pages(touched, place):
    """It is time to unmap once as many pages are touched as the workload says; asking is free."""
    step = Step("when_touched", body=(AFTER,))
    lab = a_lab(step, workload=a_workload(unmap_every_pages=8))
    lab.put(0, lay.T_TOUCHED, touched)
    assert lab.go(0, 2) == 2
    assert lab.place(0) == place


def test_begin_runs_at_once_on_a_free_cpu():
    """A new task takes its idle CPU without a switch, and its time slice begins."""
    lab = a_lab(Step("begin", category="run_queue"))
    lab.w[lab.get(0, lay.T_CPU) + lay.U_RUNNING] = 0
    assert lab.go(0, 40) == 40
    assert lab.cpu(0, lay.U_RUNNING) == 1
    assert lab.get(0, lay.T_SLICE_FROM) == 40
    assert lab.counter("context_switches") == 0


def test_begin_queues_for_a_cpu_that_somebody_has():
    """A new task whose CPU is taken stands in its run queue."""
    one_cpu = {"sockets": 1, "l3_per_socket": 1, "cores_per_l3": 1, "threads_per_core": 1}
    lab = a_lab(Step("begin", category="run_queue"), threads=2, machine=a_machine(topology=one_cpu))
    assert lab.go(1, 0) == lay.ASLEEP
    assert lab.cpu(0, lay.U_HEAD) == 2
