"""Options that several commands have: declared once, so that they mean the same everywhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import click

from dessim.cli.complete import machines, schemes, settings, workloads
from dessim.cli.known import known
from dessim.errors import UserError
from dessim.files.own import refuse_own, store_around
from dessim.files.writing import STREAMS, ThereError, check_place, nearest_folder, write_all

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


def check_profile(out: Path, option: str, *, names_it: bool = True) -> None:
    """Refuse a place for a machine's profile whose name does not make it one.

    Parameters
    ----------
    out : pathlib.Path
    option : str
        Which one gave it: `--out`.
    names_it : bool
        Whether the file's name is the machine's, too.

    Raises
    ------
    click.UsageError
    """
    if str(out) in STREAMS:
        return
    if out.suffix != ".yaml":
        raise click.UsageError(f"{option} {out}: a profile's name must end in .yaml")
    if names_it:
        from dessim.host.new_profile import check_name

        try:
            check_name(out.stem)
        except UserError as error:
            raise click.UsageError(f"{option}: {error}") from None


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
        raise _there(path, instead)


def _there(path: Path, instead: str) -> click.UsageError:
    return click.UsageError(f"{path} exists already: give {instead}, or --force to replace it")


def write_new(
    files: Mapping[Path, bytes],
    instead: str,
    *,
    force: bool,
    aside: Callable[[], Mapping[Path, bytes]] | None = None,
) -> list[Path]:
    """Write files that ``check_new`` let pass: what it checked holds now, too.

    Parameters
    ----------
    files : mapping of Path to bytes
    instead : str
    force : bool
        As of ``check_new``.
    aside : callable, optional
        What to write if one is there after all; for what took long to make.

    Raises
    ------
    click.UsageError
        If a file appeared during the work; it names what is written aside.
    """
    try:
        return write_all(files, new=not force)
    except ThereError as error:
        if aside is None:
            raise _there(error.path, instead) from None
        [place] = write_all(aside())
        text = f"{error.path} appeared during the work and is left as it is: the profile is {place}"
        raise click.UsageError(text) from None


def unused(path: Path) -> Path:
    """Return a name next to a file's that nothing has: `mine-2.yaml`."""
    names = (path.with_stem(f"{path.stem}-{n}") for n in count(2))
    return next(name for name in names if not os.path.lexists(name))


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
