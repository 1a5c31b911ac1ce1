"""From a resolved point to the setups of its runs; and what is checked before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from dessim import schemes
from dessim.kernel.assembler import Program, assemble
from dessim.kernel.programs import fault_program, lock_loop_program
from dessim.kernel.world import Setup
from dessim.model import ConfigError, Experiment, Point, SchemeChoice
from dessim.model.document import Document
from dessim.model.errors import Place, Problem, Source

BASELINE = "no_fault_around"
"""The scheme whose program stands for every scheme when the window is one page."""


def program_of(point: Point) -> Program:
    """Assemble the program that the threads of a point run.

    Raises
    ------
    UnknownScheme
        If the scheme or one of its options does not exist.
    """
    chosen = tuple(sorted(point.scheme.options.items()))
    around = point.fault_around_order > 0
    return _program(point.workload.kind, point.scheme.name, chosen, around)


@lru_cache(maxsize=256)
def _program(
    kind: str,
    name: str,
    chosen: tuple[tuple[str, schemes.type_of_option], ...],
    around: bool,
) -> Program:
    scheme = schemes.load(name)
    options = schemes.options_of(scheme, dict(chosen))
    if kind == "lock_loop":
        return assemble(lock_loop_program())
    if not around:
        scheme = schemes.load(BASELINE)
    return assemble(fault_program(scheme.fault_around, scheme.slow_path), options)


def setup_of(point: Point, replication: int) -> Setup:
    """All that decides one run of a point.

    Parameters
    ----------
    point : Point
    replication : int, >= 0
        Runs of one number draw the same random numbers in every point of the experiment.
    """
    return Setup(
        point.machine,
        point.workload,
        program_of(point),
        point.threads,
        point.fault_around_order,
        point.simulate_bytes,
        point.seed,
        replication,
    )


def accesses_of(point: Point) -> int:
    """Accesses of all threads together: a measure of how long a run takes."""
    return setup_of(point, 0).accesses * point.threads


def label_of(point: Point) -> str:
    """One line that tells a point from the others of its experiment."""
    scheme = point.scheme.name
    if point.scheme.options:
        chosen = ", ".join(f"{k}={str(v).lower()}" for k, v in sorted(point.scheme.options.items()))
        scheme += f" ({chosen})"
    parts = [
        scheme,
        f"threads={point.threads}",
        f"order={point.fault_around_order}",
        point.workload.name,
        point.machine.name,
        *(f"{key}={value}" for key, value in point.parameters.items()),
    ]
    return " ".join(parts)


def check(experiment: Experiment, points: Iterable[Point]) -> None:
    """Check what only the schemes and the kernel know, before anything runs.

    Raises
    ------
    ConfigError
        With every unknown scheme or option, and every number of threads that does not fit on its
        machine, at the place where it is written.
    """
    document = experiment._document or Document({}, Source(experiment.name))
    problems: dict[tuple[object, ...], Problem] = {}
    for point in points:
        key: tuple[object, ...] = (repr(point.scheme.written()),)
        if key not in problems:
            try:
                program_of(point)
            except schemes.UnknownScheme as error:
                problems[key] = Problem(_place_of_scheme(document, point.scheme), str(error))
        cpus = point.machine.topology.n_cpus
        key = (point.machine.name, point.threads)
        if point.threads > cpus and key not in problems:
            text = (
                f"{point.threads} threads on machine '{point.machine.name}', which has {cpus} CPUs:"
                f" every thread needs a CPU of its own; use at most {cpus} threads, or a machine"
                " with more CPUs"
            )
            problems[key] = Problem(_place_of_threads(document, point), text)
    if problems:
        raise ConfigError(problems.values())


def _place_of_scheme(document: Document, scheme: SchemeChoice) -> Place:
    """Where a scheme is chosen: in `schemes`, or in an entry of `include`."""
    lists = [("schemes",), *(("include", i, "schemes") for i in _indices(document, ("include",)))]
    for path in lists:
        for i in _indices(document, path):
            entry = document.get((*path, i))
            if entry == scheme.name or (isinstance(entry, dict) and scheme.name in entry):
                return document.place((*path, i))
    for i in _indices(document, ("include",)):
        if document.get(("include", i, "scheme")) == scheme.name:
            return document.place(("include", i, "scheme"))
    return document.place(("schemes",))


def _place_of_threads(document: Document, point: Point) -> Place:
    """Where a number of threads is written: in the sweep, the experiment, or the workload."""
    for path in (("matrix", "threads"), ("zip", "threads")):
        for i in _indices(document, path):
            if document.get((*path, i)) == point.threads:
                return document.place((*path, i))
    for i in _indices(document, ("include",)):
        if document.get(("include", i, "threads")) == point.threads:
            return document.place(("include", i, "threads"))
    word = "threads" if document.get(("threads",)) is not None else "workload"
    return document.place((word,))


def _indices(document: Document, path: tuple[str | int, ...]) -> range:
    entries = document.get(path)
    return range(len(entries)) if isinstance(entries, list) else range(0)
