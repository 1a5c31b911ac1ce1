"""Measured and simulated, as text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TextIO

from rich.table import Table

from dessim.errors import counted
from dessim.metrics import View, columns_of
from dessim.report.common.format import UNKNOWN, amount, duration_s, estimate_text, percent
from dessim.report.text.console import console_for, say
from dessim.report.text.table import new_table, print_fitting

Entry = dict[str, Any]
QUANTITIES = {metric.name: metric.words for metric in columns_of(View.MEASURED)}
QUANTITIES["excess_faults"] = "excess faults"
"""What is compared with measured numbers, in words."""


def print_validation(document: Entry, file: TextIO | None = None) -> None:
    """Print a validation: each cell, then the errors by workload and by threads.

    Parameters
    ----------
    document : dict
        As `dessim validate --format json` prints it.
    file : text stream
        Standard output if left out.
    """
    console = console_for(file)
    for workload in dict.fromkeys(cell["workload"] for cell in document["cells"]):
        cells = [cell for cell in document["cells"] if cell["workload"] == workload]
        say(console, f"{workload} on {document['machine']}", "bold")
        print_fitting(console, _cells(cells))
        console.print()
    for key, title in (("errors", "by workload"), ("errors_by_threads", "by threads")):
        console.print(f"|ln(simulated / measured)| {title}", style="bold")
        print_fitting(console, _errors(document[key]), keys=2)
        console.print()
    for line in _remarks(document):
        say(console, line)


def print_curves(document: Entry, file: TextIO | None = None) -> None:
    """Print published and simulated curves: a table each, then the errors.

    Parameters
    ----------
    document : dict
        As `dessim validate --data sosp13-synchronization --format json` prints it.
    file : text stream
        Standard output if left out.
    """
    console = console_for(file)
    for curve in dict.fromkeys(cell["curve"] for cell in document["cells"]):
        cells = [cell for cell in document["cells"] if cell["curve"] == curve]
        settings = ", ".join(f"{key} {value}" for key, value in cells[0]["settings"].items())
        say(console, f"{curve} on {cells[0]['machine']}", "bold")
        say(console, f"with {settings}")
        table = new_table("threads", f"measured, {cells[0]['unit']}", "simulated", "error")
        for cell in cells:
            doubt = " ?" if cell["doubtful"] else ""
            table.add_row(f"{cell['threads']}{doubt}", *_pair(cell["value"], amount))
        print_fitting(console, table)
        console.print()
    console.print("|ln(simulated / measured)|", style="bold")
    table = new_table("", "points", "mean", "greatest", "where", "unseen")
    for group in document["errors"]:
        one = group["value"]["all"]
        numbers = (f"{one[key]:.3f}" for key in ("mean_abs_log_error", "max_abs_log_error"))
        place, unseen = one["worst_cell"].rpartition(":")[2], _mean(group["value"]["unseen"])
        table.add_row(group["curve"], str(one["cells"]), *numbers, place, unseen)
    print_fitting(console, table)
    console.print()
    for line in _curve_remarks(document):
        say(console, line)


def _curve_remarks(document: Entry) -> Iterator[str]:
    for reason in dict.fromkeys(c["doubtful"] for c in document["cells"] if c["doubtful"]):
        yield f"? left out of the errors: {reason}"
    yield (
        "A curve without an unseen error has a number that was chosen, inside its sources' range,"
        " with this curve in view. Times in settings are ps, shares ppm."
    )
    for quantity, reason in document["not_simulated"].items():
        yield f"not simulated: {quantity}: {reason}"


def _cells(cells: list[Entry]) -> Table:
    table = new_table(
        *("cell", "measured", "simulated", "error", "faults", "simulated", "error"),
        *("excess", "simulated", "factor"),
    )
    for cell in cells:
        mark = "* " if cell["fitted"] else "  "
        name = f"{mark}{cell['threads']}:{cell['fault_around_order']}"
        if cell["doubtful"]:
            name += " ?"
        if "not_stationary" in cell.get("flags", ()):
            name += " !"
        if "failures" in cell:
            table.add_row(name, "failed")
            continue
        seconds, faults = cell.get("completion_s"), cell.get("minor_faults")
        row = [*_pair(seconds, duration_s), *_pair(faults, amount), *_excess(cell)]
        table.add_row(name, *row)
    return table


def _pair(one: Entry | None, form: Any) -> tuple[str, str, str]:
    if one is None:
        return "", "", ""
    simulated = estimate_text({"mean": one["simulated"], "ci95": one["ci95"]}, form)
    return form(one["measured"]), simulated, _error(one["log_error"])


def _error(log_error: float | None) -> str:
    return UNKNOWN if log_error is None else percent(math.exp(log_error) - 1)


def _excess(cell: Entry) -> tuple[str, str, str]:
    """Shares of the ideal count, and the factor between them where it is compared."""
    one = cell.get("excess_faults")
    if not one or not one["compared"]:
        return "", "", ""
    simulated = UNKNOWN if one["simulated"] is None else percent(one["simulated"] / one["ideal"])
    factor = UNKNOWN if one["log_error"] is None else f"{math.exp(one['log_error']):.2f}"
    return percent(one["measured"] / one["ideal"]), simulated, factor


def _errors(groups: list[Entry]) -> Table:
    table = new_table("", "quantity", "mean", "greatest", "where", "fitted", "unseen")
    for group in groups:
        name = " ".join(
            str(value) for key, value in group.items() if key in ("workload", "threads")
        )
        for quantity, word in QUANTITIES.items():
            found = group[quantity]["all"]
            if found is not None:
                parts = (_mean(group[quantity][part]) for part in ("fitted", "unseen"))
                mean, worst = found["mean_abs_log_error"], found["max_abs_log_error"]
                place = found["worst_cell"].partition(":")[2]
                table.add_row(name, word, f"{mean:.3f}", f"{worst:.3f}", place, *parts)
                name = ""
    return table


def _mean(error: Entry | None) -> str:
    if error is None:
        return UNKNOWN
    return f"{error['mean_abs_log_error']:.3f} (n={error['cells']})"


def _remarks(document: Entry) -> Iterator[str]:
    yield (
        "cells are threads:order; errors are relative to the measured number, in the lower tables"
        " logarithms: 0.05 is 5 %. ± 95 % interval of the simulated over replications."
    )
    sizes = {cell["simulated_bytes"] for cell in document["cells"] if cell["scaled"]}
    if sizes:
        yield "A part of each file was simulated; times and counts are extrapolated."
    notes = {c["cell"]: c.get("notes", ()) for c in document["cells"]}
    refused = [c["cell"] for c in document["cells"] if "not_stationary" in c.get("flags", ())]
    if refused:
        yield "! the numbers depend on how much of the file was simulated: they have no error"
    for cell in refused:
        yield f"! {cell}: {next(note for note in notes[cell] if 'stationary' in note)}"
    if any(cell["doubtful"] for cell in document["cells"]):
        yield "? a doubtful measurement, left out of the errors"
    fitted = document["calibration"]
    if fitted is None:
        yield "Nothing in this profile was fitted: all cells are unseen."
    else:
        parameters = counted(len(fitted["parameters"]), "parameter")
        cells = counted(len(fitted["cells"]), "cell")
        yield f"* fitted: {parameters} on {cells} of {fitted['data']}; all others are unseen."
    yield f"measured: {document['source'] or document['data']}"
