"""What a task does with a region that it has touched: fork, mremap, exec, exit, MADV_DONTNEED.

``remap`` is the usual end of a sweep. A child of ``fork`` ends at once, elsewhere. Its exit is not
simulated, nor is its later cost to the parent: faults on write-protected ptes.

Source
------
Linux 6.6 and 6.12 ``kernel/fork.c`` (``dup_mmap``), ``mm/memory.c`` (``copy_page_range``,
``zap_page_range_single``), ``mm/madvise.c`` (``madvise_dontneed_free``); 6.17 ``mm/madvise.c``
(``get_lock_mode``, ``try_vma_read_lock``); 5.15, 6.12 and 6.17 ``mm/mremap.c`` (``move_vma``,
``copy_vma``, ``move_page_tables``, ``move_pgt_entry``, ``move_ptes``).
"""

from dessim.actors import execs, exit, remap
from dessim.actors.remap import OWNER, RELEASE_VMAS, WRITE_VMA, ZAP_MEMORY
from dessim.kernel.alphabet import (
    Step,
    add_nr_ptes,
    count,
    each_table,
    lock,
    option,
    unless,
    unlock,
    when,
    work,
)
from dessim.kernel.layout import BLOCKS_OF_FOLIO, BLOCKS_OF_TABLE
from dessim.kernel.memory_words import (
    CONTPTE,
    call,
    convert_blocks,
    free_one_by_one,
    write_tree,
)
from dessim.kernel.programs import COUNTS_TABLES
from dessim.kernel.write_programs import DROPS_PARTS, MOVES_TABLES, SPLITS

MOVES_FOLIOS = "mremap_batches"  # of a scheme: blocks of ptes are moved as they are

COPY_TABLE = (
    work("alloc_page_table"),
    lock("ptl"),
    Step("copy_ptes"),
    unlock("ptl"),
)

FORK = call(
    "region",
    work("fork_process"),
    lock("mmap_lock_write"),
    OWNER,
    WRITE_VMA,
    each_table(unless("table.missing", *COPY_TABLE)),
    Step("flush_mm"),
    RELEASE_VMAS,
    OWNER,
    unlock("mmap_lock_write"),
    count("forks"),
)


# move_page_tables(): a table is allocated for the ptes that come; the old one is freed at the end.
# The locks of both are held: nobody else can want that of the new one.
MOVE_PTES = (
    work("alloc_page_table"),
    lock("page_table_lock"),
    option(COUNTS_TABLES, add_nr_ptes(1)),
    unlock("page_table_lock"),
    lock("ptl"),
    work("lock_local"),
    option(CONTPTE, option(MOVES_FOLIOS, otherwise=convert_blocks(BLOCKS_OF_TABLE, "mremap"))),
    Step("move_ptes"),
    Step("flush_moved", 0),
    unlock("ptl"),
)
MOVE_TABLE = (
    lock("page_table_lock"),
    Step("move_table"),
    Step("flush_moved", 1),
    unlock("page_table_lock"),
)
FREE_OLD_TABLES = option(
    MOVES_TABLES,
    otherwise=(each_table(unless("table.missing", work("teardown_per_table"), add_nr_ptes(-1))),),
)

MREMAP = call(
    "region",
    work("system_call"),
    lock("mmap_lock_write"),
    OWNER,
    WRITE_VMA,
    remap.SPLIT,
    write_tree(),
    work("map_region"),
    each_table(unless("table.missing", option(MOVES_TABLES, *MOVE_TABLE, otherwise=MOVE_PTES))),
    write_tree(),
    work("unmap_region"),
    FREE_OLD_TABLES,
    RELEASE_VMAS,
    OWNER,
    unlock("mmap_lock_write"),
    count("moves"),
)
"""mmap_lock is held for writing from the beginning to the end: no downgrade, as munmap has."""


def give_back(name: str) -> tuple[Step, ...]:
    """Return the steps of MADV_DONTNEED of the whole region under a lock that readers share."""
    return (work("system_call"), lock(name), work("dontneed"), *ZAP_MEMORY, unlock(name))


MADVISE = option(
    "dontneed_lock=mmap_lock", *give_back("mmap_lock"), otherwise=give_back("vma_lock")
)
SPLIT_FOLIO = (
    lock("ptl"),
    option(CONTPTE, *convert_blocks(BLOCKS_OF_FOLIO, "split")),
    Step("unmap_folio"),
    unlock("ptl"),
    Step("flush_mm"),
    lock("split_queue"),
    Step("freeze_folio"),
    unlock("split_queue"),
    lock("lru_lock"),
    Step("split_folio"),
    unlock("lru_lock"),
    lock("ptl"),
    Step("remap_folio"),
    unlock("ptl"),
    free_one_by_one(),
)
SCAN = (
    lock("split_queue"),
    Step("scan_queue"),
    unlock("split_queue"),
    Step("each_folio_to_split", body=SPLIT_FOLIO),
)
SHRINK = Step("folio_waits", body=(Step("each_scan", body=SCAN),))
"""deferred_split_scan() of the task's own folios."""
DONTNEED = (
    when(
        "touched_enough",
        Step("pick_touched"),
        *call(
            "region", option(DROPS_PARTS, Step("each_drop", body=(MADVISE,)), otherwise=(MADVISE,))
        ),
        option(SPLITS, SHRINK),
        count("unmaps"),
    ),
)


BEFORE_MUNMAP = {"fork": FORK, "mremap": MREMAP}
INSTEAD_OF_IT = {"dontneed": DONTNEED, "exec": execs.EXEC, "exit": execs.EXIT_AND_FORK}


def after_sweep(name: str, pages: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return what follows a sweep.

    Parameters
    ----------
    name : str
        ``munmap``, ``dontneed``, ``fork``, ``mremap``, ``exec`` or ``exit``.
    pages : tuple of Step
        How pages are unmapped and freed.
    """
    if name in INSTEAD_OF_IT:
        return INSTEAD_OF_IT[name]
    call_before = BEFORE_MUNMAP.get(name)
    before = (Step("each_call", body=call_before),) if call_before else ()
    return remap.remap(pages, before)


def release(name: str) -> tuple[Step, ...]:
    """Return what a task does behind its last sweep: it unmaps what its calls have left."""
    if name != "dontneed":
        return ()
    return (option(DROPS_PARTS, Step("pick_touched"), *remap.munmap(remap.UNMAP_MEMORY)),)


def leave(name: str) -> tuple[Step, ...]:
    """Return the end of a process whose sweeps end with ``name``."""
    return execs.LEAVE if name in ("exec", "exit") else exit.EXIT
