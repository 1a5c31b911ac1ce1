"""The tables of a report: cells with what is read, what is sorted by, and a tooltip in full."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dessim.metrics import View, columns_of, events_of
from dessim.report.common.doubts import (
    MIXTURE,
    flags_of,
    runs_alike,
    simulated_word,
    sizes_differ,
    with_averages,
)
from dessim.report.common.format import (
    UNKNOWN,
    duration_s,
    estimate_text,
    form_of,
    form_of_name,
    percent,
    scheme_of,
)
from dessim.report.common.results import Point, Results
from dessim.report.page import bars
from dessim.report.text.comparison import bracket_word, change, ratio_words

Entry = dict[str, Any]


@dataclass(frozen=True)
class TableCell:
    """A cell of a table.

    Attributes
    ----------
    text : str
    order : float, str or None
        What rows are sorted by; None stands last.
    tooltip : str
        In full, when it is pointed at.
    number : bool
        Whether it stands to the right.
    """

    text: str
    order: float | str | None = None
    tooltip: str = ""
    number: bool = False


@dataclass(frozen=True)
class Table:
    """A table with a heading."""

    title: str
    columns: tuple[str, ...]
    rows: list[list[TableCell]]
    note: str = ""


SHOWN, EVENTS = columns_of(View.PAGE), events_of(View.PAGE)


def text(value: object, in_full: str = "") -> TableCell:
    """A cell of text."""
    return TableCell(str(value), str(value), in_full)


def number(value: float | None, form: Callable[[float], str] = str) -> TableCell:
    """A cell of a number without an interval."""
    if value is None:
        return TableCell(UNKNOWN, None, "", True)
    return TableCell(form(value), value, repr(value), True)


def estimate(found: Entry | None, form: Callable[[float], str], *, alike: bool = True) -> TableCell:
    """A cell of a number with its interval; without a ± if runs are of two kinds."""
    if found is None or found["mean"] is None:
        return TableCell(UNKNOWN, None, str((found or {}).get("reason", "")), True)
    words = f"{found['mean']:.6g}"
    if found["ci95"] is not None:
        words += f", 95 % interval [{found['ci95'][0]:.6g}, {found['ci95'][1]:.6g}]"
    elif found.get("reason"):
        words += f", no interval: {found['reason']}"
    if "method" in found:
        words += f", n = {found.get('n', '')}: {found['method']}"
    return TableCell(estimate_text(found, form, alike=alike), found["mean"], words, True)


def results_table(results: Results) -> Table:
    """Every point with its metrics and intervals."""
    points = results.document["points"]
    varied = _varied(points)
    measured = any("measured" in point for point in points)
    met = [one for one in EVENTS if any(_mean(point, one.name) for point in points)]
    shown, flagged = with_averages(SHOWN, points), any(flags_of(point) for point in points)
    sized = sizes_differ(points)
    heads = [*(word for word, _ in varied), "scheme", "threads", "order"]
    heads += ["simulated"] if sized else []
    heads += [one.heading for one in shown] + [one.name for one in met]
    heads += ["flags"] if flagged else []
    heads += ["measured", "error"] if measured else []
    rows = []
    for point in points:
        row = [text(read(point)) for _, read in varied]
        row += [text(scheme_of(point)), number(point["threads"])]
        row += [number(point["fault_around_order"])]
        row += [_size(point)] if sized else []
        metrics, alike = point["metrics"], runs_alike(point)
        row += [estimate(metrics.get(one.name), form_of(one), alike=alike) for one in shown]
        row += [estimate(metrics.get(one.name), form_of(one), alike=alike) for one in met]
        row += [text(" ".join(flags_of(point)), "; ".join(point["notes"]))] if flagged else []
        if measured:
            row.append(number(point.get("measured", {}).get("completion_s"), duration_s))
            row.append(number(point.get("error", {}).get("completion_s"), percent))
        rows.append(row)
    n = max((point["replications"] for point in points), default=0)
    note = (
        f"±: half of the 95 % interval of the typical run, the median over up to {n} replications;"
        " [a, b]: such an interval in full, where ± would not be true; point at a cell for all of"
        " it."
    )
    return Table("Every point", tuple(heads), rows, note)


def _size(point: Point) -> TableCell:
    return TableCell(simulated_word(point), point["simulated_bytes"], "", True)


def _mean(point: Point, metric: str) -> float:
    return float((point["metrics"].get(metric) or {}).get("mean") or 0.0)


def _varied(points: Sequence[Point]) -> list[tuple[str, Callable[[Point], str]]]:
    """Columns of what differs between points, other than scheme, threads and order."""
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
    every = [row for one in document.get("comparisons", []) for row in one["rows"]]
    columns = ("workload", "parameters", "order", "threads", "metric", "A", "B", "B to A, paired")
    found = []
    for one in document.get("comparisons", []):
        rows = []
        for row in one["rows"]:
            cells = [text(row["workload"]), text(_swept(row)), number(row["fault_around_order"])]
            cells += [number(row["threads"]), text(row["metric"])]
            cells += [_side(row, "a"), _side(row, "b")]
            rows.append([*cells, TableCell(change(row), row["ratio"], _tested(row), True)])
        note = f"B to A: {ratio_words(every)}."
        title = f"A = {one['a']}, B = {one['b']}"
        found.append(_without_empty(Table(title, columns, rows, note)))
    return found


def _side(row: Entry, side: str) -> TableCell:
    found = row[side]
    alike = MIXTURE not in (found or {}).get("flags", ())
    return estimate(found, form_of_name(row["metric"]), alike=alike)


def _tested(row: Entry) -> str:
    """How a change was tested: p of its family, method; or why there is none."""
    if row["p_value_holm"] is None:
        return str(row.get("reason", ""))
    return f"p = {row['p_value_holm']:.3g} (all comparisons together), {row.get('method', '')}"


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
                rows.append([*cells, _where(place)])
    if not total:
        return None
    words = "workload,parameters,order,metric,scheme,overtakes,where"
    note = (
        f"In {met} of {total} comparisons of two schemes over the simulated numbers of threads one"
        " overtakes the other."
    )
    if met:
        note += (
            " Where: between two simulated numbers of threads, at which it is significantly slower"
            " and significantly faster; how the ratio bends in between is not known."
        )
    return _without_empty(Table("Overtaking", tuple(words.split(",")), rows, note))


def _where(place: Entry) -> TableCell:
    """Between how many threads; the interpolated number never without them."""
    return TableCell(bracket_word(place), place["threads"], str(place["method"]), True)


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
    return Table("Where time goes, in numbers", tuple(columns), rows)
