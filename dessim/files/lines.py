"""TextLines of a text of any length: read once, in order, in a bounded amount of memory."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from dessim.errors import UserError
from dessim.files.reading import UnreadableError, open_regular, standard_input

PIECE_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 16
MAX_TEXT_BYTES = 1 << 36
"""Of a text that is read line by line, unpacked: 64 GiB."""
GZIP_MAGIC = b"\x1f\x8b"
STANDARD_INPUT = "-"
SHOWN = 60
"""Characters of a line that a message shows."""


class DamagedLineError(UserError):
    """A line that cannot be what its file should hold.

    Attributes
    ----------
    number : int
        Of the line, from 1.
    """

    def __init__(self, name: str, number: int, what: str, remedy: str) -> None:
        self.number = number
        super().__init__(f"{name}:{number}: {what}; {remedy}")


def shown(line: str) -> str:
    """Return the beginning of a line as a message may show it."""
    text = " ".join(line.split())[: SHOWN + 1]
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return f"'{plain[:SHOWN]}…'" if len(plain) > SHOWN else f"'{plain}'"


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Read at most so many bytes; none at the end."""

    def close(self) -> None:
        """Close it."""


class TextLines:
    """The lines of a file, or of standard input.

    Iterating gives lists of lines without their ends, a megabyte of text at a time. Bytes that are
    no UTF-8 become U+FFFD: names of tasks and files can hold any.

    Parameters
    ----------
    path : str or Path
        ``-`` is standard input. A file may be packed by gzip.

    Attributes
    ----------
    name : str
        For messages.
    size_bytes : int
        Of the text read so far.
    ended : bool
        Whether the last line has an end; a text that was cut usually has none.

    Raises
    ------
    UnreadableError
        If it cannot be opened, is no regular file, or is too large.
    DamagedLineError
        While iterating: a line is longer than 64 KiB, or packed data end too early.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = "standard input" if str(path) == STANDARD_INPUT else str(path)
        self._raw: io.BufferedReader | None = None
        self._file = self._opened(path)
        self.size_bytes, self.ended, self._count = 0, True, 0
        self._digest = hashlib.sha256()

    def _opened(self, path: str | Path) -> Readable:
        if str(path) == STANDARD_INPUT:
            return standard_input()
        descriptor, _ = open_regular(path)
        raw = self._raw = io.BufferedReader(io.FileIO(descriptor, "rb"), PIECE_BYTES)
        if raw.peek(2)[:2] == GZIP_MAGIC:
            return gzip.GzipFile(fileobj=raw)
        return raw

    @property
    def sha256(self) -> str:
        """Digest of the text read so far, unpacked."""
        return self._digest.hexdigest()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._raw is not None:  # which a GzipFile leaves open
            self._raw.close()

    def __iter__(self) -> Iterator[list[str]]:
        rest = b""
        while piece := self._piece():
            whole, end, rest = (rest + piece).rpartition(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                self._count += whole.count(b"\n") + bool(end)
                raise self._damaged("a line is longer than 64 KiB", "this is not that kind of text")
            if end:
                yield self._lines(whole)
        if rest:
            self.ended = False
            yield self._lines(rest)

    def _piece(self) -> bytes:
        try:
            piece = self._file.read(PIECE_BYTES)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise self._damaged(
                "the compressed data are damaged or truncated", "copy the file again"
            ) from None
        except OSError as error:
            raise UnreadableError(self.name, f"cannot be read: {error.strerror}") from None
        self.size_bytes += len(piece)
        self._digest.update(piece)
        if self.size_bytes > MAX_TEXT_BYTES:
            raise UnreadableError(self.name, "larger than 64 GiB")
        return piece

    def _lines(self, whole: bytes) -> list[str]:
        if self._count == 0:  # a byte-order mark, as editors of Windows put it there
            whole = whole.removeprefix(BOM_UTF8)
        lines = whole.decode("utf-8", "replace").split("\n")
        if len(max(lines, key=len)) > MAX_LINE_BYTES:
            self._count += next(i for i, line in enumerate(lines) if len(line) > MAX_LINE_BYTES)
            raise self._damaged("a line is longer than 64 KiB", "this is not that kind of text")
        self._count += len(lines)
        return lines

    def _damaged(self, what: str, remedy: str) -> DamagedLineError:
        return DamagedLineError(self.name, self._count + 1, what, remedy)
