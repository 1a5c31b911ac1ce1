"""Which sources decide a result."""

import ast
import hashlib
from functools import lru_cache
from pathlib import Path

ROOMS = ("model", "kernel", "schemes", "engines")

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@lru_cache
def model_version() -> str:
    """Hash of the sources that decide the result of a run: a change there makes old runs stale.

    Returns
    -------
    str, 64 hexadecimal digits
    """
    return hash_of(Path(__file__).resolve().parent.parent)


def hash_of(package: Path) -> str:
    """Hash of what the Python sources in the rooms of a package that decide results mean.

    Comments, docstrings and layout do not count: who explains the kernel better keeps his runs.

    Parameters
    ----------
    package : Path
        The folder `dessim`.

    Raises
    ------
    SyntaxError
        If a file is no Python.
    """
    digest = hashlib.sha256()
    for room in ROOMS:
        for path in sorted((package / room).rglob("*.py")):
            parts: list[str] = []
            _add_meaning(ast.parse(path.read_bytes()), parts)
            meaning = "".join(parts)
            digest.update(f"{path.relative_to(package).as_posix()} {len(meaning)}\n".encode())
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
