"""Speed-up of the gang lookup over locking each page: a map of threads and windows."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from dessim.measure.statistics.ratios import compare_family
from dessim.report.common.results import Point
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.style import grid
from dessim.study.sweep.compare import values_of

NEEDS = {"gang-lookup-map": "dessim run gang-lookup-map -j 2"}
KEYS = ("workload", "threads", "fault_around_order")
TOLERANCE = Tolerance(relative=0.15, absolute=0.05)
METRIC = "pages_mapped_per_s"
BASE, OTHER = "lock_each_page", "gang_lookup_mapcount"
ENDS = (0.5, 2.0)
"""Colours end here: cells beyond are as dark as these."""


def draw(stored: Stored) -> Drawing:
    """A cell per number of threads and window; the line where neither scheme is faster."""
    results = stored.results("gang-lookup-map")
    points = results.document["points"]
    workloads = list(dict.fromkeys(point["workload"] for point in points))
    figure, axes = grid(len(workloads), 2, 2.5, share=False)
    rows = []
    for ax, workload in zip(axes, workloads, strict=True):
        cells = cells_of([p for p in points if p["workload"] == workload])
        image = draw_map(ax, cells)
        ax.set(title=workload, xlabel="threads", ylabel="fault_around_order")
        rows += [{"workload": workload, **cell} for cell in cells.values()]
    bar = figure.colorbar(image, ax=axes, extend="both", pad=0.02, aspect=25)
    ticks = (ENDS[0], 0.7, 1.0, 1.4, ENDS[1])
    bar.set_ticks([math.log2(tick) for tick in ticks], labels=[f"{tick:g}" for tick in ticks])
    bar.set_label(f"{OTHER} over\n{BASE}")
    runs = sorted({row["n"] for row in rows if row["speedup"] != ""})
    n = f"{runs[0]} to {runs[-1]}" if len(runs) > 1 else str(runs[0])
    caption = (
        f"Pages mapped per second of {OTHER} over those of {BASE}, median ratio of {n} pairs of"
        " replications with common random numbers. Black line: equally fast, interpolated between"
        " cells that lie significantly on different sides. Italic in brackets: not"
        " significant at 5 %, all cells of a map together. Dash: no steady rate, one that depends"
        " on how much is simulated, or an interval that goes further than a factor of four."
        f" Hatched: {BASE} is significantly faster. {results.caption_of(bands=False)}"
    )
    return Drawing(figure, rows, caption)


def cells_of(points: Sequence[Point]) -> dict[tuple[int, int], dict[str, Any]]:
    """Return the paired ratio of each (order, threads); its interval is that of the map's test."""
    by_scheme: dict[str, dict[tuple[int, int], Point]] = {}
    for p in points:
        by_scheme.setdefault(p["scheme"], {})[p["fault_around_order"], p["threads"]] = p
    places = list(by_scheme[BASE])
    pairs = [
        (values_of(by_scheme[BASE][place], METRIC), values_of(by_scheme[OTHER][place], METRIC))
        for place in places
    ]
    found = {}
    for place, ratio in zip(places, compare_family(pairs), strict=True):
        low, high = ratio.simultaneous or ("", "")
        if not ratio.resolved:
            low = high = ""
        found[place] = {
            "threads": place[1],
            "fault_around_order": place[0],
            "speedup": ratio.ratio if ratio.resolved else "",
            "speedup_lo": low,
            "speedup_hi": high,
            "significant": str(bool(ratio.significant)).lower(),
            "n": ratio.n,
        }
    return found


def checked(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the numbers to compare: a cell near 1 may be significant or not."""
    return [{k: v for k, v in row.items() if k not in ("significant", "n")} for row in rows]


def draw_map(ax: Axes, cells: dict[tuple[int, int], dict[str, Any]]) -> AxesImage:
    """Draw cells with their numbers, and the line at 1; return what has the colours."""
    orders, threads = (sorted({place[i] for place in cells}) for i in (0, 1))
    table = [[cells[order, n]["speedup"] or math.nan for n in threads] for order in orders]
    logs = np.ma.masked_invalid(np.log2(table))
    unclear = [[cells[order, n]["significant"] != "true" for n in threads] for order in orders]
    clear = np.ma.masked_where(unclear, logs)  # no line where a cell may be on either side
    norm = TwoSlopeNorm(0.0, math.log2(ENDS[0]), math.log2(ENDS[1]))
    image = ax.imshow(logs, cmap="PuOr_r", norm=norm, origin="lower", aspect="auto", alpha=0.75)
    for y, order in enumerate(orders):
        for x, n in enumerate(threads):
            write_cell(ax, x, y, cells[order, n])
    if clear.count() and clear.min() < 0 < clear.max():
        ax.contour(clear, levels=[0.0], colors="black", linewidths=1.2, zorder=4)
    ax.set_xticks(range(len(threads)), [str(n) for n in threads])
    ax.set_yticks(range(len(orders)), [str(order) for order in orders])
    ax.grid(visible=False)
    return image


def write_cell(ax: Axes, x: int, y: int, cell: dict[str, Any]) -> None:
    """Write the ratio in its cell: in italics and brackets if it may be 1."""
    speedup = cell["speedup"]
    unclear = speedup != "" and cell["significant"] != "true"
    if speedup != "" and speedup < 1 and not unclear:
        look = {"hatch": "////", "edgecolor": "#404040", "linewidth": 0}
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, **look))
    text = "-" if speedup == "" else f"{speedup:.2f}"
    box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "linewidth": 0}
    ax.text(
        x,
        y,
        f"({text})" if unclear else text,
        ha="center",
        va="center",
        fontsize=6,
        fontstyle="italic" if unclear else "normal",
        bbox=box,
        zorder=5,
    )
