"""Fit numbers of a machine to a measured table.

Residuals are logarithms of simulated over measured, in units of the spread that such measurements
have from run to run; every evaluation draws the same random numbers, so that differences come from
the parameters alone. Evaluations are ordinary runs: they are in the store, so that an interrupted
fit, started again, takes the same steps without computing them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dessim.errors import counted
from dessim.measure.statistics.fitting import Fit, Knowledge, Matrix, Vector, fit, knowledge
from dessim.model import Machine, Point
from dessim.model.published import Key, Published
from dessim.study.fidelity.cells import cell_name, key_of, refuse
from dessim.study.fidelity.parameters import Parameter, machine_with, settings_of
from dessim.study.fidelity.validation import SECONDS, cells_of
from dessim.study.sweep.jobs import Tally

SPREAD = {"sequential": 0.02, "one_per_table": 0.03, "random": 0.10}
"""Standard deviation of the logarithm of measured seconds by a workload's access: the published
table was repeated by its author with 1 to 3 % for sequential reads and 10 % for random ones."""
EXCESS_SPREAD = 0.20
"""The same of excess faults: a convoy's length differs from run to run more than its time does."""
STEP = 0.04
"""Step of finite differences in the logarithm of a parameter: small steps drown in the noise of
whole events."""
MIN_CELLS_EACH = 2
"""Fitted cells for each parameter, at least."""

Simulate = Callable[[Sequence[Point]], Tally]
Entry = dict[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """The residuals at one point of the search."""

    settings: dict[str, int]
    cost: float
    rms_seconds: float


@dataclass
class FitProblem:
    """A table's cells, the parameters, and how to simulate.

    Attributes
    ----------
    points : list of Point
        The fitted cells, on the machine as its profile has it.
    table : Published
    parameters : list of Parameter
    simulate : callable
        Points -> their runs, all of which have succeeded.
    step : float
        Of finite differences, in the logarithm.
    with_faults : bool
        Whether excess faults are fitted, too.
    on_evaluation : callable
        Called with every evaluation.
    """

    points: list[Point]
    table: Published
    parameters: list[Parameter]
    simulate: Simulate
    step: float = STEP
    with_faults: bool = True
    on_evaluation: Callable[[Evaluation], None] = lambda evaluation: None
    _known: dict[tuple[int, ...], Vector] = field(default_factory=dict)

    @property
    def machine(self) -> Machine:
        """The machine as its profile has it."""
        return self.points[0].machine

    @property
    def ends(self) -> tuple[list[float], list[float]]:
        """Low and high ends of all coordinates."""
        return [p.low for p in self.parameters], [p.high for p in self.parameters]

    def residuals(self, x: Vector) -> Vector:
        """Residuals at a point, in standard deviations."""
        new = self._key(x) not in self._known
        [found] = self._evaluated([x])
        if new:
            self.on_evaluation(self._evaluation(x, found))
        return found

    def jacobian(self, x: Vector) -> Matrix:
        """Differences of the residuals, away from the nearer end of each range."""
        at = [float(value) for value in x]
        vectors, steps = [np.array(at)], []
        for index, parameter in enumerate(self.parameters):
            step = min(self.step, parameter.half_range)
            if at[index] + step > parameter.high:
                step = -step
            moved = np.array(at)
            moved[index] += step
            vectors.append(moved)
            steps.append(step)
        here, *there = self._evaluated(vectors)
        return np.column_stack(
            [(r - here) / step for r, step in zip(there, steps, strict=True)],
        )

    def _key(self, x: Sequence[float] | Vector) -> tuple[int, ...]:
        return tuple(settings_of(self.parameters, [float(v) for v in x]).values())

    def _evaluated(self, vectors: Sequence[Vector]) -> list[Vector]:
        """Residuals at several points; all that is missing is simulated together."""
        missing = {self._key(x): x for x in vectors if self._key(x) not in self._known}
        points = [point for x in missing.values() for point in self._points_at(x)]
        if points:
            cells = cells_of(points, self.simulate(points), self.table)
            n = len(self.points)
            for index, key in enumerate(missing):
                self._known[key] = self._deviations(cells[index * n : (index + 1) * n])
        return [self._known[self._key(x)] for x in vectors]

    def _points_at(self, x: Vector) -> list[Point]:
        machine = machine_with(self.machine, settings_of(self.parameters, [float(v) for v in x]))
        return [point.model_copy(update={"machine": machine}) for point in self.points]

    def _deviations(self, cells: Sequence[Entry]) -> Vector:
        """Seconds of every cell, then the excess faults where they are compared."""
        found = [
            cell[SECONDS]["log_error"] / SPREAD[point.workload.access]
            for point, cell in zip(self.points, cells, strict=True)
        ]
        if self.with_faults:
            excess = (cell.get("excess_faults") for cell in cells)
            compared = (one for one in excess if one and one["compared"])
            found += [one["log_error"] / EXCESS_SPREAD for one in compared]
        return np.array(found)

    def _evaluation(self, x: Vector, deviations: Vector) -> Evaluation:
        spreads = np.array([SPREAD[point.workload.access] for point in self.points])
        seconds = deviations[: len(self.points)] * spreads
        settings = settings_of(self.parameters, [float(v) for v in x])
        rms = float(np.sqrt(np.mean(seconds**2)))
        return Evaluation(settings, float(deviations @ deviations), rms)


def usable(table: Published) -> list[Key]:
    """Cells of a table that may be fitted: not doubtful, with seconds.

    Raises
    ------
    ConfigError
        If there is none.
    """
    found = [k for k, row in table.rows.items() if not row.doubtful and SECONDS in row.values]
    if not found:
        raise refuse(table.name, f"the table has no row with {SECONDS} that is not doubtful")
    return found


def usual_fit(keys: Sequence[Key]) -> list[Key]:
    """The cells that are fitted when nobody says: every second one of a table.

    Raises
    ------
    ConfigError
        If there are too few.
    """
    if len(keys) < 2:
        text = f"the table has {counted(len(keys), 'usable cell')}, and every second one is fitted"
        raise refuse("--fit", f"{text}: measure more, or pass `--fit all`")
    return list(keys[1::2])


def check_enough_cells(cells: int, parameters: int) -> None:
    """Refuse a fit whose parameters are too many for its cells.

    Raises
    ------
    ConfigError
    """
    if cells < MIN_CELLS_EACH * parameters:
        raise refuse(
            "--params",
            f"{parameters} parameters are too many for {cells} fitted cells: at least"
            f" {MIN_CELLS_EACH} cells are needed for each; fit fewer, or pass --underdetermined",
        )


def check_carried(known: Knowledge, parameters: Sequence[Parameter]) -> None:
    """Refuse to fit parameters that the data cannot carry.

    Raises
    ------
    ConfigError
        It names those that cannot be distinguished, and those that hardly change anything.
    """
    if known.carried >= len(parameters):
        return
    words = [f"the data determine {known.carried} of these {len(parameters)} parameters"]
    words += unclear(known, parameters)
    raise refuse("--params", "; ".join(words) + "; drop some, or pass --underdetermined")


def unclear(known: Knowledge, parameters: Sequence[Parameter]) -> list[str]:
    """What the data do not determine, in sentences."""
    words = [
        f"'{parameters[i].name}' and '{parameters[j].name}' cannot be distinguished"
        f" (correlation {value:+.3f})"
        for i, j, value in known.alike()
    ]
    return words + [
        f"'{parameters[i].name}' changes less than the measurements scatter" for i in known.silent()
    ]


def knowledge_at(problem: FitProblem, x: Sequence[float]) -> Knowledge:
    """What the data determine about the parameters near a point."""
    jacobian = problem.jacobian(np.asarray(x, float))
    return knowledge(jacobian, [parameter.half_range for parameter in problem.parameters])


def solve(problem: FitProblem, max_steps: int) -> Fit:
    """Fit from the profile's own values.

    Parameters
    ----------
    problem : FitProblem
    max_steps : int
        Evaluations of the residuals at most, those of the Jacobian apart.
    """
    start = [0.0] * len(problem.parameters)
    return fit(problem.residuals, problem.jacobian, start, *problem.ends, max_steps)


def cross_validate(
    problem: FitProblem, points: Sequence[Point], max_steps: int
) -> list[tuple[int, list[Entry]]]:
    """Leave each number of threads out of the fit in turn, and look at its cells.

    Parameters
    ----------
    problem : FitProblem
    points : sequence of Point
        All cells to look at, fitted or not, on the machine as its profile has it.
    max_steps : int
        Of each fit.

    Returns
    -------
    list of (int, list of dict)
        Threads left out, and the entries of the cells with that many threads.
    """
    found = []
    counts = sorted({point.threads for point in problem.points})
    for threads in counts if len(counts) > 1 else []:
        kept = [point for point in problem.points if point.threads != threads]
        left_out = [point for point in points if point.threads == threads]
        found.append((threads, _cells_after(problem, kept, left_out, max_steps)))
    return found


def leave_out_the_largest(
    problem: FitProblem, points: Sequence[Point], max_steps: int
) -> list[tuple[int, list[Entry]]]:
    """Fit to cells of few threads only, with each number of threads as the largest in turn.

    Unlike a cross-validation it only ever asks for more threads than were fitted, as predictions
    do.

    Parameters
    ----------
    problem : FitProblem
    points : sequence of Point
        All cells to look at, fitted or not, on the machine as its profile has it.
    max_steps : int
        Of each fit.

    Returns
    -------
    list of (int, list of dict)
        Largest number of threads that was fitted, and the entries of all cells after that fit.
    """
    found = []
    for largest in sorted({point.threads for point in points})[:-1]:
        kept = [point for point in problem.points if point.threads <= largest]
        if kept:
            names = {cell_name(key_of(point)) for point in kept}
            cells = _cells_after(problem, kept, points, max_steps)
            entries = [cell | {"fitted": cell["cell"] in names} for cell in cells]
            found.append((largest, entries))
    return found


def _cells_after(
    problem: FitProblem, kept: list[Point], points: Sequence[Point], max_steps: int
) -> list[Entry]:
    """The entries of some cells on the machine as it is when fitted to those that were kept."""
    part = replace(problem, points=kept, _known={})
    settings = settings_of(problem.parameters, [float(v) for v in solve(part, max_steps).x])
    machine = machine_with(problem.machine, settings)
    there = [point.model_copy(update={"machine": machine}) for point in points]
    return cells_of(there, problem.simulate(there), problem.table)


def fitted_names(problem: FitProblem) -> list[str]:
    """Names of the fitted cells."""
    return [cell_name(key_of(point)) for point in problem.points]
