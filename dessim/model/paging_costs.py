"""What it costs to read a file ahead and to take its pages back: section `paging`.

Work of one CPU, without the cache lines that the model adds itself: locks, struct pages, the state
of the open file. Paid only by workloads that name an `advice`.
"""

from __future__ import annotations

from typing import Annotated

from dessim.model.costs import Cost
from dessim.model.fields import Model, Time
from dessim.model.frame_costs import ICL
from dessim.model.provenance import Default

READAHEAD_C = "Linux 5.15 mm/readahead.c: ondemand_readahead, page_cache_ra_unbounded"
VMSCAN_C = "Linux 5.15 mm/vmscan.c: shrink_inactive_list, shrink_page_list, move_pages_to_lru"


def _estimated(note: str, source: str, low: int, high: int) -> Default:
    return Default("estimated", note, source=source, low=low, high=high)


PLAN = _estimated("some 200 cycles of arithmetic and tests", READAHEAD_C, 20_000, 150_000)
INSERT = _estimated(
    "295 cycles of statistics in a profile, as much again to descend the xarray and store: two"
    " or three cold lines are possible",
    f"Linux 5.15 mm/filemap.c: __add_to_page_cache_locked; {ICL}",
    80_000,
    500_000,
)
DELETE = _estimated(
    "as an insertion, with a shadow entry in place of the page",
    f"Linux 5.15 mm/vmscan.c: __remove_mapping, mm/workingset.c: workingset_eviction; {ICL}",
    80_000,
    500_000,
)
SUBMIT = _estimated(
    "1.0 to 2.5 us of file system, block layer and driver for a read by io_uring or pread",
    "J. Axboe, io_uring and polled IO, 2019 to 2021: 1.2 to 3.5 million reads a second and core",
    300_000,
    3_000_000,
)
COMPLETE = _estimated(
    "interrupt, completion queue, bio_endio: about as much as the submission",
    "Linux 5.15 drivers/nvme/host/pci.c: nvme_irq; block/bio.c: bio_endio",
    300_000,
    3_000_000,
)
COMPLETE_PAGE = _estimated(
    "some 60 cycles a page besides its flags and its wait queue",
    "Linux 5.15 fs/mpage.c: mpage_end_io, fs/iomap/buffered-io.c: iomap_finish_page",
    8_000,
    50_000,
)
SCAN = _estimated(
    "walk over nodes and memory cgroups, sizes of the lists: some 1,500 cycles",
    "Linux 5.15 mm/vmscan.c: shrink_node, get_scan_count",
    100_000,
    2_000_000,
)
ISOLATE = _estimated(
    "list_move and tests; the struct page comes on top, of which prefetch hides a part",
    "Linux 5.15 mm/vmscan.c: isolate_lru_pages, prefetchw_prev_lru_page",
    5_000,
    80_000,
)
RMAP = _estimated(
    "interval tree, four levels of page tables that may be cold, the tests: some 400 cycles",
    "Linux 5.15 mm/rmap.c: rmap_walk_file, page_vma_mapped_walk, page_referenced_one,"
    " try_to_unmap_one",
    40_000,
    400_000,
)
PUTBACK = _estimated("list_add and statistics in batches", VMSCAN_C, 5_000, 80_000)


class PagingCosts(Model):
    """Work on windows of readahead, commands to the device, and reclaimed pages."""

    plan_readahead_ps: Annotated[Time, Cost("page_cache"), PLAN] = 60_000
    """Decide which pages to read."""
    insert_slot_ps: Annotated[Time, Cost("page_cache"), INSERT] = 170_000
    """Put a page in the page cache, with the lock of its tree held."""
    delete_slot_ps: Annotated[Time, Cost("page_cache"), DELETE] = 170_000
    """Remove a page from the page cache, with the lock of its tree held."""
    submit_command_ps: Annotated[Time, Cost("page_cache"), SUBMIT] = 800_000
    """Build a command for the device and submit it."""
    complete_command_ps: Annotated[Time, Cost("device", clock=False, smt="none"), COMPLETE] = (
        800_000
    )
    """Take a completed command from the device, besides its pages."""
    complete_page_ps: Annotated[Time, Cost("device", clock=False, smt="none"), COMPLETE_PAGE] = (
        20_000
    )
    """End the read of a page, besides its flags, its lock and its wait queue."""
    scan_setup_ps: Annotated[Time, Cost("reclaim"), SCAN] = 450_000
    """Begin a call of reclaim: which lists to scan, and how much of them."""
    isolate_page_ps: Annotated[Time, Cost("lru_lock"), ISOLATE] = 20_000
    """Take a page off the LRU list to look at it, with the LRU's lock held."""
    rmap_walk_ps: Annotated[Time, Cost("reclaim"), RMAP] = 120_000
    """Find and test, or clear, the pte of a page in one mapping, besides locks and lines."""
    putback_page_ps: Annotated[Time, Cost("lru_lock"), PUTBACK] = 20_000
    """Put a page back on an LRU list, with the LRU's lock held."""
