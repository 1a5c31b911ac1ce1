import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from small import EXPERIMENT, experiment_file

from dessim.files.tables import csv_text
from dessim.metrics import NAMES
from dessim.model import load_experiment, resolve
from dessim.study.store.runs import Store
from dessim.study.sweep.jobs import Tally, jobs_of
from dessim.study.sweep.runner import run_all
from dessim.study.sweep.tables import document_of, table_rows, to_json, write_tables

POINT_KEYS = {
    "machine",
    "workload",
    "scheme",
    "threads",
    "fault_around_order",
    "parameters",
    "engine",
    "replications",
    "scaled",
    "metrics",
    "time_share",
}


def study(folder: Path, text: str = EXPERIMENT) -> tuple[dict[str, Any], Any, Tally]:
    """Run an experiment; its document, points and outcomes."""
    experiment = load_experiment(experiment_file(folder, text))
    points = resolve(experiment)
    tally = run_all(jobs_of(points, "reference", Store(folder / "runs")))
    return document_of(experiment, points, tally, "reference"), points, tally


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Any, Tally]:
    """The small experiment, run once."""
    return study(tmp_path_factory.mktemp("small"))


def test_the_document_keeps_the_contract(small: Any) -> None:
    """Every promised key is there, and every metric with mean and interval."""
    document = json.loads(to_json(small[0]))
    assert {"experiment", "dessim_version", "points"} <= set(document)
    assert len(document["points"]) == 4
    for point in document["points"]:
        assert set(point) >= POINT_KEYS
        assert set(NAMES) <= set(point["metrics"])
        assert all({"mean", "ci95", "n"} <= set(e) for e in point["metrics"].values())
        assert sum(point["time_share"].values()) == pytest.approx(1)


def test_a_part_of_a_file_is_marked_scaled(small: Any) -> None:
    """64 KiB of 1 GiB: scaled, and faults stand for the whole file."""
    point = small[0]["points"][0]
    assert point["scaled"]
    assert point["simulated_bytes"] == 65536
    assert point["metrics"]["minor_faults"]["mean"] == 4 * (1 << 30) / 65536


def test_json_csv_and_parquet_say_the_same(small: Any, tmp_path: Path) -> None:
    """One row per point in each, equal numbers, equal columns."""
    document, points, tally = small
    write_tables(document, points, tally, tmp_path)
    rows = table_rows(document)
    table = pq.read_table(tmp_path / "results.parquet")
    assert table.column_names == list(rows[0])
    assert table.to_pylist() == [
        {k: v if v is None or k not in NAMES else float(v) for k, v in row.items()} for row in rows
    ]
    read = list(csv.DictReader(io.StringIO((tmp_path / "results.csv").read_text())))
    assert [float(row["completion_s"]) for row in read] == [row["completion_s"] for row in rows]
    assert json.loads((tmp_path / "results.json").read_text()) == document


def test_intervals_have_columns_of_their_own(small: Any) -> None:
    """`_lo` and `_hi` enclose the mean; one that is not known is empty, not zero."""
    row = table_rows(small[0])[0]
    assert row["completion_s_lo"] <= row["completion_s"] <= row["completion_s_hi"]
    assert row["fault_latency_ns_p999"] is None
    assert "fault_latency_ns_p999_lo" in row


def test_tables_written_twice_are_the_same_bytes(small: Any, tmp_path: Path) -> None:
    """No clock, no order of hashing: all four files."""
    document, points, tally = small
    one = write_tables(document, points, tally, tmp_path / "1")
    two = write_tables(document, points, tally, tmp_path / "2")
    assert [a.read_bytes() for a in one] == [b.read_bytes() for b in two]
    assert len(one) == 4
    assert sorted(p.name for p in (tmp_path / "1").iterdir()) == sorted(
        ["seals.json", *(p.name for p in one)]
    )


def test_latencies_are_stored_for_every_point(small: Any, tmp_path: Path) -> None:
    """The faults of the distribution are those of all replications together."""
    document, points, tally = small
    write_tables(document, points, tally, tmp_path)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "latency.csv").read_text())))
    total = sum(int(row["faults"]) for row in rows if row["point"] == "0")
    assert total == sum(o.run.latency_count for o in tally.of_point(0) if o.run)


def test_swept_keys_are_columns_even_where_their_types_differ(tmp_path: Path) -> None:
    """A key that is once a time and once a number becomes text in Parquet."""
    text = EXPERIMENT.replace("{threads: [1, 2]}", "{workload.start_jitter: [0, 0.5, 60%]}")
    document, points, tally = study(tmp_path, text)
    write_tables(document, points, tally, tmp_path / "out")
    column = pq.read_table(tmp_path / "out" / "results.parquet")["workload.start_jitter"]
    assert column.to_pylist() == ["0", "0", "0.5", "0.5", "60%", "60%"]


def test_a_point_without_a_run_has_no_numbers_but_its_reasons(small: Any) -> None:
    """All runs of a point failed: empty metrics, a row of the same columns, and the failures."""
    _, points, tally = small
    failed = Tally(
        {
            place: replace(o, run=None, error="MemoryError: no room") if place[0] == 1 else o
            for place, o in tally.outcomes.items()
        }
    )
    experiment_like = type(
        "E",
        (),
        {
            "name": "small",
            "description": "",
            "measured": None,
            "precision": None,
            "warmup_ps": None,
        },
    )
    document = document_of(experiment_like, points, failed, "reference")  # type: ignore[arg-type]
    point = document["points"][1]
    assert point["metrics"] == {}
    assert point["failures"][0] == {"replication": 0, "reason": "MemoryError: no room"}
    rows = table_rows(document)
    assert list(rows[0]) == list(rows[1])
    assert rows[1]["completion_s"] is None
    assert rows[1]["failed_runs"] == 2
    assert csv_text(rows).count("\n") == 5
