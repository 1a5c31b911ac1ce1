"""`dessim predict`: cells that nobody measured, in full, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dessim.cli.complete import experiments
from dessim.cli.measured import DEFAULT, Use, load_with, simulator, table_of
from dessim.cli.options import DATA, EXPERIMENT, NEW_FILE, SIMULATION
from dessim.cli.places import check_second
from dessim.cli.results import report_files
from dessim.files.reading import watched
from dessim.files.writing import refuse_input, write_texts

if TYPE_CHECKING:
    from dessim.model import Experiment, Point
    from dessim.model.published import Published
    from dessim.study.fidelity.calibrate import Simulate

USE = Use("--cells")


@click.command()
@click.argument("experiment", default=DEFAULT, callback=EXPERIMENT, shell_complete=experiments)
@DATA
@click.option(
    "--cells",
    multiple=True,
    metavar="WORKLOAD:THREADS:ORDERS",
    help="Cells to predict, repeatable [default: cells of many threads, most of them not"
    " measured].",
)
@SIMULATION
@click.option(
    "--to",
    type=NEW_FILE,
    default=Path("predictions.csv"),
    show_default=True,
    help="The table; details go next to it as JSON.",
)
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv")
def predict(
    experiment: str,
    data: str | None,
    cells: tuple[str, ...],
    machine: str | None,
    overrides: tuple[str, ...],
    simulate: tuple[str, ...],
    seed: int | None,
    replications: int | None,
    engine: str,
    jobs: int,
    out: Path,
    quiet: bool,
    to: Path,
    form: str,
) -> None:
    """Predict cells that nobody measured, with intervals, as a table.

    Cells of the measured table may be among them: the details then also hold the measurement, and
    whether the machine was fitted to it.

    Each cell is simulated in full and once unless --simulate and --replications say otherwise.
    The measured table is simulated, too, as EXPERIMENT says: its cells that no fit has used show
    the error of the model. Runs are kept in OUT/runs, so the same command resumes.
    """
    if to.suffix != ".csv":
        raise click.UsageError(f"--to {to}: a table's name must end in .csv")
    places = (to, to.with_suffix(".json"))
    with watched() as read:
        chosen = load_with(experiment, USE, machine, overrides, (seed, None), (), data)
        table = table_of(chosen, data)
    for place in places:
        refuse_input(place, experiment, data, machine, *read)
    check_second("--to", *places)
    full, small = _points(chosen, cells, simulate, replications or 1)
    with simulator(chosen, engine, jobs, out, quiet=quiet) as run:
        document = _predictions(chosen, table, full, small, run, engine)
    from dessim.files.tables import csv_text
    from dessim.study.fidelity.predict import table_rows
    from dessim.study.sweep.tables import to_json

    text = csv_text(table_rows(document))
    texts = {to.name: text, f"{to.stem}.json": to_json(document)}
    paths = write_texts(texts, to.parent)
    click.echo(text if form == "csv" else texts[f"{to.stem}.json"], nl=False)
    if not quiet:
        report_files(paths)


def _points(
    experiment: Experiment, cells: tuple[str, ...], simulate: tuple[str, ...], replications: int
) -> tuple[list[Point], list[Point]]:
    """The cells as they are predicted, and as small as differences need them."""
    from dessim.model.author import usual_author
    from dessim.study.fidelity.cells import for_differences, points_of, simulating, spelled_out

    keys = spelled_out(cells or usual_author().predicted, "--cells")
    asked = points_of(keys, experiment)
    full = simulating(asked, simulate or ("full",))
    small = [for_differences(point) for point in asked]
    return [p.model_copy(update={"replications": replications}) for p in full], small


def _predictions(
    experiment: Experiment,
    table: Published,
    full: list[Point],
    small: list[Point],
    run: Simulate,
    engine: str,
) -> dict[str, Any]:
    from dessim.study.fidelity.calibrate import usable
    from dessim.study.fidelity.cells import once_in_full, points_of
    from dessim.study.fidelity.predict import predictions_of
    from dessim.study.fidelity.validation import validation_of

    measured = points_of(usable(table), experiment, table.places, random_bytes=None)
    measured = [once_in_full(point) for point in measured]
    validation = validation_of(measured, run(measured), table, engine)
    try:
        return predictions_of(full, small, validation, run)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
