"""The metrics of a run: all that there is to say of one stands in its row.

Every consumer takes its columns from here: what is computed and stored, tables in a terminal, in a
notebook and on the page, figures, comparisons, and the metrics of which precision can be asked. A
metric that counts events of the kernel, is a quantile of the latency or the rate of a time series
is one line in ``METRICS``. Results have the order of the table, so a new one goes to its end;
tables for people are sorted by topic.

It is a room of its own below ``model``: what a metric is called decides no run, and a new one
leaves stored runs as they are.
"""

from __future__ import annotations

from dessim.errors import UserError
from dessim.metric_rows import EVENTS as EVENTS
from dessim.metric_rows import LESS as LESS
from dessim.metric_rows import MORE as MORE
from dessim.metric_rows import NS as NS
from dessim.metric_rows import PER_S as PER_S
from dessim.metric_rows import SECONDS as SECONDS
from dessim.metric_rows import Metric as Metric
from dessim.metric_rows import Topic as Topic
from dessim.metric_rows import View as View
from dessim.metric_rows import (
    amount,
    call_latency,
    call_rates,
    counted,
    latencies,
    quantile,
    rates,
)

METRICS: tuple[Metric, ...] = (
    Metric(
        "completion_s",
        "completion",
        SECONDS,
        LESS,
        Topic.WHOLE,
        "From the first thread's start to the last process's end, including exit; extrapolated if"
        " scaled",
        (View.RUN, View.PAGE, View.COMPARE, View.MEASURED),
        asked="completion",
        words="seconds",
        scales=True,
    ),
    Metric(
        "steady_faults_per_s",
        "faults/s",
        PER_S,
        MORE,
        Topic.THROUGHPUT,
        "Faults per second while all threads are at work, after the warm-up",
        (View.RUN, View.PAGE),
        series="series_faults",
        asked="throughput",
        words="faults, or turns of a lock,",
    ),
    Metric(
        "pages_mapped_per_s",
        "pages/s",
        PER_S,
        MORE,
        Topic.THROUGHPUT,
        "Pages mapped per second while all threads are at work, after the warm-up",
        (View.PAGE, View.NOTEBOOK, View.FIGURE, View.RESULTS, View.COMPARE),
        series="series_pages",
        asked="pages_mapped_per_s",
        words="pages mapped",
    ),
    counted(
        "minor_faults",
        Topic.WHOLE,
        "All faults, of the whole file; extrapolated if scaled",
        View.PAGE,
        View.MEASURED,
        heading="faults",
        words="minor faults",
    ),
    Metric(
        "fault_latency_ns_mean",
        "mean",
        NS,
        LESS,
        Topic.LATENCY,
        "Mean time from exception entry to exit, of faults that ended while all threads ran",
        asked="fault_latency_mean",
    ),
    quantile("50", View.RUN, View.PAGE, View.NOTEBOOK, View.FIGURE, View.COMPARE),
    quantile("90"),
    quantile(
        "99",
        View.RUN,
        View.PAGE,
        View.NOTEBOOK,
        View.FIGURE,
        View.RESULTS,
        View.COMPARE,
    ),
    quantile("99.9", View.RUN, View.PAGE, View.NOTEBOOK, View.FIGURE, View.COMPARE),
    quantile("99.99"),
    Metric("fault_latency_ns_max", "max", NS, LESS, Topic.LATENCY, "The longest of these"),
    counted("trylock_lost", Topic.PAGE_LOCK, "Neighbours skipped because their page was locked"),
    counted("recheck_lost", Topic.PAGE_LOCK, "Neighbours undone after a check"),
    counted("page_lock_waits", Topic.PAGE_LOCK, "Sleeps on a page lock", View.PAGE),
    counted("wake_ups", Topic.PAGE_LOCK, "Sleepers woken"),
    counted(
        "hand_offs",
        Topic.PAGE_LOCK,
        "Sleepers that received the lock",
        View.RUN,
        heading="hand-\noffs",
    ),
    counted(
        "context_switches",
        Topic.CPU,
        "Switches of a CPU to another thread",
        View.RUN,
        heading="CPU\nswitches",
    ),
    counted(
        "major_faults",
        Topic.PAGE_CACHE,
        "Faults that started a read",
        View.RUN,
        View.PAGE,
        reveals=True,
    ),
    counted("pages_read", Topic.PAGE_CACHE, "Pages that the device read", View.RUN),
    counted("tlb_misses", Topic.TLB, "Page walks", View.RUN, heading="TLB\nmisses"),
    counted(
        "shootdowns",
        Topic.SHOOTDOWN,
        "Flushes of other CPUs",
        View.RUN,
        View.PAGE,
        heading="shoot-\ndowns",
        reveals=True,
    ),
    counted("interrupts", Topic.SHOOTDOWN, "CPUs interrupted by them"),
    counted("invalidations", Topic.PAGE_CACHE, "Rounds of actors", reveals=True),
    counted(
        "pages_removed",
        Topic.PAGE_CACHE,
        "Pages that actors removed from the page cache",
        View.PAGE,
    ),
    counted(
        "bug1",
        Topic.BUG,
        "Times that the first BUG_ON(page_mapped) fired",
        View.RUN,
        View.PAGE,
    ),
    counted("bug2", Topic.BUG, "Times that the second one fired", View.RUN, View.PAGE),
    Metric(
        "average_faults_per_s",
        "average\nfaults/s",
        PER_S,
        MORE,
        Topic.THROUGHPUT,
        "Faults per second from the first start to the last finish",
        series="series_faults",
        words="faults, average of the whole run",
        whole_run=True,
    ),
    Metric(
        "average_pages_per_s",
        "average\npages/s",
        PER_S,
        MORE,
        Topic.THROUGHPUT,
        "Pages mapped per second from the first start to the last finish",
        series="series_pages",
        words="pages mapped, average of the whole run",
        whole_run=True,
    ),
    counted(
        "late_faults",
        Topic.CPU,
        "Faults of an open replay whose task had not finished the previous one",
        View.RUN,
        heading="late\nfaults",
    ),
    Metric(
        "late_ns_mean",
        "late by",
        NS,
        LESS,
        Topic.CPU,
        "Mean delay of these: they queued behind faults slower than recorded",
        (View.RUN,),
    ),
    call_latency(
        "call_latency_ns_mean",
        "call\nmean",
        "region",
        "Mean latency of what a task does with its region after a sweep: munmap, madvise or fork;"
        " of the whole region, extrapolated if scaled",
        View.RUN,
        View.PAGE,
    ),
    call_latency("call_latency_ns_p50", "call\np50", "region", "Median of that", rank=500_000),
    call_latency(
        "call_latency_ns_p99", "call\np99", "region", "99 % took no longer", View.RUN, rank=990_000
    ),
    call_latency("mmap_latency_ns_mean", "mmap\nmean", "mmap", "Mean latency of mmap", View.RUN),
    call_latency("mmap_latency_ns_p99", "mmap\np99", "mmap", "99 % took no longer", rank=990_000),
    *call_rates("calls", "series_calls", "Calls on a region: munmap, madvise, fork or exec"),
    *rates("touches", "series_touches", MORE, "Pages touched", View.RUN, View.PAGE),
    *rates("device_pages", "series_read", MORE, "Pages of 4 KiB read by the device", View.RUN),
    *rates("evictions", "series_evictions", LESS, "Pages evicted from memory", View.RUN),
    *rates("interrupts", "series_interrupts", LESS, "CPUs interrupted to flush them"),
    amount("device_bytes_read", "device\nbytes", "Bytes that the device read"),
    amount("read_amplification", "read ampli-\nfication", "Pages read per page touched"),
    counted("evictions", Topic.PAGE_CACHE, "Pages evicted from memory", View.PAGE),
    counted("refaults", Topic.PAGE_CACHE, "Evicted pages that came back", View.PAGE),
    counted("device_commands", Topic.PAGE_CACHE, "Commands that the device served", View.RUN),
    counted("direct_reclaims", Topic.PAGE_CACHE, "Faults that reclaimed pages themselves"),
    *latencies("major", "faults that waited for the device"),
    *latencies("minor", "faults that did not wait for the device"),
    call_latency(
        "writer_latency_ns_mean",
        "writer\nmean",
        "writer",
        "Mean latency of mmap and munmap of actors that write mmap_lock at a rate",
        View.RUN,
        View.PAGE,
    ),
    call_latency(
        "writer_latency_ns_p99", "writer\np99", "writer", "99 % took no longer", rank=990_000
    ),
)
"""All metrics, in the order of results."""

BY_NAME = {metric.name: metric for metric in METRICS}
assert len(BY_NAME) == len(METRICS), "two metrics of one name"
NAMES = tuple(BY_NAME)

PAGES_RATE, FAULTS_RATE = "pages_mapped_per_s", "steady_faults_per_s"
"""Throughput: windows of different size compare by pages; where none is mapped, by faults."""
P99 = "fault_latency_ns_p99"


class UnknownMetricError(UserError):
    """A name that stands for no metric."""


def columns_of(view: View) -> tuple[Metric, ...]:
    """Metrics that always have a column in a place, in the order for people."""
    return tuple(metric for metric in _sorted(view) if not metric.is_event)


def events_of(view: View) -> tuple[Metric, ...]:
    """Counts that have a column in a place where one of them is not 0, in the order for people."""
    return tuple(metric for metric in _sorted(view) if metric.is_event)


def latencies_of(view: View) -> tuple[Metric, ...]:
    """Columns of a place that are latencies of a fault."""
    return tuple(metric for metric in columns_of(view) if metric.topic is Topic.LATENCY)


def more_is_better(name: str) -> bool:
    """Whether the greater of two numbers is the better one, also of a name from older results."""
    return name not in BY_NAME or BY_NAME[name].better == MORE


def _sorted(view: View) -> list[Metric]:
    found = [metric for metric in METRICS if view in metric.views]
    return sorted(found, key=lambda metric: metric.topic)
