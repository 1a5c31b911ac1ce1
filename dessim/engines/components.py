"""A simulated machine as a component of your own SimPy script.

Its threads are processes of your environment, next to yours, which can watch it while it runs: how
many threads sleep on page locks, what the counters say. Watching changes nothing: the result is
that of any other run, bit for bit. Or the threads do nothing by themselves, and your processes
drive them (``engines.driven``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import simpy

from dessim.engines.driven import DrivenThread, Line, Parts, SpinLock, check_drivable
from dessim.engines.reference import Reference
from dessim.kernel import layout as lay
from dessim.kernel.result import RunResult, check_at_rest, read_result
from dessim.kernel.steps import advance
from dessim.kernel.world import Setup, build_world

Watcher = Callable[[int, int, int], None]


class SimulatedMachine:
    """A machine whose threads run a workload in a SimPy environment.

    Parameters
    ----------
    env : simpy.Environment
        At time 0; its time is in ps.
    setup : Setup
        Machine, workload, scheme; ``dessim.setup`` makes one from a configuration.
    on_queue : callable, optional
        Called with ``(time_ps, sleepers, longest)`` when tasks fall asleep on a page lock or are
        woken: the number that sleep on any page's lock, and on the lock of the busiest page.
    check : bool
        Compare counts, page tables and page cache after every event, which takes time.
    driven : bool
        Threads do only what your processes ask for, through ``threads``.

    Attributes
    ----------
    threads : tuple of DrivenThread
        Empty unless ``driven``.

    Raises
    ------
    ValueError
        If the environment's clock is not at an integer 0.
    WorldError
        If machine, workload and threads do not fit together.
    UserError
        If your processes cannot drive threads of such a workload.
    """

    def __init__(
        self,
        env: simpy.Environment,
        setup: Setup,
        on_queue: Watcher | None = None,
        *,
        check: bool = True,
        driven: bool = False,
    ) -> None:
        if not isinstance(env.now, int) or env.now != 0:
            raise ValueError(
                f"the environment's clock must be at 0 (an integer, ps), not {env.now}"
            )
        self._setup = setup
        self._w: list[int] = build_world(setup).tolist()
        self._on_queue = on_queue
        self._asleep: set[int] = set()
        threads = setup.threads if driven else 0
        if driven:
            check_drivable(setup)
        self._engine = Reference(
            self._w, advance=self._advance, env=env, check=check, driven=threads
        )
        self._parts = Parts(self._w, threads)
        self.threads = tuple(DrivenThread(self._engine, self._parts, i) for i in range(threads))

    def line(self, node: int = 0) -> Line:
        """Return a new cache line for your threads, in the memory of a node, in no cache yet.

        Raises
        ------
        ValueError
            If the machine has no such node.
        """
        return Line(self._parts.line(self._checked(node)), self._parts)

    def lock(self, node: int = 0) -> SpinLock:
        """Return a new spinning lock for your threads, of the kind of ``locks.page_table_lock``.

        It has its own cache line, which ``touch`` can use as well.

        Raises
        ------
        ValueError
            If the machine has no such node.
        """
        return SpinLock(self._parts.line(self._checked(node)), self._parts)

    def _checked(self, node: int) -> int:
        nodes = self._setup.machine.topology.sockets
        if not 0 <= node < nodes:
            raise ValueError(f"the machine has {nodes} memory nodes, numbered from 0: not {node}")
        return node

    def _advance(self, w: lay.World, task: int, now: int) -> int:
        wakes = w[lay.H_COUNT] + lay.N_WAKE_UPS
        before, woken = len(self._asleep), w[wakes]
        at = advance(w, task, now)
        if w[wakes] != woken:  # some may be awake and still without a CPU
            self._asleep = {t for t in self._asleep if self._sleeps(t)}
        if self._sleeps(task):
            self._asleep.add(task)
        if self._on_queue and (len(self._asleep) != before or w[wakes] != woken):
            self._on_queue(now, len(self._asleep), max(self.page_lock_queues.values(), default=0))
        return at

    def _page_of(self, task: int) -> int:
        return self._w[self._w[lay.H_TASK] + task * lay.T_WORDS + lay.T_WAIT_PAGE]

    def _sleeps(self, task: int) -> bool:
        looks = self._w[self._w[lay.H_TASK] + task * lay.T_WORDS + lay.T_LOOKS]
        return looks == lay.SLEEPS_ON_PAGE

    @property
    def alive(self) -> bool:
        """Whether the workload's threads are still at work."""
        return self._w[lay.H_LIVE] > 0

    @property
    def page_lock_sleepers(self) -> int:
        """Number of tasks that sleep on a page lock now."""
        return len(self._asleep)

    @property
    def page_lock_queues(self) -> dict[int, int]:
        """Page -> number of tasks that sleep on its lock now."""
        found: dict[int, int] = {}
        for task in sorted(self._asleep):
            found[self._page_of(task)] = found.get(self._page_of(task), 0) + 1
        return found

    @property
    def counters(self) -> dict[str, int]:
        """Counters so far, by the names of ``RunResult.counters``."""
        base = self._w[lay.H_COUNT]
        return {name: self._w[base + i] for i, name in enumerate(lay.COUNTERS)}

    def result(self) -> RunResult:
        """Return the result of the run, once everything has ended.

        Raises
        ------
        RuntimeError
            If the environment has not run to the machine's end.
        Deadlock
            If tasks are left that wait for each other.
        """
        if self._engine.alive > len(self._engine.wake_events):  # some task has an event to come
            there = [str(thread.number) for thread in self.threads if not thread.ended]
            raise RuntimeError(
                "the machine's run is not finished: run the environment first"
                + (f"; threads {', '.join(there)} have not exited" if there else "")
            )
        self._engine.check_ended()
        check_at_rest(self._w)
        declared = self._setup.file_pages
        return read_result(self._w, declared)


@dataclass(frozen=True)
class QueueSeries:
    """Tasks asleep on page locks over time.

    Attributes
    ----------
    bin_ps : int, ps
        Width of a bin.
    sleepers : tuple of float
        Time-weighted mean number of tasks asleep on page locks, by bin.
    longest : tuple of float
        The same of those on the page that has most of them.
    """

    bin_ps: int
    sleepers: tuple[float, ...]
    longest: tuple[float, ...]


def queue_series(setup: Setup, bins: int = 400) -> tuple[QueueSeries, RunResult]:
    """Run a setup on the reference engine and record who sleeps on page locks.

    Parameters
    ----------
    setup : Setup
    bins : int, >= 1
        Parts of the time up to the last access of the workload.
    """
    times, sleepers, longest = [0], [0], [0]

    def note(at: int, n: int, most: int) -> None:
        times.append(at)
        sleepers.append(n)
        longest.append(most)

    env = simpy.Environment(initial_time=0)
    machine = SimulatedMachine(env, setup, note, check=False)
    env.run()
    run = machine.result()
    width = max(1, -(-run.finish_ps // bins))
    means = [binned(times, each, run.finish_ps, width) for each in (sleepers, longest)]
    return QueueSeries(width, *means), run


def binned(
    times: Sequence[int], values: Sequence[int], end_ps: int, width_ps: int
) -> tuple[float, ...]:
    """Time-weighted means of a step function in bins of equal width; the last may be cut short.

    Parameters
    ----------
    times : sequence of int, ps
        Ascending, the first is 0: when it takes each of its values.
    values : sequence of int
    end_ps : int, ps, > 0
    width_ps : int, ps, > 0
    """
    bins = -(-end_ps // width_ps)
    area = [0] * bins
    for at, n, until in zip(times, values, [*times[1:], end_ps], strict=True):
        until = min(until, end_ps)
        while at < until:
            place = at // width_ps
            stop = min(until, (place + 1) * width_ps)
            area[place] += n * (stop - at)
            at = stop
    return tuple(a / (min(end_ps, (i + 1) * width_ps) - i * width_ps) for i, a in enumerate(area))
