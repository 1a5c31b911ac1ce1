"""Verdicts as text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from dessim.report.text.columns import INDENT, columns_here, wrapped

GAP = "  "


def verdict_cell(row: dict[str, Any]) -> str:
    """Return a verdict with the length of its trace."""
    steps = "" if row["steps"] is None else f" ({row['steps']} steps)"
    return f"{row['verdict']}{steps}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows in columns."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append(GAP.join(cells).rstrip())
    return "\n".join(lines) + "\n"


def option_words(row: dict[str, Any]) -> str:
    """Return what is particular about the actor and the scheme, in a few words."""
    said = []
    for options in (row["actor_options"], row["scheme_options"]):
        for key, value in sorted(options.items(), key=lambda kv: (isinstance(kv[1], bool), kv[0])):
            if isinstance(value, bool):
                said.append(key if value else f"no {key}")
            else:
                said.append(value if isinstance(value, str) else f"{key}={value}")
    return ", ".join(said) or "-"


def silent_text(names: Sequence[str]) -> str:
    """Return the sentence about Your own schemes that promise nothing."""
    many = len(names) > 1
    return (
        f"{', '.join(names)} promise{'' if many else 's'} nothing (PROMISES):"
        f" {'they were' if many else 'it was'} explored, and nothing is judged\n"
    )


def scope_words(row: dict[str, Any]) -> str:
    """Return the scope of a row as one line."""
    threads = f"{row['threads']} thread{'s' * (row['threads'] > 1)}"
    attempts = "for ever" if row["attempts"] == "repeat" else f"{row['attempts']}x each"
    pages = f"{row['pages']} {row['page']} page{'s' * (row['pages'] > 1)}"
    variant = option_words(row)
    actor = row["actor"] + (f" ({variant})" if variant != "-" else "")
    return (
        f"{row['scheme']}: {threads} faulting {attempts}, {row['tables']} page tables, {pages},"
        f" {actor}, memory {row['memory']}"
    )


def properties_text(rows: Sequence[dict[str, Any]]) -> str:
    """Return the verdicts of one scope, a property a line."""
    table = [["property", "verdict", "states"]]
    table += [[row["property"], verdict_cell(row), f"{row['states']:,}"] for row in rows]
    return f"{wrapped(scope_words(rows[0]))}\n\n{aligned(table)}"


SCHEME, VARIANT = 0, 2
STEPS_NOTE = "(n): the shortest trace to it has n steps"
SCOPE_COLUMNS = ("scheme", "actor", "variant", "threads", "tables", "attempts", "page", "memory")


def scope_cells(row: dict[str, Any]) -> list[str]:
    """Return the scope of a row in the columns of a table."""
    page = row["page"] if row["pages"] == 1 else f"{row['pages']} {row['page']}s"
    return [
        *(row["scheme"], row["actor"], option_words(row), str(row["threads"])),
        *(row["tables"], str(row["attempts"]), page, row["memory"]),
    ]


def table_text(scopes: Sequence[Sequence[dict[str, Any]]]) -> str:
    """Return the verdicts of many scopes, a scope a line, and what they come to.

    What is the same in all is said once; schemes head their lines. Where the lines would be wider
    than the terminal, what is particular about a scope goes on a line of its own.
    """
    cells = [scope_cells(rows[0]) for rows in scopes]
    differ = [len({row[k] for row in cells}) > 1 for k in range(len(SCOPE_COLUMNS))]
    same = [f"{name} {cells[0][k]}" for k, name in enumerate(SCOPE_COLUMNS) if not differ[k]]
    by_scheme = differ[SCHEME]
    differ[SCHEME] = False
    lines = _verdict_lines(scopes, cells, differ)
    if differ[VARIANT] and max(map(len, lines)) + len(INDENT) * by_scheme > columns_here():
        differ[VARIANT] = False
        lines = _verdict_lines(scopes, cells, differ)
        below = [2 * INDENT + SCOPE_COLUMNS[VARIANT], *(2 * INDENT + row[VARIANT] for row in cells)]
        lines = [f"{line}\n{more}" for line, more in zip(lines, below, strict=True)]
    if by_scheme:
        lines = _headed(lines, [row[SCHEME] for row in cells])
    notes = [STEPS_NOTE] * any(row["steps"] is not None for rows in scopes for row in rows)
    notes += [f"in all of them: {', '.join(same)}"] * bool(same)
    said = "".join(f"{wrapped(note)}\n" for note in notes)
    return "\n".join(lines) + f"\n\n{said}\n{wrapped(answer(scopes))}\n"


def _verdict_lines(
    scopes: Sequence[Sequence[dict[str, Any]]],
    cells: Sequence[Sequence[str]],
    shown: Sequence[bool],
) -> list[str]:
    """Return a head, and a line for each scope, with some columns of the scope."""
    names = [row["property"] for row in scopes[0]]
    table = [[*(n for n, d in zip(SCOPE_COLUMNS, shown, strict=True) if d), *names, "states"]]
    for rows, here in zip(scopes, cells, strict=True):
        kept = [cell for cell, d in zip(here, shown, strict=True) if d]
        table.append([*kept, *map(_short_cell, rows), f"{rows[0]['states']:,}"])
    return aligned(table).splitlines()


def _short_cell(row: dict[str, Any]) -> str:
    return f"{row['verdict']}" + ("" if row["steps"] is None else f" ({row['steps']})")


def _headed(lines: list[str], schemes: list[str]) -> list[str]:
    """Return a table with each scheme above its lines."""
    found = [textwrap.indent(lines[0], INDENT)]
    for k, (scheme, line) in enumerate(zip(schemes, lines[1:], strict=True)):
        if k == 0 or scheme != schemes[k - 1]:
            found.append(scheme)
        found.append(textwrap.indent(line, INDENT))
    return found


def answer(scopes: Sequence[Sequence[dict[str, Any]]]) -> str:
    """Return in a sentence what many scopes come to, scheme by scheme."""
    by_scheme: dict[str, list[set[str]]] = {}
    for rows in scopes:
        by_scheme.setdefault(rows[0]["scheme"], []).append({row["verdict"] for row in rows})
    said: list[str] = []
    never: list[str] = []
    for scheme, verdicts in by_scheme.items():
        found = sum("sometimes" in some for some in verdicts)
        open_ones = sum("sometimes" not in some and some != {"never"} for some in verdicts)
        if found:
            said.append(f"sometimes for {scheme} in {found} of {len(verdicts)} scopes")
        if open_ones:
            said.append(f"not decided for {scheme} in {open_ones} of {len(verdicts)} scopes")
        if not found and not open_ones:
            never.append(scheme)
    said += [f"never for {', '.join(never)}"] * bool(never)
    names = " or ".join(row["property"] for row in scopes[0])
    return f"{names}: {'; '.join(said)}"


def protocol_words(row: dict[str, Any]) -> str:
    """Return a protocol with its options and memory model as one line."""
    words = {True: "on", False: "off"}
    said = [f"{k}={words[v] if isinstance(v, bool) else v}" for k, v in row["options"].items()]
    return f"{row['protocol']}: {', '.join([*said, 'memory ' + row['memory']])}"


def protocol_text(rows: Sequence[dict[str, Any]]) -> str:
    """Return the verdicts on a protocol, a property a line."""
    table = [["property", "verdict", "states"]]
    table += [[row["property"], verdict_cell(row), f"{row['states']:,}"] for row in rows]
    return f"{wrapped(protocol_words(rows[0]))}\n\n{aligned(table)}"
