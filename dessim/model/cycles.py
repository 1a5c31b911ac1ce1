"""`120 cycles`: a time of a machine that follows its clock."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import Any

from dessim.model.document import Document, Path
from dessim.model.fields import unit_of, walk
from dessim.model.machine import Machine
from dessim.model.units import MAX_TEXT, TIME, format_quantity
from dessim.model.validate import field_at, read_number

CLOCK = ("clock", "one_core")
"""The clock that cycles are counted in: costs of a profile hold with one busy core."""
_CYCLES = re.compile(r"(?P<number>\d+\.?\d*|\.\d+)\s*cycles?", re.ASCII)
CYCLES = r"^[0-9.]+ ?cycles?$"
"""The same as editors check it."""
_ANY_HZ = 1_000_000_000
"""Stands in for a clock that cannot be read: the complaint about it is enough."""


def _is_time(path: Path) -> bool:
    field, _ = field_at(Machine, path)
    unit = unit_of(field) if field is not None else None
    return unit is not None and unit.kind is TIME


TIMES = tuple(path for path in walk(Machine) if _is_time(path))
"""Paths of all times of a machine: each may be written in cycles."""


def are_cycles(value: object) -> bool:
    """Whether a value is written in cycles."""
    return isinstance(value, str) and len(value) <= MAX_TEXT and bool(_CYCLES.fullmatch(value))


def in_time(document: Document) -> tuple[Document, bool]:
    """A machine's document with cycles turned into times by its clock with one busy core.

    Parameters
    ----------
    document : Document
        Values alone or with their sources; ranges are turned, too.

    Returns
    -------
    Document
        Everything keeps its place.
    bool
        Whether anything was written in cycles.
    """
    hertz = _clock(document)
    data, found = document.data, False
    for path in TIMES:
        value = document.get(path)
        turned = _turned(value, hertz)
        if turned != value:
            data, found = _put(data, path, turned), True
    return (replace(document, data=data), True) if found else (document, False)


def _clock(document: Document) -> int:
    value = document.get(CLOCK)
    try:
        return read_number(Machine, CLOCK, value.get("value") if isinstance(value, dict) else value)
    except ValueError:
        return _ANY_HZ


def _turned(value: Any, hertz: int) -> Any:
    if isinstance(value, dict):
        numbers = ("value", "range")
        return {k: _turned(item, hertz) if k in numbers else item for k, item in value.items()}
    if isinstance(value, list):
        return [_turned(item, hertz) for item in value]
    if not are_cycles(value):
        return value
    match = _CYCLES.fullmatch(value)
    assert match is not None
    return format_quantity(round(Fraction(match["number"]) * TIME.canonical_per_base / hertz), TIME)


def _put(data: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    return {**data, path[0]: _put(data[path[0]], path[1:], value)}
