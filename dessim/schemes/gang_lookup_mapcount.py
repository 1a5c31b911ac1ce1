"""S2 ``gang_lookup_mapcount``: no page lock for neighbours; raise mapcount first, check, undo.

The proposal: look the whole window up at once with a reference on each page, then under the
page-table lock raise ``_mapcount``, order, and only then test that the page is unlocked, uptodate
and still ours. Otherwise undo. Two locked operations per mapped page instead of four, but in two
passes. If the target itself was not mapped, the ordinary path does it.

Source
------
L. Torvalds in the thread of "[RFC, PATCHv2 0/2] mm: map few pages around fault address if they are
in page cache", linux-mm, 17 Feb 2014. Never merged. Option ``precheck``: test the page lock before
raising the count, which spares the undo.
"""

from dessim.kernel.alphabet import (
    count,
    dec,
    each_page,
    fence,
    forget,
    get_page,
    inc,
    lock,
    option,
    put_page,
    remember,
    set_pte,
    unlock,
    when,
    work,
)
from dessim.schemes.no_fault_around import SLOW_PATH as SLOW_PATH

OPTIONS = {"precheck": False}
PROMISES = ()

UNDO = (count("recheck_lost"), dec("page.mapcount"), put_page())

MAP_ONE = (
    inc("page.mapcount", cost="rmap"),
    fence(),
    when(
        "page.unlocked_uptodate",
        when("page.ours", set_pte(), otherwise=UNDO, cost="page_checks"),
        otherwise=UNDO,
    ),
)

GANG = (get_page(cost="lookup_slot"), remember())

FAULT_AROUND = (
    work("fault_around_setup"),
    lock("ptl"),
    work("lookup_descent"),
    forget(),
    each_page(option("page_cache_changes", when("page.cached", *GANG), otherwise=GANG)),
    each_page(
        when(
            "gang.holds",
            when(
                "pte.none",
                option(
                    "precheck",
                    when("page.unlocked", *MAP_ONE, otherwise=(count("recheck_lost"), put_page())),
                    otherwise=MAP_ONE,
                ),
                otherwise=(put_page(),),
            ),
        )
    ),
    unlock("ptl"),
)
