"""Writers that spin for an rwsem, and stop when another task wants their CPU.

Source
------
Linux 6.1 ``kernel/locking/rwsem.c``: ``rwsem_optimistic_spin``, which ends at ``need_resched()``.
"""

from dessim.kernel.accounting import account
from dessim.kernel.addressing import is_rwsem, lock_at, rwsem_at
from dessim.kernel.layout import *
from dessim.kernel.ops import OP_LOCK


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
    """Send a task to sleep for an rwsem if it spins for one; return whether it did.

    The task that wants the CPU may be the very one that has the lock. The caller takes the CPU.
    """
    t = w[H_TASK] + task * T_WORDS
    i = w[H_PROG] + w[t + T_PC] * I_WORDS  # who spins takes the lock by the same step once more
    if w[i + I_OP] != OP_LOCK:
        return 0
    which = w[i + I_A]
    if is_rwsem(w, which) == 0:
        return 0
    sem = rwsem_at(w, t, which)
    before, spinner = 0, w[sem + R_SPINS]
    while spinner and spinner != task + 1:
        before = spinner
        spinner = w[w[H_TASK] + (spinner - 1) * T_WORDS + T_NEXT]
    if spinner == 0:
        return 0
    if before:
        w[w[H_TASK] + (before - 1) * T_WORDS + T_NEXT] = w[t + T_NEXT]
    else:
        w[sem + R_SPINS] = w[t + T_NEXT]
    if w[sem + R_LAST_SPIN] == task + 1:
        w[sem + R_LAST_SPIN] = before
    queue_up(w, task, lock_at(w, t, which), 0)
    if at > w[t + T_CLOCK]:
        account(w, t, w[t + T_WAIT], at - w[t + T_CLOCK])
        w[t + T_CLOCK] = at
    w[t + T_TRIES] = w[t + T_CLOCK]
    w[t + T_WAIT] = CAT_ASLEEP
    return 1
