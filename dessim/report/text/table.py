"""What all explanations share: the line that names a point, and tables without lines."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from dessim.report.common.format import scheme_of, threads_word

Entry = dict[str, Any]


def title_of(point: Entry) -> str:
    """One line that tells a point from others."""
    words = [
        scheme_of(point),
        threads_word(point["threads"]),
        f"order {point['fault_around_order']}",
        f"{point['workload']} on {point['machine']}",
        *(f"{key}={value}" for key, value in point["parameters"].items()),
    ]
    return ", ".join(words)


def new_table(*columns: str) -> Table:
    """A table without lines: the first column left, the others right."""
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", no_wrap=True)
    return table
