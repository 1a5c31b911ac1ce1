"""Blame as a person reads it: what is waited for, who held it, what stood behind that."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from dessim.report.common.format import duration_ns
from dessim.report.text.console import say
from dessim.report.text.table import new_table, print_fitting, title_of

Entry = dict[str, Any]
ROWS = 6
"""Rows of the matrix shown for each kind of lock or line."""
SMALLEST = 0.005
"""Share of all waiting below which a row is not shown."""


def print_blame(console: Console, document: Entry) -> None:
    """Print who held what others waited for, for each point."""
    for point in document["blame"]:
        console.print(title_of(point), style="bold")
        total, waiting = point["total_time_ps"], point["waiting_ps"]
        if not waiting:
            console.print("nobody waited\n")
            continue
        share = waiting / total
        console.print(
            f"threads wait {share * 100:.1f} % of their time:"
            f" {_time(waiting)} of {_time(total)}, all threads together"
        )
        _kinds(console, point)
        _matrix(console, point)
        _chains(console, point)
        if point["error"]:
            say(console, f"the run ended there: {point['error']}")
        elif not point["complete"]:
            say(
                console,
                f"only the first {_time(point['until_ps'])} of the run were recorded:"
                " --limit takes more",
            )
        console.print()
    say(
        console,
        "one replication on the reference engine; all time is what was simulated, not extrapolated"
        " to the whole file; of several readers the one that held longest is blamed",
    )


def _time(ps: int) -> str:
    return duration_ns(ps / 1000)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%"


def _kinds(console: Console, point: Entry) -> None:
    table = new_table("waited for", "waits", "mean", "of waiting", "of all time")
    for row in point["by_kind"]:
        ps = row["waiting_ps"]
        shares = (_percent(ps, point["waiting_ps"]), _percent(ps, point["total_time_ps"]))
        table.add_row(row["kind"], f"{row['waits']:,}", _time(ps / row["waits"]), *shares)
    print_fitting(console, table)


def _matrix(console: Console, point: Entry) -> None:
    heads = ("waiter's step", "of waiting", "", "held, meanwhile, by")
    table = new_table(*heads, left=(0, 2, 3))
    for row in point["by_kind"]:
        own = [r for r in point["matrix"] if r["kind"] == row["kind"]]
        for entry in own[:ROWS]:
            if entry["waiting_ps"] >= SMALLEST * point["waiting_ps"]:
                share = _percent(entry["waiting_ps"], point["waiting_ps"])
                table.add_row(entry["waiter"], share, entry["kind"], entry["holder"])
    print_fitting(console, table)


def _chains(console: Console, point: Entry) -> None:
    long = [one for one in point["chains"] if len(one["chain"]) > 2][:ROWS]
    long = [one for one in long if one["waiting_ps"] >= SMALLEST * point["waiting_ps"]]
    if long:
        table = new_table("chain: waits for what, whose holder waits for what", "of waiting")
        for one in long:
            share = _percent(one["waiting_ps"], point["waiting_ps"])
            table.add_row(" < ".join(one["chain"]), share)
        print_fitting(console, table)
    names = [
        f"{one['resource']} {_percent(one['waiting_ps'], point['waiting_ps'])}"
        for one in point["resources"][:ROWS]
    ]
    say(console, f"most waited for: {', '.join(names)}")
