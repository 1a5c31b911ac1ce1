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

from dataclasses import dataclass, replace
from enum import Enum, IntEnum, auto

from dessim.errors import UserError

PER_S, NS, SECONDS, EVENTS = "1/s", "ns", "s", "count"
"""Units."""
MORE, LESS = 1, -1
"""Which is better."""


class Topic(IntEnum):
    """What a metric is about, in the order of tables for people."""

    THROUGHPUT = auto()
    LATENCY = auto()
    WHOLE = auto()
    BUG = auto()
    PAGE_CACHE = auto()
    SHOOTDOWN = auto()
    TLB = auto()
    CPU = auto()
    PAGE_LOCK = auto()


class View(Enum):
    """Where a metric is shown without being asked for."""

    RUN = "the tables that `dessim run` prints"
    PAGE = "the table of the report"
    NOTEBOOK = "the table of a result in a notebook"
    FIGURE = "the figures of throughput or latency"
    RESULTS = "the comparisons in every results document"
    COMPARE = "what `dessim compare` prints"
    MEASURED = "compared with measurements"


@dataclass(frozen=True)
class Metric:
    """A row of the table.

    Attributes
    ----------
    name : str
        Key in results, its unit in it.
    heading : str
        Of a column; a line break is one.
    unit : str
        ``PER_S``, ``NS``, ``SECONDS`` or ``EVENTS``; it decides how numbers are written.
    better : int
        ``MORE`` or ``LESS``.
    topic : Topic
    text : str
        What it is, for the documentation.
    views : tuple of View
    counter : str
        The run's counter that it reads; empty if it reads none.
    rank_ppm : int, parts per million
        Of a quantile of the latency; 0 if it is none.
    series : str
        The run's time series whose steady phase gives it its rate; empty if it is none.
    asked : str
        Short name under which precision can be asked for, or its own; empty if it cannot.
    words : str
        What is counted or measured, at an axis.
    reveals : bool
        Whether the table of events is shown where this one is not 0.
    whole_run : bool
        Whether the rate of ``series`` is that of the whole run, its starts and ends included.
    scales : bool
        Whether it grows with the file: extrapolated where a part was simulated.
    """

    name: str
    heading: str
    unit: str
    better: int
    topic: Topic
    text: str
    views: tuple[View, ...] = ()
    counter: str = ""
    rank_ppm: int = 0
    series: str = ""
    asked: str = ""
    words: str = ""
    reveals: bool = False
    whole_run: bool = False
    scales: bool = False

    @property
    def is_event(self) -> bool:
        """Whether it counts what only some workloads know: tables show it where it is not 0."""
        return self.topic > Topic.WHOLE


def _count(
    name: str,
    topic: Topic,
    text: str,
    *views: View,
    heading: str = "",
    words: str = "",
    reveals: bool = False,
) -> Metric:
    """Count events by the counter of the same name; few are better than many."""
    head = heading or "\n".join(name.rpartition("_")[::2])
    return Metric(
        name,
        head,
        EVENTS,
        LESS,
        topic,
        text,
        views,
        counter=name,
        words=words,
        reveals=reveals,
        scales=True,
    )


def _quantile(percent: str, *views: View) -> Metric:
    """Take a quantile of the latency, of which so many per cent of faults are not longer."""
    digits = percent.replace(".", "")
    text = f"{percent} % of these faults took no longer; a dash where fewer than ten took longer"
    return Metric(
        f"fault_latency_ns_p{digits}",
        f"p{percent}",
        NS,
        LESS,
        Topic.LATENCY,
        text,
        views,
        rank_ppm=round(float(percent) * 10_000),
        asked=f"fault_latency_p{digits}",
    )


def _rate(name: str, series: str, better: int, text: str, *views: View) -> tuple[Metric, Metric]:
    """Take a time series that only files larger than memory have: its steady rate, its average."""
    head, topic = name.replace("_", "\n") + "\n/s", Topic.PAGE_CACHE
    said = f"{text} per second while all threads are at work, less the warm-up"
    steady = Metric(f"{name}_per_s", head, PER_S, better, topic, said, views, series=series)
    steady = replace(steady, words=text.lower())
    whole = f"{text} per second from the first start to the last finish"
    average = replace(steady, name=f"average_{name}_per_s", text=whole, views=(), whole_run=True)
    return steady, replace(average, heading=f"average\n{head}")


def _amount(name: str, heading: str, text: str) -> Metric:
    """Take an amount that only files larger than memory have."""
    views = (View.RUN, View.PAGE)
    return Metric(name, heading, EVENTS, LESS, Topic.PAGE_CACHE, text, views)


def _latencies_of(name: str, whose: str) -> tuple[Metric, Metric]:
    """Take mean and p99 of the latency of some faults of a file that is read by windows."""
    mean, p99 = f"{name}_latency_ns_mean", f"{name}_latency_ns_p99"
    return (
        Metric(mean, f"{name}\nmean", NS, LESS, Topic.PAGE_CACHE, f"Mean latency of {whose}"),
        Metric(p99, f"{name}\np99", NS, LESS, Topic.PAGE_CACHE, f"99 % of {whose} took no longer"),
    )


METRICS: tuple[Metric, ...] = (
    Metric(
        "completion_s",
        "completion",
        SECONDS,
        LESS,
        Topic.WHOLE,
        "From the start of the first thread to the end of the last process, exit included;"
        " extrapolated if scaled",
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
        "Faults per second while all threads are at work, less the warm-up",
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
        "Pages mapped per second while all threads are at work, less the warm-up",
        (View.PAGE, View.NOTEBOOK, View.FIGURE, View.RESULTS, View.COMPARE),
        series="series_pages",
        asked="pages_mapped_per_s",
        words="pages mapped",
    ),
    _count(
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
    _quantile("50", View.RUN, View.PAGE, View.NOTEBOOK, View.FIGURE, View.COMPARE),
    _quantile("90"),
    _quantile(
        "99",
        View.RUN,
        View.PAGE,
        View.NOTEBOOK,
        View.FIGURE,
        View.RESULTS,
        View.COMPARE,
    ),
    _quantile("99.9", View.RUN, View.PAGE, View.NOTEBOOK, View.FIGURE, View.COMPARE),
    _quantile("99.99"),
    Metric("fault_latency_ns_max", "max", NS, LESS, Topic.LATENCY, "The longest of these"),
    _count("trylock_lost", Topic.PAGE_LOCK, "Neighbours left out because their page was locked"),
    _count("recheck_lost", Topic.PAGE_LOCK, "Neighbours undone after a check"),
    _count("page_lock_waits", Topic.PAGE_LOCK, "Sleeps on a page lock", View.PAGE),
    _count("wake_ups", Topic.PAGE_LOCK, "Sleepers woken"),
    _count(
        "hand_offs",
        Topic.PAGE_LOCK,
        "Sleepers who were handed the lock",
        View.RUN,
        heading="hand-\noffs",
    ),
    _count(
        "context_switches",
        Topic.CPU,
        "A CPU went to another thread",
        View.RUN,
        heading="CPU\nswitches",
    ),
    _count(
        "major_faults",
        Topic.PAGE_CACHE,
        "Faults that started a read",
        View.RUN,
        View.PAGE,
        reveals=True,
    ),
    _count("pages_read", Topic.PAGE_CACHE, "Pages that the device read", View.RUN),
    _count("tlb_misses", Topic.TLB, "Page walks", View.RUN, heading="TLB\nmisses"),
    _count(
        "shootdowns",
        Topic.SHOOTDOWN,
        "Flushes of other CPUs",
        View.RUN,
        View.PAGE,
        heading="shoot-\ndowns",
        reveals=True,
    ),
    _count("interrupts", Topic.SHOOTDOWN, "CPUs interrupted by them"),
    _count("invalidations", Topic.PAGE_CACHE, "Rounds of actors", reveals=True),
    _count(
        "pages_removed",
        Topic.PAGE_CACHE,
        "Pages that actors took out of the page cache",
        View.PAGE,
    ),
    _count(
        "bug1",
        Topic.BUG,
        "Times that the first BUG_ON(page_mapped) was met",
        View.RUN,
        View.PAGE,
    ),
    _count("bug2", Topic.BUG, "Times that the second one was met", View.RUN, View.PAGE),
    Metric(
        "average_faults_per_s",
        "average\nfaults/s",
        PER_S,
        MORE,
        Topic.THROUGHPUT,
        "Faults per second from the first start to the last finish, starts and ends included",
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
    _count(
        "late_faults",
        Topic.CPU,
        "Faults of a trace, replayed open, whose task was not through with the one before",
        View.RUN,
        heading="late\nfaults",
    ),
    Metric(
        "late_ns_mean",
        "late by",
        NS,
        LESS,
        Topic.CPU,
        "Mean time by which these were late: what queued behind slower faults than recorded",
        (View.RUN,),
    ),
    *_rate("touches", "series_touches", MORE, "Pages touched", View.RUN, View.PAGE),
    *_rate("device_pages", "series_read", MORE, "Pages of 4 KiB read by the device", View.RUN),
    *_rate("evictions", "series_evictions", LESS, "Pages taken out of memory", View.RUN),
    _amount("device_bytes_read", "device\nbytes", "Bytes that the device read"),
    _amount("read_amplification", "read ampli-\nfication", "Pages read per page touched"),
    _count("evictions", Topic.PAGE_CACHE, "Pages taken out of memory", View.PAGE),
    _count("refaults", Topic.PAGE_CACHE, "Pages that came back after that", View.PAGE),
    _count("device_commands", Topic.PAGE_CACHE, "Commands that the device served", View.RUN),
    _count("direct_reclaims", Topic.PAGE_CACHE, "Faults that took pages back themselves"),
    *_latencies_of("major", "faults that waited for the device"),
    *_latencies_of("minor", "faults that did not wait for the device"),
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
