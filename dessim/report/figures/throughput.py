"""Throughput against threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matplotlib.axes import Axes

from dessim.measure.statistics.scaling import usl
from dessim.metrics import PAGES_RATE
from dessim.report.common.doubts import is_marked
from dessim.report.common.results import Panel, Results
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.style import (
    draw_line,
    entitle,
    grid,
    legend,
    line_style,
    log_axis,
    note_in,
    threads_axis,
    unit_of,
)
from dessim.report.text.comparison import scheme_label

METRIC = PAGES_RATE
DECADE = 8
"""Where throughput grows by more than this factor the axis is logarithmic: linear scaling is then
a straight line, and few threads are as easy to read as many."""


def draw(results: Results) -> Drawing | None:
    """Pages mapped per second, one line per scheme: windows of different size compare by pages."""
    panels, series = results.panels, results.series
    if not panels:
        return None
    figure, axes = grid(len(panels), 3, 2.1, share=False)
    rows = []
    for ax, panel in zip(axes, panels, strict=True):
        means = [point["metrics"][METRIC]["mean"] or 0 for point in panel.points]
        unit, word = unit_of(means)
        for index, name in enumerate(series):
            points = [p for p in panel.points if results.series_of(p) == name]
            line = [(p["threads"], p["metrics"][METRIC]) for p in points]
            hollow = [p["threads"] for p in points if is_marked(p)]
            draw_line(ax, line, index, name, unit, hollow)
            fitted = _law_of(results, points)
            if fitted is not None:
                _draw_law(ax, fitted, panel.threads, index, unit)
            linear = _linear(points)
            for threads, estimate in line:
                low, high = estimate["ci95"] or ("", "")
                rows.append(
                    {
                        "panel": panel.title,
                        "series": name,
                        "threads": threads,
                        METRIC: estimate["mean"],
                        f"{METRIC}_lo": low,
                        f"{METRIC}_hi": high,
                        f"usl_{METRIC}": "" if fitted is None else fitted(threads),
                        f"linear_{METRIC}": "" if not linear else linear * threads,
                    }
                )
        if any(row[f"usl_{METRIC}"] != "" for row in rows):
            ax.plot([], [], color="#606060", linewidth=0.7, label="USL")  # for the legend
        if not any(means):
            note_in(ax, "no steady rate")
        _draw_linear(ax, panel, series, results, unit)
        threads_axis(ax, panel.threads)
        entitle(ax, panel.title)
        ax.set_xlabel("threads")
        ax.set_ylabel(f"{word}pages mapped per second")
    legend(figure, axes)
    methods = results.caption_of(results.methods_of(METRIC))
    caption = f"Pages mapped per second by all threads together. {methods}"
    if any(row[f"usl_{METRIC}"] != "" for row in rows):
        caption += (
            " Thin lines: the Universal Scalability Law fitted to each scheme by least squares on"
            " relative errors."
        )
    if any(len(panel.threads) > 1 for panel in panels):
        caption += " Dotted: linear scaling of the fastest scheme at the fewest threads."
    return Drawing(figure, rows, caption)


def _linear(points: list[dict[str, Any]]) -> float | None:
    """Pages per second and thread at the fewest threads of a line."""
    if not points:
        return None
    first = min(points, key=lambda point: int(point["threads"]))
    mean = first["metrics"][METRIC]["mean"]
    return None if mean is None else mean / first["threads"]


def _draw_linear(ax: Axes, panel: Panel, series: list[str], results: Results, unit: float) -> None:
    """What the fastest scheme would do if each further thread added as much as the first."""
    each = [
        _linear([p for p in panel.points if results.series_of(p) == name]) or 0.0 for name in series
    ]
    means = [point["metrics"][METRIC]["mean"] or 0.0 for point in panel.points]
    if min(means) > 0 and max(means) > DECADE * min(means):
        log_axis(ax, "y", min(means) / 1.4 / unit, max(means) * 1.5 / unit)
    else:
        ax.set_ylim(0, max(ax.get_ylim()[1], 1.05 * max(means) / unit))
    low, high = min(panel.threads), max(panel.threads)
    if max(each, default=0.0) > 0 and high > low:
        at = [low * (high / low) ** (i / 60) for i in range(61)]
        rate = [max(each) * n / unit for n in at]
        look: dict[str, Any] = {"color": "#202020", "linestyle": (0, (1, 1.5)), "linewidth": 0.9}
        ax.plot(at, rate, label="linear", zorder=3, **look)


def _law_of(results: Results, points: list[dict[str, Any]]) -> Callable[[float], float] | None:
    """The fitted USL of a line, if the results hold one."""
    for one in results.document.get("scaling", []):
        same = points and all(
            one[key] == points[0][key]
            for key in ("workload", "machine", "fault_around_order", "parameters")
        )
        if same and one["law"] == "usl" and one["scheme"] == scheme_label(points[0]):
            c = one["fitted"]
            return lambda n: usl(n, c["lambda"], c["sigma"], c["kappa"])
    return None


def _draw_law(
    ax: Axes, law: Callable[[float], float], threads: list[int], index: int, unit: float
) -> None:
    low, high = min(threads), max(threads)
    at = [low * (high / low) ** (i / 60) for i in range(61)]
    colour = line_style(index)["color"]
    ax.plot(at, [law(n) / unit for n in at], color=colour, linewidth=0.7, alpha=0.8)
