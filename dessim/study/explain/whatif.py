"""What if a cost were smaller: exact virtual speed-ups, and all costs ranked by their effect.

A virtual speed-up changes the cost itself and runs again with the same random draws, so that it is
exact where a causal profiler, which can only slow everything else down, approximates.

Source
------
C. Curtsinger, E. Berger, *Coz: finding code that counts with causal profiling*, SOSP'15: the
question, and why a profile of where time goes does not answer it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dessim.kernel.result import RunResult
from dessim.measure.statistics.ratios import compare_family
from dessim.measure.statistics.run_metrics import run_metrics
from dessim.metrics import FAULTS_RATE, NAMES, PAGES_RATE, UnknownMetricError
from dessim.model import Point
from dessim.model.errors import suggest
from dessim.model.precision import ASKED
from dessim.model.units import PPM
from dessim.study.explain.costs import (
    costs,
    is_used,
    paths_for,
    short_names,
    shown,
    value_of,
)
from dessim.study.explain.speedup import with_speedups
from dessim.study.sweep.plan import label_of

Entry = dict[str, Any]
Runs = Callable[[Sequence[Point]], list[list[RunResult]]]
"""Does all replications of some points; results in their order."""

TOGETHER = "all together"


@dataclass(frozen=True)
class Scenario:
    """Costs that are sped up together.

    Attributes
    ----------
    name : str
    speedups : tuple of (name, parts per million)
    """

    name: str
    speedups: tuple[tuple[str, int], ...]


def scenarios_of(speedups: Sequence[tuple[str, int]]) -> list[Scenario]:
    """Each speed-up alone and, if there are several, all of them together."""
    alone = [Scenario(f"{name} {percentage(ppm)}", ((name, ppm),)) for name, ppm in speedups]
    return alone if len(alone) < 2 else [*alone, Scenario(TOGETHER, tuple(speedups))]


def percentage(ppm: int) -> str:
    """A speed-up as people write it: `-50%` for half the cost."""
    return f"{-ppm / 10_000:+.6g}%"


def throughput_of(point: Point) -> str:
    """Metric that is a point's throughput: pages mapped, or turns of a lock loop."""
    return FAULTS_RATE if point.workload.kind == "lock_loop" else PAGES_RATE


def metric_name(name: str, point: Point) -> str:
    """Full name of a metric.

    Raises
    ------
    UnknownMetricError
        If there is none of that name.
    """
    if name == "throughput":
        return throughput_of(point)
    full = ASKED.get(name, name)
    if full not in NAMES:
        hint = suggest(name, dict.fromkeys(("throughput", *ASKED, *NAMES)), plural="metrics")
        raise UnknownMetricError(f"no metric is named '{name}'; {hint}")
    return full


def values_of(
    point: Point, runs: Sequence[RunResult], metric: str, warmup_ps: int | None = None
) -> list[float | int | None]:
    """Values of a metric in each replication of a point, to be compared in pairs."""
    exit_ps = point.machine.kernel.process_exit_ps
    return [run_metrics(run, exit_ps, warmup_ps).values[metric] for run in runs]


def place_of(point: Point) -> Entry:
    """What distinguishes a point from others, as results carry it."""
    return {
        "point": label_of(point),
        "scheme": point.scheme.name,
        "scheme_options": dict(sorted(point.scheme.options.items())),
        "threads": point.threads,
        "fault_around_order": point.fault_around_order,
        "workload": point.workload.name,
        "machine": point.machine.name,
        "parameters": dict(point.parameters),
        "seed": point.seed,
    }


def effects(
    points: Sequence[Point],
    scenarios: Sequence[Sequence[Scenario]],
    metrics: Sequence[str],
    run: Runs,
    warmup_ps: int | None = None,
) -> list[Entry]:
    """Run points with and without speed-ups and compare them, replication by replication.

    Parameters
    ----------
    points : sequence of Point
    scenarios : sequence of sequences of Scenario, shape (n_points, any)
        What to try at each point.
    metrics : sequence of str
        Names as ``metric_name`` takes them.
    run : Runs
    warmup_ps : int or None, ps
        As the experiment says.

    Returns
    -------
    list of dict
        One for each point; ``effects`` has one for each scenario, with a ``Comparison`` for each
        metric. The scenarios of a point that change anything are one family,
        metric by metric.
    """
    changed = [
        [with_speedups(point, scenario.speedups) for scenario in own]
        for point, own in zip(points, scenarios, strict=True)
    ]
    found = iter(
        run([p for point, own in zip(points, changed, strict=True) for p in (point, *own)])
    )
    result = []
    for point, own, after in zip(points, scenarios, changed, strict=True):
        base = next(found)
        names = {name: metric_name(name, point) for name in metrics}
        before = {name: values_of(point, base, full, warmup_ps) for name, full in names.items()}
        rows: list[Entry] = []
        for scenario, other in zip(own, after, strict=True):
            runs = next(found)
            rows.append(
                {
                    "name": scenario.name,
                    "costs": _costs(point, other, scenario),
                    "identical": runs == base,
                    "metrics": {
                        name: _compared(full, before[name], values_of(other, runs, full, warmup_ps))
                        for name, full in names.items()
                    },
                }
            )
        for name in names:
            _judge([row["metrics"][name] for row in rows if not row["identical"]])
            for row in rows:
                del row["metrics"][name]["_values"]
        result.append({**place_of(point), "replications": len(base), "effects": rows})
    return result


def _costs(point: Point, other: Point, scenario: Scenario) -> dict[str, list[str]]:
    """Path of each cost that a scenario changes -> its value before and after."""
    paths = dict.fromkeys(path for name, _ in scenario.speedups for path in paths_for(name, point))
    return {
        path: [shown(point, path), shown(other, path)]
        for path in paths
        if value_of(point, path) != value_of(other, path)
    }


def _compared(
    metric: str, before: Sequence[float | int | None], after: Sequence[float | int | None]
) -> Entry:
    [alone] = compare_family([(before, after)])
    found = alone.as_dict()
    found |= {"p_value_family": None, "p_value_holm": None, "significant": False}
    return {"metric": metric, "_values": (before, after), **found}


def _judge(comparisons: Sequence[Entry]) -> None:
    """Take all speed-ups that change anything as one family."""
    found = compare_family([one["_values"] for one in comparisons])
    for one, ratio in zip(comparisons, found, strict=True):
        one.update(ratio.as_dict())
        one["p_value_holm"] = one["p_value_family"]  # the key of earlier results


def causal_scenarios(point: Point, ppm: int = PPM // 10) -> list[Scenario]:
    """A scenario for each cost that can play a part at a point, and one for all of DRAM's latency.

    The latter because near memory alone is no cost of its own (``costs.NO_COSTS``).
    """
    names = short_names()
    single = [
        Scenario(names[path], ((path, ppm),))
        for path in costs()
        if value_of(point, path) and is_used(point, path)
    ]
    return [*single, Scenario("memory", (("memory", ppm),))]
