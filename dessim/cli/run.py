"""`dessim run`: an experiment becomes runs, tables and, if wanted, figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dessim.cli.complete import experiments
from dessim.cli.options import (
    ENGINE,
    EXPERIMENT,
    FOLDER,
    MAX_WORKERS,
    OUT,
    QUIET,
    REPLICATIONS,
    SEED,
    set_option,
)
from dessim.cli.progress import Progress, stored_already
from dessim.cli.results import remedies, report_files, summary_of
from dessim.cli.work import Cluster, fail, report_failures, run_jobs, team_of
from dessim.errors import counted, told
from dessim.files.drawn import outdated
from dessim.files.names import folder_name
from dessim.files.reading import STDIN

if TYPE_CHECKING:
    from dessim.model import Experiment, Point
    from dessim.study.store.runs import Store
    from dessim.study.sweep.executors import Workers
    from dessim.study.sweep.jobs import Job, Tally
    from dessim.study.sweep.request import Outcome, Request

FORMATS = ("table", "json", "csv")


@click.command()
@click.argument("config", callback=EXPERIMENT, shell_complete=experiments)
@set_option("Change a value (YAML; a list sweeps it); repeatable.")
@ENGINE
@click.option(
    "-j", "jobs", type=click.IntRange(1, MAX_WORKERS), metavar="N", help="Worker processes."
)
@click.option(
    "--cluster",
    metavar="FILE|local",
    help="Run on a Dask cluster: its scheduler file, or `local` for N workers here.",
)
@click.option(
    "--cluster-plain",
    is_flag=True,
    help="Talk to a remote scheduler without TLS, on a trusted network.",
)
@click.option(
    "--cluster-tls",
    type=FOLDER,
    help="Speak TLS to the cluster: a folder with ca.pem, cert.pem, key.pem.",
)
@SEED
@REPLICATIONS
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@OUT
@click.option("-n", "--dry-run", is_flag=True, help="Print the runs and their count, run nothing.")
@click.option("--force", is_flag=True, help="Repeat finished runs.")
@click.option(
    "--narrow",
    type=click.IntRange(0, 20),
    default=0,
    metavar="N",
    help="N times, simulate one more number of threads inside each crossover.",
)
@click.option("--figures", is_flag=True, help="Also draw the figures.")
@click.option(
    "--queues",
    is_flag=True,
    help="Also write who slept on page locks over time, from one run per point (slow).",
)
@QUIET
@click.option("-v", "--verbose", is_flag=True, help="Print a line per run.")
def run(
    config: str,
    overrides: tuple[str, ...],
    engine: str,
    jobs: int | None,
    cluster: str | None,
    cluster_plain: bool,
    cluster_tls: Path | None,
    seed: int | None,
    replications: int | None,
    form: str,
    out: Path,
    dry_run: bool,
    force: bool,
    narrow: int,
    figures: bool,
    queues: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Run the experiment CONFIG.

    CONFIG is a name (see `dessim list experiments`), a YAML file, or `-` for standard input.
    Finished runs are kept in OUT/runs and reused; the tables go to OUT/EXPERIMENT.
    """
    from dessim.study.store.runs import Store

    on = Cluster(cluster, cluster_plain, cluster_tls).checked()
    store = Store(out / "runs")
    asked: dict[str, Any] = {"config": config, "overrides": overrides, "engine": engine}
    asked |= {"seed": seed, "replications": replications, "narrow": narrow}
    anew = dry_run or force or figures or queues or config == STDIN
    if not anew and _print_known(store, asked, form, quiet):
        return
    from dessim.files.reading import watched
    from dessim.study.store.answers import keep, surroundings
    from dessim.study.sweep.request import Request, run_request

    begun = surroundings()
    with watched() as read:
        request = Request(**asked)
        experiment, points = _loaded(request, quiet)
    if dry_run:
        _print_plan(experiment, points, engine, store, form)
        return
    store.root.mkdir(parents=True, exist_ok=True)  # a wrong --out shows before anything runs
    replaced = _replaced(request, out / folder_name(experiment.name))

    def carry_out() -> Outcome:
        with team_of(jobs or 1, on) as team, Progress([], quiet=quiet, verbose=verbose) as shown:
            do = _doing(team, store, shown, force=force)
            return run_request(request, experiment, points, out, do)

    done = _with_room(carry_out, store)
    if not done.tally.failed and config != STDIN:
        keep(store, asked, read, done.files, done.runs, begun)
    _draw(done, figures=figures, queues=queues, quiet=quiet)
    if replaced and not quiet:
        click.echo(f"replaces the results of `{replaced}`", err=True)
    _report(done, form, quiet)


def _loaded(request: Request, quiet: bool) -> tuple[Experiment, Sequence[Point]]:
    """An experiment and its points; notes machines with fewer CPUs than threads, seldom meant."""
    experiment, points = request.load()
    if quiet:
        return experiment, points
    machines = [(p.machine.name, p.machine.topology.n_cpus, p.threads) for p in points]
    crowded = Counter((name, cpus) for name, cpus, threads in machines if threads > cpus)
    for (name, cpus), n in crowded.items():
        click.echo(
            f"note: {counted(n, 'point')} with more threads than the {counted(cpus, 'CPU')} of"
            f" {name}: threads queue for a CPU",
            err=True,
        )
    return experiment, points


def _replaced(request: Request, folder: Path) -> str:
    """The command whose results a run is about to replace; empty if it is the same, or none."""
    from dessim.files.reading import UnreadableError, read_json

    path = folder / "configuration.json"
    with suppress(UnreadableError):
        before = read_json(path) if path.is_file() else None
        if isinstance(before, dict) and before.get("written") != request.text:
            return str(before.get("command") or "an earlier version of the experiment's file")
    return ""


def _draw(done: Outcome, *, figures: bool, queues: bool, quiet: bool) -> None:
    """Write what was asked for besides the tables, and name what is of former ones."""
    if queues:
        done.files.append(_write_queues(done.points, done.folder, quiet))
    if figures:
        from dessim.report.figures import draw_all

        done.files.extend(draw_all(done.folder, done.folder / "figures"))
    _report_outdated(done.folder)


def _print_known(store: Store, asked: dict[str, Any], form: str, quiet: bool) -> bool:
    """Print the results of what was asked before; False if they are to be made.

    What a worker left behind that was killed while they were made goes here: nothing else will
    write there before the question changes.
    """
    from dessim.files.atomic import clear
    from dessim.study.store.answers import known

    answer = known(store, asked)
    document = answer.document(store) if answer else None
    if answer is None or document is None:
        return False
    _report_cleared(clear(store.root))
    runs = len(answer.runs)
    if not quiet:
        click.echo(f"{counted(runs, 'run')}, {stored_already(runs)}", err=True)
    _report_outdated(Path(answer.tables[0]).parent)
    print_document(document, form)
    if not quiet:
        where = summary_of([Path(path) for path in answer.tables])
        click.echo(f"unchanged: {where}", err=True)
    return True


def _report(done: Outcome, form: str, quiet: bool) -> None:
    """Print the results, what was damaged or written, and which runs failed."""
    _report_damage(done.tally)
    print_document(done.document, form)
    if not quiet:
        report_files(done.files)
    report_failures(done.tally)


def _report_outdated(folder: Path) -> None:
    """Name figures and the like that are of the results that these have replaced."""
    if old := outdated(folder):
        again = ", ".join(remedies(folder, old))
        click.echo(f"note: of former results: {summary_of(old)}; to make again: {again}", err=True)


def _doing(
    team: int | Workers, store: Store, progress: Progress, *, force: bool
) -> Callable[[list[Job]], Tally]:
    """Return what does the runs of each round; with ``force``, each is done again, and once."""
    from dessim.study.sweep.jobs import Tally

    forced: set[str] = set()

    def do(todo: list[Job]) -> Tally:
        progress.expect(todo)
        new = [job for job in todo if force and job.key.digest not in forced]
        old = [job for job in todo if not force or job.key.digest in forced]
        forced.update(job.key.digest for job in new)
        tally = run_jobs(new, team, store, progress, force=True) if new else Tally()
        tally.take(run_jobs(old, team, store, progress, force=False))
        return tally

    return do


def _report_damage(tally: Tally) -> None:
    for damaged in tally.damaged:
        click.echo(f"warning: damaged, run again: {damaged}", err=True)
    _report_cleared(tally.cleared)


def _report_cleared(leftovers: int) -> None:
    if leftovers:
        click.echo(f"removed {counted(leftovers, 'leftover')} of killed processes", err=True)


def _with_room(carry_out: Callable[[], Outcome], store: Store) -> Outcome:
    """Carry an experiment out; if the disk is too full for its tables, say how to go on."""
    from dessim.files.writing import NOT_TAKEN, remedy

    try:
        return carry_out()
    except OSError as error:
        if error.errno not in NOT_TAKEN:
            raise
        fail(
            f"the tables cannot be written: {told(error)}; {remedy(error)}: finished runs are in"
            f" {store.root}, and the same command resumes"
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
    from dessim.files.tables import csv_text
    from dessim.study.sweep.tables import table_rows, to_json

    text = to_json(document) if form == "json" else csv_text(table_rows(document))
    click.echo(text, nl=False)


def _print_plan(
    experiment: Experiment, points: Sequence[Point], engine: str, store: Store, form: str
) -> None:
    """Print what is run whatever comes out, and how much of it exists already."""
    from dessim.study.sweep.memory import as_text, usable_bytes

    rows = [_planned(point, engine, store) for point in points]
    runs, stored = (sum(row[key] for row in rows) for key in ("runs", "stored"))
    if form == "json":
        plan = {"experiment": experiment.name, "points": rows, "runs": runs}
        click.echo(json.dumps(plan, indent=1, ensure_ascii=False))
        return
    for row in rows:
        there = f" ({row['stored']} stored)" if row["stored"] else ""
        needed = as_text(row["memory_bytes"])
        click.echo(f"{row['point']}{_sizes(row)} x {row['replications']}, {needed} each{there}")
    counts = f"{counted(len(points), 'point')}, {counted(runs, 'run')}"
    click.echo(f"{counts}, {stored} of them stored" + _more(rows))
    usable, most = usable_bytes(), max((row["memory_bytes"] for row in rows), default=0)
    if most > usable:
        click.echo(
            f"warning: the largest run needs about {as_text(most)}, and {as_text(usable)}"
            " are free here: such runs go one at a time",
            err=True,
        )


def _planned(point: Point, engine: str, store: Store) -> dict[str, Any]:
    """Sizes, runs and memory of a point; memory is that of the largest size that may come."""
    from dessim.study.store.runs import keys_of
    from dessim.study.sweep.memory import run_bytes
    from dessim.study.sweep.plan import label_of
    from dessim.study.sweep.rounds import at_size, sizes_of

    sizes, largest = sizes_of(point)
    each = [keys_of(at_size(point, size), range(point.replications), engine) for size in sizes]
    return {
        "point": label_of(point),
        "replications": point.replications,
        "scaled": point.simulate_bytes is not None,
        "sizes_bytes": sizes,
        "largest_bytes": largest,
        "runs": sum(map(len, each)),
        "stored": sum(store.has(key) for keys in each for key in keys),
        "memory_bytes": run_bytes(at_size(point, largest), engine),
    }


def _sizes(row: dict[str, Any]) -> str:
    """How much of the file is simulated, in words; nothing if all of it."""
    from dessim.model.units import SIZE, format_quantity

    if not row["scaled"]:
        return ""
    words = " and ".join(format_quantity(size, SIZE) for size in row["sizes_bytes"])
    if row["largest_bytes"] > row["sizes_bytes"][-1]:
        words += f", up to {format_quantity(row['largest_bytes'], SIZE)}"
    return f" from {words}"


def _more(rows: Sequence[dict[str, Any]]) -> str:
    """A word on the runs that nobody knows yet."""
    if any(row["largest_bytes"] > row["sizes_bytes"][-1] for row in rows):
        return "; more follow where two sizes do not agree"
    return ""
