"""Repeat short trials on a machine that others use too, and say what they have in common.

A trial during which the kernel took the CPU away is dropped. Those left are put in groups; the
number is that of the best twentieth of the groups' medians, of less than twenty groups the least:
others only make a trial longer, and a single odd group shall not decide.
"""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from dessim.files.reading import UnreadableError, read_text
from dessim.host.topology import UnusableError

GROUP = 7
"""Trials of a group: the median of seven survives three that were disturbed."""
ENOUGH = 3
"""Groups from which on a number is reported."""


@dataclass(frozen=True)
class Sample:
    """What trials said.

    Attributes
    ----------
    value : float
        Of the groups' medians, 5 %.
    low, high : float
        The least of the medians, and 75 % of them: how far other times of the session were off.
    kept, tried : int
        Trials that were not disturbed, and all.
    """

    value: float
    low: float
    high: float
    kept: int
    tried: int

    def times(self, factor: float, minus: float = 0.0) -> Sample:
        """The same in another unit, less something."""
        value, low, high = (
            max(0.0, (one - minus) * factor) for one in (self.value, self.low, self.high)
        )
        return Sample(value, low, high, self.kept, self.tried)


def switches() -> int:
    """How often this thread lost its CPU."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw


def undisturbed(trial: Callable[[], float | None]) -> float | None:
    """A trial's number, or None if it gave none or lost its CPU."""
    before = switches()
    value = trial()
    return None if value is None or switches() != before else value


def sample(
    trial: Callable[[], float | None], seconds: float, prepare: Callable[[], None] | None = None
) -> Sample | None:
    """Repeat a trial.

    Parameters
    ----------
    trial : callable
        Returns a number, or None if it came to nothing.
    seconds : float
        After that, and no more than twice that, it ends.
    prepare : callable, optional
        Comes before each trial, and may be disturbed.

    Returns
    -------
    Sample or None
        None if too few trials were undisturbed.
    """
    values: list[float] = []
    tried = 0
    begin = time.monotonic()
    while True:
        spent = time.monotonic() - begin
        if spent > 2 * seconds or (spent > seconds and len(values) >= GROUP * ENOUGH):
            break
        tried += 1
        if prepare is not None:
            prepare()
        value = undisturbed(trial)
        if value is not None:
            values.append(value)
    return of_values(values, tried)


def of_values(values: Sequence[float], tried: int, at: float = 0.05) -> Sample | None:
    """What a row of trials said; `at`: which part of the medians is the number."""
    groups = [values[at : at + GROUP] for at in range(0, len(values) - GROUP + 1, GROUP)]
    if len(groups) < ENOUGH:
        return None
    medians = sorted(median(group) for group in groups)
    value, high = (medians[round(share * (len(medians) - 1))] for share in (at, 0.75))
    return Sample(value, medians[0], high, len(values), tried)


@contextmanager
def pinned(cpu: int) -> Iterator[None]:
    """Keep the calling thread on a CPU."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def together(work: Sequence[tuple[int, Callable[[], int]]]) -> list[int | None]:
    """Run functions at the same time, each on its CPU; None where the kernel took the CPU away.

    They have to end by themselves: each has a deadline.
    """
    results: list[int | None] = [None] * len(work)

    def run(index: int) -> None:
        cpu, function = work[index]
        with pinned(cpu):
            before = switches()
            value = function()
            results[index] = value if switches() == before else None

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@contextmanager
def ahead_of_others(*, wanted: bool) -> Iterator[None]:
    """Let this thread and those it starts go before others, if that is wanted and allowed.

    They are real-time threads (SCHED_FIFO): everything else on their CPUs waits meanwhile, except
    for the twentieth of the time that Linux keeps for it (sched_rt_runtime_us).

    Raises
    ------
    UnusableError
        If it is not allowed.
    """
    if not wanted:
        yield
        return
    before, param = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        text = "--privileged: this user may not run real-time threads: drop it, or run as root"
        raise UnusableError(text) from None
    try:
        yield
    finally:
        os.sched_setscheduler(0, before, param)


def usable_cpus() -> list[int]:
    """CPUs that this process may use."""
    return sorted(os.sched_getaffinity(0))


def load() -> float:
    """Tasks that want a CPU, besides this one: the mean of half a second."""
    counts = []
    for _ in range(10):
        try:
            words = read_text(Path("/proc/loadavg")).split()
            counts.append(int(words[3].partition("/")[0]) - 1)
        except (UnreadableError, IndexError, ValueError):
            return 0.0
        time.sleep(0.05)
    return sum(counts) / len(counts)
