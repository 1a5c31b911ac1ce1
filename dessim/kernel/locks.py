"""Locks: taking, queueing, hand-over.

A lock record is a cache line whose words also say who holds it and who waits. Taking a lock costs
an RMW on its line whether or not it is free; a task that finds it held then waits in order of
arrival.
The unlock hands over in the same event: the waiter goes on after the hand-over cost of the kind.

Source
------
Ticket lock, service time growing with the number of waiters: Boyd-Wickizer, Kaashoek, Morris,
Zeldovich, *Non-scalable locks are dangerous*, OLS 2012 (service s + c k / 2 with k waiters).
MCS lock, constant hand-over: Mellor-Crummey and Scott, ACM TOCS 9(1), 1991. Readers and writers in
order of arrival: the kernel's rwsem (readers at the head of the queue are granted together).
"""

from dessim.kernel.addressing import is_rwsem, lock_at, own_lock
from dessim.kernel.answers import turn_irqs_on
from dessim.kernel.cost_table import COST_WAKEUP
from dessim.kernel.cpus import give_up_cpu, make_ready
from dessim.kernel.draws import draw
from dessim.kernel.layout import *
from dessim.kernel.lines import core_distance, line_cost, wake
from dessim.kernel.ops import *
from dessim.kernel.pages import GO_ON, MEANINGLESS
from dessim.kernel.rwsem import drop_rwsem, take_rwsem
from dessim.kernel.spinning import queue_up


def take_lock(w: World, task: int, lock: int, shared: int) -> int:
    """Take a lock, or queue for it: return 1 when it was taken.

    A reader joins other readers only if nobody waits: a writer is not overtaken.
    """
    hold = w[lock + K_HOLD]
    if hold == 0 and w[lock + K_HEAD] == 0:
        w[lock + K_HOLD] = 1 if shared else -1
        return 1
    if shared and hold > 0 and w[lock + K_HEAD] == 0:
        w[lock + K_HOLD] = hold + 1
        return 1
    queue_up(w, task, lock, shared)
    return 0


def hand_over_ps(w: World, t: int, waiter: int, kind: int, waiters: int) -> int:
    """Return ps from the unlock until the next holder runs.

    Ticket: one transfer to the next holder, and a share for every other CPU that polls the line.
    Test-and-set: the same, with a share for every CPU whose attempts take the line away.
    MCS: a number of transfers that does not depend on how many wait.
    """
    distance = core_distance(w, waiter, w[t + T_CORE])
    transfer = line_cost(w, LINE_RMW, MODIFIED, distance)
    if kind == LOCK_TICKET:
        return transfer + w[H_TICKET_WAITER] * (waiters - 1)
    if kind == LOCK_TEST_AND_SET:
        return transfer + w[H_TAS_WAITER] * (waiters - 1)
    return transfer * w[H_MCS_PPM] // 1_000_000


def lucky_first(w: World, task: int, lock: int) -> None:
    """Move a waiter drawn at random to the head of the queue: test-and-set knows no order."""
    skip = (draw(w, task, DRAW_ACTOR) * w[lock + K_WAITERS]) >> 32
    before = 0
    lucky = w[lock + K_HEAD]
    for _ in range(skip):
        before = w[H_TASK] + (lucky - 1) * T_WORDS
        lucky = w[before + T_NEXT]
    if before == 0:
        return
    f = w[H_TASK] + (lucky - 1) * T_WORDS
    w[before + T_NEXT] = w[f + T_NEXT]
    if w[f + T_NEXT] == 0:
        w[lock + K_TAIL] = (before - w[H_TASK]) // T_WORDS + 1
    w[f + T_NEXT] = w[lock + K_HEAD]
    w[lock + K_HEAD] = lucky


def grant_next(w: World, t: int, lock: int, now: int, kind: int, sleeping: int) -> None:
    """Hand the lock to the first waiter; the line goes with it."""
    follower = w[lock + K_HEAD]
    f = w[H_TASK] + (follower - 1) * T_WORDS
    cost = hand_over_ps(w, t, f, kind, w[lock + K_WAITERS])
    w[lock + K_HEAD] = w[f + T_NEXT]
    w[lock + K_WAITERS] -= 1
    if w[f + T_SHARED_WANT]:
        w[lock + K_HOLD] += 1
    else:
        w[lock + K_HOLD] = -1
    at = now + cost
    if at < w[f + T_CLOCK]:  # its own request is still on the way
        at = w[f + T_CLOCK]
    w[lock + L_OWN] = w[f + T_CORE] << 2 | MODIFIED
    if at > w[lock + L_FREE]:
        w[lock + L_FREE] = at
    if sleeping:
        make_ready(w, follower - 1, at + w[w[t + T_COSTS] + COST_WAKEUP])
    else:
        wake(w, follower - 1, at)


def drop_lock(w: World, task: int, lock: int, now: int, kind: int, sleeping: int) -> None:
    """Drop a lock and hand it to the waiter, or to all readers, at the head of its queue.

    ``sleeping``: its waiters gave their CPUs up and have to be woken.
    """
    hold = w[lock + K_HOLD]
    w[lock + K_HOLD] = hold - 1 if hold > 0 else 0
    if w[lock + K_HOLD] > 0 or w[lock + K_HEAD] == 0:
        return
    t = w[H_TASK] + task * T_WORDS
    if kind == LOCK_TEST_AND_SET:
        lucky_first(w, task, lock)
    grant_next(w, t, lock, now, kind, sleeping)
    if w[lock + K_HOLD] > 0 and w[lock + K_HEAD]:
        grant_readers(w, t, lock, now, kind, sleeping)


def grant_readers(w: World, t: int, lock: int, now: int, kind: int, sleeping: int) -> None:
    """Let all readers at the head of a lock's queue have it together with others."""
    while w[lock + K_HEAD]:
        follower = w[H_TASK] + (w[lock + K_HEAD] - 1) * T_WORDS
        if w[follower + T_SHARED_WANT] == 0:
            break
        grant_next(w, t, lock, now, kind, sleeping)


def let_readers_in(w: World, task: int, lock: int, now: int) -> None:
    """Turn the writer of a lock into a reader: readers at the head of its queue go on.

    ``downgrade_write``; they had to sleep, and are woken.
    """
    t = w[H_TASK] + task * T_WORDS
    w[lock + K_HOLD] = 1
    grant_readers(w, t, lock, now, LOCK_MCS, 1)


def sleeps(which: int) -> int:
    """Return whether waiters of a lock sleep (semaphores, mutexes) instead of spinning."""
    return which == LOCK_MMAP or which == LOCK_I_MMAP or which == LOCK_VMA or which == LOCK_FILE


def lock_step(w: World, task: int, i: int, done: int) -> int:
    """Take a lock or queue for it, or drop it and hand it over."""
    t = w[H_TASK] + task * T_WORDS
    which = w[i + I_A]
    op = w[i + I_OP]
    if op == OP_LOCK:
        if own_lock(w, t, which):
            return GO_ON
        if is_rwsem(w, which):
            return take_rwsem(w, task, i, done)
        taken = take_lock(w, task, lock_at(w, t, which), w[i + I_B])
        if taken == 0 and sleeps(which):
            give_up_cpu(w, t, done)
            if w[H_ZONE]:
                w[t + T_WAIT] = CAT_ASLEEP
        return taken
    if op == OP_UNLOCK:
        turn_irqs_on(w, task, which, done)
        if is_rwsem(w, which):
            drop_rwsem(w, t, which, done)
        elif not own_lock(w, t, which):
            sleeping = sleeps(which)
            kind = LOCK_MCS if sleeping else w[H_PTL_KIND]
            drop_lock(w, task, lock_at(w, t, which), done, kind, sleeping)
        return GO_ON
    return MEANINGLESS
