"""Rows as CSV text: what is text never becomes a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dessim.errors import counted
from dessim.files.reading import MAX_RESULT_BYTES, UnreadableError, read_text

FORMULA = tuple("=+-@\t\r")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection)."""


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV text with a header; an empty cell is a number that is not known.

    A text that begins like a formula gets an apostrophe in front.
    """
    out = io.StringIO()
    columns = list(rows[0]) if rows else []
    writer = csv.DictWriter(out, [_cell(name) for name in columns], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({_cell(name): _cell(value) for name, value in row.items()})
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value


def unreadable(error: csv.Error) -> str:
    """Return what is wrong with the text of a table, in words of a person who writes one."""
    if "unexpected end of data" in str(error):
        return "a quoted text begins here and never ends: a quotation mark is missing"
    return str(error)


def check_header(cells: Sequence[str]) -> None:
    """Refuse a header in which a column has no name, or the name of another.

    Raises
    ------
    ValueError
    """
    if not all(cell.strip() for cell in cells):
        raise ValueError("a column of the header has no name")
    twice = list(dict.fromkeys(cell for cell in cells if cells.count(cell) > 1))
    if twice:
        raise ValueError(f"the header has the column {', '.join(twice)} more than once")


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file that dessim wrote.

    Raises
    ------
    UnreadableError
        If it is no such file; with the line.
    """
    table = csv.reader(io.StringIO(read_text(path, MAX_RESULT_BYTES), newline=""))
    try:
        header = next(table, [])
        check_header(header)
        rows = []
        for cells in table:
            if not cells:
                continue
            if len(cells) != len(header):
                raise ValueError(
                    f"{counted(len(cells), 'cell')}, where the header has {len(header)}"
                )
            rows.append(dict(zip(header, cells, strict=True)))
    except (ValueError, csv.Error) as error:
        raise UnreadableError(path, f"line {table.line_num}: {error}") from None
    return rows
