"""Doing runs for a command: progress on the way, and a word on what is stored however it ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import click

from dessim.cli.exit_codes import FAILED, INTERRUPTED
from dessim.cli.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from dessim.model import Point
    from dessim.study.store.runs import Store
    from dessim.study.sweep.executors import Workers
    from dessim.study.sweep.jobs import Job, Tally
    from dessim.study.sweep.rounds import Rounds


def run_points(
    points: Sequence[Point],
    engine: str,
    workers: int | Workers,
    store: Store,
    *,
    quiet: bool,
    config: str = "",
) -> Tally:
    """Do all runs of some points, or take them from the store.

    Parameters
    ----------
    points : sequence of Point
        Checked already.
    engine : str
    workers : int or Workers
        Those that were open before stay open.
    store : Store
    quiet : bool
    config : str
        What is kept against a run as the experiment's text.
    """
    from dessim.study.sweep.jobs import jobs_of

    store.root.mkdir(parents=True, exist_ok=True)
    todo = jobs_of(points, engine, store, config)  # type: ignore[arg-type]
    with Progress(todo, quiet=quiet, verbose=False) as progress:
        if not isinstance(workers, int):
            return run_jobs(todo, workers, store, progress, force=False)
        with team_of(workers) as team:
            return run_jobs(todo, team, store, progress, force=False)


def do_rounds(rounds: Rounds, workers: int, *, quiet: bool) -> Tally:
    """Do all rounds of a study with the same workers, or take runs from the store."""
    from dessim.study.sweep.rounds import all_rounds

    store = rounds.store
    store.root.mkdir(parents=True, exist_ok=True)
    with team_of(workers) as team, Progress([], quiet=quiet, verbose=False) as progress:

        def run(todo: list[Job]) -> Tally:
            progress.expect(todo)
            return run_jobs(todo, team, store, progress, force=False)

        return all_rounds(rounds, run)


class Cluster(NamedTuple):
    """What options say about a cluster; ``file`` is None if there is to be none."""

    file: str | None = None
    plain: bool = False
    tls: Path | None = None

    def checked(self) -> Cluster:
        """Refuse options that do not fit, and files that cannot be used, whatever is stored."""
        if self != NO_CLUSTER:
            from dessim.study.sweep.dask_scheduler import check_cluster

            check_cluster(self.file, plain=self.plain, tls=self.tls)
        return self


NO_CLUSTER = Cluster()


@contextmanager
def team_of(workers: int, cluster: Cluster = NO_CLUSTER) -> Iterator[int | Workers]:
    """Open workers for as many rounds as there will be; 1 is this process."""
    from dessim.study.sweep.executors import open_workers

    team = open_workers(workers, cluster.file, plain=cluster.plain, tls=cluster.tls)
    done = False
    try:
        yield team or 1
        done = True
    finally:
        if team is not None:
            team.close(at_once=not done)


def run_jobs(
    todo: list[Job],
    team: int | Workers,
    store: Store,
    progress: Progress,
    *,
    force: bool,
) -> Tally:
    """Do the runs of one round; however it ends, report what is stored and how to go on.

    Workers and progress, which may see several rounds, stay open.
    """
    from dessim.files.writing import remedy
    from dessim.study.sweep.executors import ClusterLostError
    from dessim.study.sweep.runner import StoreFullError, run_all

    try:
        return run_all(todo, team, force=force, on_outcome=progress.note, watch=progress)
    except KeyboardInterrupt:
        click.echo(f"interrupted: {_kept(todo, store)}", err=True)
        sys.exit(INTERRUPTED)
    except StoreFullError as error:
        fail(f"runs cannot be stored: {error.strerror}; {remedy(error)}: {_kept(todo, store)}")
    except ClusterLostError as error:
        fail(f"{error}: {_kept(todo, store)}")


def _kept(todo: Sequence[Job], store: Store) -> str:
    stored = sum(store.has(job.key) for job in todo)  # more than was heard of, perhaps
    return f"{stored} of {len(todo)} runs are stored in {store.root}; the same command resumes"


def report_failures(tally: Tally) -> None:
    """Name the runs that failed, and end with exit code 1 if there are any."""
    failed = tally.failed
    if not failed:
        return
    from dessim.study.sweep.plan import label_of

    for outcome in failed:
        name = f"{label_of(outcome.job.point)} replication={outcome.job.key.replication}"
        click.echo(f"failed: {name}: {outcome.error}", err=True)
    fail(f"{len(failed)} of {len(tally.outcomes)} runs failed")


def fail(text: str) -> NoReturn:
    """Report what went wrong, and end with the exit code of failed runs."""
    click.echo(f"error: {text}", err=True)
    sys.exit(FAILED)
