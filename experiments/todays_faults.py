"""Faults of today: processes and threads, what the VMA's lock buys, anonymous memory by version."""

from typing import Any

from matplotlib.axes import Axes

from dessim.report.common.results import Point
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.points import draw_points, numbers, steady_or_average
from dessim.report.plot.style import entitle, grid, threads_axis

NEEDS = {
    "will-it-scale": "dessim run will-it-scale",
    "vma-locks": "dessim run vma-locks",
    "anonymous-memory": "dessim run anonymous-memory",
}
KEYS = ("panel", "series", "threads")
TOLERANCE = Tolerance(relative=0.15)
METRIC, AVERAGE = "steady_faults_per_s", "average_faults_per_s"
MAPPING = "workload.mapping"
MODES = {"per_process": "processes", "per_thread": "threads"}
PER_M = 1e6


def rate_of(point: Point) -> dict[str, Any]:
    """Return the estimate of faults a second: of the whole run where none is steady."""
    return steady_or_average(point, METRIC, AVERAGE)


def by_test(point: Point) -> str:
    """Return the series of a point of will-it-scale: its test, and processes or threads."""
    return f"{point['workload']}, {MODES[point['parameters'][MAPPING]]}"


def by_version(point: Point) -> str:
    """Return the series of a point of the others: its version, and processes or threads."""
    version = point["scheme"].removeprefix("linux_").replace("_", ".")
    return f"{version}, {MODES[point['parameters'][MAPPING]]}"


PANELS = {
    "will-it-scale": by_test,
    "vma-locks": by_version,
    "anonymous-memory": by_version,
}


def panel(ax: Axes, stored: Stored, name: str) -> list[dict[str, Any]]:
    """Draw faults a second against tasks; return a row per point."""
    points: dict[str, list[Point]] = {}
    for point in stored.results(name).document["points"]:
        points.setdefault(PANELS[name](point), []).append(point)
    rows: list[dict[str, Any]] = []
    for index, (series, group) in enumerate(points.items()):
        line = draw_points(ax, group, rate_of, index, series, PER_M)
        head = {"panel": name, "series": series}
        rows += [{**head, "threads": n, **numbers("faults_per_s", one)} for n, one in line]
    threads_axis(ax, sorted({row["threads"] for row in rows}))
    ax.set(xlabel="tasks", ylabel="million faults per second")
    ax.set_ylim(bottom=0)
    ax.legend(loc="upper left", fontsize=5)
    entitle(ax, name)
    return rows


def draw(stored: Stored) -> Drawing:
    """Three panels: processes and threads, versions of the lock, versions that allocate."""
    figure, axes = grid(len(PANELS), len(PANELS), 2.8, share=False)
    rows = [row for ax, name in zip(axes, PANELS, strict=True) for row in panel(ax, stored, name)]
    known = (stored.results(name) for name in PANELS)
    sources = (results.caption_of(results.methods_of(METRIC, AVERAGE)) for results in known)
    caption = (
        "Faults per second of all tasks. Left: page_fault1, 2 and 3 under Linux 5.15: threads stay"
        " below processes because of the line of mmap_lock and the sleeps on it. Middle:"
        " page_fault3 by threads: what the VMA's lock buys, and the end of prefetchw. Right:"
        " page_fault1: processes stop at the zone's lock in 6.1, and at the LRU's in 6.12; threads"
        " share one VMA, and gain little from its lock."
        f" {' '.join(sources)}"
    )
    return Drawing(figure, rows, caption)
