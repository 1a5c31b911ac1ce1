"""S4 ``radix_walk_trylock``: fault-around as merged in Linux 3.15.

Before the ordinary fault, under the page-table lock, one iteration over the radix tree visits the
aligned window from its first pte that is none, if there is one. Each page is referenced, tested,
locked with trylock, tested again, mapped, unlocked. A page that another task has locked is skipped
and faults later. If the target was not mapped, the ordinary path maps it.

Source
------
Linux 3.15 ``mm/memory.c: do_fault_around``, ``mm/filemap.c: filemap_map_pages``. Left out: the test
against the file's size and the readahead-miss correction (``ra.mmap_miss``), which change nothing
for a file that is entirely in the page cache.
"""

from dessim.kernel.alphabet import (
    count,
    each_page,
    get_page,
    inc,
    lock,
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
from dessim.schemes.no_fault_around import SLOW_PATH as SLOW_PATH

PROMISES = ("bug1", "bug2")

MAP_ONE = trylock_page(
    when(
        "page.ours_uptodate",
        when(
            "pte.none",
            inc("page.mapcount", cost="rmap"),
            set_pte(),
            unlock_page(),
            otherwise=(unlock_page(), put_page()),
        ),
        otherwise=(unlock_page(), put_page()),
        cost="page_checks",
    ),
    busy=(count("trylock_lost"), put_page()),
)

SLOT = (
    get_page(cost="lookup_slot"),
    when("page.uptodate_no_readahead", MAP_ONE, otherwise=(put_page(),)),
)

FAULT_AROUND = (
    work("fault_around_setup"),
    lock("ptl"),
    when(
        "window.open",
        work("lookup_descent"),
        read_slots(window=True),
        each_page(
            option("page_cache_changes", when("page.cached", *SLOT), otherwise=SLOT), unmapped=True
        ),
    ),
    unlock("ptl"),
)
