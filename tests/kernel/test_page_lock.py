"""The page lock: who sleeps on it, who is woken, and who gets it."""

import pytest
from helpers import KERNEL_PS, LINE_PS, LOCAL_PS, a_lab, a_machine, a_workload

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import count, lock_page, unlock_page, wait_on_page

AWAKE = KERNEL_PS["wakeup"] + KERNEL_PS["context_switch"]
WALK = KERNEL_PS["wake_walk"]
UNLOCK, LOCK, WAIT = 0, 2, 4
PROGRAM = (unlock_page(), count("touches"), lock_page(), count("pte_lost"), wait_on_page())


def asleep(*waiters: int, page: int = 0, hand_over: str = "racing", retries: int = 5):
    """Return a lab in which page's lock is held and task i (from 1) waits for it.

    ``waiters`` are LOCK or WAIT: for the lock itself, or for its release.
    """
    locks = {"page_lock_hand_over": hand_over, "page_lock_retries": retries}
    lab = a_lab(
        *PROGRAM,
        threads=1 + len(waiters),
        machine=a_machine(locks=locks, topology={"threads_per_core": 1, "cores_per_l3": 8}),
        workload=a_workload(pages=512),
    )
    lab.flag(page, lay.FLAG_LOCKED, on=True)
    for task, at in enumerate(waiters, 1):
        lab.own_line(task, page)
        lab.on_page(task, page)
        lab.put(task, lay.T_PC, at)
        assert lab.go(task, 0) == lay.ASLEEP
    return lab


def unlock(lab, now, page=0):
    """Let task 0, which owns the line, unlock the page: the end of the step, and who is woken."""
    lab.own_line(0, page)
    lab.on_page(0, page)
    lab.put(0, lay.T_PC, UNLOCK)
    return lab.go(0, now), lab.woken()


def locked(lab, page=0):
    """Return whether the page is locked."""
    return bool(lab.page(page, lay.P_FLAGS) & lay.FLAG_LOCKED)


def test_lock_page_that_is_free_is_taken_for_an_rmw():
    """A free page lock costs one RMW on the page's line and nobody sleeps."""
    lab = a_lab(lock_page())
    lab.own_line(0, 0)
    assert lab.go(0, 0) == LOCAL_PS["rmw"]
    assert locked(lab)
    assert (lab.place(0), lab.counter("page_lock_waits")) == ("stop", 0)


def test_lock_page_that_is_held_makes_the_task_sleep_without_its_cpu():
    """A held page lock costs the RMW and the way to sleep; the CPU is free and the wait counted."""
    lab = asleep(LOCK)
    assert lab.get(1, lay.T_CLOCK) == LOCAL_PS["rmw"] + KERNEL_PS["page_lock_sleep"]
    assert lab.spent(1, "page_lock") == LOCAL_PS["rmw"] + KERNEL_PS["page_lock_sleep"]
    assert (lab.cpu(1, lay.U_RUNNING), lab.get(1, lay.T_WAIT_PAGE)) == (0, 0)
    assert lab.counter("page_lock_waits") == 1
    assert lab.place(1) == "lock page"


def test_lock_page_races_again_after_it_was_woken():
    """Before fair hand-over the lock is free after the unlock; the woken waiter tries once more."""
    lab = asleep(LOCK)
    done, woken = unlock(lab, 10**8)
    assert woken == {1: done + AWAKE}
    assert not locked(lab)
    assert lab.go(1, woken[1]) == woken[1] + LINE_PS["rmw_modified"][1]
    assert locked(lab)
    assert lab.counter("hand_offs") == 0


def test_lock_page_can_lose_every_race():
    """A racing waiter that finds the lock taken again sleeps again, as often as that happens."""
    lab = asleep(LOCK)
    now = 10**8
    for lost in range(1, 9):
        _, woken = unlock(lab, now)
        lab.flag(0, lay.FLAG_LOCKED, on=True)  # somebody was faster
        assert lab.go(1, woken[1]) == lay.ASLEEP
        assert lab.counter("page_lock_waits") == 1 + lost
        now += 10**8


def test_lock_page_is_handed_over_where_that_is_fair():
    """With strict hand-over the lock never becomes free, and the waiter goes on behind its step."""
    lab = asleep(LOCK, hand_over="fair")
    done, woken = unlock(lab, 10**8)
    assert woken == {1: done + AWAKE}
    assert locked(lab)
    assert lab.place(1) == "count pte_lost"
    assert lab.counter("hand_offs") == 1


@pytest.mark.parametrize("retries", [1, 2, 5])
def test_lock_page_is_handed_over_after_so_many_lost_races(retries):
    """With bounded unfairness a waiter loses as many races as the machine says, not one more."""
    lab = asleep(LOCK, hand_over="bounded", retries=retries)
    now = 10**8
    for _ in range(retries):
        _, woken = unlock(lab, now)
        assert not locked(lab)
        lab.flag(0, lay.FLAG_LOCKED, on=True)
        assert lab.go(1, woken[1]) == lay.ASLEEP
        now += 10**8
    unlock(lab, now)
    assert locked(lab)
    assert (lab.place(1), lab.counter("hand_offs")) == ("count pte_lost", 1)


def test_lock_page_that_is_bounded_is_handed_over_in_the_end():
    """With bounded unfairness a waiter that always loses has the lock after a few races."""
    lab = asleep(LOCK, hand_over="bounded", retries=3)
    now, races = 10**8, 0
    while lab.place(1) == "lock page":
        _, woken = unlock(lab, now)
        if not locked(lab):
            races += 1
            lab.flag(0, lay.FLAG_LOCKED, on=True)
            lab.go(1, woken[1])
        now += 10**8
    assert races == 3
    assert lab.get(1, lay.T_TRIES) == 0  # the next wait begins anew


def test_unlock_page_wakes_one_who_wants_the_lock_and_all_who_wait_for_its_release():
    """Of those who want the lock the first is woken; of those who wait for the release, all.

    Each when the walk over all four comes to it.
    """
    lab = asleep(WAIT, LOCK, LOCK, WAIT)
    done, woken = unlock(lab, 10**8)
    assert woken == {
        1: done - 3 * WALK + AWAKE,
        2: done - 2 * WALK + AWAKE,
        4: done + AWAKE,
    }
    assert set(unlock(lab, 2 * 10**8)[1]) == {3}


def test_unlock_page_pays_the_walk_for_every_sleeper_of_the_bucket():
    """The unlocker walks over everybody in the hashed queue, woken or not."""
    lab = asleep(LOCK, LOCK)
    done, _ = unlock(lab, 10**8)
    assert done == 10**8 + LOCAL_PS["rmw"] + KERNEL_PS["unlock_page"] + 2 * WALK


@pytest.mark.parametrize(("queues", "walks"), [(1, 1), (256, 0)])
def test_unlock_page_meets_sleepers_on_other_pages_only_if_they_share_a_queue(queues, walks):
    """With one wait queue for all pages every unlock walks over all sleepers and wakes none."""
    locks = {"page_wait_queues": queues}
    lab = a_lab(*PROGRAM, threads=3, machine=a_machine(locks=locks))
    lab.flag(1, lay.FLAG_LOCKED, on=True)
    lab.on_page(2, 1)
    lab.put(2, lay.T_PC, LOCK)
    assert lab.go(2, 0) == lay.ASLEEP
    done, woken = unlock(lab, 10**8)
    assert done == 10**8 + LOCAL_PS["rmw"] + KERNEL_PS["unlock_page"] + walks * WALK
    assert woken == {}


def test_wait_on_page_does_not_take_the_lock():
    """Who waits for the release goes on behind its step and leaves the lock free."""
    lab = asleep(WAIT, hand_over="fair")
    unlock(lab, 10**8)
    assert not locked(lab)
    assert lab.place(1) == "stop" or lab.place(1) == "wait on page"
    assert lab.counter("hand_offs") == 0
