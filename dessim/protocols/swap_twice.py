"""Two faults read one swap slot, which is freed and used again in between: a store is lost.

Swap on memory (zram) is read past the swap cache. Two threads fault on the same entry; one maps its
page, frees the slot and stores; the page is swapped out again, to the same slot. The other thread,
which read the old content, finds the same entry in the pte and maps its old page (an ABA problem).
The fix marks the slot before it is read: a slot that is marked is not used again, and one that is
free cannot be marked.

version
    ``before``, ``after``, ``late`` (the slot is marked after it was read).
threads
    Threads that fault; the second stores when its page is mapped.

Source
------
Linux 13ddaf26be32 ("mm/swap: fix race when skipping swapcache", 6.8);
``mm/memory.c`` (do_swap_page), ``mm/swapfile.c`` (swapcache_prepare, __swap_duplicate).
"""

from dessim.kernel.protocol import *

OPTIONS = {"version": "before", "threads": 2}
CHOICES = {"version": ("before", "after", "late")}
SLOT, OTHER_SLOT, MAPPED = 0, 1, 2  # the pte: a swap entry, or MAPPED + the number of a page
USED, MARKED = 1, 2  # swap_map of the slot: a pte refers to it; SWAP_HAS_CACHE
OLD_DATA, NEW_DATA = 1, 2


def protocol(version, threads):
    """Return the protocol."""
    pte, swap_map, stored = variable("pte", SLOT), variable("swap_map", USED), variable("stored")
    slots, page = array("slot", [OLD_DATA, 0]), array("page", [0] * threads)
    ptl = spinlock("ptl")
    read, here, before = local("read"), local("pte seen"), local("swap_map seen")

    mark = (
        atomic(swap_map, USED | MARKED, before, only_if=OLD == USED),
        when(before != USED, end()),
    )

    def fault(number):
        return (
            when(pte != SLOT, end()),
            mark if version == "after" else (),
            load(read, slots[0]),
            store(page[number], read),
            mark if version == "late" else (),
            lock(ptl),
            when(pte == SLOT, store(pte, MAPPED + number), atomic(swap_map, OLD & MARKED)),
            unlock(ptl),
            atomic(swap_map, OLD & USED) if version != "before" else (),
        )

    store_by_user = (
        lock(ptl),
        when(pte == MAPPED + 1, store(page[1], NEW_DATA), store(stored, 1)),
        unlock(ptl),
    )
    swap_out = (
        lock(ptl),
        load(here, pte),
        when(
            here >= MAPPED,
            load(read, page[here - MAPPED]),
            atomic(swap_map, MARKED, before, only_if=OLD == 0),  # in the swap cache till written
            when(
                before == 0,
                (store(slots[0], read), store(pte, SLOT), atomic(swap_map, USED)),
                otherwise=(store(slots[1], read), store(pte, OTHER_SLOT)),
            ),
        ),
        unlock(ptl),
    )
    faults = [actor(f"fault {number + 1}", *fault(number)) for number in range(threads)]
    faults[1] = actor("fault 2", *fault(1), *store_by_user)
    new = (pte == SLOT) & (slots[0] == NEW_DATA) | (pte == OTHER_SLOT) & (slots[1] == NEW_DATA)
    for number in range(threads):
        new = new | (pte == MAPPED + number) & (page[number] == NEW_DATA)
    return Protocol(
        [*faults, actor("reclaim", *swap_out)], at_rest={"no_store_lost": (stored == 0) | new}
    )
