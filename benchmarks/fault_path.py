"""Benchmark 2: page faults under radix_walk_trylock: dessim, SimPy, the reference engine, C.

A small size, which all contenders run, and a large one for the two that are fast enough. C and the
two engines must give the same result to the picosecond; SimPy, written independently, must agree.
"""

import statistics
from collections.abc import Callable

from benchmarks import c_programs, fault_simpy, setups
from benchmarks.c_programs import C_PROFILE, C
from benchmarks.engines import OWN_LOOP, SHARED_LOOP, run_compiled, run_reference
from benchmarks.setups import MIB
from benchmarks.timing import Comparison, Contender, Sample, WorkDiffersError, compare
from benchmarks.world_file import numbers_of, result_of
from dessim.kernel.result import RunResult
from dessim.kernel.world import Setup

THREADS = (16, 120)
# How far the SimPy program, which leaves details out and draws by itself, may be from dessim.
TOLERANCE = {"completion": 0.02, "faults": 0.1, "mean fault latency": 0.15}


def defines_for(setup: Setup) -> tuple[str, ...]:
    """Return the array sizes with which the program in C is compiled for a machine."""
    topology = setup.machine.topology
    return f"MASKS={-(-topology.n_cores // 64)}", f"MAX_L3={topology.n_l3}"


def run_c(
    setup: Setup, repeats: int = 1, trained_on: Setup | None = None
) -> tuple[RunResult, float]:
    """Run the program in C and return its result and its processor time in s, per run.

    With ``trained_on`` it is compiled with what its branches did in another run.
    """
    defines = defines_for(setup)
    if trained_on is None:
        executable = c_programs.build("fault_path", *defines)
    else:
        executable = c_programs.build_with_profile("fault_path", *defines, trained_on=trained_on)
    rows = c_programs.run(executable, setup, repeats)
    return result_of(rows, setup), rows["cpu_ns"][0] / 1e9 / repeats


def check_same_result(setup: Setup, *, reference: bool = True) -> None:
    """Check that compiled engine, reference engine and C agree in everything that a run leaves.

    Raises
    ------
    WorkDiffersError
        If they do not.
    """
    mine, _ = run_compiled(setup)
    others = {"the reference engine": run_reference(setup)[0]} if reference else {}
    if c_programs.compiler():
        others["C"], _ = run_c(setup)
    for name, theirs in others.items():
        if theirs != mine:
            raise WorkDiffersError(
                f"{setup.threads} threads: {name} and the compiled engine differ"
            )


def check_simpy_agrees(setup: Setup, seed: int) -> str:
    """Check the SimPy program against the compiled engine and return how far they are apart.

    Raises
    ------
    WorkDiffersError
        If they mapped or touched different pages, or differ by more than TOLERANCE.
    """
    mine, _ = run_compiled(setup)
    theirs = fault_simpy.run(numbers_of(setup), seed)
    counted = (theirs.pages_mapped, theirs.touches)
    if counted != (mine.counters["pages_mapped"], mine.counters["touches"]):
        raise WorkDiffersError(f"SimPy mapped and touched {counted} pages")
    latencies_ps = theirs.steady_latencies_ps if mine.latency_steady else theirs.latencies_ps
    latency_ps = mine.latency_sum_ps / mine.latency_count
    apart = {
        "completion": theirs.completion_ps / mine.completion_ps - 1,
        "faults": theirs.faults / mine.counters["minor_faults"] - 1,
        "mean fault latency": statistics.fmean(latencies_ps) / latency_ps - 1,
    }
    for name, difference in apart.items():
        if abs(difference) > TOLERANCE[name]:
            raise WorkDiffersError(
                f"{setup.threads} threads: SimPy's {name} is {difference:+.1%} apart"
            )
    return "SimPy compared with dessim: " + ", ".join(f"{k} {v:+.2%}" for k, v in apart.items())


def contenders(
    setup: Callable[[int], Setup], trained_on: Setup, repeats: int, *, slow: bool
) -> list[Contender]:
    """Return the contenders for a setup, given by its seed; the slow ones if they are wanted."""

    def simpy_program(seed: int) -> Sample:
        outcome = fault_simpy.run(numbers_of(setup(seed)), seed)
        return Sample(outcome.touches, outcome.seconds)

    who = []
    if slow:
        who.append(Contender("SimPy, idiomatic", simpy_program))
        who.append(Contender("reference", lambda seed: sample(*run_reference(setup(seed)))))
    who += [by_compiled(name, setup, repeats) for name in (OWN_LOOP, SHARED_LOOP)]
    if c_programs.compiler():
        who += [by_c(C, setup, repeats, None), by_c(C_PROFILE, setup, repeats, trained_on)]
    return who


def sample(result: RunResult, seconds: float) -> Sample:
    """Return a timed run."""
    return Sample(result.counters["touches"], seconds, result.events)


def by_compiled(name: str, setup: Callable[[int], Setup], repeats: int) -> Contender:
    """Return the compiled engine, in a loop of its own or in the shared one."""

    def measure(seed: int) -> Sample:
        return sample(*run_compiled(setup(seed), repeats, own=name == OWN_LOOP))

    return Contender(name, measure, compiles=True)


def by_c(
    name: str, setup: Callable[[int], Setup], repeats: int, trained_on: Setup | None
) -> Contender:
    """Return the program in C."""
    return Contender(name, lambda seed: sample(*run_c(setup(seed), repeats, trained_on)))


def run(rounds: int, *, quick: bool) -> list[Comparison]:
    """Measure both numbers of threads, small and large, and without fault-around."""
    small = {16: MIB, 120: MIB // 2} if quick else {16: 2 * MIB, 120: MIB}
    large = {16: 16 * MIB, 120: 4 * MIB} if quick else {16: 128 * MIB, 120: 16 * MIB}
    repeats = 4 if quick else 1
    comparisons = []
    for threads in THREADS:
        comparisons.append(measured(threads, small[threads], rounds, repeats, slow=True))
        comparisons.append(measured(threads, large[threads], rounds))
    most = max(THREADS)
    comparisons.append(measured(most, large[most] // 2, rounds, scheme="no_fault_around"))
    return comparisons


def measured(
    threads: int,
    size_bytes: int,
    rounds: int,
    repeats: int = 1,
    *,
    slow: bool = False,
    scheme: str = "radix_walk_trylock",
) -> Comparison:
    """Measure a number of threads and a size, and check that all did the same work."""

    def setup(seed: int) -> Setup:
        return setups.fault_path(threads, size_bytes, seed, scheme=scheme)

    title = f"fault path, {scheme}, {threads} threads, {size_bytes / MIB:g} MiB"
    trained_on = setups.fault_path(threads, MIB // 2, 0, scheme=scheme)
    who = contenders(setup, trained_on, repeats, slow=slow)
    result = compare(title, "page touches/s", who, rounds)
    check_same_result(setup(rounds + 1), reference=slow)
    if slow:
        result.notes.append(check_simpy_agrees(setup(rounds + 1), rounds + 1))
    if not c_programs.compiler():
        result.notes.append("no C compiler: C is left out")
    return result
