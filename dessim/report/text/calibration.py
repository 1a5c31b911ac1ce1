"""A calibration as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TextIO

from rich.table import Table

from dessim.errors import counted
from dessim.report.text.console import console_for, say
from dessim.report.text.table import new_table, print_fitting

Entry = dict[str, Any]


def print_calibration(document: Entry, file: TextIO | None = None) -> None:
    """Print the fitted numbers, what the data cannot distinguish, and the cross-validation.

    Parameters
    ----------
    document : dict
        As `dessim calibrate --format json` prints it.
    file : text stream
        Standard output if left out.
    """
    console = console_for(file)
    print_fitting(console, _numbers(document["parameters"]))
    console.print()
    known = document["after"]
    if len(document["parameters"]) > 1:
        console.print("correlations of the estimates", style="bold")
        print_fitting(console, _correlations(document["parameters"], known))
        console.print()
    for line in _remarks(document):
        say(console, line)


def print_knowledge(document: Entry, file: TextIO | None = None) -> None:
    """Print what the data determine about parameters that were not fitted.

    Parameters
    ----------
    document : dict
        As `dessim calibrate --sensitivity --format json` prints it.
    file : text stream
        Standard output if left out.
    """
    console = console_for(file)
    table = new_table("parameter", "strength", *document["cells"])
    for one in document["parameters"]:
        cells = (f"{value:+.2f}" for value in one["elasticity"])
        table.add_row(one["name"], f"{one['strength']:.1f}", *cells)
    print_fitting(console, table)
    console.print()
    print_fitting(console, _correlations(document["parameters"], document["knowledge"]))
    console.print()
    say(
        console,
        "elasticity: relative change of seconds for one of the parameter; strength: deviations by"
        " which the residuals change over half of the parameter's range",
    )
    for line in _known(document["knowledge"], len(document["parameters"])):
        say(console, line)


def _numbers(parameters: list[Entry]) -> Table:
    table = new_table("number", "before", "fitted", "95 % interval", "range of sources", "")
    for parameter in parameters:
        for number in parameter["numbers"]:
            bound = f"at its {parameter['at_bound']} end" if parameter["at_bound"] else ""
            interval = " to ".join(number["ci95"]) if number["ci95"] else "not bounded"
            ends = " to ".join(number["range"])
            table.add_row(number["path"], number["before"], number["value"], interval, ends, bound)
    return table


def _correlations(parameters: list[Entry], known: Entry) -> Table:
    table = new_table("", *(str(index + 1) for index in range(len(parameters))))
    for index, (parameter, row) in enumerate(zip(parameters, known["correlations"], strict=True)):
        cells = [f"{value:+.2f}" for value in row[: index + 1]]
        table.add_row(f"{index + 1} {parameter['name']}", *cells)
    return table


def _known(known: Entry, n: int) -> Iterator[str]:
    condition = known["condition"]
    text = "infinite" if condition is None else f"{condition:.0f}"
    yield f"the data determine {known['carried']} of {n} parameters; condition number {text}"
    yield from known["unclear"]


def _remarks(document: Entry) -> Iterator[str]:
    n = len(document["parameters"])
    state = "converged" if document["converged"] else "not converged"
    yield (
        f"{counted(n, 'parameter')}, {counted(len(document['cells']), 'cell')} of"
        f" {document['data']} ({counted(document['residuals'], 'residual')}),"
        f" {counted(document['steps'], 'step')}, {state};"
        f" cost {document['cost_before']:.1f} before, {document['cost']:.1f} after"
    )
    yield f"fitted cells: {', '.join(document['cells'])}"
    condition = document["after"]["condition"]
    text = "infinite" if condition is None else f"{condition:.0f}"
    yield f"the data determine {document['after']['carried']} of {n} parameters; condition {text}"
    for fold in document["cross_validation"]:
        error = fold["error"]
        if error is not None:
            yield (
                f"left out {fold['threads']} threads: mean |ln| error of seconds"
                f" {error['mean_abs_log_error']:.3f}, greatest {error['max_abs_log_error']:.3f}"
                f" ({error['worst_cell']})"
            )
    for text in document["warnings"]:
        yield f"warning: {text}"
