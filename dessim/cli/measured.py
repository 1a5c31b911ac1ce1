"""What commands share that compare measured tables with simulated cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
SWEEPS = ("matrix", "zip", "include", "exclude")
DECIDED = ("schemes", "threads", "fault_around_order", *SWEEPS)
"""Keys of an experiment in whose place a table has its cells."""


@dataclass(frozen=True)
class Use:
    """What a command takes of an experiment to simulate cells of a table.

    Attributes
    ----------
    choose : str
        Option that chooses cells.
    grows : bool
        Whether sizes grow, and precision asks for more replications.
    fits : bool
        Whether numbers of the machine are fitted.
    """

    choose: str
    grows: bool = False
    fits: bool = False

    def taken(self) -> set[str]:
        """Keys of an experiment that can change something here."""
        known = {"machine", "workload", "seed", "replications", "simulate", "measured"}
        if self.grows:
            known |= {"simulate_cap", "precision", "max_replications", "warmup"}
        return known | {"name"} if self.fits else known


def load_with(
    name: str,
    use: Use,
    machine: str | None,
    overrides: tuple[str, ...],
    runs: tuple[int | None, int | None],
    simulate: tuple[str, ...],
    data: str | None,
) -> Experiment:
    """Load an experiment with what the options change.

    Parameters
    ----------
    name : str
    use : Use
    machine : str or None
    overrides : tuple of str
    runs : tuple of int or None
        Seed and replications.
    simulate : tuple of str
        Sizes that replace the experiment's.
    data : str or None
        Table that replaces the experiment's.

    Raises
    ------
    ConfigError
        With what is wrong, and each `--set` that would change nothing.
    """
    from dessim.model import load_experiment
    from dessim.model.overrides import FromOption

    _refuse_idle(overrides, use, sized=any("=" not in text for text in simulate), data=data)
    settings = list(overrides)
    for key, value in zip(("machine", "seed", "replications"), (machine, *runs), strict=True):
        if value is not None:
            settings.append(FromOption(key, value))
    return load_experiment(name, settings)


def _refuse_idle(overrides: tuple[str, ...], use: Use, *, sized: bool, data: str | None) -> None:
    """Refuse settings that no cell would take, each with what to do instead."""
    from dessim.model import ConfigError
    from dessim.model.errors import Place, Problem, Source
    from dessim.model.overrides import sweeps
    from dessim.model.units import shorten

    problems = []
    for number, text in enumerate(overrides, start=1):
        key, equals, _ = text.partition("=")
        key = key.strip()
        why = _idle(key, use, sized=sized, data=data) if equals else ""
        if equals and not why and sweeps(text):
            why = "each cell is simulated with one value: give no list"
        if why:
            place = Place(Source(f"--set {number}: {shorten(key, 100)}", rank=number))
            problems.append(Problem(place, why))
    if problems:
        raise ConfigError(problems)


def _idle(key: str, use: Use, *, sized: bool, data: str | None) -> str:
    """Why a key changes nothing here, or nothing."""
    from dessim.model import Experiment
    from dessim.model.fields import keys_of

    first, _, rest = key.partition(".")
    if first == "machine" and use.fits:
        return "a fit takes the profile as it is in its file: drop --set machine"
    if key in ("workload", "workload.name", "workload.threads") or first in DECIDED:
        more = ", a machine with --machine, a size with --simulate" if first in SWEEPS else ""
        why = "each cell has its own workload, scheme, threads and order"
        return f"{why}: choose cells with {use.choose}{more}"
    if rest.partition(".")[0] in ("description", "sources") and first in ("machine", "workload"):
        return "this changes no result: drop it"
    if first in ("simulate", "simulate_cap") and sized:
        return "--simulate says how much is simulated: drop one of them"
    if first == "measured" and data is not None:
        return "--data names the table: drop one of them"
    if first in keys_of(Experiment) and first not in use.taken():
        return "this changes nothing in this command: drop it"
    return ""


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
