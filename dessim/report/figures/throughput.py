"""Throughput against threads."""

from __future__ import annotations

from dessim.report.drawing import Drawing
from dessim.report.results import Results
from dessim.report.style import draw_line, grid, legend, threads_axis, unit_of

METRIC = "pages_mapped_per_s"


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
            draw_line(ax, line, index, name, unit)
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
                    }
                )
        threads_axis(ax, panel.threads)
        ax.set_ylim(bottom=0)
        ax.set_title(panel.title)
        ax.set_xlabel("threads")
        ax.set_ylabel(f"{word}pages mapped per second")
    legend(figure, axes)
    caption = f"Pages mapped per second by all threads together. {results.caption_of()}"
    return Drawing(figure, rows, caption)
