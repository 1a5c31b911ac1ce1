"""The kernel's fault-around window: read, and set for a while by those who may.

Source
------
Linux 6.12 ``mm/memory.c``: ``fault_around_bytes_set``, a file of debugfs that root may write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dessim.files.numbers import whole
from dessim.files.reading import UnreadableError, read_text

WINDOW = Path("/sys/kernel/debug/fault_around_bytes")


def read_window(path: Path = WINDOW) -> int | None:
    """Return fault_around_bytes, or None if this user may not read it."""
    try:
        text = read_text(path, 64).strip()
    except UnreadableError:
        return None
    return whole(text)


@contextmanager
def changing_window(*, wanted: bool, path: Path = WINDOW) -> Iterator[Callable[[int], None] | None]:
    """Yield a function that sets the window, bytes; it is as before when the block ends.

    Yields None if it is not wanted, or not allowed: by the kernel, a container or its lockdown.
    """
    before = read_window(path) if wanted else None
    if before is None or not _written(path, before):
        yield None
        return

    def choose(size: int) -> None:
        _written(path, size)

    try:
        yield choose
    finally:
        _written(path, before)


def _written(path: Path, size: int) -> bool:
    """Set the window; return whether that was allowed."""
    try:
        with path.open("r+b", buffering=0) as file:
            file.write(f"{size}\n".encode())
    except OSError:
        return False
    return read_window(path) == size
