"""What it costs to give a task a page of memory and to take it back: section `frames`.

Work of one CPU, without the cache lines that the model adds itself: the locks of a node's zone and
LRU, page counters, the mm. Struct pages that are in no cache are added under the zone's lock, where
their misses are in a row (`dessim.kernel.frames`).

All numbers are shares of profiles, as cycles of a server at full load, so that they hold the misses
of their own step.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dessim.model.costs import Cost
from dessim.model.fields import Model, Ratio, Share, Time
from dessim.model.provenance import Default

ICL = (
    "kernel test robot, will-it-scale page_fault2, 64 processes, 2x Xeon Gold 6346, Linux 6.10:"
    " 14,500 cycles per fault and their shares; at 3.5 GHz"
)
SPR = (
    "kernel test robot, will-it-scale page_fault3, 192 threads, 2x Xeon Platinum 8468V, Linux 6.16:"
    " 3,540 cycles per fault and their shares; at 3.5 GHz"
)
MULTIKERNEL = "multikernel.io, lmbench and will-it-scale on 2x Xeon Gold 5418Y, Linux 7.0, Aug 2026"


def _icl(cycles: int, what: str, low: int, high: int) -> Default:
    note = f"{cycles} cycles: {what}"
    return Default("derived", note, source=ICL, low=low, high=high)


def _spr(cycles: int, what: str, low: int, high: int) -> Default:
    note = f"{cycles} cycles: {what}"
    return Default("derived", note, source=SPR, low=low, high=high)


ZERO = Default(
    "derived",
    "bzero of 64 MB at 11.4 GB/s: 361 ns a page of a buffer in memory; Milan 317 to 347 page by"
    " page",
    source=MULTIKERNEL,
    low=180_000,
    high=500_000,
)
COPY = Default(
    "derived",
    "zeroing, and a read of 4 KiB at 20.9 GB/s: 196 ns; 880 ns where all tasks copy (Ice Lake)",
    source=MULTIKERNEL,
    low=250_000,
    high=900_000,
)
ZONE = Default(
    "estimated",
    "some 40 cycles of list and buddy arithmetic per page and pass; the misses come on top",
    source="Linux 6.1 mm/page_alloc.c: rmqueue_bulk, free_pcppages_bulk, __free_one_page",
    low=5_000,
    high=30_000,
)
LINK = Default(
    "derived",
    "65 ns a page and pass where the lock is saturated, both siblings of each core busy: less a"
    " tenth for hand-over, over the 1.5 by which a busy sibling slows the kernel",
    source=ICL,
    low=20_000,
    high=65_000,
)
FORK = "D. Hildenbrand, linux-mm, 25 Jan 2024: fork of 1 GiB of anonymous memory, Xeon Silver 4210R"
FORK_PTE = Default(
    "derived",
    "38.4 ns a pte in folios of 2 MiB that are copied in one go, less what its page table costs",
    source=FORK,
    low=20_000,
    high=50_000,
)
FORK_PAGE = Default(
    "derived",
    "54.6 ns a pte where each is copied alone, less what is left of that in folios of 2 MiB",
    source=FORK,
    low=8_000,
    high=25_000,
)
FORK_PROCESS = Default(
    "estimated",
    "fork and exit of a small process take 115 us together",
    source=MULTIKERNEL,
    low=40_000_000,
    high=115_000_000,
)
EXIT_PROCESS = Default(
    "estimated",
    "what fork_process leaves of the 115 us that fork and exit of a small process take together,"
    " without its memory: signals, files, the wake-up of its parent, which reaps it",
    source=MULTIKERNEL,
    low=10_000_000,
    high=60_000_000,
)
EXEC = Default(
    "estimated",
    "new mm, arguments, credentials, signals, the return to user mode: less than fork and exit of a"
    " small process, which take 115 us together",
    source=MULTIKERNEL,
    low=30_000_000,
    high=150_000_000,
)
EXEC_FILE = Default(
    "estimated",
    "path look-up and header, five system calls, a dozen read faults of 1.5 us that map 16 pages"
    " each, unmapping these, relocation by the loader",
    source="Linux 6.12 fs/binfmt_elf.c; glibc 2.38 elf/dl-load.c",
    low=15_000_000,
    high=70_000_000,
)
LINK_VMA = Default(
    "estimated",
    "walk of a tree that is at hand, insertion, rebalancing: 250 cycles",
    source="Linux 6.12 mm/vma.c: vma_link_file; lib/rbtree.c",
    low=30_000,
    high=150_000,
)
UNLINK_VMA = Default(
    "estimated",
    "removal from a tree that is at hand, rebalancing: 200 cycles",
    source="Linux 6.12 mm/vma.c: __remove_shared_vm_struct; lib/rbtree.c",
    low=25_000,
    high=120_000,
)
SHOW_VMA = Default(
    "estimated",
    "a line of text: numbers in hexadecimal, d_path() of a few components: some 1,500 cycles",
    source="Linux 6.12 fs/proc/task_mmu.c: show_map_vma; fs/d_path.c",
    low=250_000,
    high=1_500_000,
)
DONTNEED = Default(
    "estimated",
    "the look-up of the mapping, start and end of the gather",
    source=MULTIKERNEL,
    low=60_000,
    high=400_000,
)
ZAP_PTE = Default(
    "estimated",
    "what is left for each page of a folio: an RMW on the pte and one on its own mapcount, 20"
    " cycles each, and the line of its struct page, in order",
    source="Linux 6.9 mm/memory.c: zap_present_folio_ptes; mm/rmap.c: __folio_remove_rmap",
    low=8_000,
    high=40_000,
)
DEFER = Default(
    "estimated",
    "a link of a list, a flag, two counts per CPU, interrupts off and on: 80 cycles",
    source="Linux 6.12 mm/huge_memory.c: deferred_split_folio, __folio_unqueue_deferred_split",
    low=10_000,
    high=60_000,
)
MIGRATE = Default(
    "estimated",
    "an RMW on the pte, three on counts, a store: 120 cycles",
    source="Linux 6.12 mm/rmap.c: try_to_migrate_one; mm/migrate.c: remove_migration_pte",
    low=15_000,
    high=80_000,
)
SPLIT_PAGE = Default(
    "estimated",
    "flags, mapping, index and memcg copied to its struct page, a link of the list: 80 cycles",
    source="Linux 6.12 mm/huge_memory.c: __split_huge_page_tail, lru_add_page_tail",
    low=10_000,
    high=60_000,
)
MOVE_PTE = Default(
    "estimated",
    "an RMW that clears a pte, a store that sets another, both at hand: 40 cycles",
    source="Linux 6.12 mm/mremap.c: move_ptes",
    low=6_000,
    high=30_000,
)
MOVE_TABLE = Default(
    "estimated",
    "the walk to both entries, the anon_vma's lock, a store to each: 200 cycles",
    source="Linux 6.12 mm/mremap.c: move_pgt_entry, move_normal_pmd",
    low=25_000,
    high=150_000,
)
CONTPTE = Default(
    "estimated",
    "an RMW that clears it, and a store behind others, in a line that is at hand: 20 cycles",
    source="Linux 6.9 arch/arm64/mm/contpte.c: contpte_convert",
    low=2_500,
    high=15_000,
)
TAIL = Default(
    "estimated",
    "a store or two to a struct page, in order",
    source="Linux 6.12 mm/page_alloc.c: prep_compound_page, free_tail_page_prepare",
    low=1_000,
    high=10_000,
)
MAPPING = Default(
    "derived",
    "mmap and munmap of 128 MiB that nobody touched: 1.26 us a pair, with 70 ns for each call",
    source=MULTIKERNEL,
    low=300_000,
    high=1_200_000,
)
SPLIT = Default(
    "estimated",
    "a VMA is allocated and copied, or freed, with its anon_vma chain: about half of a mapping",
    source="Linux 6.12 mm/vma.c: __split_vma, vma_merge_new_range",
    low=120_000,
    high=600_000,
)
CALL = Default(
    "read",
    "lmbench, null system call; page-table isolation and VERW come on top where a part needs them",
    source=MULTIKERNEL,
    low=40_000,
    high=500_000,
)
ZEROED = Default(
    "assumed",
    "a line that is stored to is written back, and read first unless the store says that it covers"
    " all of it: between one and two times the page",
    source="Linux arch/x86/lib/clear_page_64.S: rep stosb",
    low=1_000_000,
    high=2_000_000,
)
EVADED = Default(
    "assumed",
    "none: a part that has it says so",
    source="J. Laukemann et al., CloverLeaf on Intel Multi-Core CPUs: A Case Study in"
    " Write-Allocate Evasion, IPDPS 2024, arXiv 2311.04797",
    low=0,
    high=1_000_000,
)
COPIED = Default(
    "assumed",
    "as zeroing, and a read of the source",
    source="Linux arch/x86/lib/copy_page_64.S: rep movsq",
    low=2_000_000,
    high=3_000_000,
)


class FrameCosts(Model):
    """Work on pages of memory as they are allocated, mapped, unmapped and freed.

    Paid where `fault` is not `read`.
    """

    vma_lookup_ps: Annotated[
        Time, Cost("entry_exit"), _icl(148, "look-up under RCU", 25_000, 60_000)
    ] = 42_000
    """Look up and check the VMA of an address under RCU, to take its lock."""
    handle_fault_ps: Annotated[
        Time,
        Cost("entry_exit"),
        _spr(159, "74 in the maple tree, 85 in the rest of handle_mm_fault", 20_000, 90_000),
    ] = 45_000
    """handle_mm_fault and the rest of a fault's path, without what is counted separately."""
    alloc_frame_ps: Annotated[
        Time, Cost("frames"), _icl(325, "folio allocation", 40_000, 120_000)
    ] = 92_000
    """Take a page from the CPU's list, prepare its struct page."""
    zero_page_ps: Annotated[Time, Cost("zeroing", clock=False, of_bytes=True), ZERO] = 340_000
    """Zero 4 KiB that are not cached."""
    copy_page_ps: Annotated[Time, Cost("zeroing", clock=False, of_bytes=True), COPY] = 540_000
    """Copy 4 KiB."""
    charge_page_ps: Annotated[
        Time, Cost("memcg"), _icl(300, "charge to the memcg", 50_000, 120_000)
    ] = 85_000
    """Charge a page to its memory cgroup, out of the CPU's stock."""
    uncharge_page_ps: Annotated[Time, Cost("memcg"), _icl(68, "uncharge", 10_000, 30_000)] = 19_000
    """Uncharge a page."""
    page_statistics_ps: Annotated[
        Time, Cost("memcg"), _icl(74, "a quarter of the lruvec statistics", 10_000, 30_000)
    ] = 21_000
    """Count a page in the statistics of node, memcg and lruvec: as mapped and, if it is memory, as
    one of the LRU's; and off again. Of a folio once for all of its pages."""
    count_rss_ps: Annotated[Time, Cost("map"), _icl(45, "rss, per CPU", 5_000, 20_000)] = 13_000
    """Count a page of the mm."""
    lru_add_ps: Annotated[
        Time,
        Cost("frames"),
        _icl(70, "of 174 for the LRU per page, what is not under its lock", 10_000, 40_000),
    ] = 20_000
    """Put a page in the CPU's batch for the LRU: a reference and a store."""
    lru_link_ps: Annotated[Time, Cost("lru_lock"), LINK] = 39_000
    """Put a page on the LRU list, or take it off: with the LRU's lock held."""
    zap_page_ps: Annotated[Time, Cost("teardown"), _icl(274, "zap_pte_range", 40_000, 110_000)] = (
        78_000
    )
    """Clear a pte of memory, drop the mapping of its page."""
    zap_pte_ps: Annotated[Time, Cost("teardown"), ZAP_PTE] = 26_000
    """Clear one more pte of a folio that is unmapped in one go (Linux 6.9 and later)."""
    folio_tail_ps: Annotated[Time, Cost("frames"), TAIL] = 4_000
    """Prepare a page of a folio other than its first at allocation, or check it at freeing."""
    free_page_ps: Annotated[Time, Cost("frames"), _icl(86, "free", 15_000, 40_000)] = 24_000
    """Drop the last reference to a page and put it on the CPU's list."""
    zone_page_ps: Annotated[Time, Cost("zone_lock"), ZONE] = 12_000
    """Take a page from a zone's free list or put it there, with its lock held, besides misses."""
    find_file_page_ps: Annotated[
        Time, Cost("lookup"), _icl(235, "shmem_fault", 40_000, 100_000)
    ] = 67_000
    """Find the page of a file for a fault that writes, besides its RMWs."""
    dirty_page_ps: Annotated[
        Time, Cost("map"), _spr(85, "dirty, and 41 of them for the file's times", 10_000, 50_000)
    ] = 24_000
    """Mark a page of a file dirty and look at the file's times."""
    system_call_ps: Annotated[Time, Cost("entry_exit"), CALL] = 70_000
    """Enter and leave the kernel for a system call that does nothing."""
    map_region_ps: Annotated[Time, Cost("mmap_lock"), MAPPING] = 560_000
    """mmap of a region."""
    unmap_region_ps: Annotated[Time, Cost("mmap_lock"), MAPPING] = 560_000
    """munmap of a region, without its pages."""
    split_vma_ps: Annotated[Time, Cost("mmap_lock"), SPLIT] = 250_000
    """Split a VMA in two, or merge two (workload `vmas: merged`): munmap does the first twice."""
    fork_pte_ps: Annotated[Time, Cost("fork"), FORK_PTE] = 36_800
    """Write-protect a pte, copy it to a child's page table, and count the mapping."""
    fork_page_ps: Annotated[Time, Cost("fork"), FORK_PAGE] = 16_000
    """Look up the page of a pte and take a reference: once a folio where its ptes are copied in one
    go (Linux 6.9 and later)."""
    fork_process_ps: Annotated[Time, Cost("fork"), FORK_PROCESS] = 80_000_000
    """fork, besides page tables."""
    exit_process_ps: Annotated[Time, Cost("teardown"), EXIT_PROCESS] = 25_000_000
    """exit of a process, besides its mappings and its memory."""
    exec_process_ps: Annotated[Time, Cost("exec"), EXEC] = 70_000_000
    """execve, besides its files, its memory and its old address space."""
    exec_file_ps: Annotated[Time, Cost("exec"), EXEC_FILE] = 35_000_000
    """Open a file that an exec maps and use it, besides its mappings."""
    link_vma_ps: Annotated[Time, Cost("i_mmap"), LINK_VMA] = 75_000
    """Put a mapping in a file's tree, with its i_mmap_rwsem held, besides misses."""
    unlink_vma_ps: Annotated[Time, Cost("i_mmap"), UNLINK_VMA] = 60_000
    """Take a mapping out of a file's tree, with its i_mmap_rwsem held, besides misses."""
    show_vma_ps: Annotated[Time, Cost("lookup"), SHOW_VMA] = 500_000
    """Write a mapping's line of /proc/PID/maps."""
    dontneed_ps: Annotated[Time, Cost("teardown"), DONTNEED] = 180_000
    """madvise(MADV_DONTNEED) of a region, besides its pages."""
    defer_folio_ps: Annotated[Time, Cost("split"), DEFER] = 25_000
    """Put a folio on the deferred split queue, or take it off, with the queue's lock held."""
    contpte_pte_ps: Annotated[Time, Cost("teardown"), CONTPTE] = 6_000
    """arm64: clear one pte of a block and set it again without its contiguous bit, or with it,
    besides the flush between (option `contpte`)."""
    migrate_pte_ps: Annotated[Time, Cost("split"), MIGRATE] = 35_000
    """Put a migration entry in the place of a pte of a folio that is split, or the pte back."""
    split_page_ps: Annotated[Time, Cost("split"), SPLIT_PAGE] = 25_000
    """Make a folio of a page of a folio that is split, and put it on the LRU list."""
    move_pte_ps: Annotated[Time, Cost("mremap"), MOVE_PTE] = 12_000
    """mremap: move a pte from one page table to another."""
    move_table_ps: Annotated[Time, Cost("mremap"), MOVE_TABLE] = 60_000
    """mremap: move a page table as such, besides its locks and its flush."""
    zero_traffic_ppm: Annotated[Ratio, Field(le=8_000_000), ZEROED] = 1_500_000
    """Traffic of memory when a page is zeroed, in pages."""
    copy_traffic_ppm: Annotated[Ratio, Field(le=8_000_000), COPIED] = 2_500_000
    """Traffic of memory when a page is copied, in pages."""
    evaded_ppm: Annotated[Share, EVADED] = 0
    """Share of the lines of a page that is zeroed or copied that are not read first when all cores
    of the node work: Ice Lake and later leave that out where memory is busy (SpecI2M). From half of
    the cores on."""
