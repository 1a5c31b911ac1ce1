"""Published curves of contended lines and locks beside simulated ones: the figures of SOSP 2013.

Each thread does one operation after another on the same line or lock and pauses in between, so that
no core gets a line twice in a row (`hold` is 0). Pauses here are exponential: equal ones freeze the
order of a queue. Threads fill die by die, as in the paper.

Source
------
T. David, R. Guerraoui, V. Trigonakis, *Everything you always wanted to know about synchronization
but were afraid to ask*, SOSP 2013, doi 10.1145/2517349.2522714, sections 4 and 5.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import dessim
from dessim.engines import EngineName, run_setup
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step, go_to, jump, label, lock, unlock
from dessim.kernel.assembler import assemble
from dessim.kernel.setup import Setup
from dessim.measure.statistics.intervals import mean_interval
from dessim.model import ConfigError, Machine, load_machine
from dessim.model.errors import Place, Problem, Source
from dessim.model.published import NO_ROWS, lines_of
from dessim.model.workload import MAX_THREADS, Workload
from dessim.study.fidelity.cells import refuse
from dessim.study.fidelity.parameters import machine_with
from dessim.study.fidelity.validation import beside, errors_by
from dessim.study.store.version import model_version

COLUMNS = ("figure", "machine", "quantity", "threads", "value", "unit")
MACHINES = {"opteron48": "opteron-magny-cours-4s", "xeon80": "westmere-ex-8s"}
PAUSE_PS = 100_000
ITERATIONS = 200
PS_PER_NS = 1000

BEGIN = (Step("begin"), label("think"), Step("think"))
TOUCH = Step("add", lay.P_REFCOUNT, 0)  # adds nothing, moves the line
COUNT = jump("hold", "last")  # one iteration is over; no time passes
END = (jump("finish", "stop", category="think"), label("stop"), Step("stop", category="think"))
CRITICAL = (lock("lock"), TOUCH, COUNT, unlock("lock"), go_to("think"), label("last"))
# An iteration is counted before its operation: a latency must be followed by a shared step.
ATOMIC = (*BEGIN, COUNT, TOUCH, go_to("think"), label("last"), TOUCH, *END)
LOCKED = (*BEGIN, *CRITICAL, unlock("lock"), *END)

Entry = dict[str, Any]


@dataclass(frozen=True)
class Curve:
    """How a curve is simulated.

    Attributes
    ----------
    program : tuple of Step
        What each thread does.
    settings : dict
        Machine's short name -> numbers that are not those of the profile, all inside its ranges.
    with_data : frozenset of str
        Machines with a number that was chosen with this very curve in view: not unseen.
    """

    program: tuple[Step, ...]
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    with_data: frozenset[str] = frozenset()


CURVES = {
    "atomic_fai": Curve(
        ATOMIC,
        {
            "opteron48": {"cache_line.arbitration_share": 0},
            "xeon80": {"cache_line.arbitration_share": 100_000},
        },
        frozenset(MACHINES),
    ),
    "lock_mcs": Curve(  # mcs_transfers of the profile comes from this figure
        LOCKED, {"opteron48": {"locks.page_table_lock": "mcs"}}, frozenset({"opteron48"})
    ),
    "lock_tas": Curve(
        LOCKED,
        {
            "opteron48": {
                "locks.page_table_lock": "test_and_set",
                "locks.test_and_set_per_waiter": 120_000,
            }
        },
        frozenset({"opteron48"}),
    ),
    "ticket_acquire_release_non_optimized": Curve(
        LOCKED,
        {
            "opteron48": {
                "locks.page_table_lock": "ticket",
                "locks.ticket_per_waiter": 110_000,
            }
        },
        frozenset({"opteron48"}),
    ),
    "ticket_acquire_release_back_off": Curve(
        LOCKED,
        {"opteron48": {"locks.page_table_lock": "ticket", "locks.ticket_per_waiter": 26_000}},
    ),
}
NOT_SIMULATED = {
    "atomic_cas_based_fai": "the model has no compare-and-swap that fails and is tried again",
    "lock_ttas": "the model's test-and-set has no form that polls with loads first",
}
"""Curves of the paper that have no counterpart, and why."""
MIN_THREADS = {"atomic_fai": 4}
PAUSE_DECIDES = "with few threads the pause decides, not the line, and the paper does not tell it"


@dataclass(frozen=True)
class Row:
    """One point of a published curve."""

    figure: str
    machine: str
    quantity: str
    threads: int
    value: float
    unit: str

    @property
    def curve(self) -> str:
        """Name of the curve that it belongs to."""
        return f"figure {self.figure}, {self.machine}, {self.quantity}"


def is_table_of_curves(path: Path) -> bool:
    """Whether a file holds curves: by the columns of its first line that is no comment."""
    first = next((line for line in lines_of(path) if not line.startswith("#")), "")
    return set(COLUMNS) <= set(first.strip().split(","))


def load_curves(path: Path) -> list[Row]:
    """Read a table of curves; a number of threads that is there twice counts once.

    Raises
    ------
    ConfigError
        With every wrong line.
    """
    lines = lines_of(path)
    source = Source(str(path), tuple(lines))
    header: list[str] = []
    rows: dict[tuple[str, str, str, int], Row] = {}
    problems = []
    for number, line in enumerate(lines):
        if not line or line.startswith("#"):
            continue
        try:
            cells = next(csv.reader([line]))
            if not header:
                header = cells
                continue
            row = _row(dict(zip(header, cells, strict=True)))
            rows.setdefault((row.figure, row.machine, row.quantity, row.threads), row)
        except (ValueError, csv.Error) as error:
            problems.append(Problem(Place(source, number), str(error)))
    if not rows and not problems:
        problems = [Problem(Place(source), NO_ROWS)]
    if problems:
        raise ConfigError(problems)
    return list(rows.values())


def _row(cells: dict[str, str]) -> Row:
    if cells["machine"] not in MACHINES:
        raise ValueError(f"machine '{cells['machine']}': there are {', '.join(MACHINES)}")
    if cells["unit"] not in ("Mops/s", "kcycles"):
        raise ValueError(f"unit '{cells['unit']}': there are Mops/s and kcycles")
    threads, value = int(cells["threads"]), float(cells["value"])
    if not 1 <= threads <= MAX_THREADS or not (math.isfinite(value) and value > 0):
        raise ValueError(
            f"threads and value must be positive numbers, threads at most {MAX_THREADS}"
        )
    return Row(cells["figure"], cells["machine"], cells["quantity"], threads, value, cells["unit"])


def machine_of(row: Row, curve: Curve) -> Machine:
    """The machine on which a curve is simulated, its numbers inside their sources' ranges."""
    machine = load_machine(MACHINES[row.machine])
    numbers: dict[str, Any] = {"cache_line.hold": 0, **curve.settings.get(row.machine, {})}
    for path, value in numbers.items():
        source = machine.provenance.get(path)
        if isinstance(value, int) and source is not None and source.low is not None:
            assert source.high is not None
            assert source.low <= value <= source.high, path
    return machine_with(machine, numbers | {"topology.placement": "compact"})


def ns_per_operation(
    machine: Machine,
    program: tuple[Step, ...],
    threads: int,
    engine: EngineName,
    replication: int = 0,
    seed: int = 1,
) -> float:
    """Time of the whole machine over all operations, ns."""
    loop = Workload(
        name="loop",
        kind="lock_loop",
        think_ps=PAUSE_PS,
        hold_ps=0,
        think_distribution="exponential",
        hold_distribution="fixed",
        iterations=ITERATIONS,
        start_stagger_ps=0,
    )
    setup = Setup(machine, loop, assemble(program), threads, 0, None, seed, replication)
    run = run_setup(setup, engine)
    return float(Fraction(run.finish_ps, threads * ITERATIONS * PS_PER_NS))


def in_unit_of(row: Row, machine: Machine, each_ns: float) -> float:
    """Operations per microsecond, or the cycles that one thread waits and works for each."""
    if row.unit == "Mops/s":
        return 1000 / each_ns
    own_ns = each_ns * row.threads - PAUSE_PS / PS_PER_NS
    return own_ns * machine.clock.nominal_hz / 1e12


def chosen_rows(rows: Sequence[Row], only: Iterable[str]) -> list[Row]:
    """Rows of some quantities; all without any.

    Raises
    ------
    ConfigError
        If there is no such quantity.
    """
    known = list(dict.fromkeys(row.quantity for row in rows))
    wanted = list(only)
    for name in wanted:
        if name not in known:
            text = f"the table has no quantity '{name[:80]}' (there are {', '.join(known)})"
            raise refuse("--only", text)
    return [row for row in rows if not wanted or row.quantity in wanted]


def curves_validation(
    rows: Sequence[Row],
    name: str,
    engine: EngineName,
    replications: int,
    seed: int,
    on_row: Callable[[int], None] = lambda done: None,
) -> Entry:
    """Every point of the curves beside its simulation.

    Parameters
    ----------
    rows : sequence of Row
    name : str
        Of the table.
    engine : "compiled" or "reference"
    replications : int, >= 1
    seed : int
    on_row : callable
        Told how many rows are done.

    Returns
    -------
    dict
        JSON-able, in stable order: `cells`, `errors` by curve, and what was `not_simulated`.
    """
    cells = []
    for done, row in enumerate(rows):
        curve = CURVES.get(row.quantity)
        if curve is not None:
            cells.append(_cell(row, curve, engine, replications, seed))
        on_row(done + 1)
    return {
        "data": name,
        "engine": engine,
        "seed": seed,
        "replications": replications,
        "dessim_version": dessim.__version__,
        "model_version": model_version()[:16],
        "cells": cells,
        "errors": errors_by(cells, ("curve",), ("value",)),
        "not_simulated": {
            quantity: reason
            for quantity, reason in NOT_SIMULATED.items()
            if any(row.quantity == quantity for row in rows)
        },
    }


def _cell(row: Row, curve: Curve, engine: EngineName, replications: int, seed: int) -> Entry:
    machine = machine_of(row, curve)
    values = [
        in_unit_of(
            row, machine, ns_per_operation(machine, curve.program, row.threads, engine, i, seed)
        )
        for i in range(replications)
    ]
    found = mean_interval(values)
    return {
        "cell": f"{row.quantity}:{row.threads}",
        "curve": row.curve,
        "workload": row.curve,
        "machine": machine.name,
        "threads": row.threads,
        "unit": row.unit,
        "fitted": row.machine in curve.with_data,
        "doubtful": PAUSE_DECIDES if row.threads < MIN_THREADS.get(row.quantity, 0) else "",
        "settings": {"cache_line.hold": 0, **curve.settings.get(row.machine, {})},
        "value": beside(row.value, found.mean, found.ci95),
    }


def curve_rows(document: Entry) -> list[Entry]:
    """One flat row per point, for CSV."""
    rows = []
    for cell in document["cells"]:
        low, high = cell["value"]["ci95"] or (None, None)
        rows.append(
            {
                "curve": cell["curve"],
                "threads": cell["threads"],
                "unit": cell["unit"],
                "fitted": cell["fitted"],
                "doubtful": cell["doubtful"],
                "measured": cell["value"]["measured"],
                "simulated": cell["value"]["simulated"],
                "simulated_lo": low,
                "simulated_hi": high,
                "log_error": cell["value"]["log_error"],
            }
        )
    return rows
