"""Actor ``munmap``: a thread of a process unmaps a range, and maps it again.

The thread holds mmap_sem for writing and works page table by page table. Under the table's lock it
exchanges each pte with none and lowers the page's mapcount. It flushes the translations everywhere,
then drops the references in a batch. It frees a page table with no pages left in it, out of sight
of tasks that walk the file's mappings, and subtracts it from the count without a lock
(``free_pte_range``). Threads that unmap what they touched (``unmap_every_pages``) do the same.

Source
------
Linux 3.14 ``mm/mmap.c: do_munmap, unmap_region``, ``mm/memory.c: zap_pte_range, free_pgtables``;
with per-VMA locks Linux 6.11 ``vma_start_write``. Left out: the VMA itself (the range is mapped
again at once, for free). In Linux a batch covers up to 10,000 pages, here a page table: a longer
range is flushed more often.
"""

from dessim.kernel.alphabet import (
    Step,
    add_nr_ptes,
    clear_pte,
    count,
    dec,
    each_in_table,
    each_table,
    flush_table,
    forget,
    free_table,
    from_head,
    lock,
    option,
    put_page,
    remember,
    to_head,
    unless,
    unlock,
    when,
)
from dessim.kernel.programs import COUNTS_TABLES, VMA_LOCKS


def clear_table(category: str = "") -> tuple[Step, ...]:
    """Return the steps that clear the range's ptes in one page table, as ``zap_pte_range`` does.

    The translations are flushed and the references dropped after the page-table lock.
    """
    return (
        forget(),
        lock("ptl"),
        each_in_table(
            unless(
                "pte.none",
                clear_pte(dec("page.mapcount"), remember(), category=category),
            )
        ),
        unlock("ptl"),
        flush_table(),
        each_in_table(when("gang.holds", to_head(), put_page(), from_head())),
    )


UNMAP_TABLE = (
    *clear_table("teardown"),
    when(
        "table.covered",
        lock("i_mmap_mutex"),
        free_table(),
        unlock("i_mmap_mutex"),
        option(COUNTS_TABLES, add_nr_ptes(-1)),
    ),
)

UNMAP_RANGE = (
    lock("mmap_lock_write"),
    option(VMA_LOCKS, lock("vma_lock_write")),
    each_table(unless("table.missing", *UNMAP_TABLE)),
    option(VMA_LOCKS, unlock("vma_lock_write")),
    unlock("mmap_lock_write"),
)

AFTER_TOUCHING = (when("touched_enough", Step("pick_touched"), *UNMAP_RANGE),)

ACTOR = (
    Step("pick_mapping", category="idle"),
    count("invalidations"),
    *UNMAP_RANGE,
)
