"""mremap moves a pte and flushes too late: a store to a page that was freed (CVE-2018-18281).

``move_ptes()`` moved a pte to its new place and dropped both page-table locks; the old address was
flushed afterwards. In between the page can be truncated: that finds the pte at the new place,
flushes the new address and frees the page. Another CPU still has the old address in its TLB, and
stores to a page that belongs to somebody else. The fix flushes before the locks are dropped.

version
    ``before``, ``after``.
threads
    Threads that store through the old address.

Source
------
Linux eb66ae030829 ("mremap: properly flush TLB before releasing the page", 4.19);
``mm/mremap.c`` (move_ptes), ``mm/rmap.c`` (try_to_unmap_one).
"""

from dessim.kernel.protocol import *

OPTIONS = {"version": "before", "threads": 1}
CHOICES = {"version": ("before", "after")}
OURS, STORED, OTHERS = 0, 1, 2


def protocol(version, threads):
    """Return the protocol."""
    old = variable("old pte", PRESENT | WRITABLE | DIRTY | frame(0))
    new = variable("new pte")
    page, freed = array("page", [OURS]), variable("freed")
    old_ptl, new_ptl = spinlock("old ptl"), spinlock("new ptl")
    moved = local("moved")

    late = version == "before"
    move = (
        lock(old_ptl),
        lock(new_ptl),
        xchg(old, 0, moved),
        when(moved != 0, store(new, moved)),
        () if late else flush_tlb(old),
        unlock(new_ptl),
        unlock(old_ptl),
        flush_tlb(old) if late else (),
    )

    def zap(pte, ptl):
        return (lock(ptl), when(pte != 0, store(pte, 0), flush_tlb(pte)), unlock(ptl))

    truncate = (*zap(old, old_ptl), *zap(new, new_ptl))
    reuse = (store(page[0], OTHERS), store_release(freed, 1))
    user = repeat(2, user_store(old, page, STORED, fault=(end(),)))
    return Protocol(
        [
            actor("user", user, copies=threads),
            actor("mremap", *move),
            actor("truncate", *truncate, *reuse),
        ],
        never={"freed_page_written": (freed == 1) & (page[0] == STORED)},
    )
