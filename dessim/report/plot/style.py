"""How figures look: colours that colour-blind readers can distinguish, with markers and dashes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from dessim.report.common.format import plain_number
from dessim.report.common.palette import COLOURS, DASHES, MARKERS

STYLE = Path(__file__).with_name("paper.mplstyle")
COLUMN_IN, PAGE_IN = 3.33, 7.0
"""Width of a figure over one column and over the whole page, inches."""

MAX_TICKS = 8
LEGEND_LINE_IN = 0.14
"""Height of a line of a legend, inches: 7 pt letters with their spacing."""
INCHES_A_LETTER, TITLE_MARGIN_IN = 0.055, 0.35
"""Of a title: 8 pt letters, and what the axis labels against a panel take."""


def paper_style() -> AbstractContextManager[None]:
    """All that is drawn and written inside looks as figures for a paper do."""
    context: AbstractContextManager[None] = matplotlib.style.context(["default", str(STYLE)])
    return context


def line_style(index: int) -> dict[str, Any]:
    """Colour, marker and dashes of the n-th series."""
    dashes = DASHES[index % len(DASHES)]
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": MARKERS[index % len(MARKERS)],
        "linestyle": (0, dashes) if dashes else "-",
    }


def grid(
    panels: int, columns: int, height_in: float, *, share: bool = True
) -> tuple[Figure, list[Axes]]:
    """A figure with some panels in rows of at most some columns.

    Parameters
    ----------
    panels, columns : int
    height_in : float, inches
        Of one row.
    share : bool
        Whether the panels have a common x axis.

    Returns
    -------
    Figure, list of Axes
    """
    columns = min(panels, columns)
    rows = -(-panels // columns)
    width_in = COLUMN_IN if columns == 1 else PAGE_IN
    figure = Figure(figsize=(width_in, height_in * rows + 0.35))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=share).ravel().tolist()
    for spare in axes[panels:]:
        spare.set_visible(False)
    return figure, axes[:panels]


def entitle(ax: Axes, text: str) -> None:
    """Put a title over a panel, in as many lines as its width asks for.

    Of a swept key the last part is enough: the whole of it is in the data next to the figure.
    """
    short = re.sub(r"\b(?:machine|workload)(?:\.\w+)*\.(\w+ )", r"\1", text)
    spec = ax.get_subplotspec()
    columns = 1 if spec is None else spec.get_gridspec().ncols
    figure = ax.get_figure(root=True)
    width_in = PAGE_IN if figure is None else figure.get_figwidth()
    wide = int((width_in / columns - TITLE_MARGIN_IN) / INCHES_A_LETTER)
    ax.set_title("\n".join(textwrap.wrap(short, wide)))


def legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """One legend for all panels, above them; the figure grows by what the legend takes.

    A legend of one line is what ``grid`` leaves room for.
    """
    handles: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    longest = max((len(label) for label in handles), default=1)
    inches_each = 0.45 + 0.058 * longest
    fits = max(1, int(figure.get_figwidth() / inches_each))
    rows = -(-len(handles) // fits)
    columns = -(-len(handles) // max(rows, 1))
    figure.set_figheight(figure.get_figheight() + max(rows - 1, 0) * LEGEND_LINE_IN)
    figure.legend(
        list(handles.values()), list(handles), loc="outside upper center", ncols=max(columns, 1)
    )


def threads_axis(ax: Axes, threads: Sequence[int]) -> None:
    """Logarithmic axis of threads, with ticks where points are."""
    ax.set_xscale("log", base=2)
    ticks = list(threads)
    while len(ticks) > MAX_TICKS:
        ticks = ticks[::-2][::-1]  # the highest stays
    while len(ticks) > 2 and ticks[-1] < 1.3 * ticks[-2]:
        del ticks[-2]  # their numbers would touch
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([str(tick) for tick in ticks])
    ax.set_xlim(min(threads) / 1.15, max(threads) * 1.15)


def draw_line(
    ax: Axes,
    rows: Sequence[tuple[float, dict[str, Any]]],
    index: int,
    label: str,
    unit: float,
    hollow: Collection[float] = (),
) -> None:
    """Draw estimates against x, the intervals as bands; gaps where there is no number.

    A band spans neighbours that have an interval; where one stands alone it is a bar.

    Parameters
    ----------
    ax : Axes
    rows : sequence of (x, estimate)
    index : int
        Of the series, for its style.
    label : str
    unit : float
        What to divide by.
    hollow : collection of x
        Where a marker is hollow: the number is not to be believed as it stands.
    """
    known = [(x, e) for x, e in sorted(rows, key=lambda row: row[0]) if e["mean"] is not None]
    if not known:
        return
    x = [row[0] for row in known]
    style = line_style(index)
    ax.plot(x, [e["mean"] / unit for _, e in known], label=label, **style)
    marked = [(at, e["mean"] / unit) for at, e in known if at in hollow]
    if marked:
        face = {"markerfacecolor": "white", "linestyle": "none", "zorder": 2.5}
        ax.plot(*zip(*marked, strict=True), **{**style, **face})
    for has_interval, group in groupby(known, lambda row: row[1]["ci95"] is not None):
        if not has_interval:
            continue
        at, ends = zip(*((x, e["ci95"]) for x, e in group), strict=True)
        low, high = [end[0] / unit for end in ends], [end[1] / unit for end in ends]
        if len(at) > 1:
            ax.fill_between(at, low, high, color=style["color"], alpha=0.2, linewidth=0)
        else:  # a band of one point would have no width
            ax.vlines(at, low, high, color=style["color"], alpha=0.4, linewidth=3)


def log_axis(ax: Axes, name: Literal["x", "y"], low: float, high: float) -> None:
    """Logarithmic axis with plain numbers: the less it spans, the more of each decade."""
    ax.set(**{f"{name}scale": "log", f"{name}lim": (low, high)})
    axis: Axis = ax.xaxis if name == "x" else ax.yaxis
    few = high / low < 300
    many = high / low > 1e5
    steps = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if high / low < 4 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(100 if many else 10, steps if few else (1.0,)))
    axis.set_minor_locator(LogLocator(10, (1.0,) if many else "auto" if few else range(2, 10)))
    axis.set_major_formatter(FuncFormatter(lambda x, _: plain_number(x)))
    axis.set_minor_formatter(NullFormatter())


def unit_of(values: Sequence[float]) -> tuple[float, str]:
    """A power of a thousand that makes values handy, and the word for it."""
    top = max((abs(x) for x in values), default=0)
    for size, word in ((1e9, "billion "), (1e6, "million "), (1e3, "thousand ")):
        if top >= size:
            return size, word
    return 1.0, ""


def note_in(ax: Axes, text: str) -> None:
    """Say in the middle of an empty panel why it is empty."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color="#606060")
