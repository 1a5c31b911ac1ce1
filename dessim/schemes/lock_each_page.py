"""S1 ``lock_each_page``: fault-around that looks up and locks one page at a time.

The second version of the patch: the faulting page is mapped first, and with the page-table lock
still held each other page of the window is found by a walk from the root of the radix tree, locked
with trylock and mapped. A page that somebody else has locked is left out and faults later.

Source
------
K. Shutemov, "[RFC, PATCHv2 0/2] mm: map few pages around fault address if they are in page cache",
linux-mm, 17 Feb 2014; ``filemap_map_pages`` called once per slot. Left out: the check against the
file's size, which does not change here.
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

# A page that readahead marked is left to the ordinary path, which reads on there: as in the version
# that was merged.
MAP_CACHED = (
    get_page(),
    option(
        "reads_ahead",
        when("page.uptodate_no_readahead", LOCK_AND_MAP, otherwise=(put_page(),)),
        otherwise=(LOCK_AND_MAP,),
    ),
)

MAP_ONE = (
    work("indirect_call"),
    work("lookup_descent"),
    read_slots(window=False),
    option("page_cache_changes", when("page.cached", *MAP_CACHED), otherwise=MAP_CACHED),
)

NEIGHBOURS = (
    work("fault_around_setup"),
    each_page(when("not_target", when("pte.none", *MAP_ONE))),
)

# With the page-table lock still held, the neighbours follow the target.
SLOW_PATH = ordinary_path(map_target(unlock_page(), *NEIGHBOURS, unlock("ptl")))
