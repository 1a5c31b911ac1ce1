"""Expand the human form of an experiment into points: matrix, zip, include, exclude.

Everything is checked before anything is expanded, and the number of points is computed before the
first one is built, so that a sweep of 10^12 points is an error and not a long wait.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from dessim.model.cycles import TIMES, are_cycles
from dessim.model.document import Bad, Document, Path
from dessim.model.errors import Problem, suggest
from dessim.model.experiment import SWEPT_KEYS, Experiment, SchemeChoice
from dessim.model.fields import Model, describe, unit_of
from dessim.model.machine import Machine
from dessim.model.profile import Cell
from dessim.model.units import shorten
from dessim.model.validate import field_at, validate, validate_leaf
from dessim.model.workload import Workload

MAX_POINTS = 100_000
MAX_RUNS = 1_000_000
"""Each run has a name in the store, made before the first one begins: 10 us and 300 bytes."""
PARTS: dict[str, type[Model]] = {"machine": Machine, "workload": Workload}

Assignment = dict[str, Cell]
"""What one point sets: sweep key -> value and place."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Keys that move together, and the rows of values that they take."""

    keys: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(slots=True)
class Sweep:
    """The checked sweep of an experiment: axes, extra points, and what to leave out."""

    axes: list[Axis] = field(default_factory=list)
    include: list[tuple[Assignment, tuple[SchemeChoice, ...] | None, Cell]] = field(
        default_factory=list
    )
    exclude: list[tuple[dict[str, list[Any]], Cell]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def cells(self, key: str) -> Iterator[Cell]:
        """All values that a key takes anywhere in the sweep."""
        for axis in self.axes:
            if key in axis.keys:
                index = axis.keys.index(key)
                yield from (row[index] for row in axis.rows)
        yield from (entry[key] for entry, _, _ in self.include if key in entry)

    def assignments(
        self, schemes: Sequence[SchemeChoice]
    ) -> Iterator[tuple[Assignment, SchemeChoice, Cell | None]]:
        """Points in order: axes as written, schemes innermost, then the included ones.

        Yields
        ------
        assignment, scheme, cell of the `include` entry that it comes from (or None)

        Raises
        ------
        SweepError
            If an `exclude` entry matches no point.
        """
        unused = dict(enumerate(self.exclude))
        if self.axes or not self.include:
            for rows in itertools.product(*(axis.rows for axis in self.axes)):
                assignment = {
                    key: cell
                    for axis, row in zip(self.axes, rows, strict=True)
                    for key, cell in zip(axis.keys, row, strict=True)
                }
                for scheme in schemes:
                    hit = [
                        i
                        for i, (entry, _) in enumerate(self.exclude)
                        if _matches(entry, assignment, scheme)
                    ]
                    for i in hit:
                        unused.pop(i, None)
                    if not hit:
                        yield assignment, scheme, None
        if unused:
            text = "this exclude matches no point"
            raise SweepError([Problem(cell.place, text) for _, cell in unused.values()])
        for assignment, own, cell in self.include:
            for scheme in own if own is not None else schemes:
                yield assignment, scheme, cell

    def count(self, n_schemes: int) -> int:
        """Number of points before anything is excluded."""
        grid = math.prod(len(axis.rows) for axis in self.axes)
        extra = sum(n_schemes if own is None else len(own) for _, own, _ in self.include)
        return extra + (grid * n_schemes if self.axes or not self.include else 0)


class SweepError(ValueError):
    """Problems that show only when the points are enumerated."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(problem.message for problem in problems))


def read_sweep(document: Document) -> Sweep:
    """Read and check `matrix`, `zip`, `include` and `exclude` of an experiment's document.

    Parts of a wrong type are skipped: the model complains about them.

    Parameters
    ----------
    document : Document

    Returns
    -------
    Sweep
        With all its problems.
    """
    sweep = Sweep()
    matrix, side_by_side = _mapping(document, "matrix"), _mapping(document, "zip")
    for key in matrix:
        column = _column(sweep, document, ("matrix", key))
        if column:
            sweep.axes.append(Axis((key,), tuple((cell,) for cell in column)))
    for key in side_by_side:
        if key in matrix:
            place = document.place(("zip", key), key=True)
            sweep.problems.append(Problem(place, f"'{shorten(key)}' is already in matrix"))
    columns = {key: _column(sweep, document, ("zip", key)) for key in side_by_side}
    if columns and all(columns.values()):
        _zip_axis(sweep, document, columns)
    for index, entry in _entries(document, "include"):
        _include(sweep, document, index, entry)
    for index, entry in _entries(document, "exclude"):
        _exclude(sweep, document, index, entry)
    return sweep


def check_size(
    sweep: Sweep, n_schemes: int, replications: int, document: Document
) -> list[Problem]:
    """Problem of a sweep that has too many points or runs; computed without expanding it."""
    count = sweep.count(n_schemes)
    word = next((key for key in ("matrix", "zip", "include") if document.get((key,))), "schemes")
    if count > MAX_POINTS:
        text = f"{count:,} points: an experiment has at most {MAX_POINTS:,}"
    elif count * replications > MAX_RUNS:
        text = (
            f"{count:,} points, each {replications:,} times, are {count * replications:,} runs:"
            f" an experiment has at most {MAX_RUNS:,}"
        )
    else:
        return []
    return [Problem(document.place((word,), key=True), text)]


def parameters(assignment: Mapping[str, Cell]) -> dict[str, bool | int | float | str]:
    """Swept values that have no column of their own, as results carry them."""
    own = ("threads", "fault_around_order", "machine", "workload")
    return {
        key: float(cell.value) if isinstance(cell.value, Decimal) else cell.value
        for key, cell in assignment.items()
        if key not in own
    }


def settings_of(assignment: Mapping[str, Cell], part: str) -> dict[Path, Cell]:
    """Leaves of the machine or workload that a point sets, by their path below it."""
    return {
        tuple(key.split("."))[1:]: cell
        for key, cell in assignment.items()
        if key.startswith(part + ".")
    }


def check_key(key: str) -> str | None:
    """Sentence about why a key cannot be swept, or None."""
    if key in SWEPT_KEYS:
        return None
    if key == "workload.threads":
        return "sweep 'threads' instead of 'workload.threads'"
    first, _, rest = key.partition(".")
    if first in PARTS and rest:
        found, sentence = field_at(PARTS[first], tuple(rest.split(".")))
        return sentence if found is None else None
    if key in ("scheme", "schemes"):
        return "schemes cannot be swept: list them under 'schemes'"
    if key in ("seed", "replications"):
        return f"'{key}' cannot be swept: every replication has its own seed"
    known = (*SWEPT_KEYS, "machine.…", "workload.…")
    return f"'{shorten(key)}' cannot be swept; {suggest(key, known, plural='sweep keys')}"


def check_value(key: str, value: object) -> str | None:
    """Sentence about why a checked key cannot have a value, or None."""
    if isinstance(value, Bad) or key in PARTS:  # what they refer to is checked when it is loaded
        return None
    if isinstance(value, (dict, list)) or value is None:
        return f"expected a single value, found {describe(value)}"
    first, _, rest = key.partition(".")
    if rest:
        way = tuple(rest.split("."))
        if first == "machine" and way in TIMES and are_cycles(value):
            return None
        found, _ = field_at(PARTS[first], way)
    else:
        found, _ = field_at(Experiment, (key,))
    assert found is not None, key
    return validate_leaf(found, value)


def canonical(key: str, value: object) -> object:
    """What two spellings of one checked value of a key have in common: `20ns` and `0.02us`."""
    first, _, rest = key.partition(".")
    model, way = (PARTS.get(first), rest) if rest else (Experiment, key)
    field = field_at(model, tuple(way.split(".")))[0] if model else None
    unit = unit_of(field) if field else None
    if unit is None or are_cycles(value):
        return repr(value)
    try:
        return unit.read(value)
    except ValueError:  # it is told elsewhere
        return repr(value)


def _column(sweep: Sweep, document: Document, path: Path) -> list[Cell]:
    """Checked values of one key of a matrix or zip."""
    key, values = str(path[-1]), document.get(path)
    sentence = check_key(key)
    if sentence:
        sweep.problems.append(Problem(document.place(path, key=True), sentence))
        return []
    if not isinstance(values, list) or not values:
        if not isinstance(values, Bad):
            found = "an empty list" if values == [] else describe(values)
            text = f"expected a list of values, found {found}"
            sweep.problems.append(Problem(document.place(path), text))
        return []
    cells = [Cell(value, document.place((*path, i)), (*path, i)) for i, value in enumerate(values)]
    seen: set[object] = set()
    for cell in cells:
        sentence = check_value(key, cell.value)
        if sentence is None and path[0] == "matrix":
            same = canonical(key, cell.value)
            if same in seen:
                sentence = f"{describe(cell.value).removeprefix('text ')} is already in the list"
            seen.add(same)
        if sentence:
            sweep.problems.append(Problem(cell.place, sentence))
    return cells


def _zip_axis(sweep: Sweep, document: Document, columns: dict[str, list[Cell]]) -> None:
    lengths = {key: len(column) for key, column in columns.items()}
    if len(set(lengths.values())) > 1:
        text = ", ".join(f"{shorten(key)} has {n}" for key, n in lengths.items())
        place = document.place(("zip",), key=True)
        sweep.problems.append(Problem(place, f"lists of a zip must have the same length: {text}"))
        return
    rows = tuple(zip(*columns.values(), strict=True))
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        same = tuple(canonical(key, cell.value) for key, cell in zip(columns, row, strict=True))
        if same in seen:
            text = "the values at this place of the lists are there already"
            sweep.problems.append(Problem(row[0].place, text))
        seen.add(same)
    sweep.axes.append(Axis(tuple(columns), rows))


def _include(sweep: Sweep, document: Document, index: int, entry: dict[str, Any]) -> None:
    here: Path = ("include", index)
    assignment: Assignment = {}
    choices: tuple[SchemeChoice, ...] | None = None
    for key, value in entry.items():
        cell = Cell(value, document.place((*here, key)), (*here, key))
        if key in ("scheme", "schemes"):
            choices = (*(choices or ()), *_choices(sweep, document, (*here, key)))
            continue
        sentence = check_key(key)
        if sentence:
            place = document.place((*here, key), key=True)
            sweep.problems.append(Problem(place, sentence))
            continue
        sentence = check_value(key, value)
        if sentence:
            sweep.problems.append(Problem(cell.place, sentence))
        assignment[key] = cell
    sweep.include.append((assignment, choices, Cell(entry, document.place(here))))


def _choices(sweep: Sweep, document: Document, path: Path) -> tuple[SchemeChoice, ...]:
    """Schemes of one `include` entry: `scheme: name` or `schemes: [...]`."""
    value = document.get(path)
    paths = [path]
    if path[-1] == "schemes":
        if not isinstance(value, list) or not value:
            found = "an empty list" if value == [] else describe(value)
            text = f"expected a list of schemes, found {found}"
            sweep.problems.append(Problem(document.place(path), text))
            return ()
        paths = [(*path, i) for i in range(len(value))]
    choices = []
    for each in paths:
        choice, problems = validate(SchemeChoice, document.part(each))
        sweep.problems += problems
        if choice is not None:
            choices.append(choice)
    return tuple(choices)


def _exclude(sweep: Sweep, document: Document, index: int, entry: dict[str, Any]) -> None:
    here: Path = ("exclude", index)
    swept = {key for axis in sweep.axes for key in axis.keys}
    wanted: dict[str, list[Any]] = {}
    for key, value in entry.items():
        if key != "scheme" and key not in swept:
            hint = suggest(key, (*sorted(swept), "scheme"), plural="swept keys")
            text = f"'{shorten(key)}' is not a swept key; {hint}"
            sweep.problems.append(Problem(document.place((*here, key), key=True), text))
        wanted[key] = value if isinstance(value, list) else [value]
    if not entry:
        text = "an exclude without keys would exclude everything"
        sweep.problems.append(Problem(document.place(here), text))
    sweep.exclude.append((wanted, Cell(entry, document.place(here))))


def _matches(wanted: dict[str, list[Any]], assignment: Assignment, scheme: SchemeChoice) -> bool:
    for key, values in wanted.items():
        actual = [scheme.name, scheme.entry()] if key == "scheme" else [assignment[key].value]
        if not any(_same(a, v) for a in actual for v in values):
            return False
    return True


def _same(a: object, b: object) -> bool:
    return a == b and isinstance(a, bool) == isinstance(b, bool)  # True == 1 in Python


def _mapping(document: Document, key: str) -> dict[str, Any]:
    value = document.get((key,))
    return value if isinstance(value, dict) else {}


def _entries(document: Document, key: str) -> Iterable[tuple[int, dict[str, Any]]]:
    value = document.get((key,))
    items = value if isinstance(value, (list, tuple)) else []
    return [(i, item) for i, item in enumerate(items) if isinstance(item, dict)]
