"""Workloads that really run, in trials of a millisecond, and the same ones for the simulator."""

from __future__ import annotations

import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median

from dessim.host.memory import (
    NO_HUGE_PAGES,
    PAGE,
    advise,
    file_in_memory,
    map_bytes,
    region,
    unmap,
    words,
)
from dessim.host.native import NUMBERS, loops
from dessim.host.probes import now
from dessim.host.trials import Sample, of_values, pinned, switches
from dessim.model import Workload

MIB = 1 << 20
READ, WRITE, FEW, ANY = 0, 1, 2, 3
"""What `trial` of the native loops does."""
MOST_ROUNDS = 20_000
WAIT_NS = 40_000_000
"""How long a thread waits for the others, who may not have a CPU: some time slices."""
TOGETHER = 0.05
"""How far apart threads of a trial begin at most, as a part of its time."""
DROP = 4
"""MADV_DONTNEED."""
COLD = 64 * MIB
"""Files are read by windows of this many bytes in turn, so that a window is in no cache."""


@dataclass(frozen=True)
class Case:
    """A workload.

    Attributes
    ----------
    name : str
    action : int
        `READ`: all words of every page; `WRITE`: a word of every page, and unmap; `FEW`: a word of
        one page in each 2 MiB; `ANY`: four words a page, anywhere.
    pages : int
        Of the mapping.
    touched : int
        Pages or words that count as work of one thread.
    model : dict
        The same for the simulator.
    processes, shared, private, file : bool
        Processes instead of threads; one mapping for all; a private mapping; a file at all.
    measured_as : str
        Name of the number of `dessim measure` that is the same thing with one CPU; or empty.
    """

    name: str
    action: int
    pages: int
    touched: int
    model: Mapping[str, object]
    processes: bool = False
    shared: bool = False
    private: bool = False
    file: bool = True
    measured_as: str = ""

    @property
    def stops(self) -> int:
        """Pages that a trial goes to."""
        return self.touched if self.action == FEW else self.pages

    @property
    def workload(self) -> Workload:
        """For the simulator: all start at the same moment."""
        size = {"file_size_bytes": self.pages * PAGE, "start_stagger_ps": 0}
        return Workload.model_validate({"name": self.name, **size, **self.model})


_READS: dict[str, object] = {
    "access": "sequential",
    "mapping": "per_thread",
    "page_touch": "read_page",
}
_WRITES: dict[str, object] = {"access": "sequential", "mapping": "per_thread"}
CASES = (
    Case("sequential", READ, 1024, 1024, _READS),
    Case(
        "random",
        ANY,
        4096,
        4 * 4096,
        {"access": "random", "mapping": "per_thread", "touches_per_page": 4},
    ),
    Case("touch-one", FEW, 128 * 512, 128, {"access": "one_per_table", "mapping": "per_thread"}),
    Case("shared-mapping", READ, 1024, 1024, _READS | {"mapping": "shared"}, shared=True),
    Case(
        "separate-processes", READ, 1024, 1024, _READS | {"mapping": "per_process"}, processes=True
    ),
    Case(
        "anonymous",
        WRITE,
        256,
        256,
        _WRITES | {"fault": "anonymous"},
        file=False,
        private=True,
        measured_as="anonymous",
    ),
    Case(
        "write-private",
        WRITE,
        256,
        256,
        _WRITES | {"fault": "write_private"},
        private=True,
        measured_as="copy",
    ),
    Case(
        "write-shared",
        WRITE,
        256,
        256,
        _WRITES | {"fault": "write_shared"},
        measured_as="shared_write",
    ),
)


@dataclass(frozen=True)
class Rate:
    """What a case did: work of all threads per second, and trials that were left alone."""

    sample: Sample | None
    kept: int
    tried: int


@contextmanager
def _shared(size: int) -> Iterator[int]:
    """Memory that threads and forked processes see."""
    at = map_bytes(size, shared=True)
    try:
        yield at
    finally:
        unmap(at, size)


def run_case(case: Case, cpus: list[int], seconds: float) -> Rate:
    """Run a case on some CPUs for some seconds.

    Trials count in which all threads had their CPUs from first to last and met before they began.
    The rate is the work of all over the time from the first begin to the last end; of groups of
    trials the same part counts as in `dessim measure`.
    """
    size = case.pages * PAGE
    loops()  # compiled before anybody waits
    with (
        _shared(MOST_ROUNDS * 64) as meet,
        _shared(len(cpus) * MOST_ROUNDS * 24) as out,
        _shared(PAGE) as turns,
        _shared(COLD if case.action in (FEW, ANY) else PAGE) as others,
    ):
        windows = COLD // size if case.file and case.action != WRITE and size < COLD else 1
        with ExitStack() as files:
            whole = windows * size
            own = len(cpus) if case.action == WRITE else 1  # writers have a file each
            fds = [
                files.enter_context(file_in_memory(whole if case.file else PAGE))
                for _ in range(own)
            ]
            end = time.monotonic() + seconds
            workers = [
                _Worker(case, n, len(cpus), fds[n % own], windows, meet, out, end)
                for n in range(len(cpus))
            ]
            common = map_bytes(whole, fds[0], shared=True) if case.shared else 0
            for worker in workers:
                worker.common, worker.turns, worker.others = common, turns, others
            try:
                run = _processes if case.processes else _threads
                run([(cpu, worker.run) for cpu, worker in zip(cpus, workers, strict=True)], end)
            finally:
                if common:
                    unmap(common, whole)
        return _rate(case, len(cpus), out)


@dataclass
class _Worker:
    """One thread or process of a case; results are words in shared memory: begin, end, state."""

    case: Case
    index: int
    n: int
    fd: int
    windows: int
    meet: int
    out: int
    end: float
    common: int = 0
    turns: int = 0
    others: int = 0

    def run(self) -> None:
        """Trial after trial, always the one at which the others are."""
        case, run, turn = self.case, loops(), -1
        size = case.pages * PAGE
        munmap = NUMBERS[platform.machine()]["munmap"]
        turns = words(self.turns, self.n)
        while time.monotonic() < self.end:
            turn = max(turn + 1, int(turns.max()))
            if turn >= MOST_ROUNDS:
                break
            turns[self.index] = turn
            here = self.out + (self.index * MOST_ROUNDS + turn) * 24
            at = self._map(turn, size)
            spot = self.meet + turn * 64
            if case.action in (FEW, ANY):  # whose file is one window: the next trial finds it cold
                run["touch"](self.others, COLD // 64, 64, 0)
            run["trial"](spot, self.n, now() + WAIT_NS, at, case.stops, case.action, here)
            if case.action != WRITE:
                self._unmap(at, size, munmap)

    def _unmap(self, at: int, size: int, munmap: int) -> None:
        """Give back what was mapped; of a common mapping only what one trial touched."""
        if self.common:
            advise(at, size, DROP)
        else:
            loops()["timed"](munmap, at, size, 0)

    def _map(self, turn: int, size: int) -> int:
        if self.common:
            return self.common + (turn % self.windows) * size
        case = self.case
        if not case.file:
            at = map_bytes(size)
            advise(at, size, NO_HUGE_PAGES)
            return at
        offset = (turn % self.windows) * size
        return map_bytes(size, self.fd, shared=not case.private, offset=offset)


def _threads(work: list[tuple[int, Callable[[], None]]], end: float) -> None:
    def run(cpu: int, function: Callable[[], None]) -> None:
        with pinned(cpu):
            function()

    threads = [threading.Thread(target=run, args=one, daemon=True) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _processes(work: list[tuple[int, Callable[[], None]]], end: float) -> None:
    """Fork a process for each; none outlives this, whatever happens."""
    children: list[int] = []
    try:
        for cpu, function in work:
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    for number in (signal.SIGINT, signal.SIGTERM):
                        signal.signal(number, signal.SIG_DFL)  # it is the parent that tells
                    os.sched_setaffinity(0, {cpu})
                    function()
                    code = 0
                finally:
                    os._exit(code)
            children.append(child)
        while children:
            done, _ = os.waitpid(children[0], os.WNOHANG)
            if done:
                children.pop(0)
            elif time.monotonic() > end + 5:
                break
            else:
                time.sleep(0.02)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _rate(case: Case, n: int, out: int) -> Rate:
    table = words(out, n * MOST_ROUNDS * 3).reshape(n, MOST_ROUNDS, 3)
    begun = table[:, :, 2].min(axis=0) > 0
    good = table[:, :, 2].min(axis=0) == 2
    begins = table[:, good, 0]
    wall = table[:, good, 1].max(axis=0) - begins.min(axis=0)
    # who waited may have lost its CPU before the last one came: then they did not begin together
    wall = wall[begins.max(axis=0) - begins.min(axis=0) <= TOGETHER * wall]
    times = [float(one) for one in wall]
    sample = of_values(times, int(begun.sum()))
    work = case.touched * n * 1e9
    if sample is None and len(times) >= 5:  # few, but all of them undisturbed
        sample = Sample(median(times), min(times), max(times), len(times), int(begun.sum()))
    if sample is not None:
        value, low, high = (work / one for one in (sample.value, sample.high, sample.low))
        sample = Sample(value, low, high, sample.kept, sample.tried)
    return Rate(sample, len(times), int(begun.sum()))


def fault_latencies(case: Case, cpu: int, seconds: float) -> list[float]:
    """Latencies of single faults, ns, with one thread: of trials that were left alone.

    Pages of a file that is read are in no cache, as in the trials of its rate.
    """
    size, run = case.pages * PAGE, loops()
    munmap = NUMBERS[platform.machine()]["munmap"]
    stride = 2 * MIB if case.action == FEW else 16 * PAGE if case.action == READ else PAGE
    n = size // stride
    found: list[float] = []
    end = time.monotonic() + seconds
    with (
        pinned(cpu),
        file_in_memory(size) as fd,
        _shared(8 * n + PAGE) as out,
        region(COLD if case.action == READ else PAGE) as others,
    ):
        while time.monotonic() < end and len(found) < 200_000:
            at = map_bytes(size, fd if case.file else -1, shared=case.file and not case.private)
            advise(at, size, NO_HUGE_PAGES)
            if case.action == READ:
                run["touch"](others, COLD // 64, 64, 0)
            before = switches()
            run["each"](at, n, stride, int(case.action == WRITE), out)
            if switches() == before:
                found += [float(one) for one in words(out, n)]
            run["timed"](munmap, at, size, 0)
    return found
