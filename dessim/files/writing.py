"""The one writer: what is complete is renamed into its place, devices and pipes are written to.

A symbolic link stays one: what it leads to is replaced. A full disk leaves what was there before.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from dessim.errors import UserError
from dessim.files.atomic import clear, flush, workspace, write_through

DENIED = (errno.EACCES, errno.EPERM)
"""What the system says of somebody else's files."""
NOT_TAKEN = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, *DENIED)
"""The same of a disk that is full or only to be read, and of a file too large: what is written is
not taken, and the same can be done again elsewhere."""
STREAMS = {"-": 1, "/dev/stdout": 1, "/dev/stderr": 2}
NEW = "new"


def remedy(error: OSError) -> str:
    """Return what to do about a place that takes nothing, in words."""
    if error.errno in DENIED:
        return "ask the owner for the right to it"
    return "make it writable" if error.errno == errno.EROFS else "free some space"


class UnwritableError(UserError):
    """A place where nothing can be written."""


class ThereError(UnwritableError):
    """A new file would replace one that is there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} exists already")


def write_all(files: Mapping[Path, bytes], *, new: bool = False) -> list[Path]:
    """Write files: all lie complete next to their places before the first is renamed.

    Leftovers of killed writers in the same folders are removed.

    Parameters
    ----------
    files : mapping of Path to bytes
    new : bool
        Whether none of them may replace a file, even one that appears meanwhile.

    Returns
    -------
    list of Path
        What was written, as it was named.

    Raises
    ------
    OSError
        If the disk is full or not writable; files are then as before.
    UnwritableError
        If a place is a pipe that nobody reads, or as of ``check_place``.
    ThereError
        If one of the new files exists already; then none is written.
    """
    streams: list[tuple[IO[bytes], bytes]] = []
    aside: dict[Path, dict[str, bytes]] = {}
    with ExitStack() as stack:
        for path, data in files.items():
            stream = _open_stream(path)
            if stream is None:
                place = _place(path)
                aside.setdefault(place.parent, {})[place.name] = data
            else:
                streams.append((stack.enter_context(stream), data))
        folders = {parent: stack.enter_context(_beside(parent)) for parent in aside}
        for parent, contents in aside.items():
            write_through(folders[parent], contents)
        pairs = [(folders[at] / name, at / name) for at, names in aside.items() for name in names]
        if new:
            _put_new(pairs, {_place(path): path for path in files})
        for made, place in () if new else pairs:
            _put(made, place)
        for parent in aside:
            flush(parent)
        for stream, data in streams:
            stream.write(data)
    return list(files)


def _place(path: Path) -> Path:
    """Return what a name leads to, through links."""
    return Path(os.path.realpath(path))


@contextmanager
def _beside(parent: Path) -> Iterator[Path]:
    """Give a folder on the disk of another; what killed writers left there goes."""
    parent.mkdir(parents=True, exist_ok=True)
    clear(parent)
    with workspace(parent) as folder:
        yield folder


def _put(new: Path, place: Path) -> None:
    """Rename a complete file into its place, with the rights of what was there."""
    with suppress(OSError):
        new.chmod(stat.S_IMODE(place.stat().st_mode))
    new.replace(place)


def _put_new(pairs: Sequence[tuple[Path, Path]], called: Mapping[Path, Path]) -> None:
    """Give complete files their names, or none of them if one of the names is taken."""
    named: list[Path] = []
    try:
        for made, place in pairs:
            _name(made, place)
            named.append(place)
    except OSError as error:
        for one in named:
            one.unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            raise ThereError(called[place]) from None
        raise


def _name(made: Path, place: Path) -> None:
    """Give a file a name that nothing has: the system looks and writes in one step."""
    try:
        os.link(made, place)
    except FileExistsError:
        raise
    except OSError:  # a disk without links: take the name first
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
        made.replace(place)


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write to, which is put in its place at the end, if nothing failed.

    Raises
    ------
    OSError, UnwritableError
        As of ``write_all``.
    """
    stream = _open_stream(path)
    if stream is not None:
        with stream:
            yield stream
        return
    place = _place(path)
    with _beside(place.parent) as folder:
        with (folder / NEW).open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _put(folder / NEW, place)
        flush(place.parent)


def check_place(path: Path) -> int | None:
    """Refuse a place where no file can be written, before the work for it is done.

    Returns
    -------
    int or None
        The mode of what is there; None if the file is new.

    Raises
    ------
    UnwritableError
        If it is a folder, a socket, a link that leads to itself, or below what is not a folder.
    OSError
        If its name is too long, or nothing can be written in its folder.
    """
    mode = _mode(path)
    if mode is not None and stat.S_ISDIR(mode):
        raise UnwritableError(f"{path}: this is a folder, not a file")
    if mode is not None and stat.S_ISSOCK(mode):
        raise UnwritableError(f"{path}: this is a socket, not a file")
    if mode is None or stat.S_ISREG(mode):
        check_folder(_place(path).parent)
    return mode


def _mode(path: Path) -> int | None:
    """Return the mode of what is there, behind links; None if there is nothing."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnwritableError(f"{path}: this link leads to itself") from None
        raise


def nearest_folder(folder: Path) -> Path:
    """Return a folder, or the one in which it would be made, directly or not.

    Raises
    ------
    UnwritableError
        If something on the way to it is not a folder, or a link that leads to itself or nowhere.
    OSError
        If its name is too long.
    """
    mode = _mode(folder)
    if mode is not None and not stat.S_ISDIR(mode):
        raise UnwritableError(f"{folder}: this is not a folder")
    for one in (folder, *folder.parents):
        if one.is_symlink() and not one.exists():
            raise UnwritableError(f"{one}: this link leads nowhere: remove it, or make its target")
    there = _place(folder)
    while not os.path.lexists(there):
        there = there.parent
    if not there.is_dir():
        raise UnwritableError(f"{there}: this is not a folder")
    return there


def refuse_input(path: Path | None, *read: str | Path | None) -> None:
    """Refuse to write over what a command reads.

    Raises
    ------
    UnwritableError
        If the place is one of these files, also by another name.
    """
    if path is None or not os.path.exists(path):
        return
    for file in read:
        if file and os.path.exists(file) and path.samefile(file):
            raise UnwritableError(
                f"{path}: the command reads this file; choose another one to write"
            )


def check_folder(folder: Path) -> None:
    """Refuse a folder in which nothing can be written; it need not exist yet.

    Raises
    ------
    UnwritableError
        As of ``nearest_folder``.
    OSError
        As well; or if nothing can be written in it, or in the one that it would be made in.
    """
    there = nearest_folder(folder)
    if not os.access(there, os.W_OK | os.X_OK):
        read_only = os.statvfs(there).f_flag & os.ST_RDONLY
        number = errno.EROFS if read_only else errno.EACCES
        raise OSError(number, os.strerror(number), str(there))


def is_stream(path: Path) -> bool:
    """Return whether a place is written to and not replaced: a stream, a device, a pipe."""
    if _descriptor(path) is not None:
        return True
    mode = _mode(path)
    return mode is not None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _descriptor(path: Path) -> int | None:
    """Return the number of a stream of this process; None if a name is that of none."""
    if path.parent == Path("/dev/fd") and path.name.isdecimal():
        return int(path.name)
    return STREAMS.get(str(path))


def _open_stream(path: Path) -> IO[bytes] | None:
    """Open what is written to and not replaced: a stream of this process, a device, a pipe."""
    number = _descriptor(path)
    if number is not None:
        return os.fdopen(os.dup(number), "wb")
    mode = check_place(path)
    if mode is None or stat.S_ISREG(mode):
        return None
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise UnwritableError(f"{path}: nobody reads this pipe") from None
        raise
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "wb")


def write_texts(texts: Mapping[str, str], folder: Path) -> list[Path]:
    """Write text files into a folder: as ``write_all``."""
    return write_all({folder / name: text.encode() for name, text in texts.items()})
