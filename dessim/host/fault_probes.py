"""What faults cost: windows of files, memory, copies, shared writes, and taking it all back."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from dessim.host.around import changing_window
from dessim.host.memory import NO_HUGE_PAGES, PAGE, advise, file_in_memory, map_bytes
from dessim.host.native import NUMBERS, loops
from dessim.host.probes import Bench
from dessim.host.trials import Sample, of_values, pinned, sample

WINDOW_PAGES = 16
"""Pages of a fault-around window: fault_around_bytes is 64 KiB unless somebody changed it."""
PRESENT = (1, 2, 4, 8, 12, 16)
"""Pages of each window that are in the page cache: slope and intercept of a fault's time."""
WINDOWS = (1, 2, 4, 8, 16)
"""Pages of the windows that are set instead, where that is allowed."""
FAULTS = 256
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
    """Measure faults that map 1 to 16 pages: of a window so large, or of pages that are there."""
    size = FAULTS * WINDOW_PAGES * PAGE
    by_present: dict[int, tuple[Sample, Sample]] = {}
    for present in WINDOWS if choose else PRESENT:
        touches: list[float] = []
        unmaps: list[float] = []
        if choose is not None:
            choose(present * PAGE)
        with file_in_memory(size, WINDOW_PAGES if choose else present, WINDOW_PAGES) as fd:

            def trial(
                fd: int = fd, touches: list[float] = touches, unmaps: list[float] = unmaps
            ) -> float:
                one = one_pass(size, fd, WINDOW_PAGES * PAGE, shared=True, write=False)
                unmaps.append(one.unmap / FAULTS)
                return one.touch / FAULTS

            found = sample(trial, bench.each / 2)
        one = of_values(unmaps, len(unmaps))
        if found is not None and one is not None:
            by_present[present] = (found, one)
    if len(by_present) < 3:
        bench.missing["fault"] = "other tasks disturbed too many trials"
        return
    counts = sorted(by_present)
    for name, index in (("fault", 0), ("pte_away", 1)):
        fit = {
            k: _line(counts, [getattr(by_present[n][index], k) for n in counts])
            for k in ("value", "low", "high")
        }
        kept = sum(by_present[n][index].kept for n in counts)
        tried = sum(by_present[n][index].tried for n in counts)
        for part, key in ((0, f"{name}"), (1, f"{name}_page")):
            numbers = sorted(max(0.0, fit[k][part]) for k in fit)
            value = max(0.0, fit["value"][part])
            bench.found[key] = Sample(value, numbers[0], numbers[2], kept, tried)
        rest = [by_present[n][index].value - fit["value"][0] - fit["value"][1] * n for n in counts]
        bench.found[f"{name}_residual"] = Sample(float(np.std(rest)), 0.0, 0.0, kept, tried)


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
