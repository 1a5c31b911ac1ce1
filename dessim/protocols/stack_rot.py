"""StackRot: a stack that grows under mmap_lock for reading frees a node that others read.

Growing a stack replaces a node of the maple tree; the old one is freed after a grace period. A task
that looked up a VMA under mmap_lock for reading was not inside RCU, so nothing kept the node
(CVE-2023-3269).

version
    ``before``, ``after`` (the stack grows with mmap_lock for writing), ``in_rcu`` (before, with the
    look-up inside RCU).
threads
    Look-ups.

Source
------
Linux 8d7071af8907 ("mm: always expand the stack with the mmap write lock held", 6.5); ``mm/mmap.c``
(expand_stack), ``lib/maple_tree.c`` (mas_replace: ma_free_rcu) of 6.4.
"""

from dessim.kernel.protocol import *

OPTIONS = {"version": "before", "threads": 1}
CHOICES = {"version": ("before", "after", "in_rcu")}
FREED = 2


def protocol(version, threads):
    """Return the protocol."""
    root, nodes = variable("root", 0), array("nodes", [1, 1])
    mmap_lock, stale = rwsem("mmap_lock"), variable("old node is unlinked")
    which, found = local("node"), local("found")
    inside = version == "in_rcu"

    look_up = (
        down_read(mmap_lock),
        rcu_read_lock() if inside else None,
        load(which, root),
        load(found, nodes[which]),
        bug_on(found == FREED, "the node was freed"),
        rcu_read_unlock() if inside else None,
        up_read(mmap_lock),
    )
    take, drop = (down_write, up_write) if version == "after" else (down_read, up_read)
    grow = (take(mmap_lock), store_release(root, 1), store_release(stale, 1), drop(mmap_lock))
    free = (wait_until(stale == 1, order="acquire"), synchronize_rcu(), store(nodes[0], FREED))
    return Protocol(
        [
            actor("look-up", *look_up, copies=threads),
            actor("expand_stack", *grow),
            actor("RCU callback", *free),
        ]
    )
