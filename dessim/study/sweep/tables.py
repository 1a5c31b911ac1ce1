"""The results of an experiment as one document, and the same as tables and files.

Nothing in here depends on when or where the runs were done: the same runs give the same bytes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dessim
from dessim.files.seals import write_sealed
from dessim.files.tables import csv_text
from dessim.files.writing import write_all
from dessim.measure.statistics.intervals import T_OVER_REPLICATIONS
from dessim.measure.statistics.survival import survival
from dessim.metrics import View, columns_of
from dessim.model import Experiment, Point
from dessim.model.published import DOUBTFUL, Measured, Published, load_published, mean_errors
from dessim.model.workload import PAGE_BYTES
from dessim.study.store.version import model_version
from dessim.study.sweep.compare import comparisons_of, scalings_of
from dessim.study.sweep.jobs import RunOutcome, Tally
from dessim.study.sweep.precision import reached_by, summary_of
from dessim.study.sweep.stationary import Stationarity, refuse

DOCUMENT = "results.json"
LATENCIES = "latency.csv"
TABLES = (DOCUMENT, "results.csv", LATENCIES)
Row = dict[str, Any]


def document_of(
    experiment: Experiment,
    points: Sequence[Point],
    tally: Tally,
    engine: str,
    stationarities: Sequence[Stationarity | None] = (),
) -> dict[str, Any]:
    """The results of an experiment, in the form that `dessim run --format json` prints.

    Parameters
    ----------
    experiment : Experiment
    points : sequence of Point
    tally : Tally
        Of all their runs.
    engine : str
    stationarities : sequence of Stationarity or None, optional
        What was found at two sizes of each point, where a part of its file was simulated.

    Returns
    -------
    dict
        JSON-able, in stable order.
    """
    published = load_published(experiment.measured) if experiment.measured else None
    rows = [
        _point(point, tally.of_point(index), engine, published, experiment, found)
        for index, (point, found) in enumerate(
            zip(points, stationarities or [None] * len(points), strict=True)
        )
    ]
    result: dict[str, Any] = {
        "experiment": experiment.name,
        "dessim_version": dessim.__version__,
        "model_version": model_version()[:16],
        "description": experiment.description,
        "points": rows,
    }
    result |= {"comparisons": comparisons_of(rows), "scaling": scalings_of(rows)}
    if published is not None:
        result["measured"] = {
            "name": published.name,
            "source": published.source,
            "mean_absolute_error": {
                metric: {
                    name: {"ratio": ratio, "points": n}
                    for name, (ratio, n) in mean_errors(rows, metric).items()
                }
                for metric in (one.name for one in columns_of(View.MEASURED))
            },
        }
    return result


def _point(
    point: Point,
    outcomes: Sequence[RunOutcome],
    engine: str,
    published: Published | None,
    experiment: Experiment,
    found: Stationarity | None,
) -> dict[str, Any]:
    runs = [outcome.run for outcome in outcomes if outcome.run is not None]
    failures = [
        {"replication": outcome.job.key.replication, "reason": outcome.error}
        for outcome in outcomes
        if outcome.error is not None
    ]
    size_bytes = point.workload.file_size_bytes
    result: dict[str, Any] = {
        "machine": point.machine.name,
        "workload": point.workload.name,
        "scheme": point.scheme.name,
        "scheme_options": dict(sorted(point.scheme.options.items())),
        "threads": point.threads,
        "fault_around_order": point.fault_around_order,
        "parameters": dict(point.parameters),
        "engine": engine,
        "replications": len(runs),
        "seed": point.seed,
        "scaled": point.simulate_bytes is not None,
        "simulated_bytes": min(size_bytes, point.simulate_bytes or size_bytes),
    }
    if runs:
        summary = summary_of(point, runs, experiment.warmup_ps)
        if found is not None:
            summary = refuse(summary, found)
            result["stationarity"] = found.as_dict()
        result |= summary.as_dict()
        if experiment.precision:
            reached = reached_by(summary, experiment.precision)
            result["precision"] = {one.metric: one.as_dict() for one in reached}
    else:
        result |= {"metrics": {}, "time_share": {}, "time_share_ci95": {}, "flags": [], "notes": []}
    if failures:
        result["failures"] = failures
    measured = published.of_point(point) if published else None
    if measured is not None:
        result |= _beside(measured, result["metrics"])
    return result


def _beside(measured: Measured, metrics: dict[str, Any]) -> dict[str, Any]:
    """What was measured, and how far the simulation is from it, as a ratio."""
    errors = {}
    for name, value in measured.values.items():
        simulated = metrics.get(name, {}).get("mean")
        errors[name] = None if simulated is None else simulated / value - 1
    found: dict[str, Any] = dict(measured.values)
    if measured.doubtful:
        found[DOUBTFUL] = measured.doubtful
    return {"measured": found, "error": errors}


def table_rows(document: dict[str, Any]) -> list[Row]:
    """One flat row per point: units in the names, the ends of intervals in `_lo` and `_hi`.

    All rows have the same columns.
    """
    points = document["points"]
    swept = list(dict.fromkeys(key for point in points for key in point["parameters"]))
    return uniform([_row(document, point, swept) for point in points])


def _row(document: dict[str, Any], point: dict[str, Any], swept: Sequence[str]) -> Row:
    row: Row = {
        "experiment": document["experiment"],
        "machine": point["machine"],
        "workload": point["workload"],
        "scheme": point["scheme"],
        "scheme_options": json.dumps(point["scheme_options"]) if point["scheme_options"] else "",
        "threads": point["threads"],
        "fault_around_order": point["fault_around_order"],
    }
    for name in swept:
        row[name] = point["parameters"].get(name)
    for name in ("seed", "engine", "replications", "scaled"):
        row[name] = point[name]
    row["simulated_pages"] = point["simulated_bytes"] // PAGE_BYTES
    for name, estimate in point["metrics"].items():
        row |= _columns(name, estimate)
    if "warmup_s" in point:
        row |= _columns("warmup_s", point["warmup_s"])
    for name, share in point["time_share"].items():
        share_estimate = point["time_share_estimate"]
        estimate = {**share_estimate, "mean": share, "ci95": point["time_share_ci95"][name]}
        row |= _columns(f"time_share_{name}", estimate)
    row["precision_met"] = precision_met(point)
    for name, value in point.get("measured", {}).items():
        row[f"measured_{name}"] = value
    for name, value in point.get("error", {}).items():
        row[f"error_{name}_ratio"] = value
    row["flags"] = " ".join(point["flags"])
    row["notes"] = "; ".join(point["notes"])
    row["failed_runs"] = len(point.get("failures", ()))
    row["dessim_version"] = document["dessim_version"]
    row["model_version"] = document["model_version"]
    return row


def _columns(name: str, estimate: dict[str, Any]) -> Row:
    """A number, its interval, its observations, and its method or why it is missing."""
    low, high = estimate["ci95"] or (None, None)
    method = estimate["method"]
    if estimate["mean"] is None:
        method = f"none: {estimate.get('reason', 'no observations')}"
    return {
        name: estimate["mean"],
        f"{name}_lo": low,
        f"{name}_hi": high,
        f"{name}_n": estimate["observations"],
        f"{name}_method": method,
    }


def precision_met(point: dict[str, Any]) -> str:
    """`yes` or `no`, or nothing where none was asked for."""
    asked = point.get("precision")
    if not asked:
        return ""
    return "yes" if all(one["met"] for one in asked.values()) else "no"


def latency_rows(points: Sequence[Point], tally: Tally) -> Iterator[Row]:
    """The distribution of latencies of every point: a row per histogram bucket."""
    for index in range(len(points)):
        runs = [o.run.latency_counts for o in tally.of_point(index) if o.run is not None]
        rows = survival([counts for counts in runs if counts])
        faults = sum(row.faults for row in rows)
        for row in rows:
            yield {
                "point": index,
                "latency_ns": row.latency_ns,
                "faults": row.faults,
                "longer_share": row.longer_share,
                "longer_share_lo": row.low,
                "longer_share_hi": row.high,
                "longer_share_n": faults,
                "longer_share_method": T_OVER_REPLICATIONS,
            }


def to_json(document: dict[str, Any]) -> str:
    """The document as JSON text."""
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _write_parquet(rows: Sequence[Row], where: io.BytesIO) -> None:
    import pyarrow as pa  # here: it takes long to import
    import pyarrow.parquet as pq

    columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}
    arrays = {name: _array(pa, values) for name, values in columns.items()}
    pq.write_table(pa.table(arrays), where, compression="zstd")


def _array(pa: Any, values: list[Any]) -> Any:
    """A column: of one type, text if a swept key takes values of several."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and float in kinds:
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    if not kinds:
        return pa.array(values, pa.float64())  # numbers that no point supports
    if len(kinds) > 1:
        return pa.array([None if v is None else str(v) for v in values], pa.string())
    return pa.array(values)


def table_files(
    document: dict[str, Any], points: Sequence[Point], tally: Tally
) -> dict[str, bytes]:
    """Return the results of an experiment: JSON document, tidy CSV and Parquet, latencies."""
    rows = table_rows(document)
    parquet = io.BytesIO()
    _write_parquet(rows, parquet)
    return {
        DOCUMENT: to_json(document).encode(),
        "results.csv": csv_text(rows).encode(),
        "results.parquet": parquet.getvalue(),
        LATENCIES: csv_text(list(latency_rows(points, tally))).encode(),
    }


def write_tables(
    document: dict[str, Any], points: Sequence[Point], tally: Tally, folder: Path
) -> list[Path]:
    """Write the results of an experiment, sealed.

    Returns
    -------
    list of Path
        What was written.
    """
    return write_sealed(table_files(document, points, tally), folder)


def uniform(rows: Sequence[Row]) -> list[Row]:
    """The same rows, all with the same columns."""
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in columns} for row in rows]


def write_rows(rows: Sequence[Row], path: Path, form: str) -> None:
    """Write rows to a file; see ``dessim.files.writing``.

    Parameters
    ----------
    rows : sequence of dict
        All with the same columns.
    path : Path
    form : "parquet", "csv" or "json"
    """
    table = io.BytesIO()
    if form == "parquet":
        _write_parquet(rows, table)
    else:
        table.write((csv_text(rows) if form == "csv" else _rows_to_json(rows)).encode())
    write_all({path: table.getvalue()})


def _rows_to_json(rows: Sequence[Row]) -> str:
    """A JSON list, a line for each row."""
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    return "[\n" + ",\n".join(lines) + "\n]\n"
