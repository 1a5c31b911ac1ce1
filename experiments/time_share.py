"""Where time goes, stacked: four schemes at 1, 32 and 120 threads, three workloads."""

from dessim.report.figures import time_share
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing

NEEDS = {"scheme-comparison": "dessim run scheme-comparison -j 2"}
KEYS = ("panel", "series", "threads")
TOLERANCE = Tolerance(relative=0.1, absolute=0.02)


def draw(stored: Stored) -> Drawing | None:
    """A bar per scheme and number of threads; shares add up to 1."""
    return time_share.draw(stored.results("scheme-comparison"), (1, 32, 120))
