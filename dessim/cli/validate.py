"""`dessim validate`: a measured table beside the simulation of each of its cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dessim.cli.progress import Progress
from dessim.cli.run import report_failures, run_jobs, summary_of
from dessim.study.store.names import folder_name

if TYPE_CHECKING:
    from dessim.model import Experiment, Point
    from dessim.model.published import Published
    from dessim.study.sweep.jobs import Tally

DEFAULT = "fault-around-2014"


def simulation_options(command: Any) -> Any:
    """Give a command the options that say how cells are simulated."""
    options = (
        click.option("--machine", metavar="NAME|FILE", help="Instead of the experiment's."),
        click.option(
            "--set", "overrides", multiple=True, metavar="KEY.PATH=VALUE", help="Change a value."
        ),
        click.option(
            "--simulate",
            multiple=True,
            metavar="[WORKLOAD=]SIZE|full",
            help="How much of the file is simulated, instead of the experiment's; repeatable.",
        ),
        click.option("--seed", type=click.IntRange(0), help="Instead of the experiment's."),
        click.option("--replications", type=click.IntRange(1), help="Instead of the experiment's."),
        click.option(
            "--engine",
            type=click.Choice(["compiled", "reference"]),
            default="compiled",
            show_default=True,
        ),
        click.option("-j", "jobs", type=click.IntRange(1, 1024), default=1, metavar="N"),
        click.option(
            "--out",
            type=click.Path(file_okay=False, path_type=Path),
            default=Path("results"),
            show_default=True,
            help="Where results are kept.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="No progress."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("experiment", default=DEFAULT)
@click.option("--data", metavar="NAME|CSV", help="Measured table instead of the experiment's.")
@click.option(
    "--only", multiple=True, metavar="WORKLOAD[:THREADS[:ORDERS]]", help="Some cells; repeatable."
)
@simulation_options
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table")
@click.option("--no-figure", is_flag=True, help="Do not draw predicted against measured.")
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
) -> None:
    """Simulate every cell of a measured table and tell the errors.

    EXPERIMENT says on which machine, how often, and how much of each file is simulated (default:
    fault-around-2014, with its table). --data takes any table of that form. Finished runs are kept
    in OUT/runs and used again. A table of curves of contended lines and locks
    (sosp13-synchronization) is compared as well; --only then names quantities.
    """
    if data is not None and _holds_curves(data):
        foreign = {"--machine": machine, "--set": overrides, "--simulate": simulate}
        for option in (name for name, value in foreign.items() if value):
            raise click.UsageError(f"{option} means nothing for curves: they name their machines")
        if jobs > 1:
            raise click.UsageError(
                "-j means nothing for curves: their runs are short, and done here"
            )
        _validate_curves(data, only, engine, seed, replications, out, form, no_figure, quiet)
        return
    chosen = load_with(experiment, machine, overrides, seed, replications)
    table = table_of(chosen, data)
    from dessim.study.fidelity.cells import chosen as choose
    from dessim.study.fidelity.cells import points_of, simulating
    from dessim.study.fidelity.validation import validation_of

    wanted = choose(only, table.rows, "--only")
    points = simulating(points_of(wanted, chosen, table.places), simulate)
    tally = run_points(chosen, points, engine, jobs, out, quiet=quiet)
    document = validation_of(points, tally, table, engine)
    folder = out / folder_name(f"validate-{table.name}")
    written = write_validation(document, folder)
    if not no_figure:
        from dessim.report.plot.validation import draw_validation

        written += draw_validation(document, folder / "figures")
    show_validation(document, form)
    if not quiet:
        click.echo(f"wrote {summary_of(written)}", err=True)
    report_failures(tally)


def _holds_curves(data: str) -> bool:
    from dessim.model import find
    from dessim.study.fidelity.sosp13 import is_table_of_curves

    return is_table_of_curves(find("published", data))


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
    from dessim.model import find
    from dessim.study.fidelity.sosp13 import (
        chosen_rows,
        curve_rows,
        curves_validation,
        load_curves,
        setup_of,
    )
    from dessim.study.sweep.tables import to_csv, to_json, write_texts

    path = find("published", data)
    setup = setup_of(path)
    rows = chosen_rows(load_curves(path, setup), only)

    def tell(done: int) -> None:
        if not quiet and done % 25 == 0:
            click.echo(f"{done} of {len(rows)} points", err=True)

    times = (replications or 3, 1 if seed is None else seed)
    document = curves_validation(rows, setup, path.stem, engine, *times, tell)  # type: ignore[arg-type]
    texts = {
        "validation.json": to_json(document),
        "validation.csv": to_csv(curve_rows(document)),
    }
    folder = out / folder_name(f"validate-{path.stem}")
    written = write_texts(texts, folder)
    if not no_figure:
        from dessim.report.plot.validation import draw_curves

        written += draw_curves(document, folder / "figures")
    if form == "table":
        from dessim.report.text.validation import print_curves

        print_curves(document)
    else:
        click.echo(texts[f"validation.{form}"], nl=False)
    if not quiet:
        click.echo(f"wrote {summary_of(written)}", err=True)


def load_with(
    name: str,
    machine: str | None,
    overrides: tuple[str, ...],
    seed: int | None,
    replications: int | None,
) -> Experiment:
    """Load an experiment with what the options change."""
    from dessim.model import load_experiment

    settings = list(overrides)
    for key, value in (("machine", machine), ("seed", seed), ("replications", replications)):
        if value is not None:
            settings.append(f"{key}={value}")
    return load_experiment(name, settings)


def table_of(experiment: Experiment, data: str | None) -> Published:
    """The measured table: the one named, else the experiment's."""
    from dessim.model.published import load_published

    name = data or experiment.measured
    if name is None:
        raise click.UsageError(
            f"experiment {experiment.name!r} names no measured table: give one with --data"
        )
    return load_published(name)


def run_points(
    experiment: Experiment, points: list[Point], engine: str, jobs: int, out: Path, *, quiet: bool
) -> Tally:
    """Do the runs of some points, or take them from the store."""
    from dessim.study.store.runs import Store
    from dessim.study.sweep.jobs import jobs_of
    from dessim.study.sweep.plan import check

    check(experiment, points)
    store = Store(out / "runs")
    store.root.mkdir(parents=True, exist_ok=True)
    todo = jobs_of(points, engine, store)  # type: ignore[arg-type]
    progress = Progress(todo, quiet=quiet, verbose=False)
    return run_jobs(todo, jobs, None, store, progress, force=False)


def write_validation(document: dict[str, Any], folder: Path) -> list[Path]:
    """Write a validation as JSON and CSV."""
    from dessim.study.fidelity.validation import table_rows
    from dessim.study.sweep.tables import to_csv, to_json, write_texts

    texts = {
        "validation.json": to_json(document),
        "validation.csv": to_csv(table_rows(document)),
    }
    return write_texts(texts, folder)


def show_validation(document: dict[str, Any], form: str) -> None:
    """Print a validation in one of the formats."""
    if form == "table":
        from dessim.report.text.validation import print_validation

        print_validation(document)
        return
    from dessim.study.fidelity.validation import table_rows
    from dessim.study.sweep.tables import to_csv, to_json

    text = to_json(document) if form == "json" else to_csv(table_rows(document))
    click.echo(text, nl=False)
