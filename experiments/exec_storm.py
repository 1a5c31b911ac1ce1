"""exec by many processes: files of their own and shared ones, before and after batched unlinks."""

from typing import Any

from dessim.report.common.results import Point
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.points import draw_points, numbers, steady_or_average
from dessim.report.plot.style import grid, legend, threads_axis

NEEDS = {"exec-storm": "dessim run exec-storm"}
KEYS = ("files", "unlinks", "processes")
TOLERANCE = Tolerance(relative=0.1)
METRIC, AVERAGE = "calls_per_s", "average_calls_per_s"
SWEPT = "workload.libraries"
PER_K = 1e3


def rate_of(point: Point) -> dict[str, Any]:
    """Return the estimate of execs a second: of the whole run where none is steady."""
    return steady_or_average(point, METRIC, AVERAGE)


def series_of(point: Point) -> tuple[str, str]:
    """Return whose files a point's processes map, and how they are unlinked."""
    unlinks = "one by one" if point["scheme_options"] else "in batches"
    return point["parameters"][SWEPT], unlinks


def draw(stored: Stored) -> Drawing:
    """Thousands of execs a second against processes."""
    results = stored.results("exec-storm")
    figure, [ax] = grid(1, 1, 2.6)
    points: dict[tuple[str, str], list[Point]] = {}
    for point in results.document["points"]:
        points.setdefault(series_of(point), []).append(point)
    rows: list[dict[str, Any]] = []
    for index, ((files, unlinks), group) in enumerate(points.items()):
        label = f"{files} files, unlinked {unlinks}"
        line = draw_points(ax, group, rate_of, index, label, PER_K)
        head = {"files": files, "unlinks": unlinks}
        rows += [{**head, "processes": n, **numbers("execs_per_s", one)} for n, one in line]
    threads_axis(ax, sorted({row["processes"] for row in rows}))
    ax.set(xlabel="processes", ylabel="thousand execs per second")
    ax.set_ylim(bottom=0)
    legend(figure, [ax])
    caption = (
        "Execs per second of all processes: a binary, the loader and the C library, 42 times (30"
        " with batches) under the i_mmap_rwsem of one of them. Processes with copies of their own"
        " share no lock. Those that share the files wait for each other, and stop there."
        f" {results.caption_of(results.methods_of(METRIC, AVERAGE))}"
    )
    return Drawing(figure, rows, caption)
