"""Tables without lines that fit into any console, and the line that names a point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table

from dessim.report.common.format import scheme_of, threads_word

Entry = dict[str, Any]
GAP = 2
"""Columns between two columns of a table, where there is room."""


def title_of(point: Entry) -> str:
    """One line that distinguishes a point from others."""
    words = [
        scheme_of(point),
        threads_word(point["threads"]),
        f"order {point['fault_around_order']}",
        f"{point['workload']} on {point['machine']}",
        *(f"{key}={value}" for key, value in point["parameters"].items()),
    ]
    return ", ".join(words)


def new_table(*columns: str, left: Sequence[int] = (0,)) -> Table:
    """Return a table without lines.

    Parameters
    ----------
    columns : str
        Headings.
    left : sequence of int
        Which columns are words, and stand to the left; numbers stand to the right.
    """
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i in left else "right", no_wrap=True)
    return table


def print_fitting(console: Console, table: Table, keys: int = 1) -> None:
    """Print a table no wider than the console, with every number and every key in full.

    In a narrow console columns come closer; if that is not enough, those that do not fit follow in
    further tables, each with the keys of the rows.

    Parameters
    ----------
    console : Console
    table : Table
        With one line of text in each cell, or several.
    keys : int
        How many columns at the left name a row.
    """
    widths = [_width(column) for column in table.columns]
    gap = GAP if table_width(table) <= console.width else 1
    for number, group in enumerate(_groups(widths, keys, console.width, gap)):
        if number:
            console.print()
        console.print(_part(table, group, gap))


def table_width(table: Table) -> int:
    """Return how many columns of a console a table takes where there is room."""
    return sum(map(_width, table.columns)) + GAP * (len(table.columns) - 1)


def _width(column: Column) -> int:
    texts = [str(column.header), *map(str, column.cells)]
    return max(cell_len(line) for text in texts for line in text.split("\n"))


def _groups(widths: Sequence[int], keys: int, room: int, gap: int) -> Iterator[list[int]]:
    """Columns of each table: the keys, and as many of the others as fit, at least one."""
    first = list(range(min(keys, len(widths))))
    start = sum(widths[:keys]) + gap * (len(first) - 1)
    group, used = list(first), start
    for i in range(len(first), len(widths)):
        if used + gap + widths[i] > room and len(group) > len(first):
            yield group
            group, used = list(first), start
        group.append(i)
        used += gap + widths[i]
    yield group


def _part(table: Table, group: Sequence[int], gap: int) -> Table:
    part = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")
    for i in group:
        column = table.columns[i]
        part.add_column(column.header, justify=column.justify, overflow="fold")
    cells = [list(table.columns[i].cells) for i in group]
    for row in zip(*cells, strict=True):
        part.add_row(*row)
    return part
