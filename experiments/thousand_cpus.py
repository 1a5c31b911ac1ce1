"""The schemes on 1,024 CPUs: faults a second over the whole run, and the p99 of a fault."""

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from dessim.report.common.results import Panel, Results
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.points import draw_points, metric_of, numbers
from dessim.report.plot.style import (
    entitle,
    grid,
    legend,
    log_axis,
    threads_axis,
)

NEEDS = {"thousand-cpus": "dessim run thousand-cpus"}
KEYS = ("panel", "series", "quantity", "threads")
TOLERANCE = Tolerance(relative=0.25)
NUMBERS = ("value", "value_lo", "value_hi")
Row = dict[str, Any]


@dataclass(frozen=True)
class Quantity:
    """What a column of panels shows: a metric, in which unit."""

    metric: str
    label: str
    unit: float


QUANTITIES = (
    Quantity("average_faults_per_s", "million faults per second", 1e6),
    Quantity("fault_latency_ns_p99", "p99 of a fault (µs)", 1e3),
)
"""Most points have no steady rate, so that the rate is that of the whole run."""


def draw(stored: Stored) -> Drawing:
    """A panel per workload and quantity, if its runs support any number of it."""
    results = stored.results("thousand-cpus")
    shown = [
        (panel, quantity)
        for panel in results.panels
        for quantity in QUANTITIES
        if any(p["metrics"][quantity.metric]["mean"] is not None for p in panel.points)
    ]
    figure, axes = grid(len(shown), 3, 2.1, share=False)
    rows: list[Row] = []
    for ax, (panel, quantity) in zip(axes, shown, strict=True):
        rows += draw_panel(ax, panel, quantity, results)
    legend(figure, axes)
    caption = (
        "Faults per second from the first start to the last finish, and p99 of their latency, of"
        " processes that read one file from its first page on and of threads that share a mapping;"
        " a panel is left out if no run has enough faults for its p99. Nobody has measured this"
        f" machine. {results.caption_of(results.methods_of(*(one.metric for one in QUANTITIES)))}"
    )
    return Drawing(figure, rows, caption)


def draw_panel(ax: Axes, panel: Panel, quantity: Quantity, results: Results) -> list[Row]:
    """Draw one quantity of a workload, a line per scheme; return its numbers."""
    rows: list[Row] = []
    for index, name in enumerate(results.series):
        points = [p for p in panel.points if results.series_of(p) == name]
        line = draw_points(ax, points, metric_of(quantity.metric), index, name, quantity.unit)
        head = {"panel": panel.title, "series": name, "quantity": quantity.metric}
        rows += [{**head, "threads": n, **numbers("value", one)} for n, one in line]
    drawn = [row[key] / quantity.unit for row in rows for key in NUMBERS if row[key]]
    log_axis(ax, "y", min(drawn) / 1.5, 1.5 * max(drawn))
    threads_axis(ax, panel.threads)
    entitle(ax, panel.title)
    ax.set(xlabel="threads", ylabel=quantity.label)
    return rows
