"""What commands share that compare measured tables with simulated cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dessim.cli.work import report_failures, run_points

if TYPE_CHECKING:
    from dessim.model import Experiment, Point
    from dessim.model.errors import Place
    from dessim.model.published import Published
    from dessim.study.fidelity.calibrate import Simulate

DEFAULT = "fault-around-2014"


def load_with(
    name: str,
    machine: str | None,
    overrides: tuple[str, ...],
    seed: int | None,
    replications: int | None,
) -> Experiment:
    """Load an experiment with what the options change."""
    from dessim.model import load_experiment
    from dessim.model.overrides import FromOption

    settings = list(overrides)
    for key, value in (("machine", machine), ("seed", seed), ("replications", replications)):
        if value is not None:
            settings.append(FromOption(key, value))
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


def write_validation(document: dict[str, Any], folder: Path) -> list[Path]:
    """Write a validation as JSON and CSV."""
    from dessim.files.tables import csv_text
    from dessim.files.writing import write_texts
    from dessim.study.fidelity.validation import table_rows
    from dessim.study.sweep.tables import to_json

    texts = {
        "validation.json": to_json(document),
        "validation.csv": csv_text(table_rows(document)),
    }
    return write_texts(texts, folder)


def show_validation(document: dict[str, Any], form: str) -> None:
    """Print a validation in one of the formats."""
    if form == "table":
        from dessim.report.text.validation import print_validation

        print_validation(document)
        return
    from dessim.files.tables import csv_text
    from dessim.study.fidelity.validation import table_rows
    from dessim.study.sweep.tables import to_json

    text = to_json(document) if form == "json" else csv_text(table_rows(document))
    click.echo(text, nl=False)


@contextmanager
def simulator(
    experiment: Experiment,
    engine: str,
    jobs: int,
    out: Path,
    *,
    quiet: bool,
    table: Published | None = None,
) -> Iterator[Simulate]:
    """Run points by workers that stay open between evaluations; blame rows of a table."""
    from dessim.study.fidelity.cells import key_of
    from dessim.study.store.runs import Store
    from dessim.study.sweep.checks import check
    from dessim.study.sweep.executors import open_workers
    from dessim.study.sweep.jobs import Tally

    store = Store(out / "runs")

    def row_of(point: Point) -> Place | None:
        return table.places.get(key_of(point)) if table else None

    team, done = open_workers(jobs), False

    def simulate(points: Sequence[Point]) -> Tally:
        check(experiment, points, engine, row_of)
        tally = run_points(points, engine, team or 1, store, quiet=quiet)
        report_failures(tally)
        return tally

    try:
        yield simulate
        done = True
    finally:
        if team is not None:
            team.close(at_once=not done)
