"""The end of a sweep, ``remap``: a task unmaps its whole region and maps it again.

munmap takes mmap_lock for writing and unlinks the mapping. It continues as a reader while it unmaps
pages, flushes translations and frees: others of the mm fault meanwhile, unless a writer waits. mmap
then takes mmap_lock for writing once more.

Pages of memory are gathered page table by page table, flushed, then freed in rounds: off the LRU,
uncharged, onto the CPU's list, and from there to the zone when the list is full. A full gather is
flushed before the page table's lock is dropped, and freed before the next table.

Pages of a file were written to: each page table is flushed before its lock is dropped. From 6.2 on
their counts of mappings fall behind that flush, before it.

Source
------
Linux 6.1 ``mm/mmap.c: do_mas_align_munmap, unmap_region``, 6.12 ``mm/vma.c:
vms_complete_munmap_vmas``, ``mm/mmu_gather.c``, ``mm/swap.c: release_pages`` (6.1),
``folios_put_refs`` (6.12), ``mm/memory.c: zap_pte_range`` (``force_flush``, ``delay_rmap``),
``tlb_flush_rmaps``.
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
    lock,
    option,
    put_page,
    remember,
    unless,
    unlock,
    when,
    work,
)
from dessim.kernel.memory_words import (
    FLUSH_LRU,
    call,
    downgrade,
    end_vma_writes,
    flush_region,
    free_gathered,
    mark_vma,
    spill_rss,
    uncount_page,
    use_mm,
    use_owner,
    when_gather_full,
    when_gathered,
    write_tree,
    zap_memory,
)
from dessim.kernel.write_programs import MAPS_ONLY, MERGED, MM_LOCK, OWNER_NEAR, PART

OWNER = option(OWNER_NEAR, use_mm(stores=True), otherwise=(use_owner(stores=True),))
"""A writer of mmap_lock stores who it is, clears that before it drops the lock, and becomes one of
the readers: ``rwsem_set_owner``, ``rwsem_clear_owner``, ``rwsem_set_reader_owned``."""
WRITE_VMA = option(
    MM_LOCK, otherwise=(lock("vma_lock_write"), mark_vma(), unlock("vma_lock_write"))
)
SPLIT = option(MERGED, work("split_vma"), work("split_vma"))
MERGE = option(MERGED, WRITE_VMA, work("split_vma"))
RELEASE_VMAS = option(MM_LOCK, otherwise=(end_vma_writes(),))

DELAYS = "delay_rmap"
RUNS = "rmap_batch"

ZAP_MEMORY = (
    Step("lru_waiting", 1, body=FLUSH_LRU),  # lru_add_drain()
    each_table(
        unless(
            "table.missing",
            lock("ptl"),
            *zap_memory(),
            spill_rss(),
            when_gather_full(flush_region()),
            unlock("ptl"),
            when_gather_full(free_gathered()),
        )
    ),
    when_gathered(flush_region(), free_gathered()),
)
FREE_TABLE = option(
    PART,
    when("table.covered", free_table(), add_nr_ptes(-1)),
    otherwise=(free_table(), add_nr_ptes(-1)),
)
UNMAP_MEMORY = (*ZAP_MEMORY, each_table(unless("table.missing", FREE_TABLE)))
REMOVE_RMAP = (dec("page.mapcount"), work("page_statistics"))


def _clear_and_flush(*, run: bool) -> tuple[Step, ...]:
    """Return how the pages of a page table, or of a run of them, are unmapped, flushed, dropped."""
    drop_rmaps = each_in_table(when("gang.holds", *REMOVE_RMAP), run=run)
    return (
        forget(),
        lock("ptl"),
        each_in_table(
            unless(
                "pte.none",
                clear_pte(
                    option(DELAYS, otherwise=REMOVE_RMAP),
                    uncount_page(),
                    remember(),
                    category="teardown",
                ),
            ),
            run=run,
        ),
        spill_rss(),
        flush_table(run=run),
        option(DELAYS, drop_rmaps),
        unlock("ptl"),
        each_in_table(when("gang.holds", put_page()), run=run),
    )


UNMAP_FILE = (
    option(
        RUNS,
        each_table(unless("table.missing", *_clear_and_flush(run=True)), run=True),
        each_table(unless("table.missing", FREE_TABLE)),
        otherwise=(each_table(unless("table.missing", *_clear_and_flush(run=False), FREE_TABLE)),),
    ),
)


MMAP = (
    work("system_call"),
    lock("mmap_lock_write"),
    OWNER,
    MERGE,
    write_tree(),
    work("map_region"),
    RELEASE_VMAS,
    OWNER,
    unlock("mmap_lock_write"),
)


def munmap(pages: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps of munmap of a task's range, given how pages are unmapped and freed."""
    return (
        work("system_call"),
        lock("mmap_lock_write"),
        OWNER,
        WRITE_VMA,
        SPLIT,
        write_tree(),
        work("unmap_region"),
        RELEASE_VMAS,
        downgrade("mmap_lock"),
        OWNER,
        option(MAPS_ONLY, otherwise=pages),
        unlock("mmap_lock"),
    )


def remap(pages: tuple[Step, ...], before: tuple[Step, ...] = ()) -> tuple[Step, ...]:
    """Return what a task does at the end of a sweep.

    Parameters
    ----------
    pages : tuple of Step
        How pages are unmapped and freed.
    before : tuple of Step, optional
        Calls that it makes before, whose latencies are recorded instead of those of munmap.
    """
    unmap = munmap(pages)
    return (
        when(
            "touched_enough",
            Step("pick_touched"),
            *(before or call("region", *unmap)),
            *(unmap if before else ()),
            *call("mmap", *MMAP),
            count("unmaps"),
        ),
    )
