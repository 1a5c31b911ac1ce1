"""Share of faults that take longer than some time, at chosen numbers of threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from dessim.report.common.format import threads_word
from dessim.report.common.results import Results
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.style import entitle, grid, legend, line_style, log_axis

NS_PER_US = 1000.0
THIN = " Thin where the runs support no interval."


def draw(results: Results, threads: Sequence[int] = ()) -> Drawing | None:
    """Complementary distribution of latencies, both axes logarithmic.

    Parameters
    ----------
    results : Results
    threads : sequence of int
        Numbers of threads, a column each; none: the highest of each panel.
    """
    shown = [
        (panel, count, points)
        for panel in results.panels
        for count in threads or [max(panel.threads)]
        if (points := _shown(results, panel.points, count))
    ]
    if not shown:
        return None
    figure, axes = grid(len(shown), len(threads) or 3, 2.1 if len(shown) < 4 else 1.75, share=False)
    rows: list[dict[str, Any]] = []
    for ax, (panel, count, points) in zip(axes, shown, strict=True):
        for point in points:
            name = results.series_of(point)
            tail = results.latencies[point["index"]]
            _line(ax, tail, results.series.index(name), name)
            head = {"panel": panel.title, "series": name, "threads": count}
            rows += [{**head, **row} for row in tail]
        tails = [results.latencies[point["index"]] for point in points]
        ends = [(row["latency_ns"] or 0.0) / NS_PER_US for tail in tails for row in tail]
        log_axis(ax, "x", min(ends) / 1.1, max(ends) * 1.1)
        log_axis(ax, "y", min(s for tail in tails if (s := _least(tail))) / 2, 1.5)
        word = threads_word(count)
        entitle(ax, f"{panel.title}, {word}" if panel.title else word)
        ax.set_xlabel("fault latency (µs)")
        if not threads or threads[0] == count:
            ax.set_ylabel("share that takes longer")
    legend(figure, axes)
    at = "the largest number of threads" if not threads else "some numbers of threads"
    caption = (
        f"Share of page faults that take longer than a time, at {at}: the histograms of all"
        " replications together, buckets of 1/128 of their latency."
        f" {results.caption_of(results.latency_methods)}"
        f"{THIN if results.latency_methods else ''}"
    )
    return Drawing(figure, rows, caption)


def _shown(
    results: Results, points: tuple[dict[str, Any], ...], threads: int
) -> list[dict[str, Any]]:
    return [p for p in points if p["threads"] == threads and results.latencies.get(p["index"])]


def _least(tail: list[dict[str, float | None]]) -> float:
    """Smallest share of a curve that is not nothing; 1 if all faults took the same time."""
    return min((row["longer_share"] for row in tail if row["longer_share"]), default=1.0)


def _line(ax: Axes, tail: list[dict[str, float | None]], index: int, label: str) -> None:
    kept = [row for row in tail if row["longer_share"]]  # nothing is longer than the last one
    x = [(row["latency_ns"] or 0.0) / NS_PER_US for row in kept]
    style = {key: value for key, value in line_style(index).items() if key != "marker"}
    shares = [row["longer_share"] or 0.0 for row in kept]
    if kept and kept[0]["longer_share"] != 1:
        x, shares = [x[0], *x], [1.0, *shares]
        kept = [kept[0], *kept]
    banded = [(at, row) for at, row in zip(x, kept, strict=True) if row["longer_share_lo"]]
    sure = max((i for i, row in enumerate(kept) if row["longer_share_lo"]), default=len(x) - 1) + 1
    ax.plot(x[:sure], shares[:sure], drawstyle="steps-post", label=label, **style)
    thin = {**style, "linewidth": 0.6, "alpha": 0.8}
    ax.plot(x[sure - 1 :], shares[sure - 1 :], drawstyle="steps-post", **thin)
    if banded:
        low = [row["longer_share_lo"] or 0.0 for _, row in banded]
        high = [row["longer_share_hi"] or 0.0 for _, row in banded]
        ats = [at for at, _ in banded]
        ax.fill_between(ats, low, high, step="post", color=style["color"], alpha=0.2, linewidth=0)
