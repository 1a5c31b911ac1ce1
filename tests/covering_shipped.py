"""How often 95 % intervals hold the typical run, on points of the experiments that are shipped.

A population is some hundred replications of a point, simulated once for each size; its median is
the truth. An experiment draws replications from it, with replacement, and goes through the very
rounds of `dessim run`: sizes until two agree, then replications for precision and for two kinds of
runs; then what two sizes do not support is refused. Settings are those of the experiment's file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
from scipy.stats import binomtest

from dessim.kernel.result import RunResult
from dessim.measure.statistics import drift, run_metrics, run_quantiles, summary
from dessim.measure.statistics.modes import STEPS
from dessim.measure.statistics.ratios import Pair, compare_family, log_ratios
from dessim.measure.statistics.summary import Summary
from dessim.model import Experiment, Point, load_experiment, resolve
from dessim.model.units import SIZE, format_quantity
from dessim.study.store.runs import RunKey, Store, keys_of
from dessim.study.sweep import rounds
from dessim.study.sweep.jobs import Job, RunOutcome, Tally
from dessim.study.sweep.precision import summary_of
from dessim.study.sweep.runner import run_all
from dessim.study.sweep.stationary import refuse

LOW, HIGH = 0.92, 0.98
"""Shares between which a nominal 95 % interval covers as it should."""
NEARLY_ALWAYS = 0.95
"""A point that is flagged or refused in so many experiments need not cover."""
FEW_TOLD = 200
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
MERGED, GANG, EACH, NONE = (
    "radix_walk_trylock",
    "gang_lookup_mapcount",
    "lock_each_page",
    "no_fault_around",
)


@dataclass(frozen=True)
class Case:
    """One or two points of a shipped experiment; of two, B is compared with A.

    Attributes
    ----------
    experiment : str
    threads : int
    schemes : tuple of str
    workload : str
        Empty if the experiment has only one.
    parameters : dict
        What the points have swept, as far as it matters.
    order : int or None
        Fault-around order; None if the experiment has only one.
    overrides : tuple of str
        Settings that the file does not have: the point as an earlier version ran it.
    population : int
        Replications of each size; even, so that the median is not one of them.
    """

    experiment: str
    threads: int
    schemes: tuple[str, ...]
    workload: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    order: int | None = None
    overrides: tuple[str, ...] = ()
    population: int = 200

    @property
    def name(self) -> str:
        """The case in words."""
        parts = [self.experiment, self.workload, f"{self.threads} threads"]
        parts += [f"{key.split('.')[-1]} {value}" for key, value in self.parameters.items()]
        return ", ".join(part for part in (*parts, *self.overrides) if part)

    def load(self) -> tuple[Experiment, list[Point]]:
        """Return the experiment and the points, in the order of ``schemes``."""
        experiment = load_experiment(self.experiment, list(self.overrides))
        points = [point for point in resolve(experiment) if self._holds(point)]
        found = [next(p for p in points if p.scheme.name == name) for name in self.schemes]
        return experiment, found

    def _holds(self, point: Point) -> bool:
        swept = {key: str(value) for key, value in dict(point.parameters).items()}
        return (
            point.threads == self.threads
            and not point.scheme.options
            and self.workload in ("", point.workload.name)
            and self.order in (None, point.fault_around_order)
            and all(swept.get(key) == str(value) for key, value in self.parameters.items())
        )


SHARED, SEPARATE = "shared-mapping", "separate-processes"
COLD = {"workload.cached": "0%", "workload.readahead_pages": 32}
CASES = (
    Case("quickstart", 6, (EACH, GANG), population=200),
    Case("quickstart", 8, (EACH, GANG), population=200),
    Case("scheme-comparison", 120, (GANG, MERGED), SEPARATE, overrides=("simulate=1MiB",)),
    Case("scheme-comparison", 120, (GANG, MERGED), SEPARATE, population=60),
    Case("scheme-comparison", 60, (GANG, MERGED), SEPARATE, population=60),
    Case("scheme-comparison", 60, (MERGED, GANG), SHARED, overrides=("simulate=32MiB",)),
    Case("scheme-comparison", 60, (MERGED, GANG), SHARED, overrides=("simulate=8MiB",)),
    Case("scheme-comparison", 60, (MERGED, GANG), SHARED),
    Case("scheme-comparison", 16, (MERGED, GANG), SHARED),
    Case("lock-collapse", 24, (NONE,), parameters={"machine.locks.page_table_lock": "ticket"}),
    Case("lock-collapse", 24, (NONE,), parameters={"machine.locks.page_table_lock": "mcs"}),
    Case("gang-lookup-map", 32, (EACH, GANG), SEPARATE, order=4),
    Case(
        "tlb-churn",
        8,
        (MERGED,),
        parameters={"workload.mapping": "per_thread", "workload.unmap_every_pages": 33},
    ),
    Case("cold-cache", 8, (NONE, MERGED), parameters=COLD, population=100),
    Case("invalidate-race", 16, (MERGED, GANG), "no-retry"),
)


class Population:
    """Replications of the points of a case, by point and size.

    Parameters
    ----------
    case : Case
    store : Path
        Where runs are kept: a second call finds them.
    """

    def __init__(self, case: Case, store: Path) -> None:
        self.case, self.store = case, Store(store)
        self.runs: dict[tuple[int, int], list[RunResult]] = {}
        self._values: dict[tuple[int, int], dict[str, list[float | int | None]]] = {}

    def of(self, index: int, point: Point) -> list[RunResult]:
        """Return all runs of a point with the size that it has now."""
        place = index, point.simulate_bytes or 0
        if place not in self.runs:
            keys = keys_of(point, range(self.case.population), "compiled")
            jobs = [Job(0, point, key, self.store.root, "") for key in keys]
            outcomes = run_all(jobs).of_point(0)
            errors = [one.error for one in outcomes if one.run is None]
            if errors:
                raise RuntimeError(f"{self.case.name}: {errors[0]}")
            self.runs[place] = [one.run for one in outcomes if one.run is not None]
        return self.runs[place]

    def values(self, index: int, point: Point) -> dict[str, list[float | int | None]]:
        """Return what each run of the population says."""
        place = index, point.simulate_bytes or 0
        if place not in self._values:
            self._values[place] = summary_of(point, self.of(index, point)).values
        return self._values[place]


@dataclass
class Cell:
    """How one metric of one point fared.

    Attributes
    ----------
    told, inside : int
        Intervals, and those of them that hold the truth.
    flagged : int
        Experiments in which the point has a flag, or the metric no interval.
    made : int
        Experiments.
    half_width : float
        Sum over intervals, relative.
    """

    told: int = 0
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
        self.told += 1
        slack = 1e-12 * abs(truth)  # a value and its copy by logarithms
        self.inside += ci95[0] - slack <= truth <= ci95[1] + slack
        self.half_width += (ci95[1] - ci95[0]) / 2 / abs(value) if value else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the covered share (Clopper and Pearson)."""
        low, high = binomtest(self.inside, self.told).proportion_ci(0.95, "exact")
        return float(low), float(high)

    @property
    def refused(self) -> bool:
        """Whether nearly no experiment believes the number."""
        return self.made > 0 and self.flagged >= NEARLY_ALWAYS * self.made

    @property
    def passes(self) -> bool:
        """Whether it covers as it should, or is flagged or refused."""
        if self.refused or not self.told:
            return True
        low, high = self.interval
        enough = high >= LOW if self.told < FEW_TOLD else self.inside >= LOW * self.told
        return enough and low <= HIGH

    @property
    def text(self) -> str:
        """The cell of the table."""
        if self.told < max(1, (1 - NEARLY_ALWAYS) * self.made):
            return "refused"
        low, high = (100 * end for end in self.interval)
        share = f"{100 * self.inside / self.told:.1f} [{low:.1f}, {high:.1f}]"
        if self.told < NEARLY_ALWAYS * self.made:
            share += f" of {self.told}"
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
        """What a failure is told of."""
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


@dataclass(frozen=True)
class Found:
    """What one experiment tells: a summary of each point, and the point with its final size."""

    points: list[Point]
    summaries: list[Summary]


def an_experiment(
    case: Case, population: Population, draw: Sequence[int], loaded: tuple[Experiment, list[Point]]
) -> Found:
    """Make one experiment as `dessim run` does, of runs that are drawn.

    Parameters
    ----------
    case : Case
    population : Population
    draw : sequence of int
        Replication -> its number in the population; the same for all points and sizes: pairs stay
        pairs.
    loaded : (Experiment, points)
    """
    experiment, points = loaded
    doing = rounds.Rounds(experiment, points, "compiled", population.store)
    tally = Tally(outcomes={})
    todo = doing.first()
    while todo:
        for job in todo:
            runs = population.of(job.point_index, job.point)
            run = runs[draw[job.key.replication]]
            tally.outcomes[job.point_index, job.key.replication] = RunOutcome(job, run)
        todo = doing.more(tally)
    told = []
    for index, (point, found) in enumerate(zip(doing.points, doing.found, strict=True)):
        outcomes = [one.run for one in tally.of_point(index) if one.run is not None]
        whole = summary_of(point, outcomes, experiment.warmup_ps)
        told.append(whole if found is None else refuse(whole, found))
    return Found(doing.points, told)


def rows_of(case: Case, experiments: int, store: Path, seed: int = 1) -> list[Row]:
    """Make all experiments of a case; return a row for each point, and one for the ratio."""
    population, loaded = Population(case, store), case.load()
    rng = np.random.default_rng([seed, sum(map(ord, case.name))])
    most = max(loaded[0].max_replications, loaded[0].replications, *STEPS)
    names = [f"{case.name}: `{scheme}`" for scheme in case.schemes]
    if len(names) == 2:
        names.append(f"{case.name}: ratio of the two")
    rows = [Row(name, {metric: Cell() for metric in METRICS}) for name in names]
    with remembered():
        for _ in range(experiments):
            draw = rng.integers(case.population, size=most).tolist()
            found = an_experiment(case, population, draw, loaded)
            _count(rows, found, population)
    return rows


def _count(rows: list[Row], found: Found, population: Population) -> None:
    """Hold what an experiment told against the population."""
    truths = [population.values(i, point) for i, point in enumerate(found.points)]
    for row, told, truth, point in zip(rows, found.summaries, truths, found.points, strict=False):
        size = point.simulate_bytes or 0
        row.sizes[size] = row.sizes.get(size, 0) + 1
        _note(row, told.flags, len(told.values["completion_s"]))
        for metric, cell in row.cells.items():
            name = throughput(metric, told)
            estimate = told.metrics[name]
            exact = _middle(truth[name])
            cell.add(estimate.mean, estimate.ci95, exact, flagged=bool(told.flags))
    if len(found.summaries) == 2:
        _count_ratios(rows[-1], found, truths)


def _count_ratios(row: Row, found: Found, truths: Sequence[dict[str, list[Any]]]) -> None:
    """Compare B with A in all metrics that both tell, as one family."""
    a, b = found.summaries
    flags = tuple(dict.fromkeys((*a.flags, *b.flags)))
    used = [(throughput(metric, a), metric) for metric in row.cells]
    pairs: list[Pair] = [(_believed(a, name), _believed(b, name)) for name, _ in used]
    sizes = {point.simulate_bytes or 0 for point in found.points}
    row.sizes[max(sizes)] = row.sizes.get(max(sizes), 0) + 1
    _note(row, flags, min(len(one.values["completion_s"]) for one in (a, b)))
    for (name, metric), ratio in zip(used, compare_family(pairs), strict=True):
        both = [(x, y) for x, y in zip(truths[0][name], truths[1][name], strict=True) if x and y]
        logs = log_ratios([x for x, _ in both], [y for _, y in both])
        exact = math.exp(median(logs)) if logs else math.nan
        row.cells[metric].add(ratio.ratio, ratio.ci95, exact, flagged=bool(flags))


def _note(row: Row, flags: Sequence[str], replications: int) -> None:
    row.made += 1
    row.flagged += bool(flags)
    row.replications += replications
    for word in flags:
        row.words[word] = row.words.get(word, 0) + 1


def _believed(told: Summary, name: str) -> list[float | int | None]:
    """Return the values by which schemes are paired, as results hold them."""
    values = told.values[name]
    return [None] * len(values) if told.metrics[name].mean is None else values


def _middle(values: Sequence[float | int | None]) -> float:
    known = [x for x in values if x is not None]
    return float(median(known)) if known else math.nan


def throughput(metric: str, told: Summary) -> str:
    """Return faults instead of pages for what maps none."""
    none_mapped = metric == PAGES and not any(told.values["pages_mapped_per_s"])
    return FAULTS if none_mapped else metric


def _kept(function: Callable[..., Any]) -> Callable[..., Any]:
    """Remember what a function says of a run or a histogram: the same is drawn again and again."""
    known: dict[tuple[Any, ...], tuple[Any, Any]] = {}

    def remembering(first: Any, *rest: Any) -> Any:
        key = (id(first), *rest)
        if key not in known:
            known[key] = first, function(first, *rest)  # kept alive: its id is not given again
        return known[key][1]

    return remembering


def _key(point: Point, replications: range | list[int], engine: str) -> list[RunKey]:
    """Return keys without the digest of the whole point, which only a store needs."""
    return [RunKey("", "", i, engine, "") for i in replications]


@contextmanager
def remembered() -> Iterator[None]:
    """Compute what depends on a single run once."""
    with ExitStack() as stack:
        for name in ("run_metrics", "time_shares"):
            stack.enter_context(patch.object(summary, name, _kept(getattr(run_metrics, name))))
        for module, name in (
            (run_quantiles, "run_quantile_ns"),
            (run_quantiles, "observed"),
            (drift, "halves_of"),
        ):
            stack.enter_context(patch.object(module, name, _kept(getattr(module, name))))
        stack.enter_context(patch.object(rounds, "keys_of", _key))
        yield
