"""Which numbers a conclusion hangs on, over the ranges that their sources leave.

All parameters of a profile that have a range are screened (Morris), and with them two numbers of
the workload that no profile holds: how far apart its threads start, and how long its file is. The
few that matter get Sobol indices. The response is the logarithm of a metric, so that effects are
relative, and of two schemes also of their ratio: the conclusion that a comparison draws. Every
machine of the design is run with the same random draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dessim.errors import UserError
from dessim.measure.statistics import morris
from dessim.measure.statistics.sobol import sobol
from dessim.metrics import BY_NAME, FAULTS_RATE, PAGES_RATE
from dessim.model import Machine, Point
from dessim.model.fields import unit_of
from dessim.model.vary import field_of, with_values
from dessim.model.workload import PAGE_BYTES, Workload
from dessim.study.explain.costs import is_used
from dessim.study.explain.whatif import Runs, metric_name, place_of, values_of
from dessim.study.fidelity.parameters import Number, Parameter, as_text, parameters_of, settings_of
from dessim.study.sweep.compare import scheme_label
from dessim.study.sweep.plan import label_of

Entry = dict[str, Any]
Floats = npt.NDArray[np.float64]
MOVED = 1e-12
"""Effects on a logarithm below this are none."""
CHANCE = 2 / math.sqrt(math.pi) / morris.DELTA
"""What mu* would be, in standard errors, of a parameter that only shuffles the draws: the mean
size of a normal difference of two means, over the step."""


WHOLE_RUN = {PAGES_RATE: "average_pages_per_s", FAULTS_RATE: "average_faults_per_s"}
"""Rates of a steady phase, and of the whole run."""


class NoValueError(UserError):
    """A run of the design has no value of the metric."""


@dataclass(frozen=True)
class SensitivityPlan:
    """What is to be done.

    Attributes
    ----------
    metric : str
        As ``whatif.metric_name`` takes it.
    trajectories : int
        Of the screening.
    samples : int
        Rows of the Sobol design, a power of two; 0: screening only.
    top : int
        Parameters that get Sobol indices, at least 2.
    seed : int
        Of the designs, not of the runs.
    """

    metric: str = "throughput"
    trajectories: int = 10
    samples: int = 64
    top: int = 5
    seed: int = 1


STAGGER = "workload.start_stagger"
LENGTH = "workload.file_size"
LENGTHS = 4
"""The file is made up to so many times shorter and longer than what is simulated of it."""
THREAD_START = "kernel.thread_start"


def of_workload(point: Point, metric: str) -> list[Parameter]:
    """Numbers of a point's workload that are screened.

    Threads start as far apart as the workload says at one end (behind a barrier, a microsecond),
    and as a thread takes to be made, by the machine's range, at the other: how a measurement lets
    its threads go is known to few who read it. A workload that leaves this to the machine has the
    machine's own number in the screen. The file is simulated whole, a quarter to four times as
    long as the part that the experiment simulates: shorter runs are made of starts and ends. Of a
    metric that grows with the file, which is no finding, the length stays as it is.
    """
    workload, numbers = point.workload, []
    origin = point.machine.provenance.get(THREAD_START)
    start = workload.start_stagger_ps
    if start is not None and point.threads > 1 and origin is not None and origin.high:
        low, high = min(start, origin.low or start), max(start, origin.high)
        shift = 0 if low > 0 else max(1, high // 20)
        numbers += [Number(STAGGER, start, low, high, shift)] if low < high else []
    if workload.kind == "faults" and not BY_NAME[metric].scales:
        size = min(workload.file_size_bytes, point.simulate_bytes or workload.file_size_bytes)
        low = max(size // LENGTHS // PAGE_BYTES, 1) * PAGE_BYTES
        numbers.append(Number(LENGTH, size, low, LENGTHS * size, 0))
    return [Parameter(one.path, (one,), *one.ends) for one in numbers]


def ranged(point: Point) -> list[Parameter]:
    """Numbers of a point's machine that have a range and can play a part at the point."""
    idle = THREAD_START if point.workload.start_stagger_ps is not None else None
    paths = [
        path
        for path, origin in point.machine.provenance.items()
        if origin.low is not None
        and origin.high is not None
        and origin.low < origin.high
        and path != idle
        and unit_of(field_of(Machine, path)) is not None
        and is_used(point, f"machine.{path}")
    ]
    return parameters_of(point.machine, paths) if paths else []


def machine_at(machine: Machine, parameters: Sequence[Parameter], x: Sequence[float]) -> Machine:
    """Return the machine at a place of the unit cube: 0 and 1 are the ends of the ranges.

    In between the logarithm moves evenly. A clock with all cores busy that would be above the
    clock of one core is lowered to it.
    """
    places = [p.low + (p.high - p.low) * float(u) for p, u in zip(parameters, x, strict=True)]
    other = with_values(machine, settings_of(parameters, places))
    if other.clock.all_cores_hz > other.clock.one_core_hz:
        other = with_values(other, {"clock.all_cores": other.clock.one_core_hz})
    return other


def point_at(point: Point, parameters: Sequence[Parameter], x: Sequence[float]) -> Point:
    """Return the point at a place of the unit cube: its machine as ``machine_at``, its workload."""
    pairs = list(zip(parameters, x, strict=True))
    own = [(one, u) for one, u in pairs if not one.name.startswith("workload.")]
    machine = machine_at(point.machine, [one for one, _ in own], [u for _, u in own])
    places = {one: one.low + (one.high - one.low) * float(u) for one, u in pairs}
    of_work = [one for one in parameters if one.name.startswith("workload.")]
    settings = settings_of(of_work, [places[one] for one in of_work])
    changed = {path.partition(".")[2]: value for path, value in settings.items()}
    updated: Entry = {"machine": machine}
    if LENGTH in settings:
        changed["file_size"] = max(settings[LENGTH] // PAGE_BYTES, 1) * PAGE_BYTES
        updated["simulate_bytes"] = None
    updated["workload"] = with_values(point.workload, changed) if changed else point.workload
    return point.model_copy(update=updated)


class _Responses:
    """Runs machines and turns the results into responses.

    Parameters
    ----------
    points : sequence of Point
        One for each scheme.
    parameters : list of Parameter
    """

    def __init__(
        self,
        points: Sequence[Point],
        parameters: list[Parameter],
        metric: str,
        run: Runs,
        warmup_ps: int | None,
    ) -> None:
        self.points, self.parameters, self.run = points, parameters, run
        self.metric, self.warmup_ps = metric_name(metric, points[0]), warmup_ps
        names = [_scheme(point) for point in points]
        self.spread: Floats | None = None  # standard errors of the responses, mean over machines
        self.names = [*names, *(f"{name} / {names[0]}" for name in names[1:])]

    def of(self, cube: Floats) -> Floats:
        """Logarithms of the metric at some places.

        Parameters
        ----------
        cube : float array, shape (n, parameters), 0 to 1

        Returns
        -------
        float array, shape (responses, n)
            For each scheme, then for the ratio of each further one to the first.
        """
        firsts = [point_at(self.points[0], self.parameters, x) for x in cube]
        points = [
            first.model_copy(update={"scheme": point.scheme})
            for first in firsts
            for point in self.points
        ]
        found = self.run(points)
        logs = np.array([self._logs(p, runs) for p, runs in zip(points, found, strict=True)])
        each = logs.reshape(len(firsts), len(self.points), -1).transpose(1, 0, 2)
        every = np.concatenate([each, each[1:] - each[0]])
        if every.shape[2] > 1:
            self.spread = every.std(axis=2, ddof=1).mean(axis=1) / math.sqrt(every.shape[2])
        means: Floats = every.mean(axis=2)
        return means

    def _logs(self, point: Point, runs: Any) -> list[float]:
        values = values_of(point, runs, self.metric, self.warmup_ps)
        known = [math.log(value) for value in values if value is not None and value > 0]
        if len(known) < len(values):
            raise NoValueError(
                f"{self.metric} has no positive value in a run of {label_of(point)}:"
                " choose another --metric or a longer run"
            )
        return known


def _scheme(point: Point) -> str:
    options = dict(sorted(point.scheme.options.items()))
    return scheme_label({"scheme": point.scheme.name, "scheme_options": options})


def sensitivity(
    points: Sequence[Point], plan: SensitivityPlan, run: Runs, warmup_ps: int | None = None
) -> Entry:
    """Rank the parameters of a machine by their effect.

    Parameters
    ----------
    points : sequence of Point
        One for each scheme, otherwise alike.
    plan : SensitivityPlan
    run : Runs
    warmup_ps : int or None, ps

    Returns
    -------
    dict
        The design, and for each response (a scheme's metric, the ratio of two): its range over
        the screened machines, ``effects`` in order of mu*, ``chance`` (mu* of a parameter that
        does no more than to shuffle the draws), and ``sobol`` of the greatest.

    Raises
    ------
    UserError
        If there is nothing to vary, or a run has no value of the metric.

    Notes
    -----
    Where threads start late, or the file is short, a run may have no steady phase. Then the rates
    of all runs are those of the whole run, and ``metric`` says so: one estimator for all.
    """
    try:
        return _study(points, plan, run, warmup_ps)
    except NoValueError:
        name = metric_name(plan.metric, points[0])
        if name not in WHOLE_RUN:
            raise
    return _study(points, replace(plan, metric=WHOLE_RUN[name]), run, warmup_ps)


def _study(
    points: Sequence[Point], plan: SensitivityPlan, run: Runs, warmup_ps: int | None
) -> Entry:
    """Rank the parameters by one metric."""
    metric = metric_name(plan.metric, points[0])
    parameters = [*ranged(points[0]), *of_workload(points[0], metric)]
    if not parameters:
        raise UserError(
            f"no number of machine '{points[0].machine.name}' has a range with an effect here:"
            " a profile gives ranges as {value: 20ns, range: [15ns, 30ns]}"
        )
    respond = _Responses(points, parameters, plan.metric, run, warmup_ps)
    found = _screened(respond, plan)
    chosen = _chosen([entry["effects"] for entry in found], plan.top)
    if plan.samples and len(chosen) >= 2:
        _add_sobol(found, respond, chosen, plan)
    return {
        **place_of(points[0]),
        "schemes": [_scheme(point) for point in points],
        "metric": respond.metric,
        "replications": points[0].replications,
        "trajectories": plan.trajectories,
        "samples": plan.samples if len(chosen) >= 2 else 0,
        "design_seed": plan.seed,
        "parameters": [_described(points[0], one) for one in parameters],
        "responses": found,
    }


def _screened(respond: _Responses, plan: SensitivityPlan) -> list[Entry]:
    """The range of each response over the screened machines, and the effects on it."""
    names = [one.name for one in respond.parameters]
    walks = morris.trajectories(len(names), plan.trajectories, plan.seed)
    flat = respond.of(walks.reshape(-1, len(names)))
    found = []
    for i, logs in enumerate(flat):
        ratio = i >= len(respond.points)
        effects = morris.effects(walks, logs.reshape(walks.shape[:2]), plan.seed)
        rows = [
            {"parameter": name, **effect.as_dict()}
            for name, effect in zip(names, effects, strict=True)
        ]
        found.append(
            {
                "response": respond.names[i],
                "ratio": ratio,
                "least": float(np.exp(logs.min())),
                "greatest": float(np.exp(logs.max())),
                "share_above_1": float(np.mean(logs > 0)) if ratio else None,
                "machines": len(logs),
                "chance": None if respond.spread is None else CHANCE * float(respond.spread[i]),
                "effects": sorted(rows, key=lambda row: -row["mu_star"]),
            }
        )
    return found


def _chosen(rankings: Sequence[Sequence[Entry]], top: int) -> list[str]:
    """The parameters that get Sobol indices: turn by turn the next of each ranking.

    The conclusion, which is the last response, has the first turn.
    """
    chosen: list[str] = []
    for rank in range(len(rankings[0])):
        for ranking in reversed(rankings):
            one = ranking[rank]
            if one["mu_star"] > MOVED and one["parameter"] not in chosen and len(chosen) < top:
                chosen.append(one["parameter"])
    return chosen


def _add_sobol(
    found: list[Entry], respond: _Responses, chosen: list[str], plan: SensitivityPlan
) -> None:
    kept = {one.name: one for one in respond.parameters}
    few = _Responses(
        respond.points, [kept[name] for name in chosen], plan.metric, respond.run, respond.warmup_ps
    )
    indices = sobol(lambda x: few.of(x.T), len(chosen), plan.samples, plan.seed)
    for entry, own in zip(found, indices, strict=True):
        rows = [{"parameter": name, **one.as_dict()} for name, one in zip(chosen, own, strict=True)]
        entry["sobol"] = sorted(rows, key=lambda row: -row["total"])


def _described(point: Point, parameter: Parameter) -> Entry:
    [number] = parameter.numbers
    if number.path.startswith("workload."):
        unit = unit_of(field_of(Workload, number.path.partition(".")[2]))
        assert unit is not None
        low, high, value = (unit.write(n) for n in (number.low, number.high, number.value))
        return {
            "parameter": parameter.name,
            "value": value,
            "low": low,
            "high": high,
            "tag": "chosen",
            "source": f"workload '{point.workload.name}'",
        }
    origin = point.machine.provenance[number.path]
    low, high, value = (as_text(number.path, n) for n in (number.low, number.high, number.value))
    return {
        "parameter": parameter.name,
        "value": value,
        "low": low,
        "high": high,
        "tag": origin.tag,
        "source": origin.source,
    }
