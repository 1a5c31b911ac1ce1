"""Share of faults that take longer than some time, at the highest number of threads."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from dessim.report.drawing import Drawing
from dessim.report.results import Results
from dessim.report.style import grid, legend, line_style, log_axis
from dessim.report.words import threads_word

NS_PER_US = 1000.0


def draw(results: Results) -> Drawing | None:
    """Complementary distribution of latencies, both axes logarithmic."""
    panels = [panel for panel in results.panels if _shown(results, panel.points)]
    if not panels:
        return None
    figure, axes = grid(len(panels), 3, 2.1, share=False)
    rows: list[dict[str, Any]] = []
    for ax, panel in zip(axes, panels, strict=True):
        for point in _shown(results, panel.points):
            name = results.series_of(point)
            tail = results.latencies[point["index"]]
            _line(ax, tail, results.series.index(name), name)
            head = {"panel": panel.title, "series": name, "threads": point["threads"]}
            rows += [{**head, **row} for row in tail]
        shown = [results.latencies[point["index"]] for point in _shown(results, panel.points)]
        ends = [(row["latency_ns"] or 0.0) / NS_PER_US for tail in shown for row in tail]
        log_axis(ax, "x", min(ends) / 1.1, max(ends) * 1.1)
        ax.set_yscale("log")
        threads = threads_word(max(panel.threads))
        ax.set_title(f"{panel.title}, {threads}" if panel.title else threads)
        ax.set_xlabel("fault latency (µs)")
        ax.set_ylabel("share of faults that take longer")
    legend(figure, axes)
    caption = (
        "Share of page faults that take longer than a time, at the highest number of threads."
        f" {results.caption_of()}"
    )
    return Drawing(figure, rows, caption)


def _shown(results: Results, points: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    most = max(point["threads"] for point in points)
    return [p for p in points if p["threads"] == most and results.latencies.get(p["index"])]


def _line(ax: Axes, tail: list[dict[str, float | None]], index: int, label: str) -> None:
    kept = [row for row in tail if row["longer_share"]]  # nothing is longer than the last one
    x = [(row["latency_ns"] or 0.0) / NS_PER_US for row in kept]
    style = {key: value for key, value in line_style(index).items() if key != "marker"}
    shares = [row["longer_share"] or 0.0 for row in kept]
    if kept and kept[0]["longer_share"] != 1:
        x, shares = [x[0], *x], [1.0, *shares]
        kept = [kept[0], *kept]
    ax.plot(x, shares, drawstyle="steps-post", label=label, **style)
    banded = [(at, row) for at, row in zip(x, kept, strict=True) if row["longer_share_lo"]]
    if banded:
        low = [row["longer_share_lo"] or 0.0 for _, row in banded]
        high = [row["longer_share_hi"] or 0.0 for _, row in banded]
        ats = [at for at, _ in banded]
        ax.fill_between(ats, low, high, step="post", color=style["color"], alpha=0.2, linewidth=0)
