"""Names of files that a command writes, and files next to them that nobody named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from dessim.files.own import refuse_own
from dessim.files.writing import check_place, is_stream


def check_suffix(option: str, path: Path | None, what: str, suffixes: Sequence[str]) -> None:
    """Refuse a name that ends as no file of the command does: another file may lie there.

    A name without a suffix is taken as it is, and so is a device or a pipe.

    Parameters
    ----------
    option : str
        That gives the name.
    path : Path or None
    what : str
        What the file is, with its article.
    suffixes : sequence of str

    Raises
    ------
    click.UsageError
    """
    if path is None or path.suffix.lower() in ("", *suffixes) or is_stream(path):
        return
    ends = ", ".join(suffixes[:-1])
    ends = f"{ends} or {suffixes[-1]}" if ends else suffixes[-1]
    raise click.UsageError(f"{option} {path}: {what}'s name must end in {ends}")


def check_second(option: str, first: Path, second: Path) -> None:
    """Refuse to replace a file that nobody named, unless the command wrote both before.

    Parameters
    ----------
    option : str
        That names the first file.
    first, second : Path
        What was named, and what goes next to it.

    Raises
    ------
    click.UsageError
        If the second is there without the first.
    UnwritableError, OSError
        If the second cannot be written, or is a file of results.
    """
    check_place(second)
    refuse_own(second)
    if second.exists() and not first.exists():
        raise click.UsageError(
            f"{second} is there without {first}, and would be replaced: give another {option}, or"
            f" remove {second}"
        )
