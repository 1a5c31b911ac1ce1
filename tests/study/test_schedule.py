"""Long runs first, big ones not side by side, and a death is not the end of a sweep."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
from small import experiment_file

from dessim.model import load_experiment, resolve
from dessim.study.store.runs import Store
from dessim.study.sweep import schedule
from dessim.study.sweep.executors import ClusterLostError
from dessim.study.sweep.jobs import Job, Reply, Silence, jobs_of
from dessim.study.sweep.schedule import carry_out


class Scripted(Executor):
    """Does jobs when they are waited for; some kill it."""

    def __init__(self, deadly: Callable[[Job], bool]) -> None:
        self.deadly = deadly
        self.order: list[Job] = []
        self.beside: list[int] = []
        self.flying: list[Future[Any]] = []

    def submit(self, work: Any, job: Any, /, *rest: Any, **more: Any) -> Future[Any]:
        """Do a job at once, but with the others that are there."""
        self.order.append(job)
        future: Future[Any] = Future()
        if self.deadly(job):
            future.set_exception(BrokenProcessPool("a worker was killed"))
        else:
            future.set_result(work(job))
        return future


class Team:
    """Workers on a scripted executor."""

    tries = 5

    def __init__(self, deadly: Callable[[Job], bool] = lambda job: False, count: int = 2) -> None:
        self.count, self.memory_bytes, self.deaths = count, None, 0
        self.scripted = Scripted(deadly)

    def executor(self) -> Executor:
        """Return it."""
        return self.scripted

    def broken(self) -> None:
        """Count."""
        self.deaths += 1

    def check(self) -> None:
        """Nobody is lost."""

    def was_killed(self, error: BaseException) -> bool:
        """Return whether a worker died."""
        return isinstance(error, BrokenProcessPool)

    def close(self, *, at_once: bool = False) -> None:
        """Nothing to do."""


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    """Runs of 1, 2, 4 and 8 threads, two of each."""
    settings = ["threads=[1, 2, 4, 8]", "schemes=[lock_each_page]"]
    points = resolve(load_experiment(experiment_file(tmp_path), settings))
    return jobs_of(points, "reference", Store(tmp_path / "runs"))


def fine(job: Job) -> Reply:
    """A job that is done."""
    return Reply(b"")


def carried_out(jobs: list[Job], team: Team) -> list[tuple[Job, Reply | str]]:
    """All replies."""
    return list(carry_out(jobs, fine, team, Silence()))  # type: ignore[arg-type]


def test_long_runs_come_first(jobs: list[Job]) -> None:
    """Eight threads before four, two and one; replications in order."""
    team = Team()
    carried_out(jobs, team)
    order = [(job.point.threads, job.key.replication) for job in team.scripted.order]
    assert order == [(n, i) for n in (8, 4, 2, 1) for i in (0, 1)]


def test_a_job_that_kills_its_workers_is_given_up_and_the_others_are_done(jobs: list[Job]) -> None:
    """One poisoned job of eight: five deaths, reported as its reason; seven replies."""
    poisoned = jobs[5]
    team = Team(lambda job: job is poisoned)
    replies = carried_out(jobs, team)
    assert [(job, reply) for job, reply in replies if isinstance(reply, str)] == [
        (poisoned, "its worker process was killed 5 times")
    ]
    assert len(replies) == 8
    assert team.deaths == 5


def test_workers_that_always_die_end_the_sweep(jobs: list[Job]) -> None:
    """Every job has a reason and the loop ends."""
    replies = carried_out(jobs, Team(lambda job: True))
    assert {job.key.digest for job, _ in replies} == {job.key.digest for job in jobs}
    assert all(
        (isinstance(reply, str) and "died" in reply) or "killed" in reply for _, reply in replies
    )


def test_big_runs_do_not_run_beside_each_other(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for ten: the runs of eight are beside one of two at most, and all are done."""
    monkeypatch.setattr(schedule, "run_bytes", lambda point, engine: point.threads)
    team = Team()
    team.memory_bytes = 10  # type: ignore[assignment]
    beside: list[list[int]] = []
    flying: list[int] = []

    def submit(work: Any, job: Any, /, *rest: Any, **more: Any) -> Future[Any]:
        flying.append(job.point.threads)
        beside.append(sorted(flying)[-2:])
        future: Future[Any] = Future()
        future.set_result(fine(job))
        future.add_done_callback(lambda f: None)
        return future

    def ended(futures: Any, **more: Any) -> tuple[set[Any], set[Any]]:
        flying.clear()
        return set(futures), set()

    monkeypatch.setattr(team.scripted, "submit", submit)
    monkeypatch.setattr(schedule, "wait", ended)
    assert len(carried_out(jobs, team)) == 8
    assert max(sum(pair) for pair in beside) == 10
    assert [8, 8] not in beside


def test_cancelled_runs_mean_that_the_cluster_is_lost(jobs: list[Job]) -> None:
    """Dask cancels what it cannot do any more: the sweep ends with an error, not with failures."""
    team = Team()

    def submit(work: Any, job: Any, /, *rest: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.cancel()
        return future

    team.scripted.submit = submit  # type: ignore[method-assign]
    with pytest.raises(ClusterLostError):
        carried_out(jobs, team)


def test_only_a_few_jobs_are_with_the_executor(jobs: list[Job]) -> None:
    """Two for each worker, however long the sweep."""
    seen: list[int] = []
    team = Team()
    real = schedule.wait

    def counted(futures: Any, **more: Any) -> Any:
        seen.append(len(futures))
        return real(futures, **more)

    schedule.wait, before = counted, schedule.wait  # type: ignore[assignment]
    try:
        carried_out(jobs, team)
    finally:
        schedule.wait = before
    assert max(seen) == 4


def test_a_job_travels_to_a_worker_and_back_unchanged(jobs: list[Job]) -> None:
    """Pickled and unpickled it is the same job, and points of one sweep are not mixed up."""
    import pickle

    for job in (jobs[0], jobs[7], jobs[1]):
        copy = pickle.loads(pickle.dumps(job))
        assert copy == job
