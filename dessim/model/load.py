"""Load configurations from files, and resolve experiments into points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any, TypeVar

from dessim.model.bases import with_bases
from dessim.model.document import Document, Path
from dessim.model.errors import MAX_SHOWN, ConfigError, Problem, Source, in_order
from dessim.model.experiment import Experiment, Point, SchemeChoice
from dessim.model.fields import unit_of
from dessim.model.growth import AUTO, cap_bytes, first_bytes
from dessim.model.locate import find, names, unknown_name
from dessim.model.machine import Machine
from dessim.model.overrides import apply_overrides
from dessim.model.profile import Cell, profile
from dessim.model.references import References, load_named, with_trace_from
from dessim.model.sweep import (
    Assignment,
    Sweep,
    SweepError,
    check_size,
    parameters,
    read_sweep,
    settings_of,
)
from dessim.model.validate import validate
from dessim.model.workload import Workload


def load_machine(name_or_path: str | FilePath) -> Machine:
    """Load a machine profile.

    Parameters
    ----------
    name_or_path : str or pathlib.Path
        A name in configs/machines, or a path (with `/`, or ending in `.yaml`).

    Returns
    -------
    Machine
        With the source of each number in `provenance`.

    Raises
    ------
    ConfigError
        With all errors of the file.
    """
    path = find("machines", str(name_or_path))
    document, problems = load_named(path)
    prepared = profile(with_bases(document, path.parent))
    prepared.problems += problems
    machine, problems = prepared.machine()
    return _checked(machine, problems)


def load_workload(name_or_path: str | FilePath) -> Workload:
    """Load a workload; see `load_machine`.

    Raises
    ------
    ConfigError
        With all errors of the file.
    """
    path = find("workloads", str(name_or_path))
    document, problems = load_named(path)
    workload, more = validate(Workload, with_trace_from(document, path.parent))
    return _checked(workload, [*problems, *more])


def load_experiment(path_or_name: str | FilePath, overrides: Sequence[str] = ()) -> Experiment:
    """Load an experiment and check everything about it, each of its points included.

    Parameters
    ----------
    path_or_name : str or pathlib.Path
        A name in configs/experiments, or a path (with `/`, or ending in `.yaml`).
    overrides : sequence of str
        `key.path=value`, applied in order, each key once; see `dessim.model.overrides`.

    Returns
    -------
    Experiment
        The human form; `resolve` expands it.

    Raises
    ------
    ConfigError
        With all errors of the file, of the overrides, and of the machines and workloads used.
    """
    path = find("experiments", str(path_or_name))
    document, problems = load_named(path)
    settings: dict[Path, Cell] = {}
    if isinstance(document.data, dict):
        before = {problem.message for problem in _idle(document)}
        document, settings, more = apply_overrides(document, overrides)
        problems += more
        problems += [p for p in _idle(document) if p.message in before or p.place.source.rank]
    experiment, more = validate(Experiment, document)
    problems += more
    references = References(path.parent, settings)
    sweep = read_sweep(document)
    problems += sweep.problems + _check_references(document, sweep, references)
    problems += _check_measured(document)
    if problems or experiment is None:
        raise ConfigError(in_order(problems))
    experiment._document = document
    experiment._references = references
    resolve(experiment)
    return experiment


def resolve(experiment: Experiment) -> tuple[Point, ...]:
    """Expand an experiment into its points.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    tuple of Point
        Matrix keys in the order written, the last one fastest, schemes innermost; then `include`.

    Raises
    ------
    ConfigError
        If a combination of values is impossible, or there are more than 100,000 points.
    """
    whole = experiment._document or Document({}, Source(experiment.name))
    document = Document(
        _sweep_data(experiment), whole.source, whole.values, whole.keys, whole.overlays
    )
    references: References = experiment._references or References(None)
    sweep = read_sweep(document)
    problems = sweep.problems or check_size(
        sweep, len(experiment.schemes), _most_replications(experiment), document
    )
    if problems:
        raise ConfigError(in_order(problems))
    points, problems = _points(experiment, document, references, sweep)
    if not points and not problems:
        problems = [Problem(document.place(()), "nothing is left to run: every point is excluded")]
    if problems:
        raise ConfigError(in_order(problems))
    return tuple(points)


def _points(
    experiment: Experiment, document: Document, references: References, sweep: Sweep
) -> tuple[list[Point], list[Problem]]:
    """Build the points of a checked sweep, and say which combinations are impossible."""
    points: list[Point] = []
    problems: list[Problem] = []
    seen: set[object] = set()
    try:
        for assignment, scheme, origin in sweep.assignments(experiment.schemes):
            point, found = _point(experiment, document, references, assignment, scheme)
            problems += found
            if len(problems) > MAX_SHOWN:
                break  # a sweep of impossible points need not be walked to its end
            if point is None:
                continue
            key = _key(point)
            if origin is not None and key in seen:
                text = "this include repeats an existing point"
                problems.append(Problem(origin.place, text))
            seen.add(key)
            points.append(point)
    except SweepError as error:
        problems += error.problems
    return points, problems


def _point(
    experiment: Experiment,
    document: Document,
    references: References,
    assignment: Assignment,
    scheme: SchemeChoice,
) -> tuple[Point | None, list[Problem]]:
    own = {
        word: Cell(document.data[word], document.place((word,)), (word,))
        for word in ("machine", "workload")
    }
    machine, problems = references.machine(
        assignment.get("machine", own["machine"]), document, settings_of(assignment, "machine")
    )
    workload, more = references.workload(
        assignment.get("workload", own["workload"]), document, settings_of(assignment, "workload")
    )
    problems = [*problems, *more]
    if machine is None or workload is None:
        return None, problems
    threads = _value(assignment, "threads", experiment.threads) or workload.threads
    simulate = experiment.simulate_bytes
    if "simulate" in assignment:
        unit = unit_of(Experiment.model_fields["simulate_bytes"])
        assert unit is not None
        simulate = unit.read(assignment["simulate"].value)
    cap = None
    if simulate == AUTO:
        cap = cap_bytes(workload, threads, experiment.simulate_cap_bytes)
        simulate = first_bytes(workload, cap)
    whole = workload.kind != "faults" or workload.replays
    if simulate is not None and (whole or simulate >= workload.file_size_bytes):
        simulate = cap = None  # nothing to scale: the same run as without the key
    point = Point(
        experiment=experiment.name,
        machine=machine,
        workload=references.with_threads(workload, threads),
        scheme=scheme,
        threads=threads,
        fault_around_order=_value(assignment, "fault_around_order", experiment.fault_around_order),
        simulate_bytes=simulate,
        simulate_cap_bytes=cap,
        parameters=parameters(assignment),
        replications=experiment.replications,
        seed=experiment.seed,
        measured=experiment.measured,
    )
    return point, []


def _most_replications(experiment: Experiment) -> int:
    """How often a point may run."""
    most = experiment.max_replications if experiment.precision else 0
    return max(experiment.replications, most)


def _value(assignment: Assignment, key: str, default: Any) -> Any:
    return assignment[key].value if key in assignment else default


def _key(point: Point) -> tuple[object, ...]:
    """What distinguishes two points of one sweep, cheaply: equal variants are the same objects."""
    scheme = repr(point.scheme.entry())
    numbers = (point.threads, point.fault_around_order, point.simulate_bytes)
    return (id(point.machine), id(point.workload), scheme, *numbers)


def _sweep_data(experiment: Experiment) -> dict[str, Any]:
    """The parts of an experiment that are expanded, as plain data."""
    return {
        "machine": experiment.machine,
        "workload": experiment.workload,
        "matrix": experiment.matrix,
        "zip": experiment.zip,
        "include": list(experiment.include),
        "exclude": list(experiment.exclude),
    }


def _check_references(document: Document, sweep: Sweep, references: References) -> list[Problem]:
    """Load every machine and workload that is used, and collect what is wrong with them."""
    problems: list[Problem] = []
    for word, build in (("machine", references.machine), ("workload", references.workload)):
        cells = list(sweep.cells(word))
        if isinstance(document.data, dict) and isinstance(document.data.get(word), (str, dict)):
            cells.insert(0, Cell(document.data[word], document.place((word,)), (word,)))
        for cell in cells:
            problems += build(cell, document, {})[1]
    return problems


def _idle(document: Document) -> list[Problem]:
    """Keys that do nothing without another one.

    A file's own key that only `--set` makes idle is no reason to complain.
    """
    problems = []
    swept = [document.get((word,)) for word in ("matrix", "zip")]
    swept += document.get(("include",)) if isinstance(document.get(("include",)), list) else []
    sweeps = any(isinstance(entry, dict) and "simulate" in entry for entry in swept)
    if "simulate_cap" in document.data and not sweeps and document.get(("simulate",)) != "auto":
        text = "simulate_cap does nothing without 'simulate: auto'"
        problems.append(Problem(document.place(("simulate_cap",), key=True), text))
    if "max_replications" in document.data and not document.get(("precision",)):
        text = "max_replications does nothing without 'precision'"
        problems.append(Problem(document.place(("max_replications",), key=True), text))
    return problems


def _check_measured(document: Document) -> list[Problem]:
    measured = document.get(("measured",))
    if not isinstance(measured, str) or measured in names("published"):
        return []
    return [Problem(document.place(("measured",)), unknown_name("published", measured))]


M = TypeVar("M")


def _checked(model: M | None, problems: list[Problem]) -> M:
    if model is None or problems:
        raise ConfigError(in_order(problems))
    return model
