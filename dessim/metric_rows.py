"""What a row of the table of metrics holds, and the kinds of rows that there are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, IntEnum, auto

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
    CALL = auto()


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
    call : str
        The kind of system call whose latency it is; empty if it is none.
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
    call: str = ""
    whole_run: bool = False
    scales: bool = False

    @property
    def is_event(self) -> bool:
        """Whether it counts what only some workloads know: tables show it where it is not 0."""
        return self.topic > Topic.WHOLE


def counted(
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


def quantile(percent: str, *views: View) -> Metric:
    """Take the quantile of fault latencies that so many per cent of faults do not exceed."""
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


def call_latency(
    name: str, heading: str, call: str, text: str, *views: View, rank: int = 0
) -> Metric:
    """Take the mean, or a quantile, of the latency of a kind of system call."""
    return Metric(
        name,
        heading,
        NS,
        LESS,
        Topic.CALL,
        text,
        views,
        rank_ppm=rank,
        reveals=View.RUN in views,
        call=call,
        scales=call == "region",
    )


def rates(name: str, series: str, better: int, text: str, *views: View) -> tuple[Metric, Metric]:
    """Take a time series that only files larger than memory have: its steady rate, its average."""
    head, topic = name.replace("_", "\n") + "\n/s", Topic.PAGE_CACHE
    said = f"{text} per second while all threads are at work, after the warm-up"
    steady = Metric(f"{name}_per_s", head, PER_S, better, topic, said, views, series=series)
    steady = replace(steady, words=text.lower())
    whole = f"{text} per second from the first start to the last finish"
    average = replace(steady, name=f"average_{name}_per_s", text=whole, views=(), whole_run=True)
    return steady, replace(average, heading=f"average\n{head}")


def call_rates(name: str, series: str, text: str) -> tuple[Metric, Metric]:
    """Take the time series of system calls: its steady rate, and that of the whole run."""
    steady, average = rates(name, series, MORE, text, View.RUN, View.PAGE)
    steady = replace(steady, topic=Topic.CALL, words="calls on a region", asked=f"{name}_per_s")
    return steady, replace(average, topic=Topic.CALL, words=f"{steady.words}, of the whole run")


def amount(name: str, heading: str, text: str) -> Metric:
    """Take an amount that only files larger than memory have."""
    views = (View.RUN, View.PAGE)
    return Metric(name, heading, EVENTS, LESS, Topic.PAGE_CACHE, text, views)


def latencies(name: str, whose: str) -> tuple[Metric, Metric]:
    """Take mean and p99 of the latency of some faults of a file that is read by windows."""
    mean, p99 = f"{name}_latency_ns_mean", f"{name}_latency_ns_p99"
    return (
        Metric(mean, f"{name}\nmean", NS, LESS, Topic.PAGE_CACHE, f"Mean latency of {whose}"),
        Metric(p99, f"{name}\np99", NS, LESS, Topic.PAGE_CACHE, f"99 % of {whose} took no longer"),
    )
