"""The published table of 2014: measured and simulated seconds, a panel per workload."""

from typing import Any

from matplotlib.axes import Axes

from dessim.report.common.format import threads_word
from dessim.report.common.results import Point
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.points import numbers
from dessim.report.plot.style import draw_line, grid, legend, line_style, log_axis

NEEDS = {"fault-around-2014": "dessim run fault-around-2014 -j 2"}
KEYS = ("workload", "threads", "fault_around_order")
TOLERANCE = Tolerance(relative=0.1)
METRICS = (("completion_s", "seconds", 1.0), ("minor_faults", "million faults", 1e6))
"""Metrics, what their axis says, and their unit."""


def draw(stored: Stored) -> Drawing:
    """Seconds above, faults below; simulated as lines with bands, measured as open markers."""
    results = stored.results("fault-around-2014")
    points = [p for p in results.document["points"] if p.get("measured", {}).get("completion_s")]
    workloads = list(dict.fromkeys(point["workload"] for point in points))
    counts = sorted({point["threads"] for point in points})
    figure, axes = grid(2 * len(workloads), len(workloads), 1.85, share=False)
    for place, ax in enumerate(axes):
        workload, (metric, word, unit) = workloads[place % 3], METRICS[place // len(workloads)]
        here = [point for point in points if point["workload"] == workload]
        for index, threads in enumerate(counts):
            draw_threads(ax, [p for p in here if p["threads"] == threads], index, metric, unit)
        values = [
            x / unit
            for p in here
            for x in (p["measured"][metric], p["metrics"][metric]["mean"])
            if x is not None  # refused: two sizes differ
        ]
        log_axis(ax, "y", min(values) / 1.5, max(values) * 1.5)
        ax.set(title=workload if metric == METRICS[0][0] else "", ylabel=word)
        ax.set_xlabel("fault_around_order")
    legend(figure, axes)
    errors = results.document["measured"]["mean_absolute_error"]["completion_s"]
    said = ", ".join(
        f"{name} {e['ratio'] * 100:.0f} %" for name, e in errors.items() if e["ratio"] is not None
    )
    origin = results.caption_of(results.methods_of(*(metric for metric, _, _ in METRICS)))
    caption = (
        "Completion time and minor faults against the fault-around window, log2 of its pages (0:"
        " without the patches): simulated with"
        " literature values only (filled) and the measurements (open) of K. Shutemov, linux-mm,"
        f" 27 February 2014. Mean absolute error of the seconds, without the doubtful measurement"
        f" (crossed): {said}. {origin}"
    )
    return Drawing(figure, [row_of(point) for point in points], caption)


def draw_threads(ax: Axes, points: list[Point], index: int, metric: str, unit: float) -> None:
    """Draw one number of threads: simulated as usual, measured as bare markers."""
    if not points:
        return
    style, who = line_style(index), threads_word(points[0]["threads"])
    line = [
        (p["fault_around_order"], p["metrics"][metric])
        for p in points
        if p["metrics"][metric]["mean"] is not None
    ]
    draw_line(ax, line, index, f"{who}, simulated", unit)
    ax.plot(
        [p["fault_around_order"] for p in points],
        [p["measured"][metric] / unit for p in points],
        label=f"{who}, measured",
        color=style["color"],
        marker=style["marker"],
        markersize=5,
        linestyle="none",
        markerfacecolor="none",
    )
    doubtful = [p for p in points if p["measured"].get("doubtful")]
    if doubtful:
        ax.plot(
            [p["fault_around_order"] for p in doubtful],
            [p["measured"][metric] / unit for p in doubtful],
            label="doubtful measurement",
            color="#202020",
            marker="x",
            markersize=8,
            linestyle="none",
            zorder=4,
        )


def row_of(point: Point) -> dict[str, Any]:
    """Return the numbers of one point."""
    row = {key: point[key] for key in KEYS}
    for metric, _, _ in METRICS:
        estimate = point["metrics"][metric]
        row |= numbers(f"simulated_{metric}", estimate)
        row |= {f"measured_{metric}": point["measured"][metric]}
    return row | {"doubtful": point["measured"].get("doubtful", "")}
