"""A person's own Python file, such as a scheme or a figure: what it defines, where it failed."""

from __future__ import annotations

import ast
import traceback
from pathlib import Path


def names_of(tree: ast.Module) -> set[str]:
    """Names that a module imports from others or assigns at its top."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            found.update(one.asname or one.name for one in node.names)
        elif isinstance(node, ast.Assign):
            found.update(one.id for one in node.targets if isinstance(one, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def line_of(error: BaseException, path: Path) -> int:
    """Line of a file in which an error came up; 0 if it did not."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno or 0 for f in reversed(frames) if f.filename == str(path)), 0)
