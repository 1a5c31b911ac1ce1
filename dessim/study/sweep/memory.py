"""How much memory a run needs, before anything of it is built."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from dessim.kernel import layout as lay
from dessim.kernel.regions import pmd_locks_of
from dessim.kernel.setup import Setup
from dessim.model import Point
from dessim.study.sweep.plan import setup_of

WORD_BYTES = 8
LIST_WORD_BYTES = 44
"""A word of the reference engine: its place in a list, and a Python integer of its own."""
PROCESS_BYTES = 250 << 20
"""An idle worker: Python, numpy and the compiled kernel."""
USABLE_SHARE = 0.8
"""Of the free memory; the rest is for the parent and for what else goes on."""

LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)


def world_words(setup: Setup) -> int:
    """Estimate the words of a run's World from its sizes, without building it.

    Small tables of the machine are left out; pages, page tables and TLBs, which decide, are exact.
    """
    topology = setup.machine.topology
    line_words = lay.L_MASK + -(-topology.n_cores // lay.MASK_BITS)
    page_words = line_words + topology.n_l3
    tables = -(-setup.pages // lay.TABLE_PAGES)
    mappings, processes = setup.mapping_of_task[-1] + 1, setup.mm_of_task[-1] + 1
    split = setup.machine.locks.pmd_locks
    pmd_locks = pmd_locks_of(setup, tables) if split else ()
    per_mapping = tables * (2 * line_words + (lay.TABLE_PAGES >> lay.PTE_SHIFT)) + line_words
    return (
        tables * lay.TABLE_PAGES * page_words
        + mappings * (per_mapping + lay.M_WORDS)
        + processes * (lay.MM_LOCKS + 3 * line_words)
        + sum(locks.number for locks in pmd_locks) * line_words
        + setup.tasks * lay.T_WORDS
        + (setup.replay.rows.size if setup.replay else 0)
        + lay.HIST_BUCKETS
        + 2 * lay.SERIES_BINS
        + lay.N_QUANTILES * lay.QUANTILE_WORDS
        + setup.machine.locks.page_wait_queues
        + topology.n_cores * (lay.C_WORDS + _tlb_words(setup))
        + topology.n_cpus * lay.U_WORDS
    )


def _tlb_words(setup: Setup) -> int:
    tlb = setup.machine.tlb
    if tlb.l1_entries == 0:
        return 0
    sets = tlb.l1_entries // tlb.l1_ways + tlb.l2_entries // tlb.l2_ways
    return 1 + sets + tlb.l1_entries + tlb.l2_entries


def run_bytes(point: Point, engine: str) -> int:
    """Estimate the memory of one run of a point, its process included.

    Returns
    -------
    int, bytes
    """
    words = world_words(setup_of(point, 0))
    # Building and checking the pages takes a few columns of them in addition to the World.
    each = WORD_BYTES + (LIST_WORD_BYTES if engine == "reference" else WORD_BYTES // 4)
    return PROCESS_BYTES + words * each


def usable_bytes() -> int:
    """Memory that workers may use together: what is free now, or what a container allows.

    Returns
    -------
    int, bytes
    """
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    with suppress(OSError, IndexError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) << 10
    for limit in LIMITS:
        with suppress(OSError, ValueError):
            free = min(free, int(Path(limit).read_text()))
    return int(free * USABLE_SHARE)


def as_text(size_bytes: int) -> str:
    """A size for people: `312 MiB`, `4.1 GiB`."""
    mib = size_bytes / (1 << 20)
    return f"{mib:.0f} MiB" if mib < 1000 else f"{mib / 1024:.1f} GiB"
