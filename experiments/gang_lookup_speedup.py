"""Speed-up of the gang lookup over locking each page: a map of threads and windows."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.patches import Rectangle

from dessim.measure.statistics.paired import compare
from dessim.report.common.results import Point
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.style import grid

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
        draw_map(ax, cells)
        ax.set(title=workload, xlabel="threads", ylabel="fault_around_order")
        rows += [{"workload": workload, **cell} for cell in cells.values()]
    n = rows[0]["n"]
    caption = (
        f"Pages mapped per second of {OTHER} over those of {BASE}, ratio of {n} pairs of"
        " replications with common random numbers. Black line: equally fast, interpolated between"
        " cells. Italic in brackets: the 95 % paired t interval contains 1. Hatched:"
        f" {BASE} is faster. {results.caption_of(bands=False)}"
    )
    return Drawing(figure, rows, caption)


def cells_of(points: Sequence[Point]) -> dict[tuple[int, int], dict[str, Any]]:
    """Return the paired ratio of each (order, threads)."""
    by_scheme: dict[str, dict[tuple[int, int], Point]] = {}
    for p in points:
        by_scheme.setdefault(p["scheme"], {})[p["fault_around_order"], p["threads"]] = p
    found = {}
    for place, a in by_scheme[BASE].items():
        b = by_scheme[OTHER][place]
        paired = compare(a["metrics"][METRIC]["values"], b["metrics"][METRIC]["values"])
        ratio = paired.as_dict()
        low, high = ratio["ratio_ci95"] or ("", "")
        found[place] = {
            "threads": place[1],
            "fault_around_order": place[0],
            "speedup": ratio["ratio"],
            "speedup_lo": low,
            "speedup_hi": high,
            "n": ratio["n"],
        }
    return found


def draw_map(ax: Axes, cells: dict[tuple[int, int], dict[str, Any]]) -> None:
    """Draw cells with their numbers, and the line at 1."""
    orders, threads = (sorted({place[i] for place in cells}) for i in (0, 1))
    table = [[cells[order, n]["speedup"] for n in threads] for order in orders]
    logs = [[math.log2(x) for x in row] for row in table]
    norm = TwoSlopeNorm(0.0, math.log2(ENDS[0]), math.log2(ENDS[1]))
    ax.imshow(logs, cmap="PuOr_r", norm=norm, origin="lower", aspect="auto", alpha=0.75)
    for y, order in enumerate(orders):
        for x, n in enumerate(threads):
            write_cell(ax, x, y, cells[order, n])
    if min(map(min, logs)) < 0 < max(map(max, logs)):
        ax.contour(logs, levels=[0.0], colors="black", linewidths=1.2, zorder=4)
    ax.set_xticks(range(len(threads)), [str(n) for n in threads])
    ax.set_yticks(range(len(orders)), [str(order) for order in orders])
    ax.grid(visible=False)


def write_cell(ax: Axes, x: int, y: int, cell: dict[str, Any]) -> None:
    """Write the ratio in its cell: in italics and brackets if it may be 1."""
    if cell["speedup"] < 1:
        look = {"hatch": "////", "edgecolor": "#404040", "linewidth": 0}
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, **look))
    low, high = cell["speedup_lo"], cell["speedup_hi"]
    unclear = low == "" or low <= 1 <= high
    text = f"{cell['speedup']:.2f}"
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
