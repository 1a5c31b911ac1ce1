"""Numbers of a figure beside expected ones."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

Row = dict[str, str]
ENDS = ("_lo", "_hi")


@dataclass(frozen=True)
class Tolerance:
    """How far a number may be from the expected one.

    Whichever is greatest: a share of the expected number, an absolute distance, or the half-widths
    of both intervals together where the columns `_lo` and `_hi` hold them.

    Attributes
    ----------
    relative : float
    absolute : float, in the unit of the column
    """

    relative: float = 0.0
    absolute: float = 0.0

    def __str__(self) -> str:
        """In words."""
        words = [f"{self.relative * 100:g} %"] if self.relative else []
        words += [f"{self.absolute:g}"] if self.absolute else []
        return " or ".join([*words, "the intervals"]) if words else "the intervals"


def read_rows(path: Path) -> list[Row]:
    """Rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def differences(
    expected: Sequence[Row], found: Sequence[Row], keys: Sequence[str], tolerance: Tolerance
) -> list[str]:
    """Compare rows with expected ones.

    Parameters
    ----------
    expected, found : sequence of dict
    keys : sequence of str
        Columns that tell rows apart. Columns that end in `_lo` or `_hi` are intervals, which are
        not compared themselves; of the others, numbers may differ by the tolerance, text may not.
    tolerance : Tolerance

    Returns
    -------
    list of str
        A sentence for each difference.
    """
    wanted, there = (_by_key(rows, keys) for rows in (expected, found))
    told = [f"{_name(key, keys)}: not drawn any more" for key in wanted if key not in there]
    told += [f"{_name(key, keys)}: not expected" for key in there if key not in wanted]
    for key, row in wanted.items():
        for column in row:
            if key in there and column not in keys and not column.endswith(ENDS):
                if column not in there[key]:
                    told.append(f"column {column} is not drawn any more")
                elif wrong := _difference(row, there[key], column, tolerance):
                    told.append(f"{_name(key, keys)}: {wrong}")
    return list(dict.fromkeys(told))


def _by_key(rows: Sequence[Row], keys: Sequence[str]) -> dict[tuple[str, ...], Row]:
    return {tuple(row.get(key, "") for key in keys): row for row in rows}


def _name(key: tuple[str, ...], keys: Sequence[str]) -> str:
    return ", ".join(f"{k} {v}" for k, v in zip(keys, key, strict=True) if v)


def _difference(expected: Row, found: Row, column: str, tolerance: Tolerance) -> str:
    a, b = expected[column], found[column]
    x, y = _number(a), _number(b)
    if x is None or y is None:
        return "" if a == b else f"{column} is {b or 'empty'}, expected {a or 'nothing'}"
    allowed = max(
        tolerance.relative * abs(x),
        tolerance.absolute,
        _half_width(expected, column) + _half_width(found, column),
    )
    if abs(x - y) <= allowed:
        return ""
    return f"{column} is {y:.6g}, expected {x:.6g} ± {allowed:.3g}"


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _half_width(row: Row, column: str) -> float:
    low, high = (_number(row.get(column + end, "")) for end in ENDS)
    return 0.0 if low is None or high is None else abs(high - low) / 2
