"""A search that was interrupted, in a folder: the same search goes on from there.

States are appended to files as they are found; a small file says how many of them count. It is
replaced in one stroke behind them, so that a process that is killed in between loses only the
states since. The folder's name is a digest of the World, of the properties and of the code: another
search never finds it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from dessim.files.reading import MIB, UnreadableError, read_json

WEEK_S = 7 * 24 * 3600
HEAD = "head.json"
LOCK = "lock"
SEAL = "seal"
"""Word of the head that is a check sum of all others."""
MAX_HEAD_BYTES = 16 * MIB
FLAGS = {"rb": os.O_RDONLY, "r+b": os.O_RDWR, "wb": os.O_WRONLY | os.O_CREAT | os.O_TRUNC}


def _seal_of(head: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(head, sort_keys=True).encode())


def _opened(path: Path, mode: str) -> Any:
    """Open a regular file in a binary mode; a FIFO in its place blocks nobody.

    Raises
    ------
    OSError
        If it cannot be opened, or something else is there.
    """
    descriptor = os.open(path, os.O_NONBLOCK | os.O_CLOEXEC | FLAGS[mode], 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "this is not a file", str(path))
    return os.fdopen(descriptor, mode)


class Kept:
    """Where one search is kept.

    Parameters
    ----------
    root : Path
        The folder of all searches.
    decisive : sequence of bytes
        All that decides what the search does.
    """

    def __init__(self, root: Path, *decisive: bytes) -> None:
        digest = hashlib.sha256()
        for part in decisive:
            digest.update(len(part).to_bytes(8, "little") + part)
        self.folder = root / digest.hexdigest()[:32]
        self.written: dict[str, int] = {}
        self.sums: dict[str, int] = {}  # check sums of what was written
        self.held: IO[bytes] | None = None
        self.why = ""  # it could not be kept, in words
        self.is_broken = False  # whether a file could not be written

    def found(self, arrays: Mapping[str, int]) -> dict[str, Any] | None:
        """Return the head of what was kept, and hold it; None if there is nothing to go on from.

        Parameters
        ----------
        arrays : mapping
            Name -> bytes of one state.
        """
        if not self.folder.exists() or not self.hold():
            return None
        try:
            head = dict(read_json(self.folder / HEAD, MAX_HEAD_BYTES))
            if head.pop(SEAL, None) != _seal_of(head):
                return None
            written = {name: int(head["count"][name]) for name in arrays}
            sums = {name: int(head["sums"][name]) for name in arrays}
            for name, size in arrays.items():
                kept = (self.folder / name).stat()
                if not stat.S_ISREG(kept.st_mode) or kept.st_size < written[name] * size:
                    return None
        except (UnreadableError, OSError, ValueError, KeyError, TypeError):
            return None
        self.written, self.sums = written, sums
        return head

    def hold(self) -> bool:
        """Let nobody else keep the same search here; return whether that was possible."""
        if self.held is None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self.held = _opened(self.folder / LOCK, "wb")
                fcntl.flock(self.held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.why = "another process keeps the same search"
                self.close()
            except OSError as error:
                self.why = str(error)
                self.close()
        return self.held is not None

    def read(self, name: str, into: Any) -> bool:
        """Fill an array with what was kept of it; return whether it is what was once written."""
        content = memoryview(into).cast("B")
        with _opened(self.folder / name, "rb") as file:
            at = 0
            while at < len(content):
                at += file.readinto(content[at:]) or len(content)
        whole = zlib.crc32(content) == self.sums[name]
        if not whole:
            self.written, self.sums = {}, {}
        return whole

    def keep(self, head: Mapping[str, Any], arrays: Mapping[str, tuple[Any, int]]) -> bool:
        """Keep what was found since; return whether it was possible, with ``why`` if not.

        What was kept before stays: a file that could not be written whole, as on a full disk, is
        as long as it was.

        Parameters
        ----------
        head : mapping
            What is needed besides the arrays.
        arrays : mapping
            Name -> array of words, and how many words one state has; all states that count.
        """
        if not self.hold():
            return False
        try:
            count, sums = {}, {}
            for name, (words, each) in arrays.items():
                first = self.written.get(name, 0)
                if not first:
                    (self.folder / name).unlink(missing_ok=True)
                with _opened(self.folder / name, "r+b" if first else "wb") as file:
                    fresh = memoryview(words[first * each :]).cast("B")
                    file.seek(first * each * 8)
                    file.write(fresh)
                    file.truncate()
                    os.fsync(file.fileno())
                count[name] = len(words) // each
                sums[name] = zlib.crc32(fresh, self.sums.get(name, 0) if first else 0)
            part = self.folder / f"{HEAD}.part"
            part.unlink(missing_ok=True)
            whole = {**head, "count": count, "sums": sums}
            part.write_text(json.dumps({**whole, SEAL: _seal_of(whole)}))
            os.replace(part, self.folder / HEAD)
        except OSError as error:
            self.why, self.is_broken = str(error), True
            self.take_back(arrays)
            return False
        self.written, self.sums = count, sums
        return True

    def take_back(self, arrays: Mapping[str, tuple[Any, int]]) -> None:
        """Cut off what was appended to the files and does not count."""
        with suppress(OSError):
            (self.folder / f"{HEAD}.part").unlink(missing_ok=True)
        for name, (_, each) in arrays.items():
            with suppress(OSError):
                os.truncate(self.folder / name, self.written.get(name, 0) * each * 8)

    def drop(self) -> None:
        """Forget it: the search is over."""
        self.written, self.sums = {}, {}
        if self.held is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Let others have it."""
        if self.held is not None:
            self.held.close()
            self.held = None

    def sweep(self) -> None:
        """Remove searches to which nobody came back for a week."""
        if self.held is not None:
            now_s = os.fstat(self.held.fileno()).st_mtime  # it was opened for this search
            sweep(self.folder.parent, now_s)


def sweep(root: Path, now_s: float) -> None:
    """Remove searches to which nobody came back for a week, and of which nobody is at work."""
    for folder in root.glob("*"):
        with suppress(OSError):
            head = folder / HEAD  # missing if its process was killed before it kept anything
            last_s = (head if head.exists() else folder).stat().st_mtime
            if now_s - last_s > WEEK_S:
                remove_unless_held(folder)


def remove_unless_held(folder: Path) -> None:
    """Remove a search if no process holds it; raise OSError if one does."""
    with suppress(FileNotFoundError), _opened(folder / LOCK, "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
        return
    shutil.rmtree(folder, ignore_errors=True)
