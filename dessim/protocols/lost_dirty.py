"""The lost dirty bit: zap against writeback, in three versions of the order of flush and unlock.

A zap clears a pte, moves its dirty bit to the page, and flushes the TLBs. Until then, a CPU whose
TLB entry is writable and dirty can still store to the page without reading the pte. If writeback
cleans the page in between, that store is lost.

version
    ``A`` (to 3.14: mapcount, unlock, flush), ``B`` (3.15 to 6.1: mapcount, flush, unlock), ``C``
    (6.2: flush, mapcount, unlock), ``C_peek`` (C; writeback reads the pte before the lock, and
    does not take it if the pte is empty).
mapped_twice
    The page is mapped elsewhere, too, cleanly.
one_cpu
    Zap and user share a CPU.
preemptible
    With ``one_cpu``: whether the zap can lose the CPU before it has flushed.
threads
    Writebacks.

Source
------
Linux 1cf35d47712d ("mm: split 'tlb_flush_mmu()'", 3.15), 5df397dec7c4 ("mm: delay
page_remove_rmap() until after the TLB has been flushed", 6.2): ``mm/memory.c`` (zap_pte_range),
``mm/rmap.c`` (page_mkclean_one), ``mm/page-writeback.c`` (clear_page_dirty_for_io).
"""

from dessim.kernel.protocol import *

OPTIONS = {
    "version": "A",
    "mapped_twice": False,
    "one_cpu": False,
    "preemptible": True,
    "threads": 1,
}
CHOICES = {"version": ("A", "B", "C", "C_peek")}
MAPPED = PRESENT | WRITABLE | DIRTY


def protocol(version, mapped_twice, one_cpu, preemptible, threads):
    """Return the protocol."""
    pte = variable("pte", MAPPED)
    content, disk = array("content", [1], most=3), variable("disk", 0, most=3)
    dirty = variable("dirty")
    mapcount = variable("mapcount", 2 if mapped_twice else 1)
    ptl, page_lock = spinlock("ptl"), mutex("page lock")
    old, was, mapped, found = local("old pte"), local("was dirty"), local("mapped"), local("d")
    keeps_cpu = one_cpu and not preemptible

    count = (atomic(mapcount, OLD - 1),)
    flush = (flush_tlb(pte),)
    order = {
        "A": (*count, unlock(ptl), *flush),
        "B": (*count, *flush, unlock(ptl)),
    }.get(version, (*flush, *count, unlock(ptl)))
    zap = (
        *((preempt_disable(),) if keeps_cpu else ()),
        lock(ptl),
        xchg(pte, 0, old),
        when((old & DIRTY) != 0, store(dirty, 1)),
        *order,
        *((preempt_enable(),) if keeps_cpu else ()),
    )
    clean = (
        load(old, pte),
        when(
            (old & (WRITABLE | DIRTY)) != 0,
            atomic(pte, OLD & PRESENT),
            flush_tlb(pte),
            let(was, 1),
        ),
    )
    walk = (lock(ptl), *clean, unlock(ptl))
    if version == "C_peek":
        walk = (when(pte != 0, *walk),)
    writeback = (
        lock(page_lock),
        let(was, 0),
        load(mapped, mapcount),
        when(mapped > 0, *walk, when(was == 1, store(dirty, 1))),
        xchg(dirty, 0, found),
        when(found == 1, store(disk, content[0])),
        unlock(page_lock),
    )
    user = (repeat(2, user_store(pte, content, 2, fault=(end(),))),)
    cpu = 0 if one_cpu else None
    lost = (dirty == 0) & (disk != content[0]) & (pte == 0)
    return Protocol(
        [
            actor("zap", *zap, cpu=cpu),
            actor("writeback", *writeback, copies=threads),
            actor("user", *user, cpu=cpu),
        ],
        at_rest={"no_store_lost": ~lost},
    )
