"""Which version of the model made which part of a table of predictions, and what is wrong with it.

The table has no column for that. A JSON file next to it names, for each machine and kernel, the
version (`store.version.model_version`), the settings of the runs, and a digest of the rows.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dessim.study.fidelity import rates
from dessim.study.fidelity.rate_predictions import (
    COLUMNS,
    Group,
    Row,
    group_of,
    points,
    with_intervals,
)
from dessim.study.store.version import model_version

Record = dict[str, Any]

SIMULATED = tuple(name for name in COLUMNS if name not in ("rate_lo", "rate_hi"))


def settings() -> dict[str, int]:
    """Return what decides runs besides the model: constants of `rates`."""
    names = ("REGION_PAGES", "SWEEPS", "PAIRS", "MANY", "REGION_OF_MANY", "PILOT")
    return {name.lower(): getattr(rates, name) for name in names}


def maker() -> str:
    """Return what makes a part today: the model's version, and a digest of the settings."""
    text = ",".join(f"{name}={value}" for name, value in settings().items())
    return f"{model_version()[:16]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def name_of(group: Group) -> str:
    """Return the name of a part in the record."""
    return " ".join(group)


def digest_of(rows: Iterable[Row]) -> str:
    """Return a digest of what was simulated of some rows, whatever their order."""
    lines = sorted(",".join(row[name] for name in SIMULATED) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def entry(rows: Sequence[Row], made_by: str) -> Record:
    """Return the record of a part."""
    return {"made_by": made_by, "rows": len(rows), "digest": digest_of(rows)}


def by_group(rows: Iterable[Row]) -> dict[Group, list[Row]]:
    """Return the rows of each part."""
    found: dict[Group, list[Row]] = {}
    for row in rows:
        found.setdefault(group_of(row), []).append(row)
    return found


def stale(wanted: Iterable[Group], rows: Iterable[Row], record: Mapping[str, Any]) -> list[Group]:
    """Return the parts that are missing, were changed, or were made by another version."""
    parts, of, made_by = by_group(rows), record.get("parts", {}), maker()
    return [
        group
        for group in wanted
        if of.get(name_of(group)) != entry(parts.get(group, []), made_by) or group not in parts
    ]


def faults(wanted: Sequence[Group], rows: Sequence[Row], record: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a table: a sentence each; none if all of it is of one version."""
    found: list[str] = []
    if not record:
        return ["there is no record of which version made the table"]
    parts, of = by_group(rows), record.get("parts", {})
    makers = {one["made_by"] for one in of.values()}
    for group in wanted:
        name, have = name_of(group), parts.get(group, [])
        expected = {(p.test, p.mode, str(p.tasks)) for p in points(group)}
        if {(row["test"], row["mode"], row["tasks"]) for row in have} != expected:
            found.append(f"{name}: has {len(have)} rows of {len(expected)}")
        elif name not in of:
            found.append(f"{name}: nobody knows which version made it")
        elif of[name]["digest"] != digest_of(have):
            found.append(f"{name}: its rows are not those that were recorded")
    if len(makers) > 1:
        found.append(f"made by {len(makers)} versions: {', '.join(sorted(makers))}")
    return [*found, *_wrong_numbers(rows, record.get("errors", {}))]


def _wrong_numbers(rows: Sequence[Row], errors: Mapping[str, float]) -> list[str]:
    """Return what cannot be: intervals that are not those of the errors, shares beyond 0 to 1."""
    found = []
    for row in rows:
        where = " ".join(row[name] for name in COLUMNS[:5])
        values = [float(row[name]) for name in COLUMNS[5:]]
        if not all(map(math.isfinite, values)) or values[0] <= 0 or not 0 <= values[-1] <= 1:
            found.append(f"{where}: not a rate or a share")
        elif row["test"] not in errors or with_intervals([row], errors) != [row]:
            found.append(f"{where}: its interval is not that of the recorded error")
    return found
