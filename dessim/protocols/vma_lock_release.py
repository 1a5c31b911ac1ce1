"""Releasing all VMA locks by one counter: a plain store and a plain load are not enough.

A VMA is write-locked while its sequence equals the mm's. The writer makes its changes and advances
the mm's sequence, which releases all VMAs at once. A reader that sees the new sequence must see the
changes: the store must release, and the load after the trylock must acquire.

store, load
    ``plain``, ``release`` or ``acquire``: of mm_lock_seq.
threads
    Readers.

Source
------
Linux b1f02b95758d ("mm: fix memory ordering for mm_lock_seq and vm_lock_seq", 6.5);
``vma_start_read``, ``vma_start_write``, ``vma_end_write_all`` in ``include/linux/mm.h`` of 6.4.
"""

from dessim.kernel.protocol import *

OPTIONS = {"store": "plain", "load": "plain", "threads": 1}
CHOICES = {"store": ("plain", "release"), "load": ("plain", "acquire")}


def protocol(store, load, threads):
    """Return the protocol."""
    from dessim.kernel import protocol as words

    mm_seq, vma_seq = variable("mm_lock_seq", 1), variable("vm_lock_seq", 0)
    f, g = variable("vma.f"), variable("vma.g")
    sem = rwsem("vma.lock")
    seen, old, f_seen, g_seen = local("seq seen"), local("vma seq"), local("f"), local("g")
    plain_store, plain_load = words.store, words.load
    move_on = words.store_release if store == "release" else plain_store
    check = words.load_acquire if load == "acquire" else plain_load

    writer = actor(
        "writer",
        down_write(sem),
        plain_store(vma_seq, 1),
        up_write(sem),
        plain_store(f, 1),
        plain_store(g, 1),
        move_on(mm_seq, 2),
    )
    reader = actor(
        "reader",
        plain_load(old, vma_seq),
        plain_load(seen, mm_seq),
        when(old == seen, end()),
        down_read_trylock(
            sem,
            check(seen, mm_seq),
            plain_load(old, vma_seq),
            when(old == seen, up_read(sem), end()),
            plain_load(f_seen, f),
            plain_load(g_seen, g),
            bug_on((old == 1) & ((f_seen == 0) | (g_seen == 0)), "locked, and fields are old"),
            up_read(sem),
        ),
        copies=threads,
    )
    return Protocol([writer, reader])
