"""Actor ``reclaim``: memory pressure takes clean pages away.

Try to lock the page, clear its ptes after a peek without lock, then free it only if nobody else
holds a reference: the count is frozen from exactly two to zero.

Source
------
Linux 3.14 ``mm/vmscan.c: shrink_page_list, __remove_mapping``, ``mm/rmap.c: try_to_unmap_one``.
Left out: the LRU lists (pages are drawn at random), referenced bits, dirty pages.
"""

from dessim.kernel.alphabet import (
    clear_pte,
    count,
    dec,
    each_in_range,
    each_mapping,
    get_page,
    lock,
    put_page,
    remove_from_page_cache,
    shootdown,
    trylock_page,
    unless,
    unlock,
    unlock_page,
    when,
)

TRY_TO_UNMAP = (
    lock("i_mmap_mutex"),
    each_mapping(
        unless(
            "table.missing",
            unless(
                "pte.none",
                lock("ptl"),
                unless("pte.none", clear_pte(shootdown(), dec("page.mapcount"), put_page())),
                unlock("ptl"),
            ),
        )
    ),
    unlock("i_mmap_mutex"),
)

ACTOR = (
    count("invalidations"),
    each_in_range(
        when(
            "page.cached",
            get_page(),
            trylock_page(
                when(
                    "page.ours",
                    when("page.mapped", count("unmaps"), *TRY_TO_UNMAP),
                    lock("tree_lock"),
                    when(
                        "page.frozen",
                        remove_from_page_cache(),
                        unlock("tree_lock"),
                        unlock_page(),
                        otherwise=(unlock("tree_lock"), unlock_page(), put_page()),
                    ),
                    otherwise=(unlock_page(), put_page()),
                ),
                busy=(put_page(),),
            ),
        )
    ),
)
