"""What somebody asks for, and its way from a configuration to tables on the disk."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dessim.engines import ENGINES, EngineName
from dessim.files.drawn import replacing
from dessim.files.names import folder_name
from dessim.files.reading import read_text
from dessim.files.seals import write_sealed
from dessim.model import Experiment, Point, find, load_experiment, resolve
from dessim.model.overrides import FromOption
from dessim.study.store.manifest import write_manifest
from dessim.study.store.runs import Store
from dessim.study.sweep.checks import check
from dessim.study.sweep.configuration import (
    CONFIGURATION,
    Invocation,
    configuration_of,
    configuration_text,
)
from dessim.study.sweep.jobs import Job, Tally, manifest_points
from dessim.study.sweep.narrow import merged, points_inside
from dessim.study.sweep.rounds import Rounds
from dessim.study.sweep.tables import document_of, table_files


@dataclass(frozen=True)
class Request:
    """An experiment as somebody asks for it.

    Attributes
    ----------
    config : str
        Name or path.
    overrides : tuple of str
        `key.path=value`.
    engine : "compiled" or "reference"
    seed, replications : int or None
        Instead of the experiment's.
    narrow : int
        Rounds of further numbers of threads, inside the brackets of crossovers.
    """

    config: str
    overrides: tuple[str, ...] = ()
    engine: EngineName = "compiled"
    seed: int | None = None
    replications: int | None = None
    narrow: int = 0

    def __post_init__(self) -> None:
        """Refuse an engine that does not exist: its name would be stored with the results."""
        if self.engine not in ENGINES:
            raise ValueError(f"unknown engine {self.engine!r}: there are {', '.join(ENGINES)}")

    @property
    def settings(self) -> list[str]:
        """All overrides, those with an option of their own last."""
        settings: list[str] = list(self.overrides)
        if self.seed is not None:
            settings.append(FromOption("seed", self.seed))
        if self.replications is not None:
            settings.append(FromOption("replications", self.replications))
        return settings

    @property
    def text(self) -> str:
        """The experiment's file as a person wrote it, the overrides as comments above it."""
        head = "".join(f"# --set {' '.join(setting.split())}\n" for setting in self.settings)
        return head + read_text(find("experiments", self.config))

    @property
    def command(self) -> str:
        """The command that makes the same results; how many processes do it is left open."""
        words = ["dessim", "run", self.config]
        for setting in self.overrides:
            words += ["--set", setting]
        if self.engine != "compiled":
            words += ["--engine", self.engine]
        for name, value in (("--seed", self.seed), ("--replications", self.replications)):
            words += [] if value is None else [name, str(value)]
        words += ["--narrow", str(self.narrow)] if self.narrow else []
        return shlex.join(words)

    def load(self) -> tuple[Experiment, tuple[Point, ...]]:
        """Load, resolve and check it.

        Raises
        ------
        ConfigError
            With all errors.
        """
        experiment = load_experiment(self.config, self.settings)
        points = resolve(experiment)
        check(experiment, points, self.engine)
        return experiment, points


@dataclass(frozen=True)
class Outcome:
    """What has become of a request.

    Attributes
    ----------
    document : dict
        As `dessim run --format json` prints it.
    folder : Path
        Where the tables are.
    files : list of Path
    tally : Tally
    points : list of Point
        With the sizes that they have reached.
    runs : set of str
        Names of all runs behind the document in the store.
    """

    document: dict[str, Any]
    folder: Path
    files: list[Path]
    tally: Tally
    points: list[Point]
    runs: set[str]


def run_request(
    request: Request,
    experiment: Experiment,
    points: Sequence[Point],
    out: Path,
    run: Callable[[list[Job]], Tally],
) -> Outcome:
    """Do all runs of an experiment that are not there yet, and write its tables.

    Parameters
    ----------
    request : Request
    experiment, points
        As ``request.load`` returns them.
    out : Path
        Where results are kept.
    run : callable
        Does some jobs.

    Notes
    -----
    To narrow crossovers, the points inside are added and everything is done again, which takes
    what is stored from the store.
    """
    done = _run(request, experiment, points, out, run)
    for _ in range(request.narrow):
        more = points_inside(done.document, points, experiment)
        if not more:
            break
        points = merged(points, more)
        done = _run(request, experiment, points, out, run)
    return done


def _run(
    request: Request,
    experiment: Experiment,
    points: Sequence[Point],
    out: Path,
    run: Callable[[list[Job]], Tally],
) -> Outcome:
    """Do all rounds of some points, and write their tables."""
    store, text = Store(out / "runs"), request.text
    rounds = Rounds(experiment, points, request.engine, store, text)
    folder = out / folder_name(experiment.name)
    done: list[Job] = []
    tally, todo = Tally(), rounds.first()
    while todo:
        done += todo  # in the manifest before they are done: nobody takes them for unused
        write_manifest(manifest_points(done, tally, rounds.growing), request.engine, folder)
        tally.take(run(todo))
        todo = rounds.more(tally)
    document = document_of(experiment, rounds.points, tally, request.engine, rounds.found)
    invocation = Invocation(text, request.command)
    configuration = configuration_of(experiment, points, request.engine, invocation)
    tables = table_files(document, rounds.points, tally)
    tables[CONFIGURATION] = configuration_text(configuration).encode()
    with replacing(folder):
        files = write_sealed(tables, folder)
    write_manifest(manifest_points(done, tally), request.engine, folder)
    runs = {job.key.digest for job in done}
    return Outcome(document, folder, files, tally, rounds.points, runs)
