"""Tables of measured rates of will-it-scale, each rate next to its simulation.

A table says of each rate the machine (a profile), the kernel, the test, threads or processes, and
the tasks. The CSV that will-it-scale writes itself says only the tasks: its file is named after
the test, and whoever hands it over says which machine and kernel it was.

Source
------
will-it-scale ``runtest.py``: operations per second of all tasks, and the share of the machine's
time, in per cent, in which no CPU had work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dessim
from dessim.engines import EngineName
from dessim.measure.observed.rates import is_will_it_scale
from dessim.model import ConfigError, find
from dessim.model.errors import Place, Problem
from dessim.model.measured_table import is_number, lines_of, number, read_table, whole_number
from dessim.study.fidelity.cells import refuse
from dessim.study.fidelity.rates import KERNELS, MODES, PFT, TESTS, RatePoint, machine_of, rate_of
from dessim.study.fidelity.validation import compared, error_of, errors_by
from dessim.study.store.version import model_version

COLUMNS = ("machine", "kernel", "test", "mode", "tasks", "rate")
MORE_COLUMNS = ("idle_share", "source", "measured_with", "chosen_for")
SHIPPED = "will-it-scale"

Entry = dict[str, Any]
Cells = Mapping[str, str]


@dataclass(frozen=True)
class MeasuredRate:
    """One measured rate.

    Attributes
    ----------
    point : RatePoint
    per_s : float
        Iterations of all tasks, 1/s.
    idle_share : float or None
        Share of the tasks' time in which they had no CPU; None: not measured.
    chosen_for : str
        What was chosen with this rate in view; empty if nothing was.
    """

    point: RatePoint
    per_s: float
    idle_share: float | None = None
    chosen_for: str = ""


def is_table_of_rates(path: Path) -> bool:
    """Return whether a file's header is that of a table of rates, or will-it-scale's own.

    Raises
    ------
    ConfigError
        If it cannot be read.
    """
    header = _header_of(path)
    return is_will_it_scale(header) or set(COLUMNS[:2]) <= set(header)


def load_rates(path: Path, machine: str | None, kernel: str | None) -> list[MeasuredRate]:
    """Read a table of rates.

    Parameters
    ----------
    path : Path
    machine, kernel : str, optional
        Of will-it-scale's own CSV, which does not say them.

    Raises
    ------
    ConfigError
        With every wrong line; or if machine and kernel are missing, or given where the table has
        its own.
    """
    own = is_will_it_scale(_header_of(path))
    for option, value in (("--machine", machine), ("--kernel", kernel)):
        if own and value is None:
            raise refuse(option, "will-it-scale's own CSV does not say it: give it here")
        if not own and value is not None:
            raise refuse(option, "the table names it in each row: leave it out here")
    table = read_table(path, _check_own if own else _check_columns)
    found: list[MeasuredRate] = []
    seen: dict[RatePoint, int] = {}
    for place, cells in table.rows:
        with table.blaming(place):
            rows = _own_row(path, cells, machine, kernel) if own else [_row(cells)]
            for row in rows:
                if row.point in seen:
                    raise ValueError(f"the table has this point already, in line {seen[row.point]}")
                seen[row.point] = (place.line or 0) + 1
            found += rows
    table.check()
    if not found:
        raise ConfigError([Problem(Place(table.source), "no row has a rate")])
    return found


def _header_of(path: Path) -> list[str]:
    header = next((line for line in lines_of(path) if line and not line.startswith("#")), "")
    return [name.strip() for name in header.split(",")]


def _check_columns(header: list[str]) -> None:
    wrong = sorted(set(header) ^ (set(COLUMNS) | (set(header) & set(MORE_COLUMNS))))
    if wrong:
        more = ", ".join(MORE_COLUMNS)
        text = f"the columns must be {', '.join(COLUMNS)}, and can be {more}: see"
        raise ValueError(f"{text} {', '.join(wrong)}")


def _check_own(header: list[str]) -> None:
    del header  # is_will_it_scale looked at it


def _row(cells: Cells) -> MeasuredRate:
    point = _point(cells["machine"], cells["kernel"], cells["test"], cells["mode"], cells["tasks"])
    idle = _share("idle_share", cells.get("idle_share", ""), 1)
    return MeasuredRate(point, number("rate", cells["rate"]), idle, cells.get("chosen_for", ""))


def _share(name: str, cell: str, whole: float) -> float | None:
    """Return the number of a cell as a share of the whole; None if it is empty."""
    if not cell:
        return None
    share = float(cell) / whole if is_number(cell) else math.nan
    if not 0 <= share <= 1:
        raise ValueError(f"{name} must be 0 to {whole:g}, found '{cell[:40]}'")
    return share


def _own_row(path: Path, cells: Cells, machine: str | None, kernel: str | None) -> list[Any]:
    """Return the rates of a line of will-it-scale's CSV: of processes, and of threads."""
    if cells["tasks"] == "0":
        return []
    found = []
    for mode in MODES:
        if cells[mode].strip("0.") == "":
            continue
        point = _point(machine or "", kernel or "", path.stem, mode, cells["tasks"])
        of_all = _share(f"{mode}_idle", cells.get(f"{mode}_idle", ""), 100)
        idle = None if of_all is None else _idle_share(of_all, point)
        found.append(MeasuredRate(point, number(mode, cells[mode]), idle))
    return found


def _idle_share(of_all: float, point: RatePoint) -> float:
    """Return the share of the tasks' time without a CPU, of what all CPUs were idle."""
    busy_cpus = machine_of(point.machine).topology.n_cpus * (1 - of_all)
    return max(0.0, 1 - busy_cpus / point.tasks)


def _point(machine: str, kernel: str, test: str, mode: str, tasks: str) -> RatePoint:
    known = (*TESTS, PFT)
    for name, value, all_of_them in (
        ("kernel", kernel, KERNELS),
        ("test", test, known),
        ("mode", mode, tuple(MODES)),
    ):
        if value not in all_of_them:
            hint = " (a file of will-it-scale is named after it)" if name == "test" else ""
            raise ValueError(f"{name} '{value[:40]}': there are {', '.join(all_of_them)}{hint}")
    try:
        cpus = machine_of(machine).topology.n_cpus
    except ConfigError:
        raise ValueError(f"machine '{machine[:40]}': no profile has this name") from None
    count = whole_number("tasks", tasks)
    if not 1 <= count <= cpus:
        raise ValueError(f"tasks must be 1 to {cpus}, the CPUs of {machine}, found {count}")
    return RatePoint(machine, kernel, test, mode, count)


def chosen_rates(rows: Sequence[MeasuredRate], only: Iterable[str]) -> list[MeasuredRate]:
    """Rates of some tests or machines; all without any.

    Raises
    ------
    ConfigError
        If there is no such test or machine in the table.
    """
    wanted = list(only)
    known = {name: None for row in rows for name in (row.point.test, row.point.machine)}
    for name in wanted:
        if name not in known:
            text = f"the table has no test or machine '{name[:80]}' (there are {', '.join(known)})"
            raise refuse("--only", text)
    return [row for row in rows if not wanted or {row.point.test, row.point.machine} & set(wanted)]


def rates_validation(
    rows: Sequence[MeasuredRate],
    name: str,
    engine: EngineName = "compiled",
    seed: int = 1,
    on_row: Callable[[int], None] = lambda done: None,
) -> Entry:
    """Each rate next to its simulation.

    Parameters
    ----------
    rows : sequence of MeasuredRate
    name : str
        Of the table.
    engine : "compiled" or "reference"
    seed : int
    on_row : callable
        Called with the number of rows done.

    Returns
    -------
    dict
        JSON-able, in stable order: `cells`, `ratios` of threads to processes, `errors` by test, of
        all rates, and of all ratios.
    """
    cells = []
    for done, row in enumerate(rows):
        cells.append(_cell(row, engine, seed))
        on_row(done + 1)
    ratios = _ratios(cells)
    return {
        "data": name,
        "engine": engine,
        "seed": seed,
        "dessim_version": dessim.__version__,
        "model_version": model_version()[:16],
        "cells": cells,
        "ratios": ratios,
        "errors": errors_by(cells, ("test",), ("rate",)),
        "error_of_rates": error_of(cells, "rate"),
        "error_of_ratios": error_of(ratios, "ratio"),
    }


def _cell(row: MeasuredRate, engine: EngineName, seed: int) -> Entry:
    found, point = rate_of(row.point, engine, seed), row.point
    return {
        "cell": f"{point.machine} {point.kernel} {point.test} {point.tasks} {point.mode}",
        "machine": point.machine,
        "kernel": point.kernel,
        "test": point.test,
        "mode": point.mode,
        "tasks": point.tasks,
        "fitted": bool(row.chosen_for),
        "doubtful": "",
        "rate": compared(row.per_s, found.per_s, None),
        "idle_share": {"measured": row.idle_share, "simulated": found.idle_share},
    }


def _ratios(cells: Sequence[Entry]) -> list[Entry]:
    """Return threads to processes wherever both were measured."""
    keys = ("machine", "kernel", "test", "tasks")
    both: dict[tuple[Any, ...], dict[str, Entry]] = {}
    for cell in cells:
        both.setdefault(tuple(cell[key] for key in keys), {})[cell["mode"]] = cell["rate"]
    found = []
    for names, of in both.items():
        if len(of) == len(MODES):
            ratio = {k: of["threads"][k] / of["processes"][k] for k in ("measured", "simulated")}
            entry: Entry = dict(zip(keys, names, strict=True))
            entry["cell"] = " ".join(str(name) for name in names)
            entry["ratio"] = compared(ratio["measured"], ratio["simulated"], None)
            found.append(entry)
    return found


def rate_rows(document: Entry) -> list[Entry]:
    """One flat row per rate, for CSV."""
    rows = []
    for cell in document["cells"]:
        row = {key: cell[key] for key in (*COLUMNS[:5], "fitted")}
        row |= {key: cell["rate"][key] for key in ("measured", "simulated", "log_error")}
        row |= {f"idle_share_{key}": value for key, value in cell["idle_share"].items()}
        rows.append(row)
    return rows


def rms_log_errors(engine: EngineName = "compiled") -> dict[str, float]:
    """Return the root mean square of ln(simulated / published) by test, of the shipped table.

    mmap2, which nobody published, has the error of mmap1.
    """
    rows = load_rates(find("published", SHIPPED), None, None)
    document = rates_validation(rows, SHIPPED, engine)
    found = {group["test"]: group["rate"]["all"]["rms_log_error"] for group in document["errors"]}
    assert all(math.isfinite(value) for value in found.values())
    return found | {"mmap2": found["mmap1"]}
