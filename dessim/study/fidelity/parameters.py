"""Numbers of a machine that a calibration may change: by path, each within its sources' range.

A parameter is one number (`kernel.find_vma`) or a family (`cache_line.*.one_hop`) that is stretched
by one common factor. Its coordinate is the logarithm of the factor, 0 as the profile has it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from pydantic import ValidationError

from dessim.model import Machine
from dessim.model.errors import suggest
from dessim.model.fields import Model, Unit, unit_of, walk, yaml_key
from dessim.model.validate import field_at
from dessim.study.fidelity.cells import refuse

M = TypeVar("M", bound=Model)

DIGITS = 4
"""Significant digits of a fitted number: what is written is what was simulated."""
DEFAULTS = (
    "kernel.exception_entry",
    "kernel.slow_path",
    "kernel.rmap",
    "cache_line.*.one_hop",
    "user.read_page_dram",
    "user.touch_word",
    "user.random_word",
    "memory.bandwidth_per_socket",
)
"""What is fitted when nobody says: fault, page, line and user access, one or two of each."""


@dataclass(frozen=True)
class Number:
    """One number of a machine.

    Attributes
    ----------
    path : str
        As in a profile: `kernel.find_vma`.
    value, low, high : int
        As the profile has it, and the range of its sources, in the unit of the number.
    shift : int
        What is added before the logarithm is taken: 0 unless the range begins at 0.
    """

    path: str
    value: int
    low: int
    high: int
    shift: int

    def at(self, coordinate: float) -> int:
        """The number when it is stretched, rounded, inside its range."""
        stretched = (self.value + self.shift) * math.exp(coordinate) - self.shift
        return min(max(_rounded(stretched), self.low), self.high)

    @property
    def ends(self) -> tuple[float, float]:
        """Coordinates of both ends of its range."""
        centre = self.value + self.shift
        return math.log((self.low + self.shift) / centre), math.log(
            (self.high + self.shift) / centre
        )


@dataclass(frozen=True)
class Parameter:
    """One or more numbers that move together.

    Attributes
    ----------
    name : str
        The path, or the pattern of a family.
    numbers : tuple of Number, at least one
    low, high : float
        Ends of the coordinate: no number leaves its range.
    """

    name: str
    numbers: tuple[Number, ...]
    low: float
    high: float

    @property
    def half_range(self) -> float:
        """Half of the range of the coordinate."""
        return (self.high - self.low) / 2


def _rounded(value: float) -> int:
    whole = round(value)
    if whole <= 0:
        return 0
    step = 10 ** max(0, len(str(whole)) - DIGITS)
    return int(round(whole / step) * step)


def parameters_of(machine: Machine, names: Sequence[str]) -> list[Parameter]:
    """Parameters by name, with the ranges that the machine's profile gives.

    Parameters
    ----------
    machine : Machine
    names : sequence of str
        Dotted paths or patterns of them, several with commas; empty for `DEFAULTS`.

    Raises
    ------
    ConfigError
        If there is no such number, or it has no range, or two parameters share a number.
    """
    words = [word.strip() for name in names for word in name.split(",")] or list(DEFAULTS)
    if "" in words:
        raise refuse("--params", "a name is empty: name numbers, such as kernel.rmap")
    known = _ranged(machine)
    found = [_parameter(word, machine, known) for word in dict.fromkeys(words)]
    owner: dict[str, str] = {}
    for parameter in found:
        for number in parameter.numbers:
            if number.path in owner:
                first = owner[number.path]
                text = f"'{number.path}' belongs to both '{first}' and '{parameter.name}'"
                raise refuse("--params", text)
            owner[number.path] = parameter.name
    return found


def _ranged(machine: Machine) -> dict[str, Number]:
    """Every number of a machine that has a unit and a range of some width."""
    found = {}
    for path in walk(Machine):
        dotted = ".".join(path)
        source = machine.provenance.get(dotted)
        if source is None or source.low is None or source.high is None or _unit(dotted) is None:
            continue
        if source.low < source.high:
            shift = 0 if source.low > 0 else max(1, source.high // 20)
            value = value_of(machine, dotted)
            found[dotted] = Number(dotted, value, source.low, source.high, shift)
    return found


def _parameter(name: str, machine: Machine, known: Mapping[str, Number]) -> Parameter:
    numbers = tuple(number for path, number in known.items() if fnmatchcase(path, name))
    if not numbers:
        everything = {".".join(path) for path in walk(Machine)}
        if name in everything:
            where = f"profile '{machine.name}'"
            text = f"'{name}' has no range in {where}: add one, `range: [low, high]`"
            raise refuse("--params", text)
        hint = suggest(name, known, plural="numbers with a range")
        raise refuse("--params", f"there is no number '{name[:80]}' with a range; {hint}")
    low = max(number.ends[0] for number in numbers)
    high = min(number.ends[1] for number in numbers)
    if not low < high:
        text = f"the numbers of '{name}' cannot move together: their ranges allow no common factor"
        raise refuse("--params", text)
    return Parameter(name, numbers, low, high)


def _unit(path: str) -> Unit | None:
    field, _ = field_at(Machine, tuple(path.split(".")))
    return None if field is None else unit_of(field)


def _attribute(model: Model, key: str) -> str:
    return next(name for name in type(model).model_fields if yaml_key(name) == key)


def value_of(machine: Machine, path: str) -> int:
    """A number of a machine by its dotted path, in the unit of its attribute."""
    found: Any = machine
    for key in path.split("."):
        found = getattr(found, _attribute(found, key))
    return int(found)


def as_text(path: str, value: int) -> str:
    """A number as a profile writes it."""
    unit = _unit(path)
    assert unit is not None, path
    return unit.write(value)


def settings_of(parameters: Sequence[Parameter], x: Sequence[float]) -> dict[str, int]:
    """Numbers at a point of the coordinates: path -> value."""
    return {
        number.path: number.at(float(coordinate))
        for parameter, coordinate in zip(parameters, x, strict=True)
        for number in parameter.numbers
    }


def machine_with(machine: Machine, settings: Mapping[str, Any]) -> Machine:
    """A machine with some numbers changed, checked again.

    Raises
    ------
    ConfigError
        If the numbers contradict each other.
    """
    tree: dict[str, Any] = {}
    for path, value in settings.items():
        *way, last = path.split(".")
        branch = tree
        for key in way:
            branch = branch.setdefault(key, {})
        branch[last] = value
    try:
        return _changed(machine, tree)
    except ValidationError as error:
        reasons = "; ".join(one["msg"] for one in error.errors())
        raise refuse("--params", f"these numbers contradict each other: {reasons}") from None


def _changed(model: M, tree: Mapping[str, Any]) -> M:
    values = {}
    for key, new in tree.items():
        name = _attribute(model, key)
        values[name] = _changed(getattr(model, name), new) if isinstance(new, dict) else new
    if isinstance(model, Machine):
        return model.model_copy(update=values)
    kept = {name: getattr(model, name) for name in model.model_fields_set}
    return type(model)(**(kept | values))
