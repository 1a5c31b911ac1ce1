import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dessim.measure.statistics.fitting import knowledge
from dessim.model import ConfigError, Point, load_experiment
from dessim.model.published import Key, Measured, Published, load_published
from dessim.study.fidelity.calibrate import (
    FitProblem,
    check_carried,
    check_enough_cells,
    cross_validate,
    knowledge_at,
    leave_out_the_largest,
    solve,
    usable,
    usual_fit,
)
from dessim.study.fidelity.calibration import (
    document_of,
    drifts_of,
    fitted_numbers,
    left_out_errors,
)
from dessim.study.fidelity.cells import cell_name, key_of, points_of
from dessim.study.fidelity.parameters import machine_with, parameters_of
from dessim.study.store.runs import Store
from dessim.study.sweep.jobs import Tally, jobs_of
from dessim.study.sweep.precision import summary_of
from dessim.study.sweep.runner import run_all

EXPERIMENT = """\
machine: ivybridge-ex-4s
workload: sequential-read
schemes: [radix_walk_trylock]
simulate: 128KiB
replications: 1
"""
TRUE = {"user.read_page_dram": 1_200_000, "kernel.exception_entry": 150_000}
KEYS = [
    ("sequential-read", "no_fault_around" if order == 0 else "radix_walk_trylock", threads, order)
    for threads in (1, 2)
    for order in (0, 1, 4)
]


class Simulator:
    """Runs points on the reference engine, kept in a folder, and counts what was computed."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "runs")
        self.computed = 0

    def __call__(self, points: Sequence[Point]) -> Tally:
        """Do what is not in the folder yet."""
        tally = run_all(jobs_of(points, "reference", self.store))
        self.computed += sum(not tally.outcomes[place].reused for place in tally.outcomes)
        return tally


def synthetic(
    folder: Path, simulate: Simulator, names: Sequence[str], keys: Sequence[Key] = KEYS
) -> FitProblem:
    """A problem whose table dessim itself made, on a machine with the true numbers."""
    (folder / "experiment.yaml").write_text(EXPERIMENT)
    # Without variation of work a single short run says what a long one would.
    experiment = load_experiment(folder / "experiment.yaml", ["machine.kernel.work_cv=0"])
    points = points_of(keys, experiment)
    machine = machine_with(points[0].machine, TRUE)
    tally = simulate([p.model_copy(update={"machine": machine}) for p in points])
    rows = {}
    for index, (key, point) in enumerate(zip(keys, points, strict=True)):
        runs = [o.run for o in tally.of_point(index) if o.run is not None]
        seconds = summary_of(point, runs).metrics["completion_s"].mean
        assert seconds is not None
        rows[key] = Measured({"completion_s": seconds}, "")
    table = Published("synthetic", "dessim", rows)
    return FitProblem(points, table, parameters_of(points[0].machine, names), simulate)


def test_known_numbers_are_found_again(tmp_path: Path) -> None:
    """From the profile's values the fit comes to the true ones, within a per cent.

    One thread alone: who of two comes first to a line is no smooth function of a cost.
    """
    alone = [key for key in KEYS if key[2] == 1]
    problem = synthetic(tmp_path, Simulator(tmp_path), list(TRUE), alone)
    found = solve(problem, 15)
    numbers = fitted_numbers(problem.parameters, found)
    for path, true in TRUE.items():
        assert numbers[path].value == pytest.approx(true, rel=0.01), path
        interval = numbers[path].interval
        assert interval is not None
        assert interval[0] <= true <= interval[1]
    assert found.at_bound == (0, 0)
    assert found.cost < 0.1


def test_the_interval_holds_the_true_numbers_with_two_threads(tmp_path: Path) -> None:
    """Where the fit stops short of them it says how sure it is."""
    problem = synthetic(tmp_path, Simulator(tmp_path), list(TRUE))
    found = solve(problem, 15)
    assert found.cost < 0.1
    numbers = fitted_numbers(problem.parameters, found)
    for path, true in TRUE.items():
        interval = numbers[path].interval
        assert interval is not None
        assert interval[0] <= true <= interval[1], path


def test_an_interrupted_fit_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    """Stopped after some evaluations and begun again, it computes only what is missing."""
    whole = Simulator(tmp_path / "whole")
    (tmp_path / "whole").mkdir()
    reference = solve(synthetic(tmp_path / "whole", whole, list(TRUE)), 15)

    (tmp_path / "part").mkdir()
    part = Simulator(tmp_path / "part")
    problem = synthetic(tmp_path / "part", part, list(TRUE))
    asked = []

    def stopping(points: Sequence[Point]) -> Tally:
        asked.append(points)
        if len(asked) > 3:
            raise KeyboardInterrupt
        return part(points)

    problem.simulate = stopping
    with pytest.raises(KeyboardInterrupt):
        solve(problem, 15)
    before = part.computed
    again = solve(synthetic(tmp_path / "part", part, list(TRUE)), 15)
    assert again.x.tobytes() == reference.x.tobytes()
    assert again.jacobian.tobytes() == reference.jacobian.tobytes()
    assert 0 < part.computed - before == whole.computed - before


def test_a_number_that_is_out_of_reach_ends_at_its_bound(tmp_path: Path) -> None:
    """Twice the time of every cell: reading a page costs what its sources allow at most."""
    problem = synthetic(tmp_path, Simulator(tmp_path), ["user.read_page_dram"])
    doubled = {
        key: Measured({"completion_s": 2 * row.values["completion_s"]}, "")
        for key, row in problem.table.rows.items()
    }
    problem.table = Published("doubled", "dessim", doubled)
    found = solve(problem, 15)
    assert found.at_bound == (1,)
    known = knowledge(found.jacobian, [problem.parameters[0].half_range])
    document = document_of(problem, found, known, known, [], "new")
    [parameter] = document["parameters"]
    assert parameter["at_bound"] == "high"
    assert parameter["numbers"][0]["value"] == "1400ns"
    assert parameter["numbers"][0]["ci95"] is None
    assert "'user.read_page_dram' is at the high end" in document["warnings"][0]


def test_parameters_that_the_data_cannot_carry_are_refused(tmp_path: Path) -> None:
    """Entry and exit of a fault do the same, and random words are not read here: both are named."""
    names = ["kernel.exception_entry", "kernel.exception_exit", "user.random_word"]
    problem = synthetic(tmp_path, Simulator(tmp_path), names)
    known = knowledge_at(problem, [0.0] * 3)
    with pytest.raises(ConfigError) as caught:
        check_carried(known, problem.parameters)
    said = str(caught.value)
    assert "of these 3 parameters" in said
    assert "'user.random_word' changes less than the measurements scatter" in said
    assert "'kernel.exception_entry' and 'kernel.exception_exit' cannot be distinguished" in said
    with pytest.raises(ConfigError, match="3 parameters are too many for 5 fitted cells"):
        check_enough_cells(5, 3)
    check_enough_cells(6, 3)


def test_threads_that_are_left_out_are_predicted(tmp_path: Path) -> None:
    """On data of its own, the model fitted to one number of threads is right for the other."""
    problem = synthetic(tmp_path, Simulator(tmp_path), ["user.read_page_dram"])
    folds = cross_validate(problem, problem.points, 15)
    assert [threads for threads, _ in folds] == [1, 2]
    assert [len(cells) for _, cells in folds] == [3, 3]
    [(workload, rms)] = left_out_errors(folds).items()
    assert workload == "sequential-read"
    assert rms < 0.1


def test_fits_to_few_threads_tell_how_far_they_drift(tmp_path: Path) -> None:
    """Cells of two threads 30 % slower than the model: a fit to one thread is as wrong by as much.

    A fit to all would share the error out; the cells of one thread agree after theirs.
    """
    problem = synthetic(tmp_path, Simulator(tmp_path), ["user.read_page_dram"])
    slower = {
        key: Measured({"completion_s": row.values["completion_s"] * (1.3 if key[2] > 1 else 1)}, "")
        for key, row in problem.table.rows.items()
    }
    problem.table = Published("slower", "dessim", slower)
    [(largest, cells)] = leave_out_the_largest(problem, problem.points, 15)
    assert largest == 1
    assert [cell["fitted"] for cell in cells] == [True] * 3 + [False] * 3
    [one] = drifts_of([(largest, cells)])
    assert (one.workload, one.largest, one.threads, one.cells) == ("sequential-read", 1, 2, 3)
    assert math.sqrt(one.seconds) == pytest.approx(math.log(1.3), rel=0.1)
    few = [point for point in problem.points if point.threads == 2]
    problem.points = few  # nothing was fitted to one thread: nothing can be left out
    assert leave_out_the_largest(problem, few, 15) == []


def test_residuals_are_in_deviations_of_the_measurement(tmp_path: Path) -> None:
    """2 % too slow is one deviation of a sequential read; excess faults follow the seconds."""
    problem = synthetic(tmp_path, Simulator(tmp_path), list(TRUE))
    here = problem.residuals(np.zeros(2))
    assert len(here) == len(KEYS)  # this table has no faults
    slower = {
        key: Measured({"completion_s": row.values["completion_s"] / math.exp(0.02)}, "")
        for key, row in problem.table.rows.items()
    }
    problem.table = Published("slower", "dessim", slower)
    problem._known.clear()
    assert problem.residuals(np.zeros(2)) - here == pytest.approx(1.0)


def test_the_usual_fit_takes_every_second_usable_cell() -> None:
    """50 of 51 rows are usable, 25 are fitted, the doubtful one is not."""
    table = load_published("fault-around-2014")
    keys = usable(table)
    fitted = [cell_name(key) for key in usual_fit(keys)]
    assert (len(keys), len(fitted)) == (50, 25)
    assert "touch-one-per-table:8:1" not in [cell_name(key) for key in keys]
    assert fitted[:3] == ["sequential-read:1:1", "sequential-read:1:4", "sequential-read:1:7"]
    assert key_of(points_of(keys, load_experiment("fault-around-2014"))[0]) == keys[0]
