"""What stderr shows while runs are going on."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dessim.study.runner import Outcome

PLAIN_EVERY_S = 10.0
"""Seconds between two lines when nobody watches."""


class Progress:
    """A bar on a terminal; elsewhere one plain line every ten seconds; nothing when quiet.

    Parameters
    ----------
    total : int
        Runs.
    quiet, verbose : bool
        Nothing at all; or a line for each run.
    """

    def __init__(self, total: int, *, quiet: bool, verbose: bool) -> None:
        self.total = total
        self.good = self.failed = self.reused = self.faults = 0
        self.quiet, self.verbose = quiet, verbose
        self.begin = self.last = time.monotonic()
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> Progress:
        if not (self.quiet or self.verbose) and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("runs, left"))
            self.bar = Bar(
                *columns,
                TimeRemainingColumn(),
                TextColumn("{task.description}"),
                console=Console(stderr=True),
                transient=True,
            )
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
            words = [f"{self.total} runs in {seconds:.1f} s"]
            if self.reused:
                words.append(f"{self.reused} were stored already")
            if self.failed:
                words.append(f"{self.failed} failed")
            click.echo(", ".join(words), err=True)

    def note(self, outcome: Outcome) -> None:
        """Take an ended run into account."""
        if outcome.run is None:
            self.failed += 1
        else:
            self.good += 1
            self.reused += outcome.reused
            self.faults += 0 if outcome.reused else outcome.run.latency_count
        if self.bar is not None:
            self.bar.update(self.task, advance=1, description=self._speed())
        elif self.verbose and not self.quiet:
            self._line(outcome)
        elif not self.quiet and time.monotonic() - self.last >= PLAIN_EVERY_S:
            self.last = time.monotonic()
            click.echo(f"{self.good + self.failed} of {self.total} runs, {self._speed()}", err=True)

    def _speed(self) -> str:
        per_s = self.faults / max(time.monotonic() - self.begin, 1e-3)
        return f"{per_s:,.0f} simulated faults per second"

    def _line(self, outcome: Outcome) -> None:
        from dessim.study.plan import label_of

        what = "stored" if outcome.reused else "ran" if outcome.run is not None else "FAILED"
        name = f"{label_of(outcome.job.point)} replication={outcome.job.key.replication}"
        click.echo(f"{self.good + self.failed}/{self.total} {what}: {name}", err=True)
