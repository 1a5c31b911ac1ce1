"""Give jobs to an executor: long ones first, as many as fit, and again if their worker was killed.

The executor is any `concurrent.futures.Executor`: processes of this machine, or a Dask cluster.
Only a few jobs are with it at a time, so that a sweep of any length takes the same memory, and
that few are in doubt when a worker dies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dessim.study.sweep.executors import ClusterLostError
from dessim.study.sweep.memory import run_bytes
from dessim.study.sweep.plan import accesses_of

if TYPE_CHECKING:
    from dessim.study.sweep.executors import Workers
    from dessim.study.sweep.jobs import Job, Reply, Watch

TICK_S = 1.0
SUSPECT_AFTER = 2
"""After so many deaths of a worker, a job that was with it runs alone."""
MAX_BREAKS = 25
"""How often in a row the executor may break without finishing a run."""


@dataclass
class _State:
    """What is left to do, and what is with the executor."""

    waiting: list[Job]
    alone: list[Job] = field(default_factory=list)
    flying: dict[Future[Reply], Job] = field(default_factory=dict)
    deaths: Counter[str] = field(default_factory=Counter)
    breaks: int = 0


class Costs:
    """Length and memory of jobs, computed once for each point."""

    def __init__(self) -> None:
        self._accesses: dict[int, int] = {}
        self._bytes: dict[int, int] = {}

    def accesses(self, job: Job) -> int:
        """Accesses of all threads: how long a job takes, up to a factor."""
        if job.point_index not in self._accesses:
            self._accesses[job.point_index] = accesses_of(job.point)
        return self._accesses[job.point_index]

    def bytes(self, job: Job) -> int:
        """Estimated memory of a job."""
        if job.point_index not in self._bytes:
            self._bytes[job.point_index] = run_bytes(job.point, job.key.engine)
        return self._bytes[job.point_index]


def carry_out(
    jobs: Sequence[Job], work: Callable[[Job], Reply], workers: Workers, watch: Watch
) -> Generator[tuple[Job, Reply | str], None, None]:
    """Do jobs, in the order in which they end.

    Parameters
    ----------
    jobs : sequence of Job
    work : callable
        What a worker does with a job.
    workers : Workers
    watch : Watch

    Yields
    ------
    job, reply
        A text instead of a reply if there is none, with the reason.

    Raises
    ------
    ClusterLostError
        If the cluster's scheduler is gone.
    """
    costs = Costs()
    state = _State(sorted(jobs, key=lambda job: -costs.accesses(job)))
    state.waiting.reverse()  # the longest is at the end, where it is cheap to take
    while state.waiting or state.alone or state.flying:
        try:
            _top_up(state, work, workers, watch, costs, _window(state, workers))
        except BrokenExecutor:
            yield from _again(state, [], workers)
        ended, _ = wait(state.flying, timeout=TICK_S, return_when=FIRST_COMPLETED)
        watch.tick()
        if not ended:
            workers.check()
            ended = {future for future in state.flying if future.cancelled()}  # unheard by `wait`
        killed = []
        for future in ended:
            job = state.flying.pop(future)
            try:
                reply = future.result()
            except CancelledError as error:
                raise ClusterLostError("the cluster's scheduler is gone") from error
            except Exception as error:
                if not workers.was_killed(error):
                    yield job, f"{type(error).__name__}: {error}"
                    continue
                killed.append(job)
                continue
            state.breaks = 0
            yield job, reply
        if killed:
            yield from _again(state, killed, workers)


def _window(state: _State, workers: Workers) -> int:
    """How many jobs may be with the executor: one in reserve for each that runs."""
    return 2 * workers.count if state.waiting else 1


def _top_up(
    state: _State,
    work: Callable[[Job], Reply],
    workers: Workers,
    watch: Watch,
    costs: Costs,
    window: int,
) -> None:
    """Give jobs to the executor until it has enough, or the next does not fit."""
    while len(state.flying) < window:
        source = state.waiting or ([] if state.flying else state.alone)
        place = _next_that_fits(source, list(state.flying.values()), workers, costs)
        if place is None:
            return
        job = source[place]
        future = workers.executor().submit(work, job)
        del source[place]
        state.flying[future] = job
        watch.started(job)


def _next_that_fits(
    source: list[Job], flying: list[Job], workers: Workers, costs: Costs
) -> int | None:
    """Place of the longest job whose memory is there; alone, every job may try."""
    if not source:
        return None
    limit = workers.memory_bytes
    if limit is None or not flying:
        return len(source) - 1
    running = sorted((costs.bytes(job) for job in flying), reverse=True)[: workers.count - 1]
    left = limit - sum(running)
    return next((i for i in reversed(range(len(source))) if costs.bytes(source[i]) <= left), None)


def _again(
    state: _State, killed: list[Job], workers: Workers
) -> Generator[tuple[Job, str], None, None]:
    """Put jobs whose worker died back; those that may be the reason run alone at the end."""
    workers.broken()
    state.breaks += 1
    for job in killed:
        name = job.key.digest
        state.deaths[name] += 1
        if state.deaths[name] >= workers.tries or state.breaks >= MAX_BREAKS:
            yield job, f"its worker process was killed {state.deaths[name]} times"
        elif state.deaths[name] >= SUSPECT_AFTER:
            state.alone.append(job)
        else:
            state.waiting.append(job)
    if state.breaks >= MAX_BREAKS:
        for job in (*state.waiting, *state.alone):
            yield job, f"worker processes died {MAX_BREAKS} times in a row"
        state.waiting, state.alone = [], []
