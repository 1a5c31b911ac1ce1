"""Options that several commands have: declared once, so that they mean the same everywhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dessim.cli.complete import machines, schemes, settings, workloads
from dessim.cli.known import known
from dessim.files.own import refuse_own, store_around
from dessim.files.writing import STREAMS, check_place, nearest_folder

Command = Callable[..., Any]
MAX_WORKERS = 1024
ENGINES = click.Choice(["compiled", "reference"])
EXPERIMENT = known("experiment")


class NewFile(click.Path):
    """A file that a command writes; refused before any work if it cannot be written."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a path."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.name or os.path.basename(os.fsdecode(value)) in ("", "."):
            self.fail("give the name of a file", param, ctx)
        if str(path) not in STREAMS:
            check_place(path)
            refuse_own(path)
        return path


class Folder(click.Path):
    """A folder to read or to write, there or not; refused before any work if it can be none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a path."""
        if not os.fspath(value):
            self.fail("give the name of a folder, such as . for this one", param, ctx)
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        nearest_folder(path)
        return path


class Outside(Folder):
    """A folder that is in no store of runs."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a path."""
        path = super().convert(value, param, ctx)
        if store := store_around(Path(path)):
            text = f"{path} is in {store}, where runs are stored: choose a folder outside"
            self.fail(text, param, ctx)
        return path


NEW_FILE = NewFile(path_type=Path)
FOLDER = Folder(file_okay=False, path_type=Path)


def check_profile(out: Path) -> None:
    """Refuse a place for a machine's profile whose name does not make it one.

    Raises
    ------
    click.UsageError
    """
    if out.suffix != ".yaml" and str(out) not in STREAMS:
        raise click.UsageError(f"--out {out}: a profile's name must end in .yaml")


def check_new(path: Path, instead: str, *, force: bool) -> None:
    """Refuse to replace a file that nobody said may be replaced.

    Parameters
    ----------
    path : pathlib.Path
    instead : str
        What else may be given: `another --out`.
    force : bool
        Whether ``--force`` is there.

    Raises
    ------
    click.UsageError
    """
    if path.exists() and not force:
        raise click.UsageError(f"{path} exists already: give {instead}, or --force to replace it")


ENGINE = click.option(
    "--engine",
    type=ENGINES,
    default="compiled",
    show_default=True,
    help="Engine to run; both give the same results.",
)
SEED = click.option("--seed", type=click.IntRange(0), help="Override the experiment's.")
REPLICATIONS = click.option(
    "--replications", type=click.IntRange(1), help="Override the experiment's."
)
OUT = click.option(
    "--out",
    type=Outside(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Where results are kept.",
)
RESULTS_DIR = click.option(
    "--results-dir",
    type=FOLDER,
    default=Path("results"),
    show_default=True,
    help="Where `dessim run` keeps its results.",
)
JOBS = click.option(
    "-j",
    "jobs",
    type=click.IntRange(1, MAX_WORKERS),
    default=1,
    metavar="N",
    help="Worker processes.",
)
QUIET = click.option("-q", "--quiet", is_flag=True, help="Print no progress.")
DATA = click.option(
    "--data", metavar="NAME|CSV", help="Measured table [default: the experiment's]."
)


def set_option(help: str) -> Callable[[Command], Command]:
    """Give a command `--set`, which may be repeated."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY.PATH=VALUE",
        help=help,
        shell_complete=settings,
    )


def together(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Make one decorator of several options, in their order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


SIMULATION = together(
    click.option(
        "--machine",
        callback=known("machine"),
        metavar="NAME|FILE",
        help="Override the experiment's.",
        shell_complete=machines,
    ),
    set_option("Change a value; repeatable."),
    click.option(
        "--simulate",
        multiple=True,
        metavar="[WORKLOAD=]SIZE|full",
        help="How much of the file to simulate [default: the experiment's]; repeatable.",
    ),
    SEED,
    REPLICATIONS,
    click.option("--engine", type=ENGINES, default="compiled", show_default=True),
    JOBS,
    OUT,
    QUIET,
)
"""How cells of a measured table are simulated."""
POINTS = together(
    set_option("Change a value of the experiment (YAML; a list sweeps it); repeatable."),
    click.option(
        "--threads", multiple=True, type=click.IntRange(1), help="Only points with N threads."
    ),
    click.option(
        "--scheme",
        "schemes",
        multiple=True,
        help="Only points of this scheme.",
        shell_complete=schemes,
    ),
    click.option(
        "--workload",
        "workloads",
        multiple=True,
        help="Only points of this workload.",
        shell_complete=workloads,
    ),
    click.option(
        "--order", "orders", multiple=True, type=click.IntRange(0, 9), help="Only this window."
    ),
    SEED,
)
"""Which points of an experiment; they arrive in one keyword argument each."""
