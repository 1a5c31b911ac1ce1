"""What hardware costs: clock, caches, memory, lines between CPUs, interrupts and switches."""

from __future__ import annotations

import itertools
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from dessim.host.latency import class_of
from dessim.host.memory import PAGE, file_in_memory, region, words
from dessim.host.native import CHAIN_CYCLES, CHAIN_STEPS, LINE, NUMBERS, loops
from dessim.host.topology import HostCpu
from dessim.host.trials import Sample, of_values, pinned, sample, together, undisturbed

FAR_BYTES = 128 << 20
NEAR_BYTES = 2 << 20
WINDOW = 4 << 20
"""Bytes that a trial reads: a millisecond or so."""
PATIENCE_NS = 5_000_000
"""How long a trial waits for its partner on another CPU: a time slice or two."""


@dataclass
class Bench:
    """A machine under measurement.

    Attributes
    ----------
    cpus : list of int
        Logical CPUs that may be used.
    places : dict of int to HostCpu
    limit : int, bytes
    each : float, s
        Time for each number.
    found : dict of str to Sample
        Numbers by name, ns or as their names say.
    missing : dict of str to str
        What could not be measured -> why.
    busy : float
        Other tasks that want a CPU, per CPU.
    by_window : bool
        Whether the kernel's fault-around window may be changed for a while; afterwards whether it
        was.
    """

    cpus: list[int]
    places: dict[int, HostCpu]
    limit: int
    each: float
    busy: float = 0.0
    by_window: bool = False
    found: dict[str, Sample] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, trial: Callable[[], float | None], share: float = 1.0) -> None:
        """Measure one number."""
        self.keep(name, sample(trial, self.each * share))

    def keep(self, name: str, found: Sample | None) -> None:
        """Note a number, or that there is none."""
        if found is None:
            self.missing[name] = "other tasks disturbed too many trials"
        else:
            self.found[name] = found


def now() -> int:
    """Nanoseconds of the clock that the loops use."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def hardware(bench: Bench) -> Iterator[str]:
    """Measure one thing after the other; yield what comes next."""
    with pinned(bench.cpus[0]):
        yield "clock and local operations"
        _clock(bench)
        yield "caches and memory"
        _memory(bench)
    yield "bandwidth"
    _bandwidth(bench)
    yield "lines between CPUs"
    _pairs(bench)
    yield "interrupts"
    _interrupts(bench)
    yield "switches and wake-ups"
    _switches(bench)


def _clock(bench: Bench) -> None:
    run = loops()
    with region(2 << 20) as at:
        n = 10_000
        if platform.machine() == "x86_64":
            steps = CHAIN_STEPS * n
            bench.take("cycle", lambda: run["chain"](n, at) / steps / CHAIN_CYCLES)
        else:
            bench.missing["cycle"] = "cycles of the chain are known for x86-64 only"
        bench.take("rmw", lambda: run["rmw"](at, 20_000) / 20_000)
        place = _ring(at, 4096, 0)
        bench.take("load", lambda: run["chase"](place, 20_000) / 20_000)


def _ring(at: int, size: int, seed: int) -> int:
    """Write a circle of pointers through a region, in an order without pattern.

    Returns
    -------
    int
        Where the next pointer stands: the first line is not in the circle.
    """
    lines = size // LINE
    order = 1 + np.random.default_rng(seed).permutation(lines - 1)
    view = words(at, size // 8)
    places = order * (LINE // 8)
    view[places] = at + np.roll(order, -1) * LINE
    view[0] = at + int(order[0]) * LINE
    return at


def _memory(bench: Bench) -> None:
    run = loops()
    far = min(FAR_BYTES, bench.limit // 2)
    with region(far, huge=True) as at:
        place = _ring(at, far, 1)
        bench.take("memory", lambda: run["chase"](place, 3_000) / 3_000)
    near = NEAR_BYTES
    with region(near, huge=True) as at:
        place = _ring(at, near, 2)
        run["chase"](place, near // LINE)
        bench.take("l3", lambda: run["chase"](place, 6_000) / 6_000)
    with file_in_memory(far) as fd, region(far, fd=fd, shared=True) as at:
        starts = itertools.cycle(range(at, at + far - WINDOW // 2 + 1, WINDOW // 2))
        pages = WINDOW // 2 // PAGE
        bench.take("page", lambda: run["touch"](next(starts), pages * 512, 8, 0) / pages)
        bench.take("word", lambda: run["touch"](next(starts), pages, PAGE, 0) / pages)
        mask = far // 8 - 1 if far & (far - 1) == 0 else (1 << (far // 8).bit_length() - 1) - 1
        bench.take("random", lambda: run["random"](at, mask, 4_000, now()) / 4_000)
        run["touch"](at, 128 * 512, 8, 0)
        bench.take("page_again", lambda: run["touch"](at, 128 * 512, 8, 0) / 128)


def _bandwidth(bench: Bench) -> None:
    """Bytes per ns: of one core, and of all together (the best moment of all)."""
    run = loops()
    each = min(16 << 20, bench.limit // (2 * len(bench.cpus)) >> 20 << 20)
    with region(64 << 20) as at, region(2 << 20) as out, pinned(bench.cpus[0]):
        starts = itertools.cycle(range(at, at + (64 << 20), 8 << 20))
        found = sample(lambda: run["stream"](next(starts), 8 << 20, out) / (8 << 20), bench.each)
    bench.keep("core_byte", found)
    if len(bench.cpus) == 1:
        return
    with region(each * len(bench.cpus)) as at, region(2 << 20) as out:
        values: list[float] = []

        def read(index: int, deadline: int) -> int:
            if not run["meet"](out, len(bench.cpus), deadline):
                return -1
            return run["stream"](at + index * each, each, out + 4096 * (1 + index))

        rounds = _rounds(bench.each)
        for _ in rounds:
            _clear(out)
            deadline = now() + PATIENCE_NS
            work = [(cpu, partial(read, i, deadline)) for i, cpu in enumerate(bench.cpus)]
            times = [t for t in together(work) if t is not None and t > 0]
            if len(times) == len(bench.cpus):
                values.append(max(times) / (each * len(bench.cpus)))
    bench.keep("node_byte", of_values(values, rounds.done))


class _rounds:  # noqa: N801 - reads like range
    """Rounds until the time is over; at most twice that."""

    def __init__(self, seconds: float) -> None:
        self.end, self.done = time.monotonic() + 1.5 * seconds, 0

    def __iter__(self) -> Iterator[int]:
        while time.monotonic() < self.end:
            self.done += 1
            yield self.done


def _clear(at: int, n: int = 8) -> None:
    words(at, n)[:] = 0


def pairs_of(bench: Bench, most: int = 2) -> dict[str, list[tuple[int, int]]]:
    """Pairs of CPUs by class, a few of each."""
    found: dict[str, list[tuple[int, int]]] = {}
    for a, b in itertools.combinations(bench.cpus, 2):
        if a in bench.places and b in bench.places:
            name = class_of(bench.places[a], bench.places[b], ())
            if len(found.setdefault(name, [])) < most:
                found[name].append((a, b))
    return found


def _pairs(bench: Bench) -> None:
    classes = pairs_of(bench)
    if not classes:
        bench.missing["pairs"] = "there is one CPU only"
    for name, pairs in classes.items():
        for loop in ("swap", "hand"):
            values, tried = [], 0
            for pair in pairs:
                one, n = _to_and_fro(loop, pair, 3 * bench.each / len(pairs))
                values += one
                tried += n
            bench.keep(f"{loop}.{name}", of_values(values, tried))


def _to_and_fro(loop: str, pair: Sequence[int], seconds: float) -> tuple[list[float], int]:
    """One way of a line, ns: batches of 50 back and forth while both have their CPUs."""
    run, batches, each = loops(), 40, 50
    values: list[float] = []
    rounds = _rounds(seconds)
    with region(2 << 20) as at:
        out = at + 4096
        for _ in rounds:
            _clear(at)
            end = now() + PATIENCE_NS
            work = [
                (pair[n], partial(run[loop], at, out * (n == 0), n, batches, each, end))
                for n in (0, 1)
            ]
            times = together(work)
            if times[0] is None or times[0] < 4:
                continue
            done = words(out, batches)
            values += [float(t) / each / 2 for t in done[1 : times[0]]]  # the first waits for both
    return values, rounds.done * (batches - 1)


def _interrupts(bench: Bench) -> None:
    """A page is dropped while another thread of the process runs on another CPU, and while none."""
    names = ("shootdown", "handler")
    if len(bench.cpus) < 2:
        bench.missing |= dict.fromkeys(names, "there is one CPU only")
        return
    run, madvise = loops(), NUMBERS[platform.machine()]["madvise"]
    alone: list[float] = []
    remote: list[float] = []
    handlers: list[float] = []
    with region(2 << 20) as at, region(2 << 20) as flags:

        def drop(n: int) -> float:
            total = 0
            for _ in range(n):
                run["touch"](at, 1, PAGE, 1)
                total += run["timed"](madvise, at, PAGE, 4)
            return total / n

        def initiate(partner: int) -> int:
            if partner and not run["meet"](flags, 2, now() + PATIENCE_NS):
                return -1
            ns = drop(20)
            words(flags + 128, 1)[0] = 1
            return round(ns * 1000)

        def suffer() -> int:
            if not run["meet"](flags, 2, now() + PATIENCE_NS):
                return -1
            run["spin"](flags + 128, flags + 256, now() + 2 * PATIENCE_NS)
            return 0

        for index in _rounds(2 * bench.each):
            _clear(flags, 64)
            if index % 2:
                with pinned(bench.cpus[0]):
                    value = undisturbed(lambda: float(initiate(0)))
                alone += [] if value is None else [value / 1000]
                continue
            a, b = together([(bench.cpus[0], partial(initiate, 1)), (bench.cpus[1], suffer)])
            seen = words(flags + 256, 8)
            if a is None or b is None or a < 0 or b < 0 or not 10 <= seen[0] <= 40:
                continue
            remote.append(a / 1000)
            handlers.append(float(seen[1]) / float(seen[0]))
    first, second = of_values(alone, len(alone)), of_values(remote, len(remote))
    if first is None or second is None:
        bench.missing["shootdown"] = "too few trials in which both threads had their CPUs"
    else:
        bench.found["shootdown"] = second.times(1.0, minus=first.value)
    bench.keep("handler", of_values(handlers, len(handlers)))


def _switches(bench: Bench) -> None:
    """Two threads wake each other by futex: on one CPU (a switch), or on two (a wake-up)."""
    run = loops()
    if bench.busy > 0.5:
        why = f"{bench.busy:.1f} other tasks per CPU want to run and would distort the number"
        bench.missing |= dict.fromkeys(("switch", "wake"), why)
        return
    getppid = NUMBERS[platform.machine()]["getppid"]
    call = min(run["timed"](getppid, 0, 0, 0) for _ in range(200))
    for name, cpus in (("switch", bench.cpus[:1] * 2), ("wake", bench.cpus[:2])):
        if len(cpus) < 2:
            bench.missing[name] = "there is one CPU only"
            continue
        values: list[float] = []
        rounds = _rounds(bench.each)
        with region(2 << 20) as at:
            out, spec, n = at + 4096, at + 256, 50
            for _ in rounds:
                _clear(at, 64)
                words(spec, 2)[:] = (0, 2_000_000)
                end = now() + 4 * PATIENCE_NS
                together(
                    [
                        (cpus[k], partial(run["futex"], at, out * (k == 0), k, n, end, spec))
                        for k in (0, 1)
                    ]
                )
                times = words(out, n)
                values += [float(t) / 2 for t in times[2:] if t > 0]
        # the middle: who is woken before it sleeps takes less, and is not what is asked
        found = of_values(values, rounds.done * (n - 2), 0.5)
        bench.keep(name, None if found is None else found.times(1.0, minus=2.0 * call))
