"""Carry out the runs of an experiment: all points and replications, here or by workers.

Which process does a run, and when, changes nothing about its result; the order of the outcomes is
that of the points. A finished run is stored by the process that did it, before anybody hears of it.
"""

from __future__ import annotations

import errno
import pickle
import platform
import time
import zlib
from collections.abc import Callable, Generator, Iterator, MutableMapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import dessim
from dessim.engines import EngineName, run_setup
from dessim.kernel.result import RunResult
from dessim.model import Point
from dessim.study.aside import clear
from dessim.study.executors import LocalWorkers
from dessim.study.plan import label_of, setup_of
from dessim.study.schedule import Silence, Watch, Workers, carry_out
from dessim.study.store import DamagedRunError, RunKey, Store, keys_of
from dessim.study.version import model_version

LIBRARIES = ("numpy", "scipy", "numba", "simpy", "pydantic", "PyYAML")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class StoreFullError(OSError):
    """No more runs can be stored."""


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
    """What a worker tells about a run.

    Attributes
    ----------
    packed : bytes or None
        The result; None if the run failed.
    error : str or None
    no_room : bool
        Whether it could not be stored: then no other can be.
    provenance : dict
        To store it with, should the worker's disk be another one.
    """

    packed: bytes | None
    error: str | None = None
    no_room: bool = False
    provenance: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
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


class Outcomes(MutableMapping[Place, Outcome]):
    """Outcomes by place; results lie packed, at about a kilobyte a run."""

    def __init__(self) -> None:
        self._kept: dict[Place, tuple[Outcome, bytes | None]] = {}
        self._of_point: dict[int, list[int]] = {}

    def __setitem__(self, place: Place, outcome: Outcome) -> None:
        self.put(place, outcome, None if outcome.run is None else pack(outcome.run))

    def put(self, place: Place, outcome: Outcome, packed: bytes | None) -> None:
        """Keep an outcome whose result is packed already."""
        if place not in self._kept:
            self._of_point.setdefault(place[0], []).append(place[1])
        self._kept[place] = replace(outcome, run=None), packed

    def __getitem__(self, place: Place) -> Outcome:
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
    outcomes : mapping of (point index, replication) -> Outcome
    damaged : list of str
        Directories that were there but could not be trusted, with what is wrong.
    cleared : int
        Leftovers of killed processes that were removed.
    """

    outcomes: MutableMapping[Place, Outcome] = field(default_factory=Outcomes)
    damaged: list[str] = field(default_factory=list)
    cleared: int = 0

    def of_point(self, index: int) -> list[Outcome]:
        """Outcomes of a point in order of replication."""
        if isinstance(self.outcomes, Outcomes):
            return [self.outcomes[index, i] for i in self.outcomes.replications(index)]
        return [self.outcomes[place] for place in sorted(self.outcomes) if place[0] == index]

    def take(self, other: Tally) -> None:
        """Add what further runs of the same study have done."""
        for place, outcome in other.outcomes.items():
            self.outcomes[place] = outcome
        self.damaged += other.damaged
        self.cleared += other.cleared

    @property
    def failed(self) -> list[Outcome]:
        """Outcomes of failed runs in order of point and replication."""
        known = self.outcomes
        places = known.failed() if isinstance(known, Outcomes) else sorted(known)
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


def run_all(
    jobs: Sequence[Job],
    workers: int | Workers = 1,
    *,
    force: bool = False,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
    watch: Watch | None = None,
) -> Tally:
    """Do all runs that are not in the store yet.

    Parameters
    ----------
    jobs : sequence of Job
    workers : int >= 1, or Workers
        1 does them in this process; Workers stay open, for those who call this more than once.
    force : bool
        Do them again even if they are in the store.
    on_outcome : callable
        Called after each run, in the order in which they end.
    watch : Watch, optional
        Told what is planned, what was started, and that time passes.

    Raises
    ------
    KeyboardInterrupt
        After the workers were stopped; what had finished is in the store.
    StoreFullError
        If the disk is full or not writable; what had finished is in the store.
    ClusterLostError
        If the cluster's scheduler is gone; what had finished is in the store.
    """
    tally, watch = Tally(), watch or Silence()
    tally.cleared = sum(clear(root) for root in {job.store for job in jobs})

    def note(outcome: Outcome) -> None:
        tally.outcomes[outcome.job.point_index, outcome.job.key.replication] = outcome
        on_outcome(outcome)

    missing = []
    for job in jobs:
        stored = None if force else _stored(job, tally)
        if stored is None:
            missing.append(job)
        else:
            note(stored)
    # Two points may stand for the same run: the first does it, the others read it.
    first = {job.key.digest: job for job in reversed(missing)}
    again = [job for job in missing if first[job.key.digest] is not job]
    unique = [job for job in missing if first[job.key.digest] is job]
    watch.planned(unique, len(jobs) - len(missing))
    with closing(_runs(unique, workers, watch)) as runs:
        for outcome in runs:
            note(outcome)
    for job in again:
        place = first[job.key.digest]
        note(replace(tally.outcomes[place.point_index, place.key.replication], job=job))
    return tally


def _stored(job: Job, tally: Tally) -> Outcome | None:
    try:
        run = Store(job.store).load(job.key)
    except DamagedRunError as error:
        tally.damaged.append(str(error))
        return None
    return None if run is None else Outcome(job, run, reused=True)


def _runs(
    jobs: Sequence[Job], workers: int | Workers, watch: Watch
) -> Generator[Outcome, None, None]:
    """Do runs here, or by workers; those that are made for it go afterwards."""
    if not jobs:
        return
    if not isinstance(workers, int):
        yield from _by_workers(jobs, workers, watch)
    elif workers == 1:
        yield from _here(jobs, watch)
    else:
        own, done = LocalWorkers(min(workers, len(jobs))), False
        try:
            yield from _by_workers(jobs, own, watch)
            done = True
        finally:
            own.close(at_once=not done)


def _here(jobs: Sequence[Job], watch: Watch) -> Generator[Outcome, None, None]:
    for job in jobs:
        watch.started(job)
        yield _outcome(job, attempt(job, lambda time_ps: watch.tick()))


def _by_workers(
    jobs: Sequence[Job], workers: Workers, watch: Watch
) -> Generator[Outcome, None, None]:
    with closing(carry_out(jobs, attempt, workers, watch)) as replies:
        for job, reply in replies:
            outcome = _outcome(job, Reply(None, reply) if isinstance(reply, str) else reply)
            if outcome.run is not None and isinstance(reply, Reply):
                _keep_here_too(job, outcome.run, reply.provenance)
            yield outcome


def _outcome(job: Job, reply: Reply) -> Outcome:
    if reply.no_room:
        raise StoreFullError(reply.error)
    return Outcome(job, None if reply.packed is None else unpack(reply.packed), reply.error)


def _keep_here_too(job: Job, run: RunResult, provenance: dict[str, Any]) -> None:
    """Store what a worker with a disk of its own has done."""
    store = Store(job.store)
    if not store.has(job.key):
        store.save(job.key, run, job.config, provenance)


def attempt(job: Job, progress: Callable[[int], None] | None = None) -> Reply:
    """Do one run and store it; a run that fails is a reply, too."""
    begin = time.perf_counter()
    engine: EngineName = "reference" if job.key.engine == "reference" else "compiled"
    try:
        if job.key.model_version != model_version():
            return Reply(None, "VersionError: the worker has other sources of dessim")
        run = run_setup(setup_of(job.point, job.key.replication), engine, progress)
    except Exception as error:  # whatever it is, the other runs go on
        return Reply(None, _in_one_line(error))
    provenance = _provenance(job, run, time.perf_counter() - begin)
    try:
        Store(job.store).save(job.key, run, job.config, provenance)
    except OSError as error:
        return Reply(None, _in_one_line(error), no_room=error.errno in NO_ROOM)
    return Reply(pack(run), provenance=provenance)


def _in_one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or "no reason given"
    return f"{type(error).__name__}: {text}"


def _provenance(job: Job, run: RunResult, seconds: float) -> dict[str, Any]:
    return {
        "run": f"{job.point.experiment}: {label_of(job.point)} replication={job.key.replication}",
        "dessim_version": dessim.__version__,
        "model_version": model_version(),
        "engine": job.key.engine,
        "host_seconds": round(seconds, 3),
        "steps_per_host_second": round(run.events / seconds) if seconds else None,
        **_surroundings(),
    }


@lru_cache
def _surroundings() -> dict[str, Any]:
    versions = {name: metadata.version(name) for name in LIBRARIES}
    return {"python": platform.python_version(), "system": platform.platform(), **versions}
