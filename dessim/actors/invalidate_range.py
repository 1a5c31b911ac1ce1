"""Actor ``invalidate_range``: what direct I/O does to the page cache of its range.

``invalidate_inode_pages2_range``: with the page locked, unmap it if it is mapped, ``BUG_ON`` if it
still is (bug1), remove it from the page cache, ``BUG_ON`` again (bug2). Reference counts are
ignored on purpose.

Options
-------
unmap_retry : ``none``; ``before_bug``: if the page is still mapped, unmap once more and only then
    BUG_ON (the mail's sentence, S3B); ``always_bug``: unmap if mapped, twice, then BUG_ON (S3A);
    ``until_unmapped``: repeat until it is unmapped.
walk : ``if_mapped``: walk the mappings only if the page is mapped; ``every_table``: always, and
    take every page-table lock.
bug1, bug2 : keep each BUG_ON or drop it.
fatal : a BUG_ON that fires ends the run, as it stops a kernel; else it is counted.

Source
------
Linux 3.14 ``mm/truncate.c: invalidate_inode_pages2_range``, ``mm/memory.c: unmap_mapping_range``,
``mm/filemap.c: __delete_from_page_cache``. The question of the retry: K. Shutemov in the thread of
"[RFC, PATCHv2 0/2] mm: map few pages around fault address", linux-mm, Feb 2014. Left out: dirty
pages and writeback, and that the first unmap of a range covers the rest of it at once. Folios of
files (Linux 6.12: ``unmap_mapping_folio``, ``__filemap_remove_folio``) go as a whole.
"""

from dessim.kernel.alphabet import (
    Step,
    bug_on_mapped,
    clear_pte,
    count,
    dec,
    each_in_range,
    each_mapping,
    each_page_of_folio,
    from_head,
    get_page,
    go_to,
    label,
    lock,
    lock_page,
    note,
    option,
    put_page,
    remove_from_page_cache,
    shootdown,
    to_head,
    unless,
    unlock,
    unlock_page,
    when,
)
from dessim.kernel.programs import LARGE_FOLIOS

OPTIONS = {
    "unmap_retry": "none",
    "walk": "if_mapped",
    "bug1": True,
    "bug2": True,
    "fatal": False,
}
CHOICES = {
    "unmap_retry": ("none", "before_bug", "always_bug", "until_unmapped"),
    "walk": ("if_mapped", "every_table"),
}

# unmap_mapping_folio(): all ptes of a folio, then one flush. The cursor is on the head before and
# behind.
UNMAP_FOLIO = (
    lock("ptl"),
    note(False),
    to_head(),
    from_head(),
    each_page_of_folio(
        unless(
            "pte.none",
            clear_pte(dec("page.mapcount"), note(True), to_head(), put_page(), from_head()),
        )
    ),
    to_head(),
    when("noted", shootdown(folio=True)),
    unlock("ptl"),
)


def each_folio_in_range(*body: Step) -> Step:
    """Repeat for each folio of an actor's range, at its head: that is where references are."""
    head, back = option(LARGE_FOLIOS, to_head()), option(LARGE_FOLIOS, from_head())
    return each_in_range(head, *body, back)


UNMAP = (
    count("unmaps"),
    lock("i_mmap_mutex"),
    each_mapping(
        unless(
            "table.missing",
            option(
                LARGE_FOLIOS,
                *UNMAP_FOLIO,
                otherwise=(
                    lock("ptl"),
                    unless("pte.none", clear_pte(dec("page.mapcount"), shootdown(), put_page())),
                    unlock("ptl"),
                ),
            ),
        )
    ),
    unlock("i_mmap_mutex"),
)
EXCLUDED = ({"unmap_retry": "until_unmapped", "walk": "every_table"},)
"""The first walks only while the page is mapped: the second would change nothing."""
UNMAP_IF_MAPPED = (option("walk=every_table", *UNMAP, otherwise=(when("page.mapped", *UNMAP),)),)
BUG1, BUG2 = (
    option(bug, option("fatal", bug_on_mapped(bug, fatal=True), otherwise=(bug_on_mapped(bug),)))
    for bug in ("bug1", "bug2")
)

UNMAP_AND_CHECK = (
    option(
        "unmap_retry=until_unmapped",
        label("unmap"),
        when("page.mapped", *UNMAP, go_to("unmap")),
        BUG1,
        otherwise=(
            *UNMAP_IF_MAPPED,
            option(
                "unmap_retry=before_bug",
                when("page.mapped", *UNMAP, BUG1),
                otherwise=(option("unmap_retry=always_bug", *UNMAP_IF_MAPPED), BUG1),
            ),
        ),
    ),
)

DELETE = (
    lock("tree_lock"),
    remove_from_page_cache(),
    BUG2,
    unlock("tree_lock"),
    put_page(),
)

ACTOR = (
    count("invalidations"),
    each_folio_in_range(
        when(
            "page.cached",
            get_page(),
            lock_page(),
            when("page.ours", *UNMAP_AND_CHECK, *DELETE),
            unlock_page(),
            put_page(),
        ),
    ),
)
