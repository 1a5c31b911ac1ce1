"""Measured next to simulated: the workloads that run on this machine, and what the model says."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import dessim
from dessim.host.memory import allowed_bytes
from dessim.host.native import supported
from dessim.host.simulated import SCHEME, simulate
from dessim.host.topology import UnusableError
from dessim.host.trials import ahead_of_others, load, usable_cpus
from dessim.host.workloads import CASES, COLD, READ, WRITE, Case, fault_latencies, run_case
from dessim.kernel.histogram import bucket_low, quantile_ps
from dessim.kernel.result import RunResult
from dessim.model import Machine

REPLICATIONS = 3
MEASURED = "measured"


@dataclass(frozen=True)
class HostPlan:
    """What is run.

    Attributes
    ----------
    cases : tuple of Case
    cpus : list of int
    seconds : float
        For each case and number of CPUs.
    privileged : bool
    """

    cases: tuple[Case, ...]
    cpus: list[int]
    seconds: float
    privileged: bool = False


def plan_of(only: Sequence[str], seconds: float, *, privileged: bool) -> HostPlan:
    """The cases by name, on 1 to all CPUs.

    Raises
    ------
    UnusableError
        If a name is unknown, or dessim cannot measure this machine.
    """
    if platform.system() != "Linux" or not supported():
        raise UnusableError(
            f"{platform.system()} on {platform.machine()}: workloads run on Linux on x86-64 or"
            " aarch64 only"
        )
    known = {case.name: case for case in CASES}
    unknown = [name for name in only if name not in known]
    if unknown:
        raise UnusableError(f"--only {unknown[0]}: the workloads are {', '.join(known)}")
    if allowed_bytes() < COLD + (COLD >> 1):
        raise UnusableError("too little memory is available")
    chosen = tuple(case for case in CASES if not only or case.name in only)
    room = allowed_bytes()
    fitting = tuple(case for case in chosen if case.pages * 4096 <= room)
    return HostPlan(fitting, usable_cpus(), seconds, privileged)


def counts_of(cpus: Sequence[int]) -> list[int]:
    """1 to all CPUs: all numbers up to four, then doubling."""
    counts = [n for n in (1, 2, 3, 4) if n <= len(cpus)]
    while counts[-1] < len(cpus):
        counts.append(min(2 * counts[-1], len(cpus)))
    return counts


def validate_host(machine: Machine, plan: HostPlan, note: Callable[[str], None]) -> dict[str, Any]:
    """Run every case, simulate it, and compare.

    Parameters
    ----------
    machine : Machine
    plan : HostPlan
    note : callable
        Gets what runs next.

    Returns
    -------
    dict
        As `dessim validate --host --format json` prints it.
    """
    busy = load() / len(plan.cpus)
    cells: list[dict[str, Any]] = []
    latencies: list[dict[str, Any]] = []
    for case in plan.cases:
        for n in counts_of(plan.cpus):
            note(f"{case.name}, {n} CPU{'s' if n > 1 else ''}")
            with ahead_of_others(wanted=plan.privileged):
                rate = run_case(case, plan.cpus[:n], plan.seconds)
            runs = [simulate(machine, case.workload, n, replication=r) for r in range(REPLICATIONS)]
            cells.append(_cell(case, n, rate.sample, rate.kept, rate.tried, runs, machine))
        if case.action in (READ, WRITE) and not case.shared and not case.processes:
            note(f"{case.name}, latencies")
            with ahead_of_others(wanted=plan.privileged):
                times = fault_latencies(case, plan.cpus[0], plan.seconds / 2)
            latencies.append(_latency(case, times, simulate(machine, case.workload)))
    judged = [cell for cell in cells if cell["ln_error"] is not None]
    unseen = [abs(cell["ln_error"]) for cell in judged if not cell["informed_profile"]]
    return {
        "mean_abs_ln_error": sum(unseen) / len(unseen) if unseen else None,
        "cells_in_mean": len(unseen),
        "machine": machine.name,
        "scheme": SCHEME,
        "kernel": platform.release(),
        "other_tasks_per_cpu": round(busy, 2),
        "cells": cells,
        "latencies": latencies,
        "dessim_version": dessim.__version__,
    }


def _cell(
    case: Case,
    n: int,
    sample: Any,
    kept: int,
    tried: int,
    runs: Sequence[RunResult],
    machine: Machine,
) -> dict[str, Any]:
    work = case.touched * n
    simulated = median(work * 1e12 / run.finish_ps for run in runs)
    measured = None if sample is None else sample.value
    informed = bool(case.measured_as) and n == 1 and _is_measured(machine)
    return {
        "workload": case.name,
        "cpus": n,
        "measured": measured,
        "measured_range": None if sample is None else sorted((sample.low, sample.high)),
        "simulated": simulated,
        "ln_error": None if measured is None else math.log(simulated / measured),
        "informed_profile": informed,
        "unit": "pages/s" if case.touched != 4 * case.pages else "words/s",
        "trials_kept": kept,
        "trials": tried,
    }


def _is_measured(machine: Machine) -> bool:
    return any(origin.tag == MEASURED for origin in machine.provenance.values())


def _latency(case: Case, times: Sequence[float], run: RunResult) -> dict[str, Any]:
    """Quantiles and histograms of single faults, ns."""
    ordered = sorted(times)
    shares = (0.5, 0.9, 0.99)
    return {
        "workload": case.name,
        "faults": len(ordered),
        "measured_ns": {
            str(share): ordered[int(share * (len(ordered) - 1))] if ordered else None
            for share in shares
        },
        "simulated_ns": {
            str(share): (quantile_ps(run.latency_counts, round(share * 1_000_000)) or 0) / 1000
            for share in shares
        },
        "measured_log2": _log2((one, 1) for one in ordered),
        "simulated_log2": _log2((bucket_low(b) / 1000, n) for b, n in run.latency_counts),
    }


def _log2(times: Iterable[tuple[float, int]]) -> list[list[int]]:
    """Lower end of each power of two, ns, and how many times lie there."""
    counts: dict[int, int] = {}
    for one, n in times:
        bits = max(0, int(one)).bit_length()
        counts[bits] = counts.get(bits, 0) + n
    return [[2 ** (bits - 1) if bits else 0, counts[bits]] for bits in sorted(counts)]
