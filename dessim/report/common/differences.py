"""In which keys points differ, for whoever asked for one and got another number of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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
    return "; ".join(words) or "they differ in nothing that can be named"
