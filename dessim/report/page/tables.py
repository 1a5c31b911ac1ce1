"""The tables of a report: cells with what is read, what is sorted by, and what is told in full."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dessim.metrics import View, columns_of, events_of
from dessim.report.common.format import (
    UNKNOWN,
    amount,
    duration_s,
    form_of,
    form_of_name,
    percent,
    plus_minus,
    scheme_of,
)
from dessim.report.common.results import Point, Results
from dessim.report.page import bars
from dessim.report.text.comparison import change

Entry = dict[str, Any]


@dataclass(frozen=True)
class TableCell:
    """A cell of a table.

    Attributes
    ----------
    text : str
    order : float, str or None
        What rows are sorted by; None stands last.
    told : str
        In full, when it is pointed at.
    number : bool
        Whether it stands to the right.
    """

    text: str
    order: float | str | None = None
    told: str = ""
    number: bool = False


@dataclass(frozen=True)
class Table:
    """A table with a heading."""

    title: str
    columns: tuple[str, ...]
    rows: list[list[TableCell]]
    note: str = ""


SHOWN, EVENTS = columns_of(View.PAGE), events_of(View.PAGE)


def text(value: object, told: str = "") -> TableCell:
    """A cell of text."""
    return TableCell(str(value), str(value), told)


def number(value: float | None, form: Callable[[float], str] = str) -> TableCell:
    """A cell of a number without an interval."""
    if value is None:
        return TableCell(UNKNOWN, None, "", True)
    return TableCell(form(value), value, repr(value), True)


def estimate(found: Entry | None, form: Callable[[float], str]) -> TableCell:
    """A cell of a number with its interval."""
    if found is None or found["mean"] is None:
        return TableCell(UNKNOWN, None, str((found or {}).get("reason", "")), True)
    told = f"{found['mean']:.6g}"
    if found["ci95"] is not None:
        told += f", 95 % interval [{found['ci95'][0]:.6g}, {found['ci95'][1]:.6g}]"
    if "method" in found:
        told += f", n = {found.get('n', '')}: {found['method']}"
    return TableCell(
        f"{form(found['mean'])} {plus_minus(found)}".strip(), found["mean"], told, True
    )


def results_table(results: Results) -> Table:
    """Every point with its metrics and intervals."""
    points = results.document["points"]
    varied = _varied(points)
    measured = any("measured" in point for point in points)
    met = [one.name for one in EVENTS if any(_mean(point, one.name) for point in points)]
    heads = [*(word for word, _ in varied), "scheme", "threads", "order"]
    heads += [one.heading for one in SHOWN] + met
    heads += ["measured", "error"] if measured else []
    rows = []
    for point in points:
        row = [text(read(point)) for _, read in varied]
        row += [text(scheme_of(point)), number(point["threads"])]
        row += [number(point["fault_around_order"])]
        metrics = point["metrics"]
        row += [estimate(metrics.get(one.name), form_of(one)) for one in SHOWN]
        row += [estimate(metrics.get(name), amount) for name in met]
        if measured:
            row.append(number(point.get("measured", {}).get("completion_s"), duration_s))
            row.append(number(point.get("error", {}).get("completion_s"), percent))
        rows.append(row)
    n = max((point["replications"] for point in points), default=0)
    note = f"±: half of the 95 % interval over {n} replications; point at a cell for all of it."
    return Table("Every point", tuple(heads), rows, note)


def _mean(point: Point, metric: str) -> float:
    return float((point["metrics"].get(metric) or {}).get("mean") or 0.0)


def _varied(points: Sequence[Point]) -> list[tuple[str, Callable[[Point], str]]]:
    """Columns of what differs between points, beside scheme, threads and order."""
    found: list[tuple[str, Callable[[Point], str]]] = []
    for key in ("workload", "machine"):
        if len({point[key] for point in points}) > 1:
            found.append((key, lambda point, key=key: str(point[key])))  # type: ignore[misc]
    for key in dict.fromkeys(key for point in points for key in point["parameters"]):
        if key != "simulate":
            read = lambda point, key=key: str(point["parameters"].get(key, ""))  # noqa: E731
            found.append((key, read))
    return found


def comparison_tables(document: Entry) -> list[Table]:
    """A table for each pair of schemes."""
    found = []
    for one in document.get("comparisons", []):
        rows = []
        for row in one["rows"]:
            form = form_of_name(row["metric"])
            ratio = row["ratio"]
            told = "" if row["p_value_holm"] is None else f"p = {row['p_value_holm']:.3g} (Holm)"
            cells = [text(row["workload"]), text(_swept(row)), number(row["fault_around_order"])]
            cells += [number(row["threads"]), text(row["metric"])]
            cells += [estimate(row["a"], form), estimate(row["b"], form)]
            rows.append([*cells, TableCell(change(row), ratio, told, True)])
        columns = (
            "workload",
            "parameters",
            "order",
            "threads",
            "metric",
            "A",
            "B",
            "B to A, paired",
        )
        note = (
            "B to A: ratio of replications with common random numbers, 95 % paired t interval;"
            " ~ not significant at 5 %, all comparisons together (Holm)."
        )
        title = f"A = {one['a']}, B = {one['b']}"
        found.append(_without_empty(Table(title, columns, rows, note)))
    return found


def _swept(row: Entry) -> str:
    return ", ".join(f"{key} {value}" for key, value in row["parameters"].items())


def crossover_table(document: Entry) -> Table | None:
    """Where one scheme overtakes another; None if nothing was compared."""
    rows: list[list[TableCell]] = []
    total = met = 0
    for one in document.get("comparisons", []):
        for entry in one["crossovers"]:
            total += 1
            met += bool(entry["crossovers"])
            for place in entry["crossovers"]:
                names = (one["b"], one["a"]) if place["b_overtakes"] else (one["a"], one["b"])
                cells = [text(entry["workload"]), text(_swept(entry))]
                cells += [number(entry["fault_around_order"]), text(entry["metric"])]
                cells += [text(name) for name in names]
                rows.append([*cells, *_where(place)])
    if not total:
        return None
    words = "workload,parameters,order,metric,scheme,overtakes,at threads,simulated"
    note = (
        f"In {met} of {total} comparisons of two schemes over the simulated numbers of threads one"
        " overtakes the other."
    )
    if met:
        note += " Where: interpolated, with its 95 % interval; a dash is an end beyond the range."
    return _without_empty(Table("Overtaking", tuple(words.split(",")), rows, note))


def _where(place: Entry) -> list[TableCell]:
    """At how many threads, and between which simulated ones."""
    low, high = (UNKNOWN if end is None else f"{end:.3g}" for end in place["ci95"])
    at = f"{place['threads']:.3g} [{low}, {high}]"
    first, second = place["between"]
    told = str(place["method"])
    return [
        TableCell(at, place["threads"], told, True),
        TableCell(f"{first} and {second}", first, "", True),
    ]


def _without_empty(table: Table) -> Table:
    """Leave out the column of swept parameters if nothing was swept."""
    at = table.columns.index("parameters")
    if any(row[at].text for row in table.rows):
        return table
    columns = table.columns[:at] + table.columns[at + 1 :]
    rows = [row[:at] + row[at + 1 :] for row in table.rows]
    return Table(table.title, columns, rows, table.note)


def scaling_table(document: Entry) -> Table | None:
    """Fitted laws of scaling."""
    fits = document.get("scaling", [])
    if not fits:
        return None
    rows = []
    for one in fits:
        found = one["coefficients"]
        cells = [text(one["scheme"]), text(one["workload"]), text(_swept(one))]
        cells += [number(one["fault_around_order"]), text(one["law"])]
        for name in ("sigma", "kappa", "peak_threads"):
            cells.append(estimate(found.get(name), lambda x: f"{x:.3g}"))
        rows.append([*cells, number(one["error_rms"], lambda x: f"{x * 100:.0f} %")])
    columns = (
        "scheme",
        "workload",
        "parameters",
        "order",
        "law",
        "sigma",
        "kappa",
        "peak",
        "error",
    )
    note = (
        "Fitted to pages per second; above some 10 % of error the law does not describe the scheme."
    )
    return _without_empty(Table("Scaling laws", columns, rows, note))


def time_table(results: Results) -> Table:
    """Share of each category of every point."""
    points = [point for point in results.document["points"] if point["time_share"]]
    categories = bars.shown([point["time_share"] for point in points])
    varied = _varied(points)
    rows = []
    for point in points:
        row = [text(read(point)) for _, read in varied]
        row += [text(scheme_of(point)), number(point["threads"])]
        row += [number(point["fault_around_order"])]
        share = point["time_share"]
        row += [number(share.get(name, 0.0), lambda x: f"{x:.1%}") for name in categories]
        rows.append(row)
    columns = [*(word for word, _ in varied), "scheme", "threads", "order"]
    columns += [bars.word(name) for name in categories]
    return Table("Where the time goes, in numbers", tuple(columns), rows)
