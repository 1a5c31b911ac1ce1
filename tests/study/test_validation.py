import math
from pathlib import Path
from typing import Any

import pytest
from small import a_run

from dessim.kernel.result import RunResult
from dessim.model import Point, load_experiment
from dessim.model.published import load_published
from dessim.study.fidelity.cells import points_of
from dessim.study.fidelity.validation import error_of, errors_by, table_rows, validation_of
from dessim.study.store.runs import keys_of
from dessim.study.sweep.jobs import Job, RunOutcome, Tally
from dessim.study.sweep.stationary import SizePair, Stationarity


def outcome(index: int, point: Point, run: RunResult | None) -> RunOutcome:
    """An outcome as the runner would tell it."""
    [key] = keys_of(point, [0], "reference")
    job = Job(index, point, key, Path("runs"), "")
    return RunOutcome(job, run, None if run is not None else "it broke")


def validated(tmp_path: Path, rows: str, runs: list[RunResult | None]) -> dict[str, Any]:
    """A validation of made-up runs against a made-up table of whole files of 8 MiB."""
    path = tmp_path / "table.csv"
    path.write_text("workload,threads,order,minor_faults,seconds,note\n" + rows)
    table = load_published(str(path))
    (tmp_path / "experiment.yaml").write_text(
        "machine: ivybridge-ex-4s\nworkload: sequential-read\nschemes: [radix_walk_trylock]\n"
    )
    experiment = load_experiment(tmp_path / "experiment.yaml", ["workload.file_size=8MiB"])
    points = points_of(table.rows, experiment)
    tally = Tally()
    for index, (point, run) in enumerate(zip(points, runs, strict=True)):
        tally.outcomes[index, 0] = outcome(index, point, run)
    return validation_of(points, tally, table, "reference")


def test_errors_are_those_of_a_hand_computation(tmp_path: Path) -> None:
    """1.2 ms against 1 ms and 2 ms: ln 1.2 and ln 0.6; 2048 pages at order 3 are 256 windows each.

    The made-up run has 1000 faults: with 2 threads 488 above 512; measured 756 are 244 above it.
    """
    rows = "sequential-read,1,3,250,0.001,\nsequential-read,2,3,756,0.002,\n"
    run = a_run(completion_ps=1_200_000_000, pages_simulated=2048, pages_declared=2048)
    document = validated(tmp_path, rows, [run, run])
    first, second = document["cells"]
    assert first["completion_s"]["log_error"] == pytest.approx(math.log(1.2))
    assert second["completion_s"]["log_error"] == pytest.approx(math.log(0.6))
    assert first["minor_faults"]["log_error"] == pytest.approx(math.log(4))
    assert not first["excess_faults"]["compared"]
    assert second["excess_faults"]["log_error"] == pytest.approx(math.log(488 / 244))
    [group] = document["errors"]
    found = group["completion_s"]["all"]
    assert found["mean_abs_log_error"] == pytest.approx((math.log(1.2) + math.log(1 / 0.6)) / 2)
    assert found["max_abs_log_error"] == pytest.approx(math.log(1 / 0.6))
    assert found["worst_cell"] == "sequential-read:2:3"
    assert found["bias"] == pytest.approx(math.log(1.2 * 0.6) / 2)
    assert group["excess_faults"]["all"]["cells"] == 1
    assert [row["threads"] for row in document["errors_by_threads"]] == [1, 2]


def test_doubtful_and_failed_cells_are_shown_but_not_counted(tmp_path: Path) -> None:
    """Of three cells one is suspect and one has no run: one counts."""
    rows = (
        "sequential-read,1,3,256,0.001,\nsequential-read,2,3,512,0.002,SUSPECT: odd\n"
        "sequential-read,4,3,1024,0.003,\n"
    )
    run = a_run()
    document = validated(tmp_path, rows, [run, run, None])
    assert len(document["cells"]) == 3
    assert document["errors"][0]["completion_s"]["all"]["cells"] == 1
    assert document["cells"][2]["failures"] == ["it broke"]
    assert len({tuple(row) for row in table_rows(document)}) == 1


def test_fitted_and_unseen_cells_are_told_apart() -> None:
    """Each part has its own mean; a part without cells has none."""
    cells = [
        {"cell": "a", "workload": "w", "fitted": True, "doubtful": "", "completion_s": error(0.1)},
        {
            "cell": "b",
            "workload": "w",
            "fitted": False,
            "doubtful": "",
            "completion_s": error(-0.3),
        },
    ]
    [group] = errors_by(cells, ("workload",))
    means = {part: e["mean_abs_log_error"] for part, e in group["completion_s"].items()}
    assert means == {"all": pytest.approx(0.2), "fitted": 0.1, "unseen": 0.3}
    assert group["excess_faults"]["all"] is None
    assert error_of([], "completion_s") is None


def error(value: float) -> dict[str, Any]:
    """The part of a cell that errors are made of."""
    return {"log_error": value}


def test_no_excess_at_all_counts_as_a_hundredth_of_the_ideal(tmp_path: Path) -> None:
    """512 faults where 768 were measured and 512 are ideal: ln(5.12 / 256), not minus infinity."""
    run = a_run(counters=a_run().counters | {"minor_faults": 512})
    document = validated(tmp_path, "sequential-read,2,3,768,0.002,\n", [run])
    [cell] = document["cells"]
    assert cell["excess_faults"]["log_error"] == pytest.approx(math.log(5.12 / 256))


def test_a_number_that_depends_on_the_size_has_no_error(tmp_path: Path) -> None:
    """Half the file takes a third of the time: neither can be scaled up, and no error is made."""
    path = tmp_path / "table.csv"
    path.write_text(
        "workload,threads,order,minor_faults,seconds,note\nsequential-read,1,3,250,0.001,\n"
    )
    table = load_published(str(path))
    (tmp_path / "experiment.yaml").write_text(
        "machine: ivybridge-ex-4s\nworkload: sequential-read\nschemes: [radix_walk_trylock]\n"
    )
    experiment = load_experiment(
        tmp_path / "experiment.yaml", ["workload.file_size=8MiB", "simulate=4MiB"]
    )
    points = points_of(table.rows, experiment, grow=True)
    times = (1200, 1201, 1202)
    runs = [
        a_run(completion_ps=us * 10**6, pages_simulated=1024, pages_declared=2048) for us in times
    ]
    tally, (point,) = Tally(), points
    for replication, run in enumerate(runs):
        [key] = keys_of(point, [replication], "reference")
        tally.outcomes[0, replication] = RunOutcome(Job(0, point, key, tmp_path, ""), run, None)
    differ = SizePair(400.0, 1200.0, 0.05, "differ")
    found = Stationarity((2 << 20, 4 << 20), False, {"completion_s": differ})
    [cell] = validation_of(points, tally, table, "reference", [found])["cells"]
    assert "not_stationary" in cell["flags"]
    assert cell["completion_s"]["simulated"] is cell["completion_s"]["log_error"] is None
    agree = Stationarity((2 << 20, 4 << 20), False, {})
    [cell] = validation_of(points, tally, table, "reference", [agree])["cells"]
    assert "not_stationary" not in cell["flags"]
    assert cell["completion_s"]["log_error"] is not None


def test_cells_grow_with_the_experiment_unless_they_need_one_size() -> None:
    """`simulate: auto` stays as it is for a validation; a fit compares machines at one size."""
    experiment = load_experiment("fault-around-2014")
    keys = [(name, "radix_walk_trylock", 8, 4) for name in ("sequential-read", "random-read")]
    growing, whole = points_of(keys, experiment, random_bytes=None, grow=True)
    assert growing.simulate_cap_bytes is not None
    assert whole.simulate_bytes is whole.simulate_cap_bytes is None
    for point in points_of(keys, experiment):
        assert point.simulate_cap_bytes is None
        assert point.simulate_bytes is not None
