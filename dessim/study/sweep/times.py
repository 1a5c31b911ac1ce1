"""Times that 64 bits cannot count: found before anything runs, with the number to blame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dessim.kernel.world import build_world
from dessim.model import Point
from dessim.model.document import Path
from dessim.model.fields import Model, yaml_key
from dessim.model.units import PPM
from dessim.study.sweep.plan import setup_of

LONG_COST_PS = 10**9
"""A cost of a machine from which on, with all its factors, a World is built to be sure."""
LONG_EXIT_PS = 10**11
"""Of ``process_exit``, which is milliseconds everywhere, and not drawn."""
LONG_PAUSE_PS = 10**12
LONG_START_PS = 10**14
WIDE_PPM = 2 * PPM
MANY_TRANSFERS_PPM = 100 * PPM
EXIT = ("kernel", "process_exit")
NO_COSTS = ("thread_start_ps", "time_slice_ps", "evict_after_ps")
"""Times that nothing is multiplied with."""


def too_long(point: Point) -> tuple[str, Path]:
    """Return why the compiled engine cannot count a point's times, and which number it is.

    Usual numbers are far below: only for others the World of a smallest file is built, and asked.

    Returns
    -------
    str
        Empty if it can.
    path of str
        Of the number, from `machine` or `workload` on.
    """
    late = _interval(point)[1] * point.threads > LONG_START_PS
    if not late and not _may_be_long(point):
        return "", ()
    from dessim.engines import compiled

    setup = setup_of(point, 0)
    if not point.workload.pages_file:  # that one's memory is a share of its file
        setup = replace(setup, simulate_bytes=setup.page_bytes * setup.frame_pages)
    w = build_world(setup)
    try:
        compiled.check_costs(w)
    except OverflowError as error:
        return str(error), _greatest(point)
    try:
        compiled.check_starts(w)
    except OverflowError as error:
        return str(error), _interval(point)[0]
    return "", ()


def _interval(point: Point) -> tuple[Path, int]:
    """Path and time of the interval between the starts of two threads."""
    given = point.workload.start_stagger_ps
    if given is not None:
        return ("workload", "start_stagger"), given
    return ("machine", "kernel", "thread_start"), point.machine.kernel.thread_start_ps


def _may_be_long(point: Point) -> bool:
    machine, workload = point.machine, point.workload
    memory, clock, smt = machine.memory, machine.clock, machine.smt
    factor = (
        max(smt.user_slowdown_ppm, smt.kernel_slowdown_ppm)
        / PPM
        * (clock.one_core_hz / clock.all_cores_hz)
        * max(1, memory.two_hops_ps / max(1, memory.local_ps))
    )
    costs = max(ps for path, ps in _costs(machine) if path != EXIT)
    pauses = max(ps for _, ps in _pauses(point))
    return (
        max(costs, workload.page_work_ps) * factor > LONG_COST_PS
        or machine.kernel.process_exit_ps * factor > LONG_EXIT_PS
        or pauses > LONG_PAUSE_PS
        or max(machine.user.read_page_cv_ppm, machine.device.read_latency_cv_ppm) > WIDE_PPM
        or machine.locks.mcs_transfers_ppm > MANY_TRANSFERS_PPM
    )


def _greatest(point: Point) -> Path:
    """Path of the greatest time of a point that something is multiplied with."""
    costs = [(("machine", *path), ps) for path, ps in _costs(point.machine)]
    page_work = (("workload", "page_work"), point.workload.page_work_ps)
    return max((*costs, page_work, *_pauses(point)), key=lambda one: one[1])[0]


def _pauses(point: Point) -> Iterator[tuple[Path, int]]:
    """Yield path and time of what is drawn around its mean, and depends on no clock."""
    workload = point.workload
    yield ("workload", "think"), workload.think_ps
    yield ("workload", "hold"), workload.hold_ps
    for i, actor in enumerate(workload.actors):
        yield ("workload", "actors", i, "every"), actor.every_ps
    if workload.creates_threads:
        yield _interval(point)


def _costs(model: Model, way: Path = ()) -> Iterator[tuple[Path, int]]:
    """Yield path and time of each cost of a machine or a part of it."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Model):
            yield from _costs(value, (*way, yaml_key(name)))
        elif name.endswith("_ps") and name not in NO_COSTS:
            yield (*way, yaml_key(name)), value
