"""S0 ``no_fault_around``: one fault maps one page.

The read fault of Linux 3.13: find the page in the page cache, lock it, map it under the page-table
lock. A locked page makes the fault drop mmap_sem, sleep until the page is unlocked and start again.
Every other scheme falls back to this path for a target that it could not map.

Source
------
Linux 3.13 ``mm/memory.c: __do_fault``, ``mm/filemap.c: filemap_fault, find_get_page,
lock_page_or_retry``; Linux 3.15 ``do_read_fault`` after the split of ``__do_fault``. Left out:
write and copy-on-write faults, hardware-poisoned pages.
"""

from dessim.kernel.alphabet import (
    count,
    get_page,
    inc,
    lock,
    option,
    put_page,
    read_ahead,
    read_slots,
    retry_fault,
    set_flags,
    set_pte,
    trylock_page,
    unlock,
    unlock_page,
    wait_on_page,
    when,
    work,
)
from dessim.kernel.layout import FLAG_READAHEAD

PROMISES = ("bug1", "bug2")

FAULT_AROUND = ()

# A page that readahead marked makes the device read the window after it.
READ_AHEAD_IF_MARKED = (
    option(
        "reads_ahead",
        when("page.readahead", set_flags(FLAG_READAHEAD, 0), read_ahead()),
    ),
)

SLOW_PATH = (
    work("slow_path"),
    read_slots(window=False),
    get_page(cost="lookup_descent"),
    *READ_AHEAD_IF_MARKED,
    trylock_page(
        when(
            "page.ours_uptodate",
            lock("ptl"),
            when(
                "pte.none",
                inc("page.mapcount", cost="rmap"),
                set_pte(),
                unlock("ptl"),
                unlock_page(),
                otherwise=(count("pte_lost"), unlock("ptl"), unlock_page(), put_page()),
            ),
            otherwise=(unlock_page(), put_page()),
            cost="page_checks",
        ),
        busy=(
            count("fault_retries"),
            unlock("mmap_lock"),
            wait_on_page(),
            put_page(),
            retry_fault(),
        ),
    ),
)
