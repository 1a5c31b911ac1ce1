"""`dessim measure`: a profile of the machine that it runs on, by measuring."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dessim.cli.options import NEW_FILE, check_new, check_profile, unused, write_new

if TYPE_CHECKING:
    from dessim.host.session import MeasuredHost

_BUDGET = re.compile(r"(\d{1,4})\s*(s|min)?", re.ASCII)


class Budget(click.ParamType[float]):
    """A time such as `60s` or `2min`."""

    name = "time"

    def convert(self, value: object, param: object, ctx: object) -> float:
        """Return seconds."""
        match = _BUDGET.fullmatch(str(value))
        seconds = int(match[1]) * (60 if match[2] == "min" else 1) if match else 0
        if not 5 <= seconds <= 3600:
            self.fail(f"'{value}' is not a time from 5s to 60min, such as 60s")
        return float(seconds)


@click.command()
@click.option("--budget", type=Budget(), default="60s", show_default=True, help="Time to measure.")
@click.option(
    "--out",
    type=NEW_FILE,
    default=Path("my-machine.yaml"),
    show_default=True,
    help="The profile.",
)
@click.option("--base", metavar="NAME", help="Profile for what dessim cannot measure.")
@click.option("--privileged", is_flag=True, help="Run ahead of other processes (needs root).")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.option("-q", "--quiet", is_flag=True, help="Print no progress.")
def measure(
    budget: float, out: Path, base: str | None, privileged: bool, force: bool, quiet: bool
) -> None:
    """Measure this machine and write a profile of it.

    Compiled loops measure caches, lines between CPUs, faults, unmapping, interrupts and switches.
    You need neither root nor a compiler. Nothing changes on the machine: at most a tenth of the
    available memory is used, files live in memory, and Ctrl-C stops it.

    Each number has an interval and says how it was measured. Whatever could not be measured comes
    from the base, and the file says why. Other work on the machine is reported; trials in which a
    thread lost its CPU are dropped.
    """
    from dessim.host.session import measure_host

    check_profile(out, "--out")
    check_new(out, "another --out", force=force)

    def note(what: str) -> None:
        if not quiet:
            click.echo(f"measuring: {what}", err=True)

    made = measure_host(out.stem, budget, base, note, privileged=privileged, place=out)
    data = made.draft.text().encode()
    write_new({out: data}, "another --out", force=force, aside=lambda: {unused(out): data})
    _report(made)
    if not quiet:
        click.echo(f"written: {out}", err=True)


def _report(made: MeasuredHost) -> None:
    from dessim.host.writing import as_written
    from dessim.model.vary import value_at

    rows = [("value", "here", "range", "tag", made.draft.base)]
    for entry in made.draft.entries:
        if entry.tag not in ("measured", "derived"):
            continue
        ends = (entry.low, entry.high)
        texts = [as_written(entry.path, end) for end in ends if end is not None]
        before = as_written(entry.path, value_at(made.base, entry.path))
        here = as_written(entry.path, entry.value)
        rows.append((entry.path, here, " to ".join(texts) or "-", entry.tag, before))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())
    for why in made.skipped:
        click.echo(f"Not a base: {why}", err=True)
    for note in made.draft.notes:
        click.echo(note, err=True)
