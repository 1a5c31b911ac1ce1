"""How a search is carried out: nothing here changes what is found, only whether all of it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Seen:
    """How far a search is.

    Attributes
    ----------
    states, done : int
        States found, and those whose moves have all been tried.
    depth : int
        Moves from the first state to the last one that was done.
    resumed : int
        States that were there when the search went on after an interruption.
    lost : str
        Why what was found could not be kept, in words; empty if it could.
    """

    states: int
    done: int
    depth: int
    resumed: int = 0
    lost: str = ""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a search.

    Attributes
    ----------
    kept : int
        States that are kept, to resume.
    why : str
        Why not all that were found are, in words; empty if they are.
    """

    def __init__(self, kept: int, why: str) -> None:
        super().__init__()
        self.kept, self.why = kept, why


@dataclass(frozen=True)
class Effort:
    """How a search is carried out.

    Attributes
    ----------
    jobs : int
        Threads that expand states. Numbers of states, verdicts and traces are the same for any.
    memory : int
        Bytes that the states may take, their table included; 0: half of this machine's.
    reduce : bool
        Whether steps that meet nobody are tried alone where that is known to change no verdict.
    keep : Path or None
        A folder in which a search that is interrupted, or ends at a bound, is kept, to resume.
    watch : callable or None
        Gets a ``Seen`` every hundred thousand states or so.
    is_due : callable
        Whether it is time to keep what was found: searches know no clock.
    """

    jobs: int = 1
    memory: int = 0
    reduce: bool = False
    keep: Path | None = None
    watch: Callable[[Seen], None] | None = None
    is_due: Callable[[], bool] = lambda: False

    @property
    def bytes(self) -> int:
        """Bytes that the states may take."""
        if self.memory:
            return self.memory
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
