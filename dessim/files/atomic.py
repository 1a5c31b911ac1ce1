"""Atomic writes: what is not complete yet lies in a place of its own, and goes if its writer dies.

A workspace is a folder in `.unfinished` whose writer holds a lock. The system drops the lock when
the writer ends, however it ends; a workspace that nobody holds is a leftover. What looks otherwise
is not dessim's, and stays; so does what lies behind a link.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

UNFINISHED = ".unfinished"
LOCK, CONTENTS = "lock", "new"
PREFIX = "dessim-"
_NAME = re.compile(rf"({PREFIX}|tmp)[a-z0-9_]{{8}}")
"""Of a workspace: as ``tempfile`` makes it, by this version or an older one."""
OLD_S = 86_400.0
"""Where nothing can be locked, a workspace of this age is a leftover."""


@contextmanager
def workspace(root: Path) -> Iterator[Path]:
    """Give a new empty folder, on the disk of ``root``, that is removed at the end.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    folder, lock = _new(_unfinished(root))
    try:
        inner = folder / CONTENTS
        inner.mkdir()
        yield inner
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
        with suppress(OSError):
            folder.parent.rmdir()  # if it is empty


def _unfinished(root: Path) -> Path:
    """Where workspaces lie: in a folder of many users, such as /tmp, each has a place.

    So it is where something else has the name.
    """
    usual = root / UNFINISHED
    with suppress(OSError):
        status = usual.lstat()
        if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode):
            return root / f"{UNFINISHED}-{os.getuid()}"
    return usual


def _new(unfinished: Path) -> tuple[Path, int]:
    """Make a workspace and lock it, while nobody can take it for a leftover."""
    for _ in range(100):  # others remove the empty place now and then
        try:
            unfinished.mkdir(parents=True, exist_ok=True)
            with _locked(unfinished, fcntl.LOCK_SH):
                folder = Path(tempfile.mkdtemp(dir=unfinished, prefix=PREFIX))
                lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
                with suppress(OSError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return folder, lock
        except (FileNotFoundError, FileExistsError):  # gone between two looks at it
            continue
    raise OSError(f"{unfinished}: another process keeps removing it")


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[bool]:
    """Hold a lock on a folder; False if it could not be had (some network disks have none)."""
    # a FIFO would block, and a link lead to somebody else's folder
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(descriptor, how)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def leftovers(root: Path) -> list[Path]:
    """Workspaces under ``root`` whose writer has died."""
    unfinished = _unfinished(root)
    found: list[Path] = []
    with (
        suppress(FileNotFoundError, NotADirectoryError),
        _locked(unfinished, fcntl.LOCK_EX) as alone,
    ):
        for folder in filter(_is_workspace, sorted(unfinished.iterdir())):
            if (not _is_held(folder)) if alone else _is_old(folder):
                found.append(folder)
    return found


def _is_workspace(folder: Path) -> bool:
    """Whether it is a folder that ``workspace`` made, with nothing else in it."""
    if not _NAME.fullmatch(folder.name) or folder.is_symlink():
        return False
    with suppress(OSError):
        return {path.name for path in folder.iterdir()} <= {LOCK, CONTENTS}
    return False


def _is_held(folder: Path) -> bool:
    try:
        lock = os.open(folder / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def _is_old(folder: Path) -> bool:
    with suppress(OSError):
        return time.time() - folder.stat().st_mtime > OLD_S
    return False


def clear(root: Path) -> int:
    """Remove what killed processes left behind.

    Returns
    -------
    int
        Workspaces removed.
    """
    found = leftovers(root)
    for folder in found:
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        _unfinished(root).rmdir()
    return len(found)


def write_through(folder: Path, files: dict[str, bytes]) -> None:
    """Write new files into a folder and flush all of it to the disk.

    The flushes go on at the same time: a journal takes them together.
    """
    flushed = [folder]
    for name, data in files.items():
        flushed.append(folder / name)
        with flushed[-1].open("xb") as file:
            file.write(data)
    list(_threads().map(flush, flushed))


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(5, "flush")


def flush(path: Path) -> None:
    """Flush a file, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
