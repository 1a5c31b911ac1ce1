"""A search that was interrupted, in a folder: the same search goes on from there.

States are appended to files as they are found; a small file says how many of them count. It is
replaced in one stroke behind them, so that a process that is killed in between loses only the
states since. The folder's name is a digest of the World, of the properties and of the code: another
search never finds it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

WEEK_S = 7 * 24 * 3600
HEAD = "head.json"
LOCK = "lock"


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
            head = dict(json.loads((self.folder / HEAD).read_text()))
            for name, size in arrays.items():
                wanted = int(head["count"][name]) * size
                if (self.folder / name).stat().st_size < wanted:
                    return None
                self.written[name] = int(head["count"][name])
                self.sums[name] = int(head["sums"][name])
        except (OSError, ValueError, KeyError, TypeError):
            self.written = {}
            return None
        return head

    def hold(self) -> bool:
        """Let nobody else keep the same search here; return whether that was possible."""
        if self.held is None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self.held = (self.folder / LOCK).open("wb")
                fcntl.flock(self.held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self.close()
        return self.held is not None

    def read(self, name: str, into: Any) -> bool:
        """Fill an array with what was kept of it; return whether it is what was once written."""
        content = memoryview(into).cast("B")
        with (self.folder / name).open("rb", buffering=0) as file:
            at = 0
            while at < len(content):
                at += file.readinto(content[at:]) or len(content)
        whole = zlib.crc32(content) == self.sums[name]
        if not whole:
            self.written = {}
        return whole

    def keep(self, head: Mapping[str, Any], arrays: Mapping[str, tuple[Any, int]]) -> bool:
        """Keep what was found since; return whether it was possible.

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
                with (self.folder / name).open("r+b" if first else "wb") as file:
                    fresh = memoryview(words[first * each :]).cast("B")
                    file.seek(first * each * 8)
                    file.write(fresh)
                    file.truncate()
                    os.fsync(file.fileno())
                count[name] = len(words) // each
                sums[name] = zlib.crc32(fresh, self.sums.get(name, 0) if first else 0)
            part = self.folder / f"{HEAD}.part"
            part.write_text(json.dumps({**head, "count": count, "sums": sums}))
            os.replace(part, self.folder / HEAD)
        except OSError:
            return False
        self.written, self.sums = count, sums
        return True

    def drop(self) -> None:
        """Forget it: the search is over. What nobody came back to for a week goes, too."""
        if self.held is not None:
            now_s = os.fstat(self.held.fileno()).st_mtime  # it was opened for this search
            shutil.rmtree(self.folder, ignore_errors=True)
            sweep(self.folder.parent, now_s)

    def close(self) -> None:
        """Let others have it."""
        if self.held is not None:
            self.held.close()
            self.held = None


def sweep(root: Path, now_s: float) -> None:
    """Remove searches to which nobody came back for a week."""
    for folder in root.glob("*"):
        with suppress(OSError):
            if now_s - (folder / HEAD).stat().st_mtime > WEEK_S:
                shutil.rmtree(folder, ignore_errors=True)
