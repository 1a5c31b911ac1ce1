"""Giving memory back by munmap or MADV_DONTNEED: what the other threads' faults lose by it."""

from typing import Any

from dessim.report.common.results import Point
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.points import draw_points, metric_of, numbers, steady_or_average
from dessim.report.plot.style import grid, legend, threads_axis

NEEDS = {"munmap-and-dontneed": "dessim run munmap-and-dontneed"}
KEYS = ("kernel", "call", "threads")
TOLERANCE = Tolerance(relative=0.25)
STEADY, AVERAGE = "steady_faults_per_s", "average_faults_per_s"
CALL = "call_latency_ns_mean"
SWEPT = "workload.after_sweep"
MILLION, NS_PER_US = 1e6, 1e3
NAMES = {"munmap": "munmap", "dontneed": "MADV_DONTNEED"}


def series_of(point: Point) -> tuple[str, str]:
    """Return the version of Linux and the call of a point."""
    kernel = point["scheme"].removeprefix("linux_").replace("_", ".")
    return kernel, NAMES[point["parameters"][SWEPT]]


def rate_of(point: Point) -> dict[str, Any]:
    """Return the faults per second while all threads run, or of the whole run."""
    return steady_or_average(point, STEADY, AVERAGE)


def draw(stored: Stored) -> Drawing:
    """Million faults per second, and microseconds of a call, against threads."""
    results = stored.results("munmap-and-dontneed")
    figure, (rates, calls) = grid(2, 2, 2.6)
    points: dict[tuple[str, str], list[Point]] = {}
    for point in results.document["points"]:
        points.setdefault(series_of(point), []).append(point)
    rows: list[dict[str, Any]] = []
    for index, ((kernel, call), group) in enumerate(points.items()):
        label = f"{kernel}, {call}"
        faults = draw_points(rates, group, rate_of, index, label, MILLION)
        taken = draw_points(calls, group, metric_of(CALL), index, label, NS_PER_US)
        rows += [
            {"kernel": kernel, "call": call, "threads": threads}
            | numbers("faults_per_s", rate)
            | numbers("call_ns", time)
            for (threads, rate), (_, time) in zip(faults, taken, strict=True)
        ]
    for ax, label in ((rates, "million faults/s"), (calls, "µs a call")):
        threads_axis(ax, sorted({row["threads"] for row in rows}))
        ax.set(xlabel="threads", ylabel=label)
        ax.set_ylim(bottom=0)
    legend(figure, [rates])
    caption = (
        "Threads of one process touch 8 MiB of memory each and give it back, by munmap or by"
        " MADV_DONTNEED. munmap writes mmap_lock, behind which faults sleep, until 6.4 all of them;"
        " MADV_DONTNEED only reads it, and from 6.17 on takes the VMA's lock instead."
        f" {results.caption_of(results.methods_of(CALL))}"
    )
    return Drawing(figure, rows, caption)
