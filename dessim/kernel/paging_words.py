"""The words in which a fault reads a file ahead, and in which its pages are taken back.

As those of ``alphabet``. A program that uses some of them twice gives each use a name, so that its
places differ.
"""

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import (
    Step,
    clear_pte,
    dec,
    each_mapping,
    go_to,
    label,
    lock,
    put_page,
    trylock_page,
    unless,
    unlock,
    unlock_page,
    when,
)

ADVICE = {"normal": 0, "random": 1, "sequential": 2}
"""What madvise said -> the operand of ``plan_sync``: read around, one page, ahead."""


def each_pte(*then: Step) -> tuple[Step, ...]:
    """Do some steps under the lock of each pte that maps the page (``rmap_walk_file``)."""
    found = unless("pte.none", *then)
    return (
        lock("i_mmap_read"),
        each_mapping(unless("table.missing", lock("ptl"), found, unlock("ptl"))),
        unlock("i_mmap_read"),
        Step("look_home"),
    )


LOOK_AT_PTES = (when("page.mapped", *each_pte(Step("test_young"))),)
"""``folio_referenced``: who used the page since somebody looked last."""

TRY_TO_UNMAP = (
    when(
        "page.mapped",
        *each_pte(clear_pte(Step("unmapped_one"), dec("page.mapcount"), put_page())),
    ),
)
"""``try_to_unmap``: the flush comes later, once for the round."""

KEEP = (Step("keep_page"), unlock_page())

LOOK_AT_PAGE = trylock_page(
    *LOOK_AT_PTES,
    Step(
        "page_referenced",
        body=KEEP,
        otherwise=(
            *TRY_TO_UNMAP,
            lock("tree_lock"),
            Step(
                "freeze_page",
                body=(Step("evict_page"), unlock("tree_lock"), unlock_page()),
                otherwise=(unlock("tree_lock"), *KEEP),
            ),
        ),
    ),
    busy=(Step("keep_page"),),
)
"""``shrink_folio_list`` for one page."""


LINK_WAITING = (lock("lru_lock"), Step("lru_link"), unlock("lru_lock"))


def drain_while_full(name: str) -> tuple[Step, ...]:
    """Give batches of a CPU's free frames back to its node as long as the CPU has too many."""
    again = f"{name}_drain"
    drain = (lock("zone_lock"), Step("drain_node"), unlock("zone_lock"))
    return (label(again), Step("pcp_full", body=(*drain, go_to(again))))


def shrink_inactive(name: str) -> tuple[Step, ...]:
    """Return a round of reclaim: up to 32 pages off the tail of the inactive list."""
    again = f"{name}_page"
    return (
        Step("lru_waiting", 1, body=LINK_WAITING),
        lock("lru_lock"),
        Step("isolate", 0),
        unlock("lru_lock"),
        label(again),
        Step("isolated_next", body=(LOOK_AT_PAGE, go_to(again))),
        Step("flush_unmapped"),
        lock("lru_lock"),
        Step("putback", 0),
        unlock("lru_lock"),
        Step("free_frames"),
        Step("uncharged"),
        *drain_while_full(name),
    )


def shrink_active(name: str) -> tuple[Step, ...]:
    """Return the steps that move up to 32 pages from the active list to the inactive one."""
    again = f"{name}_active"
    looked = trylock_page(
        *LOOK_AT_PTES, Step("keep_page"), unlock_page(), busy=(Step("keep_page"),)
    )
    return (
        lock("lru_lock"),
        Step("isolate", 1),
        unlock("lru_lock"),
        label(again),
        Step("isolated_next", body=(looked, go_to(again))),
        lock("lru_lock"),
        Step("putback", 1),
        unlock("lru_lock"),
    )


def reclaim(name: str, *, direct: bool) -> tuple[Step, ...]:
    """Return one call of reclaim: rounds until its part of the list is scanned."""
    again = f"{name}_scan"
    return (
        Step("begin_scan", int(direct)),
        label(again),
        Step(
            "scans_on",
            body=(
                Step("active_too_many", body=shrink_active(name)),
                *shrink_inactive(name),
                go_to(again),
            ),
        ),
    )


def allocate_for_file(name: str) -> tuple[Step, ...]:
    """Take a frame: from the CPU's list, the node, or from other pages of the file.

    ``__alloc_pages``: above the low watermark at once; below it kswapd is woken; below the least
    one the task takes pages back itself and tries again.
    """
    again = f"{name}_alloc"

    def refill(least: int) -> tuple[Step, ...]:
        return (lock("zone_lock"), Step("refill_node", least), unlock("zone_lock"))

    slow = (
        Step("wake_kswapd"),
        label(again),
        *refill(1),
        Step(
            "list_empty",
            body=(*reclaim(name, direct=True), Step("list_empty", body=(go_to(again),))),
        ),
    )
    return (
        Step("pcp_empty", body=(*refill(0), Step("list_empty", body=slow))),
        Step("take_frame"),
    )


def read_window(name: str) -> tuple[Step, ...]:
    """Put the pages of the planned window in the page cache; a command for each row of new ones."""
    again = f"{name}_window"
    submit = Step("submit_run")
    add = (
        *allocate_for_file(name),
        lock("tree_lock"),
        Step(
            "insert_page",
            body=(
                unlock("tree_lock"),
                Step("join_lru"),
                Step("lru_waiting", 0, body=LINK_WAITING),
            ),
            otherwise=(unlock("tree_lock"), submit),
        ),
    )
    return (
        label(again),
        Step("in_window", body=(when("page.cached", submit, otherwise=add), go_to(again))),
        submit,
    )


def end_read_of_page() -> Step:
    """Set PG_uptodate on a page that has been read."""
    return Step("set_flags", 0, lay.FLAG_UPTODATE, "complete_page", "device")
