"""What was asked before, and the tables that answer it.

An experiment whose runs are all stored has tables already; to find that out by building its points
and their statistics again takes longer than to read them. An answer, in the folder ``.answers``
next to the store, names all that it was made from, with checksums: dessim's own sources, the
folders of configurations, schemes and actors, each file that was read, the runs, the tables. Where
any of them is not what it was, nothing is known, and the experiment is done as if for the first
time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any

import dessim
from dessim.files.reading import UnreadableError, read_file, read_json
from dessim.files.seals import MANIFEST, SEALS
from dessim.files.writing import write_all
from dessim.model.locate import SUFFIXES, roots
from dessim.study.store.runs import Store

FOLDER = ".answers"
"""Next to the folder of runs."""
OWN_PROGRAMS = ("schemes", "actors")
"""Folders of the working directory with Python files that can be named."""


@dataclass(frozen=True)
class Answer:
    """Tables that were made once, and what from.

    Attributes
    ----------
    surroundings : str
        Digest of dessim's sources and of all that can be named.
    files : dict
        Files that were read, and the tables, their seals and the manifest: path -> SHA-256.
    runs : list of str
        Names of the runs.
    tables : list of str
        Paths of the tables, the document first.
    """

    surroundings: str
    files: dict[str, str]
    runs: list[str]
    tables: list[str]

    def document(self, store: Store) -> dict[str, Any] | None:
        """Read the results; None if anything that they were made from has changed."""
        if self.surroundings != surroundings():
            return None
        if any(_digest(path) != digest for path, digest in self.files.items()):
            return None
        if not all(map(store.is_whole, self.runs)):
            return None
        with suppress(UnreadableError):
            document = read_json(self.tables[0])
            return document if isinstance(document, dict) else None
        return None


def keep(
    store: Store,
    request: Mapping[str, Any],
    read: Mapping[str, str],
    tables: Iterable[Path],
    runs: Iterable[str],
    begun: str,
) -> None:
    """Note what answers a request; where the store cannot be written to, nobody needs it.

    Nor is anything noted if dessim's sources or what can be named changed in the meantime: nobody
    knows then what the answer was made from.

    Parameters
    ----------
    store : Store
    request : mapping
        What somebody typed, as plain data.
    read : mapping of str to str
        Files that were read for it, and their SHA-256.
    tables : iterable of Path
        What was written, the document first.
    runs : iterable of str
        Names of all runs behind it.
    begun : str
        ``surroundings`` when it was asked.
    """
    if begun != surroundings():
        return
    paths = [str(path) for path in tables]
    beside = [str(Path(paths[0]).parent / name) for name in (SEALS, MANIFEST)]
    files = {**read, **{path: _digest(path) for path in (*paths, *beside)}}
    answer = Answer(begun, files, sorted(runs), paths)
    with suppress(OSError):
        write_all({_place(store, request): json.dumps(asdict(answer), indent=1).encode()})


def known(store: Store, request: Mapping[str, Any]) -> Answer | None:
    """Return what answered a request before, if anything did."""
    try:
        data = read_json(_place(store, request))
    except UnreadableError:
        return None
    return Answer(**data) if _is_answer(data) else None


def _is_answer(data: Any) -> bool:
    """Whether a file's content has the form that ``keep`` gives it."""
    if not isinstance(data, dict) or set(data) != {field.name for field in fields(Answer)}:
        return False
    files, lists = data["files"], (data["runs"], data["tables"])
    if not isinstance(files, dict) or not all(isinstance(one, list) for one in lists):
        return False
    texts = (data["surroundings"], *files.values(), *chain.from_iterable(lists))
    tables = data["tables"]
    return all(isinstance(text, str) for text in texts) and bool(tables) and set(tables) <= {*files}


def forget(store: Store) -> None:
    """Remove answers that no longer hold, because a run of theirs is gone."""
    for path in (store.root.parent / FOLDER).glob("*.json"):
        with suppress(UnreadableError, OSError, TypeError, KeyError):
            if not all((store.root / run).is_dir() for run in read_json(path)["runs"]):
                path.unlink()


def surroundings() -> str:
    """Digest of dessim's sources, and of every file that a configuration can name."""
    package = Path(dessim.__file__).resolve().parent
    files = [
        *package.rglob("*.py"),
        *chain.from_iterable(Path(own).glob("*.py") for own in OWN_PROGRAMS),
    ]
    for kind, suffix in SUFFIXES.items():
        for root in roots():
            files += (root / kind).glob(f"*{suffix}")
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path} {_digest(path)}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()


def _digest(path: str | Path) -> str:
    """SHA-256 of a file; no digest's text if it cannot be read."""
    try:
        return hashlib.sha256(read_file(path)).hexdigest()
    except UnreadableError:
        return "unreadable"


def _place(store: Store, request: Mapping[str, Any]) -> Path:
    text = json.dumps(request, sort_keys=True)
    return store.root.parent / FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
