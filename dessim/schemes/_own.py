"""Schemes and actors of one's own: the files in ``./schemes`` of the working directory.

Whoever runs ``dessim`` in a folder runs the Python that lies there, as for figures in
``./experiments``. A file that defines neither a scheme nor an actor is left alone.
"""

import ast
import importlib.util
import traceback
from functools import lru_cache
from pathlib import Path
from types import ModuleType

SHIPPED = Path(__file__).resolve().parent


class SchemeFileError(ValueError):
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
    if not _names(tree) & {"SLOW_PATH", "ACTOR"}:
        return False
    if (SHIPPED / path.name).exists():
        raise SchemeFileError(f"{path}: dessim has a {path.stem!r} already; give yours a new name")
    return True


def _names(tree: ast.Module) -> set[str]:
    """Names that a module defines or imports at its top."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            found.update(one.asname or one.name for one in node.names)
        elif isinstance(node, ast.Assign):
            found.update(one.id for one in node.targets if isinstance(one, ast.Name))
    return found


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
        line = _line_of(error, path)
        raise SchemeFileError(f"{path}:{line}: {type(error).__name__}: {error}") from error
    for name in ("FAULT_AROUND", "PROMISES") if hasattr(module, "SLOW_PATH") else ():
        if not hasattr(module, name):
            text = f"{path}: a scheme needs {name}, which is missing (docs/schemes.md)"
            raise SchemeFileError(text)
    return module


def _line_of(error: BaseException, path: Path) -> int:
    """Line of a file in which an error came up."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno or 0 for f in reversed(frames) if f.filename == str(path)), 0)
