"""Throughput against threads: four schemes, bands, linear scaling, the USL; three workloads."""

from dessim.report.figures import throughput
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing

NEEDS = {"scheme-comparison": "dessim run scheme-comparison -j 2"}
KEYS = ("panel", "series", "threads")
TOLERANCE = Tolerance(relative=0.1)


def draw(stored: Stored) -> Drawing | None:
    """Pages mapped per second, a panel per workload."""
    return throughput.draw(stored.results("scheme-comparison"))
