"""Page-lock convoy: how many tasks sleep on page locks over time, by hand-over of the lock."""

from typing import Any

from dessim.report.common.results import Results
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.style import grid, legend, line_style

NEEDS = {"page-lock-queues": "dessim run page-lock-queues --queues"}
KEYS = ("hand_over", "series")
TOLERANCE = Tolerance(relative=0.1, absolute=0.02)
QUEUES = "page-lock-queues/page_lock_queues.csv"
SWEPT = "machine.locks.page_lock_hand_over"
SHARE = ("share_asleep", "share_asleep_lo", "share_asleep_hi")
"""What is compared, from all replications: the course that is drawn is one random path, and another
seed's differs by any factor (with fault-around a run may end before a queue has formed)."""


def draw(stored: Stored) -> Drawing:
    """A panel per hand-over, a line per scheme; thin: the longest queue of any page."""
    results = stored.results("page-lock-queues")
    points = results.document["points"]
    modes = list(dict.fromkeys(p["parameters"][SWEPT] for p in points))
    series = results.series
    figure, axes = grid(len(modes), 3, 1.9, share=False)
    rows: list[dict[str, Any]] = []
    for row in stored.rows(QUEUES):
        point = points[int(row["point"])]
        head = {"hand_over": point["parameters"][SWEPT], "series": results.series_of(point)}
        asleep = (point["time_share"]["page_lock"], *point["time_share_ci95"]["page_lock"])
        numbers = {name: float(row[name]) for name in ("time_us", "asleep", "longest_queue")}
        rows.append({**head, **numbers, **dict(zip(SHARE, asleep, strict=True))})
    end_ms = max(row["time_us"] for row in rows) / 1000
    for ax, mode in zip(axes, modes, strict=True):
        for index, name in enumerate(series):
            here = [r for r in rows if r["hand_over"] == mode and r["series"] == name]
            at = [r["time_us"] / 1000 for r in here]
            style = {key: line_style(index)[key] for key in ("color", "linestyle")}
            ax.plot(at, smooth([r["asleep"] for r in here]), label=name, **style)
            longest = smooth([r["longest_queue"] for r in here])
            ax.plot(at, longest, color=style["color"], linewidth=0.5, alpha=0.8)
        ax.set(title=mode, xlabel="time (ms)", xlim=(0, end_ms), ylim=(0, 24))
    thin = "thin: those on the page with most"
    axes[0].plot([], [], color="#606060", linewidth=0.5, label=thin)
    axes[0].set_ylabel("tasks asleep on page locks")
    legend(figure, axes)
    return Drawing(figure, rows, caption_of(results))


def caption_of(results: Results) -> str:
    """Return the caption; the course is that of one run, whatever the number of replications."""
    origin = results.caption_of(bands=False).replace(f" Of {results.replications}.", "")
    return (
        "Tasks asleep on page locks over time: 16 threads that fault and eight that invalidate the"
        " same 16 pages; thin lines: asleep on the page with the longest queue. The lock is raced"
        " for, handed over, or handed over after five lost races. One run each (the first"
        " replication) watched on the reference engine; time-weighted means over 1/400 of the run,"
        " smoothed over nine of them: one random path, no interval."
        f" {origin}"
    )


def smooth(values: list[float], reach: int = 4) -> list[float]:
    """Return means over neighbours up to ``reach`` away."""
    windows = (values[max(0, i - reach) : i + reach + 1] for i in range(len(values)))
    return [sum(window) / len(window) for window in windows]


def checked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the threads' share of time asleep on page locks, a row for each line of the figure."""
    found = {
        tuple(row[key] for key in KEYS): {key: row[key] for key in (*KEYS, *SHARE)} for row in rows
    }
    return list(found.values())
