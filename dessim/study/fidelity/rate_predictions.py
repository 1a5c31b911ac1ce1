"""Predictions of will-it-scale: a table made part by part, each by one version of the model.

Which version made which part is in a record next to the table (`prediction_record`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from dessim.engines import EngineName
from dessim.study.fidelity.rates import (
    KERNELS,
    MODES,
    TESTS,
    RatePoint,
    TestRate,
    machine_of,
    rate_of,
    task_counts,
)

COLUMNS = (
    *("machine", "kernel", "test", "mode", "tasks"),
    *("rate", "rate_lo", "rate_hi", "speedup", "idle_share"),
)
MACHINES = (
    *("broadwell-2650v4-2s", "sapphire-rapids-5418y-2s", "skylake-104t-2s"),
    *("cascade-lake-6252-2s", "icelake-6346-2s", "sapphire-rapids-8468v-2s"),
    *("broadwell-2690v4-2s", "epyc-7713-1s", "cascade-lake-4210r-1s"),
    *("skylake-2018-2s", "broadwell-2018-2s", "skylake-2018-4s", "broadwell-2018-4s"),
)
"""Profiles for which predictions are on record."""
Z = 1.96

Row = dict[str, str]
Group = tuple[str, str]
"""Machine and kernel: what is simulated together, by one version of the model."""


def groups(machines: Iterable[str]) -> list[Group]:
    """Return machine and kernel of the parts of a table: kernels of a machine share runs."""
    return [(machine, kernel) for machine in machines for kernel in KERNELS]


def points(group: Group) -> Iterator[RatePoint]:
    """Yield all points of a machine and a kernel."""
    machine, kernel = group
    for tasks in task_counts(machine_of(machine)):
        for test in TESTS:
            for mode in MODES:
                yield RatePoint(machine, kernel, test, mode, tasks)


def group_of(row: Mapping[str, str]) -> Group:
    """Return the part of a table to which a row belongs."""
    return (row["machine"], row["kernel"])


def row_of(point: RatePoint, rate: TestRate, alone: TestRate) -> Row:
    """Return the row of a point, without the interval of its rate."""
    return {
        "machine": point.machine,
        "kernel": point.kernel,
        "test": point.test,
        "mode": point.mode,
        "tasks": str(point.tasks),
        "rate": f"{rate.per_s:.0f}",
        "rate_lo": "",
        "rate_hi": "",
        "speedup": f"{rate.per_s / alone.per_s:.3f}",
        "idle_share": f"{rate.idle_share:.3f}",
    }


def with_intervals(rows: Iterable[Row], errors: Mapping[str, float]) -> list[Row]:
    """Return rows with the interval that the model's errors leave.

    Parameters
    ----------
    rows : iterable of dict
    errors : dict
        Test -> root mean square of ln(model / published): `rate_tables.rms_log_errors`.
    """
    found = []
    for row in rows:
        rate, spread = float(row["rate"]), math.exp(Z * errors[row["test"]])
        found.append(row | {"rate_lo": f"{rate / spread:.0f}", "rate_hi": f"{rate * spread:.0f}"})
    return found


def predict(
    wanted: Iterable[Group],
    on_group: Callable[[Group, list[Row]], None],
    engine: EngineName = "compiled",
    seed: int = 1,
) -> None:
    """Simulate parts of the table, one after the other; points that cannot differ share a run.

    Parameters
    ----------
    wanted : iterable of Group
    on_group : callable
        Called with each part and its rows.
    engine : "compiled" or "reference"
    seed : int
    """
    runs = dict[RatePoint, TestRate]()

    def run(point: RatePoint) -> TestRate:
        shared = point.simulated()
        if shared not in runs:
            runs[shared] = rate_of(shared, engine, seed)
        return runs[shared]

    for group in wanted:
        rows = [row_of(p, run(p), run(replace(p, tasks=1))) for p in points(group)]
        on_group(group, rows)


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Return rows as the table has them."""
    return sorted(rows, key=_order)


def _order(row: Row) -> tuple[int | str, ...]:
    machine = MACHINES.index(row["machine"]) if row["machine"] in MACHINES else len(MACHINES)
    place = (KERNELS.index(row["kernel"]), TESTS.index(row["test"]), row["mode"])
    return (machine, row["machine"], *place, int(row["tasks"]))
