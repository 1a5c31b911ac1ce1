"""Which runs a study does next: larger parts of a file until two agree, then more replications.

Where the last two sizes may differ, and six runs are too few to be sure, both get twice as many.

Everything here follows from finished runs, whose seeds and sizes follow from the experiment: the
same experiment makes the same rounds wherever it runs, and a killed one resumes where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dessim.engines import EngineName
from dessim.kernel.result import RunResult
from dessim.measure.statistics.modes import replications_for_modes
from dessim.measure.statistics.summary import Summary
from dessim.measure.statistics.typical import FEWEST
from dessim.model import Experiment, Point
from dessim.model.growth import next_bytes
from dessim.model.workload import PAGE_BYTES
from dessim.study.store.runs import Store, keys_of
from dessim.study.sweep.jobs import Job, Tally
from dessim.study.sweep.precision import GROWTH, reached_by, replications_wanted, summary_of
from dessim.study.sweep.stationary import Stationarity, compare_sizes, half_of


class Rounds:
    """The rounds of one study.

    Parameters
    ----------
    experiment : Experiment
    points : sequence of Point
        As resolved. ``points`` holds them as they are now: with the size that they have reached.
    engine : "compiled" or "reference"
    store : Store
    config : str
        The experiment's file, to be stored with the runs.
    """

    def __init__(
        self,
        experiment: Experiment,
        points: Sequence[Point],
        engine: EngineName,
        store: Store,
        config: str = "",
    ) -> None:
        self.experiment, self.engine, self.store, self.config = experiment, engine, store, config
        self.points = [_first(point) for point in points]
        self.wanted = [point.simulate_bytes for point in points]
        self.growing = [_grows(now, was) for now, was in zip(self.points, points, strict=True)]
        self.found: list[Stationarity | None] = [
            None if point.simulate_bytes is None else Stationarity((point.simulate_bytes,))
            for point in self.points
        ]
        self._before: dict[int, tuple[Point, Summary]] = {}
        self._suspected: dict[int, list[str]] = {}
        self._compared = _compared(points)

    def first(self) -> list[Job]:
        """Return the runs of the first round: all replications of each point."""
        return [
            job for index, point in enumerate(self.points) for job in self._jobs(index, point, 0)
        ]

    def more(self, tally: Tally) -> list[Job]:
        """Return the runs of the next round; none when all is done.

        Parameters
        ----------
        tally : Tally
            Of what has run. Runs of a size that was too small are taken out of it.
        """
        jobs: list[Job] = []
        needs: dict[int, tuple[int, int]] = {}
        for index in range(len(self.points)):
            runs = _complete(tally, index)
            if runs is None:
                self.growing[index] = False
                continue
            summary = summary_of(self.points[index], runs, self.experiment.warmup_ps)
            if self.growing[index]:
                jobs += self._grown(index, summary, len(runs), tally)
            if not self.growing[index]:
                needs[index] = len(runs), self._needed(index, summary, len(runs))
        for together in self._compared:
            if not any(self.growing[index] for index in together):
                most = max((needs[index][1] for index in together if index in needs), default=0)
                for index in together:
                    if index in needs:
                        jobs += self._jobs(index, self.points[index], needs[index][0], most)
        return jobs

    def _grown(self, index: int, summary: Summary, done: int, tally: Tally) -> list[Job]:
        """Compare a size with the one before it; return the runs of the next, if it must grow."""
        point, found = self.points[index], self.found[index]
        assert found is not None
        before = self._before.get(index)
        if before is not None:
            wanted, suspected = self.experiment.precision, self._suspected.get(index, ())
            pairs = compare_sizes(before[1], summary, wanted, suspected)
            found = Stationarity(found.sizes, found.whole, pairs)
            self.found[index] = found
        size = None if found.settled and "no_overlap" not in summary.flags else self._next(index)
        if size is None:
            if before is not None and found.undecided and FEWEST <= done <= point.replications:
                return self._again(index, before[0], tally)
            self.growing[index] = False
            return []
        whole = size >= point.workload.file_size_bytes
        self._before[index] = point, summary
        self.found[index] = Stationarity((*found.sizes, size), whole)
        self.points[index] = point.model_copy(update={"simulate_bytes": None if whole else size})
        tally.forget(index)
        return self._jobs(index, self.points[index], 0, done)

    def _again(self, index: int, smaller: Point, tally: Tally) -> list[Job]:
        """Return to the size before the last, with twice as many runs; those of now are stored."""
        found = self.found[index]
        assert found is not None
        del self._before[index]
        self._suspected[index] = found.doubtful
        self.found[index] = Stationarity(found.sizes[:-1])
        self.points[index] = smaller
        tally.forget(index)
        return self._jobs(index, smaller, 0, GROWTH * smaller.replications)

    def _next(self, index: int) -> int | None:
        """Return the size to try next, bytes; None if there is none."""
        point, found, wanted = self.points[index], self.found[index], self.wanted[index]
        assert found is not None
        if found.whole:
            return None
        if point.simulate_cap_bytes is None:  # a size that was asked for, and half of it before
            return wanted if found.sizes[-1] != wanted else None
        return next_bytes(found.sizes[-1], point.workload.file_size_bytes, point.simulate_cap_bytes)

    def _needed(self, index: int, summary: Summary, done: int) -> int:
        """Return the replications that precision or two kinds of runs still ask for.

        No precision is bought where sizes differ or may, nor of two kinds of runs: more of the same
        do not help.
        """
        need, found = done, self.found[index]
        if summary.mixture is not None:
            need = replications_for_modes(done, summary.mixture.shown_by)
        firm = found is None or found.whole or not (found.refused or found.doubtful)
        if self.experiment.precision and firm and summary.mixture is None:
            cap = self.experiment.max_replications
            reached = reached_by(summary, self.experiment.precision)
            need = max(need, replications_wanted(reached, done, cap))
        return need

    def _jobs(self, index: int, point: Point, begin: int, end: int | None = None) -> list[Job]:
        last = point.replications if end is None else end
        keys = keys_of(point, range(begin, last), self.engine)
        return [Job(index, point, key, self.store.root, self.config) for key in keys]


def all_rounds(rounds: Rounds, run: Callable[[list[Job]], Tally]) -> Tally:
    """Do all rounds of a study.

    Parameters
    ----------
    rounds : Rounds
    run : callable
        Does some jobs.
    """
    tally, todo = Tally(), rounds.first()
    while todo:
        tally.take(run(todo))
        todo = rounds.more(tally)
    return tally


def _compared(points: Sequence[Point]) -> list[list[int]]:
    """Group points that differ in their scheme only.

    They get equally many replications: a pair of runs is cut to the point that has fewer.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, point in enumerate(points):
        swept = tuple(sorted((key, str(value)) for key, value in point.parameters.items()))
        numbers = (point.threads, point.fault_around_order, point.seed)
        place = (point.workload.name, point.machine.name, *numbers, swept)
        groups.setdefault(place, []).append(index)
    return list(groups.values())


def sizes_of(point: Point) -> tuple[list[int], int]:
    """Return what is simulated of a point's file.

    Parameters
    ----------
    point : Point
        As resolved, before any round.

    Returns
    -------
    list of int, int; bytes
        Sizes that are simulated whatever comes out, and the largest that may be.
    """
    file_bytes = point.workload.file_size_bytes
    if point.simulate_bytes is None:
        return [file_bytes], file_bytes
    sizes = [_first(point).simulate_bytes or file_bytes]
    if point.simulate_cap_bytes is None:
        sizes += [point.simulate_bytes] if point.simulate_bytes != sizes[0] else []
        return sizes, sizes[-1]
    following = next_bytes(sizes[0], file_bytes, point.simulate_cap_bytes)
    sizes += [] if following is None else [following]
    return sizes, max(sizes[-1], min(file_bytes, point.simulate_cap_bytes))


def at_size(point: Point, size: int) -> Point:
    """Return a point of which so much is simulated, and no more."""
    part = None if size >= point.workload.file_size_bytes else size
    return point.model_copy(update={"simulate_bytes": part, "simulate_cap_bytes": None})


def _first(point: Point) -> Point:
    """Return a point with the first size that is simulated of it."""
    if point.simulate_bytes is None or point.simulate_cap_bytes is not None:
        return point
    half = half_of(point.simulate_bytes, PAGE_BYTES)
    return point.model_copy(update={"simulate_bytes": half}) if half else point


def _grows(now: Point, asked: Point) -> bool:
    return now.simulate_cap_bytes is not None or now.simulate_bytes != asked.simulate_bytes


def _complete(tally: Tally, index: int) -> list[RunResult] | None:
    """Return the runs of a point; None if there are none, or one failed."""
    outcomes = tally.of_point(index)
    runs = [outcome.run for outcome in outcomes if outcome.run is not None]
    return runs if runs and len(runs) == len(outcomes) else None
