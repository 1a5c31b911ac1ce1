"""Folios and single pages side by side, in a World before its first event.

A frame has a record, and so has each further page of a folio, for when the folio is split: until
then that one is spare.
"""

from dessim.kernel import layout as lay
from dessim.kernel.pcp_sizes import sizes_of_list
from dessim.kernel.regions import Sizes, Words, frames_of_size, split_queues, zone_of
from dessim.kernel.setup import Setup


def lay_out_parts(w: Words, setup: Setup, sizes: Sizes) -> None:
    """Put folios, single pages and spare records of each node on lists of their own.

    Parameters
    ----------
    w : int64 array
        Its frames are on the free lists of their nodes.
    setup : Setup
    sizes : Sizes
    """
    _sizes_of_lists(w, setup)
    _queues(w, setup, sizes)
    pages = setup.frame_pages
    folios, singles = (frames_of_size(setup, sizes, size) for size in (pages, 1))
    for node in range(setup.machine.topology.sockets):
        zone = zone_of(w, node)
        first = 1 + node * int(w[lay.H_FRAMES])
        _end_list(w, zone, first, folios, pages)
        _end_list(w, zone + lay.Z_LISTS_APART, first + folios, singles, 1)
        spare = first + folios + singles
        w[zone + lay.Z_SPARE] = spare
        for frame in range(spare, first + int(w[lay.H_FRAMES])):
            w[w[lay.H_FRAME] + (frame - 1) * lay.F_WORDS + lay.F_WHERE] = lay.FRAME_SPARE
        w[lay.H_MEMORY] += folios * pages + singles


def _queues(w: Words, setup: Setup, sizes: Sizes) -> None:
    """Give each deferred split queue its home: that of the memory cgroup is on the first node."""
    queues = w[lay.H_SPLIT_QUEUES] = split_queues(setup)
    for node in range(queues):
        w[w[lay.H_SPLIT] + node * (sizes.line_words + lay.SPLIT_WORDS) + lay.L_HOME] = node


def _sizes_of_lists(w: Words, setup: Setup) -> None:
    """Say how large the lists of single pages are, and which of a CPU's two lists is which."""
    apart = lay.H_SINGLE_BATCH - lay.H_PCP_BATCH
    for slot, value in sizes_of_list(setup, 1).items():
        w[slot + apart] = value
    for cpu in range(setup.machine.topology.n_cpus):
        singles = int(w[lay.H_CPU]) + cpu * lay.U_WORDS + lay.LISTS_APART
        w[singles + lay.U_PCP_SIZES] = apart


def _end_list(w: Words, zone: int, first: int, frames: int, pages: int) -> None:
    """Let some frames that follow each other be a list of free ones."""
    last = first + frames - 1
    w[zone + lay.Z_HEAD], w[zone + lay.Z_TAIL], w[zone + lay.Z_FREE] = first, last, frames
    w[w[lay.H_FRAME] + (last - 1) * lay.F_WORDS + lay.F_NEXT] = 0
    parts = int(w[lay.H_PARTS])
    places = range(parts + (first - 1) * lay.FP_WORDS, parts + last * lay.FP_WORDS, lay.FP_WORDS)
    for place in places:
        w[place + lay.FP_PAGES] = pages
