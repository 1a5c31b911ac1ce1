"""Quantiles of the fault latency against threads."""

from __future__ import annotations

from dessim.metrics import View, latencies_of
from dessim.report.common.results import Panel, Results
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.points import draw_points, metric_of, numbers
from dessim.report.plot.style import (
    entitle,
    grid,
    legend,
    log_axis,
    note_in,
    threads_axis,
)

QUANTILES = latencies_of(View.FIGURE)
NS_PER_US = 1000.0


def draw(results: Results) -> Drawing | None:
    """Median and tail quantiles, a column each; a row per panel, with one scale for all of it."""
    panels, series = results.panels, results.series
    if not any(p["metrics"][QUANTILES[0].name]["mean"] for panel in panels for p in panel.points):
        return None
    across = len(QUANTILES)
    figure, axes = grid(across * len(panels), across, 1.75, share=False)
    rows = []
    for place, ax in enumerate(axes):
        panel, quantile = panels[place // across], QUANTILES[place % across]
        word, metric = quantile.heading, quantile.name
        for index, name in enumerate(series):
            points = [p for p in panel.points if results.series_of(p) == name]
            line = draw_points(ax, points, metric_of(metric), index, name, NS_PER_US)
            head = {"panel": panel.title, "series": name, "quantile": word}
            rows += [{**head, "threads": n, **numbers("fault_latency_ns", one)} for n, one in line]
        if not any(point["metrics"][metric]["mean"] for point in panel.points):
            note_in(ax, "not supported by the runs")
        log_axis(ax, "y", *_range_us(panel))
        threads_axis(ax, panel.threads)
        entitle(ax, f"{word}, {panel.title}" if panel.title else word)
        ax.set_xlabel("threads")
        if place % across == 0:
            ax.set_ylabel("fault latency (µs)")
        else:
            ax.tick_params(labelleft=False)
    legend(figure, axes)
    methods = results.methods_of(*(quantile.name for quantile in QUANTILES))
    caption = (
        "Latency of page faults from exception entry to exit: quantiles of the typical run; those"
        " with too few faults beyond them, and those that not all runs support, are left out."
        f" {results.caption_of(methods)}"
    )
    return Drawing(figure, rows, caption)


def _range_us(panel: Panel) -> tuple[float, float]:
    """Range that holds every quantile of a panel and the upper ends of its intervals."""
    estimates = [point["metrics"][one.name] for point in panel.points for one in QUANTILES]
    means = [e["mean"] / NS_PER_US for e in estimates if e["mean"]]
    tops = [e["ci95"][1] / NS_PER_US for e in estimates if e["mean"] and e["ci95"]]
    return min(means) / 1.5, max(means + tops) * 1.5
