"""exit of many processes at once: how long one takes, by version of Linux and size of folios."""

from typing import Any

from dessim.report.common.results import Point
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.points import draw_points, metric_of, numbers
from dessim.report.plot.style import grid, legend, threads_axis

NEEDS = {"exit-storm": "dessim run exit-storm"}
KEYS = ("kernel", "folio_kib", "processes")
TOLERANCE = Tolerance(relative=0.1)
METRIC = "call_latency_ns_mean"
SWEPT = "workload.anon_order"
NS_PER_US = 1e3
PAGE_KIB = 4
TICKS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)


def series_of(point: Point) -> tuple[str, int]:
    """Return the version of Linux and the size of folios of a point, in KiB."""
    kernel = point["scheme"].removeprefix("linux_").replace("_", ".")
    return kernel, PAGE_KIB << point["parameters"][SWEPT]


def draw(stored: Stored) -> Drawing:
    """Microseconds of an exit against processes, both on logarithmic axes."""
    results = stored.results("exit-storm")
    figure, [ax] = grid(1, 1, 2.6)
    points: dict[tuple[str, int], list[Point]] = {}
    for point in results.document["points"]:
        points.setdefault(series_of(point), []).append(point)
    rows: list[dict[str, Any]] = []
    for index, ((kernel, kib), group) in enumerate(points.items()):
        label = f"Linux {kernel}, {kib} KiB"
        line = draw_points(ax, group, metric_of(METRIC), index, label, NS_PER_US)
        head = {"kernel": kernel, "folio_kib": kib}
        rows += [{**head, "processes": n, **numbers("exit_ns", one)} for n, one in line]
    threads_axis(ax, sorted({row["processes"] for row in rows}))
    ax.set_yscale("log")
    ax.minorticks_off()
    low, high = (limit(row["exit_ns"] / NS_PER_US for row in rows) for limit in (min, max))
    ticks = [tick for tick in TICKS if low / 2 < tick < 2 * high]
    ax.set_yticks(ticks, [str(tick) for tick in ticks])
    ax.set(xlabel="processes that exit at once", ylabel="µs an exit")
    legend(figure, [ax])
    caption = (
        "Mean time of an exit of a process that has written 4 MiB, in folios of 4 or 64 KiB, while"
        " others do the same: unmapping, the locks of LRU and zone, page counters, shared files."
        f" {results.caption_of(results.methods_of(METRIC))}"
    )
    return Drawing(figure, rows, caption)
