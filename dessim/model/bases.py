"""`base: NAME` in a machine's file: what the file leaves out is that of another profile."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from dessim.model.document import Document, Path, dotted
from dessim.model.errors import ConfigError, Place, Problem
from dessim.model.fields import describe, walk
from dessim.model.locate import find, find_from, names, not_found, places
from dessim.model.machine import Machine
from dessim.model.nearest import REQUIRED, nearest_first
from dessim.model.units import shorten
from dessim.model.yaml_loader import read_document

MAX_BASES = 8
"""Longest chain of profiles that stand on each other."""
OF_ONE_MACHINE = ("name", "description", "calibration")
"""Keys that say something of one profile only: no other inherits them. A calibration is the
covariance of numbers as they were fitted together."""
FORGOTTEN = 5
"""Values that a file may lack and still be meant as complete: then each of them is named."""
_LEAVES = tuple(path for path in walk(Machine) if path[0] not in (*OF_ONE_MACHINE, "sources"))
_SECTIONS = {path[:end] for path in _LEAVES for end in range(1, len(path))}
_NEED = {("topology", "hops"): ("topology", "sockets")}
"""Keys whose value only makes sense with another one: given without them, the base's is dropped."""


@dataclass(slots=True)
class Based:
    """A machine's document together with what it takes from its bases.

    Attributes
    ----------
    document : Document
        Complete as far as the bases are; each part keeps the place where it was written.
    origins : dict of str to str
        Dotted path of each value that some file gives -> the profile that gives it: its reference
        as written, and for the file itself its name.
    problems : list of Problem
    """

    document: Document
    origins: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def with_bases(document: Document, folder: FilePath | None) -> Based:
    """Fill in what a machine's document leaves to its base.

    Parameters
    ----------
    document : Document
        As loaded. Its key `base`, if it has one, is a name in configs/machines or a path.
    folder : pathlib.Path or None
        Of the file: paths are tried from here first.

    Returns
    -------
    Based
        Without the key `base`. A document that stays far from complete has a problem that names the
        profiles nearest to it, and the numbers of the nearest, so that what is wrong besides can be
        reported.
    """
    own = document.get(("name",))
    found = _based(document, folder, own if isinstance(own, str) else "the file", ())
    missing = [path for path in REQUIRED if found.document.get(path) is None]
    if not isinstance(document.data, dict) or len(missing) <= FORGOTTEN:
        return found
    nearest = nearest_first(document, _shipped())
    if not found.problems:
        text = _partial([dotted(path) for path in missing], [name for name, _ in nearest])
        found.problems.append(Problem(document.place(()), text))
    if nearest:
        found.document = _merge(found.document, nearest[0][1], document.place(()))
    return found


def _partial(missing: list[str], nearest: list[str]) -> str:
    """Sentence for a file that gives a part of a machine and no base."""
    text = f"{len(missing)} of the {len(REQUIRED)} values that a machine needs are missing"
    listed = ", ".join(missing[:3])
    remedy = "name a machine in `base:` and write only what differs"
    near = f"; the closest: {', '.join(nearest[:3])}" if nearest else ""
    return f"{text} ({listed}, …): {remedy}{near}"


def _shipped() -> dict[str, Document]:
    """Documents of the profiles that have a name and are complete."""
    found = {}
    for name in names("machines"):
        with suppress(ConfigError):
            path = find("machines", name)
            one = _based(read_document(path)[0], path.parent, name, ())
            if all(one.document.get(path) is not None for path in REQUIRED):
                found[name] = one.document
    return found


def _based(document: Document, folder: FilePath | None, own: str, chain: tuple[str, ...]) -> Based:
    data = document.data
    origins = {dotted(path): own for path in _given(document)}
    if not isinstance(data, dict) or "base" not in data:
        return Based(document, origins)
    place, reference = document.place(("base",)), data["base"]
    document = document.without(("base",))
    try:
        if not isinstance(reference, str):
            text = f"expected the name of a machine, found {describe(reference)}"
            raise ConfigError([Problem(place, text)])
        path = find_from("machines", reference, folder)
        if path is None:
            raise ConfigError([Problem(place, not_found("machines", reference))])
        here = str(path.resolve())
        if here in chain or len(chain) >= MAX_BASES:
            raise ConfigError([Problem(place, _circle(reference, here in chain))])
        below, problems = read_document(path)
    except ConfigError as error:
        return Based(document, origins, list(error.problems))
    base = _based(below, path.parent, reference, (*chain, here))
    problems += [*base.problems, *_two_meanings(document, base.document)]
    document = _merge(document, base.document, place)
    kept = {dotted(path) for path in _given(document)}
    inherited = {key: name for key, name in base.origins.items() if key in kept}
    return Based(document, inherited | origins, problems)


def stands_on(reference: str, folder: FilePath | None, place: FilePath) -> bool:
    """Whether a profile is, or leads over its bases to, a file that is yet to be written.

    Parameters
    ----------
    reference : str
        Of the profile: a name or a path.
    folder : pathlib.Path or None
        Of the file that names it; paths are tried from here first.
    place : pathlib.Path
        Of the file to be written. It may take the name of another one, even of a shipped profile.
    """
    for _ in range(MAX_BASES + 1):
        for path in places("machines", reference, folder):
            if _same(path, place):
                return True
            if path.is_file():
                break
        else:
            return False
        try:
            below = read_document(path)[0].get(("base",))
        except ConfigError:
            return False
        if not isinstance(below, str):
            return False
        reference, folder = below, path.parent
    return False


def _same(one: FilePath, other: FilePath) -> bool:
    """Whether two names lead to one file, there or not."""
    with suppress(OSError):
        if one.samefile(other):
            return True
    return os.path.realpath(one) == os.path.realpath(other)


def _circle(reference: str, known: bool) -> str:
    if known:
        return f"'{shorten(reference)}' leads back to this profile: break the circle of bases"
    return f"more than {MAX_BASES} profiles in a chain of bases: name one closer to the first"


def _given(document: Document) -> list[Path]:
    """Paths of the values that a document gives itself."""
    nothing = object()
    return [path for path in _LEAVES if document.get(path, nothing) is not nothing]


def _merge(own: Document, base: Document, place: Place) -> Document:
    """`own`, and of `base` what it leaves out.

    What a section from the base lacks is to be written in `own`, or another base named: complaints
    about such sections belong to `place`. Values keep their places in the base.
    """
    dropped: set[Path] = {(key,) for key in OF_ONE_MACHINE}
    dropped |= {path for path, needed in _NEED.items() if own.get(needed) is not None}
    taken: set[Path] = set()

    def fill(mine: Any, other: Any, path: Path) -> Any:
        both = isinstance(mine, dict) and isinstance(other, dict)
        if path in _LEAVES or not both:
            return mine
        data = dict(mine)
        for key, value in other.items():
            here = (*path, key)
            if key in mine:
                data[key] = fill(mine[key], value, here)
            elif here not in dropped:
                data[key] = value
                taken.add(here)
        return data

    data = fill(own.data, base.data, ())
    values = _places(base.values, taken) | dict(own.values)
    values |= {path: place for path in values if path in _SECTIONS and path not in own.values}
    keys = _places(base.keys, taken) | dict(own.keys)
    return Document(data, own.source, values, keys, own.overlays)


def _places(known: Mapping[Path, Place], taken: set[Path]) -> dict[Path, Place]:
    return {
        path: place
        for path, place in known.items()
        if any(path[:end] in taken for end in range(1, len(path) + 1))
    }


def _two_meanings(own: Document, base: Document) -> list[Problem]:
    """Keys of `sources` that both files list, with different words."""
    mine, other = own.get(("sources",)), base.get(("sources",))
    if not isinstance(mine, dict) or not isinstance(other, dict):
        return []
    return [
        Problem(
            own.place(("sources", key), key=True),
            f"the base uses another source under the name '{shorten(str(key))}': rename yours",
        )
        for key in mine
        if key in other and mine[key] != other[key]
    ]
