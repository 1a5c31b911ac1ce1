"""Run a point on the reference engine and record what happens."""

from __future__ import annotations

import re
from typing import Any

from dessim.engines import reference
from dessim.engines.deadlock import Deadlock, FatalBug
from dessim.kernel.flags import flag_condition
from dessim.kernel.placement import cpu_of
from dessim.kernel.regions import programs_of
from dessim.kernel.result import RunResult, check_at_rest, read_result
from dessim.kernel.setup import Setup
from dessim.kernel.world import build_world
from dessim.measure.recording.history import Recording, TaskInfo
from dessim.measure.recording.recorder import Recorder, RecordingEnded
from dessim.model import Point
from dessim.study.sweep.plan import setup_of

SPANS = 1_000_000
"""Spans that are recorded at most if nothing else is asked for: about 200 MB of memory."""


def tasks_of(point: Point, setup: Setup) -> list[TaskInfo]:
    """Threads, actors, slots of the device, and who creates threads: as the World numbers them."""
    actors = [actor.name for actor in point.workload.actors for _ in range(actor.count)]
    names = [
        *((f"thread {i}", "thread") for i in range(setup.threads)),
        *((f"{name} {i}", "actor") for i, name in enumerate(actors)),
        *((f"device slot {i}", "device") for i in range(setup.devices)),
        *(("creator", "creator") for _ in range(setup.creators)),
    ]
    found = []
    for i, (name, kind) in enumerate(names):
        cpu = cpu_of(point.machine.topology, i)
        where = (-1, -1, -1) if kind in ("device", "creator") else (cpu.cpu, cpu.core, cpu.socket)
        found.append(TaskInfo(name, kind, *where))
    return found


def listing_of(setup: Setup) -> tuple[str, ...]:
    """Step of each program counter of a World, in words."""
    return tuple(_in_words(line) for program in programs_of(setup) for line in program.listing)


def _in_words(line: str) -> str:
    """A line of a listing with conditions by the names that schemes use."""
    flags = re.fullmatch(r"when flags & (\d+) == (\d+)", line)
    return f"when {flag_condition(int(flags[1]), int(flags[2]))}" if flags else line


def record(
    point: Point,
    replication: int = 0,
    from_ps: int = 0,
    until_ps: int | None = None,
    limit: int | None = SPANS,
) -> tuple[Recording, RunResult | None]:
    """Run one replication of a point on the reference engine and record it.

    Parameters
    ----------
    point : Point
    replication : int
    from_ps, until_ps : int, ps
        What is recorded; the run stops at ``until_ps``.
    limit : int or None
        Spans after which it stops.

    Returns
    -------
    Recording, RunResult or None
        No result of a run that was stopped, or that ended in a deadlock or a fatal BUG: then the
        recording has the reason as its ``error``.

    Raises
    ------
    WorldError, InvariantError
        As of ``engines.run_setup``.
    """
    setup = setup_of(point, replication)
    w: Any = build_world(setup).tolist()
    recorder = Recorder(w, tasks_of(point, setup), listing_of(setup), from_ps, until_ps, limit)
    try:
        reference.Reference(w, advance=recorder.advance).run()
    except RecordingEnded:
        return recorder.finish(w, complete=False), None
    except (Deadlock, FatalBug) as error:  # what led to it is what a trace is for
        return recorder.finish(w, complete=False, error=str(error)), None
    check_at_rest(w)
    declared = setup.file_pages
    return recorder.finish(w, complete=True), read_result(w, declared)
