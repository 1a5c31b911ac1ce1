"""Runs to do, and what became of them.

A job knows its point and where its result is kept; a tally keeps outcomes packed, so that a sweep
of any length takes little memory.
"""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from dessim.engines import EngineName
from dessim.kernel.result import RunResult
from dessim.model import Point
from dessim.study.store.runs import RunKey, Store, keys_of
from dessim.study.sweep.plan import label_of


@dataclass(frozen=True)
class Job:
    """One run to do."""

    point_index: int
    point: Point
    key: RunKey
    store: Path
    config: str

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel with the point packed: it is the same for all replications of a point."""
        point = _packed_point(self.point)
        return _unpacked_job, (self.point_index, point, self.key, self.store, self.config)


_LAST_PACKED: list[tuple[Point, bytes]] = []


def _packed_point(point: Point) -> bytes:
    if not _LAST_PACKED or _LAST_PACKED[0][0] is not point:
        _LAST_PACKED[:] = [(point, pickle.dumps(point))]
    return _LAST_PACKED[0][1]


@lru_cache(maxsize=16)
def _unpacked_point(data: bytes) -> Point:
    point: Point = pickle.loads(data)
    return point


def _unpacked_job(index: int, point: bytes, key: RunKey, store: Path, config: str) -> Job:
    return Job(index, _unpacked_point(point), key, store, config)


@dataclass(frozen=True)
class Reply:
    """What a worker reports about a run.

    Attributes
    ----------
    packed : bytes or None
        The result; None if the run failed.
    error : str or None
    no_room : int
        Number of the error if the disk could not take it: then it takes no other; else 0.
    provenance : dict
        To store it with, should the worker's disk be another one.
    """

    packed: bytes | None
    error: str | None = None
    no_room: int = 0
    provenance: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunOutcome:
    """What became of one run.

    Attributes
    ----------
    job : Job
    run : RunResult or None
        None if it failed.
    error : str or None
        Why it failed, in one line.
    reused : bool
        Whether it was in the store already.
    """

    job: Job
    run: RunResult | None
    error: str | None = None
    reused: bool = False


Place = tuple[int, int]
"""Point index and replication."""


class RunOutcomes(MutableMapping[Place, RunOutcome]):
    """Outcomes by place; results lie packed, at about a kilobyte a run."""

    def __init__(self) -> None:
        self._kept: dict[Place, tuple[RunOutcome, bytes | None]] = {}
        self._of_point: dict[int, list[int]] = {}

    def __setitem__(self, place: Place, outcome: RunOutcome) -> None:
        self.put(place, outcome, None if outcome.run is None else pack(outcome.run))

    def put(self, place: Place, outcome: RunOutcome, packed: bytes | None) -> None:
        """Keep an outcome whose result is packed already."""
        if place not in self._kept:
            self._of_point.setdefault(place[0], []).append(place[1])
        self._kept[place] = replace(outcome, run=None), packed

    def __getitem__(self, place: Place) -> RunOutcome:
        outcome, packed = self._kept[place]
        return outcome if packed is None else replace(outcome, run=unpack(packed))

    def __delitem__(self, place: Place) -> None:
        del self._kept[place]
        self._of_point[place[0]].remove(place[1])

    def __iter__(self) -> Iterator[Place]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def failed(self) -> list[Place]:
        """Places without a result, in order."""
        return sorted(place for place, (_, packed) in self._kept.items() if packed is None)

    def replications(self, index: int) -> list[int]:
        """Replications of a point that have ended, ascending."""
        return sorted(self._of_point.get(index, ()))


def pack(run: RunResult) -> bytes:
    """Return a result in little room."""
    return zlib.compress(pickle.dumps(run), 1)


def unpack(data: bytes) -> RunResult:
    """Return a packed result."""
    run: RunResult = pickle.loads(zlib.decompress(data))
    return run


@dataclass
class Tally:
    """What a study has done so far.

    Attributes
    ----------
    outcomes : mapping of (point index, replication) -> RunOutcome
    damaged : list of str
        Directories that were there but could not be trusted, with what is wrong.
    cleared : int
        Leftovers of killed processes that were removed.
    """

    outcomes: MutableMapping[Place, RunOutcome] = field(default_factory=RunOutcomes)
    damaged: list[str] = field(default_factory=list)
    cleared: int = 0

    def of_point(self, index: int) -> list[RunOutcome]:
        """Outcomes of a point in order of replication."""
        if isinstance(self.outcomes, RunOutcomes):
            return [self.outcomes[index, i] for i in self.outcomes.replications(index)]
        return [self.outcomes[place] for place in sorted(self.outcomes) if place[0] == index]

    def forget(self, index: int) -> None:
        """Take out what a point has done, because a larger part of its file will be simulated."""
        for place in [place for place in self.outcomes if place[0] == index]:
            del self.outcomes[place]

    def take(self, other: Tally) -> None:
        """Add what further runs of the same study have done."""
        for place, outcome in other.outcomes.items():
            self.outcomes[place] = outcome
        self.damaged += other.damaged
        self.cleared += other.cleared

    @property
    def failed(self) -> list[RunOutcome]:
        """Outcomes of failed runs in order of point and replication."""
        known = self.outcomes
        places = known.failed() if isinstance(known, RunOutcomes) else sorted(known)
        return [known[place] for place in places if known[place].error is not None]


def jobs_of(
    points: Sequence[Point], engine: EngineName, store: Store, config: str = ""
) -> list[Job]:
    """All runs of an experiment, in the order of its points and their replications."""
    return [
        Job(index, point, key, store.root, config)
        for index, point in enumerate(points)
        for key in keys_of(point, range(point.replications), engine)
    ]


def manifest_points(
    jobs: Sequence[Job], tally: Tally | None = None, growing: Sequence[bool] = ()
) -> list[dict[str, Any]]:
    """Return what a manifest says of each point: what it is, its runs, and why some failed.

    Parameters
    ----------
    jobs : sequence of Job
        Of all rounds. A point of which several sizes were simulated has an entry for each; a run
        that a later round asked for again is named once.
    tally : Tally, optional
        What became of them: failures are noted.
    growing : sequence of bool, shape (n_points,), optional
        Whether a larger part of a point's file may follow: then none of its entries is final.
    """
    largest = {job.point_index: _sized(job) for job in jobs}  # sizes ascend: the last is largest
    points: dict[tuple[int, int], dict[str, Any]] = {}
    named: set[tuple[tuple[int, int], str]] = set()
    failures: dict[tuple[int, int], dict[str, str]] = {}
    for outcome in tally.failed if tally else ():
        reasons = failures.setdefault(_sized(outcome.job), {})
        reasons[str(outcome.job.key.replication)] = outcome.error or ""
    for job in jobs:
        place = _sized(job)
        if place not in points:
            final = place == largest[place[0]] and not (growing and growing[place[0]])
            points[place] = {"index": place[0], **_identity(job.point), "final": final}
            points[place] |= {"runs": [], "failures": failures.get(place, {})}
        if (place, job.key.digest) not in named:
            named.add((place, job.key.digest))
            points[place]["runs"].append([job.key.replication, job.key.digest])
    return list(points.values())


def _sized(job: Job) -> tuple[int, int]:
    """A point and how much of its file is simulated; 0 stands for all."""
    return job.point_index, job.point.simulate_bytes or 0


def _identity(point: Point) -> dict[str, Any]:
    options = dict(sorted(point.scheme.options.items()))
    return {
        "point": label_of(point),
        "experiment": point.experiment,
        "machine": point.machine.name,
        "workload": point.workload.name,
        "scheme": point.scheme.name,
        "scheme_options": json.dumps(options) if options else "",
        "threads": point.threads,
        "fault_around_order": point.fault_around_order,
        "parameters": dict(point.parameters),
        "seed": point.seed,
        "process_exit_ps": point.machine.kernel.process_exit_ps,
        "simulated_bytes": _simulated(point),
    }


def _simulated(point: Point) -> int:
    """How much of its file is simulated, bytes."""
    whole = point.workload.file_size_bytes
    return min(whole, point.simulate_bytes or whole)


class Watch(Protocol):
    """Who wants to know how it goes."""

    def planned(self, jobs: Sequence[Job], reused: int) -> None:
        """These will be done; so many others are there already."""

    def started(self, job: Job) -> None:
        """A job was given to a worker."""

    def tick(self) -> None:
        """Time passes: called about every second."""


class Silence:
    """Nobody wants to know."""

    def planned(self, jobs: Sequence[Job], reused: int) -> None:
        """Do nothing."""

    def started(self, job: Job) -> None:
        """Do nothing."""

    def tick(self) -> None:
        """Do nothing."""
