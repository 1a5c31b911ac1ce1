"""Write a machine's file that stands on a base: each number with how it is known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dessim.model import Machine
from dessim.model.fields import unit_of
from dessim.model.provenance import Tag
from dessim.model.units import RATE, SIZE, TIME, format_quantity, format_ratio
from dessim.model.vary import field_of


@dataclass(frozen=True)
class Entry:
    """One value of a profile.

    Attributes
    ----------
    path : str
        Dotted.
    value : int, str or nested tuples of int
        In the unit of the attribute.
    tag : Tag
    source, note : str
    low, high : int or None
    """

    path: str
    value: Any
    tag: Tag
    source: str = ""
    note: str = ""
    low: int | None = None
    high: int | None = None


@dataclass
class Draft:
    """A profile in the making.

    Attributes
    ----------
    name, base, description : str
    entries : list of Entry
    sources : dict of str to str
    notes : list of str
        Sentences for the head of the file.
    """

    name: str
    base: str
    description: str
    entries: list[Entry] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    """Keys are the profile's own: `NAME host`. A base made in the same way has others."""
    notes: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        """Key of the source that describes the machine."""
        return f"{self.name} host"

    @property
    def pairs(self) -> str:
        """Key of the source of latencies between CPUs."""
        return f"{self.name} pairs"

    def text(self) -> str:
        """The file."""
        lines = ["# yaml-language-server: $schema=../../schema/machine.json"]
        lines += [f"# {_plain(note)}" for note in self.notes]
        lines += ["", f"name: {_quoted(self.name)}", f"base: {_quoted(self.base)}"]
        lines.append(f"description: {_quoted(self.description)}")
        tree: dict[str, Any] = {}
        for entry in self.entries:
            *way, key = entry.path.split(".")
            place = tree
            for step in way:
                place = place.setdefault(step, {})
            place[key] = entry
        lines += _section(tree, "")
        if self.sources:
            lines += ["", "sources:"]
            lines += [f"  {_quoted(key)}: {_quoted(text)}" for key, text in self.sources.items()]
        return "\n".join(lines) + "\n"


def _section(tree: Mapping[str, Any], indent: str) -> list[str]:
    lines: list[str] = []
    for key, value in tree.items():
        if isinstance(value, Entry):
            lines.append(f"{indent}{key}: {_entry(value)}")
        else:
            lines += [*([] if indent else [""]), f"{indent}{key}:", *_section(value, indent + "  ")]
    return lines


def _entry(entry: Entry) -> str:
    parts = [f"value: {as_written(entry.path, entry.value)}"]
    if entry.low is not None and entry.high is not None and entry.low < entry.high:
        ends = (min(entry.low, entry.value), max(entry.high, entry.value))
        parts.append("range: [" + ", ".join(as_written(entry.path, end) for end in ends) + "]")
    parts.append(f"tag: {entry.tag}")
    parts += [
        f"{k}: {_quoted(v)}" for k, v in (("source", entry.source), ("note", entry.note)) if v
    ]
    return "{" + ", ".join(parts) + "}"


def as_written(path: str, value: Any) -> str:
    """A value of a machine as its file has it."""
    unit = unit_of(field_of(Machine, path))
    if unit is not None and isinstance(value, int):
        if unit.kind is None:
            return format_ratio(value)
        if unit.kind in (TIME, SIZE, RATE):
            return format_quantity(value, unit.kind)
        return unit.write(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quoted(text: str) -> str:
    return json.dumps(" ".join(_plain(text).split()), ensure_ascii=False)


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:5000]
