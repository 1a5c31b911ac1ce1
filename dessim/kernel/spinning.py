"""Writers that spin for mmap_lock, and stop when another task wants their CPU.

Source
------
Linux 6.1 ``kernel/locking/rwsem.c``: ``rwsem_optimistic_spin``, which ends at ``need_resched()``.
"""

from dessim.kernel.accounting import account
from dessim.kernel.addressing import lock_at
from dessim.kernel.layout import *


def queue_up(w: World, task: int, lock: int, shared: int) -> None:
    """Put a task at the end of a lock's queue, in which it spins or sleeps."""
    t = w[H_TASK] + task * T_WORDS
    w[t + T_NEXT] = 0
    w[t + T_SHARED_WANT] = shared
    if w[lock + K_HEAD] == 0:
        w[lock + K_HEAD] = task + 1
    else:
        w[w[H_TASK] + (w[lock + K_TAIL] - 1) * T_WORDS + T_NEXT] = task + 1
    w[lock + K_TAIL] = task + 1
    w[lock + K_WAITERS] += 1


def stop_spinning(w: World, task: int, at: int) -> int:
    """Send a task to sleep for mmap_lock if it spins for it; return whether it did.

    The task that wants the CPU may be the very one that has the lock. The caller takes the CPU.
    """
    t = w[H_TASK] + task * T_WORDS
    mm = w[t + T_MM]
    before, spinner = 0, w[mm + MM_SPINS]
    while spinner and spinner != task + 1:
        before = spinner
        spinner = w[w[H_TASK] + (spinner - 1) * T_WORDS + T_NEXT]
    if spinner == 0:
        return 0
    if before:
        w[w[H_TASK] + (before - 1) * T_WORDS + T_NEXT] = w[t + T_NEXT]
    else:
        w[mm + MM_SPINS] = w[t + T_NEXT]
    if w[mm + MM_LAST_SPIN] == task + 1:
        w[mm + MM_LAST_SPIN] = before
    queue_up(w, task, lock_at(w, t, LOCK_MMAP), 0)
    if at > w[t + T_CLOCK]:
        account(w, t, w[t + T_WAIT], at - w[t + T_CLOCK])
        w[t + T_CLOCK] = at
    w[t + T_TRIES] = w[t + T_CLOCK]
    w[t + T_WAIT] = CAT_ASLEEP
    return 1
