"""The killed waiter takes the wake-up with it: the page lock of Linux 4.10 to 4.12.

A waiter was woken, and thereby taken off the queue. Then it checked for a fatal signal before it
tried to take the lock, and left with an error. Nobody woke the next. The fix tries the lock first.

version
    ``before``, ``after``, ``plain_unlock`` (after; unlock is a plain store, then a load of the
    waiters bit, without a fence), ``fenced_unlock`` (after; store-release, fence, load),
    ``passed_on`` (after; a waiter that leaves because of a signal and was woken meanwhile wakes
    the next).
threads
    Other waiters, besides the killed one.

With a second other waiter ``after`` can still lose a wake-up. A waiter that found the lock free did
not sleep, and its state is still TASK_KILLABLE when it fails to take the lock. An unlock between
that and its look at the signal wakes it, and it leaves. ``wait_event`` checks that under the
queue's lock (``prepare_to_wait_event``: an exclusive waiter "must not fail if it was selected by
wakeup").

Source
------
Linux a8b169afbf06 ("Avoid page waitqueue race leaving possible page locker waiting", 4.13),
62906027091f (PG_waiters, 4.10): ``mm/filemap.c`` (wait_on_page_bit_common, unlock_page).
"""

from dessim.kernel.protocol import *

OPTIONS = {"version": "before", "threads": 1}
CHOICES = {"version": ("before", "after", "plain_unlock", "fenced_unlock", "passed_on")}
LOCKED, WAITERS = 1, 2


def protocol(version, threads):
    """Return the protocol."""
    two_words = version in ("plain_unlock", "fenced_unlock")
    flags = variable("flags", LOCKED)
    bit = variable("waiters bit") if two_words else flags
    queue, queue_lock = waitqueue("queue"), spinlock("queue.lock")
    old, left, killed = local("old"), local("left"), local("killed")
    was_queued = local("was queued")

    clear = atomic(bit, 0) if two_words else atomic(flags, OLD & LOCKED)
    wake = (
        lock(queue_lock),
        wake_up(queue, left),
        when(left == 0, clear),
        unlock(queue_lock),
    )
    if version == "plain_unlock":
        release = (store(flags, 0), load(old, bit), when(old != 0, *wake))
    elif version == "fenced_unlock":
        release = (store_release(flags, 0), smp_mb(), load(old, bit), when(old != 0, *wake))
    else:
        release = (atomic(flags, OLD & WAITERS, old), when(old & WAITERS != 0, *wake))

    mark = store(bit, 1) if two_words else atomic(flags, OLD | WAITERS)
    try_it = atomic(flags, OLD | LOCKED, old)

    def waiter(killable):
        dequeue = (lock(queue_lock), finish_wait(queue), unlock(queue_lock))
        tried = (try_it, when((old & LOCKED) == 0, *dequeue, *release, end()))
        dies = ()
        if killable:
            leaves = dequeue
            if version == "passed_on":
                pass_on = when(was_queued == 0, wake_up(queue, left), when(left == 0, clear))
                leaves = (lock(queue_lock), finish_wait(queue, was_queued), pass_on)
                leaves += (unlock(queue_lock),)
            dies = (fatal_signal_pending(killed), when(killed == 1, *leaves, end()))
        order = (*dies, *tried) if version == "before" else (*tried, *dies)
        return loop(
            lock(queue_lock),
            prepare_to_wait(queue, killable=killable),
            mark,
            unlock(queue_lock),
            *((smp_mb(),) if version == "fenced_unlock" else ()),
            when((flags & LOCKED) == LOCKED, schedule()),
            *order,
        )

    victim = actor("killable", waiter(killable=True))
    return Protocol(
        [
            actor("holder", *release),
            victim,
            actor("waiter", waiter(killable=False), copies=threads),
            actor("signal", send_signal(victim)),
        ],
        at_rest={"lock_free": (flags & LOCKED) == 0},
    )
