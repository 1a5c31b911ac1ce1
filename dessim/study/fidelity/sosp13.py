"""Published and simulated curves of contended lines and locks: the figures of SOSP 2013.

Each thread does one operation after another on the same line or lock and pauses in between. What it
does, where and with which numbers stands next to the table, in a file of the same name; a table
without such a file is simulated as the shipped one is.

Source
------
T. David, R. Guerraoui, V. Trigonakis, *Everything you always wanted to know about synchronization
but were afraid to ask*, SOSP 2013, doi 10.1145/2517349.2522714, sections 4 and 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import dessim
from dessim.engines import EngineName, run_setup
from dessim.kernel.assembler import assemble
from dessim.kernel.setup import Setup
from dessim.measure.statistics.intervals import mean_interval
from dessim.model import Machine, find, load_machine
from dessim.model.curves import CurveSetup, load_curve_setup
from dessim.model.measured_table import lines_of, number, read_table, whole_number
from dessim.model.workload import MAX_THREADS, Workload
from dessim.study.fidelity.cells import refuse
from dessim.study.fidelity.loops import loop
from dessim.study.fidelity.parameters import machine_with
from dessim.study.fidelity.validation import compared, errors_by
from dessim.study.store.version import model_version

COLUMNS = ("figure", "machine", "quantity", "threads", "value", "unit")
SHIPPED = "sosp13-synchronization"
PS_PER_NS = 1000

Entry = dict[str, Any]


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


def setup_of(path: Path) -> CurveSetup:
    """How the curves of a table are simulated.

    Raises
    ------
    ConfigError
        With all errors of the file that says so.
    """
    own = path.with_suffix(".yaml")
    return load_curve_setup(
        own if own.is_file() else find("published", SHIPPED).with_suffix(".yaml")
    )


def load_curves(path: Path, setup: CurveSetup) -> list[Row]:
    """Read a table of curves; a number of threads that is there twice counts once.

    Raises
    ------
    ConfigError
        With every wrong line.
    """
    table = read_table(path, _check_columns)
    rows: dict[tuple[str, str, str, int], Row] = {}
    for place, cells in table.rows:
        with table.blaming(place):
            row = _row(cells, setup)
            rows.setdefault((row.figure, row.machine, row.quantity, row.threads), row)
    table.check()
    return list(rows.values())


def _check_columns(header: list[str]) -> None:
    if set(header) != set(COLUMNS):
        wrong = sorted(set(header) ^ set(COLUMNS))
        raise ValueError(f"the columns must be {', '.join(COLUMNS)}: see {', '.join(wrong)}")


def _row(cells: dict[str, str], setup: CurveSetup) -> Row:
    if cells["machine"] not in setup.machines:
        raise ValueError(f"machine '{cells['machine']}': there are {', '.join(setup.machines)}")
    if cells["unit"] not in ("Mops/s", "kcycles"):
        raise ValueError(f"unit '{cells['unit']}': there are Mops/s and kcycles")
    threads, value = whole_number("threads", cells["threads"]), number("value", cells["value"])
    if not 1 <= threads <= MAX_THREADS:
        raise ValueError(f"threads must be 1 to {MAX_THREADS}, found {threads}")
    return Row(cells["figure"], cells["machine"], cells["quantity"], threads, value, cells["unit"])


def machine_of(row: Row, setup: CurveSetup) -> Machine:
    """The machine on which a curve is simulated, its numbers inside their sources' ranges."""
    machine = load_machine(setup.machines[row.machine])
    numbers = setup.settings_of(row.quantity, row.machine)
    for path, value in numbers.items():
        source = machine.provenance.get(path)
        if isinstance(value, int) and source is not None and source.low is not None:
            assert source.high is not None
            assert source.low <= value <= source.high, path
    return machine_with(machine, numbers | {"topology.placement": setup.placement})


def ns_per_operation(
    machine: Machine,
    setup: CurveSetup,
    quantity: str,
    threads: int,
    engine: EngineName,
    replication: int = 0,
    seed: int = 1,
) -> float:
    """Time of the whole machine over all operations, ns."""
    work = Workload(
        name="loop",
        kind="lock_loop",
        think_ps=setup.pause_ps,
        hold_ps=0,
        think_distribution="exponential",
        hold_distribution="fixed",
        iterations=setup.iterations,
        start_stagger_ps=0,
    )
    program = assemble(loop(setup.curves[quantity].each))
    run = run_setup(Setup(machine, work, program, threads, 0, None, seed, replication), engine)
    return float(Fraction(run.finish_ps, threads * setup.iterations * PS_PER_NS))


def in_unit_of(row: Row, machine: Machine, each_ns: float, pause_ps: int) -> float:
    """Operations per microsecond, or the cycles that one thread waits and works for each."""
    if row.unit == "Mops/s":
        return 1000 / each_ns
    own_ns = each_ns * row.threads - pause_ps / PS_PER_NS
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
    setup: CurveSetup,
    name: str,
    engine: EngineName,
    replications: int,
    seed: int,
    on_row: Callable[[int], None] = lambda done: None,
) -> Entry:
    """Every point of the curves next to its simulation.

    Parameters
    ----------
    rows : sequence of Row
    setup : CurveSetup
        How they are simulated.
    name : str
        Of the table.
    engine : "compiled" or "reference"
    replications : int, >= 1
    seed : int
    on_row : callable
        Called with the number of rows done.

    Returns
    -------
    dict
        JSON-able, in stable order: `cells`, `errors` by curve, and what was `not_simulated`.
    """
    cells = []
    for done, row in enumerate(rows):
        if row.quantity in setup.curves:
            cells.append(_cell(row, setup, engine, replications, seed))
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
            for quantity, reason in setup.not_simulated.items()
            if any(row.quantity == quantity for row in rows)
        },
    }


def _cell(row: Row, setup: CurveSetup, engine: EngineName, replications: int, seed: int) -> Entry:
    machine, curve = machine_of(row, setup), setup.curves[row.quantity]
    values = []
    for i in range(replications):
        each_ns = ns_per_operation(machine, setup, row.quantity, row.threads, engine, i, seed)
        values.append(in_unit_of(row, machine, each_ns, setup.pause_ps))
    found = mean_interval(values)
    return {
        "cell": f"{row.quantity}:{row.threads}",
        "curve": row.curve,
        "workload": row.curve,
        "machine": machine.name,
        "threads": row.threads,
        "unit": row.unit,
        "fitted": row.machine in curve.chosen_for,
        "doubtful": setup.too_few_threads if row.threads < curve.min_threads else "",
        "settings": setup.settings_of(row.quantity, row.machine),
        "value": compared(row.value, found.mean, found.ci95),
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
