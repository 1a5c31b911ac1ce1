"""Steps on the cursor's page: what each does to the World, and what it costs to the picosecond."""

import pytest
from helpers import KERNEL_PS, LINE_PS, LOCAL_PS, MEMORY_PS, a_lab, a_machine, a_workload

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import (
    count,
    dec,
    forget,
    get_page,
    inc,
    populate_table,
    put_page,
    remember,
    set_pte,
    trylock_page,
    unlock_page,
    wait_on_page,
    when,
)

WALK = KERNEL_PS["wake_read"] + KERNEL_PS["wake_walk"]  # read an entry, and wake it
YES, NO = count("touches"), count("pte_lost")
SAME_L3 = 1  # column of LINE_PS


@pytest.mark.parametrize(
    ("step", "word", "change"),
    [
        (get_page(), lay.P_REFCOUNT, 1),
        (put_page(), lay.P_REFCOUNT, -1),
        (inc("page.mapcount"), lay.P_MAPCOUNT, 1),
        (dec("page.mapcount"), lay.P_MAPCOUNT, -1),
    ],
)
def test_add_changes_one_word_of_the_page_for_the_price_of_a_local_rmw(step, word, change):
    """A count in one's own cache moves by one in exactly one local RMW, and nothing else moves."""
    lab = a_lab(step)
    lab.own_line(0, 3)
    lab.on_page(0, 3)
    before = {w: lab.page(3, w) for w in (lay.P_FLAGS, lay.P_MAPCOUNT, lay.P_REFCOUNT)}
    assert lab.go(0, 1_000_000) == 1_000_000 + LOCAL_PS["rmw"]
    after = {w: lab.page(3, w) for w in before}
    assert after == {**before, word: before[word] + change}
    assert lab.place(0) == "stop"


def test_add_pays_the_work_that_rides_on_it():
    """A step with a cost takes its line's time plus that cost, each in its own category."""
    lab = a_lab(inc("page.mapcount", cost="rmap"))
    assert lab.go(0, 0) == MEMORY_PS["local_ps"] + KERNEL_PS["rmap"]
    assert lab.spent(0, "page_lines") == MEMORY_PS["local_ps"]
    assert lab.spent(0, "map") == KERNEL_PS["rmap"]


def test_add_on_another_cores_page_pays_the_transfer():
    """A count in a neighbour's cache costs the RMW on a modified line at that distance."""
    lab = a_lab(get_page(), threads=3)
    lab.own_line(2, 0)
    assert lab.go(0, 0) == LINE_PS["rmw_modified"][SAME_L3]


def test_trylock_page_sets_the_lock_of_an_unlocked_page():
    """Trylock on an unlocked page locks it and goes on with the steps for success."""
    lab = a_lab(trylock_page(YES, busy=(NO,)))
    lab.own_line(0, 0)
    assert lab.go(0, 0) == LOCAL_PS["rmw"]
    assert lab.page(0, lay.P_FLAGS) & lay.FLAG_LOCKED
    assert lab.place(0) == "count touches"


def test_trylock_page_on_a_locked_page_does_not_wait():
    """Trylock on a locked page costs the same RMW, leaves it locked and takes the other branch."""
    lab = a_lab(trylock_page(YES, busy=(NO,)))
    lab.own_line(0, 0)
    lab.flag(0, lay.FLAG_LOCKED, on=True)
    assert lab.go(0, 0) == LOCAL_PS["rmw"]
    assert lab.page(0, lay.P_FLAGS) & lay.FLAG_LOCKED
    assert lab.place(0) == "count pte_lost"


def test_unlock_page_clears_the_lock_and_only_the_lock():
    """Unlock clears PG_locked and no other flag, for an RMW and the queue's look-up."""
    lab = a_lab(unlock_page())
    lab.own_line(0, 0)
    lab.flag(0, lay.FLAG_LOCKED, on=True)
    assert lab.go(0, 0) == LOCAL_PS["rmw"] + KERNEL_PS["unlock_page"]
    assert lab.page(0, lay.P_FLAGS) == lay.FLAG_UPTODATE | lay.FLAG_OURS
    assert lab.woken() == {}


def asleep_on(*pages: int, **changes):
    """Return a lab whose task i (from 1) sleeps on pages[i - 1] since time 0."""
    lab = a_lab(wait_on_page(), unlock_page(), threads=1 + len(pages), **changes)
    for task, page in enumerate(pages, 1):
        lab.flag(page, lay.FLAG_LOCKED, on=True)
        lab.own_line(task, page)
        lab.on_page(task, page)
        lab.fall_asleep(task, 0)
    return lab


def unlocking(lab, page: int, now: int) -> int:
    """Let task 0 unlock a page whose line it owns."""
    lab.own_line(0, page)
    lab.on_page(0, page)
    lab.put(0, lay.T_PC, 1)
    return lab.go(0, now)


def test_unlock_page_wakes_all_sleepers_one_after_the_other():
    """The unlocker reads and wakes sleeper by sleeper, the last one first."""
    lab = asleep_on(0, 0)
    now = 50_000_000
    done = unlocking(lab, 0, now)
    assert done == now + LOCAL_PS["rmw"] + KERNEL_PS["unlock_page"] + 2 * WALK
    at = done + KERNEL_PS["wakeup"] + KERNEL_PS["context_switch"]
    assert lab.woken() == {2: at - WALK, 1: at}


def test_unlock_page_leaves_sleepers_on_other_pages_of_the_same_bucket_asleep():
    """Pages that share a hashed wait queue do not wake or charge for each other's sleepers."""
    lab = asleep_on(0, 256, 0, workload=a_workload(pages=512))
    now = 50_000_000
    done = unlocking(lab, 256, now)
    assert done == now + LOCAL_PS["rmw"] + KERNEL_PS["unlock_page"] + WALK
    assert set(lab.woken()) == {2}
    unlocking(lab, 0, 2 * now)
    assert set(lab.woken()) == {1, 3}


def test_unlock_page_wakes_a_sleeper_not_before_it_has_fallen_asleep():
    """A sleeper that is still on its way to sleep switches only once it has arrived there."""
    slow_sleep = 10_000_000
    lab = asleep_on(0, machine=a_machine(kernel={"page_lock_sleep_ps": slow_sleep}))
    done = unlocking(lab, 0, 0)
    asleep_at = LOCAL_PS["load"] + slow_sleep + LOCAL_PS["load"]
    assert done + KERNEL_PS["wakeup"] < asleep_at
    assert lab.woken() == {1: asleep_at + KERNEL_PS["context_switch"]}


def test_wait_on_page_sleeps_while_the_page_is_locked():
    """A task that waits for a locked page has no event of its own and is counted once."""
    lab = asleep_on(0)
    assert lab.counter("page_lock_waits") == 1
    assert lab.get(1, lay.T_WAIT_PAGE) == 0


def test_wait_on_page_falls_through_when_the_page_is_unlocked():
    """A task that finds the page unlocked goes on without sleeping."""
    lab = a_lab(wait_on_page())
    lab.own_line(0, 0)
    assert lab.go(0, 0) > 0
    assert lab.counter("page_lock_waits") == 0
    assert lab.place(0) == "stop"


def test_wait_on_page_accounts_the_sleep_as_page_lock():
    """All time from falling asleep to running again is page-lock time, to the picosecond."""
    lab = asleep_on(0)
    now = 50_000_000
    unlocking(lab, 0, now)
    at = lab.woken()[1]
    lab.put(1, lay.T_PC, 2)
    lab.go(1, at)
    assert sum(lab.spent(1, c) for c in lay.CATEGORIES) == at
    assert lab.spent(1, "page_lock") == at


def test_set_pte_maps_the_cursors_page_for_one_local_store():
    """In page tables of one's own, mapping costs a store and the work; only that page is mapped."""
    lab = a_lab(set_pte())
    lab.on_page(0, 5)
    assert lab.go(0, 0) == LOCAL_PS["store"] + KERNEL_PS["set_pte"]
    assert [page for page in range(16) if lab.mapped(0, page)] == [5]
    assert lab.counter("pages_mapped") == 1
    assert lab.get(0, lay.T_MAPPED) == 1


def test_set_pte_in_shared_tables_pays_for_the_line_of_the_ptes():
    """In a mapping that threads share, the store fetches the line; all see the page mapped."""
    lab = a_lab(set_pte(), threads=2, workload=a_workload(mapping="shared"))
    lab.on_page(0, 5)
    assert lab.go(0, 0) == MEMORY_PS["local_ps"] + KERNEL_PS["set_pte"]
    assert lab.mapped(1, 5)


def test_set_pte_of_one_thread_is_unseen_in_another_threads_mapping():
    """Threads with a mapping each do not see each other's ptes."""
    lab = a_lab(set_pte(), threads=2)
    lab.go(0, 0)
    assert lab.mapped(0, 0)
    assert not lab.mapped(1, 0)


def test_populate_makes_the_table_exist_at_no_cost():
    """After populate the table of the cursor's 2 MiB is no longer missing; others still are."""
    program = (populate_table(), when("table.missing", YES, otherwise=(NO,)))
    lab = a_lab(*program, workload=a_workload(pages=1024))
    lab.on_page(0, 600)
    assert lab.go(0, 7) == 7
    lab.go(0, 7)
    assert lab.place(0) == "count pte_lost"
    lab.on_page(0, 511)
    lab.put(0, lay.T_PC, 1)
    lab.go(0, 7)
    assert lab.place(0) == "count touches"


@pytest.mark.parametrize("page", [0, 31, 32, 511])
def test_gang_remember_marks_one_page(page):
    """The local array holds exactly the pages put in; that is free."""
    lab = a_lab(remember(), workload=a_workload(pages=512))
    lab.on_page(0, page)
    assert lab.go(0, 9) == 9
    words = [lab.w[lab.get(0, lay.T_GANG) + i] for i in range(lay.TABLE_PAGES // lay.PTE_BITS)]
    assert [i for i in range(512) if words[i // 32] >> (i % 32) & 1] == [page]


def test_gang_forget_empties_the_whole_array():
    """After forgetting, no page of the 512 is in the local array; that is free."""
    lab = a_lab(*[remember()] * 3, forget(), workload=a_workload(pages=512))
    for page in (0, 100, 511):
        lab.on_page(0, page)
        lab.go(0, 9)
    assert lab.go(0, 9) == 9
    assert not any(
        lab.w[lab.get(0, lay.T_GANG) + i] for i in range(lay.TABLE_PAGES // lay.PTE_BITS)
    )
