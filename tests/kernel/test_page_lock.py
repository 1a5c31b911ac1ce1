"""The page lock: who sleeps on it, who is woken, and who gets it."""

import pytest
from helpers import KERNEL_PS, LINE_PS, LOCAL_PS, a_lab, a_machine, a_workload

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import (
    count,
    lock_page,
    try_again,
    unlock_page,
    wait_on_page,
    when_tried,
)

AWAKE = KERNEL_PS["wakeup"] + KERNEL_PS["context_switch"]
READ, LEAVE = KERNEL_PS["wake_read"], KERNEL_PS["page_lock_leave"]
WALK = READ + KERNEL_PS["wake_walk"]  # read the entry, and wake it
QUEUE = KERNEL_PS["page_lock_sleep"]
UNLOCK, LOCK, WAIT = 0, 2, 4
PROGRAM = (unlock_page(), count("touches"), lock_page(), count("pte_lost"), wait_on_page())


def a_locked_page(threads: int, page: int = 0, **locks):
    """Return a lab in which a page is locked and every task stands before the unlock."""
    lab = a_lab(
        *PROGRAM,
        threads=threads,
        machine=a_machine(locks=locks, topology={"threads_per_core": 1, "cores_per_l3": 8}),
        workload=a_workload(pages=512),
    )
    lab.flag(page, lay.FLAG_LOCKED, on=True)
    return lab


def before(lab, task: int, at: int, page: int = 0):
    """Put a task, whose core owns the page's line, before a step on the page."""
    lab.own_line(task, page)
    lab.on_page(task, page)
    lab.put(task, lay.T_PC, at)


def asleep(*waiters: int, page: int = 0, hand_over: str = "racing", retries: int = 5, **locks):
    """Return a lab in which page's lock is held and task i (from 1) waits for it.

    ``waiters`` are LOCK or WAIT: for the lock itself, or for its release.
    """
    locks = {"page_lock_hand_over": hand_over, "page_lock_retries": retries, **locks}
    lab = a_locked_page(1 + len(waiters), page, **locks)
    for task, at in enumerate(waiters, 1):
        before(lab, task, at, page)
        lab.fall_asleep(task, 0)
    return lab


def unlock(lab, now, page=0):
    """Let task 0, which owns the line, unlock the page: the end of the step, and who is woken."""
    before(lab, 0, UNLOCK, page)
    return lab.go(0, now), lab.woken()


def locked(lab, page=0):
    """Return whether the page is locked."""
    return bool(lab.page(page, lay.P_FLAGS) & lay.FLAG_LOCKED)


def again(lab, task, now):
    """Let a woken task lose the race: it tries, queues, looks again and sleeps."""
    lab.fall_asleep(task, now)


# --- the way to sleep ----------------------------------------------------------------------------


def test_lock_page_that_is_free_is_taken_for_an_rmw():
    """A free page lock costs one RMW on the page's line and nobody sleeps."""
    lab = a_lab(lock_page())
    lab.own_line(0, 0)
    assert lab.go(0, 0) == LOCAL_PS["rmw"]
    assert locked(lab)
    assert (lab.place(0), lab.counter("page_lock_waits")) == ("stop", 0)


def test_lock_page_that_is_held_makes_the_task_sleep_without_its_cpu():
    """A held page lock costs the RMW, the queue and a second look; the CPU is free."""
    lab = asleep(LOCK)
    spent = LOCAL_PS["rmw"] + QUEUE + LOCAL_PS["load"]
    assert lab.get(1, lay.T_CLOCK) == spent
    assert lab.spent(1, "page_lock") == spent
    assert (lab.cpu(1, lay.U_RUNNING), lab.get(1, lay.T_WAIT_PAGE)) == (0, 0)
    assert lab.counter("page_lock_waits") == 1
    assert lab.place(1) == "lock page"


@pytest.mark.parametrize(("at", "op"), [(WAIT, "load"), (LOCK, "rmw")])
@pytest.mark.parametrize("walked", [False, True], ids=["still queued", "found by the walk"])
def test_who_finds_the_bit_clear_after_queueing_does_not_sleep(at, op, walked):
    """Between queueing and sleeping the bit is tested again: clear, the task leaves the queue.

    If the walk of the unlock has taken it out already, leaving costs nothing.
    """
    lab = a_locked_page(2)
    before(lab, 1, at)
    now = lab.go(1, 0)
    assert now == LOCAL_PS[op] + QUEUE
    assert lab.get(1, lay.T_WAIT_PAGE) == 0
    if walked:
        done, woken = unlock(lab, 0)
        assert woken == {}  # it is awake
        assert done == LOCAL_PS["rmw"] + KERNEL_PS["unlock_page"] + WALK
        lab.own_line(1, 0)
        now = max(now, done)
    lab.flag(0, lay.FLAG_LOCKED, on=False)
    looks = (LOCAL_PS["load"],) if at == WAIT else (LOCAL_PS["load"], LOCAL_PS["rmw"])
    for ps in looks:
        last = ps == looks[-1]
        assert lab.go(1, now) == now + ps + (LEAVE if last and not walked else 0)
        now = lab.get(1, lay.T_CLOCK)
    assert (lab.counter("page_lock_waits"), lab.counter("wake_ups")) == (0, 0)
    assert lab.get(1, lay.T_WAIT_PAGE) == -1
    assert lab.place(1) == ("stop" if at == WAIT else "count pte_lost")
    assert locked(lab) == (at == LOCK)
    assert unlock(lab, 10**9)[1] == {}  # nobody is left in the queue


@pytest.mark.parametrize("at", [WAIT, LOCK])
def test_who_was_woken_before_it_slept_queues_anew_if_the_bit_is_set_again(at):
    """The walk finds a task that is not asleep yet; somebody is faster: it does not sleep at once.

    ``schedule()`` comes back, since the task is runnable: it looks, and queues, once more.
    """
    lab = a_locked_page(2)
    before(lab, 1, at)
    now = lab.go(1, 0)
    unlock(lab, 0)
    lab.flag(0, lay.FLAG_LOCKED, on=True)
    lab.own_line(1, 0)
    now = lab.go(1, now + 10**6)
    assert lab.get(1, lay.T_WAIT_PAGE) == -1
    lab.fall_asleep(1, now)
    assert lab.get(1, lay.T_WAIT_PAGE) == 0
    assert lab.counter("page_lock_waits") == 1


@pytest.mark.parametrize("hand_over", ["fair", "bounded"])
@pytest.mark.parametrize("at", [WAIT, LOCK])
def test_the_last_look_comes_before_queueing_from_5_9_on(hand_over, at):
    """Under the lock of the queue the bit is tested, or tried, once more: clear, nobody queues."""
    lab = a_locked_page(2, page_lock_hand_over=hand_over)
    before(lab, 1, at)
    now = lab.go(1, 0)
    assert lab.get(1, lay.T_WAIT_PAGE) == -1
    lab.flag(0, lay.FLAG_LOCKED, on=False)
    assert lab.go(1, now) == now + LOCAL_PS["load" if at == WAIT else "rmw"]
    assert locked(lab) == (at == LOCK)
    assert lab.counter("page_lock_waits") == 0
    assert lab.place(1) == ("stop" if at == WAIT else "count pte_lost")


# --- who gets the lock ---------------------------------------------------------------------------


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
        again(lab, 1, woken[1])
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
        again(lab, 1, woken[1])
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
            again(lab, 1, woken[1])
        now += 10**8
    assert races == 3
    assert lab.get(1, lay.T_TRIES) == 0  # the next wait begins anew


# --- the walk ------------------------------------------------------------------------------------


def test_unlock_page_stops_behind_the_first_who_wants_the_lock():
    """The walk wakes all up to the first exclusive waiter, and neither sees nor pays for others."""
    lab = asleep(WAIT, LOCK, LOCK, WAIT, page_wait_order="arrival")
    done, woken = unlock(lab, 10**8)
    assert done == 10**8 + LOCAL_PS["rmw"] + KERNEL_PS["unlock_page"] + 2 * WALK
    assert woken == {1: done - WALK + AWAKE, 2: done + AWAKE}
    assert set(unlock(lab, 2 * 10**8)[1]) == {3}
    assert set(unlock(lab, 3 * 10**8)[1]) == {4}


def test_who_waits_for_the_release_stands_at_the_head_before_4_13():
    """Up to Linux 4.12 shared waiters come first, the last one before all others."""
    lab = asleep(WAIT, LOCK, LOCK, WAIT, page_wait_order="shared_first")
    done, woken = unlock(lab, 10**8)
    assert woken == {
        4: done - 2 * WALK + AWAKE,
        1: done - WALK + AWAKE,
        2: done + AWAKE,
    }
    assert set(unlock(lab, 2 * 10**8)[1]) == {3}


@pytest.mark.parametrize(("order", "first"), [("shared_first", 2), ("arrival", 1)])
def test_shared_waiters_are_woken_in_the_order_of_the_version(order, first):
    """Before Linux 4.13 the last who came is woken first, later the first who came."""
    lab = asleep(WAIT, WAIT, page_wait_order=order)
    _, woken = unlock(lab, 10**8)
    assert min(woken, key=woken.get) == first


def test_unlock_page_pays_for_nobody_behind_the_first_who_wants_the_lock():
    """Of two exclusive waiters the second is not even looked at."""
    lab = asleep(LOCK, LOCK)
    done, _ = unlock(lab, 10**8)
    assert done == 10**8 + LOCAL_PS["rmw"] + KERNEL_PS["unlock_page"] + WALK


@pytest.mark.parametrize(("queues", "entries"), [(1, 1), (256, 0)])
def test_unlock_page_reads_the_keys_of_others_pages_in_its_queue(queues, entries):
    """With one wait queue for all pages every unlock reads each entry, and wakes none."""
    lab = a_lab(*PROGRAM, threads=3, machine=a_machine(locks={"page_wait_queues": queues}))
    lab.flag(1, lay.FLAG_LOCKED, on=True)
    lab.on_page(2, 1)
    lab.put(2, lay.T_PC, LOCK)
    lab.fall_asleep(2, 0)
    done, woken = unlock(lab, 10**8)
    assert done == 10**8 + LOCAL_PS["rmw"] + KERNEL_PS["unlock_page"] + entries * READ
    assert woken == {}


def test_unlock_page_wakes_the_waiter_behind_entries_of_other_pages():
    """Entries of another page stay where they are; their reading delays the wake-up."""
    lab = asleep(LOCK, LOCK, LOCK, page_wait_queues=1)
    lab.put(1, lay.T_WAIT_PAGE, 7)
    done, woken = unlock(lab, 10**8)
    assert done == 10**8 + LOCAL_PS["rmw"] + KERNEL_PS["unlock_page"] + READ + WALK
    assert woken == {2: done + AWAKE}
    assert lab.get(1, lay.T_WAIT_PAGE) == 7


# --- waiting for the release ---------------------------------------------------------------------


def test_wait_on_page_looks_again_when_it_is_woken_and_leaves_the_lock_free():
    """Before Linux 5.9 a woken waiter tests the bit: clear, it goes on, and takes nothing."""
    lab = asleep(WAIT)
    _, woken = unlock(lab, 10**8)
    assert lab.place(1) == "wait on page"
    assert lab.go(1, woken[1]) == woken[1] + LINE_PS["load_modified"][1]
    assert lab.place(1) == "stop"
    assert not locked(lab)


def test_wait_on_page_sleeps_again_if_the_bit_is_set_when_it_looks():
    """Before Linux 5.9 the loop ends only when the bit was seen clear."""
    lab = asleep(WAIT)
    _, woken = unlock(lab, 10**8)
    lab.flag(0, lay.FLAG_LOCKED, on=True)
    lab.fall_asleep(1, woken[1])
    assert lab.counter("page_lock_waits") == 2


@pytest.mark.parametrize("hand_over", ["fair", "bounded"])
def test_wait_on_page_is_over_once_it_is_woken_from_5_9_on(hand_over):
    """The waker says that the bit was clear: nobody looks again, whoever has the lock by then."""
    lab = asleep(WAIT, hand_over=hand_over)
    unlock(lab, 10**8)
    assert lab.place(1) == "stop"
    assert not locked(lab)
    assert lab.counter("hand_offs") == 0


# --- attempts at a fault -------------------------------------------------------------------------


def test_try_again_counts_an_attempt_for_nothing():
    """Each attempt at a fault that gave up is counted, and takes no time."""
    lab = a_lab(try_again(), try_again())
    assert [lab.go(0, 7), lab.go(0, 7)] == [7, 7]
    assert lab.get(0, lay.T_TRIED) == 2


@pytest.mark.parametrize(("tried", "reached"), [(0, False), (1, False), (2, True), (3, True)])
def test_when_tried_asks_for_a_number_of_attempts(tried, reached):
    """The condition holds from so many attempts on; asking is free."""
    lab = a_lab(when_tried(2, count("touches")))
    lab.put(0, lay.T_TRIED, tried)
    assert lab.go(0, 3) == 3
    assert lab.place(0) == ("count touches" if reached else "stop")
