"""Where compiled code is kept between runs.

A directory holds what was compiled from one state of the code, by one Python and one numba, for
one kind of CPU; its name is a digest of all of them, so that what is found under the name is never
stale. A process compiles into a directory of its own and renames it when it is complete:
others see all of it or nothing. Check sums tell a damaged directory, which is then compiled anew.
"""

import fcntl
import hashlib
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module, metadata
from pathlib import Path

import dessim

MANIFEST = "manifest.json"


def key(variant: str, *decisive: str) -> str:
    """Return the name of the directory of compiled code.

    numba's own cache sees a change of the cached function's file only; a change in a module that it
    calls would run old code.

    Parameters
    ----------
    variant : str
        A readable part of the name.
    *decisive : str
        All that decides what is compiled, besides Python, numba and the machine.
    """
    llvm = import_module("llvmlite.binding")
    switches = {k: v for k, v in os.environ.items() if k.startswith("NUMBA_")}
    switches.pop("NUMBA_CACHE_DIR", None)  # where it is kept is not what it is
    everything = (
        decisive,
        sys.version,
        metadata.version("numba"),
        metadata.version("llvmlite"),
        llvm.get_process_triple(),
        llvm.get_host_cpu_name(),
        sorted(llvm.get_host_cpu_features().items()),
        sorted(switches.items()),
        dessim.__file__,  # numba looks a function up by its file
    )
    digest = hashlib.sha256(repr(everything).encode()).hexdigest()
    return f"{dessim.__version__}-{variant}-{digest[:16]}"


def _places() -> Iterator[Path]:
    """Yield the directories in which compiled code may be kept, the best first."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        yield Path(chosen).absolute() / "dessim"
    else:
        home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
        if home.is_absolute():  # not so where there is no home
            yield home / "dessim"
    with suppress(OSError):
        shared = Path(tempfile.gettempdir()) / f"dessim-{os.getuid()}"
        shared.mkdir(mode=0o700, exist_ok=True)
        if _is_ours(shared):
            yield shared


def _is_ours(directory: Path) -> bool:
    """Return whether nobody else can write here: compiled code from a stranger is not run."""
    status = directory.lstat()
    mine = status.st_uid == os.getuid() and stat.S_ISDIR(status.st_mode)
    return mine and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _check_sums(directory: Path) -> dict[str, str]:
    files = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name != MANIFEST
    }


def _is_complete(directory: Path) -> bool:
    """Return whether a directory holds what was once put there, unchanged."""
    try:
        noted = json.loads((directory / MANIFEST).read_bytes())
        return bool(noted) and noted == _check_sums(directory)
    except (OSError, ValueError):
        return False


def stored(name: str) -> Path | None:
    """Return the directory of compiled code of this name, if it is there and whole."""
    for place in _places():
        directory = place / name
        # numba takes no directory that it cannot write to, even if it only reads
        if _is_complete(directory) and os.access(directory, os.W_OK):
            return directory
    return None


def workshop(name: str) -> Path | None:
    """Return a new directory to compile into, or None if there is no place to write."""
    for place in _places():
        with suppress(OSError):
            place.mkdir(parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(prefix=f"{name}.", dir=place))
    return None


@contextmanager
def alone() -> Iterator[None]:
    """Let one process compile at a time, so that those that wait find what it has made.

    The lock is the system's and dies with its holder. Where there is none, everybody compiles for
    himself.
    """
    with ExitStack() as held:
        for place in _places():
            with suppress(OSError):
                place.mkdir(parents=True, exist_ok=True)
                folder = os.open(place, os.O_RDONLY)
                held.callback(os.close, folder)
                fcntl.flock(folder, fcntl.LOCK_EX)
                break
        yield


def publish(work: Path, name: str) -> None:
    """Give a directory that is complete the name under which other processes find it.

    If somebody else was faster, theirs stays: it is the same code. If something damaged is in the
    way, it is replaced.
    """
    with suppress(OSError):  # who cannot store compiles again next time
        check_sums = _check_sums(work)
        if not check_sums:
            return
        (work / MANIFEST).write_text(json.dumps(check_sums, indent=1))
        final = work.parent / name
        if final.exists() and not _is_complete(final):
            damaged = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=work.parent))
            os.replace(final, damaged)
            remove(damaged)
        os.rename(work, final)


def remove(work: Path | None) -> None:
    """Remove a directory that was compiled into, if it is still there."""
    if work is not None:
        shutil.rmtree(work, ignore_errors=True)
