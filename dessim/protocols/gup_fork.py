"""get_user_pages_fast() against fork: a pinned page is shared with the child.

fork copies a page at once if it may be pinned; else it write-protects the pte and shares the page.
GUP-fast takes no lock: it reads the pte, pins the page, and looks whether the pte is still the
same. If fork looked at the pin before and write-protects after that, the page is pinned and shared:
the parent's next store goes to a copy that the device never sees. The fix is a sequence counter
around fork's copying; GUP-fast gives up if it moved on.

version
    ``before``, ``after``, ``check_first`` (GUP-fast looks at the counter only before it pins).
threads
    Callers of GUP-fast.

Under ``lkmm`` ``after`` can still go wrong: nothing orders the store that makes the counter odd
before the look at the pin but the page-table lock between them, which is a full barrier on x86
alone. Linux 6.1 added barriers on both sides (088b8aa537c2).

Source
------
Linux 57efa1fe5957 ("mm/gup: prevent gup_fast from racing with COW during fork", 5.11);
``mm/gup.c`` (lockless_pages_from_mm, gup_pte_range), ``mm/memory.c`` (copy_present_pte).
"""

from dessim.kernel.protocol import *

OPTIONS = {"version": "before", "threads": 1}
CHOICES = {"version": ("before", "after", "check_first")}
READ_ONLY, WRITABLE_PTE = 1, 2
SHARED, COPY = 1, 2


def protocol(version, threads):
    """Return the protocol."""
    pte, child, pins = variable("pte", WRITABLE_PTE), variable("child"), variable("pins")
    ptl, sequence = spinlock("ptl"), variable("write_protect_seq")
    pinned, seen, count, got = local("pinned"), local("pte seen"), local("seq"), local("got")

    counted = version != "before"
    copy = (
        lock(ptl),
        load(pinned, pins),
        when(
            pinned > 0,
            store(child, COPY),
            otherwise=(store(pte, READ_ONLY), store(child, SHARED)),
        ),
        unlock(ptl),
    )
    fork = (write_seqcount_begin(sequence), *copy, write_seqcount_end(sequence))
    unpin = (atomic(pins, OLD - 1), end())
    fast = (
        (load(count, sequence), when((count & 1) == 1, end()), smp_rmb()) if counted else (),
        load(seen, pte),
        when(seen != WRITABLE_PTE, end()),
        atomic(pins, OLD + 1),
        when(pte != WRITABLE_PTE, *unpin),
        read_seqretry(count, sequence, *unpin) if version == "after" else (),
        let(got, 1),
    )
    gup = actor("GUP-fast", *fast, copies=threads)
    shared = (gup[got] == 1) & (pte == READ_ONLY) & (child == SHARED)
    return Protocol(
        [gup, actor("fork", *(fork if counted else copy))],
        never={"pinned_page_shared": shared},
    )
