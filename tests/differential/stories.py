"""What a run leaves behind, as each engine reports it, and where two stories part."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from dessim.engines import build, compiled, loop
from dessim.engines.deadlock import Deadlock, FatalBug
from dessim.engines.reference import Reference
from dessim.kernel import layout as lay
from dessim.kernel.addressing import is_private
from dessim.kernel.result import read_result
from dessim.kernel.world import Setup, build_world

RUNAWAY = 40_000
"""Steps after which a run is given up: threads and actors may hold each other up for long."""

Row = tuple[int, int, int]
Change = Callable[[dict[str, Any], int], None]


@dataclass(frozen=True)
class Story:
    """A run.

    Attributes
    ----------
    log : list of (time_ps, task, program counter)
        Every step in the order in which it was carried out.
    world : list of int
        The World at the end.
    """

    log: list[Row]
    world: list[int]


class RunawayError(Exception):
    """A run that does not end soon: by bad luck, or as an effect of a fault."""


WITHOUT_END = RunawayError, FatalBug
"""Why a run leaves no World to compare: it does not end soon, or a BUG_ON of an actor ends it."""


class Log(list[Row]):
    """A log that refuses to become endless."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def append(self, row: Row) -> None:
        """Append a row."""
        if len(self) >= self.limit:
            raise RunawayError(f"a run of more than {self.limit} steps")
        super().append(row)


def by_reference(setup: Setup, limit: int = RUNAWAY) -> Story:
    """Tell a run as SimPy orders it."""
    w = build_world(setup).tolist()
    log = Log(limit)
    Reference(w, log, check=False).run()
    return Story(log, w)


def by_compiled(setup: Setup) -> Story:
    """Tell a run as the compiled engine orders it: with a log and without, it is the same.

    Only runs that the reference has ended: what is compiled checks no index and does not give up.
    """
    quiet, logged = build_world(setup), build_world(setup)
    compiled.run(quiet)
    log = compiled.run_logged(logged)
    assert quiet.tolist() == logged.tolist(), "the log changes the run"
    return Story(log, logged.tolist())


def by_loop(
    setup: Setup,
    change: Change = lambda space, bits: None,
    *,
    budget: int = 10**9,
    off_by_one: int | None = None,
) -> Story:
    """Tell a run by the source of the compiled engine's loop, uncompiled.

    Parameters
    ----------
    setup : Setup
    change : callable
        Puts faults into a copy of the namespace of loop and kernel; gets the bits of a task, too.
    budget : int
        Events between two returns of the loop.
    off_by_one : int, optional
        Index of a word of the World that is one too high.

    Raises
    ------
    Deadlock
        If tasks are left over.
    RunawayError
        If the run does not end.
    """
    w = build_world(setup).tolist()
    if off_by_one is not None:
        w[off_by_one] += 1
    tasks = w[lay.H_TASKS]
    bits = max(1, (tasks - 1).bit_length())
    log = Log(RUNAWAY)

    def write_log(w, _, key, bits):  # type: ignore[no-untyped-def]
        task = key & ((1 << bits) - 1)
        log.append((key >> bits, task, w[w[lay.H_TASK] + task * lay.T_WORDS + lay.T_PC]))

    space = build.namespace(logged=True)
    space["write_log"] = write_log
    change(space, bits)
    tree = [loop.NEVER] * (2 << bits)
    space["first_keys"](w, tree, 1 << bits, bits)
    while not space["run_chunk"](w, tree, 1 << bits, bits, budget, []):
        pass
    if w[lay.H_ENDED] != tasks:
        raise Deadlock("tasks are left over")
    return Story(log, w)


def shared_steps(setup: Setup, log: list[Row]) -> list[Row]:
    """Return the steps of a log that other tasks can notice."""
    w = build_world(setup).tolist()
    private = {}
    for _, task, pc in log:
        if (task, pc) not in private:
            w[w[lay.H_TASK] + task * lay.T_WORDS + lay.T_PC] = pc
            private[task, pc] = is_private(w, task)
    return [row for row in log if not private[row[1:]]]


def difference(setup: Setup, one: Story, other: Story) -> str | None:
    """Return in words where two stories of a run part, or None.

    The logs sorted (stably) by time and task are equal; so is the order of the steps that tasks can
    notice of each other, unsorted; so are the final Worlds, word for word, and what is read out of
    them: counters, histogram, series, and where time went.
    """
    for name, look in (
        ("sorted log", lambda story: sorted(story.log, key=lambda row: row[:2])),
        ("order of shared steps", lambda story: shared_steps(setup, story.log)),
        ("final World", lambda story: story.world),
    ):
        a, b = look(one), look(other)
        for place, (x, y) in enumerate(zip(a, b, strict=False)):
            if x != y:
                return f"{name}: at {place} {said(setup, x)} and {said(setup, y)}"
        if len(a) != len(b):
            return f"{name}: {len(a)} and {len(b)} entries"
    results = [read_result(story.world, 1) for story in (one, other)]
    return None if results[0] == results[1] else "results differ"


def said(setup: Setup, entry: Any) -> str:
    """Return a readable entry of a log or a World."""
    if isinstance(entry, int):
        return str(entry)
    at, task, pc = entry
    programs = [setup.program, *(actor.program for actor in setup.actors)]
    lines = [line for program in programs for line in program.listing]
    return f"{at} ps: task {task}: {lines[pc] if pc < len(lines) else 'device'}"


def assert_same(setup: Setup, limit: int = RUNAWAY) -> None:
    """Check that reference and compiled engine tell the same story of a run.

    A fatal BUG_ON is the same in both. What private steps of others had done by then is not:
    steps that nobody can notice may be carried out early.
    """
    try:
        story = by_reference(setup, limit)
    except FatalBug as bug:
        for run in (compiled.run, compiled.run_logged):
            with pytest.raises(FatalBug, match=f"^{re.escape(str(bug))}$"):
                run(build_world(setup))
        return
    assert difference(setup, story, by_compiled(setup)) is None
