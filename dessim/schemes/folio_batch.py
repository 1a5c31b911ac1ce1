"""S5 ``folio_batch``: fault-around of about Linux 6.11, with folios and per-VMA locks.

The fault takes its VMA's lock instead of the mmap lock. A load detects locked folios of the window,
which are skipped. The others are referenced, locked with trylock, tested, and mapped in a batch:
one set of ptes, one addition to the reference count, one unlock.

Options
-------
folio_order : log2 of the pages of a folio, 0..9.

Source
------
Linux 6.11 ``mm/filemap.c: filemap_map_pages, next_uptodate_folio, filemap_map_folio_range``,
``mm/memory.c: do_fault_around, lock_vma_under_rcu``. Left out: RCU (free), mmap_miss, the fallback
to the mmap lock.
"""

from dessim.kernel.alphabet import (
    Step,
    add_folio_refs,
    count,
    each_folio,
    each_page_of_folio,
    from_head,
    get_page,
    inc,
    lock,
    note,
    option,
    put_page,
    read_slots,
    set_pte,
    to_head,
    trylock_page,
    unless,
    unlock,
    unlock_page,
    when,
    work,
)
from dessim.schemes.no_fault_around import ordinary_path

OPTIONS = {"folio_order": 0}
BOUNDS = {"folio_order": (0, 9)}
PROMISES = ("bug1", "bug2")
FAULT_LOCK = "vma_lock"

# The first folio is locked before the page-table lock is taken, the others under it.
TAKE_PTL_ONCE = (unless("noted", lock("ptl"), note(True)),)

MAP_PAGE = (when("pte.none", inc("page.mapcount", cost="rmap"), set_pte()),)


def fault_around(widen: tuple[Step, ...] = (), counts: tuple[Step, ...] = ()) -> tuple[Step, ...]:
    """Return fault-around by folios.

    Parameters
    ----------
    widen : tuple of Step
        Done at a folio's head before its pages are mapped: how far the fault goes.
    counts : tuple of Step
        Done behind them: counts of the folio's mappings.
    """
    map_folio = (
        *widen,
        from_head(),
        each_page_of_folio(*MAP_PAGE),
        to_head(),
        add_folio_refs(),
        *counts,
    )
    folio = when(
        "page.unlocked_uptodate_no_readahead",
        get_page(cost="lookup_slot"),
        trylock_page(
            when("page.ours_uptodate", *TAKE_PTL_ONCE, *map_folio, cost="page_checks"),
            unlock_page(),
            busy=(count("trylock_lost"),),
        ),
        put_page(),
        otherwise=(count("trylock_lost"),),
    )
    return (
        work("fault_around_setup"),
        work("lookup_descent"),
        read_slots(window=True),
        note(False),
        each_folio(
            to_head(),
            option("page_cache_changes", when("page.cached", folio), otherwise=(folio,)),
            from_head(),
        ),
        when("noted", unlock("ptl")),
    )


FAULT_AROUND = fault_around()


def path_of_target(
    fault_lock: str,
    pages: tuple[Step, ...] = (from_head(), *MAP_PAGE),
    counts: tuple[Step, ...] = (),
) -> tuple[Step, ...]:
    """Return the ordinary path of a folio's page, under a lock of the fault.

    Parameters
    ----------
    fault_lock : str
    pages : tuple of Step
        From a folio's head on: which of its pages are mapped.
    counts : tuple of Step
        Done behind them: counts of the folio's mappings.
    """
    return ordinary_path(
        when(
            "page.ours_uptodate",
            lock("ptl"),
            *pages,
            to_head(),
            add_folio_refs(),
            *counts,
            unlock("ptl"),
            cost="page_checks",
        ),
        unlock_page(),
        put_page(),
        from_head(),
        fault_lock=fault_lock,
        go_to_page=(to_head(),),
        come_back=(from_head(),),
    )


SLOW_PATH = path_of_target(FAULT_LOCK)
