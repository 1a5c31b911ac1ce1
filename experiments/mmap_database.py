"""A database on mmap: simulated rates and those measured for CIDR 2022; reads of a volume."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import NullFormatter

from dessim.report.common.results import Point
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.style import draw_line, grid

NEEDS = {
    "mmap-database": "dessim run mmap-database -j 2",
    "readahead-or-not": "dessim run readahead-or-not -j 2",
}
KEYS = ("panel", "case", "threads")
TOLERANCE = Tolerance(relative=0.1)
PER_GIB = 4096 / 2**30
MEASURED = {  # case -> GiB/s touched; viktorleis/mmapbench at 8f66321 (CIDR 2022), one PM1733
    "blocks, normal, empty": 6.581,
    "blocks, normal, full": 2.678,
    "blocks, sequential, empty": 6.21,
    "blocks, sequential, full": 2.525,
    "blocks, random, empty": 1.0,
    "random pages, normal, empty": 0.204,
    "random pages, normal, full": 0.084,
}
READ = {"random pages, normal, empty": 6.404, "random pages, normal, full": 2.528}


def case_of(point: Point) -> str:
    """Return what a point of mmap-database is called."""
    at = point["parameters"]
    pages = "random pages" if point["workload"].startswith("random") else "blocks"
    full = str(at["workload.memory_share"]) != "100%"
    return f"{pages}, {at['workload.advice']}, {'full' if full else 'empty'}"


def ends(point: Point, metric: str, scale: float) -> tuple[float, float, float]:
    """Return mean and interval of a rate in other units: of the whole run without a steady one."""
    estimate = point["metrics"][metric]
    if estimate["mean"] is None:
        estimate = point["metrics"][f"average_{metric}"]
    low, high = estimate["ci95"] or [estimate["mean"]] * 2
    return estimate["mean"] * scale, low * scale, high * scale


def rate_of(point: Point) -> dict[str, Any]:
    """Return the estimate of pages touched a second, as ``ends`` takes it."""
    value, low, high = ends(point, "touches_per_s", 1.0)
    return {"mean": value, "ci95": [low, high]}


def bars(stored: Stored) -> list[dict[str, Any]]:
    """Return a row per case: GiB/s touched, read, and measured."""
    rows = []
    for point in stored.results("mmap-database").document["points"]:
        case = case_of(point)
        value, low, high = ends(point, "touches_per_s", PER_GIB)
        read = ends(point, "device_pages_per_s", PER_GIB)[0]
        row = {"panel": "GiB/s touched", "case": case, "threads": point["threads"]}
        row |= {"value": value, "value_lo": low, "value_hi": high, "read": read}
        rows.append(row | {"measured": MEASURED[case], "error": value / MEASURED[case] - 1})
    return rows


def lines(stored: Stored) -> list[Point]:
    """Return the points of readahead-or-not."""
    points: list[Point] = stored.results("readahead-or-not").document["points"]
    return points


def row_of(point: Point) -> dict[str, Any]:
    """Return pages touched a second of one point of readahead-or-not."""
    value, low, high = ends(point, "touches_per_s", 1e-3)
    row = {"panel": "thousand touches/s", "case": advice_of(point), "threads": point["threads"]}
    return row | {"value": value, "value_lo": low, "value_hi": high}


def advice_of(point: Point) -> str:
    """Return what madvise said of the file of a point."""
    return f"MADV_{point['parameters']['workload.advice'].upper()}"


def checked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rates: errors near 0 follow from them, and have no tolerance of their own."""
    numbers = (*KEYS, "value", "value_lo", "value_hi")
    return [{key: row[key] for key in numbers} for row in rows]


def draw(stored: Stored) -> Drawing:
    """Simulated and measured rates; touches a second against threads."""
    cells, volume = bars(stored), lines(stored)
    figure, axes = grid(2, 2, 2.6, share=False)
    draw_cells(axes[0], cells)
    for number, name in enumerate(dict.fromkeys(advice_of(point) for point in volume)):
        here = [point for point in volume if advice_of(point) == name]
        each = [(point["threads"], rate_of(point)) for point in here]
        draw_line(axes[1], each, number, name, 1e3)
    axes[1].set_xscale("log", base=2)
    axes[1].set_yscale("log")
    plain_ticks(axes[1].xaxis, (1, 4, 16, 64))
    plain_ticks(axes[1].yaxis, (2, 5, 10, 20))
    axes[1].set_xlabel("threads")
    axes[1].set_ylabel("thousand pages touched per second")
    axes[1].legend(loc="upper left", fontsize=6)
    known = (stored.results(name) for name in NEEDS)
    sources = " ".join(results.caption_of(bands=False) for results in known)
    caption = (
        "Left: GiB/s touched by 20 threads (blocks in order) or 100 (random pages) on one NVMe"
        " disk, before memory is full and after: simulated with 95 % intervals, and measured (open;"
        " CIDR 2022). Right: random pages on a cloud volume of 334 us and 20,000 commands a second."
        f" {sources}"
    )
    return Drawing(figure, [*cells, *map(row_of, volume)], caption)


def plain_ticks(axis: Axis, places: tuple[float, ...]) -> None:
    """Put ticks of a logarithmic axis at some places, as plain numbers."""
    axis.set_ticks(places, [f"{place:g}" for place in places])
    axis.set_minor_formatter(NullFormatter())


def draw_cells(ax: Axes, cells: list[dict[str, Any]]) -> None:
    """Draw the cells as dots with their intervals, and what was measured."""
    places, values = range(len(cells)), [row["value"] for row in cells]
    spread = [
        [row["value"] - row["value_lo"] for row in cells],
        [row["value_hi"] - row["value"] for row in cells],
    ]
    style = {"color": "#0072B2", "markersize": 4, "label": "simulated"}
    ax.errorbar(values, list(places), xerr=spread, fmt="o", **style)
    measured = [row["measured"] for row in cells]
    ax.plot(measured, list(places), "D", color="#D55E00", mfc="none", ms=6, label="measured")
    ax.set_yticks(list(places), [row["case"] for row in cells], fontsize=7)
    ax.invert_yaxis()
    ax.set_xscale("log")
    plain_ticks(ax.xaxis, (0.1, 0.3, 1, 3))
    ax.set_xlabel("GiB/s touched")
    ax.grid(visible=False, axis="y")
    ax.legend(loc="lower right", fontsize=6)
