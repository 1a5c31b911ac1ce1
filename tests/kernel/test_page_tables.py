"""How a new page table goes in: whose lock it takes, which lines it touches, what it counts."""

import pytest
from helpers import (
    KERNEL_PS,
    LINE_PS,
    LOCAL_PS,
    MEMORY_PS,
    TICKET_WAITER_PS,
    a_lab,
    a_machine,
    a_workload,
    scheme_setup,
)

from dessim.engines import reference
from dessim.kernel import layout as lay
from dessim.kernel.addressing import lock_at, own_lock
from dessim.kernel.alphabet import add_nr_ptes, count, lock, unlock
from dessim.kernel.programs import POPULATE
from dessim.kernel.regions import sizes_of
from dessim.kernel.result import read_result
from dessim.kernel.world import build_world
from dessim.model.workload import PAGE_BYTES

SAME_L3 = 1  # column of LINE_PS
TAKE = KERNEL_PS["lock_local"]
GIB = lay.TABLE_PAGES**2  # pages below one PMD page
AFTER = count("pte_lost")
BEFORE_3_13 = a_machine(locks={"split_pmd_locks": False})
POPULATED = {"counts_tables": True}


def pmd_lab(*program, pages=GIB, machine=None, **changes):
    """Return a lab of three threads, with mappings of their own unless changed."""
    workload = a_workload(pages=pages, mapping=changes.pop("mapping", "per_thread"))
    changes.setdefault("threads", 3)
    return a_lab(*program, machine=machine, workload=workload, options=POPULATED, **changes)


def record(lab, task):
    """Return where a task's record begins."""
    return lab.w[lay.H_TASK] + task * lay.T_WORDS


def lock_of(lab, task, page=0):
    """Return where the lock lies under which a task hangs in the page table of a page."""
    lab.on_page(task, page)
    return lock_at(lab.w, record(lab, task), lay.LOCK_PAGE_TABLE)


@pytest.mark.parametrize(("page", "same"), [(0, True), (GIB - 1, True), (GIB, False)])
def test_a_pmd_page_spans_a_gib(page, same):
    """Page tables of one GiB of addresses share a lock, those of the next have another."""
    lab = pmd_lab(mapping="shared", pages=2 * GIB)
    assert (lock_of(lab, 0) == lock_of(lab, 2, page)) == same


@pytest.mark.parametrize(
    ("pages", "shared"),
    [(GIB, ()), (GIB // 2, ((0, 1),)), (GIB + GIB // 2, ((0, 1),)), (100, ((0, 1), (1, 2)))],
)
def test_neighbours_share_the_pmd_page_in_which_both_lie(pages, shared):
    """Mappings of an mm adjoin: where a PMD page has parts of two, its lock has two users."""
    lab = pmd_lab(pages=pages)
    for left, right in ((0, 1), (1, 2)):
        last = (pages - 1) // lay.TABLE_PAGES * lay.TABLE_PAGES
        same = lock_of(lab, left, last) == lock_of(lab, right)
        assert same == ((left, right) in shared)
    assert own_lock(lab.w, record(lab, 0), lay.LOCK_PAGE_TABLE) == (not shared)


def test_the_whole_file_decides_how_far_mappings_are_apart():
    """Of 2 GiB files a part is simulated: neighbours do not come nearer to each other by that."""
    workload = a_workload(pages=2 * GIB)
    setup = scheme_setup("no_fault_around", 0, 3, workload=workload)
    part = setup.__class__(**{**setup.__dict__, "simulate_bytes": 600 * PAGE_BYTES})
    sizes = sizes_of(part)
    assert sizes.n_pmd_locks == 3
    assert not sizes.shares_pmd_locks


def test_processes_never_share_a_pmd_page():
    """Each mm has PMD pages of its own, however small its mapping is."""
    lab = pmd_lab(pages=100, mapping="per_process")
    assert len({lock_of(lab, task) for task in range(3)}) == 3
    assert own_lock(lab.w, record(lab, 0), lay.LOCK_PAGE_TABLE)


@pytest.mark.parametrize(
    "locks", [{"split_pmd_locks": False}, {"split_page_table_locks": False}], ids=str
)
def test_without_pmd_locks_the_lock_is_the_mms(locks):
    """Before 3.13, and without split page-table locks, all threads of an mm take one lock."""
    lab = pmd_lab(machine=a_machine(locks=locks), pages=2 * GIB)
    places = {lock_of(lab, task, page) for task in range(3) for page in (0, GIB)}
    assert places == {
        lab.get(0, lay.T_MM) + lay.MM_LOCKS + lay.LOCK_PAGE_TABLE * lab.w[lay.H_LINE_WORDS]
    }
    assert not own_lock(lab.w, record(lab, 0), lay.LOCK_PAGE_TABLE)


def test_a_pmd_lock_of_ones_own_costs_local_operations():
    """Nobody else can want it: its line is always at hand, and the steps are private."""
    lab = pmd_lab(lock("page_table_lock"), unlock("page_table_lock"))
    end = lab.go(0, 0)
    assert end == LOCAL_PS["rmw"] + TAKE
    assert lab.go(0, end) == end + LOCAL_PS["store"] + TAKE
    assert lab.go(2, 5) == 5 + LOCAL_PS["rmw"] + TAKE


def test_two_threads_that_share_a_pmd_page_wait_for_each_other():
    """In one GiB the second thread spins, and gets the lock with a transfer of its line."""
    lab = pmd_lab(lock("page_table_lock"), unlock("page_table_lock"), mapping="shared")
    taken = lab.go(0, 0)
    assert taken == MEMORY_PS["local_ps"] + TAKE
    lab.on_page(2, 600)  # another page table below the same PMD page
    assert lab.go(2, 10**6) == lay.ASLEEP
    dropped = lab.go(0, 2 * 10**6)
    assert lab.woken() == {2: dropped + LINE_PS["rmw_modified"][SAME_L3]}


def test_threads_in_different_gibs_do_not_wait_for_each_other():
    """Under the lock of the mm they do."""
    for machine, waits in ((None, False), (BEFORE_3_13, True)):
        lab = pmd_lab(
            lock("page_table_lock"), AFTER, mapping="shared", pages=2 * GIB, machine=machine
        )
        lab.go(0, 0)
        lab.on_page(2, GIB)
        assert (lab.go(2, 10**7) == lay.ASLEEP) == waits


def test_add_nr_ptes_takes_the_line_of_mmap_sem():
    """Counting a page table is an RMW on the line that faults of the mm take for mmap_sem."""
    lab = pmd_lab(lock("mmap_lock"), add_nr_ptes(1), AFTER)
    lab.go(0, 0)
    lab.put(2, lay.T_PC, 1)
    later = 10**6
    assert lab.go(2, later) == later + LINE_PS["rmw_modified"][SAME_L3]
    assert lab.spent(2, "page_table") == LINE_PS["rmw_modified"][SAME_L3]
    line = lock_at(lab.w, record(lab, 0), lay.LOCK_MMAP)
    assert lab.w[line + lay.L_OWN] == lab.get(2, lay.T_CORE) << 2 | lay.MODIFIED
    assert lab.w[line + lay.K_HOLD] == 1  # the lock itself is as it was


def test_the_table_is_zeroed_before_the_lock_is_taken():
    """A thread that holds the lock keeps nobody from allocating: only what follows is in turn."""
    lab = pmd_lab(*POPULATE, AFTER, mapping="shared")
    times = [lab.go(0, 0)]
    assert times == [KERNEL_PS["alloc_page_table"]]
    while lab.place(0) != "nr_ptes + 1":  # it holds the lock now
        times.append(lab.go(0, times[-1]))
    lab.on_page(2, 600)
    assert lab.go(2, 0) == KERNEL_PS["alloc_page_table"]
    assert lab.go(2, 10 * KERNEL_PS["alloc_page_table"]) == lay.ASLEEP


def test_who_loses_the_race_for_a_table_counts_none():
    """The second finds the table there: it neither counts nor populates."""
    lab = pmd_lab(*POPULATE, AFTER, mapping="shared")
    seen = []
    now = 0
    for task in (0, 2):
        while lab.place(task) != "count pte_lost":
            seen.append((task, lab.place(task)))
            now = lab.go(task, now)
    steps = ["work alloc_page_table", "lock page_table_lock", "when table missing"]
    end = ["unlock page_table_lock"]
    assert [step for task, step in seen if task == 0] == [
        *steps,
        "nr_ptes + 1",
        "populate",
        *end,
    ]
    assert [step for task, step in seen if task == 2] == [*steps, *end]


def populating(threads, machine, mapping="per_thread"):
    """Return the result of threads that touch one page of each of eight page tables."""
    workload = a_workload(pages=8 * lay.TABLE_PAGES, access="one_per_table", mapping=mapping)
    workload = workload.model_copy(update={"file_size_bytes": GIB * PAGE_BYTES})
    setup = scheme_setup("no_fault_around", 0, threads, machine, workload)
    part = 8 * lay.TABLE_PAGES * PAGE_BYTES
    setup = setup.__class__(**{**setup.__dict__, "simulate_bytes": part})
    w = build_world(setup).tolist()
    reference.run(w)
    return read_result(w, setup.pages)


def test_threads_with_mappings_of_their_own_no_longer_queue_for_the_lock_of_the_mm():
    """What they still share is the line of mmap_sem; the ticket lock's queue is gone."""
    split, single = (populating(16, machine) for machine in (a_machine(), BEFORE_3_13))
    assert split.time_ps["page_table"] < 0.6 * single.time_ps["page_table"]
    assert split.finish_ps < single.finish_ps
    assert split.counters["tables_freed"] == single.counters["tables_freed"] == 16 * 8


def test_one_thread_pays_the_count_and_no_transfer_of_a_lock():
    """Alone: an RMW on a line at hand in place of nothing, a lock at hand in place of memory."""
    split = populating(1, a_machine())
    per_table = (
        KERNEL_PS["alloc_page_table"]
        + LOCAL_PS["rmw"] + TAKE  # the lock
        + LOCAL_PS["rmw"]  # nr_ptes: the fault holds mmap_sem, whose line it has
        + LOCAL_PS["store"] + TAKE
    )  # fmt: skip
    # the look at the pmd before POPULATE costs the walk, in another category
    assert split.time_ps["page_table"] == 8 * per_table


def test_a_ticket_lock_of_the_mm_grows_with_its_waiters_and_split_ones_have_none():
    """Three wait for the mm's lock: the hand-over has a share for each further one."""
    lab = pmd_lab(
        lock("page_table_lock"), unlock("page_table_lock"), threads=7, machine=BEFORE_3_13
    )
    lab.go(0, 0)
    for task in (2, 4, 6):
        assert lab.go(task, 10**6 * task) == lay.ASLEEP
    dropped = lab.go(0, 10**8)
    hand_over = LINE_PS["rmw_modified"][SAME_L3] + 2 * TICKET_WAITER_PS
    assert lab.woken() == {2: dropped + hand_over}
