"""Median, p99 and p99.9 of the fault latency against threads: four schemes, three workloads."""

from dessim.report.drawing import Drawing
from dessim.report.figures import latency
from dessim.report.paper import Stored
from dessim.report.tolerance import Tolerance

NEEDS = {"scheme-comparison": "dessim run scheme-comparison -j 2"}
KEYS = ("panel", "series", "quantile", "threads")
TOLERANCE = Tolerance(relative=0.25)


def draw(stored: Stored) -> Drawing | None:
    """A column per quantile, a row per workload."""
    return latency.draw(stored.results("scheme-comparison"))
