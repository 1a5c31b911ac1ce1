"""What searches of `dessim check` have in common: their options, how far they are, Ctrl-C."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from dessim.cli.exit_codes import INTERRUPTED
from dessim.cli.options import QUIET, together

if TYPE_CHECKING:
    from dessim.engines.explorer.effort import Effort, Seen

TERMINAL_EVERY_S = 0.5
PLAIN_EVERY_S = 10.0
KEEP_EVERY_S = 5.0
MOST_JOBS = 64


def _bytes(_: click.Context, option: click.Parameter, text: str | None) -> int:
    from dessim.model.units import SIZE, parse_quantity

    if text is None:
        return 0
    try:
        size = parse_quantity(text, SIZE)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if size < 1 << 20:
        raise click.BadParameter(f"expected 1MiB or more, found '{text}'")
    return size


EFFORT = together(
    click.option(
        "--max-states", type=click.IntRange(1), help="Limit of states [default: 5,000,000]."
    ),
    click.option(
        "--max-memory",
        metavar="SIZE",
        callback=_bytes,
        help="Limit of memory for states, such as 2GiB [default: half of this machine's].",
    ),
    click.option(
        "-j",
        "--jobs",
        type=click.IntRange(1, MOST_JOBS),
        default=1,
        metavar="N",
        help="Cores to use; results are the same for any N.",
    ),
    click.option(
        "--reduce",
        is_flag=True,
        help="Skip orders that make no difference (protocols under sc); same verdicts.",
    ),
    click.option(
        "--keep/--no-keep",
        default=True,
        help="Keep a search that did not end, and resume it [default: keep].",
    ),
    QUIET,
)
"""How a search is carried out."""


class SearchWatch:
    """Shows how far a search is: one line on a terminal, a line every ten seconds elsewhere."""

    def __init__(self, *, quiet: bool, keeps: bool = True) -> None:
        self.quiet, self.keeps = quiet, keeps
        self.terminal = sys.stderr.isatty()
        self.begin = self.last = self.kept = time.monotonic()
        self.before: Seen | None = None
        self.first: int | None = None
        self.shown = self.warned = False

    def __call__(self, seen: Seen) -> None:
        """Show it if it is time."""
        if seen.lost and self.keeps and not self.warned:
            self.warned = True
            self.clear()
            click.echo(f"warning: this search is not kept: {seen.lost}", err=True)
        now = time.monotonic()
        if self.first is None or (self.before is not None and seen.states < self.before.states):
            self.begin, self.first = now, seen.resumed  # another search
            if seen.resumed and not self.quiet:
                click.echo(f"resumes from {seen.resumed:,} states", err=True)
        self.before = seen
        every = TERMINAL_EVERY_S if self.terminal else PLAIN_EVERY_S
        if self.quiet or now - self.last < every:
            return
        self.last = now
        speed = (seen.states - self.first) / max(now - self.begin, 1e-3)
        line = (
            f"{seen.states:,} states, {speed:,.0f} a second, frontier {seen.states - seen.done:,},"
            f" {seen.depth} steps deep"
        )
        if self.terminal:
            click.echo(f"\r{line:<78}", nl=False, err=True)
            self.shown = True
        else:
            click.echo(line, err=True)

    def is_due(self) -> bool:
        """Whether it is time to keep what was found."""
        now = time.monotonic()
        if now - self.kept < KEEP_EVERY_S:
            return False
        self.kept = now
        return True

    def clear(self) -> None:
        """Take the line away."""
        if self.shown:
            click.echo("\r" + " " * 78 + "\r", nl=False, err=True)
            self.shown = False


@contextmanager
def searching(given: Mapping[str, Any]) -> Iterator[Effort]:
    """Give the effort that options ask for; say at Ctrl-C or SIGTERM how to go on, and end."""
    from dessim.study import check as study

    watch = SearchWatch(quiet=given["quiet"], keeps=given["keep"])
    keep = study.kept_searches() if given["keep"] else None
    try:
        yield study.Effort(
            given["jobs"], given["max_memory"], given["reduce"], keep, watch, watch.is_due
        )
        watch.clear()
    except KeyboardInterrupt as stop:
        watch.clear()
        states = f" after {watch.before.states:,} states" if watch.before is not None else ""
        further = _how_to_go_on(stop) if given["keep"] else ""
        click.echo(f"interrupted{states}{further}", err=True)
        sys.exit(INTERRUPTED)


def _how_to_go_on(stop: KeyboardInterrupt) -> str:
    """Return what was kept, in words; nothing between two searches."""
    from dessim.study import check as study

    if not isinstance(stop, study.Interrupted):
        return ""
    if not stop.why:
        return "; the same command resumes"
    if stop.kept:
        return f"; the same command resumes from {stop.kept:,} states ({stop.why})"
    return f"; it could not be kept: {stop.why}"


def bound_words(exploration: Any) -> str:
    """Return why not all was tried, in words."""
    return "; ".join(exploration.untried) or f"the limit was reached ({exploration.bounded})"
