"""Measured tables, and the rows that belong to a point.

A table is a CSV file, one of configs/published or anybody's. Lines that begin with `#` say where
it comes from. The columns `workload`, `scheme`, `threads` and `fault_around_order` say what was
measured; `doubtful` is empty or gives a reason not to trust the row; every other column is a metric
named as ours.

A table may also be written as the author of a patch would: see `dessim.model.author`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from dessim.metrics import BY_NAME
from dessim.model import Point, find
from dessim.model.author import Author, authors
from dessim.model.errors import Place, suggest
from dessim.model.measured_table import number, read_table, whole_number
from dessim.model.units import shorten

KEYS = ("workload", "scheme", "threads", "fault_around_order")
DOUBTFUL = "doubtful"

Key = tuple[str, str, int, int]


@dataclass(frozen=True)
class Measured:
    """One measured row.

    Attributes
    ----------
    values : dict
        Metric name -> measured number.
    doubtful : str
        Why the row should not be trusted; empty if nothing speaks against it.
    """

    values: dict[str, float]
    doubtful: str


@dataclass(frozen=True)
class Published:
    """A measured table.

    Attributes
    ----------
    name : str
    source : str
        The comment lines, joined.
    rows : dict
        (workload, scheme, threads, fault_around_order) -> Measured.
    places : dict
        The same keys -> where their rows stand.
    """

    name: str
    source: str
    rows: dict[Key, Measured]
    places: dict[Key, Place] = field(default_factory=dict)

    def of_point(self, point: Point) -> Measured | None:
        """The row that was measured for a point; None if there is none."""
        key = (point.workload.name, point.scheme.name, point.threads, point.fault_around_order)
        return self.rows.get(key)


def load_published(name: str) -> Published:
    """Load a measured table by name.

    Raises
    ------
    ConfigError
        If there is no such table, or one of its lines is wrong; with file and line.
    """
    path = find("published", name)
    author: Author | None = None

    def check_columns(header: list[str]) -> None:
        nonlocal author
        author = next((one for one in authors(path) if one.wrote(header)), None)
        if author is None:
            _check_columns(header)

    table = read_table(path, check_columns)
    rows: dict[Key, Measured] = {}
    places: dict[Key, Place] = {}
    for place, cells in table.rows:
        with table.blaming(place):
            key, measured = _row(cells if author is None else author.ours(cells))
            if key in rows:
                raise ValueError(f"a second row for {', '.join(map(str, key))}")
            rows[key], places[key] = measured, place
    table.check()
    return Published(path.stem, table.comment, rows, places)


def _check_columns(header: list[str]) -> None:
    missing = [key for key in KEYS if key not in header]
    if missing:
        raise ValueError(f"the header lacks {', '.join(missing)}")
    metrics = [name for name in header if name not in (*KEYS, DOUBTFUL)]
    for name in metrics:
        if name not in BY_NAME:
            hint = suggest(name, BY_NAME, plural="metrics")
            raise ValueError(f"unknown column '{shorten(name)}'; {hint}")
    if not metrics:
        raise ValueError("the header has no column with a metric, such as completion_s")


def _row(row: dict[str, str]) -> tuple[Key, Measured]:
    threads, order = (whole_number(name, row[name]) for name in ("threads", "fault_around_order"))
    names = [name for name in row if name not in (*KEYS, DOUBTFUL)]
    values = {name: number(name, row[name]) for name in names if row[name].strip() != ""}
    if not values:
        raise ValueError("no measured number in this row")
    return (row["workload"], row["scheme"], threads, order), Measured(values, row.get(DOUBTFUL, ""))


def mean_errors(points: list[dict[str, Any]], metric: str) -> dict[str, tuple[float, int]]:
    """Mean absolute relative error of a metric by workload, doubtful rows left out.

    Parameters
    ----------
    points : list of dict
        Points of a results document.
    metric : str

    Returns
    -------
    dict
        Workload -> (error as a ratio, number of points).
    """
    errors: dict[str, list[float]] = {}
    for point in points:
        error = point.get("error", {}).get(metric)
        if error is not None and not point["measured"].get(DOUBTFUL):
            errors.setdefault(point["workload"], []).append(abs(error))
    return {name: (math.fsum(each) / len(each), len(each)) for name, each in errors.items()}
