"""Benchmark 1: the closed lock loop: dessim, SimPy, a bare heap, Ciw, cimba and C.

N CPUs think Exp(1000 ns), take one FIFO lock, hold it Exp(50 ns). Everybody starts thinking at time
zero; a run is a fixed number of rounds for each CPU. All mean waits must agree with the exact one.
"""

import importlib.util
import math
import statistics
from collections.abc import Callable

from benchmarks import c_programs, lock_loop_packages, lock_loop_python, setups
from benchmarks.c_programs import C_PROFILE, C
from benchmarks.engines import OWN_LOOP, SHARED_LOOP, run_compiled
from benchmarks.repairman import mean_wait_ns
from benchmarks.timing import Comparison, Contender, Sample, WorkDiffersError, compare
from benchmarks.world_file import Rows, result_of
from dessim.kernel.world import Setup

CPUS = (2, 16, 64, 128, 1024)
CONFIDENCE = 0.999
C_BARE = "C, bare"
Loop = Callable[[int, int, int], lock_loop_python.Run]


def by_function(name: str, function: Loop, cpus: int, acquisitions: int) -> Contender:
    """Return a contender that is a Python function."""

    def measure(seed: int) -> Sample:
        count, waited, seconds = function(cpus, max(1, acquisitions // cpus), seed)
        return Sample(count, seconds, mean_wait_ns=waited / count)

    return Contender(name, measure, compiles=function is lock_loop_packages.cimba_model)


def by_compiled(cpus: int, acquisitions: int, *, own: bool) -> Contender:
    """Return dessim's compiled engine as a contender: its loop for a program, or that for all."""

    def measure(seed: int) -> Sample:
        setup = setups.lock_loop(cpus, max(1, acquisitions // cpus), seed)
        result, seconds = run_compiled(setup, own=own)
        wait_ns = result.latency_sum_ps / result.latency_count / 1e3
        return Sample(result.faults, seconds, result.events, wait_ns)

    return Contender(OWN_LOOP if own else SHARED_LOOP, measure, compiles=True)


def by_c(cpus: int, acquisitions: int, kind: str = C) -> Contender:
    """Return the program in C: as it is, with a profile, or without dessim's draws and records."""
    bare = kind == C_BARE
    if kind == C_PROFILE:
        trained_on = setups.lock_loop(cpus, max(1, acquisitions // cpus // 10), 0)
        executable = c_programs.build_with_profile("lock_loop", trained_on=trained_on)
    else:
        executable = c_programs.build("lock_loop", *(("BARE",) if bare else ()))

    def measure(seed: int) -> Sample:
        setup = setups.lock_loop(cpus, max(1, acquisitions // cpus), seed)
        rows = c_programs.run(executable, setup)
        seconds = rows["cpu_ns"][0] / 1e9
        if bare:
            count, waited = rows["waits"][0], rows["wait_sum"][0]
            return Sample(count, seconds, mean_wait_ns=waited / count / 1e3)
        waits, waited = rows["latency_count"][0], rows["latency_sum_ps"][0]
        count = sum(rows["series_faults"])
        return Sample(count, seconds, rows["events"][0], waited / waits / 1e3)

    return Contender(kind, measure)


def contenders(cpus: int, slow: int, fast: int) -> tuple[list[Contender], list[str]]:
    """Return all contenders that this machine has, and a message for each that it lacks."""
    functions: list[tuple[str, Loop, int]] = [
        ("SimPy, idiomatic", lock_loop_python.idiomatic_simpy, slow),
        ("SimPy, tuned", lock_loop_python.tuned_simpy, slow),
        ("heapq", lock_loop_python.pure_heapq, slow),
    ]
    messages = []
    for name, function, acquisitions in (
        ("Ciw", lock_loop_packages.ciw_network, slow // 4),
        ("cimba", lock_loop_packages.cimba_model, fast),
    ):
        if importlib.util.find_spec(name.lower()):
            functions.append((name, function, acquisitions))
        else:
            messages.append(f"{name} is not installed: left out")
    all_of_them = [by_function(name, f, cpus, work) for name, f, work in functions]
    all_of_them += [by_compiled(cpus, fast, own=own) for own in (True, False)]
    if c_programs.compiler():
        all_of_them += [by_c(cpus, fast, kind) for kind in (C, C_PROFILE, C_BARE)]
    else:
        messages.append("no C compiler: C is left out")
    return all_of_them, messages


def result_in_c(setup: Setup) -> Rows:
    """Return what the program in C says about a setup, under dessim's names."""
    rows = c_programs.run(c_programs.build("lock_loop"), setup)
    for name, ps in zip(("think", "hold", "lock"), rows["times"], strict=True):
        rows[f"time.{name}"] = [ps]
    return rows


def check_same_result(cpus: int, iterations: int, seed: int) -> None:
    """Check that C and the compiled engine give the same result, to the picosecond.

    Raises
    ------
    WorkDiffersError
        If they do not.
    """
    setup = setups.lock_loop(cpus, iterations, seed)
    mine, _ = run_compiled(setup)
    theirs = result_of(result_in_c(setup), setup)
    if mine != theirs:
        raise WorkDiffersError(f"lock loop, {cpus} CPUs: C and the compiled engine differ")


def half_width(values: list[float]) -> float:
    """Return half the width of the confidence interval of a mean of independent values."""
    from scipy import stats

    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    return quantile * statistics.stdev(values) / math.sqrt(len(values))


def check_mean_waits(result: Comparison, cpus: int) -> None:
    """Check every contender's mean wait against the exact one.

    Each round is an independent replication. No warm-up is cut off, so that the first and the last
    of a CPU's rounds, which may not wait at all, are allowed for in addition to the interval.

    Raises
    ------
    WorkDiffersError
        If the exact mean wait is outside a contender's interval.
    """
    exact = mean_wait_ns(cpus, setups.THINK_PS / 1e3, setups.HOLD_PS / 1e3)
    result.notes.append(f"mean wait, exact: {exact:,.2f} ns")
    for name, samples in result.samples.items():
        waits = [sample.mean_wait_ns for sample in samples]
        mean, wide = statistics.mean(waits), half_width(waits)
        allowance = 2 * exact * cpus / samples[0].work
        said = f"{name}: {mean:,.2f} ± {wide:,.2f} ns"
        if abs(mean - exact) > wide + allowance:
            raise WorkDiffersError(f"{cpus} CPUs, mean wait: {said}, but exactly {exact:,.2f} ns")
        result.notes.append(said)


def run(rounds: int, *, quick: bool) -> list[Comparison]:
    """Measure all numbers of CPUs."""
    slow, fast = (20_000, 400_000) if quick else (50_000, 2_000_000)
    comparisons = []
    for cpus in CPUS:
        who, messages = contenders(cpus, slow, fast)
        result = compare(f"lock loop, {cpus} CPUs", "acquisitions/s", who, rounds)
        result.notes += messages
        check_mean_waits(result, cpus)
        if c_programs.compiler():
            check_same_result(cpus, 100, seed=rounds + 1)
        comparisons.append(result)
    return comparisons
