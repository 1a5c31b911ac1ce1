"""The time that is said to be left, on sweeps whose runs take what the test says."""

import itertools
from types import SimpleNamespace as Thing

import pytest

from dessim.cli import progress
from dessim.cli.progress import Progress

COMPILING_S, OVERHEAD_S, STEPS_A_SECOND, STEPS_AN_ACCESS = 9.0, 0.05, 8e6, 25


class Clock:
    """Seconds that pass when the test says so."""

    now_s = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What `Progress` takes for the time; runs are as long as their threads have pages."""
    found = Clock()
    monkeypatch.setattr(progress.time, "monotonic", lambda: found.now_s)
    monkeypatch.setattr(Progress, "_work", lambda self, job: job.work)
    return found


def sweep(workloads: dict[str, float], threads: list[int], pages: int, times: int) -> list:
    """Jobs in the order of an experiment; a workload is so many times as slow."""
    jobs = []
    kinds = itertools.product(workloads, ("a", "b", "c"), threads)
    for index, (workload, scheme, n) in enumerate(kinds):
        point = Thing(
            workload=Thing(name=workload),
            scheme=Thing(name=scheme),
            threads=n,
            simulate_bytes=None,
        )
        for replication in range(times):
            key = Thing(digest=f"{index}/{replication}", engine="compiled", replication=replication)
            job = Thing(point=point, key=key, point_index=index, work=n * pages)
            steps = job.work * STEPS_AN_ACCESS * (1 + "abc".index(scheme) / 2)
            job.events = int(steps)
            job.seconds = OVERHEAD_S + steps * workloads[workload] / STEPS_A_SECOND
            jobs.append(job)
    return jobs


SIZED = Thing(simulate_bytes=64, workload=Thing(name="w"), scheme=Thing(name="a"), threads=1)
SWEEPS = {
    "one workload, 1 to 120 threads": sweep({"w": 1.0}, [1, 8, 32, 120], 4096, 8),
    "the same, the longest first": sweep({"w": 1.0}, [120, 32, 8, 1], 4096, 8),
    "workloads of different speed": sorted(
        sweep({"u": 1.0, "v": 3.0}, [16], 20_000, 4), key=lambda job: job.point.scheme.name
    ),
    "short runs only": sweep({"w": 1.0}, [1, 2], 64, 20),
}


@pytest.mark.parametrize("name", SWEEPS)
@pytest.mark.parametrize("workers", [1, 2])
def test_the_time_left_is_right_within_a_factor_of_two(
    name: str, workers: int, clock: Clock
) -> None:
    """From the first tenth of the runs on, in nine of ten cases, though the first run compiles."""
    jobs = SWEEPS[name]
    clock.now_s = 0.0
    shown = Progress(jobs, quiet=True, verbose=False)
    shown.planned(jobs, 0)
    free, running, said = [0.0] * workers, list[tuple[float, Thing]](), list[tuple[float, float]]()
    waiting = list(jobs)
    for number in range(len(jobs)):
        while waiting and len(running) < workers:
            job = waiting.pop(0)
            clock.now_s = free.pop(0)
            shown.started(job)
            extra = COMPILING_S if len(jobs) - len(waiting) <= workers else 0.0
            running.append((clock.now_s + job.seconds + extra, job))
        running.sort(key=lambda pair: pair[0])
        clock.now_s, job = running.pop(0)
        free = sorted([*free, clock.now_s])
        shown.note(Thing(job=job, run=Thing(events=job.events, faults=1), reused=False))
        left = shown._left_s(clock.now_s)
        if number > 0.1 * len(jobs):
            assert left is not None
            said.append((clock.now_s, left))
    said = [(left, clock.now_s - at) for at, left in said if clock.now_s - at > 0.2]
    good = sum(true / 2 <= left <= 2 * true for left, true in said)
    assert good >= 0.9 * len(said), [(round(a, 1), round(b, 1)) for a, b in said]


def test_runs_that_a_further_round_reads_again_count_once(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Six runs, and twelve of which six are these: twelve runs, none of them stored before."""
    jobs = sweep({"w": 1.0}, [1], 64, 12)[:12]
    with Progress([], quiet=False, verbose=False) as shown:
        for todo in (jobs[:6], jobs):
            shown.expect([Thing(**vars(job) | {"point": SIZED}) for job in todo])
            for job in todo:
                reused = len(todo) == 12 and job in jobs[:6]
                shown.note(Thing(job=job, run=Thing(events=1, faults=1), reused=reused, error=None))
    assert "12 runs in 0.0 s, 2 rounds" in (said := capsys.readouterr().err)
    assert "stored" not in said
    assert not shown._runs_left[0]


def test_nothing_is_said_before_two_runs_have_ended(clock: Clock) -> None:
    """The first may have compiled the engine."""
    jobs = SWEEPS["short runs only"]
    shown = Progress(jobs, quiet=True, verbose=False)
    shown.planned(jobs, 0)
    for job, known in zip(jobs, (False, True), strict=False):
        shown.started(job)
        clock.now_s += job.seconds
        shown.note(Thing(job=job, run=Thing(events=job.events, faults=1), reused=False))
        assert (shown._left_s(clock.now_s) is not None) == known
