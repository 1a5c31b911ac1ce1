"""Steps of actors and of munmap: rounds, ranges, mappings, page tables."""

from statistics import mean

import pytest
from helpers import KERNEL_PS, LOCAL_PS, MEMORY_PS, TLB, TLB_PS, a_lab, a_machine, a_workload

from dessim.actors.munmap import UNMAP_TABLE
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import (
    Step,
    count,
    each_in_range,
    each_in_table,
    each_mapping,
    each_table,
    jump,
    label,
    note,
    when,
)

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
    assert lab.get(2, lay.T_MAPPING) != lab.get(2, lay.T_VISITED)  # it still runs in its own


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


def unmapping(*program, touched, last, mapped, pages=64, counts_tables=False, **changes):
    """Return a lab of a task that unmaps: pages mapped, pages touched up to the last."""
    workload = a_workload(pages=pages, unmap_every_pages=8)
    options = {"counts_tables": counts_tables}
    lab = a_lab(*program, workload=workload, options=options, **changes)
    for page in mapped:
        lab.w[lab.get(0, lay.T_PTE) + page // lay.PTE_BITS] |= 1 << page % lay.PTE_BITS
        lab.w[lab.page_at(page) + lay.P_MAPCOUNT] += 1
        lab.w[lab.page_at(page) + lay.P_REFCOUNT] += 1
        lab.w[populated(lab, page)] = 1
        lab.own_line(0, page)
    lab.put(0, lay.T_PAGE, last)
    lab.put(0, lay.T_TOUCHED, touched)
    return lab


def populated(lab, page):
    """Return the place of the word that says whether a page's table exists."""
    table = lab.get(0, lay.T_TABLE) + page // 512 * lab.w[lay.H_TABLE_WORDS]
    return table + lab.w[lay.H_LINE_WORDS] + lay.D_POPULATED


def finish(lab, now=0):
    """Let task 0 go to its end; return the time and the order of its steps."""
    seen = []
    while lab.place(0) != "stop":
        seen.append(lab.place(0))
        now = lab.go(0, now)
    return now, seen


PICKED = Step("pick_touched")
MUNMAP = (PICKED, each_table(*UNMAP_TABLE))


def test_pick_touched_makes_a_range_of_what_was_touched():
    """The range ends with the page that was touched last; the thread begins to count anew."""
    lab = unmapping(PICKED, touched=4, last=33, mapped=())
    lab.go(0, 0)
    words = (lay.T_PAGE, lay.T_CURSOR, lay.T_STOP, lay.T_TOUCHED)
    assert [lab.get(0, word) for word in words] == [30, 30, 34, 0]
    assert lab.get(0, lay.T_VISITED) == lab.get(0, lay.T_MAPPING)


def test_next_table_and_next_in_table_go_through_a_range():
    """Each table of the range once, with the cursor on the first page of both; then back."""
    inner = (count("touches"), each_in_table(count("unmaps")))
    lab = unmapping(PICKED, each_table(*inner), touched=700, last=1030, mapped=(), pages=1200)
    firsts, seen = [], 0
    while lab.place(0) != "stop":
        if lab.place(0) == "count touches":
            firsts.append(lab.get(0, lay.T_CURSOR))
        lab.go(0, 0)
    seen = lab.counter("unmaps")
    assert (firsts, seen) == ([331, 512, 1024], 700)
    assert lab.get(0, lay.T_CURSOR) == 331


def test_munmap_clears_what_was_touched_and_nothing_else():
    """Munmap clears the ptes of the touched pages and drops their counts."""
    lab = unmapping(*MUNMAP, touched=4, last=33, mapped=range(28, 36))
    finish(lab)
    assert [p for p in range(64) if lab.mapped(0, p)] == [28, 29, 34, 35]
    counts = {(lab.page(p, lay.P_MAPCOUNT), lab.page(p, lay.P_REFCOUNT)) for p in range(30, 34)}
    assert counts == {(0, 1)}
    assert (lab.counter("ptes_cleared"), lab.w[populated(lab, 33)]) == (4, 1)


def test_munmap_leaves_pages_alone_that_somebody_else_unmapped():
    """A page that is not mapped any more loses no count."""
    lab = unmapping(*MUNMAP, touched=4, last=3, mapped=[1, 2])
    finish(lab)
    assert [lab.page(p, lay.P_MAPCOUNT) for p in range(4)] == [0, 0, 0, 0]
    assert lab.counter("ptes_cleared") == 2


def test_flush_table_comes_before_the_references_are_dropped():
    """Ptes and mapcounts first, then the flush, then the references: nobody frees what is used."""
    lab = unmapping(*MUNMAP, touched=2, last=3, mapped=[2, 3], machine=a_machine(tlb=TLB))
    _, seen = finish(lab)
    lines = [s for s in seen if s.startswith(("clear", "page.", "flush"))]
    assert lines == [
        *["clear pte", "page.mapcount - 1"] * 2,
        "flush table",
        *["page.refcount - 1"] * 2,
    ]
    assert lab.spent(0, "shootdown") == 2 * TLB_PS["invlpg"]
    assert lab.counter("shootdowns") == 1


def test_flush_table_of_nothing_flushes_nothing():
    """If no pte was there, nobody is interrupted."""
    lab = unmapping(*MUNMAP, touched=2, last=3, mapped=[7], machine=a_machine(tlb=TLB))
    finish(lab)
    assert (lab.spent(0, "shootdown"), lab.counter("shootdowns")) == (0, 0)


def test_munmap_pays_each_pte_and_two_accesses_to_its_page():
    """A pte costs an exchange and its work; mapcount and reference an RMW each."""
    times = []
    for n in (3, 4):
        lab = unmapping(*MUNMAP, touched=4, last=3, mapped=range(n))
        times.append(finish(lab)[0])
    each = LOCAL_PS["rmw"] * 3 + KERNEL_PS["clear_pte"]
    assert times[1] - times[0] == each


@pytest.mark.parametrize(
    ("touched", "last", "pages", "freed"),
    [(512, 511, 600, 1), (511, 511, 600, 0), (511, 510, 600, 0), (600, 599, 600, 2), (8, 7, 8, 1)],
)
def test_free_table_takes_page_tables_that_munmap_empties(touched, last, pages, freed):
    """A table is freed if the range has all of its pages; the file's last table may be short."""
    lab = unmapping(*MUNMAP, touched=touched, last=last, mapped=[0, pages - 1], pages=pages)
    finish(lab)
    assert lab.counter("tables_freed") == freed
    assert lab.spent(0, "teardown") >= freed * KERNEL_PS["teardown_per_table"]


@pytest.mark.parametrize(("touched", "place"), [(512, "count pte_lost"), (511, "stop")])
def test_when_table_covered_asks_for_all_pages_of_the_table(touched, place):
    """A range that lacks the table's first page does not cover it; asking is free."""
    lab = unmapping(
        PICKED, when("table.covered", AFTER), touched=touched, last=511, mapped=(), pages=600
    )
    lab.go(0, 2)
    assert lab.go(0, 2) == 2
    assert lab.place(0) == place


def test_note_may_be_taken_back():
    """Only the last note counts."""
    lab = a_lab(note(True), note(False))
    lab.go(0, 0)
    assert lab.get(0, lay.T_NOTED) == 1
    lab.go(0, 0)
    assert lab.get(0, lay.T_NOTED) == 0


def test_when_noted_remembers_a_yes_or_no():
    """What a task noted last is what it is reported, for nothing."""
    for said, place in ((True, "count pte_lost"), (False, "stop")):
        lab = a_lab(note(not said), note(said), when("noted", AFTER))
        assert [lab.go(0, 0) for _ in range(3)] == [0, 0, 0]
        assert lab.place(0) == place


def test_next_in_table_stays_in_the_table():
    """The loop over a table ends at the table's end or the range's, and goes back to its first."""
    lab = unmapping(PICKED, each_in_table(SEEN), touched=20, last=519, mapped=(), pages=600)
    lab.go(0, 0)
    lab.put(0, lay.T_CURSOR, 512)
    finish(lab)
    assert (lab.counter("touches"), lab.get(0, lay.T_CURSOR)) == (8, 512)


def test_pick_mapping_joins_a_process():
    """A munmap actor works with the locks of the mm that it drew, and is one of its threads."""
    lab = a_lab(Step("pick_mapping"), threads=3, workload=a_workload(mapping="per_process"))
    homes = set()
    for _ in range(20):
        lab.put(0, lay.T_PC, 0)
        lab.go(0, 0)
        assert lab.get(0, lay.T_HOME_MM) == lab.get(0, lay.T_MM)
        homes.add(lab.get(0, lay.T_MM))
    assert len(homes) == 3


@pytest.mark.parametrize(
    ("touched", "place"), [(7, "stop"), (8, "count pte_lost"), (9, "count pte_lost")]
)
def test_when_touched_is_true_after_so_many_pages(touched, place):
    """It is time to unmap once as many pages are touched as the workload says; asking is free."""
    lab = a_lab(when("touched_enough", AFTER), workload=a_workload(unmap_every_pages=8))
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


@pytest.mark.parametrize(("last", "counted"), [(511, 1), (510, 0)])
def test_munmap_counts_the_page_tables_that_it_frees(last, counted):
    """Each one freed is an RMW on the line of mmap_sem, here the first access to it."""
    spent = []
    for counts_tables in (False, True):
        lab = unmapping(
            *MUNMAP, touched=last + 1, last=last, mapped=[0], pages=600, counts_tables=counts_tables
        )
        finish(lab)
        spent.append(lab.spent(0, "page_table"))
    assert spent == [0, counted * MEMORY_PS["local_ps"]]
