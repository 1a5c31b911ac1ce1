"""`--set key.path=value`: change a configuration from outside, with the same checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dessim.model.document import Document, Path
from dessim.model.errors import ConfigError, Place, Problem, Source, suggest
from dessim.model.experiment import Experiment
from dessim.model.fields import keys_of
from dessim.model.profile import Cell
from dessim.model.sweep import PARTS, check_key
from dessim.model.units import shorten
from dessim.model.validate import field_at
from dessim.model.yaml_loader import parse_document

SWEEPS = ("matrix", "zip")


class FromOption(str):
    """A `key=value` that an option of the command line stands for."""

    option: str

    def __new__(cls, key: str, value: object) -> FromOption:
        """Return what the option `--key` says."""
        made = super().__new__(cls, f"{key}={value}")
        made.option = f"--{key}"
        return made


def apply_overrides(
    document: Document, overrides: Sequence[str]
) -> tuple[Document, dict[Path, Cell], list[Problem]]:
    """Apply `key.path=value` strings in order, each key once by whatever spelling.

    A list for a key that can be swept becomes an axis of the matrix; a single value pins the key:
    it is taken out of `matrix` and `zip`.

    Parameters
    ----------
    document : Document
        Of an experiment; its data is a mapping.
    overrides : sequence of str
        Values are YAML.

    Returns
    -------
    Document
    dict
        Leaves of whatever machine and workload the experiment uses: path -> value and place.
    list of Problem
    """
    settings: dict[Path, Cell] = {}
    problems: list[Problem] = []
    given = _Given()
    for number, text in enumerate(overrides, start=1):
        key, equals, yaml = text.partition("=")
        key = key.strip()
        name = text.option if isinstance(text, FromOption) else f"--set {number}"
        where = name if isinstance(text, FromOption) else f"{name}: {shorten(key, 100)}"
        place = Place(Source(where, rank=number))
        if not equals or not key or "" in key.split("."):
            problems.append(Problem(place, "expected key.path=value, such as threads=8"))
            continue
        try:
            value, complaints = _value(yaml, place)
            problems += complaints
            given.take(key, value, name)
            document = _apply(document, settings, key, Cell(value, place))
        except ConfigError as error:
            problems += error.problems
        except ValueError as error:
            problems.append(Problem(place, str(error)))
    return document, settings, problems


class _Given:
    """What was set so far, and by which option."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}
        """What was given a value: `threads`, also by `matrix.threads` -> the option."""
        self.written: dict[Path, str] = {}
        """Where it was put -> the option."""

    def take(self, key: str, value: Any, name: str) -> None:
        """Note what an option sets.

        Raises
        ------
        ValueError
            If an earlier one has set the same, or would be undone.
        """
        where = _written(key, value)
        for one in _quantities(key, value):
            if one in self.keys:
                told = f"'{shorten(one, 100)}' is set by {self.keys[one]} already: drop one"
                raise ValueError(told)
        for path, earlier in self.written.items():
            if path[: len(where)] == where:
                told = f"this takes away what {earlier} sets: give it before that, or drop one"
                raise ValueError(told)
        self.keys |= dict.fromkeys(_quantities(key, value), name)
        self.written[where] = name


def _quantities(key: str, value: Any) -> list[str]:
    """What a setting gives values to; a sweep gives them to its keys."""
    first, _, rest = key.partition(".")
    if first in SWEEPS and not rest:
        return [key, *(map(str, value) if isinstance(value, dict) else ())]
    one = rest if first in SWEEPS else key
    return ["threads" if one == "workload.threads" else one]


def _written(key: str, value: Any) -> Path:
    """Where a setting is put: among the sweeps, among those of any machine, or in the file."""
    first, _, rest = key.partition(".")
    if first in SWEEPS and rest:
        return (first, rest)
    if _sweeps(key, value):
        return ("matrix", key)
    own = ("any",) if rest and first in PARTS else ()
    return (*own, *key.split("."))


def _sweeps(key: str, value: Any) -> bool:
    return check_key(key) is None and isinstance(value, list) and not _is_matrix(value)


def sweeps(text: str) -> bool:
    """Whether a `key.path=value` makes an axis of the matrix: its key can be swept, over a list."""
    key, _, yaml = text.partition("=")
    return _sweeps(key.strip(), _value(yaml, Place(Source("")))[0])


def _value(yaml: str, place: Place) -> tuple[Any, list[Problem]]:
    parsed, problems = parse_document(yaml, place.source)
    return parsed.data, problems


def _apply(document: Document, settings: dict[Path, Cell], key: str, cell: Cell) -> Document:
    first, _, rest = key.partition(".")
    if first in SWEEPS:
        path: Path = (first, rest) if rest else (first,)
        return document.set(path, cell.value, cell.place)
    known = keys_of(Experiment)
    if first not in known:
        raise ValueError(f"unknown key '{shorten(first)}'; {suggest(first, known, plural='keys')}")
    if rest and first in PARTS:
        found, sentence = field_at(PARTS[first], tuple(rest.split(".")))
        if found is None:
            raise ValueError(sentence)
    if _sweeps(key, cell.value):
        document = _unswept(document, key, "zip")
        return document.set(("matrix", key), cell.value, cell.place)
    if check_key(key) is None:
        document = _unswept(_unswept(document, key, "matrix"), key, "zip")
    if rest and first in PARTS:
        settings[tuple(key.split("."))] = cell
        return document
    return document.set(tuple(key.split(".")), cell.value, cell.place)


def _is_matrix(value: list[Any]) -> bool:
    """Whether a list is itself one value: a list of lists, as in `topology.hops`."""
    return bool(value) and all(isinstance(row, list) for row in value)


def _unswept(document: Document, key: str, word: str) -> Document:
    """The document without `key` among the swept keys of `word`."""
    swept = document.get((word,))
    if not isinstance(swept, dict) or key not in swept:
        return document
    return document.without((word, key))
