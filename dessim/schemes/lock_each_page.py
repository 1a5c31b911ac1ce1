"""S1 ``lock_each_page``: fault-around that looks up and locks one page at a time.

The second version of the patch. The faulting page is mapped first. With the page-table lock still
held, each other page of the window is found by a walk from the root of the radix tree, locked with
trylock and mapped. A page that another task has locked is skipped and faults later.

Source
------
K. Shutemov, "[RFC, PATCHv2 0/2] mm: map few pages around fault address if they are in page cache",
linux-mm, 17 Feb 2014, message ids 1392662333-25470-2 (``mm/memory.c: do_fault_around``, called by
``do_read_fault``) and 1392662333-25470-3 (``mm/filemap.c: filemap_fault_nonblock``), both
@git-send-email-kirill.shutemov@linux.intel.com, on top of Linux 3.14-rc. Each step below names its
line. The window was 32 pages (``FAULT_AROUND_ORDER`` 5). Left out: the check against the file's
size and the VMA's ends, which do not change here; ``ra.mmap_miss``; hardware-poisoned pages.

The published table that ships with dessim measures version 3 of 27 Feb 2014, which is
``radix_walk_trylock``: nothing in it was measured with this scheme.
"""

from dessim.kernel.alphabet import (
    count,
    each_page,
    get_page,
    inc,
    option,
    put_page,
    read_slots,
    set_pte,
    trylock_page,
    unlock,
    unlock_page,
    when,
    work,
)
from dessim.schemes.no_fault_around import map_target, ordinary_path

PROMISES = ("bug1", "bug2")

FAULT_AROUND = ()

# filemap_fault_nonblock: if (!trylock_page(page)) goto put; page->mapping != mapping or
# !PageUptodate(page): goto unlock. do_fault_around: do_set_pte (page_add_file_rmap, set_pte_at),
# unlock_page. The reference stays with the pte.
LOCK_AND_MAP = trylock_page(
    when(
        "page.ours_uptodate",
        inc("page.mapcount", cost="rmap"),
        set_pte(),
        unlock_page(),
        otherwise=(unlock_page(), put_page()),
        cost="page_checks",
    ),
    busy=(count("trylock_lost"), put_page()),
)

# filemap_fault_nonblock: find_get_page(mapping, vmf->pgoff) takes the reference. A page that
# readahead marked is left to the ordinary path, which reads on there: if (PageReadahead(page)) goto
# put. Whether it is uptodate is asked only once it is locked.
MAP_CACHED = (get_page(), when("page.no_readahead", LOCK_AND_MAP, otherwise=(put_page(),)))

# vma->vm_ops->fault_nonblock(vma, &vmf), and in it find_get_page: from the root each time.
MAP_ONE = (
    work("indirect_call"),
    work("lookup_descent"),
    read_slots(window=False),
    option("page_cache_changes", when("page.cached", *MAP_CACHED), otherwise=MAP_CACHED),
)

# do_fault_around: for each page of the aligned window, if (!pte_none(*_pte)) continue.
NEIGHBOURS = (
    work("fault_around_setup"),
    each_page(when("not_target", when("pte.none", *MAP_ONE))),
)

# do_read_fault: do_set_pte, unlock_page(fault_page), do_fault_around, pte_unmap_unlock: with the
# page-table lock still held, the neighbours follow the target.
SLOW_PATH = ordinary_path(map_target(unlock_page(), *NEIGHBOURS, unlock("ptl")))
