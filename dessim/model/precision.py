"""Wanted precision by metric: half-width of the 95 % interval relative to the number itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dessim.metrics import METRICS
from dessim.model.document import Bad
from dessim.model.errors import suggest
from dessim.model.fields import describe, refuse
from dessim.model.units import PPM, parse_ratio, shorten

ASKED = {metric.asked: metric.name for metric in METRICS if metric.asked}
"""Names for which precision can be asked, and the metrics that they stand for."""
ALLOWED = tuple(dict.fromkeys((*ASKED, *ASKED.values())))
"""The same, and the full names."""


def wanted(data: Any) -> Any:
    """Read `precision`: metric -> ratio, written `1%` or `0.01`.

    Returns
    -------
    dict or None
        Full metric name -> ratio, above 0 and below 1.

    Raises
    ------
    PydanticCustomError
        With every wrong entry.
    """
    if data is None:
        return None
    if not isinstance(data, dict):
        raise refuse([((), f"expected metrics with percentages, found {describe(data)}")])
    if not data:
        text = "this asks for nothing: name a metric, as in {throughput: 1%}, or leave it out"
        raise refuse([((), text)])
    problems: list[tuple[tuple[str | int, ...], str]] = []
    result = {}
    for key, value in data.items():
        if isinstance(value, Bad):  # the loader complained already
            continue
        if key not in ALLOWED:
            hint = suggest(str(key), ALLOWED, plural="metrics")
            problems.append(((key,), f"precision has no metric '{shorten(str(key))}'; {hint}"))
            continue
        ratio = _ratio(value)
        if ratio is None or not 0 < ratio < 1:
            text = "expected a percentage from 0.0001% to below 100%, as in 3% or 0.03, found "
            problems.append(((key,), text + describe(value)))
        elif ASKED.get(key, key) in result:
            problems.append(((key,), f"'{key}' is given twice"))
        else:
            result[ASKED.get(key, key)] = ratio
    if problems:
        raise refuse(problems)
    return result


def _ratio(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        return None
    if isinstance(value, str) and not value.rstrip().endswith("%"):
        return None
    try:
        return parse_ratio(value if isinstance(value, str) else Decimal(str(value))) / PPM
    except ValueError:
        return None
