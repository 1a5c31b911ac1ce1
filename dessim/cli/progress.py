"""What stderr shows while runs are going on."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from dessim.errors import counted

if TYPE_CHECKING:
    from dessim.study.sweep.jobs import Job, RunOutcome

PLAIN_EVERY_S = 10.0
"""Seconds between two lines when nobody watches."""
ENOUGH = 2
"""Runs that must have ended before a time is said: the first may have compiled the engine."""
LAST = 5
"""Runs of a kind that are remembered."""
LONG = 3
"""A run that takes so many times what each run takes shows how fast its steps are."""
USUAL_SPEED = {"compiled": 2e6, "reference": 1e5}
"""Steps a second while only runs have ended that are too short to show more."""
Kind = tuple[str, str, int]
"""Workload, scheme and number of threads."""


class Progress:
    """A bar on a terminal; elsewhere one plain line every ten seconds; nothing when quiet.

    Parameters
    ----------
    jobs : sequence of Job
        Of the first round; ``expect`` adds those of others.
    quiet, verbose : bool
        Nothing at all; or a line for each run.
    """

    def __init__(self, jobs: Sequence[Job], *, quiet: bool, verbose: bool) -> None:
        self.total = self.rounds = 0
        self.why = ""
        self._sizes: set[tuple[int, int | None]] = set()
        self.may_grow = False
        self.good = self.failed = self.reused = self.faults = 0
        self.quiet, self.verbose = quiet, verbose
        self.begin = self.last = time.monotonic()
        self.bar: Any = None
        self.task: Any = None
        self._runs_left: Counter[int] = Counter()
        self._expected: set[tuple[int, str]] = set()
        self._noted: set[tuple[int, str]] = set()
        self._running: dict[str, tuple[float, Job]] = {}
        self._planned: dict[str, Job] = {}
        self._seen: dict[Kind, deque[tuple[float, int, int]]] = {}
        self._most_running = 1
        self._work_of: dict[tuple[int, int | None], int] = {}
        self.expect(jobs)

    def expect(self, jobs: Sequence[Job]) -> None:
        """Add the runs of a further round: of larger parts of the file, or more replications.

        Runs that an earlier round had, and this one reads again, count once.
        """
        if not jobs:
            return
        self.rounds += 1
        sizes = {(job.point_index, job.point.simulate_bytes) for job in jobs}
        self.why = "more replications" if sizes <= self._sizes else "larger parts of the file"
        self._sizes |= sizes
        self.may_grow = any(job.point.simulate_bytes is not None for job in jobs)
        new = {_place(job): job.point_index for job in jobs if _place(job) not in self._expected}
        self._expected.update(new)
        self.total += len(new)
        self._runs_left.update(new.values())
        if self.bar is not None:
            self.bar.update(self.task, total=self.total)

    def __enter__(self) -> Progress:
        if not (self.quiet or self.verbose) and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("runs, {task.description}"))
            self.bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self.bar.start()
            self.task = self.bar.add_task("", total=self.total)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.stop()
        if kind is None and not self.quiet:
            seconds = time.monotonic() - self.begin
            words = [f"{counted(self.total, 'run')} in {seconds:.1f} s"]
            if self.rounds > 1:
                words.append(f"{self.rounds} rounds (larger sizes, or more replications, each)")
            if self.reused:
                words.append(stored_already(self.reused))
            if self.failed:
                words.append(f"{self.failed} failed")
            click.echo(", ".join(words), err=True)

    def planned(self, jobs: Sequence[Job], reused: int) -> None:
        """Take into account what is left to do."""
        self._planned.update({job.key.digest: job for job in jobs})

    def started(self, job: Job) -> None:
        """Take into account what a worker was given."""
        self._running[job.key.digest] = (time.monotonic(), job)
        self._most_running = max(self._most_running, len(self._running))

    def note(self, outcome: RunOutcome) -> None:
        """Take an ended run into account."""
        job = outcome.job
        self._planned.pop(job.key.digest, None)
        begun = self._running.pop(job.key.digest, None)
        if _place(job) in self._noted:
            return
        self._noted.add(_place(job))
        self._runs_left[job.point_index] -= 1
        if begun is not None and outcome.run is not None:
            self._learn(job, max(time.monotonic() - begun[0], 1e-6), outcome.run.events)
        if outcome.run is None:
            self.failed += 1
        else:
            self.good += 1
            self.reused += outcome.reused
            self.faults += 0 if outcome.reused else outcome.run.faults
        if self.verbose and not self.quiet:
            self._line(outcome)
        self.tick()

    def tick(self) -> None:
        """Show how it goes, if it is time."""
        now = time.monotonic()
        if self.bar is not None:
            if now - self.last >= 0.1:
                self.last = now
                self.bar.update(
                    self.task, completed=self.good + self.failed, description=self._how()
                )
        elif not self.quiet and not self.verbose and now - self.last >= PLAIN_EVERY_S:
            self.last = now
            click.echo(f"{self.good + self.failed} of {self.total} runs, {self._how()}", err=True)

    def _work(self, job: Job) -> int:
        """Accesses of a run: its length up to a factor."""
        sized = job.point_index, job.point.simulate_bytes
        if sized not in self._work_of:
            from dessim.study.sweep.plan import accesses_of

            self._work_of[sized] = accesses_of(job.point)
        return self._work_of[sized]

    def _how(self) -> str:
        """Points, time left, speed, and what has been running for longest."""
        now = time.monotonic()
        seconds = max(now - self.begin, 1e-3)
        done = sum(left == 0 for left in self._runs_left.values())
        words = [f"round {self.rounds}, {self.why}"] if self.rounds > 1 else []
        words.append(f"{done} of {len(self._runs_left)} points")
        left_s = self._left_s(now)
        if left_s is not None:  # of the rounds that are known: what comes out decides about others
            words.append(f"about {_as_time(left_s)} left" + self._of_round())
        words.append(f"{self.faults / seconds:,.0f} simulated faults per second")
        if self._running:
            from dessim.study.sweep.plan import sized_label

            since, job = min(self._running.values(), key=lambda pair: pair[0])
            words.append(f"longest {_as_time(now - since)}: {sized_label(job.point)}")
        return ", ".join(words)

    def _learn(self, job: Job, seconds: float, events: int) -> None:
        """Note how long a run took, of this workload, scheme and number of threads."""
        self._seen.setdefault(_kind(job), deque(maxlen=LAST)).append(
            (seconds, self._work(job), events)
        )

    def _seconds_of(self, job: Job) -> float:
        """What a run should take: what each run takes, and what grows with its accesses."""
        ended = {kind: sorted(kept)[(len(kept) - 1) // 2] for kind, kept in self._seen.items()}
        speed = max(USUAL_SPEED[job.key.engine], *(e / s for s, _, e in ended.values()))
        rest = sorted(max(s - e / speed, 0.0) for s, _, e in ended.values())
        each = rest[len(rest) // 4]
        near = min(ended, key=lambda kind: _apart(kind, _kind(job)))
        seconds, work, events = ended[near]
        if near == _kind(job):
            fixed = min(each, seconds)
            return fixed + (seconds - fixed) * self._work(job) / work
        shows_speed = seconds > LONG * each
        step = (seconds - each) / events if shows_speed else 1 / speed
        return each + self._work(job) * events / work * step

    def _left_s(self, now: float) -> float | None:
        """Seconds until all known runs have ended; None as long as too few have."""
        if sum(map(len, self._seen.values())) < min(ENOUGH, self.total):
            return None
        begun = {digest: now - since for digest, (since, _) in self._running.items()}
        each = [
            max(self._seconds_of(job) - begun.get(digest, 0.0), 0.0)
            for digest, job in self._planned.items()
        ]
        return max(math.fsum(each) / self._most_running, max(each, default=0.0))

    def _of_round(self) -> str:
        """A word on further rounds, where there may be some."""
        return " in this round" if self.may_grow or self.rounds > 1 else ""

    def _line(self, outcome: RunOutcome) -> None:
        from dessim.study.sweep.plan import sized_label

        what = "stored" if outcome.reused else "ran" if outcome.run is not None else "FAILED"
        name = f"{sized_label(outcome.job.point)} replication={outcome.job.key.replication}"
        click.echo(f"{self.good + self.failed}/{self.total} {what}: {name}", err=True)


def _place(job: Job) -> tuple[int, str]:
    """A run of a point: two points may stand for the same one."""
    return job.point_index, job.key.digest


def _kind(job: Job) -> Kind:
    return job.point.workload.name, job.point.scheme.name, job.point.threads


def _apart(a: Kind, b: Kind) -> tuple[bool, bool, float]:
    """How little one kind of runs says about another."""
    return a[0] != b[0], a[1] != b[1], abs(math.log(a[2] / b[2]))


def stored_already(runs: int) -> str:
    """Say of how many runs the result was there."""
    return f"{runs} {'was' if runs == 1 else 'were'} stored already"


def _as_time(seconds: float) -> str:
    """A time for people: `42 s`, `3 min`, `2.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
