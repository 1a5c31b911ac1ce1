"""What a reader of a report must know before believing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dessim.report.common.format import scheme_of, threads_word

Entry = dict[str, Any]
MAX_NAMED = 5


def warnings_of(document: Entry, configuration: Entry | None) -> list[str]:
    """Return sentences: failures, precision, scaling, notes of points, numbers at their bounds."""
    points = document["points"]
    found = list(_failures(points))
    found += list(_precision(points))
    found += list(_scaled(points))
    notes = list(dict.fromkeys(note for point in points for note in point.get("notes", [])))
    for note in notes:
        having = [p for p in points if note in p.get("notes", [])]
        found.append(f"{note} ({len(having)} of {len(points)} points).")
    single = [p for p in points if p["replications"] == 1]
    if single:
        found.append(f"{len(single)} of {len(points)} points have one replication: no intervals.")
    if configuration is None:
        found.append(
            "The configuration was not stored with these results: run the experiment again to have"
            " it here."
        )
        return found
    return found + list(_at_bounds(configuration))


def _name(point: Entry) -> str:
    swept = "".join(f", {key} {value}" for key, value in point["parameters"].items())
    return f"{scheme_of(point)}, {threads_word(point['threads'])}, {point['workload']}{swept}"


def _some(points: Sequence[Entry]) -> str:
    told = "; ".join(_name(point) for point in points[:MAX_NAMED])
    rest = len(points) - MAX_NAMED
    return f"{told}; and {rest} more" if rest > 0 else told


def _failures(points: Sequence[Entry]) -> Iterator[str]:
    failed = [point for point in points if point.get("failures")]
    if failed:
        runs = sum(len(point["failures"]) for point in failed)
        yield f"{runs} runs failed and are missing from the numbers: {_some(failed)}."


def _precision(points: Sequence[Entry]) -> Iterator[str]:
    missed = [
        point
        for point in points
        if any(not one["met"] for one in (point.get("precision") or {}).values())
    ]
    if missed:
        yield (
            f"The wanted precision was not met at {len(missed)} of {len(points)} points:"
            f" {_some(missed)}."
        )


def _scaled(points: Sequence[Entry]) -> Iterator[str]:
    scaled = [point for point in points if point["scaled"]]
    if scaled:
        yield (
            f"Scaled: at {len(scaled)} of {len(points)} points a part of the file was simulated;"
            " completion times and counts are extrapolated."
        )


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
