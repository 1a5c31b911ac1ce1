"""A measured table next to the simulation of each of its cells, and how far they are apart.

The error of a cell is the logarithm of simulated over measured: +0.05 is about 5 % too much, and
half as much is as bad as twice. Excess faults are those above the ideal count, of which there would
be one per window; they are compared only where they are enough to mean something.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import dessim
from dessim.model import ConfigError, Machine, Point
from dessim.model.errors import Place, Problem, Source
from dessim.model.published import Measured, Published
from dessim.study.fidelity.cells import cell_name, ideal_faults, key_of
from dessim.study.store.version import model_version
from dessim.study.sweep.jobs import Tally
from dessim.study.sweep.precision import summary_of
from dessim.study.sweep.stationary import Stationarity, refuse

SECONDS, FAULTS = "completion_s", "minor_faults"
QUANTITIES = (SECONDS, FAULTS, "excess_faults")
MIN_EXCESS = 0.05
"""Share of the ideal count from which an excess is compared, with more than one thread: what a
process faults in for itself is up to about 2,000 in the table of 2014."""
LEAST_EXCESS = 0.01
"""Share of the ideal count below which a simulated excess is taken for this much: no logarithm of
nothing."""

Entry = dict[str, Any]


def validation_of(
    points: Sequence[Point],
    tally: Tally,
    table: Published,
    engine: str,
    sizes: Sequence[Stationarity | None] = (),
) -> dict[str, Any]:
    """Every point next to its measured row.

    Parameters
    ----------
    points : sequence of Point
        Each with a row in the table.
    tally : Tally
        Of all their runs.
    table : Published
    engine : str
    sizes : sequence of Stationarity or None, optional
        What two sizes of each point showed, where a part of its file was simulated: a number that
        depends on the size has no error.

    Returns
    -------
    dict
        JSON-able, in stable order: `cells`, `errors` by workload, and by workload and threads.
    """
    cells = cells_of(points, tally, table, sizes)
    machine = points[0].machine
    return {
        "data": table.name,
        "source": table.source,
        "machine": machine.name,
        "engine": engine,
        "seed": points[0].seed,
        "dessim_version": dessim.__version__,
        "model_version": model_version()[:16],
        "calibration": _calibration(machine),
        "cells": cells,
        "errors": errors_by(cells, ("workload",)),
        "errors_by_threads": errors_by(cells, ("workload", "threads")),
    }


def check_comparable(points: Sequence[Point], table: Published) -> None:
    """Check that some of the points' rows have a metric that a validation compares.

    Raises
    ------
    ConfigError
    """
    keys = [key_of(point) for point in points]
    if any({SECONDS, FAULTS} & set(table.rows[key].values) for key in keys):
        return
    place = table.places.get(keys[0], Place(Source(table.name)))
    text = f"no chosen row has a number to compare: a column {SECONDS} or {FAULTS}"
    raise ConfigError([Problem(place, text)])


def cells_of(
    points: Sequence[Point],
    tally: Tally,
    table: Published,
    sizes: Sequence[Stationarity | None] = (),
) -> list[Entry]:
    """The cells of a validation: an entry for each point, in their order."""
    found = sizes or [None] * len(points)
    return [
        _cell(point, table.rows[key_of(point)], tally, index, size)
        for index, (point, size) in enumerate(zip(points, found, strict=True))
    ]


def _calibration(machine: Machine) -> Entry | None:
    found = machine.calibration
    if found is None:
        return None
    return {
        "data": found.data,
        "cells": list(found.cells),
        "parameters": list(found.parameters),
        "unseen": dict(found.unseen),
    }


def _cell(
    point: Point, measured: Measured, tally: Tally, index: int, size: Stationarity | None
) -> Entry:
    outcomes = tally.of_point(index)
    runs = [outcome.run for outcome in outcomes if outcome.run is not None]
    size_bytes = point.workload.file_size_bytes
    name = cell_name(key_of(point))
    fitted = point.machine.calibration
    entry: Entry = {
        "cell": name,
        "workload": point.workload.name,
        "scheme": point.scheme.name,
        "threads": point.threads,
        "fault_around_order": point.fault_around_order,
        "fitted": fitted is not None and name in fitted.cells,
        "doubtful": measured.doubtful,
        "replications": len(runs),
        "simulated_bytes": min(size_bytes, point.simulate_bytes or size_bytes),
        "scaled": point.simulate_bytes is not None,
    }
    if not runs:
        entry["failures"] = [o.error for o in outcomes if o.error is not None]
        return entry
    summary = summary_of(point, runs)
    if size is not None:
        summary = refuse(summary, size)
        entry["stationarity"] = size.as_dict()
    entry |= {"flags": list(summary.flags), "notes": list(summary.notes)}
    for quantity in (SECONDS, FAULTS):
        if quantity in measured.values:
            estimate = summary.metrics[quantity].as_dict()
            interval = estimate["ci95"]
            entry[quantity] = compared(measured.values[quantity], estimate["mean"], interval)
    if FAULTS in entry:
        entry["excess_faults"] = _excess(point, entry[FAULTS])
    return entry


def compared(measured: float, simulated: float | None, interval: Sequence[float] | None) -> Entry:
    """A measured and a simulated number, and the error where both are positive.

    Returns
    -------
    dict
        measured, simulated, ci95 of the simulated, log_error and its interval.
    """
    entry: Entry = {
        "measured": measured,
        "simulated": simulated,
        "ci95": None if interval is None else list(interval),
        "log_error": None,
        "log_error_ci95": None,
    }
    if simulated is not None and simulated > 0 < measured:
        entry["log_error"] = math.log(simulated / measured)
        if interval is not None and interval[0] > 0:
            entry["log_error_ci95"] = [math.log(end / measured) for end in interval]
    return entry


def _excess(point: Point, faults: Entry) -> Entry:
    """Faults above the ideal count; compared only where they are enough to mean something."""
    ideal = ideal_faults(point)
    simulated, interval = faults["simulated"], faults["ci95"]
    entry = compared(
        faults["measured"] - ideal,
        None if simulated is None else simulated - ideal,
        None if interval is None else [end - ideal for end in interval],
    )
    entry["ideal"] = ideal
    entry["compared"] = point.threads > 1 and entry["measured"] >= MIN_EXCESS * ideal
    if entry["compared"] and simulated is not None:
        least = max(entry["simulated"], LEAST_EXCESS * ideal)
        entry["log_error"] = math.log(least / entry["measured"])
    return entry


def errors_by(
    cells: Iterable[Entry], keys: Sequence[str], quantities: Sequence[str] = QUANTITIES
) -> list[Entry]:
    """Mean and greatest absolute logarithmic errors of groups of cells, doubtful ones left out.

    Parameters
    ----------
    cells : iterable of dict
        As in a validation.
    keys : sequence of str
        What distinguishes the groups.
    quantities : sequence of str
        What is compared.

    Returns
    -------
    list of dict
        A group each, in order of first appearance: its keys, and for each quantity the errors of
        `all` its cells, of those that were `fitted`, and of those `unseen`.
    """
    groups: dict[tuple[Any, ...], list[Entry]] = {}
    for cell in cells:
        if not cell["doubtful"]:
            groups.setdefault(tuple(cell[key] for key in keys), []).append(cell)
    found = []
    for names, group in groups.items():
        entry: Entry = dict(zip(keys, names, strict=True))
        for quantity in quantities:
            parts = {
                "all": group,
                "fitted": [cell for cell in group if cell["fitted"]],
                "unseen": [cell for cell in group if not cell["fitted"]],
            }
            entry[quantity] = {word: error_of(part, quantity) for word, part in parts.items()}
        found.append(entry)
    return found


def error_of(cells: Iterable[Entry], quantity: str) -> Entry | None:
    """Errors of some cells together; None if there is nothing to compare.

    Returns
    -------
    dict or None
        cells, mean_abs_log_error, rms_log_error, max_abs_log_error and the cell where it is; bias,
        the mean logarithmic error.
    """
    errors = []
    for cell in cells:
        one = cell.get(quantity)
        if one and one["log_error"] is not None and one.get("compared", True):
            errors.append((one["log_error"], cell["cell"]))
    if not errors:
        return None
    n = len(errors)
    worst = max(errors, key=lambda pair: abs(pair[0]))
    return {
        "cells": n,
        "mean_abs_log_error": math.fsum(abs(e) for e, _ in errors) / n,
        "rms_log_error": math.sqrt(math.fsum(e * e for e, _ in errors) / n),
        "max_abs_log_error": abs(worst[0]),
        "worst_cell": worst[1],
        "bias": math.fsum(e for e, _ in errors) / n,
    }


def table_rows(document: dict[str, Any]) -> list[Entry]:
    """One flat row per cell, for CSV; all with the same columns."""
    rows = []
    for cell in document["cells"]:
        row: Entry = {
            name: cell[name]
            for name in ("workload", "scheme", "threads", "fault_around_order", "fitted")
        }
        row |= {"doubtful": cell["doubtful"], "simulated_bytes": cell["simulated_bytes"]}
        row["flags"] = " ".join(cell.get("flags", ()))
        for quantity in QUANTITIES:
            one = cell.get(quantity) or {}
            low, high = one.get("ci95") or (None, None)
            row[f"{quantity}_measured"] = one.get("measured")
            row[f"{quantity}_simulated"] = one.get("simulated")
            row |= {f"{quantity}_lo": low, f"{quantity}_hi": high}
            row[f"{quantity}_log_error"] = one.get("log_error")
        rows.append(row)
    return rows
