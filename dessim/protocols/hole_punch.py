"""Hole punch against a fault that fills the cache: stale blocks.

The fault adds a new page to the cache, looks up the block and reads it. A hole punched in between
frees the block, and another file writes to it: the page shows that file's data. The invalidate_lock
keeps the two apart.

version
    ``before``, ``after`` (invalidate_lock on both sides), ``submitted`` (the fault drops it when
    the read is submitted, as readahead does), ``early_lookup`` (looks the block up before it takes
    the lock), ``removal_only`` (the hole is made outside the lock), ``inode_lock`` (i_rwsem in its
    place: the fault wants it under mmap_lock, and a system call wants mmap_lock under it).
threads
    Faults.

Source
------
Linux 730633f0b7f9 ("mm: Protect operations adding pages to page cache with invalidate_lock", 5.15);
``mm/filemap.c`` (filemap_fault), ``fs/ext4/inode.c`` (ext4_punch_hole).
"""

from dessim.kernel.protocol import *

OPTIONS = {"version": "before", "threads": 1}
CHOICES = {
    "version": ("before", "after", "submitted", "early_lookup", "removal_only", "inode_lock")
}
ABSENT, LOCKED, UPTODATE = 0, 1, 2  # the page in the cache
HOLE, BLOCK = 0, 1
ZEROS, OURS, OTHERS = 0, 1, 2
cache, data = variable("page"), variable("data")
mapped = variable("block map", BLOCK)
block, is_free = variable("block", OURS), variable("block is free")
pte = variable("pte")
tree, page_lock = spinlock("tree_lock"), mutex("page lock")
invalidate, mmap_lock = rwsem("invalidate_lock"), rwsem("mmap_lock")
inode = rwsem("i_rwsem")
is_there, where, read = local("cached"), local("where"), local("read")
REMOVE = (
    store(pte, 0),
    lock(page_lock),  # waits for a read in flight: the page is locked until it is uptodate
    lock(tree),
    store(cache, ABSENT),
    unlock(tree),
    unlock(page_lock),
)


def protocol(version, threads):
    """Return the protocol."""
    guarded = version in ("after", "submitted", "early_lookup", "removal_only")

    def when_guarded(*statements):
        return statements if guarded else ()

    hole = (store(mapped, HOLE), store(is_free, 1))
    if version == "removal_only":
        punch = (down_write(invalidate), *REMOVE, up_write(invalidate), *hole)
    elif version == "inode_lock":
        punch = (down_write(inode), *REMOVE, *hole, up_write(inode))
    else:
        punch = (
            *when_guarded(down_write(invalidate)),
            *REMOVE,
            *hole,
            *when_guarded(up_write(invalidate)),
        )
    owner = (wait_until(is_free == 1), store(block, OTHERS))

    look_up = load(where, mapped)
    fill = (
        when(where == BLOCK, load(read, block), otherwise=(let(read, ZEROS),)),
        store(data, read),
        store_release(cache, UPTODATE),  # SetPageUptodate() has smp_wmb()
        unlock(page_lock),
    )
    insert = (lock(page_lock), lock(tree), store(cache, LOCKED), unlock(tree))
    early, late = ((look_up,), ()) if version == "early_lookup" else ((), (look_up,))
    submitted = version == "submitted"
    miss = (
        *early,
        *when_guarded(down_read(invalidate)),
        *((down_read(inode),) if version == "inode_lock" else ()),
        *insert,
        *late,
        *(when_guarded(up_read(invalidate)) if submitted else ()),
        *fill,
        *(() if submitted else when_guarded(up_read(invalidate))),
        *((up_read(inode),) if version == "inode_lock" else ()),
    )
    fault = (
        down_read(mmap_lock),
        load(is_there, cache),
        when(is_there == ABSENT, *miss),
        lock(page_lock),
        when(cache == UPTODATE, store(pte, 1)),
        unlock(page_lock),
        up_read(mmap_lock),
    )
    punched = actor("punch", *punch)
    actors = [punched, actor("owner of the block", *owner), actor("fault", *fault, copies=threads)]
    if version == "inode_lock":
        write = (down_write(inode), down_read(mmap_lock), up_read(mmap_lock), up_write(inode))
        actors = [actors[2], actor("write()", *write)]
        actors.append(actor("mmap()", down_write(mmap_lock), up_write(mmap_lock)))
        return Protocol(actors)
    stale = ended(punched) & (cache == UPTODATE) & (data != ZEROS)
    return Protocol(actors, never={"stale_data": stale})
