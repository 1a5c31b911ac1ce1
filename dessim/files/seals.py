"""Seals of results: who draws them notices when a file is not the one that was written.

`seals.json` next to the results holds the SHA-256 of each file. It guards against edits, torn
copies and files of two runs side by side, not against somebody who seals again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from dessim.errors import UserError
from dessim.files.reading import UnreadableError, read_file, read_json
from dessim.files.writing import write_all

SEALS, MANIFEST, DRAWN = "seals.json", "sweep.json", "drawn.json"
"""Next to results: their seals, which runs they are made of, and what was made of them."""
REMEDY = "the same `dessim run` writes it again (stored runs are reused)"


class BrokenSealError(UserError):
    """A file of results that is not as it was written."""


def write_sealed(files: Mapping[str, bytes], folder: Path) -> list[Path]:
    """Write the files of a folder of results, and their seals.

    Returns
    -------
    list of Path
        What was written, without the seals.
    """
    seals = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    whole = {folder / name: data for name, data in files.items()}
    written = write_all({**whole, folder / SEALS: (json.dumps(seals, indent=1) + "\n").encode()})
    return written[:-1]


def read_sealed(path: Path) -> bytes:
    """Read a file of results and check its seal; one without seals is taken as it is.

    Raises
    ------
    BrokenSealError
        If it was changed since it was written, or the seals cannot be read.
    UnreadableError
        If it cannot be read.
    """
    data = read_file(path)
    try:
        seals = read_json(path.parent / SEALS)
    except UnreadableError as error:
        if error.missing:
            return data
        raise BrokenSealError(f"{error}; {REMEDY}") from None
    if not isinstance(seals, dict):
        raise BrokenSealError(f"{path.parent / SEALS}: this is not a file of seals; {REMEDY}")
    if seals.get(path.name) != hashlib.sha256(data).hexdigest():
        raise BrokenSealError(f"{path} was changed after it was written; {REMEDY}")
    return data


def is_sealed(folder: Path) -> bool:
    """Whether results have seals; those of older versions have none."""
    return (folder / SEALS).is_file()


def changed(folder: Path, expected: Iterable[str] = ()) -> list[Path]:
    """Files of results that are not as they were written, and not those that are gone.

    Parameters
    ----------
    folder : Path
    expected : iterable of str
        Names that the seals should have, if there are any.
    """
    try:
        seals = read_json(folder / SEALS)
    except UnreadableError as error:
        return [] if error.missing else [folder / SEALS]
    if not isinstance(seals, dict):
        return [folder / SEALS]
    found: list[Path] = []
    for name in dict.fromkeys((*seals, *expected)):
        try:
            read_sealed(folder / name)
        except BrokenSealError:
            found.append(folder / name)
        except UnreadableError as error:
            found += [] if error.missing else [folder / name]
    return found
