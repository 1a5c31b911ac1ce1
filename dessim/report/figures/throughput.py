"""Throughput against threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matplotlib.axes import Axes

from dessim.measure.statistics.scaling import usl
from dessim.measure.statistics.typical import resolved
from dessim.metrics import FAULTS_RATE, PAGES_RATE
from dessim.report.common.format import is_lock_loop
from dessim.report.common.results import Panel, Results
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.points import draw_points, numbers
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
from dessim.report.text.comparison import scheme_label, together

DECADE = 8
"""Where throughput grows by more than this factor the axis is logarithmic: linear scaling is then
a straight line, and few threads are as easy to read as many."""


COLUMNS = 3
PAGES, TURNS = "pages mapped", "turns of the lock"
NEAR = 1.25
"""Ratios of schemes that are as close as this to the reference fill their panel."""
DISAGREE = 1.1
"""Replications that differ by more than this factor are drawn as dots."""


def draw(results: Results) -> Drawing | None:
    """Pages mapped per second, one line per scheme: windows of different size compare by pages.

    Below each panel is another one with the ratios to the first scheme, if there are several:
    lines that coincide on a logarithmic axis differ there.
    """
    panels, series = results.panels, results.series
    if not panels:
        return None
    columns = min(len(panels), COLUMNS)
    ratios = ratios_of(results)
    each = 2 if ratios else 1
    chunks = [panels[i : i + columns] for i in range(0, len(panels), columns)]
    figure, axes = grid(each * columns * len(chunks), columns, 2.1, share=False)
    rows: list[dict[str, Any]] = []
    for k, chunk in enumerate(chunks):
        top = axes[each * k * columns :]
        means = [_rate(point)["mean"] or 0 for panel in chunk for point in panel.points]
        unit, word = unit_of(means)
        for ax, panel in zip(top, chunk, strict=False):
            rows += _draw_panel(ax, panel, results, unit)
            ax.set_ylabel(f"{word}{_counted(results)} per second" if ax is top[0] else "")
        if ratios:
            below = top[columns : 2 * columns]
            for ax, panel in zip(below, chunk, strict=False):
                _draw_ratios(ax, panel, results, ratios)
                ax.set_ylabel(f"ratio to {series[0]}" if ax is below[0] else "")
        for line in range(each):
            for spare in top[line * columns + len(chunk) : (line + 1) * columns]:
                spare.set_visible(False)
    for row in rows:
        found: tuple[Any, ...] = ratios.get(
            (row["panel"], row["series"], row["threads"]), ("", "", "")
        )
        row.update(zip(("ratio", "ratio_lo", "ratio_hi"), found, strict=True))
    legend(figure, axes)
    return Drawing(figure, rows, _caption(results, rows, bool(ratios)))


def _counted(results: Results) -> str:
    """What a rate counts: in a lock loop there are no pages."""
    loops = all(is_lock_loop(point) for panel in results.panels for point in panel.points)
    return TURNS if loops else PAGES


def _rate(point: dict[str, Any]) -> dict[str, Any]:
    rate: dict[str, Any] = point["metrics"][FAULTS_RATE if is_lock_loop(point) else PAGES_RATE]
    return rate


def _metric(results: Results) -> str:
    return PAGES_RATE if _counted(results) == PAGES else FAULTS_RATE


def _caption(results: Results, rows: list[dict[str, Any]], ratios: bool) -> str:
    metric = _metric(results)
    methods = results.caption_of(results.methods_of(metric))
    what = _counted(results)
    caption = f"{what[0].upper()}{what[1:]} per second by all threads together. {methods}"
    if ratios:
        caption += (
            f" Lower panels: ratio to {results.series[0]}, median of paired replications, with 95 %"
            " intervals that hold for all ratios together, drawn where they go no further than a"
            " factor of four; where one scheme is within 25 % of it, others may be off the scale."
        )
    if any(row[f"usl_{metric}"] != "" for row in rows):
        caption += (
            " Thin lines: the Universal Scalability Law fitted to each scheme by least squares on"
            " relative errors."
        )
    if any(disagree(p) for panel in results.panels for p in panel.points):
        caption += " Dots: single replications, where they differ by more than 10 %."
    if any(len(panel.threads) > 1 for panel in results.panels):
        caption += " Dotted: linear scaling of the fastest scheme at the fewest threads."
    return caption


def _draw_panel(ax: Axes, panel: Panel, results: Results, unit: float) -> list[dict[str, Any]]:
    """Draw one panel; return its numbers."""
    metric, rows = _metric(results), []
    for index, name in enumerate(results.series):
        points = [p for p in panel.points if results.series_of(p) == name]
        line = draw_points(ax, points, _rate, index, name, unit)
        for point in filter(disagree, points):
            values = [x / unit for x in _rate(point)["values"] if x is not None]
            dots = {"color": line_style(index)["color"], "s": 4, "linewidths": 0, "alpha": 0.6}
            ax.scatter([point["threads"]] * len(values), values, **dots)
        fitted = _law_of(results, points)
        if fitted is not None:
            _draw_law(ax, fitted, panel.threads, index, unit)
        linear = _linear(points)
        for threads, estimate in line:
            rows.append(
                {
                    "panel": panel.title,
                    "series": name,
                    "threads": threads,
                    **numbers(metric, estimate),
                    f"usl_{metric}": "" if fitted is None else fitted(threads),
                    f"linear_{metric}": "" if not linear else linear * threads,
                }
            )
    if any(row[f"usl_{metric}"] != "" for row in rows):
        ax.plot([], [], color="#606060", linewidth=0.7, label="USL")  # for the legend
    if not any(row[metric] for row in rows):
        note_in(ax, "no steady rate")
    _draw_linear(ax, panel, results.series, results, unit)
    threads_axis(ax, panel.threads)
    entitle(ax, panel.title)
    ax.set_xlabel("threads")
    return rows


def disagree(point: dict[str, Any]) -> bool:
    """Whether replications differ so much that their mean says little."""
    values = [x for x in _rate(point).get("values") or [] if x]
    return len(values) > 1 and max(values) > DISAGREE * min(values)


Ratio = tuple[float, Any, Any]


def ratios_of(results: Results) -> dict[tuple[str, str, int], Ratio]:
    """Paired ratios of each scheme to the first: (panel, series, threads) -> ratio, ends or ""."""
    labels = {
        scheme_label(p): results.series_of(p) for panel in results.panels for p in panel.points
    }
    places = {_place(point): panel.title for panel in results.panels for point in panel.points}
    found: dict[tuple[str, str, int], Ratio] = {}
    for one in results.document.get("comparisons", []):
        if labels.get(one["a"]) != results.series[0] or one["b"] not in labels:
            continue
        for row in one["rows"]:
            if row["metric"] == PAGES_RATE and row["ratio"] is not None and _place(row) in places:
                low, high = together(row) or ("", "")
                key = (places[_place(row)], labels[one["b"]], row["threads"])
                found[key] = (row["ratio"], low, high)
    return found


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    swept = tuple(sorted((key, str(value)) for key, value in row["parameters"].items()))
    return (row["workload"], row["machine"], row["fault_around_order"], swept)


def _draw_ratios(
    ax: Axes, panel: Panel, results: Results, ratios: dict[tuple[str, str, int], Ratio]
) -> None:
    """Ratios to the first scheme with their intervals, in the styles of the panel above."""
    ax.axhline(1, color=line_style(0)["color"], linewidth=0.9)
    shown, near = [], []
    for index, name in enumerate(results.series):
        line: list[tuple[float, dict[str, Any]]] = []
        for n in panel.threads:
            if (panel.title, name, n) in ratios:
                mean, low, high = ratios[panel.title, name, n]
                ends = (low, high) if low != "" and resolved(mean, (low, high)) else None
                line.append((n, {"mean": mean, "ci95": ends}))
        draw_line(ax, line, index, name, 1.0)
        means = [e["mean"] for _, e in line]
        shown += means
        if means and min(means) > 1 / NEAR and max(means) < NEAR:
            near += means
    if near:
        room = 0.15 * (max(*near, 1) - min(*near, 1)) + 0.002
        ax.set_ylim(min(*near, 1) - room, max(*near, 1) + room)
    elif shown and max(shown) > 4 * min(shown):
        log_axis(ax, "y", min(*shown, 1) / 1.3, max(*shown, 1) * 1.3)
    threads_axis(ax, panel.threads)
    ax.set_xlabel("threads")


def _linear(points: list[dict[str, Any]]) -> float | None:
    """Pages per second and thread at the fewest threads of a line."""
    if not points:
        return None
    first = min(points, key=lambda point: int(point["threads"]))
    mean = _rate(first)["mean"]
    return None if mean is None else mean / first["threads"]


def _draw_linear(ax: Axes, panel: Panel, series: list[str], results: Results, unit: float) -> None:
    """What the fastest scheme would do if each further thread added as much as the first."""
    each = [
        _linear([p for p in panel.points if results.series_of(p) == name]) or 0.0 for name in series
    ]
    means = [_rate(point)["mean"] or 0.0 for point in panel.points]
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
