"""Stored results of an experiment, read back for drawing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dessim.errors import UserError
from dessim.files.reading import parse_json
from dessim.files.seals import is_sealed, read_sealed
from dessim.model.units import shorten
from dessim.report.common.doubts import MARKED, flags_of
from dessim.report.common.format import scheme_of

MOST_MARKED = 400
"""Characters of a caption that name points; of more it says how many there are."""
Point = dict[str, Any]
Latencies = dict[int, list[dict[str, float | None]]]

HEAD = {"experiment": str, "dessim_version": str, "model_version": str, "points": list}
POINT = {
    **dict.fromkeys(("machine", "workload", "scheme"), str),
    **dict.fromkeys(("threads", "fault_around_order", "seed", "replications"), int),
    **dict.fromkeys(("scheme_options", "parameters", "metrics", "time_share"), dict),
    "scaled": bool,
    "notes": list,
}
"""Parts of a document and of its points that every reader takes for granted, and their kinds."""
LATENCY = (
    *("point", "latency_ns", "faults", "longer_share"),
    *("longer_share_lo", "longer_share_hi"),
)
"""Columns of the latencies that are drawn."""


class ReportError(UserError):
    """Files that are no results as `dessim run` writes them."""


@dataclass(frozen=True)
class Panel:
    """The points of one machine, workload and set of other parameters.

    Attributes
    ----------
    title : str
        What distinguishes it from the other panels; empty if it is the only one.
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
    latency_methods : tuple of str
        How the intervals of those shares were made.
    """

    document: dict[str, Any]
    latencies: Latencies
    latency_methods: tuple[str, ...] = ()

    @property
    def panels(self) -> list[Panel]:
        """The points by machine, workload and other parameters, in the order of the results."""
        points = [{**point, "index": i} for i, point in enumerate(self.document["points"])]
        points = [point for point in points if point["metrics"]]
        groups: dict[tuple[str, ...], list[Point]] = {}
        for point in points:
            swept = [f"{key} {value}" for key, value in point["parameters"].items()]
            groups.setdefault((point["workload"], point["machine"], *swept), []).append(point)
        titles = _distinguishing(list(groups))
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

    @property
    def marked(self) -> str:
        """Points that figures mark, by their flags: `mixture (a at 60 and 120 threads)`.

        Only how many there are if they fill more than a few lines; empty if there are none.
        """
        words, counted = [], []
        for flag in MARKED:
            lines: dict[str, dict[int, None]] = {}
            n = 0
            for panel in self.panels:
                for point in panel.points:
                    if flag in flags_of(point):
                        name = self.series_of(point)
                        name = f"{name}, {panel.title}" if panel.title else name
                        lines.setdefault(name, {})[point["threads"]] = None
                        n += 1
            where = [
                f"{name} at {_listed(counts)} thread{'s' if list(counts) != [1] else ''}"
                for name, counts in lines.items()
            ]
            words += [f"{flag} ({', '.join(where)})"] if where else []
            counted += [f"{n} points {flag}" if n > 1 else f"1 point {flag}"] if n else []
        text = "; ".join(words)
        if len(text) <= MOST_MARKED:
            return text
        return f"{', '.join(counted)}, of {len(self.document['points'])}: results.csv names them"

    @property
    def replications(self) -> str:
        """How often its points were run: `5 to 20 replications`."""
        counts = {point["replications"] for point in self.document["points"]} - {0}
        low, high = min(counts, default=0), max(counts, default=0)
        if low < high:
            return f"{low} to {high} replications"
        return "one replication" if high == 1 else f"{high} replications"

    def methods_of(self, *metrics: str) -> tuple[str, ...]:
        """How the intervals of some metrics were made; empty if there is none."""
        estimates = (p["metrics"].get(name) for p in self.document["points"] for name in metrics)
        methods = (e.get("method", "") for e in estimates if e and e["ci95"])
        return _methods(methods)

    def caption_of(self, methods: Sequence[str] = (), *, bands: bool = True) -> str:
        """What all figures of these results must say about where they come from.

        Parameters
        ----------
        methods : sequence of str
            How the intervals that are drawn were made.
        bands : bool
            Whether intervals are drawn.
        """
        points = self.document["points"]
        machines = ", ".join(dict.fromkeys(point["machine"] for point in points))
        workloads = ", ".join(dict.fromkeys(point["workload"] for point in points))
        words = [f"Machine: {machines}. Workload: {workloads}."]
        if bands and methods:
            words.append(f"Bands: 95 % intervals ({', or '.join(methods)}); {self.replications}.")
        elif self.replications == "one replication":
            words.append("One replication: no intervals.")
        elif bands:
            words.append(f"No number has an interval; {self.replications}.")
        else:
            words.append(f"Of {self.replications}.")
        if any(point["scaled"] for point in points):
            words.append("A part of each file was simulated.")
        if self.marked:
            words.append(f"Flagged (marks are hollow): {self.marked}.")
        words.append(
            f"Experiment {self.document['experiment']}, dessim {self.document['dessim_version']}"
            f" ({self.document['model_version']})."
        )
        return " ".join(words)


def _listed(numbers: Iterable[int]) -> str:
    """`8, 60 and 120`."""
    *most, last = map(str, sorted(numbers))
    return f"{', '.join(most)} and {last}" if most else last


def _methods(texts: Iterable[str]) -> tuple[str, ...]:
    """Methods, each once, as part of a sentence."""
    return tuple(dict.fromkeys(text.replace(";", ",") for text in texts if text))


def _distinguishing(keys: list[tuple[str, ...]]) -> list[str]:
    """Short titles: as many words of the keys as are needed to distinguish them."""
    words = max((len(key) for key in keys), default=0)
    for n in range(words + 1):
        titles = [key[:n] for key in keys]
        if len(set(titles)) == len(keys):
            break
    varied = [i for i in range(n) if len({title[i : i + 1] for title in titles}) > 1]
    return [", ".join(word for i in varied for word in title[i : i + 1]) for title in titles]


@contextmanager
def doubting(folder: Path, passing: type[Exception] = UserError) -> Iterator[None]:
    """Blame results that nobody sealed for whatever fails when they are shown.

    With seals they are what `dessim run` wrote, and the failure is a bug of dessim.

    Parameters
    ----------
    folder : Path
    passing : exception class
        Errors that say themselves what is wrong, besides UserError and OSError.

    Raises
    ------
    ReportError
        With the reason.
    """
    try:
        yield
    except (UserError, OSError, passing):
        raise
    except Exception as error:
        if is_sealed(folder):
            raise
        raise _refused(folder, "a part of them", error) from error


def load_results(folder: Path) -> Results:
    """Read the results that `dessim run` wrote to a folder.

    Raises
    ------
    ReportError
        If its files are no such results.
    UnreadableError
        If there are none.
    """
    return Results(load_document(folder), *_load_latencies(folder))


def load_document(folder: Path) -> dict[str, Any]:
    """Read the document of the results in a folder.

    Raises
    ------
    ReportError
        If it is none that `dessim run` wrote.
    UnreadableError
        If there is none.
    """
    data = read_sealed(folder / "results.json")
    try:
        document: dict[str, Any] = parse_json(data.decode())
        _check_document(document)
    except ValueError as error:
        raise _refused(folder, "results.json", error) from error
    return document


def _refused(folder: Path, name: str, error: Exception) -> ReportError:
    known = isinstance(error, ValueError)
    reason = shorten(" ".join(str(error if known else repr(error)).split()), 300)
    return ReportError(
        f"{folder} holds no results that `dessim run` wrote ({name}: {reason});"
        " the same `dessim run` writes them again"
    )


def _check_document(document: Any) -> None:
    """Refuse what lacks a part that every reader takes for granted."""
    _check_parts(document, HEAD, "the document")
    if not document["points"]:
        raise ValueError("it has no points")
    for index, point in enumerate(document["points"]):
        place = f"point {index}"
        _check_parts(point, POINT, place)
        for name, estimate in point["metrics"].items():
            _check_parts(estimate, {}, f"{name} of {place}")
            ends = estimate.get("ci95")
            numbers = [estimate.get("mean"), *(ends if isinstance(ends, list) else [ends])]
            if not all(x is None or isinstance(x, int | float) for x in numbers):
                raise ValueError(f"{name} of {place} is not a number with an interval")
            if isinstance(ends, list) and len(ends) != 2:
                raise ValueError(f"the interval of {name} of {place} lacks two ends")
        if not all(isinstance(share, int | float) for share in point["time_share"].values()):
            raise ValueError(f"time_share of {place} holds something that is not a number")


def _check_parts(found: Any, parts: Mapping[str, type], place: str) -> None:
    if not isinstance(found, dict):
        raise ValueError(f"{place} is {type(found).__name__}, no object")
    for name, kind in parts.items():
        if not isinstance(found.get(name), kind):
            raise ValueError(f"{place} has no {name}, or one of the wrong kind")


def _load_latencies(folder: Path) -> tuple[Latencies, tuple[str, ...]]:
    data = read_sealed(folder / "latency.csv")
    try:
        return _read_latencies(data.decode())
    except (ValueError, csv.Error) as error:
        raise _refused(folder, "latency.csv", error) from error


def _read_latencies(text: str) -> tuple[Latencies, tuple[str, ...]]:
    found: Latencies = {}
    methods: dict[str, None] = {}
    rows = csv.DictReader(io.StringIO(text, newline=""), restval="")
    lacking = [name for name in LATENCY if name not in (rows.fieldnames or ())]
    if lacking and text.strip():  # without faults the table is empty
        raise ValueError(f"the header lacks {', '.join(lacking)}")
    for row in rows:
        try:
            if None in row:
                raise ValueError("more cells than the header has")
            index = int(row.pop("point"))
            if row["longer_share_lo"]:
                methods[row.get("longer_share_method") or ""] = None
            numbers = {
                name: float(cell) if cell else None
                for name, cell in row.items()
                if not name.endswith("_method")
            }
        except ValueError as error:
            raise ValueError(f"line {rows.line_num}: {error}") from None
        found.setdefault(index, []).append(numbers)
    return found, _methods(methods)
