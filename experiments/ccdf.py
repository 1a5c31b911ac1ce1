"""Share of faults that take longer than a time, at 8, 32 and 120 threads: four schemes."""

from typing import Any

from dessim.report.figures import ccdf
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing

NEEDS = {"scheme-comparison": "dessim run scheme-comparison -j 2"}
KEYS = ("panel", "series", "threads", "share_above")
TOLERANCE = Tolerance(relative=0.25)
THREADS = (8, 32, 120)
SHARES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)


def draw(stored: Stored) -> Drawing | None:
    """A column per number of threads, a row per workload."""
    return ccdf.draw(stored.results("scheme-comparison"), THREADS)


def checked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the latency that a share of faults exceeds: buckets differ from run to run."""
    curves: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        curves.setdefault((row["panel"], row["series"], row["threads"]), []).append(row)
    found = []
    for (panel, series, threads), curve in curves.items():
        for share in SHARES:
            latency = next(row["latency_ns"] for row in curve if row["longer_share"] <= share)
            head = {"panel": panel, "series": series, "threads": threads}
            found.append({**head, "share_above": share, "latency_ns": latency})
    return found
