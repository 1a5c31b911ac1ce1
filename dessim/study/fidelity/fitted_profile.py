"""Write a calibrated profile: the old file, with the fitted numbers in their places.

Everything that was not fitted stays as it was written, comments included. A fitted number keeps its
source and range, its note gives the interval and what it was before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dessim.model import Calibration, LeftOut, Machine
from dessim.model.locate import find_from, is_path
from dessim.study.fidelity.parameters import as_text, value_of

_BEFORE = re.compile(r"\bwas (.*)\Z", re.DOTALL)


@dataclass(frozen=True)
class Fitted:
    """A fitted number.

    Attributes
    ----------
    value : int
    interval : (int, int) or None
        95 %; None if the data do not bound it.
    """

    value: int
    interval: tuple[int, int] | None


def fitted_profile(
    text: str, machine: Machine, numbers: Mapping[str, Fitted], name: str, record: Calibration
) -> str:
    """The text of a profile with some numbers replaced by fitted ones.

    Parameters
    ----------
    text : str
        The profile's file.
    machine : Machine
        What was loaded from it.
    numbers : mapping of path to Fitted
    name : str
        Of the new profile.
    record : Calibration
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    edits, sections = [], dict[str, Any]()
    for path, fitted in numbers.items():
        way, entry = path.split("."), _entry(machine, path, fitted)
        node = _node(root, way)
        if node is not None:
            edits.append((*_extent(node), entry))
        elif isinstance(_node(root, way[:1]), yaml.MappingNode):
            edits.append(_behind(root, way, entry))
        else:
            _put(sections, way, entry)
    quoted, own = json.dumps(name, ensure_ascii=False), _node(root, ["name"])
    if own is not None:
        edits.append((*_extent(own), quoted))
    old = _pair(root, "calibration")
    if old is not None:
        edits.append((old[0].start_mark.index, _extent(old[1])[1], ""))
    for begin, end, new in sorted(edits, reverse=True):
        text = text[:begin] + new + text[end:]
    head = "" if own is not None else f"name: {quoted}\n"
    added = f"\n\n{_block(sections)}" if sections else ""
    return f"{head}{text.rstrip()}{added}\n\n{_record(record)}"


def _behind(root: Any, way: list[str], entry: str) -> tuple[int, int, str]:
    """The edit that puts a number which a file leaves out behind the others of its section."""
    depth = max(n for n in range(len(way)) if _node(root, way[:n]) is not None)
    section, left = _node(root, way[:depth]), way[depth:]
    text = (
        "".join(f"{key}: {{" for key in left[:-1]) + f"{left[-1]}: {entry}" + "}" * (len(left) - 1)
    )
    if section.flow_style:
        end = section.end_mark.index - 1
        return end, end, f", {text}" if section.value else text
    end, indent = _extent(section)[1], " " * section.value[0][0].start_mark.column
    return end, end, f"\n{indent}{text}"


def _put(sections: dict[str, Any], way: list[str], entry: str) -> None:
    for key in way[:-1]:
        sections = sections.setdefault(key, {})
    sections[way[-1]] = entry


def _block(sections: Mapping[str, Any], indent: str = "") -> str:
    """Sections that a file with a base does not have itself."""
    lines = []
    for key, value in sections.items():
        inner = value if isinstance(value, str) else f"\n{_block(value, indent + '  ')}"
        lines.append(f"{indent}{key}:{' ' if isinstance(value, str) else ''}{inner}")
    return "\n".join(lines)


def rebased(text: str, folder: Path) -> str:
    """The text of a profile whose base is found from any folder.

    Parameters
    ----------
    text : str
    folder : pathlib.Path
        In which the profile lies.
    """
    node = _node(yaml.compose(text, Loader=yaml.SafeLoader), ["base"])
    if node is None or not is_path("machines", node.value):
        return text
    path = find_from("machines", node.value, folder)
    if path is None:
        return text  # it cannot be loaded either, and that says why
    begin, end = _extent(node)
    return f"{text[:begin]}{json.dumps(str(path.resolve()), ensure_ascii=False)}{text[end:]}"


def _pair(node: Any, key: str) -> tuple[Any, Any] | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((pair for pair in node.value if pair[0].value == key), None)


def _node(node: Any, path: list[str]) -> Any:
    """The node at a path, or None."""
    for key in path:
        pair = _pair(node, key)
        if pair is None:
            return None
        node = pair[1]
    return node


def _extent(node: Any) -> tuple[int, int]:
    """Where a node begins and ends; comments below a block do not belong to it."""
    last = node
    while isinstance(last, yaml.CollectionNode) and last.value and not last.flow_style:
        tail = last.value[-1]
        last = tail[1] if isinstance(tail, tuple) else tail
    end = last.end_mark
    buffer = end.buffer
    index = end.index
    if buffer is not None and isinstance(last, yaml.ScalarNode) and last.style in ("|", ">"):
        while index > 0 and buffer[index - 1] in " \n":
            index -= 1
    return node.start_mark.index, index


def _entry(machine: Machine, path: str, fitted: Fitted) -> str:
    """One number as `{value: …, range: …, tag: fitted, source: …, note: …}`."""
    known = machine.provenance[path]
    assert known.low is not None
    assert known.high is not None
    ends = f"[{as_text(path, known.low)}, {as_text(path, known.high)}]"
    parts = [f"value: {as_text(path, fitted.value)}", f"range: {ends}", "tag: fitted"]
    if known.source is not None:
        parts.append(f"source: {json.dumps(known.source, ensure_ascii=False)}")
    parts.append(f"note: {json.dumps(_note(machine, path, fitted), ensure_ascii=False)}")
    return "{" + ", ".join(parts) + "}"


def _note(machine: Machine, path: str, fitted: Fitted) -> str:
    known = machine.provenance[path]
    if fitted.interval is None:
        found = "the data do not bound it"
    else:
        low, high = (as_text(path, end) for end in fitted.interval)
        found = f"95 % interval {low} to {high}"
    earlier = _BEFORE.search(known.note or "") if known.tag == "fitted" else None
    if earlier is not None:  # what it was before the first fit
        return f"{found}; was {earlier[1]}"
    old = as_text(path, value_of(machine, path))
    note = f": {' '.join(known.note.split())}" if known.note else ""
    return f"{found}; was {old} ({known.tag or 'untagged'}){note}"


def _record(record: Calibration) -> str:
    """The section `calibration` of a profile."""
    rows = ",\n    ".join(
        "[" + ", ".join(f"{value:.6e}" for value in row) + "]" for row in record.covariance
    )
    unseen = ", ".join(f"{name}: {value:.6f}" for name, value in record.unseen.items())
    lines = [
        "calibration:  # written by `dessim calibrate`",
        f"  data: {json.dumps(record.data, ensure_ascii=False)}",
        f"  cells: {json.dumps(list(record.cells), ensure_ascii=False)}",
        f"  parameters: {json.dumps(list(record.parameters), ensure_ascii=False)}",
        f"  covariance: [\n    {rows},\n  ]",
    ]
    if unseen:
        lines.append(f"  unseen: {{{unseen}}}")
    if record.left_out:
        lines += ["  left_out:", *(f"    - {_left_out(one)}" for one in record.left_out)]
    return "\n".join(lines) + "\n"


def _left_out(one: LeftOut) -> str:
    """One line of what was left out, rounded to what it supports."""
    words = [f"workload: {json.dumps(one.workload, ensure_ascii=False)}"]
    words += [f"{name}: {getattr(one, name)}" for name in ("largest", "threads", "cells")]
    words.append(f"seconds: {one.seconds:.6f}")
    if one.faults is not None:
        words.append(f"faults: {one.faults:.6f}")
    return "{" + ", ".join(words) + "}"
