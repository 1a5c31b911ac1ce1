"""Median, p99 and p99.9 of the fault latency against threads: four schemes, three workloads."""

from dessim.report.figures import latency
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing

NEEDS = {"scheme-comparison": "dessim run scheme-comparison -j 2"}
KEYS = ("panel", "series", "quantile", "threads")
TOLERANCE = Tolerance(relative=0.25)


def draw(stored: Stored) -> Drawing | None:
    """A column per quantile, a row per workload."""
    return latency.draw(stored.results("scheme-comparison"))
