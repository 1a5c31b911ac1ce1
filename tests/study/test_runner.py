import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small import experiment_file

from dessim.kernel.result import RunResult
from dessim.kernel.world import Setup
from dessim.model import load_experiment, resolve
from dessim.study.store.runs import Store
from dessim.study.sweep import runner
from dessim.study.sweep.jobs import Job, RunOutcome, jobs_of
from dessim.study.sweep.runner import run_all


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    """The eight runs of the small experiment."""
    points = resolve(load_experiment(experiment_file(tmp_path)))
    return jobs_of(points, "reference", Store(tmp_path / "runs"), "as written")


def counted(monkeypatch: pytest.MonkeyPatch, fail: Callable[[Setup], bool]) -> list[Setup]:
    """Let runs be counted, and fail where asked."""
    real, ran = runner.run_setup, list[Setup]()

    def run_setup(setup: Setup, *rest: Any) -> RunResult:
        ran.append(setup)
        if fail(setup):
            raise MemoryError("no room\nfor this run")
        return real(setup, *rest)

    monkeypatch.setattr(runner, "run_setup", run_setup)
    return ran


def never(setup: Setup) -> bool:
    """No run fails."""
    return False


def test_all_runs_are_done_in_the_order_of_the_points(jobs: list[Job]) -> None:
    """Points in order, replications inside; every one has a result."""
    tally = run_all(jobs)
    assert list(tally.outcomes) == [(point, i) for point in range(4) for i in range(2)]
    assert tally.failed == []


def test_finished_runs_are_used_again(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time nothing is simulated, and the results are the same."""
    first = run_all(jobs)
    ran = counted(monkeypatch, never)
    again = run_all(jobs)
    assert ran == []
    assert all(outcome.reused for outcome in again.outcomes.values())
    assert [o.run for o in again.outcomes.values()] == [o.run for o in first.outcomes.values()]


def test_force_runs_again(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is simulated anew although it is stored."""
    run_all(jobs)
    ran = counted(monkeypatch, never)
    run_all(jobs, force=True)
    assert len(ran) == 8


def test_a_damaged_run_is_reported_and_run_again(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One broken directory: one run, one report, and the store is whole afterwards."""
    run_all(jobs)
    (Store(jobs[0].store).path(jobs[3].key) / "stats.json").write_text("{")
    ran = counted(monkeypatch, never)
    tally = run_all(jobs)
    assert len(ran) == 1
    assert len(tally.damaged) == 1
    assert jobs[3].key.digest in tally.damaged[0]
    assert run_all(jobs).damaged == []


def test_a_failing_run_is_told_with_its_reason_and_the_others_go_on(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs of one point fail; six results and two reasons, each in one line."""
    counted(monkeypatch, lambda setup: setup.threads == 2 and "lock_each" in _scheme(setup, jobs))
    tally = run_all(jobs)
    assert [o.error for o in tally.failed] == ["MemoryError: no room for this run"] * 2
    assert {o.job.point_index for o in tally.failed} == {2}
    assert sum(o.run is not None for o in tally.outcomes.values()) == 6


def _scheme(setup: Setup, jobs: list[Job]) -> str:
    """Scheme of a setup: the one whose program it runs."""
    return next(
        job.point.scheme.name
        for job in jobs
        if runner.setup_of(job.point, 0).program is setup.program
    )


def test_an_interrupt_keeps_what_has_finished(jobs: list[Job]) -> None:
    """After Ctrl-C in the third run, two are stored; the next time six are left to do."""
    seen: list[RunOutcome] = []

    def interrupt(outcome: RunOutcome) -> None:
        seen.append(outcome)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all(jobs, on_outcome=interrupt)
    tally = run_all(jobs)
    assert sum(o.reused for o in tally.outcomes.values()) == 3


def test_points_that_stand_for_the_same_run_share_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that two points ask for is simulated once, and both get it."""
    point = resolve(load_experiment(experiment_file(tmp_path)))[0]
    twice = jobs_of([point, point], "reference", Store(tmp_path / "runs"))
    ran = counted(monkeypatch, never)
    tally = run_all(twice)
    assert len(ran) == 2
    assert [o.run for o in tally.of_point(0)] == [o.run for o in tally.of_point(1)]


def test_workers_give_what_one_process_gives(jobs: list[Job], tmp_path: Path) -> None:
    """Two spawned workers: same results in the same places, stored by the workers."""
    alone = run_all(jobs)
    shutil.rmtree(tmp_path / "runs")
    together = run_all(jobs, 2)
    assert not any(o.reused for o in together.outcomes.values())
    runs = {place: o.run for place, o in together.outcomes.items()}
    assert runs == {place: o.run for place, o in alone.outcomes.items()}
    assert all(Store(job.store).load(job.key) is not None for job in jobs)
