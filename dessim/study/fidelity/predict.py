"""Predictions of cells that nobody measured, with honest intervals.

The logarithm of the seconds that would be measured is taken as normal around the simulated one. Its
variance is the sum of five, which come from different places and are independent:

* parameters: the covariance of the fit, carried over by differences of the simulated logarithm;
* open: numbers that the measured cells do not touch, or hardly, such as what SMT siblings take from
  each other; each is anywhere between the ends of its sources' range (a uniform distribution);
* model: the mean square error of the cells of the same workload that were not fitted, or that of
  the cross-validation if it is greater: what the model gets wrong where it was not tuned;
* extrapolation: what the model's error drifts by on the way from what was measured, in threads, in
  orders, and to another workload (``extrapolation``); nothing among what was measured;
* measurement: the spread of such a measurement from run to run, and from as many threads as cores
  on what other work and uneven placement do to it.

The interval is that of Student's t. Its degrees of freedom are the number of unseen cells, and
fewer where a part that is known from fewer observations matters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import dessim
from dessim.model import Machine, Point
from dessim.model.author import usual_author
from dessim.study.fidelity.calibrate import SPREAD, STEP, Simulate
from dessim.study.fidelity.cells import cell_name, key_of
from dessim.study.fidelity.extrapolation import (
    Distance,
    Growths,
    distance_of,
    growths_of,
    scheduler_terms,
)
from dessim.study.fidelity.parameters import Parameter, machine_with, parameters_of, settings_of
from dessim.study.fidelity.validation import FAULTS, SECONDS, error_of
from dessim.study.fidelity.variances import Term, degrees_of, half_width
from dessim.study.store.version import model_version
from dessim.study.sweep.jobs import Tally
from dessim.study.sweep.precision import summary_of

Entry = dict[str, Any]
OPEN = (
    "smt.user_slowdown",
    "smt.kernel_slowdown",
    "cache_line.coalesce",
    "clock.all_cores",
    "memory.bandwidth_per_socket",
)
"""Numbers that matter with many threads and that runs with few say little about."""
METHOD = (
    "log-normal: variance of ln(seconds) = parameters (covariance of the fit through finite"
    " differences) + open (difference over the sources' range, squared, over 12, of each number"
    f" that few threads say little about: {', '.join(OPEN)}) + model (mean square ln error of"
    " unseen cells of the workload, or of the cross-validation if greater) + extrapolation (drift"
    " of the error when the largest numbers of threads are left out, in proportion to"
    " ln(threads / largest measured), upper 80 % limit; likewise for orders and workloads that"
    " were not measured) + measurement (run-to-run spread, and with as many threads as cores or"
    " more other work and uneven placement); 95 % by Student's t with as many degrees of freedom"
    " as unseen cells, or fewer as Welch and Satterthwaite say"
)


@dataclass(frozen=True)
class ModelError:
    """What one quantity of a workload gets wrong where it was not fitted.

    Attributes
    ----------
    variance : float
        Mean square logarithmic error.
    cells : int
        How many it is made of.
    """

    variance: float
    cells: int


def doubts(validation: Entry, workload: str, machine: Machine) -> dict[str, ModelError]:
    """How wrong the model is on unseen cells: of this workload, or of all if it has none.

    Parameters
    ----------
    validation : dict
        Of the machine, on all measured cells.
    workload : str
    machine : Machine
        Its record may hold a cross-validation.

    Raises
    ------
    ValueError
        If nothing is unseen.
    """
    unseen = [c for c in validation["cells"] if not c["fitted"] and not c["doubtful"]]
    own = [cell for cell in unseen if cell["workload"] == workload] or unseen
    found = {}
    for quantity in (SECONDS, FAULTS):
        error = error_of(own, quantity)
        if error is None:
            raise ValueError(
                "every measured cell was fitted: nothing shows the error of the others"
            )
        found[quantity] = ModelError(error["rms_log_error"] ** 2, error["cells"])
    crossed = machine.calibration.unseen.get(workload, 0.0) if machine.calibration else 0.0
    if crossed**2 > found[SECONDS].variance:
        found[SECONDS] = ModelError(crossed**2, found[SECONDS].cells)
    return found


def parameter_variances(points: Sequence[Point], simulate: Simulate) -> list[dict[str, float]]:
    """Variance of ln(seconds) and ln(faults) of each point that comes from the fitted parameters.

    Parameters
    ----------
    points : sequence of Point
        On one machine; small enough to be run once more for each parameter.
    simulate : callable
        Points -> their runs.

    Returns
    -------
    list of dict
        0 where nothing was fitted.
    """
    record = points[0].machine.calibration if points else None
    if record is None:
        return [dict.fromkeys((SECONDS, FAULTS), 0.0) for _ in points]
    machine = points[0].machine
    parameters = parameters_of(machine, record.parameters)
    moved = [machine_with(machine, settings) for settings in _steps(parameters)]
    every = [point.model_copy(update={"machine": m}) for m in (machine, *moved) for point in points]
    tally = simulate(every)
    n = len(points)
    found = []
    for index in range(n):
        logs = [_logs(every[k * n + index], tally, k * n + index) for k in range(len(moved) + 1)]
        variances = {}
        for quantity in (SECONDS, FAULTS):
            slopes = [
                (one[quantity] - logs[0][quantity]) / _step(parameter)
                for one, parameter in zip(logs[1:], parameters, strict=True)
            ]
            variances[quantity] = _quadratic(slopes, record.covariance)
        found.append(variances)
    return found


def open_variances(points: Sequence[Point], simulate: Simulate) -> list[dict[str, float]]:
    """Variance of ln(seconds) and ln(faults) of each point that comes from numbers left open.

    Each number of ``OPEN`` that has a range and was not fitted is uniform over its range: the
    variance is a twelfth of the square of what the ends differ in.

    Parameters
    ----------
    points : sequence of Point
        On one machine; small enough to be run twice for each number.
    simulate : callable
        Points -> their runs.
    """
    machine = points[0].machine
    fitted = machine.calibration.parameters if machine.calibration else ()
    left = [name for name in OPEN if machine.provenance.get(name) and name not in fitted]
    left = [name for name in left if machine.provenance[name].low is not None]
    ends = [
        machine_with(machine, settings_of([parameter], [end]))
        for parameter in (parameters_of(machine, left) if left else ())
        for end in (parameter.low, parameter.high)
    ]
    every = [point.model_copy(update={"machine": m}) for m in ends for point in points]
    tally = simulate(every) if every else None
    n = len(points)
    found = []
    for index in range(n):
        variances = dict.fromkeys((SECONDS, FAULTS), 0.0)
        for k in range(0, len(ends), 2):
            assert tally is not None
            low, high = (_logs(every[j * n + index], tally, j * n + index) for j in (k, k + 1))
            for quantity in variances:
                variances[quantity] += (high[quantity] - low[quantity]) ** 2 / 12
        found.append(variances)
    return found


def _step(parameter: Parameter) -> float:
    """A step that stays inside the range, away from an end that is near."""
    step = min(STEP, parameter.half_range)
    return step if step <= parameter.high else -step


def _steps(parameters: Sequence[Parameter]) -> list[dict[str, int]]:
    return [settings_of([parameter], [_step(parameter)]) for parameter in parameters]


def _quadratic(slopes: Sequence[float], covariance: Sequence[Sequence[float]]) -> float:
    total = math.fsum(
        a * b * covariance[i][j] for i, a in enumerate(slopes) for j, b in enumerate(slopes)
    )
    return max(total, 0.0)


def _logs(point: Point, tally: Tally, index: int) -> dict[str, float]:
    return {name: math.log(value) for name, value in simulated(point, tally, index).items()}


def simulated(point: Point, tally: Tally, index: int) -> dict[str, float]:
    """Seconds and minor faults of a point, means over its replications."""
    runs = [outcome.run for outcome in tally.of_point(index) if outcome.run is not None]
    metrics = summary_of(point, runs).metrics
    found = {}
    for name in (SECONDS, FAULTS):
        mean = metrics[name].mean
        assert mean is not None, name
        found[name] = mean
    return found


def predictions_of(
    points: Sequence[Point],
    small: Sequence[Point],
    validation: Entry,
    simulate: Simulate,
) -> Entry:
    """Predict cells.

    Parameters
    ----------
    points : sequence of Point
        As they are to be simulated: usually in full.
    small : sequence of Point
        The same cells, as small as they may be for the effect of the parameters.
    validation : dict
        Of the same machine.
    simulate : callable
        Points -> their runs; the points as they are predicted are asked for all at once.

    Returns
    -------
    dict
        JSON-able: method, machine, and `predictions`; of a cell that was measured with what was
        measured, and whether the machine was fitted to it.
    """
    machine = points[0].machine
    variances = parameter_variances(small, simulate)
    left_open = open_variances(small, simulate)
    growths = growths_of(validation, machine)
    tally = simulate(points)
    measured = {cell["cell"]: measured_of(cell) for cell in validation["cells"]}
    rows = []
    for index, point in enumerate(points):
        means = simulated(point, tally, index)
        doubt = doubts(validation, point.workload.name, machine)
        far = distance_of(key_of(point), validation["cells"])
        known = {"parameters": variances[index], "open": left_open[index]}
        row = _prediction(point, means, known, doubt, far, growths)
        rows.append(row | {"measured": measured.get(row["cell"])})
    return {
        "machine": machine.name,
        "method": METHOD,
        "data": validation["data"],
        "fitted_cells": list(machine.calibration.cells) if machine.calibration else [],
        "dessim_version": dessim.__version__,
        "model_version": model_version()[:16],
        "seed": points[0].seed,
        "replications": points[0].replications,
        "predictions": rows,
    }


def measured_of(cell: Entry) -> Entry:
    """What was measured of a cell of a validation, and whether the machine was fitted to it."""
    found = {name: (cell.get(name) or {}).get("measured") for name in (SECONDS, FAULTS)}
    return {**found, "fitted": cell["fitted"]}


def _prediction(
    point: Point,
    means: dict[str, float],
    known: dict[str, dict[str, float]],
    doubt: dict[str, ModelError],
    far: Distance,
    growths: dict[str, Growths],
) -> Entry:
    row: Entry = {
        "cell": cell_name(key_of(point)),
        "workload": point.workload.name,
        "scheme": point.scheme.name,
        "threads": point.threads,
        "fault_around_order": point.fault_around_order,
        "simulated_bytes": point.simulate_bytes or point.workload.file_size_bytes,
        "scaled": point.simulate_bytes is not None,
        "distance": asdict(far),
    }
    for quantity, mean in means.items():
        parts = {name: [Term(one[quantity], math.inf)] for name, one in known.items()}
        parts |= {
            "model": [Term(doubt[quantity].variance, doubt[quantity].cells)],
            "extrapolation": growths[quantity].over(far),
            "measurement": _measurement(point) if quantity == SECONDS else [],
        }
        row[quantity] = _interval(mean, parts, doubt[quantity].cells)
    return row


def _measurement(point: Point) -> list[Term]:
    """How far a measured run is from another one."""
    usual = Term(SPREAD[point.workload.access] ** 2, math.inf)
    return [usual, *scheduler_terms(point.machine, point.threads)]


def _interval(mean: float, parts: dict[str, list[Term]], most: int) -> Entry:
    """A number between its ends, and what they are made of."""
    terms = [term for part in parts.values() for term in part]
    half = half_width(terms, most)
    return {
        "value": mean,
        "ci95": [mean * math.exp(-half), mean * math.exp(half)],
        "log_deviations": {
            name: math.sqrt(math.fsum(term.variance for term in part))
            for name, part in parts.items()
        },
        "degrees_of_freedom": max(min(degrees_of(terms), most), 1),
    }


def table_rows(document: Entry) -> list[Entry]:
    """Rows in the columns and with the names of the published table."""
    author = usual_author()
    names = {ours: theirs for theirs, ours in author.workloads.items()}
    column, unpatched = author.columns, author.schemes.unpatched
    seconds = column["completion_s"]
    rows = []
    for one in document["predictions"]:
        low, high = one[SECONDS]["ci95"]
        rows.append(
            {
                column["workload"]: names.get(one["workload"], one["workload"]),
                column["threads"]: one["threads"],
                column["fault_around_order"]: (
                    author.baseline if one["scheme"] == unpatched else one["fault_around_order"]
                ),
                seconds: f"{one[SECONDS]['value']:.6g}",
                f"{seconds}_lo": f"{low:.6g}",
                f"{seconds}_hi": f"{high:.6g}",
                "minor_faults": round(one[FAULTS]["value"]),
            }
        )
    return rows
