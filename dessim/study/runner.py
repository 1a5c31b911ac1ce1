"""Carry out the runs of an experiment: all points and replications, here or in worker processes.

Which process does a run, and when, changes nothing about its result; the order of the outcomes is
that of the points. A finished run is stored by the process that did it, before anybody hears of it.
"""

from __future__ import annotations

import multiprocessing
import platform
import signal
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import dessim
from dessim.engines import EngineName, run_setup
from dessim.kernel.result import RunResult
from dessim.model import Point
from dessim.model.workload import PAGE_BYTES
from dessim.study.plan import accesses_of, label_of, setup_of
from dessim.study.store import DamagedRunError, RunKey, Store, keys_of
from dessim.study.version import model_version

MAX_POOLS = 3
"""How often in a row a pool may break without finishing a run."""
LIBRARIES = ("numpy", "scipy", "numba", "simpy", "pydantic", "PyYAML")


@dataclass(frozen=True)
class Job:
    """One run to do."""

    point_index: int
    point: Point
    key: RunKey
    store: Path
    config: str


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


@dataclass
class Tally:
    """What a study has done so far.

    Attributes
    ----------
    outcomes : dict of (point index, replication) -> Outcome
    damaged : list of str
        Directories that were there but could not be trusted, with what is wrong.
    """

    outcomes: dict[tuple[int, int], Outcome] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)

    def of_point(self, index: int) -> list[Outcome]:
        """Outcomes of a point in order of replication."""
        found = [(key, outcome) for key, outcome in self.outcomes.items() if key[0] == index]
        return [outcome for _, outcome in sorted(found, key=lambda pair: pair[0])]

    @property
    def failed(self) -> list[Outcome]:
        """Outcomes of failed runs in order of point and replication."""
        return [o for _, o in sorted(self.outcomes.items()) if o.error is not None]


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
    workers: int = 1,
    *,
    force: bool = False,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> Tally:
    """Do all runs that are not in the store yet.

    Parameters
    ----------
    jobs : sequence of Job
    workers : int, >= 1
        1 does them in this process.
    force : bool
        Do them again even if they are in the store.
    on_outcome : callable
        Called after each run, in the order in which they end.

    Raises
    ------
    KeyboardInterrupt
        After the workers were stopped; what had finished is in the store.
    """
    tally = Tally()

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
    done: dict[str, Outcome] = {}
    runs = _here(unique) if workers <= 1 else _in_pools(unique, workers)
    with closing(runs):
        for outcome in runs:
            done[outcome.job.key.digest] = outcome
            note(outcome)
    for job in again:
        same = done[job.key.digest]
        note(Outcome(job, same.run, same.error, same.reused))
    return tally


def _stored(job: Job, tally: Tally) -> Outcome | None:
    try:
        run = Store(job.store).load(job.key)
    except DamagedRunError as error:
        tally.damaged.append(str(error))
        return None
    return None if run is None else Outcome(job, run, reused=True)


def do(job: Job) -> Outcome:
    """Do one run and store it; a run that fails is an outcome, too."""
    begin = time.perf_counter()
    engine: EngineName = "reference" if job.key.engine == "reference" else "compiled"
    try:
        run = run_setup(setup_of(job.point, job.key.replication), engine)
        provenance = _provenance(job, run, time.perf_counter() - begin)
        Store(job.store).save(job.key, run, job.config, provenance)
    except Exception as error:  # whatever it is, the other runs go on
        text = " ".join(str(error).split()) or "no reason given"
        return Outcome(job, None, f"{type(error).__name__}: {text}")
    return Outcome(job, run)


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


def _here(jobs: Sequence[Job]) -> Generator[Outcome, None, None]:
    for job in jobs:
        yield do(job)


def _in_pools(jobs: Sequence[Job], workers: int) -> Generator[Outcome, None, None]:
    """Do runs in worker processes; when a worker is killed, a new pool does what is missing."""
    left = {(job.point_index, job.key.replication): job for job in jobs}
    fruitless = 0
    while left and fruitless < MAX_POOLS:
        before = len(left)
        for outcome in _in_pool(list(left.values()), workers):
            del left[outcome.job.point_index, outcome.job.key.replication]
            yield outcome
        fruitless = fruitless + 1 if len(left) == before else 0
    for job in left.values():
        yield Outcome(job, None, f"its worker process was killed {MAX_POOLS} times")


def _in_pool(jobs: Sequence[Job], workers: int) -> Generator[Outcome, None, None]:
    """Do runs in one pool, long ones first, until all are done or the pool breaks."""
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)), multiprocessing.get_context("spawn"), initializer=_ignore_interrupt
    )
    try:
        if len(jobs) > 1 and jobs[0].key.engine == "compiled":
            _compile_once(jobs[0].point)
        long_first = sorted(jobs, key=lambda job: -accesses_of(job.point))
        running: set[Future[Outcome]] = {pool.submit(do, job) for job in long_first}
        while running:
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                yield future.result()
        pool.shutdown()
    except BrokenProcessPool:
        pool.shutdown(wait=False, cancel_futures=True)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise


def _ignore_interrupt() -> None:
    """Leave Ctrl-C to the parent, which stops its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _compile_once(point: Point) -> None:
    """Fill the compiler's cache, so that not every worker compiles the same functions."""
    setup = setup_of(point, 0)
    workload = setup.workload.model_copy(update={"iterations": 1, "file_size_bytes": PAGE_BYTES})
    with suppress(Exception):  # the runs will tell
        run_setup(replace(setup, workload=workload, threads=1), "compiled")
