"""Metrics, categories of time, and counters."""

from dessim.kernel.layout import CATEGORIES, COUNTERS
from dessim.measure.statistics.run_metrics import COUNTED, METRICS, QUANTILES_PPM

from .markdown import code, escape, table

METRIC_MEANINGS = {
    "completion_s": "From the start of the first thread to the end of the last process, exit included; extrapolated if scaled",
    "steady_faults_per_s": "Faults per second while all threads are at work, less the warm-up",
    "pages_mapped_per_s": "Pages mapped per second while all threads are at work, less the warm-up",
    "minor_faults": "All faults, of the whole file; extrapolated if scaled",
    "fault_latency_ns_mean": "Mean time from exception entry to exit, of faults that ended while all threads ran",
    "fault_latency_ns_max": "The longest of these",
    "trylock_lost": "Neighbours left out because their page was locked",
    "recheck_lost": "Neighbours undone after a check",
    "page_lock_waits": "Sleeps on a page lock",
    "wake_ups": "Sleepers woken",
    "hand_offs": "Sleepers who were handed the lock",
    "context_switches": "A CPU went to another thread",
    "major_faults": "Faults that started a read",
    "pages_read": "Pages that the device read",
    "tlb_misses": "Page walks",
    "shootdowns": "Flushes of other CPUs",
    "interrupts": "CPUs interrupted by them",
    "invalidations": "Rounds of actors",
    "pages_removed": "Pages that actors took out of the page cache",
    "bug1": "Times that the first BUG_ON(page_mapped) was met",
    "bug2": "Times that the second one was met",
}
"""What each metric is; quantiles are told by their rank."""
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
    "shootdown": "flushing translations, one's own and those of others",
    "page_cache": "adding pages to the page cache, and taking them out",
    "idle": "actors and slots of the device with nothing to do",
}
"""Where the time of a task may go."""


def _metric(name: str) -> str:
    if name in QUANTILES_PPM:
        share = QUANTILES_PPM[name] / 10_000
        return (
            f"{share:g} % of these faults took no longer; a dash where fewer than ten took longer"
        )
    return METRIC_MEANINGS[name]


def _unit(name: str) -> str:
    units = {"_per_s": "1/s", "_s": "s"}
    if "_ns_" in name:
        return "ns"
    return next((unit for end, unit in units.items() if name.endswith(end)), "count")


def page() -> str:
    """All names that stand in results."""
    metrics = [(code(name), _unit(name), escape(_metric(name))) for name in METRICS]
    categories = [(code(name), escape(CATEGORY_MEANINGS[name])) for name in CATEGORIES]
    counted = [(code(name), "yes" if name in COUNTED.values() else "") for name in COUNTERS]
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
            table(("counter", "metric"), counted),
        ]
    )
