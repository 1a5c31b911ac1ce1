"""Actor ``truncate``: a range of the file is cut off, and is there again for the next fault.

Unmap the range without page locks, then take page by page out of the page cache: lock it, unmap it
if it is mapped again, delete it (bug2), and at last unmap the range once more.

Source
------
Linux 3.14 ``mm/truncate.c: truncate_pagecache``, which unmaps before and after,
``truncate_inode_pages_range, truncate_inode_page``. Left out: the change of the file's size,
partial pages. (Punching a hole, ``truncate_pagecache_range``, unmaps before only.)
"""

from dessim.actors.invalidate_range import DELETE, UNMAP_IF_MAPPED
from dessim.kernel.alphabet import (
    count,
    each_in_range,
    get_page,
    lock_page,
    put_page,
    unlock_page,
    when,
)

OPTIONS = {"walk": "if_mapped", "bug2": True, "fatal": False}
CHOICES = {"walk": ("if_mapped", "every_table")}

ACTOR = (
    count("invalidations"),
    each_in_range(when("page.cached", *UNMAP_IF_MAPPED)),
    each_in_range(
        when(
            "page.cached",
            get_page(),
            lock_page(),
            when("page.ours", *UNMAP_IF_MAPPED, *DELETE),
            unlock_page(),
            put_page(),
        )
    ),
    each_in_range(when("page.cached", *UNMAP_IF_MAPPED)),
)
