"""mmap_lock and i_mmap_rwsem: readers that steal, writers that spin, and who wakes whom.

A writer that finds the lock taken spins, behind others that do: as long as another writer has it,
and for 10 to 25 us while readers have it. All others that cannot have the lock sleep in one queue.
A sleeping writer is not handed the lock: it is woken, and tries again when it has its CPU. Until
then another writer may take the lock, and so may a reader that finds no other reader. A sleeper
that has lost for 4 ms asks that the lock be handed over: nobody steals then. A reader at the head
of the queue is given the lock by whoever wakes it, and all other readers of the queue with it.

Each wake-up takes time of the CPU that wakes; the sleeper needs its CPU back.

Nobody spins on a CPU that another task wants: ``need_resched()`` (`spinning`).

Who spins has no event until the lock is free. That its time is up is noticed by the next who uses
the lock: nobody else looks.

Who spins reads the owner, whose line is not that of the count. Left out: the wait_lock, and the
lines of those that wait to spin.

Source
------
Linux 5.15, 6.1 and 6.12 ``kernel/locking/rwsem.c``: ``rwsem_down_read_slowpath``,
``rwsem_down_write_slowpath``, ``rwsem_optimistic_spin``, ``rwsem_try_write_lock``,
``rwsem_mark_wake``, ``rwsem_wake``, ``rwsem_downgrade_wake``; restated. Readers steal and do not
spin since 5.11 (1a728dff855a, 617f3ef95177).
"""

from dessim.kernel.accounting import account
from dessim.kernel.addressing import cost_ps, is_rwsem, lock_at, rwsem_at
from dessim.kernel.cost_table import COST_WAKE_WALK, COST_WAKEUP
from dessim.kernel.cpus import give_up_cpu, make_ready
from dessim.kernel.layout import *
from dessim.kernel.lines import core_distance, line_cost, wake
from dessim.kernel.pages import BLOCKED, GO_ON
from dessim.kernel.spinning import queue_up

PATIENCE_PS = 4_000_000_000  # RWSEM_WAIT_TIMEOUT: HZ / 250
# rwsem_rspin_threshold(): (20 + readers) / 2 us, of 30 readers at most
LEAST_SPIN_PS, SPIN_PER_READER_PS, MOST_READERS = 10_000_000, 500_000, 30


def back_to_head(w: World, task: int, lock: int) -> None:
    """Put a writer that was woken for nothing back at the head of the queue of sleepers."""
    t = w[H_TASK] + task * T_WORDS
    w[t + T_NEXT] = w[lock + K_HEAD]
    if w[lock + K_HEAD] == 0:
        w[lock + K_TAIL] = task + 1
    w[lock + K_HEAD] = task + 1
    w[lock + K_WAITERS] += 1


def fall_asleep(w: World, t: int, now: int) -> int:
    """Give the CPU up until somebody wakes the task."""
    give_up_cpu(w, t, now)
    w[t + T_WAIT] = CAT_ASLEEP
    return BLOCKED


def spin(w: World, task: int, sem: int, first: int) -> int:
    """Wait for the owner of the lock without giving the CPU up: first of all, or last."""
    t = w[H_TASK] + task * T_WORDS
    w[t + T_NEXT] = w[sem + R_SPINS] if first else 0
    if w[sem + R_SPINS] == 0:
        w[sem + R_LAST_SPIN] = task + 1
    if first or w[sem + R_SPINS] == 0:
        w[sem + R_SPINS] = task + 1
    else:
        w[w[H_TASK] + (w[sem + R_LAST_SPIN] - 1) * T_WORDS + T_NEXT] = task + 1
        w[sem + R_LAST_SPIN] = task + 1
    return BLOCKED


def spin_on_readers(w: World, sem: int, readers: int, now: int) -> None:
    """Let those that spin do so for a while only: ``rwsem_rspin_threshold``."""
    counted = readers if readers < MOST_READERS else MOST_READERS
    w[sem + R_SPIN_UNTIL] = now + LEAST_SPIN_PS + counted * SPIN_PER_READER_PS


def give_spinning_up(w: World, sem: int, lock: int, now: int) -> None:
    """Send writers to sleep that have spun on readers for too long, at the time when they gave up.

    One gives up, and says that nobody shall spin: those behind it follow.
    """
    until = w[sem + R_SPIN_UNTIL]
    if w[sem + R_SPINS] == 0 or w[lock + K_HOLD] <= 0 or now <= until:
        return
    w[sem + R_NO_SPIN] = 1
    while w[sem + R_SPINS]:
        spinner = w[sem + R_SPINS]
        s = w[H_TASK] + (spinner - 1) * T_WORDS
        w[sem + R_SPINS] = w[s + T_NEXT]
        queue_up(w, spinner - 1, lock, 0)
        if until > w[s + T_CLOCK]:
            account(w, s, w[s + T_WAIT], until - w[s + T_CLOCK])
            w[s + T_CLOCK] = until
        w[s + T_TRIES] = until
        fall_asleep(w, s, now)


def take_rwsem(w: World, task: int, i: int, now: int) -> int:
    """Take the lock, or spin, or sleep: a writer's instruction ``i`` is then done once more."""
    t = w[H_TASK] + task * T_WORDS
    lock, sem = lock_at(w, t, w[i + I_A]), rwsem_at(w, t, w[i + I_A])
    give_spinning_up(w, sem, lock, now)
    hold = w[lock + K_HOLD]
    if w[i + I_B]:
        waited_for = w[lock + K_HEAD] or w[sem + R_AWAKE]
        if hold >= 0 and (waited_for == 0 or (hold == 0 and w[sem + R_HANDOFF] == 0)):
            w[lock + K_HOLD] = hold + 1
            if hold == 0:
                spin_on_readers(w, sem, 1, now)
            return GO_ON
        queue_up(w, task, lock, 1)
        return fall_asleep(w, t, now)
    slept, spun = w[sem + R_AWAKE] == task + 1, w[sem + R_TRIES] == task + 1
    if slept:
        w[sem + R_AWAKE] = 0
    if spun:
        w[sem + R_TRIES] = 0
    if hold == 0 and (w[sem + R_HANDOFF] == 0 or slept):
        w[lock + K_HOLD] = -1
        if slept:
            w[sem + R_HANDOFF] = 0
            w[t + T_TRIES] = 0
        return GO_ON
    w[t + T_PC] = (i - w[H_PROG]) // I_WORDS
    if slept:
        back_to_head(w, task, lock)
        if now - w[t + T_TRIES] > PATIENCE_PS:
            w[sem + R_HANDOFF] = 1
        return fall_asleep(w, t, now)
    alone = w[w[t + T_CPU] + U_HEAD] == 0  # nobody else wants the CPU
    if hold != 0 and alone and (hold < 0 or w[sem + R_NO_SPIN] == 0):
        if hold > 0 and w[sem + R_SPINS] == 0 and spun == 0:
            spin_on_readers(w, sem, hold, now)
        return spin(w, task, sem, spun)
    queue_up(w, task, lock, 0)
    w[t + T_TRIES] = now
    return fall_asleep(w, t, now)


def to_wake(w: World, lock: int, sem: int, downgrades: int) -> int:
    """Return how many sleepers a release wakes: all readers if one is first, else that writer."""
    head = w[lock + K_HEAD]
    if head == 0 or w[sem + R_AWAKE]:
        return 0
    if w[w[H_TASK] + (head - 1) * T_WORDS + T_SHARED_WANT] == 0:
        return 0 if downgrades else 1
    readers = 0
    while head:
        f = w[H_TASK] + (head - 1) * T_WORDS
        readers += w[f + T_SHARED_WANT]
        head = w[f + T_NEXT]
    return readers


def wake_up_ps(w: World, t: int, i: int, downgrades: int) -> int:
    """Return ps that the sleepers take whom the task wakes when it drops, or downgrades, a lock."""
    which = w[i + I_A]
    if is_rwsem(w, which) == 0:
        return 0
    lock = lock_at(w, t, which)
    if w[lock + K_HEAD] == 0 or w[lock + K_HOLD] > 1:
        return 0
    sem = rwsem_at(w, t, which)
    return to_wake(w, lock, sem, downgrades) * cost_ps(w, t, COST_WAKE_WALK)


def let_in(w: World, t: int, lock: int, done: int, woken: int) -> None:
    """Give the lock to all readers of the queue, and wake them one after the other.

    None is woken before all are out of the queue: whoever spins on a CPU that one of them wants
    goes to its end.
    """
    at = done - woken * cost_ps(w, t, COST_WAKE_WALK) + cost_ps(w, t, COST_WAKEUP)
    before, head = 0, w[lock + K_HEAD]
    first, last = 0, 0
    while head:
        f = w[H_TASK] + (head - 1) * T_WORDS
        following = w[f + T_NEXT]
        if w[f + T_SHARED_WANT]:
            if before:
                w[w[H_TASK] + (before - 1) * T_WORDS + T_NEXT] = following
            else:
                w[lock + K_HEAD] = following
            w[lock + K_WAITERS] -= 1
            w[lock + K_HOLD] += 1
            w[f + T_NEXT] = 0
            if last:
                w[w[H_TASK] + (last - 1) * T_WORDS + T_NEXT] = head
            else:
                first = head
            last = head
        else:
            before = head
        head = following
    w[lock + K_TAIL] = before
    while first:
        following = w[w[H_TASK] + (first - 1) * T_WORDS + T_NEXT]
        at += cost_ps(w, t, COST_WAKE_WALK)
        make_ready(w, first - 1, at)
        first = following


def wake_first_writer(w: World, t: int, lock: int, sem: int, done: int) -> None:
    """Let the writer at the head of the queue try again when it has its CPU."""
    first = w[lock + K_HEAD]
    w[lock + K_HEAD] = w[w[H_TASK] + (first - 1) * T_WORDS + T_NEXT]
    w[lock + K_WAITERS] -= 1
    w[sem + R_AWAKE] = first
    make_ready(w, first - 1, done + cost_ps(w, t, COST_WAKEUP))


def look_ps(w: World, t: int, spinner: int) -> int:
    """Return ps until a writer that spins has read that the owner is gone: its line comes over."""
    s = w[H_TASK] + spinner * T_WORDS
    return line_cost(w, LINE_LOAD, MODIFIED, core_distance(w, s, w[t + T_CORE]))


def wake_waiters(w: World, t: int, which: int, now: int, downgrades: int) -> None:
    """Let those go on who can use a lock that has come free, or that readers have from now on."""
    lock, sem = lock_at(w, t, which), rwsem_at(w, t, which)
    woken = to_wake(w, lock, sem, downgrades)
    if woken:
        if w[w[H_TASK] + (w[lock + K_HEAD] - 1) * T_WORDS + T_SHARED_WANT]:
            let_in(w, t, lock, now, woken)
        else:
            wake_first_writer(w, t, lock, sem, now)
    if w[lock + K_HOLD] > 0:
        spin_on_readers(w, sem, w[lock + K_HOLD], now)
    elif w[sem + R_SPINS] and w[sem + R_TRIES] == 0:
        spinner = w[sem + R_SPINS]
        w[sem + R_SPINS] = w[w[H_TASK] + (spinner - 1) * T_WORDS + T_NEXT]
        w[sem + R_TRIES] = spinner
        at = now + look_ps(w, t, spinner - 1)
        clock = w[w[H_TASK] + (spinner - 1) * T_WORDS + T_CLOCK]
        wake(w, spinner - 1, at if at > clock else clock)  # its own request is still on the way


def drop_rwsem(w: World, t: int, which: int, now: int) -> None:
    """Drop the lock; whoever was last wakes others."""
    lock, sem = lock_at(w, t, which), rwsem_at(w, t, which)
    give_spinning_up(w, sem, lock, now)
    hold = w[lock + K_HOLD]
    w[lock + K_HOLD] = hold - 1 if hold > 0 else 0
    if w[lock + K_HOLD] == 0:
        w[sem + R_NO_SPIN] = 0
        wake_waiters(w, t, which, now, 0)


def downgrade_rwsem(w: World, t: int, which: int, now: int) -> None:
    """Turn the writer into a reader: readers at the head of the queue go on with it."""
    w[lock_at(w, t, which) + K_HOLD] = 1
    wake_waiters(w, t, which, now, 1)
