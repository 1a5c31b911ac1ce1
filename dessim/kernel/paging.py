"""The World of a file that may be larger than memory, before its first event.

Source
------
Watermarks: Linux 5.15 ``mm/page_alloc.c`` (``init_per_zone_wmark_min``,
``__setup_per_zone_wmarks``); ``mm/vmscan.c: inactive_is_low``; of a node with as much memory as is
simulated.
"""

from math import isqrt
from typing import Any

import numpy as np

from dessim.kernel import layout as lay
from dessim.kernel.draws import philox
from dessim.kernel.memory import lay_out_frames, lay_out_nodes
from dessim.kernel.pcp_sizes import pcp_batch, pcp_high
from dessim.kernel.regions import Sizes, Words, frames_of, nodes_used, zone_of
from dessim.kernel.setup import Setup, WorldError
from dessim.model.workload import PAGE_BYTES

LEAST_MIN_KIB, MOST_MIN_KIB = 128, 262_144
WATERMARK_SCALE = 10  # of 10,000: vm.watermark_scale_factor
PS_PER_S = 10**12
GIB_PAGES = 1 << 18


def watermarks(frames: int, page_bytes: int = PAGE_BYTES) -> tuple[int, int, int]:
    """Return the least, low and high watermark of a node with so many frames.

    Parameters
    ----------
    frames : int
    page_bytes : int, bytes

    Returns
    -------
    tuple of int, in frames
    """
    kib = isqrt(frames * (page_bytes // 1024) * 16)
    least = min(max(kib, LEAST_MIN_KIB), MOST_MIN_KIB) * 1024 // page_bytes
    least = min(least, frames // 8)  # a node of a few megabytes, as no machine has one
    step = max(least // 4, frames * WATERMARK_SCALE // 10_000)
    return least, least + step, least + 2 * step


def lay_out_paging(w: Words, setup: Setup, sizes: Sizes) -> None:
    """Fill the regions of readahead, commands and reclaim.

    Raises
    ------
    WorldError
        If memory is too small for what the threads hold of it at a time.
    """
    _scalars(w, setup)
    _tasks(w, setup)
    if setup.workload.pages_file:
        w[lay.H_FRAMES] = frames_of(setup, sizes)
        w[lay.H_ZONE_WORDS] = 2 * sizes.line_words + lay.Z_WORDS
        w[lay.H_PCP_BATCH] = pcp_batch(setup, setup.frame_pages)
        w[lay.H_PCP_HIGH] = pcp_high(setup, setup.frame_pages)
        w[lay.H_LRU_BATCH], w[lay.H_RELEASE] = setup.batches.lru_batch, setup.batches.lru_release
        lay_out_frames(w, setup)
        lay_out_nodes(w, setup, sizes)
        _limits(w, setup, sizes)
        _cached_pages(w, setup, sizes)


def _scalars(w: Words, setup: Setup) -> None:
    g, workload, device = int(w[lay.H_PAGING]), setup.workload, setup.machine.device
    pages = {lay.READS: device.read_iops, lay.WRITES: device.write_iops}
    rates = {
        lay.READS: device.read_bandwidth_bytes_per_s,
        lay.WRITES: device.write_bandwidth_bytes_per_s,
    }
    for direction, iops in pages.items():
        w[g + lay.G_PACE + direction] = PS_PER_S // iops if iops else 0
        rate = rates[direction]
        w[g + lay.G_PAGE_PS + direction] = setup.page_bytes * PS_PER_S // rate if rate else 0
    w[g + lay.G_DEVICES], w[g + lay.G_STRIPE] = device.devices, device.stripe_pages
    w[g + lay.G_WINDOW], w[g + lay.G_BLOCK] = workload.readahead_pages, workload.block_pages
    w[g + lay.G_SPAN] = max(setup.pages, setup.device_span)
    w[g + lay.G_SCAN] = workload.scan_pages
    w[g + lay.G_SEQ_READ] = int(workload.advice == "sequential")


def _tasks(w: Words, setup: Setup) -> None:
    """Give each slot of a device its device."""
    base = int(w[w[lay.H_PAGING] + lay.G_TASK])
    first = setup.threads + len(setup.actors) + setup.kswapds
    for slot in range(setup.devices):
        x = base + (first + slot) * lay.X_WORDS
        w[x + lay.X_DEVICE] = slot % setup.machine.device.devices


def _limits(w: Words, setup: Setup, sizes: Sizes) -> None:
    g, frames = int(w[lay.H_PAGING]), int(w[lay.H_FRAMES])
    w[g + lay.G_FINITE] = int(setup.finite)
    if not setup.finite:
        return
    least, low, high = watermarks(frames, setup.page_bytes)
    w[g + lay.G_MIN], w[g + lay.G_LOW], w[g + lay.G_HIGH] = least, low, high
    gib = frames // GIB_PAGES
    w[g + lay.G_RATIO] = isqrt(10 * gib) if gib else 1
    check_room(setup, sizes)


def check_room(setup: Setup, sizes: Sizes) -> None:
    """Check that memory which may run out holds what all threads have of it at a time.

    Raises
    ------
    WorldError
    """
    if not setup.finite:
        return
    frames = frames_of(setup, sizes)
    _, _, high = watermarks(frames, setup.page_bytes)
    places = [cpu.socket for cpu in sizes.cpus[: setup.threads]]
    most = max(places.count(socket) for socket in set(places))
    held = setup.batches.pcp_batch + setup.batches.lru_batch + setup.workload.readahead_pages
    if frames < high + most * held + 64:
        raise WorldError(
            f"memory_share of workload {setup.workload.name!r}: {frames} pages per node are too"
            f" few for {most} threads there, each of which may hold {held}: use a larger share or"
            " file"
        )


def _cached_pages(w: Words, setup: Setup, sizes: Sizes) -> None:
    """Give the pages that are cached at the start their frames; the least recent come first."""
    base, words = int(w[lay.H_PAGE]), sizes.page_words
    pages = w[base : base + setup.pages * words].reshape(-1, words)
    numbers: Any = np.arange(setup.pages, dtype=np.uint64)
    drawn: Any = philox(int(w[lay.H_KEY]), numbers, lay.DRAW_CACHED)
    wanted = np.flatnonzero(pages[:, lay.P_FLAGS] & lay.FLAG_OURS)
    order = wanted[np.argsort(drawn[wanted].astype(np.int64), kind="stable")]
    nodes = nodes_used(setup, sizes)
    high = int(w[w[lay.H_PAGING] + lay.G_HIGH])
    room = len(nodes) * (int(w[lay.H_FRAMES]) - high)
    for page in order[room:]:
        pages[page, lay.P_FLAGS] = pages[page, lay.P_REFCOUNT] = 0
    for number, page in enumerate(order[:room]):
        _cache(w, int(page), nodes[number % len(nodes)])


def _cache(w: Words, page: int, node: int) -> None:
    """Put a free frame of a node in the page cache, at the head of its inactive list."""
    zone = zone_of(w, node)
    frame = int(w[zone + lay.Z_HEAD])
    f = int(w[lay.H_FRAME]) + (frame - 1) * lay.F_WORDS
    w[zone + lay.Z_HEAD] = w[f + lay.F_NEXT]
    w[zone + lay.Z_FREE] -= 1
    if w[zone + lay.Z_HEAD] == 0:
        w[zone + lay.Z_TAIL] = 0
    newest, oldest = zone + lay.Z_LIST + lay.LIST_NEWEST, zone + lay.Z_LIST + lay.LIST_OLDEST
    head = int(w[newest])
    w[f + lay.F_NEXT], w[f + lay.F_PREV] = head, 0
    w[f + lay.F_ON_LRU], w[f + lay.F_WHERE] = lay.LRU_INACTIVE, lay.FRAME_CACHED
    w[f + lay.F_PAGE] = page + 1
    w[int(w[lay.H_FRAME_OF]) + page] = frame
    if head:
        w[int(w[lay.H_FRAME]) + (head - 1) * lay.F_WORDS + lay.F_PREV] = frame
    else:
        w[oldest] = frame
    w[newest] = frame
    w[zone + lay.Z_LIST + lay.LIST_COUNT] += 1
