"""Where time goes: shares of all threads' time by category, stacked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dessim.report.common.format import threads_word
from dessim.report.common.palette import CATEGORY_LOOKS, UNSEEN, place_of
from dessim.report.common.results import Panel, Results
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.style import PAGE_IN, legend

SMALLEST = 0.005
"""A category that nowhere reaches this share is drawn as a part of `other`."""
MAX_BARS = 32


def draw(results: Results, threads: Sequence[int] = ()) -> Drawing | None:
    """A bar per point; of many thread counts the lowest and highest, of very many the highest.

    Parameters
    ----------
    results : Results
    threads : sequence of int
        Numbers of threads to show instead.
    """
    panels = _of_threads(results.panels, threads) if threads else _thinned(results.panels)
    bars = [len(panel.points) for panel in panels]
    if not bars:
        return None
    shares = [point["time_share"] for panel in panels for point in panel.points]
    shown = [name for name in shares[0] if max(share[name] for share in shares) >= SMALLEST]
    shown.sort(key=place_of)
    height_in = 0.7 + sum(0.15 * n + 0.3 for n in bars)
    figure = Figure(figsize=(PAGE_IN, height_in))
    axes = figure.subplots(len(panels), 1, squeeze=False, sharex=True, height_ratios=bars).ravel()
    rows: list[dict[str, Any]] = []
    for ax, panel in zip(axes, panels, strict=True):
        _bars(ax, panel, shown, results)
        for point in panel.points:
            head = {"panel": panel.title, "series": results.series_of(point)}
            share = {f"time_share_{name}": value for name, value in point["time_share"].items()}
            rows.append({**head, "threads": point["threads"], **share})
    axes[-1].set_xlabel("share of all threads' time (%)")
    legend(figure, list(axes))
    caption = f"Where the time of all threads goes. {results.caption_of(bands=False)}"
    return Drawing(figure, rows, caption)


def _of_threads(panels: list[Panel], threads: Sequence[int]) -> list[Panel]:
    """The panels with the points of chosen thread counts, fewest threads first."""
    kept = [
        Panel(panel.title, tuple(p for n in threads for p in panel.points if p["threads"] == n))
        for panel in panels
    ]
    return [panel for panel in kept if panel.points]


def _thinned(panels: list[Panel]) -> list[Panel]:
    """The same panels with few enough thread counts for a page."""
    for keep in (None, 2, 1):
        kept = [Panel(panel.title, _kept(panel, keep)) for panel in panels]
        if sum(len(panel.points) for panel in kept) <= MAX_BARS:
            break
    return kept


def _kept(panel: Panel, keep: int | None) -> tuple[dict[str, Any], ...]:
    threads = panel.threads
    chosen = threads if keep is None else threads[-1:] if keep == 1 else [threads[0], threads[-1]]
    points = [p for p in panel.points if p["threads"] in chosen]
    return tuple(sorted(points, key=lambda point: point["threads"]))


def _bars(ax: Axes, panel: Panel, shown: list[str], results: Results) -> None:
    labels = [f"{results.series_of(p)}, {threads_word(p['threads'])}" for p in panel.points]
    left = [0.0] * len(labels)
    places = list(range(len(labels)))
    for name in shown:
        widths = [100 * point["time_share"][name] for point in panel.points]
        word, colour, hatch = CATEGORY_LOOKS.get(name, (name, *UNSEEN))
        ax.barh(
            places,
            widths,
            0.78,
            left,
            color=colour,
            hatch=hatch,
            edgecolor="#303030" if hatch else "white",
            linewidth=0.3,
            label=word,
        )
        left = [a + b for a, b in zip(left, widths, strict=True)]
    rest = [max(0.0, 100 - x) for x in left]
    if max(rest) > 1e-6:
        edge: dict[str, Any] = {"color": "white", "edgecolor": "#808080", "linewidth": 0.3}
        ax.barh(places, rest, 0.78, left, label="other", **edge)
    ax.set_yticks(places, labels)
    ax.invert_yaxis()
    ax.set_xlim(0, 100)
    ax.grid(visible=False, axis="y")
    ax.set_title(panel.title, loc="left")
