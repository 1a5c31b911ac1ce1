"""How much memory a run needs, before anything of it is built."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from dessim.kernel.regions import world_words
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
