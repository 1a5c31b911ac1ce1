"""futex: a waker that takes no lock if nobody waits, and the waiter whom it did not see.

The waker stores to the futex and looks whether anybody waits: whether the bucket's lock is taken,
or somebody is queued. The waiter takes the lock and loads the futex. Both store first and load
then: each side needs a full barrier between them. Taking a spinlock is one on x86, and is none on
powerpc. The fix went back to a counter of waiters, raised by an atomic with full order.

version
    ``before`` (3.14-rc: look at the lock), ``after`` (count waiters), ``no_fence`` (count them,
    without a full barrier on the waker's side).
threads
    Waiters.

Source
------
Linux 11d4616bd07f ("futex: revert back to the explicit waiter counting code", 3.14), b0c29f79ecea
("futexes: Avoid taking the hb->lock if there's nothing to wake up"); ``kernel/futex.c``.
"""

from dessim.kernel.protocol import *

OPTIONS = {"version": "before", "threads": 1}
CHOICES = {"version": ("before", "after", "no_fence")}


def protocol(version, threads):
    """Return the protocol."""
    futex, held, listed = variable("futex"), variable("hb->lock"), variable("listed")
    waiters, queue = variable("waiters"), waitqueue("hb->chain")
    found, value, left = local("found"), local("value"), local("left")
    counts = version != "before"

    # the lock is a word: it can be looked at, and taking it acquires, and no more
    take = loop(cmpxchg(held, 0, 1, found, order="acquire"), when(found == 0, leave()))
    drop = store_release(held, 0)
    wait = (
        atomic(waiters, OLD + 1) if counts else (),
        take,
        load(value, futex),
        when(value != 0, drop, atomic(waiters, OLD - 1) if counts else (), end()),
        prepare_to_wait(queue),
        store(listed, listed + 1),
        drop,
        schedule(),
        atomic(waiters, OLD - 1) if counts else (),
    )
    seen = (waiters != 0) if counts else (held != 0) | (listed != 0)
    wake = (
        store(futex, 1),
        () if version == "no_fence" else smp_mb(),
        when(
            seen,
            take,
            wake_up_all(queue, left),
            store(listed, 0),
            drop,
        ),
    )
    return Protocol([actor("waiter", *wait, copies=threads), actor("waker", *wake)])
