"""Sensitivity as a person reads it: what matters, in which direction, and whether it decides."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console

from dessim.report.common.format import form_of_name, threads_word
from dessim.report.text.console import say
from dessim.report.text.table import new_table, print_fitting

Entry = dict[str, Any]
ROWS = 12


def print_sensitivity(console: Console, document: Entry) -> None:
    """Print the ranking for each response, the conclusion (a ratio) last."""
    found = document["sensitivity"]
    origins = {one["parameter"]: one for one in found["parameters"]}
    place = (
        f"{threads_word(found['threads'])}, order {found['fault_around_order']},"
        f" {found['workload']} on {found['machine']}"
    )
    for entry in found["responses"]:
        console.print(f"{found['metric']} of {entry['response']}: {place}", style="bold")
        say(console, _span(entry, found["metric"]))
        indices = {row["parameter"]: row for row in entry.get("sobol", ())}
        table = new_table(
            "parameter", "value", "range", "tag", "effect over the range", "bends", "Sobol total"
        )
        rows = [row for row in entry["effects"] if row["mu_star"] > 1e-12]
        for row in rows[:ROWS]:
            table.add_row(*_cells(row, origins[row["parameter"]], indices.get(row["parameter"])))
        print_fitting(console, table)
        less = len(entry["effects"]) - min(len(rows), ROWS)
        chance = entry["chance"]
        doubt = f"; below about {_percent(chance)} an effect may be chance" if chance else ""
        console.print(f"{less} others matter less or not at all{doubt}\n")
    _remarks(console, found)


def _span(entry: Entry, metric: str) -> str:
    if not entry["ratio"]:
        form = form_of_name(metric)
        low, high = form(entry["least"]), form(entry["greatest"])
        return f"from {low} to {high} over {entry['machines']} machines within the ranges"
    share = entry["share_above_1"]
    verdict = f"above 1 on {share * 100:.0f} % of them"
    if share in (0, 1):
        verdict = f"{'above' if share else 'not above'} 1 on all of them"
    return (
        f"ratio from {entry['least']:.3g} to {entry['greatest']:.3g} over {entry['machines']}"
        f" machines within the ranges: {verdict}"
    )


def _cells(row: Entry, origin: Entry, index: Entry | None) -> list[str]:
    low, high = row["mu_star_ci95"]
    sign = "±" if abs(row["mu"]) < 0.5 * row["mu_star"] else "+" if row["mu"] > 0 else "-"
    shown = [_percent(x, falls=sign == "-") for x in (row["mu_star"], low, high)]
    effect = f"{sign}{shown[0]} [{shown[1]}, {shown[2]}]"
    bends = f"{row['sigma'] / row['mu_star']:.1f}"
    total = ""
    if index is not None:
        a, b = index["total_ci95"]
        total = f"{index['total']:.2f} [{a:.2f}, {b:.2f}]"
    span = f"{origin['low']} to {origin['high']}"
    return [row["parameter"], origin["value"], span, origin["tag"] or "", effect, bends, total]


def _percent(log: float, *, falls: bool = False) -> str:
    """A change of a logarithm as a percentage, without its sign."""
    return f"{abs(math.expm1(-log if falls else log)) * 100:.1f}%"


def _remarks(console: Console, found: Entry) -> None:
    lines = [
        f"effect over the range: mean size of the change when a parameter goes from one end of its"
        f" sources' range to the other (Morris, mu*, {found['trajectories']} trajectories), 95 %"
        " bootstrap interval; + the metric grows with it, - it falls, ± it depends on the others;"
        " bends: sigma / mu*, above 1 it depends on the others or is not steady",
        f"{found['replications']} replications of each machine, the same draws for all",
    ]
    if found["samples"]:
        lines.append(
            "Sobol total: share of the variance in which the parameter has a hand, alone or with"
            f" others ({found['samples']} rows, Saltelli 2010); those without one stay as the"
            " profile has them"
        )
    for line in lines:
        say(console, line)
