"""The end of a sweep, ``remap``: a task unmaps its whole region and maps it again.

munmap takes mmap_lock for writing and unlinks the mapping. It continues as a reader while it unmaps
pages, flushes translations and frees: others of the mm fault meanwhile, unless a writer waits. mmap
then takes mmap_lock for writing once more.

Pages of memory are gathered page table by page table, flushed once, then freed in rounds: off the
LRU, uncharged, onto the CPU's list, and from there to the zone when the list is full.

Source
------
Linux 6.1 ``mm/mmap.c: do_mas_align_munmap, unmap_region``, 6.12 ``mm/vma.c:
vms_complete_munmap_vmas``, ``mm/mmu_gather.c``, ``mm/swap.c: release_pages`` (6.1),
``folios_put_refs`` (6.12). In Linux a gather ends after about 10,000 pages: here never.
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

ZAP_MEMORY = (
    Step("lru_waiting", 1, body=FLUSH_LRU),  # lru_add_drain()
    each_table(unless("table.missing", lock("ptl"), zap_memory(), spill_rss(), unlock("ptl"))),
    flush_region(),
    free_gathered(),
)
FREE_TABLE = option(
    PART,
    when("table.covered", free_table(), add_nr_ptes(-1)),
    otherwise=(free_table(), add_nr_ptes(-1)),
)
UNMAP_MEMORY = (*ZAP_MEMORY, each_table(unless("table.missing", FREE_TABLE)))
UNMAP_FILE = (
    each_table(
        unless(
            "table.missing",
            forget(),
            lock("ptl"),
            each_in_table(
                unless(
                    "pte.none",
                    clear_pte(
                        dec("page.mapcount"), uncount_page(), remember(), category="teardown"
                    ),
                    work("page_statistics"),
                )
            ),
            spill_rss(),
            unlock("ptl"),
            flush_table(),
            each_in_table(when("gang.holds", put_page())),
            FREE_TABLE,
        )
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


def remap(pages: tuple[Step, ...], before: tuple[Step, ...] = ()) -> tuple[Step, ...]:
    """Return what a task does at the end of a sweep.

    Parameters
    ----------
    pages : tuple of Step
        How pages are unmapped and freed.
    before : tuple of Step, optional
        Calls that it makes before, whose latencies are recorded instead of those of munmap.
    """
    munmap = (
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
    return (
        when(
            "touched_enough",
            Step("pick_touched"),
            *(before or call("region", *munmap)),
            *(munmap if before else ()),
            *call("mmap", *MMAP),
            count("unmaps"),
        ),
    )
