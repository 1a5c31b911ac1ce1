"""The reference engine: one SimPy process per simulated thread.

It keeps time and order and nothing else. A process asks the kernel (``advance``) what its thread
does at this instant, then yields a timeout while the thread works, or an event that somebody else
will fire while it waits. Order is ``(time, task)``: SimPy breaks ties by priority, and the priority
is the task.
"""

from collections.abc import Callable, Generator

import simpy

from dessim.engines.deadlock import Deadlock, why_halted
from dessim.kernel import layout as lay
from dessim.kernel.invariants import Guard
from dessim.kernel.layout import World
from dessim.kernel.steps import advance

Log = list[tuple[int, int, int]]
Advance = Callable[[World, int, int], int]


class Reference:
    """A run of one World.

    Parameters
    ----------
    w : list of int
        The World; it is changed in place.
    log : list, optional
        Receives ``(time_ps, task, program counter)`` of every event.
    advance : callable, optional
        The kernel's ``advance``; tests put faults in its place.
    env : simpy.Environment, optional
        Somebody else's, whose time is an integer, in ps; its own if left out.
    check : bool
        Whether counts, page tables and page cache are compared after every event
        (``kernel.invariants``).
    driven : int
        The first so many tasks have no process here: somebody else calls ``happen`` for them
        (``engines.driven``).
    """

    def __init__(
        self,
        w: World,
        log: Log | None = None,
        advance: Advance = advance,
        env: simpy.Environment | None = None,
        *,
        check: bool = True,
        driven: int = 0,
    ) -> None:
        self.w = w
        self.guard = Guard(w) if check else None
        self.log = log
        self.advance = advance
        self.env = simpy.Environment(initial_time=0) if env is None else env
        self.wake_events: dict[int, simpy.Event] = {}
        self.tasks = w[lay.H_TASKS]
        for task in range(driven, self.tasks):
            self.env.process(self.thread(task))
        self.alive = self.tasks

    def at(self, task: int, time_ps: int) -> simpy.Event:
        """Return the event of a task at a time."""
        event = simpy.Event(self.env)
        self.fire(event, task, time_ps)
        return event

    def fire(self, event: simpy.Event, task: int, time_ps: int) -> None:
        """Let a task's event happen at a time; of simultaneous events the lower task is first."""
        event._ok = True
        event._value = None
        self.env.schedule(event, priority=1 + task, delay=int(time_ps) - self.env.now)  # type: ignore[arg-type]

    def thread(self, task: int) -> Generator[simpy.Event, None, None]:
        """Live the life of one simulated thread."""
        event: simpy.Event | None = self.first(task)
        while event is not None:
            yield event
            event = self.happen(task)

    def first(self, task: int) -> simpy.Event:
        """Return the event with which a task's life begins."""
        at = self.w[self.w[lay.H_TASK] + task * lay.T_WORDS + lay.T_AT]
        return self.asleep(task) if at == lay.ASLEEP else self.at(task, at)

    def asleep(self, task: int) -> simpy.Event:
        """Return the event that somebody else will fire for a task."""
        self.wake_events[task] = simpy.Event(self.env)
        return self.wake_events[task]

    def happen(self, task: int) -> simpy.Event | None:
        """Carry out a task's event that is due now; return its next one, None if it has ended.

        Raises
        ------
        FatalBug, MeaninglessStep
            See ``run``.
        """
        w, now = self.w, int(self.env.now)
        if self.log is not None:
            self.log.append((now, task, w[w[lay.H_TASK] + task * lay.T_WORDS + lay.T_PC]))
        next_ps = self.guarded(task, now)
        self.fire_for_the_woken()
        if next_ps == lay.HALTED:
            raise why_halted(w)
        if next_ps == lay.ENDED:
            self.alive -= 1
            return None
        return self.asleep(task) if next_ps == lay.ASLEEP else self.at(task, next_ps)

    def guarded(self, task: int, now: int) -> int:
        """Carry out an event and check what it left."""
        if self.guard is None:
            return self.advance(self.w, task, now)
        self.guard.before(task)
        next_ps = self.advance(self.w, task, now)
        self.guard.after(task, now)
        return next_ps

    def fire_for_the_woken(self) -> None:
        """Schedule the tasks to which the last event gave a time."""
        w = self.w
        base = w[lay.H_WOKEN]
        for i in range(w[base]):
            task = w[base + 1 + i]
            self.fire(
                self.wake_events.pop(task), task, w[w[lay.H_TASK] + task * lay.T_WORDS + lay.T_AT]
            )

    def run(self) -> None:
        """Run until every task has ended.

        Raises
        ------
        Deadlock
            If tasks are left over that wait for each other.
        FatalBug
            If a BUG_ON fired that ends the run.
        MeaninglessStep
            If a task met an operation that no branch of the kernel knows.
        BrokenError
            If an event left a page in contradiction with the page tables.
        """
        self.env.run()
        self.check_ended()

    def check_ended(self) -> None:
        """Raise Deadlock if tasks are left over and nothing will happen any more."""
        if self.alive:
            waiting = sorted(self.wake_events)
            raise Deadlock(f"{self.alive} tasks wait for ever: {waiting[:20]}")


def run(w: World, log: Log | None = None, *, check: bool = True) -> None:
    """Run a World to its end under SimPy."""
    Reference(w, log, check=check).run()
