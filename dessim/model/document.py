"""Plain data that remembers where each part of it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dessim.model.errors import Place, Source

Path = tuple[str | int, ...]


def dotted(path: Path) -> str:
    """A path as people write it: `kernel.find_vma`."""
    return ".".join(map(str, path))


class Bad:
    """Stands for a value that the loader has already complained about."""


BAD = Bad()


@dataclass(frozen=True, slots=True)
class Document:
    """Nested dicts, lists and scalars, with the place of every value and of every key."""

    data: Any
    source: Source
    values: Mapping[Path, Place] = field(default_factory=dict)
    keys: Mapping[Path, Place] = field(default_factory=dict)
    overlays: tuple[tuple[Path, Place], ...] = ()
    """Values that were set from elsewhere, latest last: their parts have that one place."""

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Place of the value at `path` (or of its key), or else of the nearest thing around it."""
        for overlaid, place in reversed(self.overlays):
            if path[: len(overlaid)] == overlaid:
                return place
        if key and path in self.keys:
            return self.keys[path]
        if path in self.values:
            return self.values[path]
        for overlaid, place in reversed(self.overlays):
            if overlaid[: len(path)] == path and path:  # made only to hold what was set below it
                return place
        for end in range(len(path), -1, -1):
            if path[:end] in self.values:
                return self.values[path[:end]]
        return Place(self.source)

    def set(self, path: Path, value: Any, place: Place) -> Document:
        """A copy with another value at `path`; missing mappings on the way are made.

        Raises
        ------
        ValueError
            If something on the way is not a mapping.
        """
        data = _set(self.data, path, value)
        overlays = (*self.overlays, (path, place))
        return Document(data, self.source, self.values, self.keys, overlays)

    def without(self, path: Path) -> Document:
        """A copy without the key at `path`, which must be there."""
        parent = self.get(path[:-1])
        data = _set(self.data, path[:-1], {k: v for k, v in parent.items() if k != path[-1]})
        return Document(data, self.source, self.values, self.keys, self.overlays)

    def get(self, path: Path, default: Any = None) -> Any:
        """The value at `path`, or `default`."""
        data = self.data
        for step in path:
            in_dict = isinstance(data, dict) and step in data
            in_list = isinstance(data, list) and isinstance(step, int) and step < len(data)
            if not in_dict and not in_list:
                return default
            data = data[step]
        return data

    def part(self, path: Path) -> Document:
        """The document below `path`, its places kept."""
        n = len(path)
        values = {p[n:]: place for p, place in self.values.items() if p[:n] == path}
        keys = {p[n:]: place for p, place in self.keys.items() if p[:n] == path and len(p) > n}
        overlays = []
        for overlaid, place in self.overlays:
            if overlaid[:n] == path:
                overlays.append((overlaid[n:], place))
            elif path[: len(overlaid)] == overlaid:
                overlays.append(((), place))
        return Document(self.get(path), self.source, values, keys, tuple(overlays))


def _set(data: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ValueError(f"no mapping can hold '{path[0]}'")
    return {**data, path[0]: _set(data.get(path[0]), path[1:], value)}
