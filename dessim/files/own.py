"""Files that are dessim's own: sealed results and stored runs. No option of a file names them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from dessim.files.reading import UnreadableError, read_json
from dessim.files.seals import DRAWN, MANIFEST, SEALS
from dessim.files.writing import UnwritableError, is_stream

MOST_LOOKED_AT = 100
RESULTS = ("results.json", "results.csv", "results.parquet", "latency.csv", "configuration.json")
"""What `dessim run` seals; protected where the seals are gone, too."""


def store_around(path: Path) -> Path | None:
    """Return the store of runs in which a place is, also behind links; None if it is in none."""
    places = (path.absolute(), Path(os.path.realpath(path)))
    for folder in dict.fromkeys(one for place in places for one in (place, *place.parents)):
        if folder.name == "runs" and any(map(_is_run, islice(_entries(folder), MOST_LOOKED_AT))):
            return folder
    return None


def _entries(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from folder.iterdir()


def _is_run(path: Path) -> bool:
    """Return whether something is named as the store names runs."""
    return re.fullmatch(r"[0-9a-f]{64}", path.name) is not None


def refuse_own(path: Path) -> None:
    """Refuse to write over results that are sealed, what belongs to them, and stored runs.

    Raises
    ------
    UnwritableError
        If the place is one of these files, or new in the store of runs.
    """
    if is_stream(path):
        return
    if store := store_around(path):
        raise UnwritableError(f"{path} is in {store}, where runs are stored: choose another place")
    place = Path(os.path.realpath(path))
    if place.name in _own_names(place.parent):
        raise UnwritableError(
            f"{path} is a file of results, which only `dessim run` writes: choose another place"
        )


def _own_names(folder: Path) -> set[str]:
    """Return names that dessim keeps for itself in a folder; none if no results are there."""
    if not any(os.path.lexists(folder / name) for name in (SEALS, MANIFEST)):
        return set()
    names = {SEALS, MANIFEST, DRAWN, *RESULTS}
    with suppress(UnreadableError):
        seals = read_json(folder / SEALS)
        names |= set(seals) if isinstance(seals, dict) else set()
    return names
