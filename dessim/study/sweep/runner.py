"""Carry out the runs of an experiment: all points and replications, here or by workers.

Which process does a run, and when, changes nothing about its result; the order of the outcomes is
that of the points. A finished run is stored by the process that did it, before anybody hears of it.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import lru_cache
from importlib import metadata
from typing import Any

import dessim
from dessim.engines import EngineName, run_setup
from dessim.errors import told
from dessim.files.atomic import clear
from dessim.files.writing import NOT_TAKEN
from dessim.kernel.result import RunResult
from dessim.study.store.runs import DamagedRunError, Store
from dessim.study.store.version import commit, model_version
from dessim.study.sweep.executors import LocalWorkers, Workers
from dessim.study.sweep.jobs import Job, Reply, RunOutcome, Silence, Tally, Watch, pack, unpack
from dessim.study.sweep.plan import label_of, setup_of
from dessim.study.sweep.schedule import carry_out

LIBRARIES = (
    *("numpy", "scipy", "llvmlite", "simpy", "pydantic", "PyYAML"),
    *("click", "Jinja2", "matplotlib", "pyarrow", "quantiphy", "rich"),
)


class StoreFullError(OSError):
    """No more runs can be stored."""


def run_all(
    jobs: Sequence[Job],
    workers: int | Workers = 1,
    *,
    force: bool = False,
    on_outcome: Callable[[RunOutcome], None] = lambda outcome: None,
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
        Notified of the plan, of each start, and as time passes.

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

    def note(outcome: RunOutcome) -> None:
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


def _stored(job: Job, tally: Tally) -> RunOutcome | None:
    try:
        run = Store(job.store).load(job.key)
    except DamagedRunError as error:
        tally.damaged.append(str(error))
        return None
    return None if run is None else RunOutcome(job, run, reused=True)


def _runs(
    jobs: Sequence[Job], workers: int | Workers, watch: Watch
) -> Generator[RunOutcome, None, None]:
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


def _here(jobs: Sequence[Job], watch: Watch) -> Generator[RunOutcome, None, None]:
    for job in jobs:
        watch.started(job)
        yield _outcome(job, attempt(job, lambda time_ps: watch.tick()))


def _by_workers(
    jobs: Sequence[Job], workers: Workers, watch: Watch
) -> Generator[RunOutcome, None, None]:
    with closing(carry_out(jobs, attempt, workers, watch)) as replies:
        for job, reply in replies:
            outcome = _outcome(job, Reply(None, reply) if isinstance(reply, str) else reply)
            if outcome.run is not None and isinstance(reply, Reply):
                _keep_here_too(job, outcome.run, reply.provenance)
            yield outcome


def _outcome(job: Job, reply: Reply) -> RunOutcome:
    if reply.no_room:
        raise StoreFullError(reply.no_room, reply.error)
    return RunOutcome(job, None if reply.packed is None else unpack(reply.packed), reply.error)


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
            return Reply(None, "VersionError: the worker has different sources of dessim")
        run = run_setup(setup_of(job.point, job.key.replication), engine, progress)
    except Exception as error:  # whatever it is, the other runs go on
        return Reply(None, _in_one_line(error))
    provenance = _provenance(job, run, time.perf_counter() - begin)
    try:
        Store(job.store).save(job.key, run, job.config, provenance)
    except OSError as error:
        return Reply(None, told(error), no_room=_no_room(error))
    return Reply(pack(run), provenance=provenance)


def _no_room(error: OSError) -> int:
    return error.errno if error.errno in NOT_TAKEN else 0


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
    here = {"commit": commit() or "none: not run from a checkout"}
    return {**here, "python": platform.python_version(), "system": platform.platform(), **versions}
