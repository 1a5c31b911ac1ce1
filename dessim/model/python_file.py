"""A person's own Python file, such as a scheme or a figure: what it defines, where it failed.

Such a file is a program. It is run only if somebody names it, and first in a process of its own:
one that ends the process, never ends itself, takes much memory, or starts threads is refused there.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import traceback
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from dessim.files.reading import MIB, UnreadableError, read_file

MAX_BYTES = MIB
PATIENCE_S = 10.0
"""A file that only defines something is read in a fraction of it."""
DEFINES = "such a file only defines names"
MOST_MEMORY = 1024 * MIB
"""Bytes: the imports take a tenth of it."""
PROBE = """\
import json, os, resource, sys, threading
done, path, sys.path[:] = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[4]),) * 2)
try:
    with open(path, "rb") as file:
        own = {"__name__": "own_file", "__file__": path}
        exec(compile(file.read(), path, "exec"), own)
    exec(sys.argv[5], {"own": own})
except MemoryError:
    os.write(done, b"memory")
    os._exit(0)
except (Exception, SystemExit):
    pass  # reported with its line where the file is run in earnest
os.write(done, b"threads" if threading.active_count() > 1 else b"end")
os._exit(0)
"""


def tree_of(path: Path) -> ast.Module:
    """Parse a file without running it.

    Raises
    ------
    ValueError
        If it is no regular file of Python; with line and reason.
    """
    try:
        return ast.parse(read_file(path, MAX_BYTES))
    except SyntaxError as error:
        line = f":{error.lineno}" if error.lineno else ""
        raise ValueError(f"{path}{line}: {error.msg}") from None
    except UnreadableError as error:
        raise ValueError(str(error)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{path}: {error or 'nested too deep'}") from None


def names_of(tree: ast.Module) -> set[str]:
    """Names that a module imports from others, assigns or defines as functions at its top."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            found.update(one.asname or one.name for one in node.names)
        elif isinstance(node, ast.Assign):
            found.update(one.id for one in node.targets if isinstance(one, ast.Name))
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def place_of(error: BaseException, path: Path) -> str:
    """A file, and the line of it in which an error came up, if it did there."""
    frames = traceback.extract_tb(error.__traceback__)
    line = next((f.lineno for f in reversed(frames) if f.filename == str(path)), None)
    return f"{path}:{line}" if line else str(path)


def run_file(path: Path, name: str, *, trusted: bool = False) -> ModuleType:
    """Run a file as a module of some name; what it prints goes to standard error.

    Parameters
    ----------
    path : Path
    name : str
    trusted : bool
        Whether it ships with dessim: then it is not tried out first.

    Raises
    ------
    ValueError
        If it cannot be used; with line and reason.
    """
    if not trusted and (reason := why_unfit(path)):
        raise ValueError(f"{path}: {reason}")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever a person's file may do
        text = f"{place_of(error, path)}: {type(error).__name__}: {error}"
        raise ValueError(text) from error
    return module


def doc_of(module: ModuleType) -> str:
    """Docstring of a module; empty if it has none, or if that is not text."""
    return module.__doc__.strip() if isinstance(module.__doc__, str) else ""


def why_unfit(path: Path, then: str = "", what: str = "it", only: str = DEFINES) -> str:
    """Run a file in a process of its own; return why it must not run in this one, or nothing.

    Parameters
    ----------
    path : Path
    then : str
        Statements that use what the file defines, a dict ``own``.
    what, only : str
        What the sentence is about, and what it may do at most.
    """
    if multiprocessing.parent_process() is not None:
        return ""  # a worker: whoever gave it its work has looked
    problem = _tried(path, path.stat().st_mtime_ns, then)
    return problem and f"{what} {problem}: {only}"


@lru_cache(maxsize=512)
def _tried(path: Path, changed_ns: int, then: str) -> str:
    """Run a file, and statements behind it, in a process of its own; return what went wrong."""
    done, reply = os.pipe()
    command = [sys.executable, "-c", PROBE, str(reply), str(path), json.dumps(sys.path)]
    command += [str(MOST_MEMORY), then]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, pass_fds=(reply,), stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )
    os.close(reply)
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        return f"is still running after {PATIENCE_S:g} s"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.set_blocking(done, False)
        with contextlib.suppress(BlockingIOError), os.fdopen(done, "rb") as pipe:
            answer = pipe.read()
    if answer == b"end":
        return ""
    if answer == b"memory":
        return f"takes more than {MOST_MEMORY // MIB} MiB"
    if answer == b"threads":
        return "starts threads"
    return f"kills the process that reads it (exit code {process.returncode})"
