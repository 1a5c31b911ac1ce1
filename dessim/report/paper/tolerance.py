"""Numbers of a figure compared with expected ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Row = dict[str, str]
ENDS = ("_lo", "_hi")
BY_CHANCE = 0.0056
"""Share of pairs of equally wide 95 % intervals that do not meet: 2 (1 - Phi(1.96 sqrt 2))."""
ALARM = 0.01
"""Share of checks that fail though nothing is wrong."""
ONE_SIDED = 0.1
"""Share of numbers that only one of two seeds may support."""


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


@dataclass(frozen=True)
class SeedCheck:
    """Numbers of another seed compared with the expected ones.

    Attributes
    ----------
    compared : int
        Numbers that both seeds support.
    one_sided : int
        Numbers that one of the seeds does not support: those are not compared.
    differ : tuple of str
        A sentence for each number that is further away than the tolerance.
    wrong : tuple of str
        Rows or columns of one seed only, and other text: no matter of chance.
    """

    compared: int
    one_sided: int
    differ: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def borne(self) -> int:
        """Numbers that may differ by chance.

        Two 95 % intervals of one number, equally wide, miss each other in 0.6 % of cases. As many
        are tolerated as only one of a hundred checks exceeds.
        """
        return most_by_chance(self.compared)

    @property
    def holds(self) -> bool:
        """Whether the expected numbers are more than those of their own seed."""
        few = self.one_sided <= ONE_SIDED * (self.compared + self.one_sided)
        return not self.wrong and few and len(self.differ) <= self.borne


def most_by_chance(n: int) -> int:
    """Return how many of ``n`` pairs of intervals miss each other in all but 1 % of cases."""
    k, term = 0, (1 - BY_CHANCE) ** n
    total = term
    while total < 1 - ALARM:
        term *= (n - k) / (k + 1) * BY_CHANCE / (1 - BY_CHANCE)
        k += 1
        total += term
    return k


def differences(
    expected: Sequence[Row], found: Sequence[Row], keys: Sequence[str], tolerance: Tolerance
) -> list[str]:
    """Compare rows with expected ones.

    Parameters
    ----------
    expected, found : sequence of dict
    keys : sequence of str
        Columns that distinguish rows. Columns that end in `_lo` or `_hi` are intervals, which are
        not compared themselves; of the others, numbers may differ by the tolerance, text may not.
    tolerance : Tolerance

    Returns
    -------
    list of str
        A sentence for each difference.
    """
    wanted, there = (_by_key(rows, keys) for rows in (expected, found))
    differences = [f"{_name(key, keys)}: no longer drawn" for key in wanted if key not in there]
    differences += [f"{_name(key, keys)}: not expected" for key in there if key not in wanted]
    for key, row in wanted.items():
        for column in row:
            if key in there and column not in keys and not column.endswith(ENDS):
                if column not in there[key]:
                    differences.append(f"column {column} is no longer drawn")
                elif wrong := _difference(row, there[key], column, tolerance):
                    differences.append(f"{_name(key, keys)}: {wrong}")
    return list(dict.fromkeys(differences))


def other_seed(
    expected: Sequence[Row], found: Sequence[Row], keys: Sequence[str], tolerance: Tolerance
) -> SeedCheck:
    """Compare rows of one seed with expected ones of another: as ``differences``."""
    wanted, there = (_by_key(rows, keys) for rows in (expected, found))
    wrong = [f"{_name(key, keys)}: not drawn with this seed" for key in wanted if key not in there]
    wrong += [f"{_name(key, keys)}: not expected" for key in there if key not in wanted]
    differ: list[str] = []
    compared = one_sided = 0
    for key in wanted.keys() & there.keys():
        row, other = wanted[key], there[key]
        for column in row:
            if column in keys or column.endswith(ENDS):
                continue
            cells = row[column], other.get(column, "")
            if "" in cells:
                one_sided += cells[0] != cells[1]
                continue
            numbers = all(_number(cell) is not None for cell in cells)
            compared += numbers
            if text := _difference(row, other, column, tolerance):
                (differ if numbers else wrong).append(f"{_name(key, keys)}: {text}")
    return SeedCheck(compared, one_sided, tuple(sorted(differ)), tuple(sorted(wrong)))


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
