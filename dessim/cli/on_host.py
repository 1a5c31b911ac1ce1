"""`dessim validate --host`: workloads that run on this machine next to their simulation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dessim.cli.results import report_files

if TYPE_CHECKING:
    from dessim.host.topology import Description
    from dessim.model import Machine

FOLDER = "validate-host"


def validate_on_host(
    profile: str | None,
    only: tuple[str, ...],
    seconds: float,
    privileged: bool,
    out: Path,
    form: str,
    no_figure: bool,
    quiet: bool,
) -> None:
    """Run, simulate, compare and report."""
    from dessim.files.tables import csv_text
    from dessim.files.writing import write_texts
    from dessim.host.validation import plan_of, validate_host

    plan = plan_of(only, seconds, privileged=privileged)
    machine = _machine(profile)
    if machine.topology.n_cpus < len(plan.cpus):
        raise click.UsageError(
            f"{machine.name} has {machine.topology.n_cpus} CPUs, this machine {len(plan.cpus)}:"
            " give a profile of this machine (`dessim measure`, `dessim machine new`)"
        )

    def note(what: str) -> None:
        if not quiet:
            click.echo(f"running: {what}", err=True)

    document = validate_host(machine, plan, note)
    texts = {
        "validation.json": json.dumps(document, indent=1, allow_nan=False) + "\n",
        "validation.csv": csv_text([_row(cell) for cell in document["cells"]]),
    }
    paths = write_texts(texts, out / FOLDER)
    if not no_figure:
        from dessim.report.plot.host import draw_host

        paths += draw_host(document, out / FOLDER / "figures")
    if form == "table":
        _print(document)
    else:
        click.echo(texts[f"validation.{form}"], nl=False)
    if not quiet:
        report_files(paths)


def _row(cell: dict[str, Any]) -> dict[str, Any]:
    low, high = cell["measured_range"] or (None, None)
    rest = {key: value for key, value in cell.items() if key != "measured_range"}
    return rest | {"measured_low": low, "measured_high": high}


def _machine(profile: str | None) -> Machine:
    """The profile, or this machine with nothing measured."""
    from dessim.model import load_machine

    if profile is not None:
        return load_machine(profile)
    from dessim.host.new_profile import check, new_profile
    from dessim.host.sysfs import read_sysfs

    found: Description = read_sysfs()
    return check(new_profile("unmeasured", found, None, "", None).draft)


def _print(document: dict[str, Any]) -> None:
    head = ("workload", "CPUs", "measured", "simulated", "ratio", "trials")
    rows: list[tuple[str, ...]] = [head]
    for cell in document["cells"]:
        measured, error = cell["measured"], cell["ln_error"]
        mark = " *" if cell["informed_profile"] else ""
        rows.append(
            (
                cell["workload"],
                str(cell["cpus"]),
                "-" if measured is None else f"{measured:.3g} {cell['unit']}",
                f"{cell['simulated']:.3g}",
                "-" if error is None else f"{cell['simulated'] / measured:.2f}{mark}",
                f"{cell['trials_kept']}/{cell['trials']}",
            )
        )
    for row in _aligned(rows):
        click.echo(row)
    if document["latencies"]:
        click.echo()
        rows = [("latency of a fault, ns", "measured p50", "p99", "simulated p50", "p99")]
        for one in document["latencies"]:
            sides = (one["measured_ns"], one["simulated_ns"])
            texts = [
                "-" if side[share] is None else f"{side[share]:.0f}"
                for side in sides
                for share in ("0.5", "0.99")
            ]
            rows.append((one["workload"], *texts))
        for row in _aligned(rows):
            click.echo(row)
    mean = document["mean_abs_ln_error"]
    click.echo()
    if mean is None:
        click.echo(
            "No cell could be judged: other tasks took the CPUs. Try again on an idle machine."
        )
    else:
        click.echo(
            f"Mean absolute error (logarithm): {mean:.3f}, over {document['cells_in_mean']} cells"
            f" of {len(document['cells'])}; machine {document['machine']},"
            f" scheme {document['scheme']}."
        )
    if any(cell["informed_profile"] for cell in document["cells"]):
        click.echo("* informed the profile: not counted in the mean.")
    if any(cell["measured"] is None for cell in document["cells"]):
        click.echo("- too few trials in which all threads kept their CPUs.")
    if document["other_tasks_per_cpu"] > 0.3:
        text = f"Note: {document['other_tasks_per_cpu']} other tasks per CPU ran meanwhile."
        click.echo(text, err=True)


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            f"{cell:<{width}}" if column == 0 else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
