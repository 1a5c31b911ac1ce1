"""Actor ``reclaim``: memory pressure takes clean pages away.

Try to lock the page, clear its ptes after a look without lock, keep it if it is still mapped, then
free it only if nobody else holds a reference: the count is frozen from exactly two to zero. Only a
scheme that raises a mapcount without a reference hits the BUG_ON of the deletion (bug2).

Options
-------
bug2, fatal : as for ``invalidate_range``.

Source
------
Linux 3.14 ``mm/vmscan.c: shrink_page_list, __remove_mapping``, ``mm/filemap.c:
__delete_from_page_cache``, ``mm/rmap.c: try_to_unmap, try_to_unmap_one``. Left out: the LRU lists
(pages are drawn at random), referenced bits, dirty pages, and that the walk ends with the last pte.
A large folio goes as a whole, after one walk over its ptes (Linux 6.12 ``mm/rmap.c:
try_to_unmap_one``, ``mm/vmscan.c: shrink_folio_list``).
"""

from dessim.actors.invalidate_range import BUG2, UNMAP_FOLIO, each_folio_in_range
from dessim.kernel.alphabet import (
    clear_pte,
    count,
    dec,
    each_mapping,
    get_page,
    go_to,
    label,
    lock,
    option,
    put_page,
    remove_from_page_cache,
    shootdown,
    trylock_page,
    unless,
    unlock,
    unlock_page,
    when,
)
from dessim.kernel.programs import LARGE_FOLIOS

OPTIONS = {"bug2": True, "fatal": False}

UNMAP_PAGE = unless(
    "pte.none",
    lock("ptl"),
    unless("pte.none", clear_pte(shootdown(), dec("page.mapcount"), put_page())),
    unlock("ptl"),
)

TRY_TO_UNMAP = (
    lock("i_mmap_mutex"),
    each_mapping(
        unless(
            "table.missing",
            option(
                LARGE_FOLIOS,
                *UNMAP_FOLIO,
                otherwise=(UNMAP_PAGE,),
            ),
        )
    ),
    unlock("i_mmap_mutex"),
)

ACTOR = (
    count("invalidations"),
    each_folio_in_range(
        when(
            "page.cached",
            get_page(),
            trylock_page(
                when(
                    "page.ours",
                    when(
                        "page.mapped",
                        count("unmaps"),
                        *TRY_TO_UNMAP,
                        when("page.mapped", go_to("keep")),
                    ),
                    lock("tree_lock"),
                    when(
                        "page.frozen",
                        remove_from_page_cache(),
                        BUG2,
                        unlock("tree_lock"),
                        unlock_page(),
                        otherwise=(
                            unlock("tree_lock"),
                            label("keep"),
                            unlock_page(),
                            put_page(),
                        ),
                    ),
                    otherwise=(unlock_page(), put_page()),
                ),
                busy=(put_page(),),
            ),
        ),
    ),
)
