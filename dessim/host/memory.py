"""Memory to measure on: mapped and unmapped exactly when asked, never more than allowed."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dessim.files.reading import UnreadableError, read_text
from dessim.host.topology import UnusableError

PAGE = 4096
SHARE = 10
"""At most this part of the available memory is used, as a divisor."""
MOST = 1 << 30
LEAST = 96 << 20
NO_HUGE_PAGES, HUGE_PAGES = 15, 14
"""Advice of madvise: include/uapi/asm-generic/mman-common.h."""
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = [
    *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
]
_LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_LIBC.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def allowed_bytes() -> int:
    """How much memory may be used: a tenth of what is available, at most 1 GiB.

    Raises
    ------
    UnusableError
        If that is too little to measure anything.
    """
    try:
        lines = read_text(Path("/proc/meminfo")).splitlines()
    except UnreadableError as error:
        raise UnusableError(f"{error}: dessim cannot measure this machine") from None
    known = {line.split(":")[0]: line.split()[1] for line in lines if ":" in line}
    available = int(known.get("MemAvailable", "0")) << 10
    limit = min(MOST, available // SHARE)
    if limit < LEAST:
        raise UnusableError(
            f"{available >> 20} MiB of memory are available: {LEAST * SHARE >> 20} MiB are"
            " needed, of which a tenth is used"
        )
    return limit


def map_bytes(
    size: int, fd: int = -1, *, shared: bool = False, populate: bool = False, offset: int = 0
) -> int:
    """Map memory, or a file, and return its address.

    Raises
    ------
    UnusableError
        If the system refuses.
    """
    flags = mmap.MAP_SHARED if shared else mmap.MAP_PRIVATE
    flags |= mmap.MAP_ANONYMOUS if fd < 0 else 0
    flags |= mmap.MAP_POPULATE if populate else 0
    found = _LIBC.mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, fd, offset)
    if found is None or found == ctypes.c_void_p(-1).value:
        raise UnusableError(f"mmap of {size >> 20} MiB: {os.strerror(ctypes.get_errno())}")
    return int(found)


def unmap(address: int, size: int) -> None:
    """Unmap what `map_bytes` mapped."""
    _LIBC.munmap(address, size)


def advise(address: int, size: int, advice: int) -> None:
    """Give advice, which may be refused."""
    _LIBC.madvise(address, size, advice)


@contextmanager
def region(size: int, *, huge: bool = False, fd: int = -1, shared: bool = False) -> Iterator[int]:
    """Memory that is there and mapped, at an address of whole huge pages."""
    whole = size + (2 << 20) if fd < 0 else size
    start = map_bytes(whole, fd, shared=shared, populate=fd >= 0)
    at = (start + (2 << 20) - 1) // (2 << 20) * (2 << 20) if fd < 0 else start
    try:
        if fd < 0:
            advise(at, size, HUGE_PAGES if huge else NO_HUGE_PAGES)
            ctypes.memset(at, 1, size)
        yield at
    finally:
        unmap(start, whole)


@contextmanager
def file_in_memory(size: int, present: int = 1, of: int = 1) -> Iterator[int]:
    """A file that only this process sees, in memory: of each `of` pages the first `present`."""
    descriptor = os.memfd_create("dessim-measure", os.MFD_CLOEXEC)
    try:
        os.ftruncate(descriptor, size)
        if present == of:
            chunk = b"\1" * (1 << 20)
            for at in range(0, size, len(chunk)):
                os.pwrite(descriptor, chunk[: size - at], at)
        else:
            some = b"\1" * PAGE * present
            for at in range(0, size, of * PAGE):
                os.pwrite(descriptor, some, at)
        yield descriptor
    finally:
        os.close(descriptor)


def words(at: int, n: int) -> Any:
    """Words of memory at an address, as an array that shares them."""
    buffer: Any = (ctypes.c_char * (8 * n)).from_address(at)
    return np.frombuffer(buffer, dtype=np.int64)
