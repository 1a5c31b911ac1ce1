"""Which results pages, figures and queues were made of, so that nobody takes them for newer ones.

`drawn.json` next to results holds, for each file that a command made of them, the SHA-256 of the
`results.json` of that time. It is no seal: such files may be edited.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dessim.files.reading import UnreadableError, read_file, read_json
from dessim.files.seals import DRAWN
from dessim.files.writing import write_all

DOCUMENT, FIGURES = "results.json", "figures"
SINGLE = ("report.html", "page_lock_queues.csv")
"""What may lie next to results without a line in the record, besides figures: of older versions."""


def note_drawn(folder: Path, paths: Iterable[Path]) -> None:
    """Note that files in a folder of results were made of them; others are passed over.

    Parameters
    ----------
    folder : Path
    paths : iterable of Path
        What was written.
    """
    root = os.path.realpath(folder)
    names = [os.path.relpath(os.path.realpath(path), root) for path in paths]
    inside = [name for name in names if name.split(os.sep)[0] != os.pardir]
    if inside and (digest := _digest(folder)):
        _write(folder, {**_record(folder), **dict.fromkeys(inside, digest)})


@contextmanager
def replacing(folder: Path) -> Iterator[None]:
    """While results are replaced: what lies next to them without a record is of the former."""
    before = _digest(folder)
    yield
    if before and before != _digest(folder):
        record = _record(folder)
        unknown = {name: before for name in _unrecorded(folder) if name not in record}
        if unknown:
            _write(folder, {**record, **unknown})


def outdated(folder: Path) -> list[Path]:
    """Return files next to results that were made of others."""
    digest = _digest(folder)
    if not digest:
        return []
    record = sorted(_record(folder).items())
    return [folder / name for name, of in record if of != digest and (folder / name).is_file()]


def _unrecorded(folder: Path) -> list[str]:
    figures = sorted((folder / FIGURES).glob("*.*"))
    there = [path.relative_to(folder).as_posix() for path in figures if path.is_file()]
    return [*(name for name in SINGLE if (folder / name).is_file()), *there]


def _record(folder: Path) -> dict[str, str]:
    """Return what is noted; nothing if it cannot be read."""
    try:
        found = read_json(folder / DRAWN)
    except UnreadableError:
        return {}
    if not isinstance(found, dict) or not all(isinstance(of, str) for of in found.values()):
        return {}
    return {name: of for name, of in found.items() if _is_inside(name)}


def _is_inside(name: str) -> bool:
    return bool(name) and not os.path.isabs(name) and os.pardir not in name.split(os.sep)


def _write(folder: Path, record: dict[str, str]) -> None:
    text = json.dumps(dict(sorted(record.items())), indent=1, ensure_ascii=False) + "\n"
    write_all({folder / DRAWN: text.encode(errors="surrogatepass")})


def _digest(folder: Path) -> str:
    """Return the SHA-256 of the results in a folder; nothing if there are none."""
    try:
        return hashlib.sha256(read_file(folder / DOCUMENT)).hexdigest()
    except UnreadableError:
        return ""
