"""How often a crossover is reported where there is none, and how often a bracket holds a true one.

Noise is that of shipped points: log ratios of two independent draws of replications of one scheme.
A curve is laid over it whose place of crossing is known; a flat one has none. Measured pairs of
schemes have the crossings that the medians of their populations show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from covering_rows import METRICS, PAGES
from covering_shipped import EACH, GANG, MERGED, SEPARATE, SHARED, Case, Population
from scipy.stats import binomtest

from dessim.measure.statistics.brackets import brackets

THREADS = (1, 2, 4, 8, 16, 32, 60, 120)
"""Numbers of threads of `scheme-comparison` and `gang-lookup-map`."""
REPLICATIONS = (6, 12, 20)
MOST_FALSE = 0.05
LEAST_COVERED = 0.90
FEWEST_BRACKETS = 20
"""Of fewer brackets no share is given."""
P99 = "fault_latency_ns_p99"
HEAD = (
    "| log ratio | noise | number | "
    + " | ".join(f"{n} runs" for n in REPLICATIONS)
    + " |\n|---|---|---|"
    + "---|" * len(REPLICATIONS)
)

Logs = Callable[[int, int], Sequence[float]]
"""(place among the numbers of threads, replications) -> log ratios of one experiment."""


@dataclass(frozen=True)
class Curve:
    """A log ratio over log2 of the number of threads.

    Attributes
    ----------
    name : str
    of : callable
    roots : tuple of float
        Where it goes through 0, log2 of the number of threads; none: identical schemes.
    """

    name: str
    of: Callable[[float], float]
    roots: tuple[float, ...]


CURVES = (
    Curve("identical schemes", lambda x: 0.0, ()),
    Curve("straight", lambda x: 0.06 * (x - 3.4), (3.4,)),
    Curve("bends late", lambda x: 0.012 * (2 ** (x - 3.9) - 1), (3.9,)),
    Curve("bends early", lambda x: 0.25 * (1 - 2 ** (2.3 - x)), (2.3,)),
    Curve("step", lambda x: 0.1 * math.tanh(6 * (x - 4.55)), (4.55,)),
    Curve("there and back", lambda x: 0.05 * (x - 1.5) * (5.2 - x), (1.5, 5.2)),
    Curve("flat where it crosses", lambda x: 0.05 * (x - 3.5) ** 3, (3.5,)),
)
NOISES = (
    (Case("eight-processes", 8, (GANG,)), (PAGES, P99)),
    (Case("scheme-comparison", 60, (GANG,), SHARED, overrides=("simulate=32MiB",)), (PAGES, P99)),
    (Case("scheme-comparison", 120, (MERGED,), SEPARATE, overrides=("simulate=1MiB",)), (P99,)),
)


@dataclass
class Count:
    """Experiments of one kind: with a bracket, brackets, and those that hold a crossing."""

    made: int = 0
    reported: int = 0
    brackets: int = 0
    right: int = 0

    def passes(self, crossings: bool) -> bool:
        """Whether false ones are rare enough, and brackets hold true ones."""
        if not crossings:
            return self.reported <= MOST_FALSE * self.made
        return self.brackets < FEWEST_BRACKETS or self.right >= LEAST_COVERED * self.brackets

    def text(self, crossings: bool) -> str:
        """The cell of the table."""
        cell = f"reported {100 * self.reported / self.made:.1f} %"
        if crossings and self.brackets >= FEWEST_BRACKETS:
            low, high = binomtest(self.right, self.brackets).proportion_ci(0.95, "exact")
            share = 100 * self.right / self.brackets
            cell += f", right {share:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
        return cell if self.passes(crossings) else f"**{cell}**"


@dataclass(frozen=True)
class Row:
    """One curve over one noise."""

    curve: str
    noise: str
    metric: str
    crossings: bool
    counts: tuple[Count, ...]

    @property
    def label(self) -> str:
        """What a failure is reported of."""
        return f"{self.curve}, {self.noise}, {METRICS[self.metric]}"

    @property
    def failed(self) -> list[str]:
        """Numbers of replications at which it is not as it should be."""
        both = zip(REPLICATIONS, self.counts, strict=True)
        return [f"{n} runs" for n, count in both if not count.passes(self.crossings)]

    def text(self) -> str:
        """The row of the table."""
        cells = [count.text(self.crossings) for count in self.counts]
        return f"| {' | '.join((self.curve, self.noise, METRICS[self.metric], *cells))} |"


def counted(
    logs: Logs, right: Callable[[int, int], bool], replications: int, experiments: int
) -> Count:
    """Make experiments at all numbers of threads, and count their brackets."""
    count = Count()
    for _ in range(experiments):
        found = brackets(THREADS, [logs(i, replications) for i in range(len(THREADS))])
        count.made += 1
        count.reported += bool(found)
        count.brackets += len(found)
        count.right += sum(right(one.low, one.high) for one in found)
    return count


def rows_of_curves(experiments: int, store: Path, seed: int = 1) -> list[Row]:
    """Return a row for each curve, noise and metric."""
    rng = np.random.default_rng(seed)
    rows = []
    for case, metrics in NOISES:
        _, points = case.load()
        values = Population(case, store).values(0, points[0])
        for metric in metrics:
            noise = np.log([x for x in values[metric] if x])
            for curve in CURVES:
                rows.append(_row(curve, case, metric, noise, experiments, rng))
    return rows


def _row(
    curve: Curve,
    case: Case,
    metric: str,
    noise: np.ndarray,
    experiments: int,
    rng: np.random.Generator,
) -> Row:
    def logs(place: int, n: int) -> Sequence[float]:
        apart: list[float] = (rng.choice(noise, n) - rng.choice(noise, n)).tolist()
        return [curve.of(math.log2(THREADS[place])) + x for x in apart]

    def right(low: int, high: int) -> bool:
        return any(low <= 2**root <= high for root in curve.roots)

    counts = tuple(counted(logs, right, n, experiments) for n in REPLICATIONS)
    return Row(curve.name, case.name, metric, bool(curve.roots), counts)


def rows_measured(experiments: int, store: Path, seed: int = 1) -> list[Row]:
    """Return rows of two schemes of `gang-lookup-map` at all its numbers of threads."""
    rng = np.random.default_rng(seed)
    found = []
    for n in THREADS:
        case = Case("gang-lookup-map", n, (EACH, GANG), SEPARATE, order=1, population=60)
        population = Population(case, store)
        found.append([population.values(i, point) for i, point in enumerate(case.load()[1])])
    rows = []
    for metric in (PAGES, P99):
        noise = []
        for a, b in found:
            both = zip(a[metric], b[metric], strict=True)
            noise.append(np.array([math.log(y / x) for x, y in both if x and y]))
        if all(each.size for each in noise):  # one thread has too few faults for a p99
            rows.append(_measured(metric, noise, experiments, rng))
    return rows


def _measured(
    metric: str, noise: Sequence[np.ndarray], experiments: int, rng: np.random.Generator
) -> Row:
    side = {n: math.copysign(1, median(each)) for n, each in zip(THREADS, noise, strict=True)}
    crossings = len(set(side.values())) > 1

    def logs(place: int, n: int) -> Sequence[float]:
        drawn: list[float] = rng.choice(noise[place], n).tolist()
        return drawn

    counts = tuple(
        counted(logs, lambda low, high: side[low] != side[high], n, experiments)
        for n in REPLICATIONS
    )
    name = "as measured" if crossings else "as measured, no crossing"
    return Row(name, f"gang-lookup-map, {SEPARATE}, order 1", metric, crossings, counts)
