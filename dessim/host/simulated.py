"""The same small workloads simulated, and costs scaled until one takes what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dessim.engines import run_setup
from dessim.kernel.result import RunResult
from dessim.model import Machine, Point, SchemeChoice, Workload
from dessim.model.vary import value_at, with_values
from dessim.study.sweep.plan import setup_of

SCHEME = "linux_6_17"
"""The newest fault path that is modelled."""
ORDER = 4
"""fault_around_bytes of 64 KiB."""
LEAST, MOST = 0.1, 100.0
"""How far a group of costs is scaled at most."""


def simulate(
    machine: Machine, workload: Workload, threads: int = 1, order: int = ORDER, replication: int = 0
) -> RunResult:
    """Run a workload once on the fault path of today."""
    point = Point(
        experiment="host",
        machine=machine,
        workload=workload.model_copy(update={"threads": threads}),
        scheme=SchemeChoice(name=SCHEME),
        threads=threads,
        fault_around_order=order,
        replications=1,
    )
    return run_setup(setup_of(point, replication))


def mean_latency(result: RunResult) -> float:
    """Mean latency of a fault, ns."""
    return result.latency_sum_ps / max(1, result.latency_count) / 1000


@dataclass(frozen=True)
class Scaled:
    """A group of costs after scaling.

    Attributes
    ----------
    machine : Machine
    factor : float
    reached : float
        What is simulated then, in the unit of the target.
    """

    machine: Machine
    factor: float
    reached: float


def scale(
    machine: Machine,
    paths: Sequence[str],
    measure: Callable[[Machine], float],
    target: float,
) -> Scaled:
    """Scale costs so that a simulated time is what was measured.

    A time is linear in the costs of one thread, so that two runs say by how much.

    Parameters
    ----------
    machine : Machine
    paths : sequence of str
        Of the costs that are scaled by one factor.
    measure : callable
        The simulated time of a machine.
    target : float
        What was measured.
    """

    def by(factor: float) -> Machine:
        values = {path: max(1, round(value_at(machine, path) * factor)) for path in paths}
        return with_values(machine, values)

    one, two = measure(machine), measure(by(2.0))
    if two <= one:
        return Scaled(machine, 1.0, one)
    factor = min(MOST, max(LEAST, 1 + (target - one) / (two - one)))
    found = by(factor)
    return Scaled(found, factor, measure(found))
