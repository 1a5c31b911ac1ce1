"""What a reader of a report must know before believing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dessim.errors import counted
from dessim.metrics import View, columns_of
from dessim.report.common.doubts import (
    flag_lines,
    mixture_lines,
    note_lines,
    one_kind_line,
    precision_lines,
    size_line,
    some_of,
)

Entry = dict[str, Any]


def warnings_of(document: Entry, configuration: Entry | None) -> list[str]:
    """Return sentences: failures, flags, precision, scaling, notes, numbers at their bounds."""
    points = document["points"]
    found = [*_failures(points), *_flags(points), *precision_lines(points), *_scaled(points)]
    found += [f"{note}." for note in note_lines(points)]
    single = [p for p in points if p["replications"] == 1]
    if single:
        found.append(f"{len(single)} of {len(points)} points have one replication: no intervals.")
    if configuration is None:
        found.append(
            "These results lack their configuration: run the experiment again to show it here."
        )
        return found
    return found + list(_at_bounds(configuration))


def kinds_of(document: Entry) -> str:
    """What share of runs of another kind is excluded, as a sentence; empty if unknown."""
    line = one_kind_line(document["points"])
    return f"{line[0].upper()}{line[1:]}." if line else ""


def _flags(points: Sequence[Entry]) -> Iterator[str]:
    for line in (*flag_lines(points), *mixture_lines(points)):
        yield f"{line}."


def _failures(points: Sequence[Entry]) -> Iterator[str]:
    failed = [point for point in points if point.get("failures")]
    if failed:
        runs = sum(len(point["failures"]) for point in failed)
        said = f"{counted(runs, 'run')} failed and {'is' if runs == 1 else 'are'} missing"
        yield f"{said} from the numbers: {some_of(failed)}."


def _scaled(points: Sequence[Entry]) -> Iterator[str]:
    scaled = [point for point in points if point["scaled"]]
    if scaled:
        yield (
            f"Scaled: at {len(scaled)} of {len(points)} points a part of the file was simulated;"
            " completion times and counts are extrapolated where two sizes agree."
        )
    groups: dict[tuple[str, str], list[Entry]] = {}
    for point in points:
        groups.setdefault((point["workload"], point["machine"]), []).append(point)
    for (workload, machine), group in groups.items():
        line = size_line(group, columns_of(View.PAGE))
        if line is not None:
            yield f"{workload} on {machine}: {line}."


def _at_bounds(configuration: Entry) -> Iterator[str]:
    for machine in configuration["machines"]:
        at = [
            row["key"]
            for row in machine["values"]
            if row.get("tag") == "fitted" and row["value"] in (row.get("range") or ())
        ]
        if at:
            yield (
                f"Fitted numbers of {machine['name']} that lie at a bound of their range:"
                f" {', '.join(at)}."
            )
