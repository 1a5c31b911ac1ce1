"""The page lock: taking it, sleeping on it, and whom an unlock wakes.

Who finds a page locked queues in a hashed wait queue, looks at the lock again, and only then
sleeps. Who waits for the release alone is *shared*; who wants the lock is *exclusive*. An unlock
walks over the queue: it reads the key of each entry, wakes those of its page, and stops behind the
first exclusive one that it wakes.

Source
------
Up to Linux 5.8: v3.14 ``kernel/sched/wait.c: __wait_on_bit, __wait_on_bit_lock, prepare_to_wait,
prepare_to_wait_exclusive, finish_wait, wake_bit_function, __wake_up_common``; the same loops in
v4.10 ``mm/filemap.c: wait_on_page_bit_common, wake_page_function``. A shared waiter stands at the
head (``__add_wait_queue``), an exclusive one at the tail; from 4.13 on all at the tail
(3510ca20ece0). From 5.9 on the last look is taken under the lock of the queue, before queueing, and
the waker says what a sleeper has got (2a9127fcf229, 5ef64cc8987a).
"""

from dessim.kernel.accounting import count
from dessim.kernel.addressing import bucket_at, cost_ps, page_at
from dessim.kernel.cost_table import (
    COST_LEAVE,
    COST_SLEEP,
    COST_WAKE_READ,
    COST_WAKE_WALK,
    COST_WAKEUP,
)
from dessim.kernel.cpus import give_up_cpu, make_ready
from dessim.kernel.layout import *

BLOCKED, GO_ON = 0, 1


def join_queue(w: World, task: int, page: int, exclusive: int) -> None:
    """Stand in the page's hashed wait queue: at its head or behind all others."""
    t = w[H_TASK] + task * T_WORDS
    place = bucket_at(w, page)
    if exclusive or w[H_SHARED_FIRST] == 0:
        while w[place]:
            place = w[H_TASK] + (w[place] - 1) * T_WORDS + T_PAGE_NEXT
    w[t + T_WAIT_PAGE] = page
    w[t + T_EXCLUSIVE] = exclusive
    w[t + T_PAGE_NEXT] = w[place]
    w[place] = task + 1


def leave_queue(w: World, task: int) -> None:
    """Leave the wait queue, if nobody has taken the task out of it yet (``finish_wait``)."""
    t = w[H_TASK] + task * T_WORDS
    if w[t + T_WAIT_PAGE] < 0:
        return
    place = bucket_at(w, w[t + T_WAIT_PAGE])
    while w[place] != task + 1:
        place = w[H_TASK] + (w[place] - 1) * T_WORDS + T_PAGE_NEXT
    w[place] = w[t + T_PAGE_NEXT]
    w[t + T_WAIT_PAGE] = -1


def only_looks(w: World, t: int) -> int:
    """Return whether a task that wants the lock only looks at it now: before it may sleep.

    From Linux 5.9 on that look is an attempt as well.
    """
    return w[t + T_LOOKS] == LOOKS_AGAIN and w[H_PAGE_HAND_OVER] == HAND_OVER_RACING


def wait_for_page(w: World, task: int, pc: int, exclusive: int, done: int) -> int:
    """Wait for the release of the cursor's page, or set PG_locked; one look at the page.

    The step is repeated (same ``pc``) until the lock was found free: look, queue, look again,
    sleep, look. BLOCKED while the task sleeps.
    """
    t = w[H_TASK] + task * T_WORDS
    page = w[t + T_CURSOR]
    place = page_at(w, page) + P_FLAGS
    again = w[t + T_LOOKS] == LOOKS_AGAIN
    looks = only_looks(w, t)
    w[t + T_LOOKS] = LOOKS_FIRST
    if w[place] & FLAG_LOCKED == 0:
        if exclusive and looks:
            w[t + T_PC] = pc
            return GO_ON
        if exclusive:
            w[place] |= FLAG_LOCKED
            w[t + T_TRIES] = 0
        leave_queue(w, task)
        return GO_ON
    w[t + T_PC] = pc
    racing = w[H_PAGE_HAND_OVER] == HAND_OVER_RACING
    if again == 0:
        w[t + T_LOOKS] = LOOKS_AGAIN
        if racing and w[t + T_WAIT_PAGE] < 0:
            join_queue(w, task, page, exclusive)
        return GO_ON
    if racing and w[t + T_WAIT_PAGE] < 0:  # woken since it queued: schedule() comes back at once
        return GO_ON
    if racing == 0:
        join_queue(w, task, page, exclusive)
    count(w, N_PAGE_LOCK_WAITS, 1)
    w[t + T_LOOKS] = SLEEPS_ON_PAGE
    give_up_cpu(w, t, done)
    return BLOCKED


def wait_ps(w: World, t: int, exclusive: int) -> int:
    """Return ps of a look at the page besides its line: to queue behind it, or to leave."""
    if w[page_at(w, w[t + T_CURSOR]) + P_FLAGS] & FLAG_LOCKED:
        return cost_ps(w, t, COST_SLEEP) if w[t + T_LOOKS] != LOOKS_AGAIN else 0
    if w[t + T_WAIT_PAGE] < 0 or (exclusive and only_looks(w, t)):
        return 0
    return cost_ps(w, t, COST_LEAVE)


def wake_walk_ps(w: World, t: int) -> int:
    """Return ps to walk over the wait queue of the cursor's page, and to wake who is woken."""
    page = w[t + T_CURSOR]
    ps = 0
    follower = w[bucket_at(w, page)]
    while follower:
        f = w[H_TASK] + (follower - 1) * T_WORDS
        ps += cost_ps(w, t, COST_WAKE_READ)
        if w[f + T_WAIT_PAGE] == page:
            ps += cost_ps(w, t, COST_WAKE_WALK)
            if w[f + T_EXCLUSIVE]:
                return ps
        follower = w[f + T_PAGE_NEXT]
    return ps


def hands_over(w: World, f: int) -> int:
    """Return whether a woken waiter is handed the page lock instead of racing for it.

    Racing: before Linux 5.9. Fair: 2a9127fcf229, always. Bounded: 5ef64cc8987a, after some lost
    races.
    """
    if w[H_PAGE_HAND_OVER] == HAND_OVER_RACING:
        return 0
    if w[H_PAGE_HAND_OVER] == HAND_OVER_FAIR:
        return 1
    return w[f + T_TRIES] > w[H_PAGE_RETRIES]  # this wake-up is counted, and not yet lost


def notify(w: World, task: int, flags: int, at: int) -> None:
    """Wake who was taken out of a wait queue; who is not asleep yet will not fall asleep.

    From 5.9 on a sleeper goes on behind its step if it waited for the release alone, or has been
    handed the lock; before, it looks at the page again.
    """
    f = w[H_TASK] + task * T_WORDS
    w[f + T_WAIT_PAGE] = -1
    if w[f + T_LOOKS] != SLEEPS_ON_PAGE:
        return
    w[f + T_LOOKS] = LOOKS_FIRST
    got = w[f + T_EXCLUSIVE] == 0 and w[H_PAGE_HAND_OVER] != HAND_OVER_RACING
    if w[f + T_EXCLUSIVE]:
        w[f + T_TRIES] += 1
        if hands_over(w, f):
            w[flags] |= FLAG_LOCKED
            w[f + T_TRIES] = 0
            got = True
            count(w, N_HAND_OFFS, 1)
    if got:
        i = w[H_PROG] + w[f + T_PC] * I_WORDS
        w[f + T_PC] = w[i + I_NEXT]
    count(w, N_WAKE_UPS, 1)
    make_ready(w, task, at)


def unlock_page(w: World, task: int, done: int) -> None:
    """Clear PG_locked and wake: all who wait for the release, up to the first who wants the lock.

    The walk is paid (``wake_walk_ps``): each is woken when it comes to it.
    """
    t = w[H_TASK] + task * T_WORDS
    page = w[t + T_CURSOR]
    flags = page_at(w, page) + P_FLAGS
    w[flags] &= ~FLAG_LOCKED
    place = bucket_at(w, page)
    if w[place] == 0:
        return
    at = done - wake_walk_ps(w, t) + cost_ps(w, t, COST_WAKEUP)
    exclusive = 0
    while w[place] and exclusive == 0:
        follower = w[place] - 1
        f = w[H_TASK] + follower * T_WORDS
        at += cost_ps(w, t, COST_WAKE_READ)
        if w[f + T_WAIT_PAGE] != page:
            place = f + T_PAGE_NEXT
            continue
        at += cost_ps(w, t, COST_WAKE_WALK)
        w[place] = w[f + T_PAGE_NEXT]
        exclusive = w[f + T_EXCLUSIVE]
        notify(w, follower, flags, at)
