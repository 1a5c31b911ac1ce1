"""Predictions of will-it-scale as a table that grows: what is in it is not simulated again."""

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
KERNELS_BY_INTEREST = ("6.12", "5.15", "6.6", "6.17", "6.1", "6.15")
Z = 1.96

Row = dict[str, str]
Key = tuple[str, ...]


def points(machines: Iterable[str]) -> Iterator[RatePoint]:
    """Yield all points of some machines, those first that most people ask about."""
    chosen = list(machines)
    for kernel in KERNELS_BY_INTEREST:
        for machine in chosen:
            for tasks in task_counts(machine_of(machine)):
                for test in TESTS:
                    for mode in MODES:
                        yield RatePoint(machine, kernel, test, mode, tasks)


def key_of(row: Mapping[str, str]) -> Key:
    """Return what distinguishes a row from others."""
    return tuple(row[name] for name in COLUMNS[:5])


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
    machines: Iterable[str],
    known: list[Row],
    on_row: Callable[[list[Row]], None],
    engine: EngineName = "compiled",
    seed: int = 1,
) -> list[Row]:
    """Simulate what a table does not hold yet, and return all of it, sorted.

    Parameters
    ----------
    machines : iterable of str
        Profiles.
    known : list of dict
        Rows that are there already.
    on_row : callable
        Called with all rows after each new one.
    engine : "compiled" or "reference"
    seed : int
    """
    rows, runs = {key_of(row): row for row in known}, dict[RatePoint, TestRate]()

    def run(point: RatePoint) -> TestRate:
        shared = point.simulated()
        if shared not in runs:
            runs[shared] = rate_of(shared, engine, seed)
        return runs[shared]

    for point in points(machines):
        key = (point.machine, point.kernel, point.test, point.mode, str(point.tasks))
        if key in rows:
            continue
        rows[key] = row_of(point, run(point), run(replace(point, tasks=1)))
        on_row(list(rows.values()))
    return sorted(rows.values(), key=_order)


def _order(row: Row) -> tuple[int | str, ...]:
    machine = MACHINES.index(row["machine"]) if row["machine"] in MACHINES else len(MACHINES)
    place = (KERNELS.index(row["kernel"]), TESTS.index(row["test"]), row["mode"])
    return (machine, row["machine"], *place, int(row["tasks"]))
