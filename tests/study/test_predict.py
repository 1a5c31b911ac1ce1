import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dessim.model import Calibration, Point, load_experiment
from dessim.study.fidelity.cells import points_of, simulating, spelled_out
from dessim.study.fidelity.extrapolation import growths_of
from dessim.study.fidelity.parameters import parameters_of
from dessim.study.fidelity.predict import (
    OPEN,
    doubts,
    open_variances,
    parameter_variances,
    predictions_of,
    table_rows,
)
from dessim.study.fidelity.variances import Term, half_width
from dessim.study.store.runs import Store
from dessim.study.sweep.jobs import Tally, jobs_of
from dessim.study.sweep.runner import run_all

EXPERIMENT = """\
machine: ivybridge-ex-4s
workload: sequential-read
schemes: [radix_walk_trylock]
simulate: 128KiB
replications: 1
"""
RECORD = Calibration(
    data="made-up",
    cells=("sequential-read:1:0",),
    parameters=("user.read_page_dram",),
    covariance=((0.01,),),
    unseen={"sequential-read": 0.06},
)


def cell(name: str, error: float, fitted: bool = False, doubtful: str = "") -> dict[str, Any]:
    """A cell of a validation, as far as predictions look at it."""
    one = {"log_error": error}
    workload, threads, order = name.split(":")
    where = {"workload": workload, "threads": int(threads), "fault_around_order": int(order)}
    kind = {"fitted": fitted, "doubtful": doubtful}
    return {"cell": name, **where, "completion_s": one, "minor_faults": one, **kind}


VALIDATION = {
    "data": "made-up",
    "cells": [
        cell("sequential-read:1:0", 9.0, fitted=True),
        cell("sequential-read:1:1", 0.03),
        cell("sequential-read:8:1", -0.05),
        cell("sequential-read:8:3", 9.0, doubtful="a misprint"),
        cell("random-read:1:1", 0.2),
    ],
}


@pytest.fixture
def points(tmp_path: Path) -> list[Point]:
    """One cell that nobody measured, small, on a machine with a record."""
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    experiment = load_experiment(tmp_path / "experiment.yaml")
    found = points_of(spelled_out(["sequential-read:1:0"], "--cells"), experiment)
    machine = found[0].machine.model_copy(update={"calibration": RECORD})
    return [point.model_copy(update={"machine": machine}) for point in found]


@pytest.fixture
def simulate(tmp_path: Path) -> Any:
    """Runs points on the reference engine."""

    def run(points: Sequence[Point]) -> Tally:
        return run_all(jobs_of(points, "reference", Store(tmp_path / "runs")))

    return run


def test_doubt_is_what_unseen_cells_get_wrong(points: list[Point]) -> None:
    """Fitted and doubtful cells do not count; a greater cross-validation does; strangers take all.

    Unseen sequential cells are wrong by 0.03 and 0.05: mean square 0.0017, below 0.06 squared.
    """
    machine = points[0].machine
    found = doubts(VALIDATION, "sequential-read", machine)
    assert found["completion_s"].variance == pytest.approx(0.0036)
    assert found["minor_faults"].variance == pytest.approx(0.0017)
    assert found["completion_s"].cells == 2
    stranger = doubts(VALIDATION, "touch-one-per-table", machine)
    assert stranger["completion_s"].variance == pytest.approx((0.0009 + 0.0025 + 0.04) / 3)
    fitted = {"cells": [cell("sequential-read:1:0", 0.1, fitted=True)]}
    with pytest.raises(ValueError, match="every measured cell was fitted"):
        doubts(fitted, "sequential-read", machine)


def test_half_widths_are_students() -> None:
    """Variance 0.0025 with two degrees of freedom: 4.3027 times 0.05."""
    assert half_width([Term(0.0025, 2)]) == pytest.approx(4.3026527 * 0.05)
    assert half_width([Term(0.0025, 9)], 2) == pytest.approx(4.3026527 * 0.05)


def test_fitted_parameters_carry_their_covariance_over(points: list[Point], simulate: Any) -> None:
    """Reading pages is most, but not all, of the time: variance between 0.25 and 1 times 0.01."""
    [found] = parameter_variances(points, simulate)
    assert 0.25 * 0.01 < found["completion_s"] < 0.01
    assert found["minor_faults"] == 0
    plain = points[0].machine.model_copy(update={"calibration": None})
    [nothing] = parameter_variances([points[0].model_copy(update={"machine": plain})], simulate)
    assert nothing == {"completion_s": 0, "minor_faults": 0}


def test_a_prediction_adds_its_doubts_up(points: list[Point], simulate: Any) -> None:
    """Parameters, model and measurement are independent; the ends are factors around the value."""
    full = simulating(points, ["256KiB"])
    document = predictions_of(full, points, VALIDATION, simulate)
    [row] = document["predictions"]
    one = row["completion_s"]
    parts = one["log_deviations"]
    assert parts["model"] == pytest.approx(0.06)
    assert parts["measurement"] == pytest.approx(0.02)
    assert parts["extrapolation"] == 0  # among what was measured nothing is wider than before
    half = half_width([Term(sum(x * x for x in parts.values()), 2)])
    assert one["ci95"][0] == pytest.approx(one["value"] * math.exp(-half))
    assert one["ci95"][1] == pytest.approx(one["value"] * math.exp(half))
    assert row["simulated_bytes"] == 256 << 10
    [line] = table_rows(document)
    assert list(line) == [
        *("workload", "threads", "order", "seconds", "seconds_lo", "seconds_hi", "minor_faults")
    ]
    assert (line["workload"], line["threads"], line["order"]) == ("seq_16GiB", 1, "baseline")
    assert float(line["seconds_lo"]) < float(line["seconds"]) < float(line["seconds_hi"])
    assert line["minor_faults"] == 4194304


def test_a_cell_that_was_measured_says_so(points: list[Point], simulate: Any) -> None:
    """With what was measured, and that the machine was fitted to it; the table has no column."""
    full = simulating(points, ["256KiB"])
    cells = [dict(one) for one in VALIDATION["cells"]]
    cells[0] |= {"completion_s": {"log_error": 9.0, "measured": 7.25}, "minor_faults": None}
    [row] = predictions_of(full, points, VALIDATION | {"cells": cells}, simulate)["predictions"]
    assert row["measured"] == {"completion_s": 7.25, "minor_faults": None, "fitted": True}
    others = [one for one in cells if one["cell"] != "sequential-read:1:0"]
    document = predictions_of(full, points, VALIDATION | {"cells": others}, simulate)
    assert document["predictions"][0]["measured"] is None
    assert "measured" not in table_rows(document)[0]


def test_what_siblings_share_is_open(points: list[Point], simulate: Any) -> None:
    """One thread has no sibling: its time does not depend on what is open about them."""
    assert {"smt.user_slowdown", "cache_line.coalesce"} < set(OPEN)
    open_to = parameters_of(points[0].machine, ["smt.user_slowdown", "cache_line.coalesce"])
    ends = [(one.numbers[0].low, one.numbers[0].high) for one in open_to]
    assert ends == [(1_100_000, 2_000_000), (0, 1_000_000)]
    [found] = open_variances(points, simulate)
    assert found["completion_s"] < 1e-4  # bandwidth and clock, hardly


def test_more_threads_than_were_measured_are_less_sure(
    tmp_path: Path, points: list[Point], simulate: Any
) -> None:
    """Two and sixteen threads, measured up to eight: the error may have drifted by ln 2 times."""
    experiment = load_experiment(tmp_path / "experiment.yaml")
    cells = points_of(spelled_out(["sequential-read:2,16:1"], "--cells"), experiment)
    machine = points[0].machine
    cells = [point.model_copy(update={"machine": machine}) for point in cells]
    near, far = predictions_of(cells, cells, VALIDATION, simulate)["predictions"]
    assert near["distance"] == {"threads": 0, "order": 0, "workloads": 0}
    assert far["distance"]["threads"] == pytest.approx(math.log(2))
    growth = growths_of(VALIDATION, machine)["completion_s"].threads
    parts = far["completion_s"]["log_deviations"]
    assert parts["extrapolation"] ** 2 == pytest.approx(growth.slope * math.log(2))
    assert near["completion_s"]["log_deviations"]["extrapolation"] == 0
    assert near["minor_faults"]["log_deviations"]["measurement"] == 0
