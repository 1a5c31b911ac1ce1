"""`dessim run`: an experiment becomes runs, tables and, if wanted, figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dessim.cli.options import ENGINE, MAX_WORKERS, OUT, QUIET, REPLICATIONS, SEED, set_option
from dessim.cli.progress import Progress
from dessim.cli.results import tell_files
from dessim.cli.work import fail, report_failures, run_jobs

if TYPE_CHECKING:
    from dessim.model import Experiment, Point
    from dessim.study.store.runs import Store
    from dessim.study.sweep.jobs import Job, Tally
    from dessim.study.sweep.request import Outcome

FORMATS = ("table", "json", "csv")


@click.command()
@click.argument("config")
@set_option("Change a value (YAML; a list sweeps it). May be given several times.")
@ENGINE
@click.option(
    "-j", "jobs", type=click.IntRange(1, MAX_WORKERS), metavar="N", help="Worker processes."
)
@click.option(
    "--cluster",
    metavar="FILE|local",
    help="Run on a Dask cluster: its scheduler file, or `local` for one of N workers here.",
)
@SEED
@REPLICATIONS
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@OUT
@click.option("-n", "--dry-run", is_flag=True, help="Only print the runs and their count.")
@click.option("--force", is_flag=True, help="Run again what has been run already.")
@click.option("--figures", is_flag=True, help="Draw the figures, too.")
@click.option(
    "--queues",
    is_flag=True,
    help="Also write who slept on page locks over time: one run of each point, watched (slow).",
)
@QUIET
@click.option("-v", "--verbose", is_flag=True, help="A line for each run.")
def run(
    config: str,
    overrides: tuple[str, ...],
    engine: str,
    jobs: int | None,
    cluster: str | None,
    seed: int | None,
    replications: int | None,
    form: str,
    out: Path,
    dry_run: bool,
    force: bool,
    figures: bool,
    queues: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Run the experiment CONFIG: a name (see `dessim list experiments`) or a YAML file.

    Finished runs are kept in OUT/runs and used again; the tables go to OUT/EXPERIMENT.
    """
    from dessim.study.store.runs import Store
    from dessim.study.sweep.request import Request, run_request

    request = Request(config, overrides, engine, seed, replications)  # type: ignore[arg-type]
    experiment, points = request.load()
    store = Store(out / "runs")
    if dry_run:
        _print_plan(experiment, points, engine, store, form)
        return
    store.root.mkdir(parents=True, exist_ok=True)  # a wrong --out shows before anything runs

    def do(todo: list[Job]) -> Tally:
        progress = Progress(todo, quiet=quiet, verbose=verbose)
        return run_jobs(todo, jobs or 1, cluster, store, progress, force=force)

    done = _with_room(lambda: run_request(request, experiment, points, out, do), store)
    paths = done.files
    if queues:
        paths.append(_write_queues(points, done.folder, quiet))
    if figures:
        from dessim.report.figures import draw_all

        paths += draw_all(done.folder, done.folder / "figures")
    for damaged in done.tally.damaged:
        click.echo(f"warning: damaged, run again: {damaged}", err=True)
    if done.tally.cleared:
        click.echo(f"removed {done.tally.cleared} leftovers of killed processes", err=True)
    print_document(done.document, form)
    if not quiet:
        tell_files(paths)
    report_failures(done.tally)


def _with_room(carry_out: Callable[[], Outcome], store: Store) -> Outcome:
    """Carry an experiment out; if the disk is too full for its tables, tell how to go on."""
    from dessim.study.sweep.runner import NO_ROOM

    try:
        return carry_out()
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        fail(
            f"the tables cannot be written: {error}; make room: finished runs are stored in"
            f" {store.root}; the same command goes on from there"
        )


def _write_queues(points: Sequence[Point], folder: Path, quiet: bool) -> Path:
    from dessim.study.sweep.page_lock_queues import write_queues

    def note(i: int, n: int) -> None:
        if not quiet:
            click.echo(f"watching page-lock queues, point {i} of {n}", err=True)

    return write_queues(points, folder, note)


def print_document(document: dict[str, Any], form: str) -> None:
    """Print results in one of the `FORMATS`."""
    if form == "table":
        from dessim.report.text.tables import print_table

        print_table(document)
        return
    from dessim.study.sweep.tables import table_rows, to_csv, to_json

    text = to_json(document) if form == "json" else to_csv(table_rows(document))
    click.echo(text, nl=False)


def _print_plan(
    experiment: Experiment, points: Sequence[Point], engine: str, store: Store, form: str
) -> None:
    """Print what would be run, and how much of it is there already."""
    from dessim.study.store.runs import keys_of
    from dessim.study.sweep.memory import as_text, run_bytes, usable_bytes
    from dessim.study.sweep.plan import label_of

    keys = [keys_of(point, range(point.replications), engine) for point in points]
    stored = [sum(store.has(key) for key in of_point) for of_point in keys]
    needed = [run_bytes(point, engine) for point in points]
    runs = sum(point.replications for point in points)
    if form == "json":
        plan = {
            "experiment": experiment.name,
            "points": [
                {
                    "point": label_of(point),
                    "replications": point.replications,
                    "stored": n,
                    "memory_bytes": size_bytes,
                }
                for point, n, size_bytes in zip(points, stored, needed, strict=True)
            ],
            "runs": runs,
        }
        click.echo(json.dumps(plan, indent=1, ensure_ascii=False))
        return
    for point, n, size_bytes in zip(points, stored, needed, strict=True):
        there = f" ({n} stored)" if n else ""
        click.echo(f"{label_of(point)} x {point.replications}, {as_text(size_bytes)} each{there}")
    click.echo(f"{len(points)} points, {runs} runs, {sum(stored)} of them stored")
    usable = usable_bytes()
    if max(needed, default=0) > usable:
        click.echo(
            f"warning: the largest run needs about {as_text(max(needed))}, and {as_text(usable)}"
            " are free here: such runs are tried one at a time",
            err=True,
        )
