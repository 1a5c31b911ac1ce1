"""Which profile a part of a machine resembles most: what a file without base could stand on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from dessim.model.cycles import in_time
from dessim.model.document import Document, Path
from dessim.model.fields import Model, keys_of, submodel, walk
from dessim.model.machine import Machine
from dessim.model.validate import read_number

_FAR = 2.0
"""Most that one value counts, as the logarithm of a ratio: a cost apart by more than e² is as
good as another machine's. Also what words count that differ."""


def _required(model: type[Model], way: Path = ()) -> Iterator[Path]:
    for key, field in keys_of(model).items():
        inner = submodel(field)
        if field.is_required() and inner is not None:
            yield from _required(inner, (*way, key))
        elif field.is_required() and key != "name":
            yield (*way, key)


REQUIRED = tuple(_required(Machine))
"""Paths of the values that every machine has to name."""


def nearest_first(
    document: Document, profiles: Mapping[str, Document]
) -> list[tuple[str, Document]]:
    """Profiles by how far their values are from those that a document gives, nearest first.

    The distance is the mean over the document's values of the absolute logarithm of their ratio to
    the profile's, each at most `_FAR`.

    Parameters
    ----------
    document : Document
        Of a part of a machine.
    profiles : mapping of name to Document

    Returns
    -------
    list of (str, Document)
        Equally near ones in the order of `profiles`.
    """
    own = _values(document)
    far = {name: _distance(own, _values(other)) for name, other in profiles.items()}
    return sorted(profiles.items(), key=lambda item: far[item[0]])


def _values(document: Document) -> dict[Path, Any]:
    """What a document gives, as numbers where it is a number."""
    found: dict[Path, Any] = {}
    document, _ = in_time(document)
    for path in walk(Machine):
        value = document.get(path)
        if isinstance(value, dict):
            value = value.get("value")
        if value is None or path[0] in ("name", "description", "sources", "calibration"):
            continue
        try:
            found[path] = read_number(Machine, path, value)
        except ValueError:
            found[path] = value
    return found


def _distance(own: Mapping[Path, Any], other: Mapping[Path, Any]) -> float:
    shared = [path for path in own if path in other]
    return sum(_apart(own[path], other[path]) for path in shared) / max(1, len(shared))


def _apart(one: Any, other: Any) -> float:
    if one == other:
        return 0.0
    numbers = isinstance(one, int) and isinstance(other, int) and one > 0 and other > 0
    return min(_FAR, abs(math.log(one / other))) if numbers else _FAR
