"""Files of schemes, actors and protocols: shipped ones, and your own in the working directory.

Finding what there is runs nothing: a file is read for its docstring and for the names that it
defines. Only a file that somebody names is run. Whoever names a file of ``./schemes`` runs the
Python that lies there, as for figures in ``./experiments``; one that is unfinished stops nobody
else.
"""

import ast
import importlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import dessim
from dessim.errors import UserError
from dessim.model.python_file import names_of, run_file, tree_of

PACKAGE = Path(dessim.__file__).resolve().parent
WORDS = {"schemes": "SLOW_PATH", "actors": "ACTOR", "protocols": "protocol"}
"""Folders, and what a file there defines. Your own actor may lie in ``./schemes``, too."""
SHORT_NAMES = {"invalidate": "invalidate_range"}
"""Actors that commands and results call by another name than that of their file."""
RESERVED = {"none", *SHORT_NAMES}
NO_NAME = "a name has up to 100 small letters, digits and _, and begins with a letter"
REMEDY = "fix it, or move the file elsewhere: docs/schemes.md"


class SchemeFileError(UserError):
    """A file of a scheme, actor or protocol that cannot be used; the message names the line."""


@dataclass(frozen=True)
class Found:
    """A file that defines a scheme, an actor or a protocol, as far as reading it shows.

    Attributes
    ----------
    name : str
    path : Path
    words : frozenset of str
        ``SLOW_PATH``, ``ACTOR``, ``protocol``: which of them it defines.
    description : str
        Its docstring.
    problem : str
        Why it cannot be used; empty if nothing is known against it.
    own : bool
        Whether it is not one of those that ship with dessim.
    """

    name: str
    path: Path
    words: frozenset[str]
    description: str
    problem: str
    own: bool


def found() -> list[Found]:
    """Return all files that define a scheme or an actor: those of dessim, then your own."""
    files: list[Found] = []
    for folder, word in WORDS.items():
        files += _read_folder(PACKAGE / folder, word, own=False)
    shipped = {path.stem for folder in WORDS for path in (PACKAGE / folder).glob("*.py")}
    shipped |= RESERVED
    taken = set(shipped)
    for folder, word in WORDS.items():
        place = Path(folder).resolve()
        if place == PACKAGE / folder or not place.is_dir():
            continue
        for one in _read_folder(place, word, own=True):
            problem = one.problem
            if word != "protocol" and not re.fullmatch("[a-z][a-z0-9_]{0,99}", one.name):
                problem = f"{one.path}: {NO_NAME}; rename the file"
            elif one.name in taken:
                whose = "dessim has" if one.name in shipped else "there is"
                problem = f"{one.path}: {whose} a {one.name!r} already; rename yours"
            taken.add(one.name)
            files.append(Found(one.name, one.path, one.words, one.description, problem, True))
    return files


def _read_folder(folder: Path, word: str, *, own: bool) -> list[Found]:
    """Return the files of a folder that define a scheme or an actor, by name."""
    paths = [path for path in sorted(folder.glob("[a-z]*.py")) if path.is_file()]
    read = [_read(path, path.stat().st_mtime_ns, word, own) for path in paths]
    return [one for one in read if one is not None]


@lru_cache(maxsize=512)
def _read(path: Path, changed_ns: int, word: str, own: bool) -> Found | None:
    """Return what a file says of itself, or None if it defines neither; it is not run.

    A file that is no Python is taken for what its folder is for.
    """
    try:
        tree = tree_of(path)
    except ValueError as error:
        return Found(path.stem, path, frozenset((word,)), "", f"{error}; {REMEDY}", own)
    defined = names_of(tree)
    words = frozenset(defined & set(WORDS.values()))
    if not words:
        return None
    problem = ""
    if "SLOW_PATH" in words and not defined & {"FAULT_AROUND", "*"}:
        problem = _lacks(path, "FAULT_AROUND")
    description = (ast.get_docstring(tree, clean=False) or "").strip()
    return Found(path.stem, path, words, description, problem, own)


def _lacks(path: Path, name: str) -> str:
    return f"{path}: a scheme needs {name}, which is missing; docs/schemes.md shows one"


def own_files() -> list[Path]:
    """Return your own files that can be used, in ``./schemes`` and ``./actors``."""
    return [one.path for one in found() if one.own and not one.problem]


def listed(word: str) -> list[Found]:
    """Return the files that define a word, those that cannot be used among them, by name."""
    return sorted((one for one in found() if word in one.words), key=lambda one: one.name)


def run(one: Found) -> ModuleType:
    """Run a file that was named, and return its module.

    Raises
    ------
    SchemeFileError
        If it cannot be used.
    """
    if one.problem:
        raise SchemeFileError(one.problem)
    module = _run(one.path, one.path.stat().st_mtime_ns, one.own)
    needed = ("FAULT_AROUND",) if one.own else ("FAULT_AROUND", "PROMISES")
    for name in needed if "SLOW_PATH" in one.words else ():
        if not hasattr(module, name):
            raise SchemeFileError(_lacks(one.path, name))
    return module


@lru_cache(maxsize=512)
def _run(path: Path, changed_ns: int, own: bool) -> ModuleType:
    """Run a file; one of your own that was changed since is run again."""
    if not own:
        return importlib.import_module(f"dessim.{path.parent.name}.{path.stem}")
    try:
        return run_file(path, f"own_{path.parent.name}_{path.stem}")
    except ValueError as error:
        raise SchemeFileError(f"{error}; {REMEDY}") from error


def why_not(name: str, word: str) -> str:
    """Say why a file of that name is no scheme or actor; empty if no such file.

    Parameters
    ----------
    name : str
    word : "SLOW_PATH" or "ACTOR"
        What it would have to define.
    """
    for folder in WORDS:
        path = Path(folder) / f"{name}.py"
        if not path.is_file() or path.resolve().parent == PACKAGE / folder:
            continue
        if not "a" <= name[0] <= "z":
            return f"found ./{path}, but its name does not begin with a small letter"
        page = "protocols" if folder == "protocols" else "schemes"
        return f"found ./{path}, but it defines no {word} (docs/{page}.md)"
    return ""
