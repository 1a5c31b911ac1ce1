"""How 95 % intervals fared on points of the shipped experiments: cells and rows of the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from scipy.stats import binomtest

from dessim.model.units import SIZE, format_quantity

LOW, HIGH = 0.92, 0.98
"""Shares between which a nominal 95 % interval covers as it should."""
NEARLY_ALWAYS = 0.95
"""A point that is flagged or refused in so many experiments need not cover."""
FEW_INTERVALS = 200
"""Of fewer intervals the share is not judged by itself, but by the end of its own interval. Whether
it covers too much always is: six runs cover 96.9 % exactly, and chance shows 98.2 % at times."""
PAGES, FAULTS = "pages_mapped_per_s", "steady_faults_per_s"
METRICS = {
    PAGES: "throughput",
    "completion_s": "completion",
    "fault_latency_ns_mean": "mean",
    "fault_latency_ns_p50": "p50",
    "fault_latency_ns_p99": "p99",
    "fault_latency_ns_p999": "p99.9",
}
"""Metric -> its column. Where nothing is mapped, throughput is that of faults."""


@dataclass
class Cell:
    """How one metric of one point fared.

    Attributes
    ----------
    intervals, inside : int
        Intervals, and those of them that hold the truth.
    flagged : int
        Experiments in which the point has a flag, or the metric no interval.
    made : int
        Experiments.
    half_width : float
        Sum over intervals, relative.
    """

    intervals: int = 0
    inside: int = 0
    flagged: int = 0
    made: int = 0
    half_width: float = 0.0

    def add(
        self, value: float | None, ci95: Sequence[float] | None, truth: float, *, flagged: bool
    ) -> None:
        """Count one experiment."""
        self.made += 1
        self.flagged += flagged or ci95 is None
        if ci95 is None:
            return
        self.intervals += 1
        slack = 1e-12 * abs(truth)  # a value and its copy by logarithms
        self.inside += ci95[0] - slack <= truth <= ci95[1] + slack
        self.half_width += (ci95[1] - ci95[0]) / 2 / abs(value) if value else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the covered share (Clopper and Pearson)."""
        low, high = binomtest(self.inside, self.intervals).proportion_ci(0.95, "exact")
        return float(low), float(high)

    @property
    def refused(self) -> bool:
        """Whether nearly no experiment believes the number."""
        return self.made > 0 and self.flagged >= NEARLY_ALWAYS * self.made

    @property
    def passes(self) -> bool:
        """Whether it covers as it should, or is flagged or refused."""
        if self.refused or not self.intervals:
            return True
        low, high = self.interval
        enough = (
            high >= LOW if self.intervals < FEW_INTERVALS else self.inside >= LOW * self.intervals
        )
        return enough and low <= HIGH

    @property
    def text(self) -> str:
        """The cell of the table."""
        if self.intervals < max(1, (1 - NEARLY_ALWAYS) * self.made):
            return "refused"
        low, high = (100 * end for end in self.interval)
        share = f"{100 * self.inside / self.intervals:.1f} [{low:.1f}, {high:.1f}]"
        if self.intervals < NEARLY_ALWAYS * self.made:
            share += f" of {self.intervals}"
        return share if self.passes else f"**{share}**"


@dataclass
class Row:
    """One point of a case, or the ratio of its two points.

    Attributes
    ----------
    name : str
    cells : dict
        Metric -> Cell.
    replications, flagged, made : int
        Sums over experiments.
    sizes : dict
        Size in bytes (0: the whole file) -> experiments that ended with it.
    words : dict
        Flag -> experiments.
    """

    name: str
    cells: dict[str, Cell]
    replications: int = 0
    flagged: int = 0
    made: int = 0
    sizes: dict[int, int] = field(default_factory=dict)
    words: dict[str, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What a failure is reported of."""
        return self.name

    @property
    def failed(self) -> list[str]:
        """Columns that neither cover nor are flagged."""
        return [METRICS[name] for name, cell in self.cells.items() if not cell.passes]

    def text(self) -> str:
        """The row of the table."""
        sizes = sorted(self.sizes.items(), key=lambda one: one[0] or math.inf)
        used = ", ".join(
            f"{format_quantity(size, SIZE) if size else 'whole'} {_percent(n, self.made)}"
            if n < self.made
            else (format_quantity(size, SIZE) if size else "whole")
            for size, n in sizes
        )
        flags = ", ".join(
            f"`{word}` {_percent(n, self.made)}" for word, n in sorted(self.words.items())
        )
        cells = [self.cells[name].text for name in METRICS]
        parts = [self.name, used, f"{self.replications / self.made:.1f}", flags or "none", *cells]
        return f"| {' | '.join(parts)} |"


HEAD = (
    f"| point | simulated | runs | flags | {' | '.join(METRICS.values())} |\n"
    f"|{'---|' * (4 + len(METRICS))}"
)


def _percent(n: int, of: int) -> str:
    return f"{100 * n / of:.0f} %" if 0 < n < of else f"{100 if n else 0} %"
