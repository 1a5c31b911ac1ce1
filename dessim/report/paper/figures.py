"""Figures of a paper: one file each in `experiments`, drawn from stored results and nothing else.

The folder is the registry. A figure's file holds

* ``NEEDS``: experiment, or file below the results folder -> command that makes it;
* ``KEYS``: columns that distinguish the rows of its numbers;
* ``TOLERANCE``: how far each number may be from the expected one (`expected/NAME.csv`);
* ``draw(stored)``: returns a ``Drawing``;
* if wanted, ``checked(rows)``: the numbers to compare, where they are not the very ones drawn.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import dessim
from dessim.errors import UserError
from dessim.files.reading import read_json
from dessim.files.tables import csv_text, read_rows
from dessim.files.writing import write_all
from dessim.model.python_file import names_of, place_of, run_file, tree_of
from dessim.report.common.results import Results, load_results
from dessim.report.paper.tolerance import (
    Row,
    SeedCheck,
    Tolerance,
    differences,
    other_seed,
)
from dessim.report.plot.drawing import Drawing, UnknownFigureError

EXPECTED = "expected"


def _are_texts(values: Any) -> bool:
    return isinstance(values, tuple) and all(isinstance(x, str) for x in values)


WORDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "NEEDS": (
        "a dict of texts",
        lambda x: isinstance(x, dict) and _are_texts((*x.keys(), *x.values())),
    ),
    "KEYS": ("a tuple of texts", _are_texts),
    "TOLERANCE": ("a Tolerance", lambda x: isinstance(x, Tolerance)),
    "draw": ("a function", callable),
}
"""What a figure's file must define, and whether it does."""


class FigureFileError(UserError):
    """A figure's file that cannot be used."""


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """Name file and line of whatever a figure's file may raise; errors of its results pass."""
    try:
        yield
    except (UserError, OSError):
        raise
    except (Exception, SystemExit) as error:
        text = f"{place_of(error, path)}: {type(error).__name__}: {error}"
        raise FigureFileError(text) from error


class Stored:
    """Stored results, as a figure's file may read them.

    Parameters
    ----------
    folder : Path
        Where `dessim run` keeps its results.
    seed : int, optional
        Results of this seed instead: those in the folder `seed-SEED` in there. What is not random
        (no experiment's results) is read where it always is.
    """

    def __init__(self, folder: Path, seed: int | None = None) -> None:
        self.folder, self.seed = folder, seed
        self.seeded = folder if seed is None else folder / f"seed-{seed}"
        self._known: dict[str, Results] = {}

    def has(self, need: str) -> bool:
        """Whether there are results of an experiment, or a file of that path."""
        return (self.folder / need).is_file() or (self.seeded / need / "results.json").is_file()

    def command(self, usual: str) -> str:
        """The command that makes what is missing, for the seed that is asked for."""
        if self.seed is None or not usual.startswith("dessim run "):
            return usual
        return f"{usual} --seed {self.seed} --out {self.seeded}"

    def results(self, experiment: str) -> Results:
        """Results of an experiment.

        Raises
        ------
        UnknownFigureError
            If they are of another seed than the one that is asked for.
        """
        if experiment not in self._known:
            found = load_results(self.seeded / experiment)
            seeds = {point["seed"] for point in found.document["points"]}
            if self.seed is not None and seeds != {self.seed}:
                raise UnknownFigureError(
                    f"the results in {self.seeded / experiment} are of seed"
                    f" {', '.join(map(str, sorted(seeds)))}, not {self.seed}: run them again"
                )
            self._known[experiment] = found
        return self._known[experiment]

    def rows(self, path: str) -> list[Row]:
        """Rows of a CSV file below the results folder.

        Raises
        ------
        UnknownFigureError
            If it is not there.
        """
        return read_rows(self._existing(path))

    def json(self, path: str) -> Any:
        """Content of a JSON file below the results folder.

        Raises
        ------
        UnknownFigureError
            If it is not there.
        """
        return read_json(self._existing(path))

    def _existing(self, path: str) -> Path:
        for place in (self.seeded / path, self.folder / path):
            if place.is_file():
                return place
        raise UnknownFigureError(f"{self.seeded / path} is missing: run it again")


@dataclass(frozen=True)
class PaperFigure:
    """A figure's file.

    Attributes
    ----------
    name : str
    path : Path
    title : str
        First sentence of its docstring.
    needs : dict
        Experiment, or file below the results folder -> command that makes it.
    keys : tuple of str
    tolerance : Tolerance
    module : module
    """

    name: str
    path: Path
    title: str
    needs: dict[str, str]
    keys: tuple[str, ...]
    tolerance: Tolerance
    module: ModuleType

    @property
    def expected(self) -> Path:
        """Where the expected numbers are."""
        return self.path.parent / EXPECTED / f"{self.name}.csv"

    def missing(self, stored: Stored) -> list[str]:
        """Commands that are still to be run before it can be drawn."""
        needs = self.needs.items()
        return [stored.command(command) for name, command in needs if not stored.has(name)]

    def draw(self, stored: Stored) -> Drawing:
        """Draw it.

        Raises
        ------
        UnknownFigureError
            If the results hold nothing for it.
        FigureFileError
            If its file fails.
        """
        from dessim.report.plot.style import paper_style  # here: matplotlib takes long to import

        with paper_style(), _blaming(self.path):
            drawing: Drawing | None = self.module.draw(stored)
        if drawing is None:
            raise UnknownFigureError(f"the stored results have no data for figure {self.name!r}")
        return drawing

    def numbers(self, drawing: Drawing) -> list[dict[str, Any]]:
        """What is compared with the expected numbers."""
        checked = getattr(self.module, "checked", None)
        with _blaming(self.path):
            return checked(drawing.rows) if checked else drawing.rows

    def check(self, drawing: Drawing) -> list[str]:
        """What differs from the expected numbers; empty: nothing beyond the tolerance."""
        if not self.expected.is_file():
            return [f"no expected numbers in {self.expected}"]
        found = [{k: as_text(cell) for k, cell in row.items()} for row in self.numbers(drawing)]
        return differences(read_rows(self.expected), found, self.keys, self.tolerance)

    def check_other_seed(self, drawing: Drawing) -> SeedCheck:
        """How the numbers of another seed lie to the expected ones, whose seed they do not share.

        Raises
        ------
        UnknownFigureError
            If there are no expected numbers.
        """
        if not self.expected.is_file():
            raise UnknownFigureError(f"no expected numbers in {self.expected}")
        found = [{k: as_text(cell) for k, cell in row.items()} for row in self.numbers(drawing)]
        return other_seed(read_rows(self.expected), found, self.keys, self.tolerance)

    def accept(self, drawing: Drawing) -> None:
        """Take the numbers of a drawing as the expected ones."""
        write_all({self.expected: csv_text(self.numbers(drawing)).encode()})


def as_text(cell: Any) -> str:
    """A cell as a CSV file holds it."""
    return "" if cell is None else str(cell)


def roots() -> list[Path]:
    """Folders of figures: the user's own (./experiments), and those that came with dessim."""
    own = Path("experiments").resolve()
    return [own] if own == shipped() else [own, shipped()]


def shipped() -> Path:
    """Folder of the figures that came with dessim."""
    package = Path(dessim.__file__).resolve().parent
    installed = package / "experiments"
    return installed if installed.is_dir() else package.parent / "experiments"


def names() -> list[str]:
    """Names of all figures, sorted."""
    files = (path for root in roots() if root.is_dir() for path in root.glob("*.py"))
    return sorted({path.stem for path in files if _is_figure(path, path.stat().st_mtime_ns)})


@lru_cache(maxsize=256)
def _is_figure(path: Path, changed_ns: int) -> bool:
    """Whether a file says what it is drawn from; others of the folder are scripts.

    One that is no Python is none: it stops nobody but who names it.
    """
    try:
        return "NEEDS" in names_of(tree_of(path))
    except ValueError:
        return False


def why_not(name: str) -> str:
    """Say why a file of that name is not a figure; empty if no such file."""
    path = Path("experiments") / f"{name}.py"
    if not name or "/" in name or not path.is_file():
        return ""
    try:
        tree_of(path)
    except ValueError as error:
        return str(error)
    return f"found ./{path}, but it defines no NEEDS (docs/figures.md)"


@lru_cache(maxsize=64)
def _module(path: Path, changed_ns: int) -> ModuleType:
    try:
        return run_file(path, f"dessim_experiments_{path.stem}", trusted=path.parent == shipped())
    except ValueError as error:
        raise FigureFileError(str(error)) from error


def title_of(name: str) -> str:
    """First line of a figure's docstring; its file is not run.

    Raises
    ------
    UnknownFigureError
        If there is no such figure.
    """
    return (ast.get_docstring(tree_of(_path(name))) or name).partition("\n")[0]


def _path(name: str) -> Path:
    for root in roots():
        if (path := root / f"{name}.py").is_file():
            return path
    raise UnknownFigureError(f"unknown figure {name!r} (there are {', '.join(names())})")


def load(name: str) -> PaperFigure:
    """Load a figure's file.

    Raises
    ------
    UnknownFigureError
        If there is no such figure.
    FigureFileError
        If its file lacks what a figure's file must have.
    """
    from dessim.report.figures import check_names

    check_names([name], names())
    path = _path(name)
    module = _module(path, path.stat().st_mtime_ns)
    for word, (wanted, is_right) in WORDS.items():
        if not hasattr(module, word):
            raise FigureFileError(f"{path}: a figure's file needs {word} (docs/figures.md)")
        if not is_right(getattr(module, word)):
            raise FigureFileError(f"{path}: {word} must be {wanted} (docs/figures.md)")
    title = title_of(name)
    return PaperFigure(name, path, title, module.NEEDS, module.KEYS, module.TOLERANCE, module)


def check_needs(figures: Sequence[PaperFigure], stored: Stored) -> None:
    """Refuse figures whose results are not there, and name the commands that make them.

    Raises
    ------
    UnknownFigureError
        With every command that is still to be run.
    """
    commands = list(dict.fromkeys(c for figure in figures for c in figure.missing(stored)))
    if commands:
        lines = "".join(f"\n  {command}" for command in commands)
        raise UnknownFigureError(
            f"figures need stored results, and some are not in {str(stored.folder)!r}; get them"
            f" with{lines}"
        )
