"""Measured and simulated rates of will-it-scale, as text."""

from __future__ import annotations

import math
from typing import Any, TextIO

from dessim.report.common.format import amount
from dessim.report.text.console import console_for, say
from dessim.report.text.table import new_table, print_fitting

Entry = dict[str, Any]


def print_rates(document: Entry, file: TextIO | None = None) -> None:
    """Print measured and simulated rates: a table for each machine and kernel, then the errors.

    Parameters
    ----------
    document : dict
        As `dessim validate --data will-it-scale --format json` prints it.
    file : text stream
        Standard output if left out.
    """
    console = console_for(file)
    for machine, kernel in dict.fromkeys((c["machine"], c["kernel"]) for c in document["cells"]):
        cells = [c for c in document["cells"] if (c["machine"], c["kernel"]) == (machine, kernel)]
        say(console, f"{machine}, Linux {kernel}", "bold")
        table = new_table("test", "tasks", "measured/s", "simulated/s", "error", "asleep")
        for cell in cells:
            rate = cell["rate"]
            table.add_row(
                f"{cell['test']} {cell['mode']}",
                str(cell["tasks"]),
                amount(rate["measured"]),
                amount(rate["simulated"]),
                f"{math.expm1(rate['log_error']):+.0%}",
                _asleep(cell["idle_share"]),
            )
        print_fitting(console, table)
        console.print()
    console.print("|ln(simulated / measured)|", style="bold")
    table = new_table("", "rates", "mean", "root mean square", "greatest", "bias")
    groups = [(group["test"], group["rate"]["all"]) for group in document["errors"]]
    groups += [("all rates", document["error_of_rates"])]
    groups += [("threads to processes", document["error_of_ratios"])]
    for name, error in groups:
        if error:
            keys = ("mean_abs_log_error", "rms_log_error", "max_abs_log_error", "bias")
            table.add_row(name, str(error["cells"]), *(f"{error[key]:.3f}" for key in keys))
    print_fitting(console, table)
    console.print()
    say(console, "asleep: share of the tasks' time without a CPU, simulated (measured).")


def _asleep(share: Entry) -> str:
    text = f"{share['simulated']:.0%}"
    return text if share["measured"] is None else f"{text} ({share['measured']:.0%})"
