"""Throughput against threads: four schemes, bands, linear scaling, the USL; three workloads."""

from dessim.report.drawing import Drawing
from dessim.report.figures import throughput
from dessim.report.paper import Stored
from dessim.report.tolerance import Tolerance

NEEDS = {"scheme-comparison": "dessim run scheme-comparison -j 2"}
KEYS = ("panel", "series", "threads")
TOLERANCE = Tolerance(relative=0.1)


def draw(stored: Stored) -> Drawing | None:
    """Pages mapped per second, a panel per workload."""
    return throughput.draw(stored.results("scheme-comparison"))
