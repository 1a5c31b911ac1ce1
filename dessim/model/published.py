"""Measured tables, and the rows that belong to a point.

A table is a CSV file, one of configs/published or anybody's. Lines that begin with `#` tell where
it comes from. The columns `workload`, `scheme`, `threads` and `fault_around_order` say what was
measured; `doubtful` is empty or gives a reason not to trust the row; every other column is a metric
named as ours.

A table may also be written as the author of a patch would: see `dessim.model.author`.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dessim.model import ConfigError, Point, find
from dessim.model.author import Author, authors
from dessim.model.errors import Place, Problem, Source

KEYS = ("workload", "scheme", "threads", "fault_around_order")
DOUBTFUL = "doubtful"
NO_ROWS = "the table has no rows: it needs a header and a line for each measured cell"

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
    lines = lines_of(path)
    source = Source(str(path), tuple(lines))
    comments = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    table = [(i, line) for i, line in enumerate(lines) if line and not line.startswith("#")]
    rows: dict[Key, Measured] = {}
    places: dict[Key, Place] = {}
    problems = []
    header: list[str] | None = None
    for number, line in table:
        try:
            cells = next(csv.reader([line]))
            if header is None:
                header = _header(cells)
                continue
            key, measured = _row(header, cells)
            if key in rows:
                raise ValueError(f"a second row for {', '.join(map(str, key))}")
            rows[key], places[key] = measured, Place(source, number)
        except (ValueError, csv.Error) as error:
            problems.append(Problem(Place(source, number), str(error)))
            if header is None:
                break
    if not rows and not problems:
        problems = [Problem(Place(source), NO_ROWS)]
    if problems:
        raise ConfigError(problems)
    return Published(path.stem, " ".join(comments), rows, places)


def lines_of(path: Path) -> list[str]:
    """Lines of a table.

    Raises
    ------
    ConfigError
        If it is no text.
    """
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start)
        text = f"not a text file: byte 0x{data[error.start]:02x} is not UTF-8"
        raise ConfigError([Problem(Place(Source(str(path)), line), text)]) from None


def _header(cells: list[str]) -> list[str]:
    if _author(cells) is not None:
        return cells
    missing = [key for key in KEYS if key not in cells]
    if missing:
        raise ValueError(f"the header lacks {', '.join(missing)}")
    return cells


def _row(header: list[str], cells: list[str]) -> tuple[Key, Measured]:
    if len(cells) != len(header):
        raise ValueError(f"{len(cells)} cells, where the header has {len(header)}")
    row = dict(zip(header, cells, strict=True))
    author = _author(header)
    if author is not None:
        row = author.ours(row)
    key = (row["workload"], row["scheme"], int(row["threads"]), int(row["fault_around_order"]))
    names = [name for name in row if name not in (*KEYS, DOUBTFUL)]
    values = {name: float(row[name]) for name in names if row[name]}
    if not all(math.isfinite(x) and x > 0 for x in values.values()):
        raise ValueError("a measured number must be positive and finite")
    return key, Measured(values, row.get(DOUBTFUL, ""))


def _author(header: list[str]) -> Author | None:
    return next((author for author in authors() if author.wrote(header)), None)


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
