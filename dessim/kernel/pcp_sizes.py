"""Batches and marks of the lists of free frames that CPUs keep, for a run of some size.

A list has frames of one size: ``pages`` is that of each, in pages.

Source
------
Linux 6.12 ``mm/page_alloc.c``: ``nr_pcp_alloc``; ``pcp_allowed_order``: orders up to 3 and that of
a PMD are listed, the zone hands out the others one by one. ``zone_batchsize``: a quarter of 1 MiB
of pages, less one: 63, 15 or 3.
"""

from dessim.kernel import layout as lay
from dessim.kernel.setup import Setup
from dessim.model.workload import PAGE_BYTES

LISTED_ORDER = 3  # PAGE_ALLOC_COSTLY_ORDER


def pcp_batch(setup: Setup, pages: int) -> int:
    """Return the frames of some pages each that go from the zone to a CPU's list at once."""
    order = pages.bit_length() - 1
    batch = max(1, (setup.batches.pcp_batch + 1) * PAGE_BYTES // setup.page_bytes - 1)
    if LISTED_ORDER < order < setup.table_pages.bit_length() - 1:
        return 1
    return max(batch >> order, 2) if order else batch


def pcp_high(setup: Setup, pages: int) -> int:
    """Return the frames of a CPU's list from which some go back to the zone, before it grows."""
    return _part(setup, setup.batches.pcp_high, pages)


def pcp_most(setup: Setup, pages: int) -> int:
    """Return the frames up to which that mark grows; no more than `pcp_high`: it does not."""
    return _part(setup, setup.batches.pcp_high_max, pages)


def pcp_scale(setup: Setup, pages: int) -> int:
    """Return how often a batch is doubled at most.

    A part of a region is not to take more than its part of the largest batch.
    """
    batch = pcp_batch(setup, pages)
    largest = _part(setup, setup.batches.pcp_batch << setup.batches.pcp_scale, pages)
    return min((largest // batch).bit_length() - 1, setup.batches.pcp_scale)


def _part(setup: Setup, listed: int, pages: int) -> int:
    """Return the frames of a size that stand for some pages of 4 KiB of a list.

    A part of a region stands for all of it: the part of its pages that never leave the CPU's list
    must stay the same.
    """
    batch = pcp_batch(setup, pages)
    if batch == 1:
        return 1
    whole = listed * PAGE_BYTES // setup.page_bytes  # a part of memory, in bytes
    scaled = whole * setup.region_pages // setup.file_pages
    return max(batch, scaled // pages)


def sizes_of_list(setup: Setup, pages: int) -> dict[int, int]:
    """Return the sizes of a CPU's list of frames of some pages, as words from H_PCP_BATCH on."""
    return {
        lay.H_PCP_BATCH: pcp_batch(setup, pages),
        lay.H_PCP_HIGH: pcp_high(setup, pages),
        lay.H_PCP_MOST: pcp_most(setup, pages),
        lay.H_PCP_SCALE: pcp_scale(setup, pages),
    }


def most_listed(setup: Setup, pages: int) -> int:
    """Return the frames that a CPU's list can hold for each task that runs there.

    No more than its mark, and than what the tasks have: a refill takes at most as much as those
    before it in a row, and a batch, so that what a sweep leaves on a list is no more than it took.
    """
    batch, region = pcp_batch(setup, pages), setup.region_pages // pages
    return min(max(pcp_high(setup, pages), pcp_most(setup, pages)), region + 2 * batch) + 2 * batch
