"""`dessim calibrate`: fit numbers of a machine to a measured table, and write a new profile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from dessim.cli.complete import experiments
from dessim.cli.measured import (
    Use,
    load_with,
    show_validation,
    simulator,
    table_of,
    write_validation,
)
from dessim.cli.options import (
    DATA,
    EXPERIMENT,
    NEW_FILE,
    SIMULATION,
    check_new,
    check_profile,
    unused,
    write_new,
)
from dessim.cli.results import report_files
from dessim.files.names import folder_name
from dessim.files.reading import read_text, watched
from dessim.files.writing import STREAMS, check_place, refuse_input, write_all, write_texts

if TYPE_CHECKING:
    from dessim.model import Experiment, Point
    from dessim.model.published import Published
    from dessim.study.fidelity.calibrate import Evaluation, FitProblem, Simulate

USE = Use("--fit", fits=True)


@click.command()
@click.argument("config", callback=EXPERIMENT, shell_complete=experiments)
@DATA
@click.option(
    "--fit",
    multiple=True,
    metavar="WORKLOAD[:THREADS[:ORDERS]]",
    help="Cells to fit, repeatable, or `all` [default: every second cell of the table].",
)
@click.option(
    "--params",
    multiple=True,
    metavar="PATH[,PATH…]",
    help="Numbers to fit, such as kernel.rmap or cache_line.*.one_hop; repeatable.",
)
@SIMULATION
@click.option("--to", type=NEW_FILE, help="The new profile.")
@click.option("--cross-validate", is_flag=True, help="Leave each number of threads out in turn.")
@click.option(
    "--sensitivity", is_flag=True, help="Fit nothing: report which numbers the data determine."
)
@click.option(
    "--max-steps", type=click.IntRange(1, 1000), default=15, show_default=True, metavar="N"
)
@click.option("--no-faults", is_flag=True, help="Fit seconds only, not excess faults.")
@click.option("--force", is_flag=True, help="Replace an existing file that --to names.")
@click.option(
    "--underdetermined", is_flag=True, help="Fit more parameters than the data determine."
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
def calibrate(
    config: str,
    data: str | None,
    fit: tuple[str, ...],
    params: tuple[str, ...],
    machine: str | None,
    overrides: tuple[str, ...],
    simulate: tuple[str, ...],
    seed: int | None,
    replications: int | None,
    engine: str,
    jobs: int,
    out: Path,
    quiet: bool,
    to: Path | None,
    cross_validate: bool,
    sensitivity: bool,
    max_steps: int,
    no_faults: bool,
    force: bool,
    underdetermined: bool,
    form: str,
) -> None:
    """Fit numbers of the machine of CONFIG to a measured table.

    Each number stays inside the range that its sources give. Runs are kept in OUT/runs, so the same
    command resumes an interrupted fit. The profile goes to --to (default:
    OUT/calibrate-EXPERIMENT/MACHINE-fitted.yaml) and is validated against the whole table.
    """
    _check_options(to, sensitivity=sensitivity, force=force)
    with watched() as read:
        chosen = load_with(config, USE, machine, overrides, (seed, replications), simulate, data)
        table = table_of(chosen, data)
    refuse_input(to, config, data, machine, *read)
    if to is not None:
        check_new(to, OTHER, force=force)
    folder = out / folder_name(f"calibrate-{chosen.name}")
    with simulator(chosen, engine, jobs, out, quiet=quiet, table=table) as run:
        problem, points = _problem(chosen, table, fit, params, simulate, run, not no_faults)
        problem.on_evaluation = _silent if quiet else _report
        if sensitivity:
            _show_sensitivity(problem, form)
            return
        target = _Target(to, folder, problem.machine.name, force)
        text = _profile_text(chosen, target.path)  # before any simulation: it may not be there
        check_place(target.path)
        _fit(
            problem,
            points,
            text,
            target,
            max_steps,
            cross_validate,
            underdetermined,
            form,
            quiet,
            engine,
        )


@dataclass(frozen=True)
class _Target:
    """Where the new profile goes.

    Attributes
    ----------
    to : pathlib.Path or None
        What --to names.
    folder : pathlib.Path
        Of everything else that a fit writes.
    machine : str
        Which one is fitted.
    force : bool
        Whether a file may be replaced.
    """

    to: Path | None
    folder: Path
    machine: str
    force: bool

    @property
    def usual(self) -> Path:
        return self.folder / f"{folder_name(f'{self.machine}-fitted')}.yaml"

    @property
    def path(self) -> Path:
        return self.to or self.usual

    def write(self, text_for: Callable[[Path], str]) -> list[Path]:
        """Write the profile; to its usual place if --to has got a file during the fit."""

        def profile_at(place: Path) -> dict[Path, bytes]:
            return {place: text_for(place).encode()}

        def aside() -> dict[Path, bytes]:
            same = self.usual.exists() and self.usual.samefile(self.path)
            return profile_at(unused(self.usual) if same else self.usual)

        if self.to is None:
            return write_all(profile_at(self.usual))
        return write_new(profile_at(self.to), OTHER, force=self.force, aside=aside)


OTHER = "another --to"
FITTING = ("to", "cross_validate", "underdetermined", "max_steps", "force")
"""Options that mean something only where something is fitted."""


def _check_options(to: Path | None, *, sensitivity: bool, force: bool) -> None:
    if to is not None and str(to) in STREAMS:
        raise click.UsageError(f"--to {to}: the new profile is read again: give a file")
    if to is not None:
        check_profile(to, "--to")
    context = click.get_current_context()
    for name in FITTING if sensitivity else ():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = f"--{name.replace('_', '-')}"
            raise click.UsageError(f"{option} has no effect with --sensitivity, which fits nothing")
    if force and to is None:
        raise click.UsageError("--force needs --to: files in OUT are replaced without it")


def _problem(
    experiment: Experiment,
    table: Published,
    fit: tuple[str, ...],
    params: tuple[str, ...],
    simulate: tuple[str, ...],
    run: Simulate,
    with_faults: bool,
) -> tuple[FitProblem, list[Point]]:
    """The problem, and the points of all cells that could be fitted."""
    from dessim.study.fidelity import cells
    from dessim.study.fidelity.calibrate import FitProblem, usable, usual_fit
    from dessim.study.fidelity.parameters import parameters_of

    every = usable(table)
    if not fit:
        keys = usual_fit(every)
    else:
        keys = every if fit == ("all",) else cells.chosen(fit, every, "--fit")
    points = cells.simulating(cells.points_of(every, experiment, table.places), simulate)
    machines = {id(point.machine): point.machine for point in points}
    if len(machines) > 1:
        raise click.UsageError("the experiment has several machines: name one with --machine")
    parameters = parameters_of(points[0].machine, params)
    wanted = set(keys)
    fitted = [point for point in points if cells.key_of(point) in wanted]
    return FitProblem(fitted, table, parameters, run, with_faults=with_faults), points


def _profile_text(experiment: Experiment, target: Path) -> str:
    """The profile as it is in its file, which must not stand on the new one."""
    from dessim.model import find
    from dessim.model.bases import stands_on
    from dessim.model.yaml_loader import read_document
    from dessim.study.fidelity.fitted_profile import rebased

    if not isinstance(experiment.machine, str):
        raise click.UsageError("the experiment defines its machine inline: name one with --machine")
    path = find("machines", experiment.machine)
    base = read_document(path)[0].get(("base",))
    if isinstance(base, str) and stands_on(base, path.parent, target):
        raise click.UsageError(f"machine '{experiment.machine}' stands on {target}: give {OTHER}")
    return rebased(read_text(path), path.parent)


def _silent(evaluation: Evaluation) -> None:
    pass


def _report(evaluation: Evaluation) -> None:
    """One line about an evaluation."""
    from dessim.study.fidelity.parameters import as_text

    numbers = list(evaluation.settings.items())
    words = [f"{path} {as_text(path, value)}" for path, value in numbers[:8]]
    more = [f"and {len(numbers) - 8} more"] if len(numbers) > 8 else []
    rms = f"rms {evaluation.rms_seconds:.1%} of seconds"
    click.echo(f"cost {evaluation.cost:.1f}, {rms}: {', '.join(words + more)}", err=True)


def _show_sensitivity(problem: FitProblem, form: str) -> None:
    from dessim.study.fidelity.calibration import sensitivity_of

    document = sensitivity_of(problem)
    if form == "table":
        from dessim.report.text.calibration import print_knowledge

        print_knowledge(document)
        return
    _echo_json(document)


def _echo_json(document: dict[str, Any]) -> None:
    from dessim.study.sweep.tables import to_json

    click.echo(to_json(document), nl=False)


def _fit(
    problem: FitProblem,
    points: list[Point],
    text: str,
    target: _Target,
    max_steps: int,
    crossed: bool,
    underdetermined: bool,
    form: str,
    quiet: bool,
    engine: str,
) -> None:
    """Fit, write profile and documents, validate the new profile, and print it all."""
    from dessim.measure.statistics.fitting import knowledge
    from dessim.study.fidelity.calibrate import (
        check_carried,
        check_enough_cells,
        cross_validate,
        knowledge_at,
        leave_out_the_largest,
        solve,
    )
    from dessim.study.fidelity.calibration import (
        document_of,
        drifts_of,
        fitted_numbers,
        left_out_errors,
        record_of,
    )
    from dessim.study.fidelity.fitted_profile import fitted_profile

    if not underdetermined:
        check_enough_cells(len(problem.points), len(problem.parameters))
    before = knowledge_at(problem, [0.0] * len(problem.parameters))
    if not underdetermined:
        check_carried(before, problem.parameters)
    found = solve(problem, max_steps)
    after = knowledge(found.jacobian, [p.half_range for p in problem.parameters])
    folds = cross_validate(problem, points, max_steps) if crossed else []
    largest = leave_out_the_largest(problem, points, max_steps) if crossed else []
    numbers = fitted_numbers(problem.parameters, found)
    record = record_of(problem, found, left_out_errors(folds), drifts_of(largest))

    def text_for(place: Path) -> str:
        return fitted_profile(text, problem.machine, numbers, place.stem, record)

    paths = target.write(text_for)
    document = document_of(problem, found, before, after, folds, target.path.stem, largest)
    document["validation"] = _validate(problem, points, target.path, engine)
    paths += _show(document, target.folder, form)
    if not quiet:
        report_files(paths)


def _show(document: dict[str, Any], folder: Path, form: str) -> list[Path]:
    """Write the documents of a fit, and print them."""
    from dessim.study.sweep.tables import to_json

    paths = write_texts({"calibration.json": to_json(document)}, folder)
    paths += write_validation(document["validation"], folder)
    if form == "table":
        from dessim.report.text.calibration import print_calibration

        print_calibration(document)
        click.echo()
        show_validation(document["validation"], "table")
    else:
        _echo_json(document)
    return paths


def _validate(
    problem: FitProblem, points: list[Point], profile: Path, engine: str
) -> dict[str, Any]:
    """Every usable cell on the new profile, as it was written."""
    from dessim.model import load_machine
    from dessim.study.fidelity.validation import validation_of

    machine = load_machine(profile)
    there = [point.model_copy(update={"machine": machine}) for point in points]
    return validation_of(there, problem.simulate(there), problem.table, engine)
