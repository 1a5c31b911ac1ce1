"""Schemes and actors of one's own: the files in ``./schemes`` of the working directory.

Whoever runs ``dessim`` in a folder runs the Python that lies there, as for figures in
``./experiments``. A file that defines neither a scheme nor an actor is left alone.
"""

import ast
import importlib.util
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from dessim.errors import UserError
from dessim.kernel.alphabet import Step
from dessim.model.python_file import line_of, names_of

SHIPPED = Path(__file__).resolve().parent


class SchemeFileError(UserError):
    """A file in ``./schemes`` that cannot be used; the message names the line."""


def files() -> list[Path]:
    """Return the files in ``./schemes`` that define a scheme or an actor, sorted.

    Raises
    ------
    SchemeFileError
        If a file is no Python, or has the name of a scheme that comes along.
    """
    folder = Path("schemes").resolve()
    if not folder.is_dir() or folder == SHIPPED:
        return []
    return [
        path
        for path in sorted(folder.glob("[a-z]*.py"))
        if _defines_one(path, path.stat().st_mtime_ns)
    ]


def modules() -> dict[str, ModuleType]:
    """Return the modules of `files` by name.

    Raises
    ------
    SchemeFileError
        If one cannot be loaded.
    """
    return {path.stem: _load(path, path.stat().st_mtime_ns) for path in files()}


@lru_cache
def _defines_one(path: Path, changed_ns: int) -> bool:
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise SchemeFileError(f"{path}:{error.lineno}: {error.msg}") from error
    if not names_of(tree) & {"SLOW_PATH", "ACTOR"}:
        return False
    if (SHIPPED / path.name).exists():
        raise SchemeFileError(f"{path}: dessim has a {path.stem!r} already; give yours a new name")
    return True


@lru_cache
def _load(path: Path, changed_ns: int) -> ModuleType:
    """Load a file; one that was changed since is loaded again."""
    spec = importlib.util.spec_from_file_location(f"own_scheme_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a person's file may do
        line = line_of(error, path)
        raise SchemeFileError(f"{path}:{line}: {type(error).__name__}: {error}") from error
    for name in ("FAULT_AROUND", "PROMISES") if hasattr(module, "SLOW_PATH") else ():
        if not hasattr(module, name):
            text = f"{path}: a scheme needs {name}, which is missing (docs/schemes.md)"
            raise SchemeFileError(text)
    _check_kinds(module, path)
    return module


def _check_kinds(module: ModuleType, path: Path) -> None:
    """Refuse parts of a wrong kind: a program without its comma is a step, not a tuple."""
    for name, wanted, is_right in PARTS:
        if hasattr(module, name) and not is_right(getattr(module, name)):
            found = type(getattr(module, name)).__name__
            raise SchemeFileError(f"{path}: {name} must be {wanted}, found {found}")


def _is_program(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(x, Step) or _is_program(x) for x in value)


def _is_texts(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(x, str) for x in value)


PARTS = (
    *((name, "a tuple of steps", _is_program) for name in ("FAULT_AROUND", "SLOW_PATH", "ACTOR")),
    ("PROMISES", "a tuple of texts", _is_texts),
    *((name, "a dict", lambda value: isinstance(value, dict)) for name in ("OPTIONS", "CHOICES")),
)
"""Parts of a file, what they must be, and whether they are."""


def why_not(name: str, word: str) -> str:
    """Say why a file of that name is no scheme or actor; empty if there is no such file.

    Parameters
    ----------
    name : str
    word : "SLOW_PATH" or "ACTOR"
        What it would have to define.
    """
    path = Path("schemes") / f"{name}.py"
    if not path.is_file() or path.resolve().parent == SHIPPED:
        return ""
    if not "a" <= name[0] <= "z":
        return f"found ./{path}, but its name does not begin with a small letter"
    return f"found ./{path}, but it defines no {word} (docs/schemes.md)"
