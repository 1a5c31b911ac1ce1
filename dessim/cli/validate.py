"""`dessim validate`: a measured table next to the simulation of each of its cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dessim.cli.complete import experiments
from dessim.cli.measured import (
    DEFAULT,
    Use,
    load_with,
    show_validation,
    table_of,
    write_validation,
)
from dessim.cli.options import DATA, EXPERIMENT, SIMULATION
from dessim.cli.results import report_files
from dessim.cli.work import do_rounds, report_failures
from dessim.files.names import folder_name

if TYPE_CHECKING:
    from dessim.model import Experiment, Point
    from dessim.model.published import Published
    from dessim.study.sweep.jobs import Tally

USE = Use("--only", grows=True)
FOR_RATES = "for rates: they name their machines, and runs are short"


@click.command()
@click.argument("experiment", default=DEFAULT, callback=EXPERIMENT, shell_complete=experiments)
@DATA
@click.option(
    "--only",
    multiple=True,
    metavar="WORKLOAD[:THREADS[:ORDERS]]",
    help="Cells to simulate; repeatable.",
)
@SIMULATION
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table")
@click.option("--no-figure", is_flag=True, help="Do not draw predicted against measured.")
@click.option("--host", is_flag=True, help="Run workloads on this machine and compare.")
@click.option("--profile", metavar="NAME|FILE", help="With --host: profile of this machine.")
@click.option(
    "--seconds",
    type=click.FloatRange(0.2, 600),
    help="With --host: time per workload and number of CPUs [default: 3].",
)
@click.option(
    "--privileged", is_flag=True, help="With --host: run ahead of other processes (root)."
)
@click.option(
    "--kernel", metavar="VERSION", help="With will-it-scale's CSV: kernel that it ran on."
)
def validate(
    experiment: str,
    data: str | None,
    only: tuple[str, ...],
    machine: str | None,
    overrides: tuple[str, ...],
    simulate: tuple[str, ...],
    seed: int | None,
    replications: int | None,
    engine: str,
    jobs: int,
    out: Path,
    quiet: bool,
    form: str,
    no_figure: bool,
    host: bool,
    profile: str | None,
    seconds: float | None,
    kernel: str | None,
    privileged: bool,
) -> None:
    """Simulate every cell of a measured table and report the errors.

    EXPERIMENT sets the machine, the replications, and how much of each file is simulated (default:
    fault-around-2014, with its table). --data takes any such table; finished runs are kept in
    OUT/runs and reused. It also takes curves of lines and locks (sosp13-synchronization; --only
    then names quantities) and rates: will-it-scale, or the CSV of that benchmark, named after the
    test, with --machine and --kernel (--only then names tests or machines).

    With --host there is no table: workloads really run here, in trials of a millisecond on 1 to all
    CPUs, and are simulated with --profile. Only results are written. --only then names workloads.
    """
    foreign = {"--machine": machine, "--set": overrides, "--simulate": simulate}
    if host:
        from dessim.cli.on_host import validate_on_host

        _refuse({"--data": data, **foreign}, "with --host: give --profile")
        validate_on_host(profile, only, seconds or 3.0, privileged, out, form, no_figure, quiet)
        return
    if profile is not None or privileged or seconds is not None:
        raise click.UsageError("--profile, --seconds and --privileged need --host")
    if data is not None and _holds_rates(data):
        _refuse(foreign | {"--machine": None, "-n": replications, "-j": jobs > 1}, FOR_RATES)
        _validate_rates(data, machine, kernel, only, engine, seed, out, form, quiet)
        return
    _refuse({"--kernel": kernel}, "except with will-it-scale's own CSV (--data)")
    if data is not None and _holds_curves(data):
        _refuse(foreign, "for curves: they name their own machines")
        _refuse({"-j": jobs > 1}, "for curves: their short runs are done here")
        _validate_curves(data, only, engine, seed, replications, out, form, no_figure, quiet)
        return
    chosen = load_with(experiment, USE, machine, overrides, (seed, replications), simulate, data)
    table = table_of(chosen, data)
    points = _points(chosen, table, only, simulate, once=replications is None)
    tally, document = _validated(chosen, points, table, engine, jobs, out, quiet=quiet)
    paths = _write(document, out / folder_name(f"validate-{table.name}"), figure=not no_figure)
    show_validation(document, form)
    if not quiet:
        report_files(paths)
    report_failures(tally)


def _write(document: dict[str, Any], folder: Path, *, figure: bool) -> list[Path]:
    """Write a validation, and draw it if that is wanted; return the files."""
    paths = write_validation(document, folder)
    if figure:
        from dessim.report.plot.validation import draw_validation

        paths += draw_validation(document, folder / "figures")
    return paths


def _refuse(foreign: dict[str, Any], why: str) -> None:
    """Refuse options that were given and would do nothing."""
    for option in (name for name, value in foreign.items() if value):
        raise click.UsageError(f"{option} has no effect {why}")


def _points(
    experiment: Experiment,
    table: Published,
    only: tuple[str, ...],
    simulate: tuple[str, ...],
    *,
    once: bool,
) -> list[Point]:
    """Return the chosen cells; random reads of the whole file once, unless asked for more."""
    from dessim.study.fidelity.cells import chosen, once_in_full, points_of, simulating

    wanted = chosen(only, table.rows, "--only")
    points = points_of(wanted, experiment, table.places, random_bytes=None, grow=True)
    points = simulating(points, simulate)
    return [once_in_full(point) for point in points] if once else points


def _validated(
    experiment: Experiment,
    points: list[Point],
    table: Published,
    engine: str,
    jobs: int,
    out: Path,
    *,
    quiet: bool,
) -> tuple[Tally, dict[str, Any]]:
    """Simulate cells, each in sizes that grow until two agree; return runs and document."""
    from dessim.study.fidelity.cells import key_of
    from dessim.study.fidelity.validation import check_comparable, validation_of
    from dessim.study.store.runs import Store
    from dessim.study.sweep.checks import check
    from dessim.study.sweep.rounds import Rounds

    check_comparable(points, table)
    check(experiment, points, engine, lambda point: table.places.get(key_of(point)))
    rounds = Rounds(experiment, points, engine, Store(out / "runs"))  # type: ignore[arg-type]
    tally = do_rounds(rounds, jobs, quiet=quiet)
    return tally, validation_of(rounds.points, tally, table, engine, rounds.found)


def _holds_curves(data: str) -> bool:
    from dessim.model import find
    from dessim.study.fidelity.sosp13 import is_table_of_curves

    return is_table_of_curves(find("published", data))


def _holds_rates(data: str) -> bool:
    from dessim.model import find
    from dessim.study.fidelity.rate_tables import is_table_of_rates

    return is_table_of_rates(find("published", data))


def _validate_rates(
    data: str,
    machine: str | None,
    kernel: str | None,
    only: tuple[str, ...],
    engine: str,
    seed: int | None,
    out: Path,
    form: str,
    quiet: bool,
) -> None:
    """Simulate rates of will-it-scale: short runs, none of which is stored."""
    from dessim.files.tables import csv_text
    from dessim.files.writing import write_texts
    from dessim.model import find
    from dessim.study.fidelity.rate_tables import (
        chosen_rates,
        load_rates,
        rate_rows,
        rates_validation,
    )
    from dessim.study.sweep.tables import to_json

    path = find("published", data)
    rows = chosen_rates(load_rates(path, machine, kernel), only)

    def progress(done: int) -> None:
        if not quiet and done % 10 == 0:
            click.echo(f"{done} of {len(rows)} rates", err=True)

    first = 1 if seed is None else seed
    document = rates_validation(rows, path.stem, engine, first, progress)  # type: ignore[arg-type]
    texts = {
        "validation.json": to_json(document),
        "validation.csv": csv_text(rate_rows(document)),
    }
    paths = write_texts(texts, out / folder_name(f"validate-{path.stem}"))
    if form == "table":
        from dessim.report.text.rates import print_rates

        print_rates(document)
    else:
        click.echo(texts[f"validation.{form}"], nl=False)
    if not quiet:
        report_files(paths)


def _validate_curves(
    data: str,
    only: tuple[str, ...],
    engine: str,
    seed: int | None,
    replications: int | None,
    out: Path,
    form: str,
    no_figure: bool,
    quiet: bool,
) -> None:
    """Simulate published curves of lines and locks: short runs, none of which is stored."""
    from dessim.files.tables import csv_text
    from dessim.files.writing import write_texts
    from dessim.model import find
    from dessim.study.fidelity.sosp13 import (
        chosen_rows,
        curve_rows,
        curves_validation,
        load_curves,
        setup_of,
    )
    from dessim.study.sweep.tables import to_json

    path = find("published", data)
    setup = setup_of(path)
    rows = chosen_rows(load_curves(path, setup), only)

    def progress(done: int) -> None:
        if not quiet and done % 25 == 0:
            click.echo(f"{done} of {len(rows)} points", err=True)

    times = (replications or 3, 1 if seed is None else seed)
    document = curves_validation(rows, setup, path.stem, engine, *times, progress)  # type: ignore[arg-type]
    texts = {
        "validation.json": to_json(document),
        "validation.csv": csv_text(curve_rows(document)),
    }
    folder = out / folder_name(f"validate-{path.stem}")
    paths = write_texts(texts, folder)
    if not no_figure:
        from dessim.report.plot.validation import draw_curves

        paths += draw_curves(document, folder / "figures")
    if form == "table":
        from dessim.report.text.validation import print_curves

        print_curves(document)
    else:
        click.echo(texts[f"validation.{form}"], nl=False)
    if not quiet:
        report_files(paths)
