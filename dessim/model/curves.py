"""How published curves of contended lines and locks are simulated: loops, machines, settings.

A file `NAME.yaml` next to the table `NAME.csv` says so, see configs/published.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from dessim.model.document import Document, Path
from dessim.model.errors import ConfigError, Problem, in_order
from dessim.model.fields import Count, Model, PositiveTime, Text, refuse, unit_of
from dessim.model.machine import Machine
from dessim.model.validate import field_at, validate, validate_leaf
from dessim.model.yaml_loader import read_document

Word = Literal["lock", "unlock", "touch_line", "count"]
Settings = dict[Text, Any]
"""Dotted path of a machine's number -> the number, in the unit of its attribute once loaded."""


class Curve(Model):
    """How one curve is simulated."""

    each: Annotated[tuple[Word, ...], Field(min_length=1)]
    """What a thread does after each pause; `count` is where an iteration is over."""
    settings: dict[Text, Settings] = Field(default_factory=dict)
    """Machine -> numbers that are not those of its profile, all inside its ranges."""
    chosen_for: tuple[Text, ...] = ()
    """Machines with a number that was chosen with this very curve in view: not unseen."""
    min_threads: Count = 1
    """Fewer threads are simulated, but not counted."""

    @model_validator(mode="after")
    def _check(self) -> Curve:
        if self.each.count("count") != 1:
            raise refuse([(("each",), "an iteration must be counted exactly once")])
        return self


class CurveSetup(Model):
    """How the curves of a table are simulated."""

    machines: dict[Text, Text]
    """Machine of the table -> profile."""
    pause_ps: PositiveTime
    """Mean pause between two iterations, exponentially distributed."""
    iterations: Count
    """Iterations of each thread."""
    placement: Literal["spread", "compact"]
    """Where threads run."""
    settings: Settings = Field(default_factory=dict)
    """Numbers of every machine that are not those of its profile."""
    curves: dict[Text, Curve]
    """Quantity of the table -> how it is simulated."""
    too_few_threads: Text
    """Why points with too few threads are not counted."""
    not_simulated: dict[Text, Text] = Field(default_factory=dict)
    """Quantities that have no counterpart, and why."""

    def settings_of(self, quantity: str, machine: str) -> dict[str, Any]:
        """Numbers of a machine that differ from its profile where a curve is simulated."""
        return {**self.settings, **self.curves[quantity].settings.get(machine, {})}


def load_curve_setup(file: FilePath) -> CurveSetup:
    """Load how the curves of a table are simulated.

    Raises
    ------
    ConfigError
        With all errors of the file.
    """
    document, problems = read_document(file)
    for path in list(_settings(document)):
        document, said = _canonical(document, path)
        problems += said
    setup, more = validate(CurveSetup, document)
    problems = [*problems, *more]
    if setup is None or problems:
        raise ConfigError(in_order(problems))
    return setup


def _settings(document: Document) -> Iterator[Path]:
    """Paths of all numbers of machines that are set."""
    above: list[Path] = [("settings",)]
    for name in _keys(document, ("curves",)):
        own: Path = ("curves", name, "settings")
        above += [(*own, machine) for machine in _keys(document, own)]
    for path in above:
        yield from ((*path, key) for key in _keys(document, path))


def _keys(document: Document, path: Path) -> list[str]:
    found = document.get(path)
    return list(found) if isinstance(found, dict) else []


def _canonical(document: Document, path: Path) -> tuple[Document, list[Problem]]:
    """The document with one number of a machine in the unit of its attribute."""
    field, said = field_at(Machine, tuple(str(path[-1]).split(".")))
    if field is None:
        return document, [Problem(document.place(path, key=True), said)]
    value, place = document.get(path), document.place(path)
    wrong = validate_leaf(field, value)
    if wrong is not None:
        return document, [Problem(place, wrong)]
    unit = unit_of(field)
    return (document.set(path, unit.read(value), place) if unit else document), []
