"""In which keys points differ, for whoever asked for one and got another number of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dessim.model.errors import suggest

KEYS = ("scheme", "threads", "workload", "machine", "fault_around_order")


def differences(points: Iterable[Any]) -> str:
    """Return the keys in which points differ, with their values: `threads is 1, 4 or 8`.

    Parameters
    ----------
    points : iterable
        With the attributes in ``KEYS``, and ``parameters``, a dict.
    """
    values: dict[str, dict[str, None]] = {}
    for point in points:
        for key, value in {**{k: getattr(point, k) for k in KEYS}, **point.parameters}.items():
            values.setdefault(key, {})[repr(value)] = None
    words = []
    for key, known in values.items():
        *most, last = known
        if most:
            words.append(f"{key} is {', '.join(most)} or {last}")
    return "; ".join(words) or "they differ in no named key"


def not_the_only_one(
    name: str, wanted: Mapping[str, Any], found: Sequence[Any], points: Sequence[Any]
) -> str:
    """Say that not exactly one point has some attributes, and in which keys points differ.

    Parameters
    ----------
    name : str
        Of the experiment.
    wanted : dict
        Key -> value.
    found, points : sequence
        Those that have them, and all.
    """
    known = [*KEYS, *dict.fromkeys(key for point in points for key in point.parameters)]
    for key in wanted:
        if key not in known and not any(hasattr(point, key) for point in points):
            return f"points have no key {key!r}; {suggest(key, known, plural='keys')}"
    values = ", ".join(f"{key}={value!r}" for key, value in wanted.items())
    having = f"of {name} have {values}" if wanted else f"are in {name}"
    return f"{len(found)} points {having}; need exactly one: {differences(found or points)}"
