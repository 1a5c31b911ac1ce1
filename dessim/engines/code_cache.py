"""Where compiled code is kept between runs.

A file holds what was compiled from one state of the code, by one LLVM, for one kind of CPU; its
name is a digest of all of them, so that what is found under the name is never stale. A process
writes a file of its own and renames it when it is complete: others see all of it or nothing. It
begins with its check sum: a damaged file is compiled again.
"""

import fcntl
import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path

import dessim
from dessim.files.reading import UnreadableError, open_regular

CHOSEN = "DESSIM_CACHE_DIR"
UNFINISHED = ".part"
DAY_S = 24 * 3600


def key(variant: str, *decisive: str) -> str:
    """Return the name of a file of compiled code.

    Parameters
    ----------
    variant : str
        A readable part of the name.
    *decisive : str
        All that decides what is compiled, besides Python, LLVM and the machine.
    """
    llvm = import_module("llvmlite.binding")
    everything = (
        decisive,
        sys.version,
        import_module("llvmlite").__version__,
        llvm.llvm_version_info,
        llvm.get_process_triple(),
        llvm.get_host_cpu_name(),
        sorted(llvm.get_host_cpu_features().items()),
    )
    digest = hashlib.sha256(repr(everything).encode()).hexdigest()
    return f"{dessim.__version__}-{variant}-{digest[:24]}.o"


def _places() -> Iterator[Path]:
    """Yield the directories in which compiled code may be kept, the best first."""
    chosen = os.environ.get(CHOSEN)
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


def kept_searches() -> Path | None:
    """Return where searches of the explorer are kept when they are interrupted; None: nowhere."""
    place = next(_places(), None)
    return None if place is None else place / "searches"


def _is_ours(directory: Path) -> bool:
    """Return whether nobody else can write here: compiled code from a stranger is not run."""
    status = directory.lstat()
    mine = status.st_uid == os.getuid() and stat.S_ISDIR(status.st_mode)
    return mine and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _sealed(code: bytes) -> bytes:
    """Return what a file holds: a check sum, then the code."""
    return hashlib.sha256(code).digest() + code


def _opened(content: bytes) -> bytes | None:
    """Return the code that a file holds, or None if it is not what was once put there."""
    code = content[hashlib.sha256().digest_size :]
    return code if code and _sealed(code) == content else None


def stored(name: str) -> bytes | None:
    """Return the compiled code of this name, if it is there and whole; it need not be writable."""
    for place in _places():
        with suppress(OSError, UnreadableError):
            descriptor, _ = open_regular(place / name)  # not a FIFO, which would block
            with open(descriptor, "rb") as file:
                code = _opened(file.read())
            if code is not None:
                return code
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


def publish(name: str, code: bytes) -> Path | None:
    """Keep code under a name, in the first place that can be written to.

    What is in the way, damaged or the same, is replaced in one stroke. Who can store nothing
    compiles again next time.

    Returns
    -------
    Path or None
        Where it is now.
    """
    for place in _places():
        with suppress(OSError):
            place.mkdir(parents=True, exist_ok=True)
            number, part = tempfile.mkstemp(prefix=f"{name}.", suffix=UNFINISHED, dir=place)
            try:
                _sweep(place, os.fstat(number).st_mtime)
                with os.fdopen(number, "wb") as file:
                    file.write(_sealed(code))
                os.replace(part, place / name)
            except BaseException:
                os.unlink(part)
                raise
            return place / name
    return None


def _sweep(place: Path, now_s: float) -> None:
    """Remove what writers left that were killed: nobody writes for a day."""
    for left in place.glob(f"*{UNFINISHED}"):
        with suppress(OSError):
            if now_s - left.stat().st_mtime > DAY_S:
                left.unlink()
