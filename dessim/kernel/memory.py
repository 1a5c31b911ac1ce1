"""The memory of a World before its first event: frames on their nodes, and what is charged."""

import numpy as np

from dessim.kernel import layout as lay
from dessim.kernel.draws import draw_at
from dessim.kernel.exec_regions import lay_out_files
from dessim.kernel.part_regions import lay_out_parts
from dessim.kernel.pcp_sizes import sizes_of_list
from dessim.kernel.regions import Sizes, Words, frames_of, zone_of
from dessim.kernel.setup import Setup
from dessim.model.units import PPM

LEAST_RSS_BATCH = 32  # percpu_counter_batch, lib/percpu_counter.c: twice the CPUs, at least 32
LONG_AGO_PS = -(1 << 50)


def lay_out_memory(w: Words, setup: Setup, sizes: Sizes) -> None:
    """Fill the regions of memory, and the words that say how much of it moves at once.

    Parameters
    ----------
    w : int64 array
        Its regions are there, and empty.
    setup : Setup
    sizes : Sizes
    """
    _scalars(w, setup, sizes)
    lay_out_frames(w, setup)
    if setup.workload.parts_folios:
        lay_out_parts(w, setup, sizes)
    lay_out_nodes(w, setup, sizes)
    _lines(w, setup, sizes)
    if setup.exec_files:
        lay_out_files(w, setup, sizes)
    if setup.workload.phases == "spread" and setup.workload.sweeps > 1 and not setup.replay:
        _phases(w, setup)


def _scalars(w: Words, setup: Setup, sizes: Sizes) -> None:
    batches, machine, workload = setup.batches, setup.machine, setup.workload
    counted = batches.rss_batch or max(LEAST_RSS_BATCH, 2 * machine.topology.n_cpus)
    values = {
        lay.H_FRAMES: frames_of(setup, sizes),
        lay.H_ZONE_WORDS: 2 * sizes.line_words + lay.Z_WORDS,
        lay.H_LEVELS: workload.memcg_depth if workload.allocates else 0,
        lay.H_REGION: setup.region_pages,
        **sizes_of_list(setup, setup.frame_pages),
        lay.H_LRU_BATCH: batches.lru_batch,
        lay.H_RELEASE: batches.lru_release,
        lay.H_MEMCG_BATCH: max(batches.memcg_batch, setup.frame_pages),
        lay.H_UNCHARGE: batches.uncharge_batch * _pages_of_entry(setup),
        lay.H_GATHER: _gathered(setup),
        lay.H_RUN: min(batches.rmap_batch or setup.table_pages, setup.table_pages),
        lay.H_RSS_BATCH: counted,
        lay.H_CALLS: workload.calls,
        lay.H_BATCHED: batches.folio_batches,
        lay.H_BUDDY_MISS: PPM - batches.prefetch_buddy * machine.cache_line.prefetch_hidden_ppm,
        lay.H_DROP: setup.drop_pages[0],
        lay.H_DROP_EVERY: setup.drop_pages[1],
        lay.H_SWEEP: setup.pages_of_sweep,
        lay.H_SWEEP_BITS: _shuffled_bits(setup),
        lay.H_MERGED: workload.merges,
        lay.H_RWSEM: batches.rwsem_steals,
    }
    for slot, value in values.items():
        w[slot] = value


def _shuffled_bits(setup: Setup) -> int:
    """Return the bits of a page's number in a sweep of random order; 0: it is in order."""
    if setup.workload.access != "random":
        return 0
    return (setup.pages_of_sweep - 1).bit_length()


def _pages_of_entry(setup: Setup) -> int:
    """Return the pages of each frame: 1 where single pages take the place of parts of folios."""
    return 1 if setup.workload.parts_folios else setup.frame_pages


def _gathered(setup: Setup) -> int:
    """Return the frames that fill all batches of an mmu_gather.

    An entry for each page; where a folio is unmapped in one go, one for it and one for its pages
    (``__tlb_remove_folio_pages``, Linux 6.9).
    """
    pages = _pages_of_entry(setup)
    entries = pages if not setup.batches.folio_batches else min(pages, 2)
    return max(1, setup.batches.gather_max // entries)


def struct_page_miss_ps(setup: Setup, sizes: Sizes, socket: int) -> int:
    """Return ps to read a struct page that has left all private caches of its node.

    From the L3 if that can keep all that the tasks of the node use before they come back to it:
    their regions, however much of them is simulated, for each page one struct page.
    """
    machine = setup.machine
    tasks = sum(cpu.socket == socket for cpu in sizes.cpus[: setup.threads])
    room = machine.topology.l3_size_bytes * machine.topology.l3_per_socket
    fits = tasks * setup.workload.file_size_bytes <= room
    return machine.cache_line.l3_hit_ps if fits else machine.memory.local_ps


def evaded_ppm(setup: Setup, sizes: Sizes, socket: int) -> int:
    """Return the share of lines, in ppm, that are overwritten without being read first.

    None while at most half of a node's cores work, and from there on more in proportion
    (`frames.evaded`).
    """
    topology = setup.machine.topology
    busy = len({cpu.core for cpu in sizes.cpus[: setup.threads] if cpu.socket == socket})
    of_node = topology.n_cores // topology.sockets
    return max(0, 2 * busy - of_node) * setup.machine.frames.evaded_ppm // of_node


def lay_out_frames(w: Words, setup: Setup) -> None:
    """Put all frames on the free lists of their nodes, in order of their addresses."""
    sockets, each = setup.machine.topology.sockets, int(w[lay.H_FRAMES])
    base = int(w[lay.H_FRAME])
    table = w[base : base + sockets * each * lay.F_WORDS].reshape(sockets, each, lay.F_WORDS)
    numbers = 1 + np.arange(sockets * each).reshape(sockets, each)
    table[:, :-1, lay.F_NEXT] = numbers[:, 1:]
    table[:, :, lay.F_AT] = LONG_AGO_PS
    for socket in range(sockets):
        zone = zone_of(w, socket)
        w[zone + lay.Z_HEAD], w[zone + lay.Z_TAIL] = numbers[socket, 0], numbers[socket, -1]
        w[zone + lay.Z_FREE] = each


def _phases(w: Words, setup: Setup) -> None:
    """Let each task begin somewhere in its first sweep."""
    words = w[: w[lay.H_PAGE]].tolist()  # plain integers: numpy scalars would overflow loudly
    for task in range(setup.threads):
        t = int(w[lay.H_TASK]) + task * lay.T_WORDS
        begins = draw_at(words, task, lay.DRAW_START, 1) * setup.pages_of_sweep >> 32
        w[t + lay.T_ACCESS] = w[t + lay.T_TOUCHED] = begins


def lay_out_nodes(w: Words, setup: Setup, sizes: Sizes) -> None:
    """Give the lines of a node's locks their home on it, and say what its memory can do."""
    bandwidth = setup.machine.memory.bandwidth_per_socket_bytes_per_s
    per_page = setup.page_bytes * 10**12 // bandwidth
    for socket in range(setup.machine.topology.sockets):
        zone = int(w[lay.H_ZONE] + socket * w[lay.H_ZONE_WORDS])
        w[zone + lay.L_HOME] = w[zone + sizes.line_words + lay.L_HOME] = socket
        if w[lay.H_LEVELS]:
            sizes_line = int(w[lay.H_MEMCG] + (w[lay.H_LEVELS] + socket) * sizes.line_words)
            w[sizes_line + lay.L_HOME] = socket
        w[int(w[lay.H_STRUCT_MISS]) + socket] = struct_page_miss_ps(setup, sizes, socket)
        evaded, frames = evaded_ppm(setup, sizes, socket), setup.machine.frames
        w[int(w[lay.H_NODE_ZERO]) + socket] = per_page * (frames.zero_traffic_ppm - evaded) // PPM
        w[int(w[lay.H_NODE_COPY]) + socket] = per_page * (frames.copy_traffic_ppm - evaded) // PPM


def _lines(w: Words, setup: Setup, sizes: Sizes) -> None:
    """Give lines their home: a task's own pages lie near to the task."""
    base, words = int(w[lay.H_PAGE]), sizes.page_words
    pages = w[base : base + setup.pages * words].reshape(-1, words)
    for task, (first, size) in enumerate(setup.region_of_task):
        own = slice(first, first + size)
        pages[own, lay.L_HOME] = sizes.cpus[task].socket
    for i in range(int(w[lay.H_MAPPINGS])):
        mapping = int(w[lay.H_MAPPING]) + i * lay.M_WORDS
        mm = int(w[mapping + lay.M_MM])
        w[mm + lay.MM_SEQ] = 1
        if setup.workload.merges:
            w[mapping + lay.M_VMA_LOCK] = w[w[mm + lay.MM_FIRST] + lay.M_VMA_LOCK]
