"""Benchmark 3: how the cost of a simulated step grows with CPUs, and the run with the file."""

from benchmarks import c_programs, setups
from benchmarks.engines import run_compiled
from benchmarks.fault_path import check_same_result, run_c
from benchmarks.setups import MIB
from benchmarks.timing import Comparison, Contender, Sample, compare
from dessim.model import names
from dessim.model.machine import Machine

CPUS = (16, 120, 480, 1024)


def big_machine() -> Machine:
    """Return the machine with 1,024 CPUs, or ivybridge-ex-4s stretched to as many."""
    if "hypothetical-1024" in names("machines"):
        return setups.machine("hypothetical-1024")
    return setups.wide_machine(max(CPUS))


def by_threads(machine: Machine, threads: int, size_bytes: int, repeats: int) -> list[Contender]:
    """Return the compiled engine, and C if there is a compiler, for a number of threads."""

    def compiled(seed: int) -> Sample:
        setup = setups.fault_path(threads, size_bytes, seed, on=machine)
        result, seconds = run_compiled(setup, repeats, own=True)
        return Sample(result.counters["touches"], seconds, result.events)

    def in_c(seed: int) -> Sample:
        setup = setups.fault_path(threads, size_bytes, seed, on=machine)
        result, seconds = run_c(setup, repeats)
        return Sample(result.counters["touches"], seconds, result.events)

    who = [Contender(f"{threads} CPUs", compiled, True)]
    if c_programs.compiler():
        who.append(Contender(f"{threads} CPUs, C", in_c))
    return who


def per_step_ratio(result: Comparison, name: str, base: str) -> str:
    """Return how much a step costs in one row relative to another, as text."""
    pairs = zip(result.samples[name], result.samples[base], strict=True)
    ratios = sorted((a.seconds / a.steps) / (b.seconds / b.steps) for a, b in pairs)
    middle = ratios[len(ratios) // 2]
    return f"cost of a step, {name} / {base}: {middle:.2f} ({ratios[0]:.2f}..{ratios[-1]:.2f})"


def run(rounds: int, *, quick: bool) -> list[Comparison]:
    """Measure growth with CPUs, then with the size of the file."""
    machine = big_machine()
    size = MIB if quick else 4 * MIB
    who = [
        contender
        for cpus in CPUS
        for contender in by_threads(machine, cpus, size, max(1, 256 // cpus))
    ]
    title = f"growth with CPUs, {machine.name}, {size / MIB:g} MiB"
    by_cpus = compare(title, "page touches/s", who, rounds, subject=None)
    for suffix in ("", ", C") if c_programs.compiler() else ("",):
        base = f"16 CPUs{suffix}"
        by_cpus.notes += [per_step_ratio(by_cpus, f"{n} CPUs{suffix}", base) for n in CPUS[1:]]

    setup = setups.fault_path(480, MIB // 4, rounds + 1, on=machine)
    check_same_result(setup, reference=False)

    small, large = (4 * MIB, 40 * MIB) if quick else (32 * MIB, 320 * MIB)

    def reading(size_bytes: int, repeats: int) -> Contender:
        def measure(seed: int) -> Sample:
            setup = setups.fault_path(16, size_bytes, seed)
            result, seconds = run_compiled(setup, repeats, own=True)
            return Sample(result.counters["touches"], seconds, result.events)

        return Contender(f"{size_bytes / MIB:g} MiB", measure, True)

    pair = [reading(small, 3), reading(large, 1)]
    base = pair[0].name
    by_size = compare("growth with the file, 16 threads", "page touches/s", pair, rounds, None)
    by_size.notes.append(per_step_ratio(by_size, pair[1].name, base))
    return [by_cpus, by_size]
