"""Actor ``truncate``: a range of the file is cut off, and exists again for the next fault.

Unmap the range without page locks. Remove page by page from the page cache (lock it, unmap it if it
is mapped again, delete it: bug2), first the pages whose lock is free, then the rest. Unmap the
range once more. Both walks over the range are unconditional: they take the lock of every page table
of the range and clear every pte, whether or not its page is still in the page cache.

Options
-------
walk : ``if_mapped``: with the page locked, walk the mappings only if it is mapped, as Linux does;
    ``every_table``: always, and take every page-table lock.
punch_hole : punch a hole: the range is unmapped only before.
bug2, fatal : as for ``invalidate_range``.

Source
------
Linux 3.14 ``mm/truncate.c: truncate_pagecache`` (the second walk "must be made for correctness"),
``truncate_pagecache_range`` for a hole, ``truncate_inode_pages_range, truncate_inode_page,
truncate_complete_page``; ``mm/filemap.c: __delete_from_page_cache``; ``mm/memory.c:
unmap_mapping_range, zap_pte_range``. Left out: the file's size, so the pages can come back at once,
and hence the further passes, which Linux makes until it finds no page; partial pages. Folios of
files go as a whole: a range is one of whole folios, so that none has to be split
(``truncate_inode_partial_folio``).
"""

from dessim.actors.invalidate_range import DELETE, UNMAP_IF_MAPPED, each_folio_in_range
from dessim.actors.munmap import clear_table
from dessim.kernel.alphabet import (
    count,
    each_mapping,
    each_table,
    get_page,
    lock,
    lock_page,
    option,
    put_page,
    trylock_page,
    unless,
    unlock,
    unlock_page,
    when,
)

OPTIONS = {"walk": "if_mapped", "punch_hole": False, "bug2": True, "fatal": False}
CHOICES = {"walk": ("if_mapped", "every_table")}

UNMAP_RANGE = (
    count("unmaps"),
    lock("i_mmap_mutex"),
    each_mapping(each_table(unless("table.missing", *clear_table()))),
    unlock("i_mmap_mutex"),
)

# Linux looks at the page's mapping only after it has unmapped the page.
TRUNCATE_PAGE = (*UNMAP_IF_MAPPED, when("page.ours", *DELETE))

ACTOR = (
    count("invalidations"),
    *UNMAP_RANGE,
    each_folio_in_range(
        when(
            "page.cached",
            get_page(),
            trylock_page(*TRUNCATE_PAGE, unlock_page()),
            put_page(),
        ),
    ),
    each_folio_in_range(
        when(
            "page.cached",
            get_page(),
            lock_page(),
            *TRUNCATE_PAGE,
            unlock_page(),
            put_page(),
        ),
    ),
    option("punch_hole", otherwise=UNMAP_RANGE),
)
