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
from covering_rows import FAULTS, METRICS, PAGES, Cell, Row

from dessim.kernel.result import RunResult
from dessim.measure.statistics import drift, run_metrics, run_quantiles, summary
from dessim.measure.statistics.modes import STEPS
from dessim.measure.statistics.ratios import Pair, compare_family, log_ratios
from dessim.measure.statistics.summary import Summary
from dessim.model import Experiment, Point, load_experiment, resolve
from dessim.study.store.runs import RunKey, Store, keys_of
from dessim.study.sweep import rounds
from dessim.study.sweep.jobs import Job, RunOutcome, Tally
from dessim.study.sweep.precision import summary_of
from dessim.study.sweep.runner import run_all
from dessim.study.sweep.stationary import refuse

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


NEW = "linux_5_15"
SHARED, SEPARATE = "shared-mapping", "separate-processes"
COLD = {"workload.cached": "0%", "workload.advice": "normal"}
PRESSED = {"workload.advice": "normal", "workload.memory_share": "25%"}
CASES = (
    Case("eight-processes", 6, (EACH, GANG), population=200),
    Case("eight-processes", 8, (EACH, GANG), population=200),
    Case("scheme-comparison", 120, (GANG, MERGED), SEPARATE, overrides=("simulate=1MiB",)),
    Case("scheme-comparison", 120, (GANG, MERGED), SEPARATE, population=60),
    Case("scheme-comparison", 60, (GANG, MERGED), SEPARATE, population=60),
    Case(
        *("scheme-comparison", 60, (MERGED, GANG), SHARED),
        overrides=("simulate=32MiB",),
        population=100,
    ),
    Case("scheme-comparison", 60, (MERGED, GANG), SHARED, overrides=("simulate=8MiB",)),
    Case("scheme-comparison", 60, (MERGED, GANG), SHARED, population=100),
    Case("scheme-comparison", 16, (MERGED, GANG), SHARED, population=100),
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
    Case("readahead-or-not", 4, (NEW,), parameters={"workload.advice": "normal"}, population=60),
    Case("mmap-database", 20, (NEW,), parameters=PRESSED, population=60),
    Case("invalidate-race", 16, (MERGED, GANG), "no-retry", population=60),
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


@dataclass(frozen=True)
class Found:
    """What one experiment reports: a summary of each point, and the point with its final size."""

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
    summaries = []
    for index, (point, found) in enumerate(zip(doing.points, doing.found, strict=True)):
        outcomes = [one.run for one in tally.of_point(index) if one.run is not None]
        whole = summary_of(point, outcomes, experiment.warmup_ps)
        summaries.append(whole if found is None else refuse(whole, found))
    return Found(doing.points, summaries)


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
    """Compare what an experiment reported with the population."""
    truths = [population.values(i, point) for i, point in enumerate(found.points)]
    for row, given, truth, point in zip(rows, found.summaries, truths, found.points, strict=False):
        size = point.simulate_bytes or 0
        row.sizes[size] = row.sizes.get(size, 0) + 1
        _note(row, given.flags, len(given.values["completion_s"]))
        for metric, cell in row.cells.items():
            name = throughput(metric, given)
            estimate = given.metrics[name]
            exact = _middle(truth[name])
            cell.add(estimate.mean, estimate.ci95, exact, flagged=bool(given.flags))
    if len(found.summaries) == 2:
        _count_ratios(rows[-1], found, truths)


def _count_ratios(row: Row, found: Found, truths: Sequence[dict[str, list[Any]]]) -> None:
    """Compare B with A in all metrics that both report, as one family."""
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


def _believed(given: Summary, name: str) -> list[float | int | None]:
    """Return the values by which schemes are paired, as results hold them."""
    values = given.values[name]
    return [None] * len(values) if given.metrics[name].mean is None else values


def _middle(values: Sequence[float | int | None]) -> float:
    known = [x for x in values if x is not None]
    return float(median(known)) if known else math.nan


def throughput(metric: str, given: Summary) -> str:
    """Return faults instead of pages for what maps none."""
    none_mapped = metric == PAGES and not any(given.values["pages_mapped_per_s"])
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
