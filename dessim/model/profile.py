"""Machine documents: a cost is a quantity, or a quantity with its source, range and tag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from dessim.model.bases import Based
from dessim.model.cycles import CLOCK, in_time
from dessim.model.document import Bad, Document, Path, dotted
from dessim.model.errors import Place, Problem, suggest
from dessim.model.fields import describe, unfit_text, walk
from dessim.model.machine import Machine, left_out
from dessim.model.provenance import Provenance, Tag
from dessim.model.units import shorten
from dessim.model.validate import read_number, validate

NOTE_KEYS = ("value", "tag", "source", "range", "note")
_OWN_MAPPINGS = {("sources",), ("calibration",)}
EXPERIMENT = "the experiment"
"""Origin of a value that an experiment sets."""
_SET = Provenance(tag="assumed", source="set by the experiment")


@dataclass(frozen=True, slots=True)
class Cell:
    """A value that an experiment sets, and where it says so."""

    value: Any
    place: Place
    path: Path = ()
    """Path of the value in the experiment's document."""


@dataclass(slots=True)
class Profile:
    """A machine's document with the sources of its numbers taken out of it."""

    document: Document
    provenance: dict[str, Provenance] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    """Which profile gives each value, by its dotted path; see `dessim.model.bases`."""
    problems: list[Problem] = field(default_factory=list)
    based: Based | None = None
    """What the profile was made from, if some of its times are cycles: with another clock they are
    other times."""

    def machine(
        self, settings: Mapping[Path, Cell] | None = None
    ) -> tuple[Machine | None, list[Problem]]:
        """Build the machine, with some of its leaves set to other values.

        Returns
        -------
        Machine or None, list of Problem
        """
        settings = dict(settings or {})
        if self.based is not None and CLOCK in settings:
            cell = settings.pop(CLOCK)
            document = self.based.document.set(CLOCK, cell.value, cell.place)
            again = profile(replace(self.based, document=document))
            return again.machine(settings)
        document, provenance, origins = self.document, dict(self.provenance), dict(self.origins)
        for path, cell in settings.items():
            document = document.set(path, cell.value, cell.place)
            provenance[dotted(path)] = _SET
            origins[dotted(path)] = EXPERIMENT
        document, _ = in_time(document)  # what was set may be in cycles
        machine, problems = validate(Machine, document)
        if machine is None or self.problems:
            return None, [*self.problems, *problems]
        provenance |= left_out(machine)
        return machine.model_copy(update={"provenance": provenance, "origins": origins}), []


def profile(based: Based) -> Profile:
    """Take `{value: …, tag: …, source: …, range: …, note: …}` apart, wherever it is written.

    Parameters
    ----------
    based : Based
        As loaded and filled in by its bases, possibly with values set from outside.

    Returns
    -------
    Profile
    """
    document, cycles = in_time(based.document)
    set_outside = [path for path, _ in document.overlays if path]
    result = Profile(document, origins=dict(based.origins), problems=list(based.problems))
    result.based = based if cycles else None
    for path in walk(Machine):
        value = document.get(path)
        outside = value is not None and any(path[: len(p)] == p for p in set_outside)
        if outside:
            result.origins[dotted(path)] = EXPERIMENT
        if isinstance(value, dict) and path not in _OWN_MAPPINGS:
            _take_apart(result, document, path, value)
        elif outside:
            result.provenance[dotted(path)] = _SET
    return result


def _take_apart(result: Profile, document: Document, path: Path, value: dict[str, Any]) -> None:
    for key in value:
        if key not in NOTE_KEYS:
            hint = suggest(key, NOTE_KEYS, plural="keys")
            text = f"unknown key '{shorten(key)}'; {hint}"
            result.problems.append(Problem(document.place((*path, key), key=True), text))
    place = document.place((*path, "value"))
    if "value" not in value:
        result.problems.append(Problem(document.place(path), "missing key 'value'"))
    stripped = value.get("value", Bad())
    result.document = result.document.set(path, stripped, place)
    low, high = _range(result, document, path, value)
    texts: dict[str, str | None] = {}
    for key in ("tag", "source", "note"):
        found = value.get(key)
        texts[key] = found if isinstance(found, str) else None
        if not isinstance(found, (str, Bad)) and found is not None:
            sentence = f"expected text, found {describe(found)}"
            result.problems.append(Problem(document.place((*path, key)), sentence))
        elif key == "source" and isinstance(found, str) and not found.strip():
            sentence = "the source is empty: name one, or leave the key out"
            result.problems.append(Problem(document.place((*path, key)), sentence))
        elif sentence := unfit_text(texts[key] or ""):
            texts[key] = None
            result.problems.append(Problem(document.place((*path, key)), sentence))
    tag = texts["tag"]
    if tag is not None and tag not in get_args(Tag):
        hint = suggest(tag, get_args(Tag), plural="tags")
        sentence = f"unknown tag '{shorten(tag)}'; {hint}"
        result.problems.append(Problem(document.place((*path, "tag")), sentence))
        return
    result.provenance[dotted(path)] = Provenance(
        tag=tag,
        source=texts["source"],
        low=low,
        high=high,
        note=texts["note"],
    )


def _range(
    result: Profile, document: Document, path: Path, value: dict[str, Any]
) -> tuple[int | None, int | None]:
    """Ends of the range in the unit of the value; problems are collected."""
    ends = value.get("range")
    if ends is None or isinstance(ends, Bad):
        return None, None
    here = document.place((*path, "range"))
    if not isinstance(ends, list) or len(ends) != 2:
        result.problems.append(Problem(here, "a range is a list of two values: [low, high]"))
        return None, None
    low = _number(result, document, (*path, "range", 0), ends[0], path)
    high = _number(result, document, (*path, "range", 1), ends[1], path)
    if low is None or high is None:
        return None, None
    if low > high:
        result.problems.append(Problem(here, "the low end of the range is above the high end"))
        return None, None
    try:
        middle = read_number(Machine, path, value.get("value"))
    except ValueError:
        return low, high  # the value's own complaint comes from the model
    if not low <= middle <= high:
        text = "the value lies outside its own range"
        result.problems.append(Problem(document.place((*path, "value")), text))
    return low, high


def _number(
    result: Profile, document: Document, where: Path, value: object, path: Path
) -> int | None:
    if isinstance(value, Bad):
        return None
    try:
        return read_number(Machine, path, value)
    except ValueError as error:
        result.problems.append(Problem(document.place(where), str(error)))
        return None
