"""The lines of a measured table: CSV with a strict header, and `#` lines that name its source."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dessim.files.reading import MIB, UnreadableError, not_text, read_file
from dessim.files.tables import check_header
from dessim.model.errors import ConfigError, Place, Problem, Source
from dessim.model.units import shorten

MAX_BYTES = MIB
NO_ROWS = "the table has no rows: it needs a header and a line for each measured cell"
MAX_DIGITS = 9
LEAST, MOST = 1e-12, 1e18
"""A measured number outside is a slip: ratios to it would not be finite."""


@dataclass
class MeasuredTable:
    """A table as written.

    Attributes
    ----------
    source : Source
    comment : str
        The lines that begin with `#`, joined.
    rows : list of (Place, dict)
        Column -> cell, of lines as long as the header.
    problems : list of Problem
    """

    source: Source
    comment: str
    rows: list[tuple[Place, dict[str, str]]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @contextmanager
    def blaming(self, place: Place) -> Iterator[None]:
        """Note what is wrong with a row, at its place, and go on."""
        try:
            yield
        except (ValueError, csv.Error) as error:
            self.problems.append(Problem(place, shorten(str(error), 1000)))

    def check(self) -> None:
        """Raise ConfigError with all problems, if there are any, or no rows."""
        if not self.rows and not self.problems:
            self.problems.append(Problem(Place(self.source), NO_ROWS))
        if self.problems:
            raise ConfigError(self.problems)


def read_table(path: Path, check_columns: Callable[[list[str]], None]) -> MeasuredTable:
    """Read a measured table.

    Parameters
    ----------
    path : Path
    check_columns : callable
        Raises ValueError for a header that is not the table's.

    Raises
    ------
    ConfigError
        If it is no regular file of text, or its header is wrong. Problems of single rows are
        collected.
    """
    lines = lines_of(path)
    comments = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    table = MeasuredTable(Source(str(path), tuple(lines)), " ".join(comments))
    header: list[str] | None = None
    for at, line in enumerate(lines):
        if not line or line.startswith("#"):
            continue
        with table.blaming(Place(table.source, at)):
            cells = next(csv.reader([line], strict=True))
            if header is None:
                header = []
                check_header(cells)
                check_columns(cells)
                header = cells
            elif len(cells) != len(header):
                raise ValueError(f"{len(cells)} cells, where the header has {len(header)}")
            else:
                row = dict(zip(header, cells, strict=True))
                table.rows.append((Place(table.source, at), row))
        if not header:
            table.check()
    return table


def lines_of(path: Path) -> list[str]:
    """Lines of a table.

    Raises
    ------
    ConfigError
        If it is no regular file of text, or too large.
    """
    source = Source(shorten(str(path), 500))
    try:
        data = read_file(path, MAX_BYTES)
        return data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start)
        raise ConfigError([Problem(Place(source, line), not_text(data, error))]) from None
    except UnreadableError as error:
        raise ConfigError([Problem(Place(source), error.reason)]) from None


_NUMBER = re.compile(
    r"\s*[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|inf(?:inity)?|nan)\s*", re.ASCII | re.IGNORECASE
)


def is_number(text: str) -> bool:
    """Return whether a text is a number in digits of 0 to 9, without `_`; `nan` and `inf` are."""
    return _NUMBER.fullmatch(text) is not None


def number(name: str, text: str) -> float:
    """Return a measured number.

    Raises
    ------
    ValueError
        If it is none, or one that is not a plausible measurement.
    """
    if not is_number(text):
        raise ValueError(f"{name} must be a number, found '{shorten(text)}'")
    value = float(text)
    if not math.isfinite(value) or value <= 0:
        raise ValueError("a measured number must be positive and finite")
    if not LEAST <= value <= MOST:
        raise ValueError(f"{name} must be from {LEAST:g} to {MOST:g}, found {shorten(text)}")
    return value


def whole_number(name: str, text: str) -> int:
    """Return a number of threads or the like.

    Raises
    ------
    ValueError
        If it is none.
    """
    digits = text.strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= MAX_DIGITS):
        raise ValueError(f"{name} must be a whole number, found '{shorten(text)}'")
    return int(digits)
