"""Locks: who gets them, in which order, and what the hand-over costs."""

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
)

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step, lock, unlock, work
from dessim.kernel.locks import drop_lock, take_lock

TAKE = KERNEL_PS["lock_local"]
RMW = LINE_PS["rmw_modified"]
AWAKE = KERNEL_PS["wakeup"] + KERNEL_PS["context_switch"]
READER, WRITER = 1, 0


def the_lock(lab):
    """Return where the free-standing lock's record begins."""
    return lab.w[lay.H_LOCK]


def take(lab, task, shared=WRITER):
    """Take the free-standing lock: whether the task has it."""
    return bool(take_lock(lab.w, task, the_lock(lab), shared))


def drop(lab, task, now=0, kind=lay.LOCK_TICKET):
    """Drop the free-standing lock: the tasks that have it now, and when they go on."""
    lab.w[lab.w[lay.H_WOKEN]] = 0
    drop_lock(lab.w, task, the_lock(lab), now, kind, False)
    return lab.woken()


def test_lock_that_is_free_is_taken_for_an_rmw_and_its_overhead():
    """An uncontended lock costs an RMW on its line and the local work, both to the ps."""
    lab = a_lab(lock("lock"), unlock("lock"))
    now = lab.go(0, 0)
    assert now == MEMORY_PS["local_ps"] + TAKE
    assert lab.w[the_lock(lab) + lay.K_HOLD] == -1
    assert lab.go(0, now) == now + LOCAL_PS["store"] + TAKE
    assert lab.w[the_lock(lab) + lay.K_HOLD] == 0


def test_lock_that_is_held_makes_the_next_task_wait():
    """A task that finds the lock held has no event of its own until the unlock."""
    lab = a_lab(lock("lock"), unlock("lock"), threads=3)
    now = lab.go(0, 0)
    assert lab.go(2, now) == lay.ASLEEP
    assert lab.w[the_lock(lab) + lay.K_WAITERS] == 1
    assert lab.place(2) == "unlock lock"


def test_unlock_hands_over_in_the_same_event():
    """In the event of the unlock the waiter owns the lock; it goes on one transfer later."""
    lab = a_lab(lock("lock"), unlock("lock"), threads=3)
    now = lab.go(0, 0)
    asked = now
    assert lab.go(2, now) == lay.ASLEEP
    free = asked + RMW[1]  # the waiter's RMW has taken the line away from the holder
    at = lab.go(0, free)
    assert at == free + LINE_PS["store_modified"][1] + TAKE
    assert lab.w[the_lock(lab) + lay.K_HOLD] == -1
    assert lab.woken() == {2: at + RMW[1]}


def test_unlock_of_the_mmap_lock_is_an_rmw():
    """A reader of mmap_lock leaves by an RMW: others read, too."""
    lab = a_lab(lock("mmap_lock"), unlock("mmap_lock"))
    now = lab.go(0, 0)
    assert lab.go(0, now) == now + LOCAL_PS["rmw"] + TAKE


def test_a_lock_nobody_else_can_want_is_local_from_the_start():
    """The split page-table lock of page tables of one's own never leaves the own cache."""
    lab = a_lab(lock("ptl"), unlock("ptl"), threads=2)
    now = lab.go(0, 0)
    assert now == LOCAL_PS["rmw"] + TAKE
    assert lab.go(1, 0) == LOCAL_PS["rmw"] + TAKE  # while task 0 holds its own
    assert lab.go(0, now) == now + LOCAL_PS["store"] + TAKE


@pytest.mark.parametrize(
    ("changes", "split", "conflict"),
    [
        ({"mapping": "shared"}, True, True),
        ({"mapping": "per_thread"}, False, True),
        ({"mapping": "per_process"}, False, False),
        ({"mapping": "per_thread"}, True, False),
    ],
)
def test_ptl_is_shared_with_those_who_share_the_table_or_the_unsplit_mm(changes, split, conflict):
    """Tasks meet on a PTL if they share page tables, or the mm when the lock is not split."""
    machine = a_machine(locks={"split_page_table_locks": split})
    lab = a_lab(
        lock("ptl"), work("rmap"), threads=3, machine=machine, workload=a_workload(**changes)
    )
    lab.go(0, 0)
    assert (lab.go(2, 10**7) == lay.ASLEEP) == conflict


def test_split_ptls_of_different_tables_are_different_locks():
    """In one shared mapping, faults in different 2 MiB do not meet on the PTL."""
    workload = a_workload(pages=1024, mapping="shared")
    for page, conflict in ((511, True), (512, False)):
        lab = a_lab(lock("ptl"), threads=3, workload=workload)
        lab.go(0, 0)
        lab.on_page(2, page)
        assert (lab.go(2, 10**7) == lay.ASLEEP) == conflict


def test_waiters_get_the_lock_in_order_of_arrival():
    """The queue is first in, first out, whatever the tasks' numbers or places."""
    lab = a_lab(threads=9)
    assert take(lab, 3)
    for task in (8, 1, 4):
        assert not take(lab, task)
    holder, order = 3, []
    for _ in range(3):
        (holder,) = drop(lab, holder)
        order.append(holder)
    assert order == [8, 1, 4]
    assert drop(lab, 4) == {}
    assert take(lab, 0)


def test_a_ticket_hand_over_grows_by_a_fixed_cost_per_further_waiter():
    """With k waiters a ticket lock's hand-over is one transfer and k - 1 times the share."""
    for waiters in (1, 2, 5):
        lab = a_lab(threads=9)
        take(lab, 0)
        take(lab, 4)
        for task in range(5, 4 + waiters):
            take(lab, task)
        at = drop(lab, 0, now=1_000)[4]
        assert at == 1_000 + RMW[2] + TICKET_WAITER_PS * (waiters - 1)


def test_an_mcs_hand_over_is_constant():
    """An MCS lock's hand-over is its number of transfers however many wait."""
    for waiters in (1, 2, 5):
        lab = a_lab(threads=9)
        take(lab, 0)
        for task in range(4, 4 + waiters):
            take(lab, task)
        assert drop(lab, 0, now=1_000, kind=lay.LOCK_MCS)[4] == 1_000 + 2 * RMW[2]


@pytest.mark.parametrize(("task", "column"), [(2, 1), (4, 2), (8, 3)])
def test_a_hand_over_costs_by_the_distance_to_the_next_holder(task, column):
    """The nearer the next holder, the earlier it goes on."""
    lab = a_lab(threads=9)
    take(lab, 0)
    take(lab, task)
    assert drop(lab, 0) == {task: RMW[column]}


@pytest.mark.parametrize("kind", ["ticket", "mcs"])
def test_the_machine_says_which_kind_a_spinlock_is(kind):
    """The hand-over of a spinlock follows the machine's lock kind."""
    machine = a_machine(locks={"page_table_lock": kind})
    lab = a_lab(lock("lock"), unlock("lock"), threads=5, machine=machine)
    now = lab.go(0, 0)
    for task in (2, 4):
        assert lab.go(task, now) == lay.ASLEEP
        now += 10**6
    done = lab.go(0, now)
    ticket, mcs = RMW[1] + TICKET_WAITER_PS, 2 * RMW[1]
    assert lab.woken() == {2: done + (ticket if kind == "ticket" else mcs)}


def test_mmap_lock_hands_over_at_a_constant_cost_whatever_the_spinlocks_are():
    """The hand-over of mmap_lock does not grow with its waiters; they slept and must be woken."""
    take_it = Step("lock", lay.LOCK_MMAP, WRITER, "lock_local", "mmap_lock")
    drop_it = Step("unlock", lay.LOCK_MMAP, WRITER, "lock_local", "mmap_lock")
    lab = a_lab(take_it, drop_it, threads=7)
    now = lab.go(0, 0)
    for task in (2, 4, 6):
        now += 10**6
        assert lab.go(task, now) == lay.ASLEEP
    done = lab.go(0, 2 * now)
    assert lab.woken() == {2: done + 2 * RMW[1] + AWAKE}


def test_a_hand_over_does_not_reach_a_waiter_before_its_own_request_is_through():
    """Who asked an instant before the unlock goes on only when its own RMW is done."""
    lab = a_lab(threads=9)
    take(lab, 0)
    take(lab, 2)
    lab.put(2, lay.T_CLOCK, 10**9)
    assert drop(lab, 0, now=5) == {2: 10**9}


def test_readers_hold_together():
    """Readers join a reader; the lock is free when the last has left."""
    lab = a_lab(threads=3)
    assert all(take(lab, task, READER) for task in range(3))
    assert lab.w[the_lock(lab) + lay.K_HOLD] == 3
    for task in range(3):
        assert drop(lab, task) == {}
    assert take(lab, 0, WRITER)


def test_a_reader_does_not_overtake_a_waiting_writer():
    """Once a writer waits, later readers queue behind it."""
    lab = a_lab(threads=4)
    take(lab, 0, READER)
    assert not take(lab, 1, WRITER)
    assert not take(lab, 2, READER)
    assert set(drop(lab, 0)) == {1}
    assert set(drop(lab, 1)) == {2}


def test_readers_at_the_head_of_the_queue_are_granted_together_up_to_the_next_writer():
    """An unlock by a writer lets in all readers before the next writer, and nobody behind it."""
    lab = a_lab(threads=6)
    take(lab, 0, WRITER)
    for task, shared in ((1, READER), (2, READER), (3, WRITER), (4, READER)):
        assert not take(lab, task, shared)
    assert set(drop(lab, 0)) == {1, 2}
    assert not take(lab, 5, READER)
    assert drop(lab, 1) == {}
    assert set(drop(lab, 2)) == {3}
    assert set(drop(lab, 3)) == {4, 5}


def test_the_wait_for_a_lock_is_accounted_to_its_category():
    """All time between asking for a lock and having it is the lock's."""
    lab = a_lab(lock("lock"), unlock("lock"), threads=3)
    now = lab.go(0, 0)
    lab.go(2, now)
    lab.go(0, 10**7)
    at = lab.woken()[2]
    lab.go(2, at)
    assert lab.spent(2, "lock") == lab.get(2, lay.T_CLOCK) - now
