"""The one reader of files that somebody else may have put there.

A FIFO, a device, a folder or a file of any size may stand where a file is expected, or behind a
link: nothing here waits, and nothing reads more than its limit.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from dessim.errors import UserError

MIB = 1 << 20
CHUNK = 1 << 16
MAX_TABLE_BYTES = 16 * MIB
"""Largest table, program or other text that a person brings."""
MAX_RESULT_BYTES = 256 * MIB
"""Largest file that dessim reads back of its own results: 100,000 points take less."""


class UnreadableError(UserError):
    """A file that is not there, is no regular file, or is too large.

    Attributes
    ----------
    path : str
    reason : str
    missing : bool
        Whether it is not there.
    """

    def __init__(self, path: object, reason: str, *, missing: bool = False) -> None:
        self.path, self.reason, self.missing = str(path), reason, missing
        super().__init__(f"{path}: {reason}")


STDIN = "-"
"""Path of standard input."""


PIPES = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
"""Other names of standard input and of pipes; these are not read."""


def standard_input() -> BinaryIO:
    """Return the stream that somebody pipes something into.

    Raises
    ------
    UnreadableError
        If it is closed.
    """
    if sys.stdin is None:
        raise UnreadableError(STDIN, "standard input is closed; pipe something into it")
    return sys.stdin.buffer


def piped() -> bytes:
    """Read what somebody pipes in, and no more than is looked at.

    Raises
    ------
    UnreadableError
        If standard input is closed, or not open for reading.
    """
    try:
        return standard_input().read(MAX_TABLE_BYTES + 1)
    except OSError as error:
        text = f"standard input cannot be read: {error.strerror}"
        raise UnreadableError(STDIN, text) from None


_piped_once = cache(piped)


_watchers: list[dict[str, str]] = []


@contextmanager
def watched() -> Iterator[dict[str, str]]:
    """Note each file that is read meanwhile, and the SHA-256 of what it holds."""
    read: dict[str, str] = {}
    _watchers.append(read)
    try:
        yield read
    finally:
        _watchers.remove(read)


def open_regular(path: str | Path) -> tuple[int, os.stat_result]:
    """Open a regular file for reading, without waiting for anybody.

    Returns
    -------
    int, os.stat_result
        Its descriptor, which the caller closes, and what it is.

    Raises
    ------
    UnreadableError
        If it cannot be opened or is no regular file.
    """
    try:
        # Not `open`: a FIFO without a writer would block for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise UnreadableError(path, "no such file", missing=True) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        if getattr(error, "errno", None) == errno.ENXIO:  # a socket
            raise UnreadableError(path, "this is not a file") from None
        reason = getattr(error, "strerror", None) or error
        raise UnreadableError(path, f"cannot be read: {reason}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        folder = stat.S_ISDIR(status.st_mode)
        raise UnreadableError(path, "this is a folder, not a file" if folder else _no_file(path))
    return descriptor, status


def _no_file(path: str | Path) -> str:
    """Return what to say of a pipe or a device; a shell makes `<(…)` a pipe."""
    if str(path).startswith(PIPES):
        return "this is not a file; - reads standard input, as in `… | dessim … -`"
    return "this is not a file"


def read_file(path: str | Path, most: int = MAX_RESULT_BYTES) -> bytes:
    """Read a regular file of at most so many bytes.

    Raises
    ------
    UnreadableError
        If it cannot be read, is no regular file, or is larger.
    """
    if str(path) == STDIN:
        data = _piped_once()
        if len(data) > most:
            raise UnreadableError("standard input", f"larger than {_size(most)}")
        return data
    descriptor, status = open_regular(path)
    with open(descriptor, "rb", buffering=0) as file:
        try:
            data = b"" if status.st_size > most else _all_of(file, status.st_size, most)
        except OSError as error:
            raise UnreadableError(path, f"cannot be read: {error.strerror}") from None
    if max(len(data), status.st_size) > most:  # a file of /proc has no size, and yet content
        raise UnreadableError(path, f"larger than {_size(most)}")
    for read in _watchers:
        read[str(path)] = hashlib.sha256(data).hexdigest()
    return data


def _all_of(file: Any, expected: int, most: int) -> bytes:
    """Return what a file holds, and not much more than ``most`` bytes of it."""
    data = file.read(expected + 1)
    while len(data) <= most and (more := file.read(CHUNK)):
        data += more
    return bytes(data)


def read_text(path: str | Path, most: int = MAX_TABLE_BYTES) -> str:
    """Read a regular file of UTF-8 text.

    Raises
    ------
    UnreadableError
        As of ``read_file``, or if it is not text.
    """
    data = read_file(path, most)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(path, not_text(data, error)) from None


def not_text(data: bytes, error: UnicodeDecodeError) -> str:
    """Return what is wrong with bytes that are no UTF-8."""
    line = data.count(b"\n", 0, error.start) + 1
    return f"not a text file: byte 0x{data[error.start]:02x} in line {line} is not UTF-8"


def parse_json(data: str | bytes) -> Any:
    """Return what a JSON text holds.

    Raises
    ------
    ValueError
        If it is none, if it is nested too deep, or holds a number that is not finite.
    """
    try:
        return json.loads(data, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deep: maximum recursion depth exceeded") from None


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not a number that can be used here")


def read_json(path: str | Path, most: int = MAX_RESULT_BYTES) -> Any:
    """Read a regular file of JSON.

    Raises
    ------
    UnreadableError
        As of ``read_file``, or if it is no JSON.
    """
    data = read_file(path, most)
    try:
        return parse_json(data)
    except ValueError as error:  # UnicodeDecodeError is one
        raise UnreadableError(path, f"not JSON: {' '.join(str(error).split())}") from None


def _size(n: int) -> str:
    return f"{n // MIB} MiB" if n >= MIB else f"{n // 1024} KiB"
