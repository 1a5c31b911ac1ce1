"""S2 ``gang_lookup_mapcount``: no page lock for neighbours; raise mapcount first, check, undo.

The proposal: look up the whole window at once, with a reference on each page. Then, under the
page-table lock, raise ``_mapcount``, order, and only then test that the page is unlocked, uptodate
and still ours; otherwise undo. This takes two locked operations per mapped page instead of four,
but in two passes. If the target itself was not mapped, the ordinary path maps it.

Options
-------
precheck : test the page lock before raising the count, which saves the undo.
fence : order the increment before the tests. Takes no time; ``check`` shows what it is for.
reference : take a reference to each page in the lookup; else only when the page is mapped.
mapping_recheck : test that the page is still in our file.
skip_mapped : begin with the first pte that is none, as ``radix_walk_trylock`` does.
recheck_order : ``flags_first`` or ``mapping_first``: which of the two tests comes first.

Source
------
L. Torvalds in the thread of "[RFC, PATCHv2 0/2] mm: map few pages around fault address if they are
in page cache", linux-mm, 17 Feb 2014. Never merged.
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
    read_slots,
    remember,
    set_pte,
    unlock,
    when,
    work,
)
from dessim.schemes.no_fault_around import SLOW_PATH as SLOW_PATH

OPTIONS = {
    "precheck": False,
    "fence": True,
    "reference": True,
    "mapping_recheck": True,
    "skip_mapped": False,
    "recheck_order": "flags_first",
}
CHOICES = {"recheck_order": ("flags_first", "mapping_first")}
PROMISES = ()
REPAIRS = ({"precheck": True},)

# One read of the flags. A page that readahead marked is left to the ordinary path, which reads on
# there; the mail does not speak of it, what was merged has the test.
MAPPABLE = "page.unlocked_uptodate_no_readahead"
PUT = (option("reference", put_page()),)
UNDO = (count("recheck_lost"), dec("page.mapcount"), *PUT)
MAP = (option("reference", otherwise=(get_page(),)), set_pte())

RECHECK = (
    option(
        "mapping_recheck",
        option(
            "recheck_order=flags_first",
            when(
                MAPPABLE,
                when("page.ours", *MAP, otherwise=UNDO, cost="page_checks"),
                otherwise=UNDO,
            ),
            otherwise=(
                when(
                    "page.ours",
                    when(MAPPABLE, *MAP, otherwise=UNDO),
                    otherwise=UNDO,
                    cost="page_checks",
                ),
            ),
        ),
        otherwise=(when(MAPPABLE, *MAP, otherwise=UNDO, cost="page_checks"),),
    ),
)

MAP_ONE = (inc("page.mapcount", cost="rmap"), option("fence", fence()), *RECHECK)

GANG = (option("reference", get_page(cost="lookup_slot")), remember())
HOLD = (option("page_cache_changes", when("page.cached", *GANG), otherwise=GANG),)

LOOK_UP = (work("lookup_descent"), read_slots(window=True), forget())
MAP_WINDOW = each_page(
    when(
        "gang.holds",
        when(
            "pte.none",
            option(
                "precheck",
                when("page.unlocked", *MAP_ONE, otherwise=(count("recheck_lost"), *PUT)),
                otherwise=MAP_ONE,
            ),
            otherwise=PUT,
        ),
    )
)

FAULT_AROUND = (
    work("fault_around_setup"),
    lock("ptl"),
    option(
        "skip_mapped",
        when("window.open", *LOOK_UP, each_page(*HOLD, unmapped=True), MAP_WINDOW),
        otherwise=(*LOOK_UP, each_page(*HOLD), MAP_WINDOW),
    ),
    unlock("ptl"),
)
