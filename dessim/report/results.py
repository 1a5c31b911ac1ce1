"""Stored results of an experiment, read back for drawing."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dessim.report.words import scheme_of

Point = dict[str, Any]


@dataclass(frozen=True)
class Panel:
    """The points of one machine, workload and set of other parameters.

    Attributes
    ----------
    title : str
        What tells it from the other panels; empty if it is the only one.
    points : tuple of dict
        Each with its place in the results as ``index``.
    """

    title: str
    points: tuple[Point, ...]

    @property
    def threads(self) -> list[int]:
        """Numbers of threads, ascending."""
        return sorted({point["threads"] for point in self.points})


@dataclass(frozen=True)
class Results:
    """What `dessim run` stored.

    Attributes
    ----------
    document : dict
        As `dessim run --format json` prints it.
    latencies : dict
        Point index -> rows of its latency distribution: latency_ns, faults, longer_share,
        longer_share_lo, longer_share_hi (None without an interval).
    """

    document: dict[str, Any]
    latencies: dict[int, list[dict[str, float | None]]]

    @property
    def panels(self) -> list[Panel]:
        """The points by machine, workload and other parameters, in the order of the results."""
        points = [{**point, "index": i} for i, point in enumerate(self.document["points"])]
        points = [point for point in points if point["metrics"]]
        groups: dict[tuple[str, ...], list[Point]] = {}
        for point in points:
            swept = [f"{key} {value}" for key, value in point["parameters"].items()]
            groups.setdefault((point["workload"], point["machine"], *swept), []).append(point)
        titles = _telling(list(groups))
        return [
            Panel(title, tuple(group)) for title, group in zip(titles, groups.values(), strict=True)
        ]

    @property
    def series(self) -> list[str]:
        """Names of the lines of a figure: schemes, with the order where it varies."""
        return list(dict.fromkeys(self.series_of(p) for panel in self.panels for p in panel.points))

    def series_of(self, point: Point) -> str:
        """Name of the line that a point belongs to."""
        orders = {p["fault_around_order"] for p in self.document["points"]}
        name = scheme_of(point)
        return f"{name}, order {point['fault_around_order']}" if len(orders) > 1 else name

    def caption_of(self, *, bands: bool = True) -> str:
        """What all figures of these results must say about where they come from."""
        points = self.document["points"]
        machines = ", ".join(dict.fromkeys(point["machine"] for point in points))
        workloads = ", ".join(dict.fromkeys(point["workload"] for point in points))
        replications = max(point["replications"] for point in points)
        words = [f"Machine: {machines}. Workload: {workloads}."]
        if replications > 1:
            kind = "Bands: 95 % t intervals over" if bands else "Means over"
            words.append(f"{kind} {replications} replications.")
        else:
            words.append("One replication: no intervals.")
        if any(point["scaled"] for point in points):
            words.append("A part of each file was simulated.")
        words.append(
            f"Experiment {self.document['experiment']}, dessim {self.document['dessim_version']}"
            f" ({self.document['model_version']})."
        )
        return " ".join(words)


def _telling(keys: list[tuple[str, ...]]) -> list[str]:
    """Short titles: as many words of the keys as are needed to tell them apart."""
    words = max((len(key) for key in keys), default=0)
    for n in range(words + 1):
        titles = [key[:n] for key in keys]
        if len(set(titles)) == len(keys):
            break
    varied = [i for i in range(n) if len({title[i : i + 1] for title in titles}) > 1]
    return [", ".join(word for i in varied for word in title[i : i + 1]) for title in titles]


def load_results(folder: Path) -> Results:
    """Read the results that `dessim run` wrote to a folder.

    Raises
    ------
    OSError
        If there are none.
    """
    document = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    latencies: dict[int, list[dict[str, float | None]]] = {}
    with (folder / "latency.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            index = int(row.pop("point"))
            numbers = {
                name: float(cell) if cell else None
                for name, cell in row.items()
                if not name.endswith("_method")
            }
            latencies.setdefault(index, []).append(numbers)
    return Results(document, latencies)
