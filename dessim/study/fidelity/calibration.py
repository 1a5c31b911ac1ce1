"""What a calibration found: as a document, and as the record that a profile carries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dessim
from dessim.measure.statistics.fitting import Fit, Knowledge, knowledge
from dessim.model import Calibration, LeftOut
from dessim.study.fidelity.calibrate import SPREAD, FitProblem, fitted_names, unclear
from dessim.study.fidelity.extrapolation import left_out
from dessim.study.fidelity.fitted_profile import Fitted
from dessim.study.fidelity.parameters import Number, Parameter, as_text
from dessim.study.fidelity.validation import SECONDS, error_of, errors_by
from dessim.study.store.version import model_version

Entry = dict[str, Any]
ENDS = {-1: "low", 0: None, 1: "high"}


def fitted_numbers(parameters: Sequence[Parameter], found: Fit) -> dict[str, Fitted]:
    """Every fitted number with its interval, which stays inside the range of its sources."""
    numbers = {}
    for index, parameter in enumerate(parameters):
        centre, half = float(found.x[index]), found.half_width(index)
        for number in parameter.numbers:
            interval = None
            if half is not None:
                interval = number.at(centre - half), number.at(centre + half)
            numbers[number.path] = Fitted(number.at(centre), interval)
    return numbers


def record_of(
    problem: FitProblem,
    found: Fit,
    unseen: dict[str, float],
    left_out: Sequence[LeftOut] = (),
) -> Calibration:
    """What the profile will say about its calibration, earlier fits included."""
    record = Calibration(
        data=problem.table.name,
        cells=tuple(fitted_names(problem)),
        parameters=tuple(parameter.name for parameter in problem.parameters),
        covariance=tuple(tuple(float(v) for v in row) for row in found.covariance),
        unseen=unseen,
        left_out=tuple(left_out) or None,
    )
    return joined(problem.machine.calibration, record)


def joined(earlier: Calibration | None, new: Calibration) -> Calibration:
    """Return the record of a profile that was fitted before and has been fitted again.

    Each fit may have parameters of its own: those of the earlier one that were not fitted again
    keep their covariance, and are taken as independent of the new ones. Cells of both are fitted
    cells. What a cross-validation found stays until another one finds it again.
    """
    if earlier is None or earlier.data != new.data:
        return new
    kept = [i for i, name in enumerate(earlier.parameters) if name not in new.parameters]
    before, after = len(kept), len(new.parameters)
    rows = [[earlier.covariance[i][j] for j in kept] + [0.0] * after for i in kept]
    rows += [[0.0] * before + list(row) for row in new.covariance]
    return Calibration(
        data=new.data,
        cells=tuple(dict.fromkeys((*earlier.cells, *new.cells))),
        parameters=(*(earlier.parameters[i] for i in kept), *new.parameters),
        covariance=tuple(tuple(row) for row in rows),
        unseen=new.unseen or earlier.unseen,
        left_out=new.left_out or earlier.left_out,
    )


def left_out_errors(folds: Sequence[tuple[int, list[Entry]]]) -> dict[str, float]:
    """Root mean square error of seconds by workload, over cells of the threads left out."""
    cells = [{**cell, "fitted": False} for _, fold in folds for cell in fold]
    groups = errors_by(cells, ("workload",))
    return {
        group["workload"]: group[SECONDS]["all"]["rms_log_error"]
        for group in groups
        if group[SECONDS]["all"] is not None
    }


def drifts_of(largest: Sequence[tuple[int, list[Entry]]]) -> list[LeftOut]:
    """How far fits to few threads were from cells with more."""
    return [one for threads, cells in largest for one in left_out(cells, threads)]


def document_of(
    problem: FitProblem,
    found: Fit,
    before: Knowledge,
    after: Knowledge,
    folds: Sequence[tuple[int, list[Entry]]],
    name: str,
    largest: Sequence[tuple[int, list[Entry]]] = (),
) -> Entry:
    """A calibration as a document.

    Parameters
    ----------
    problem : FitProblem
    found : Fit
    before, after : Knowledge
        What the data determine at the profile's own values, and at the fitted ones.
    folds : sequence of (int, list of dict)
        Of a cross-validation; empty without.
    name : str
        Of the new profile.
    largest : sequence of (int, list of dict)
        Of fits to few threads only; empty without a cross-validation.

    Returns
    -------
    dict
        JSON-able, in stable order.
    """
    parameters = problem.parameters
    return {
        "data": problem.table.name,
        "machine": problem.machine.name,
        "profile": name,
        "seed": problem.points[0].seed,
        "replications": problem.points[0].replications,
        "dessim_version": dessim.__version__,
        "model_version": model_version()[:16],
        "cells": fitted_names(problem),
        "residuals": len(found.residuals),
        "parameters": [
            _parameter(parameter, index, found, after) for index, parameter in enumerate(parameters)
        ],
        "cost_before": _cost(problem),
        "cost": found.cost,
        "degrees_of_freedom": found.dof,
        "variance_scale": found.scale,
        "steps": found.steps,
        "converged": found.converged,
        "before": knowledge_entry(before, parameters),
        "after": knowledge_entry(after, parameters),
        "warnings": warnings_of(parameters, found, after),
        "cross_validation": [_fold(threads, cells) for threads, cells in folds],
        "unseen": left_out_errors(folds),
        "largest_left_out": [
            {"largest": threads, "cells": list(cells)} for threads, cells in largest
        ],
    }


def _cost(problem: FitProblem) -> float:
    import numpy as np

    start = problem.residuals(np.zeros(len(problem.parameters)))
    return float(start @ start)


def _parameter(parameter: Parameter, index: int, found: Fit, known: Knowledge) -> Entry:
    half = found.half_width(index)
    centre = float(found.x[index])
    return {
        "name": parameter.name,
        "factor": math.exp(centre),
        "factor_ci95": None if half is None else [math.exp(centre - half), math.exp(centre + half)],
        "at_bound": ENDS[found.at_bound[index]],
        "strength": known.norms[index],
        "numbers": [_number(number, centre, half) for number in parameter.numbers],
    }


def _number(number: Number, centre: float, half: float | None) -> Entry:
    def spelled(value: int) -> str:
        return as_text(number.path, value)

    ends = None if half is None else [number.at(centre - half), number.at(centre + half)]
    return {
        "path": number.path,
        "before": spelled(number.value),
        "value": spelled(number.at(centre)),
        "ci95": None if ends is None else [spelled(end) for end in ends],
        "range": [spelled(number.low), spelled(number.high)],
    }


def knowledge_entry(known: Knowledge, parameters: Sequence[Parameter]) -> Entry:
    """What the data determine, as part of a document."""
    return {
        "carried": known.carried,
        "strength": list(known.strength),
        "condition": known.condition if math.isfinite(known.condition) else None,
        "correlations": [[float(v) for v in row] for row in known.correlations],
        "unclear": unclear(known, parameters),
    }


def warnings_of(parameters: Sequence[Parameter], found: Fit, known: Knowledge) -> list[str]:
    """What to doubt about a fit, in sentences."""
    words = []
    for index, parameter in enumerate(parameters):
        end = ENDS[found.at_bound[index]]
        if end is not None:
            words.append(
                f"'{parameter.name}' is at the {end} end of its sources' range: the data ask for"
                " more than the sources allow, or a mechanism is missing"
            )
    words += unclear(known, parameters)
    if not found.converged:
        words.append("the search stopped before it converged: allow more steps")
    return words


def _fold(threads: int, cells: Sequence[Entry]) -> Entry:
    return {
        "threads": threads,
        "cells": [cell["cell"] for cell in cells],
        "log_errors": [cell[SECONDS]["log_error"] for cell in cells],
        "error": error_of(cells, SECONDS),
    }


def sensitivity_of(problem: FitProblem) -> Entry:
    """What the data determine about parameters at the profile's own values, without a fit.

    Returns
    -------
    dict
        JSON-able: for each parameter its elasticities (relative change of a cell's seconds for one
        of the parameter) and its strength; correlations and what cannot be distinguished.
    """
    import numpy as np

    n = len(problem.points)
    jacobian = problem.jacobian(np.zeros(len(problem.parameters)))
    known = knowledge(jacobian, [parameter.half_range for parameter in problem.parameters])
    spreads = np.array([SPREAD[point.workload.access] for point in problem.points])
    return {
        "data": problem.table.name,
        "machine": problem.machine.name,
        "model_version": model_version()[:16],
        "cells": fitted_names(problem),
        "parameters": [
            {
                "name": parameter.name,
                "strength": known.norms[index],
                "elasticity": [float(v) for v in jacobian[:n, index] * spreads],
            }
            for index, parameter in enumerate(problem.parameters)
        ],
        "knowledge": knowledge_entry(known, problem.parameters),
    }
