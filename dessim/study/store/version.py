"""Which sources decide a result."""

import ast
import hashlib
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import dessim
from dessim.model.python_file import tree_of
from dessim.registry import own_files

ROOMS = ("model", "kernel", "schemes", "actors", "registry", "engines")

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def model_version() -> str:
    """Hash of the sources that decide the result of a run: a change there makes old runs stale.

    Returns
    -------
    str, 64 hexadecimal digits
    """
    return _version(tuple((path, path.stat().st_mtime_ns) for path in own_files()))


@lru_cache
def commit() -> str:
    """Commit of the checkout that dessim runs from, `+changes` if files differ; else empty."""
    package = Path(dessim.__file__).resolve().parent

    def git(*words: str) -> str:
        command = ["git", "-C", str(package), *words]
        with suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=10,
                check=False,
            )
            return done.stdout.strip() if done.returncode == 0 else ""
        return ""

    found = git("ls-files", "--error-unmatch", "__init__.py") and git("rev-parse", "HEAD")
    dirty = found and git("status", "--porcelain", "--untracked-files=no")
    return f"{found}+changes" if dirty else found


@lru_cache
def _version(own: tuple[tuple[Path, int], ...]) -> str:
    """Hash of the package and of your own files, each with the time of its last change."""
    return hash_of(Path(dessim.__file__).resolve().parent, [path for path, _ in own])


def hash_of(package: Path, own: Sequence[Path] = ()) -> str:
    """Hash of what the Python sources in the rooms of a package that decide results mean.

    Comments, docstrings and layout do not count: who explains the kernel better keeps his runs.

    Parameters
    ----------
    package : Path
        The folder `dessim`.
    own : sequence of Path
        Schemes and actors from elsewhere: they count like files of the package.

    Raises
    ------
    ValueError
        If a file is no Python.
    """
    digest = hashlib.sha256()
    files = [path for room in ROOMS for path in sorted((package / room).rglob("*.py"))]
    names = [path.relative_to(package).as_posix() for path in files]
    names += [f"{path.parent.name}/{path.name}" for path in own]
    for name, path in zip(names, [*files, *own], strict=True):
        parts: list[str] = []
        _add_meaning(tree_of(path), parts)
        meaning = "".join(parts)
        digest.update(f"{name} {len(meaning)}\n".encode())
        digest.update(meaning.encode())
    return digest.hexdigest()


def _add_meaning(node: ast.AST, parts: list[str]) -> None:
    """Add a syntax tree as text, without docstrings and places.

    Empty fields are left out: so versions of Python that know more of them agree.
    """
    parts.append(type(node).__name__)
    for name in node._fields:
        value = getattr(node, name, None)
        if value is None or value == [] or name == "ctx":
            continue
        parts.append(f"({name} ")
        if isinstance(value, list):
            documented = name == "body" and isinstance(node, DOCUMENTED) and _is_docstring(value[0])
            for one in value[1:] if documented else value:
                if isinstance(one, ast.AST):
                    _add_meaning(one, parts)
                else:
                    parts.append(repr(one))
                parts.append(",")
        elif isinstance(value, ast.AST):
            _add_meaning(value, parts)
        else:
            parts.append(repr(value))
        parts.append(")")


def _is_docstring(first: ast.stmt) -> bool:
    return (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
