"""Several threads that expand states; compiled code holds no lock of Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from dessim.engines.explorer import layout as ex
from dessim.kernel import layout as lay

SLICE = 4096  # states that a worker expands before what it found is taken in
USUAL_MOVES = 10  # for which there is room, of each state
FEWEST = 64  # states a worker: with fewer it is not worth waking it


class Team:
    """Workers with a World each.

    Parameters
    ----------
    jobs : int
    w : array of words
        The World of the search, complete.
    x : int
    code : mapping
        Compiled entry points.
    zeros : callable
        Makes an array of words.
    """

    def __init__(
        self, jobs: int, w: Any, x: int, code: Mapping[str, Any], zeros: Callable[[int], Any]
    ) -> None:
        self.jobs, self.x, self.code = jobs, x, code
        self.worlds = [w.copy() for _ in range(jobs)]
        each = ex.FOUND_WORDS + int(w[x + ex.X_KEYS])
        most = ex.R_WORDS + int(w[lay.H_TASKS]) * ex.MOVES_OF_TASK * each
        self.room = SLICE * (ex.R_WORDS + USUAL_MOVES * each) + most
        self.outs = [[zeros(self.room) for _ in range(jobs)] for _ in range(2)]
        self.pool = ThreadPoolExecutor(jobs, thread_name_prefix="explorer")

    def is_worth_it(self, frontier: int) -> bool:
        """Return whether there are enough states for all."""
        return frontier >= self.jobs * FEWEST

    def start(self, keys: Any, table: Any, size: int, first: int, known: int) -> Round:
        """Let all expand states from ``first`` on, of those that are known."""
        each = min(SLICE, (known - first) // self.jobs)
        outs = self.outs[0]
        self.outs.reverse()  # the other half is taken in meanwhile
        jobs = []
        for k, (w, out) in enumerate(zip(self.worlds, outs, strict=True)):
            part = (first + k * each, first + (k + 1) * each)
            given = (w, self.x, keys, table, size, known, out, self.room, *part)
            jobs.append(self.pool.submit(self.code["expand_apart"], *given))
        return Round(jobs, outs, each, self.worlds, self.x)

    def close(self) -> None:
        """Send the workers home."""
        self.pool.shutdown(wait=True)


@dataclass
class Round:
    """States that are being expanded.

    Attributes
    ----------
    jobs : list of Future
    outs : list of arrays
        What each worker writes down.
    each : int
        States of each.
    worlds, x
        As of the team.
    """

    jobs: list[Future[Any]]
    outs: list[Any]
    each: int
    worlds: list[Any]
    x: int

    def wait(self) -> tuple[list[int], int]:
        """Return how many states each worker did, and how many unknown ones were written down."""
        done = [int(job.result()) for job in self.jobs]
        fresh = sum(int(w[self.x + ex.X_PLACE]) for w in self.worlds)
        for k, count in enumerate(done):
            if count < self.each:  # no room for more: what comes behind would leave a gap
                return done[: k + 1], fresh
        return done, fresh
