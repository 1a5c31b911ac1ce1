"""Where text goes: a terminal at its own width, a pipe or a file at a fixed one."""

from __future__ import annotations

import errno
import sys
from typing import TextIO

from rich.console import Console

PIPE_WIDTH = 250
"""Columns where there is no terminal: wide enough for every table, so that nothing is cut off."""


class _Console(Console):
    """rich's, except for its own end of a process whose output nobody reads."""

    def on_broken_pipe(self) -> None:
        """Leave it to the command line, which knows the exit code."""
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def console_for(file: TextIO | None) -> Console:
    """Return a console that prints text as it is.

    Parameters
    ----------
    file : text stream or None
        Standard output if None. No colours unless it is a terminal, or with NO_COLOR.
    """
    stream = file or sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return _Console(file=stream, width=width, highlight=False, emoji=False, markup=False)


def say(console: Console, text: str, style: str = "") -> None:
    """Print a line of prose: a terminal gets it wrapped between words, a file as it is."""
    console.print(text, style=style, soft_wrap=not console.is_terminal)
