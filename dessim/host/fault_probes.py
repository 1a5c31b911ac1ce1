"""What faults cost: windows of files, memory, copies, shared writes, and taking it all back."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from dessim.host.around import changing_window
from dessim.host.memory import NO_HUGE_PAGES, PAGE, advise, file_in_memory, map_bytes, region
from dessim.host.native import NUMBERS, loops
from dessim.host.probes import Bench
from dessim.host.trials import Sample, of_values, pinned, sample

WINDOW_PAGES = 16
"""Pages of a fault-around window: fault_around_bytes is 64 KiB unless somebody changed it."""
PRESENT = (1, 2, 4, 8, 12, 16)
"""Pages of each window that are in the page cache: slope and intercept of a fault's time."""
WINDOWS = (1, 2, 4, 8, 16)
"""Pages of the windows that are set instead, where that is allowed."""
FAULTS = 128
OTHERS = 64 << 20
"""Bytes that are read before each trial of read faults: pages of the file are in no cache."""
PAGES = 512


@dataclass
class _Pass:
    """One pass over a mapping: time of its faults and of its unmapping, ns."""

    touch: float
    unmap: float


def faults(bench: Bench) -> Iterator[str]:
    """Measure one kind after the other; yield what comes next."""
    with pinned(bench.cpus[0]):
        yield "read faults"
        _read_faults(bench)
        yield "faults that write"
        _write_faults(bench)


def one_pass(size: int, fd: int, stride: int, *, shared: bool, write: bool) -> _Pass:
    """Map, touch a word every `stride` bytes, unmap."""
    run, munmap = loops(), NUMBERS[platform.machine()]["munmap"]
    at = map_bytes(size, fd, shared=shared)
    if fd < 0:
        advise(at, size, NO_HUGE_PAGES)
    touched = run["touch"](at, size // stride, stride, int(write))
    return _Pass(touched, run["timed"](munmap, at, size, 0))


def _read_faults(bench: Bench) -> None:
    with changing_window(wanted=bench.by_window) as choose:
        bench.by_window = choose is not None
        _windows(bench, choose)


def _windows(bench: Bench, choose: Callable[[int], None] | None) -> None:
    """Measure faults that map 1 to 16 pages: of a window so large, or of pages that are there.

    What a fault itself costs comes from pages at hand, as all faults share it; what a page does
    from pages in no cache, as a file that is read for the first time.
    """
    with region(min(OTHERS, bench.limit // 4)) as others:
        away = _Others(others, min(OTHERS, bench.limit // 4) // 64)
        hot, cold = (_sweep(bench, choose, one) for one in (_Others(others, 0), away))
    if len(hot) < 3:
        bench.missing["fault"] = "other tasks disturbed too many trials"
        return
    if len(cold) < 3:
        bench.missing["fault_cold"] = "other tasks disturbed too many trials: from pages at hand"
        cold = hot
    bench.found["fault"], _ = _parted(hot, 0)
    _, bench.found["fault_page"] = _parted(cold, 0)
    bench.found["pte_away"], bench.found["pte_away_page"] = _parted(hot, 1)


@dataclass(frozen=True)
class _Others:
    """Memory that is read before a trial, and how many lines of it."""

    at: int
    lines: int

    def read(self) -> None:
        """Read it: what else was in the caches is not any more."""
        if self.lines:
            loops()["touch"](self.at, self.lines, 64, 0)


Sweep = dict[int, tuple[Sample, Sample]]
"""Pages that a fault maps -> time of a fault, and of unmapping what it mapped, ns."""


def _sweep(bench: Bench, choose: Callable[[int], None] | None, others: _Others) -> Sweep:
    size = FAULTS * WINDOW_PAGES * PAGE
    found: Sweep = {}
    for present in WINDOWS if choose else PRESENT:
        if choose is not None:
            choose(present * PAGE)
        unmaps: list[float] = []
        with file_in_memory(size, WINDOW_PAGES if choose else present, WINDOW_PAGES) as fd:

            def trial(fd: int = fd, unmaps: list[float] = unmaps) -> float:
                one = one_pass(size, fd, WINDOW_PAGES * PAGE, shared=True, write=False)
                unmaps.append(one.unmap / FAULTS)
                return one.touch / FAULTS

            touched = sample(trial, bench.each / 2, others.read)
        unmapped = of_values(unmaps, len(unmaps))
        if touched is not None and unmapped is not None:
            found[present] = (touched, unmapped)
    return found


def _parted(sweep: Sweep, index: int) -> tuple[Sample, Sample]:
    """Part a fault, or an unmapping, into what it costs itself and what each page does."""
    counts = sorted(sweep)
    fit = {
        k: _line(counts, [getattr(sweep[n][index], k) for n in counts])
        for k in ("value", "low", "high")
    }
    kept = sum(sweep[n][index].kept for n in counts)
    tried = sum(sweep[n][index].tried for n in counts)
    parts = []
    for part in (0, 1):
        numbers = sorted(max(0.0, fit[k][part]) for k in fit)
        parts.append(Sample(max(0.0, fit["value"][part]), numbers[0], numbers[2], kept, tried))
    return parts[0], parts[1]


def _line(x: list[int], y: list[float]) -> tuple[float, float]:
    """Intercept and slope."""
    slope, intercept = np.polyfit(x, y, 1)
    return float(intercept), float(slope)


def _write_faults(bench: Bench) -> None:
    size = PAGES * PAGE
    with file_in_memory(size) as fd:
        kinds = {"anonymous": (-1, False), "copy": (fd, False), "shared_write": (fd, True)}
        for name, (file, shared) in kinds.items():
            unmaps: list[float] = []

            def trial(
                file: int = file, shared: bool = shared, unmaps: list[float] = unmaps
            ) -> float:
                one = one_pass(size, file, PAGE, shared=shared, write=True)
                unmaps.append(one.unmap / PAGES)
                return one.touch / PAGES

            bench.take(name, trial)
            bench.keep(f"{name}_away", of_values(unmaps, len(unmaps)))
    run, munmap = loops(), NUMBERS[platform.machine()]["munmap"]

    def empty() -> float:
        return float(run["timed"](munmap, map_bytes(size), size, 0))

    bench.take("munmap", empty, 0.5)
