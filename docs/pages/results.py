"""Metrics, categories of time, and counters."""

from dessim.kernel.layout import CATEGORIES, COUNTERS
from dessim.metrics import METRICS

from .markdown import code, escape, table

CATEGORY_MEANINGS = {
    "entry_exit": "entering and leaving the exception, finding the VMA",
    "mmap_lock": "mmap_sem or the VMA's lock: its line, and waiting for it",
    "ptl": "split page-table locks: their line, and waiting for them",
    "page_lock": "asleep on page locks, and what going to sleep costs",
    "page_lines": "reading and changing struct pages: transfers of their lines, waits for these",
    "lookup": "finding pages in the page cache",
    "map": "everything else about mapping: checks, window, rmap, setting ptes",
    "page_table": "allocating page-table pages and hanging them in",
    "user": "user mode: reading pages, and the workload's own work",
    "memory_bandwidth": "readers waiting for a memory node that is busy",
    "teardown": "unmapping at the end of a process",
    "think": "lock loop: between two turns",
    "hold": "lock loop: with the lock",
    "lock": "lock loop: waiting for the lock, and its hand-over",
    "run_queue": "waiting for a CPU that another thread has",
    "tlb": "misses of the TLB",
    "shootdown": "flushing translations, the CPU's own and those of others",
    "page_cache": "adding pages to the page cache, and taking them out",
    "idle": "actors and slots of the device with nothing to do",
    "zone_lock": "a zone's lock: waiting for it, and moving pages between node and CPU under it",
    "lru_lock": "the lock of an LRU: waiting for it, and putting pages on the list or taking them off",
    "memcg": "charging pages to memory cgroups and uncharging them, statistics",
    "frames": "allocating and freeing pages of memory, besides the locks",
    "zeroing": "zeroing and copying pages",
    "asleep": "asleep for a semaphore, in workloads whose faults write",
    "exec": "exec, besides the locks of its files and its memory",
    "i_mmap": "the i_mmap_rwsem of a file: waiting for it, and changing the tree of mappings under it",
    "mremap": "mremap: ptes and page tables that move to another address",
    "split": "folios that are mapped in part: their queue, its lock, splitting them",
    "fork": "fork: page tables copied to a child, and the process itself",
    "reclaim": "looking at pages to take back: references, reverse map, ptes",
    "device": "waiting for a command of your own, without a page cache",
}
"""Where the time of a task may go."""


def page() -> str:
    """All names that stand in results."""
    metrics = [(code(one.name), one.unit, escape(one.text)) for one in METRICS]
    counted = {one.counter for one in METRICS}
    categories = [(code(name), escape(CATEGORY_MEANINGS[name])) for name in CATEGORIES]
    counters = [(code(name), "yes" if name in counted else "") for name in COUNTERS]
    return "\n".join(
        [
            "# Metrics, time and counters\n",
            "Files and their form: [Writing experiments](../experiments.md#results). How intervals come about: "
            "[Statistics](../statistics.md). In tables the columns `_lo` and `_hi` are the ends of the "
            "95 % interval, `_n` the replications, `_method` how it was found.\n",
            "## Metrics\n",
            table(("metric", "unit", "meaning"), metrics),
            "## Categories of time\n",
            "`time_share` in results, and `dessim explain`: all time of all tasks, each moment in one of them.\n",
            table(("category", "what it is spent on"), categories),
            "## Counters\n",
            "Counted in every run; `dessim export` has those that are metrics, `stats.json` of a run all.\n",
            table(("counter", "metric"), counters),
        ]
    )
