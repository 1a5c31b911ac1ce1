"""Simulated waits by lock: what `dessim explain --blame --format json` wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dessim.files.reading import read_json
from dessim.measure.observed.values import MeasuredError

SETTING = ("scheme", "threads", "workload", "machine", "fault_around_order")
MAKE = "make it with `dessim explain EXPERIMENT --blame --format json`"
MOST_PS = 10**30
Blame = Sequence[Mapping[str, Any]]


def read_blame(path: str | Path) -> Blame:
    """Read who waited for what, by point.

    Returns
    -------
    list of dict
        For each point its setting, and ``by_category``: ps of waits by category of time.

    Raises
    ------
    UnreadableError
        If it is not a file of JSON.
    MeasuredError
        If it holds no blame.
    """
    found = read_json(path)
    entries = found.get("blame") if isinstance(found, dict) else None
    if not isinstance(entries, list) or not entries:
        raise MeasuredError(f"{path}: no blame in it: {MAKE}")
    for entry in entries:
        waits = entry.get("by_category") if isinstance(entry, dict) else None
        if not isinstance(waits, dict) or any(key not in entry for key in SETTING):
            raise MeasuredError(f"{path}: a point without by_category or its setting: {MAKE}")
        if any(type(ps) is not int or not 0 <= ps <= MOST_PS for ps in waits.values()):
            raise MeasuredError(f"{path}: waits are whole numbers of ps: {MAKE}")
    return entries


def waits_of(point: Mapping[str, Any], blame: Blame) -> Mapping[str, int]:
    """Return the waits of a point of a result, ps by category of time.

    Raises
    ------
    MeasuredError
        If the blame has no such point.
    """
    for entry in blame:
        if all(entry[key] == point[key] for key in SETTING):
            waits: Mapping[str, int] = entry["by_category"]
            return waits
    said = ", ".join(f"{key} {point[key]}" for key in SETTING)
    raise MeasuredError(f"the blame has no point of {said}: {MAKE}, of the same experiment")
