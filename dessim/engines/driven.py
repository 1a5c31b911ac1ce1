"""Threads of a simulated machine that a reader's own SimPy processes drive, step by step.

A driven thread is a task of the World like any other. What it does is carried out by the kernel's
``advance``, through the reference engine; only what comes next is decided by the reader. An access
to a page runs the thread's own program from its ``touch`` until the access is over, with the whole
fault in between. A line or a lock of the reader's is one more record behind the World, and the
thread has an instruction of its own to ask for it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Literal

import simpy

from dessim.engines.reference import Reference
from dessim.errors import UserError
from dessim.kernel import layout as lay
from dessim.kernel.accounting import account
from dessim.kernel.addressing import pte_present
from dessim.kernel.alphabet import Step
from dessim.kernel.assembler import instruction
from dessim.kernel.cpus import give_up_cpu, make_ready
from dessim.kernel.ops import OP_NEXT_ACCESS, OP_TOUCH
from dessim.kernel.setup import Setup

Process = Generator[simpy.Event, Any, int]
Access = Literal["load", "store", "rmw"]
ACCESSES = {"load": lay.LINE_LOAD, "store": lay.LINE_STORE, "rmw": lay.LINE_RMW}
CAT_IDLE = lay.CATEGORIES.index("idle")


class Line:
    """A cache line of the reader's; ``SimulatedMachine.line`` makes one.

    Attributes
    ----------
    number : int
        Which of the reader's lines and locks it is.
    parts : Parts
        Of the machine whose line it is.
    """

    def __init__(self, number: int, parts: Parts) -> None:
        self.number, self.parts = number, parts

    @property
    def operand(self) -> int:
        """How an instruction names its record."""
        return lay.LOCK_SLEEPING + self.number


class SpinLock(Line):
    """A spinning lock of the reader's; ``SimulatedMachine.lock`` makes one. It is a line, too.

    Attributes
    ----------
    holders : dict of int to bool
        Threads that hold it -> whether they share it.
    """

    def __init__(self, number: int, parts: Parts) -> None:
        super().__init__(number, parts)
        self.holders: dict[int, bool] = {}


def check_drivable(setup: Setup) -> None:
    """Refuse a workload whose accesses are more than reads of a mapped file.

    Raises
    ------
    UserError
    """
    workload = setup.workload
    reasons = {
        f"its kind is {workload.kind!r}": workload.kind != "faults",
        f"its faults are {workload.fault!r}, not reads": workload.writes,
        "it replays a trace": workload.replays,
        "its file may be larger than memory": workload.pages_file,
        "it unmaps the pages that it has read (unmap_every_pages)": bool(
            workload.unmap_every_pages
        ),
    }
    for reason, holds in reasons.items():
        if holds:
            raise UserError(
                f"workload {workload.name!r} cannot be driven from your own process: {reason}."
                " Take one that reads a mapped file, such as shared-mapping"
            )


class Parts:
    """The records and instructions behind a World that driven threads use.

    Parameters
    ----------
    w : list of int
        The World; it grows.
    threads : int
        Driven threads: the first tasks.
    """

    def __init__(self, w: list[int], threads: int) -> None:
        self.w = w
        behind = -(len(w) - w[lay.H_PROG]) % lay.I_WORDS
        w.extend([0] * behind)
        self.parked = (len(w) - w[lay.H_PROG]) // lay.I_WORDS
        w.extend(instruction(Step("work", cost="none", category="user")) * (1 + threads))
        w[lay.H_PROTOCOL] = len(w)
        w.extend([0] * lay.Q_WORDS)
        w[w[lay.H_PROTOCOL] + lay.Q_LOCK] = len(w)
        self.lines = 0

    def line(self, node: int) -> int:
        """Append the record of a line, or a lock, that begins in the memory of a node."""
        record = [0] * self.w[lay.H_LINE_WORDS]
        record[lay.L_HOME] = node
        self.w.extend(record)
        self.lines += 1
        return self.lines - 1

    def order(self, task: int, words: list[int]) -> int:
        """Put an instruction in a task's own place, and return where that is."""
        place = self.parked + 1 + task
        words[lay.I_NEXT], words[lay.I_PRIVATE] = self.parked, lay.PRIVATE_NEVER
        at = self.w[lay.H_PROG] + place * lay.I_WORDS
        self.w[at : at + lay.I_WORDS] = words
        return place


class DrivenThread:
    """A thread of the machine, on its own CPU, that one of your processes drives.

    All operations are generators for ``yield from`` and return the time they took, in ps. One
    process at a time may use a thread.

    Attributes
    ----------
    number : int
    """

    def __init__(self, engine: Reference, parts: Parts, number: int) -> None:
        self.number = number
        self._engine, self._parts, self._w = engine, parts, parts.w
        self._t = self._w[lay.H_TASK] + number * lay.T_WORDS
        self._touch, self._next_access = _places(self._w, self._t)
        self._busy = self._gone = False
        self._held: list[SpinLock] = []
        self._last_ps = -1
        self._ready = engine.env.event()
        engine.env.process(self._begin())

    def _begin(self) -> Generator[simpy.Event, Any, None]:
        """Run the beginning of the thread's program, up to its first access."""
        event: simpy.Event | None = self._engine.first(self.number)
        while event is not None and self._w[self._t + lay.T_PC] != self._touch:
            yield event
            event = self._engine.happen(self.number)
        if event is not None:
            yield event
        self._settle()
        self._ready.succeed()

    # --- operations ---

    def work(self, ps: int) -> Process:
        """Compute for ``ps`` in user mode."""
        if ps < 0:
            raise ValueError(f"work takes time, not {ps} ps")

        def steps() -> Process:
            yield self._engine.at(self.number, self._now + ps)
            return 0

        return self._doing(steps)

    def touch(self, line: Line, access: Access = "load") -> Process:
        """Load from a line, store to it, or change it atomically (``rmw``)."""
        if access not in ACCESSES:
            raise ValueError(f"access must be one of {', '.join(ACCESSES)}, not {access!r}")
        self._check_line(line)
        words = instruction(Step("work", line.operand, cost="none", category="user"))
        words[lay.I_TIMED], words[lay.I_ACCESS] = lay.LOCK_LINE, ACCESSES[access]
        return self._doing(lambda: self._ordered(words))

    def lock(self, lock: SpinLock, *, shared: bool = False) -> Process:
        """Take a lock, spinning until it is free; ``shared``: together with other readers."""
        self._check_line(lock)

        def steps() -> Process:
            if self.number in lock.holders:
                raise RuntimeError(f"thread {self.number} holds lock {lock.number} already")
            words = instruction(Step("lock", lock.operand, int(shared), category="lock"))
            yield from self._ordered(words)
            lock.holders[self.number] = shared
            self._held.append(lock)
            return 0

        return self._doing(steps)

    def unlock(self, lock: SpinLock) -> Process:
        """Drop a lock and hand it to a waiter."""
        self._check_line(lock)

        def steps() -> Process:
            if self.number not in lock.holders:
                raise RuntimeError(f"thread {self.number} does not hold lock {lock.number}")
            shared = lock.holders.pop(self.number)
            self._held.remove(lock)
            words = instruction(Step("unlock", lock.operand, int(shared), category="lock"))
            return (yield from self._ordered(words))

        return self._doing(steps)

    def map(self, page: int) -> Process:
        """Fault on a page of the file, as the scheme does; takes no time if it is mapped."""
        self._check_page(page)

        def mapped() -> bool:
            return bool(pte_present(self._w, self._t, page)) and self._at(self._touch)

        def steps() -> Process:
            if not pte_present(self._w, self._t, page):
                self._aim(page)
                yield from self._until(self._touch, mapped)
            return 0

        return self._doing(steps)

    def read(self, page: int) -> Process:
        """Access a page of the file in user mode, as the workload does; fault if necessary."""
        self._check_page(page)

        def steps() -> Process:
            done = self._w[self._t + lay.T_ACCESS]
            self._aim(page)
            yield from self._until(self._touch, lambda: self._w[self._t + lay.T_ACCESS] > done)
            return 0

        return self._doing(steps)

    def wait(self, event: simpy.Event) -> Process:
        """Give up the CPU until an event of yours has happened, then get it back: a switch."""

        def steps() -> Process:
            w = self._w
            w[w[lay.H_WOKEN]] = 0
            w[self._t + lay.T_WAIT] = CAT_IDLE
            give_up_cpu(w, self._t, self._now)
            self._engine.fire_for_the_woken()
            yield event
            self._settle()
            w[w[lay.H_WOKEN]] = 0
            make_ready(w, self.number, self._now)
            woken = self._engine.asleep(self.number)
            self._engine.fire_for_the_woken()
            yield woken
            return 0

        return self._doing(steps)

    def exit(self) -> Process:
        """End the thread; the last of a process tears its page tables down."""

        def steps() -> Process:
            if self._held:
                held = ", ".join(str(lock.number) for lock in self._held)
                raise RuntimeError(f"thread {self.number} exits and still holds lock {held}")
            accesses = self._t + lay.T_ACCESS
            self._w[accesses] = max(self._w[accesses], self._w[lay.H_ACCESSES])
            self._gone = True
            return (yield from self._until(self._next_access, lambda: False))

        return self._doing(steps)

    # --- how they are carried out ---

    @property
    def ended(self) -> bool:
        """Whether the thread has exited."""
        return self._gone and not self._busy

    @property
    def _now(self) -> int:
        now = self._engine.env.now
        if now != int(now):
            raise ValueError(f"the environment's time is {now}: it must be a whole number of ps")
        return int(now)

    def _at(self, place: int) -> bool:
        return bool(self._w[self._t + lay.T_PC] == place)

    def _aim(self, page: int) -> None:
        self._w[self._t + lay.T_PAGE] = self._w[self._t + lay.T_CURSOR] = page

    def _check_line(self, line: Line) -> None:
        if line.parts is not self._parts:
            raise ValueError("this line is of another machine")

    def _check_page(self, page: int) -> None:
        if not 0 <= page < self._w[lay.H_PAGES]:
            raise ValueError(f"page {page} is not one of {self._w[lay.H_PAGES]} pages of the file")

    def _settle(self) -> None:
        """Account for the time up to now; what follows is the reader's own, in user mode."""
        w, t = self._w, self._t
        if self._now > w[t + lay.T_CLOCK]:
            account(w, t, w[t + lay.T_WAIT], self._now - w[t + lay.T_CLOCK])
            w[t + lay.T_CLOCK] = self._now
        w[t + lay.T_WAIT] = lay.CAT_USER
        self._last_ps = self._now

    def _doing(self, steps: Callable[[], Process]) -> Process:
        """Carry out an operation, alone, and return how long it took.

        It begins in the order of all events, ``(time, task)``, also if the process that asks for it
        was somewhere else meanwhile.
        """
        if self._busy:
            raise RuntimeError(f"thread {self.number} is in the middle of another operation")
        if self._gone:
            raise RuntimeError(f"thread {self.number} has exited")
        self._busy = True
        try:
            if not self._ready.processed:
                yield self._ready
            began = self._now
            if self._last_ps != began:
                yield self._engine.at(self.number, began)
            self._settle()
            yield from steps()
            if not self._gone:
                self._settle()
            return self._now - began
        finally:
            self._busy = False

    def _ordered(self, words: list[int]) -> Process:
        place = self._parts.order(self.number, words)
        return self._until(place, lambda: self._at(self._parts.parked))

    def _until(self, place: int, over: Callable[[], bool]) -> Process:
        """Run the thread's program from a place on until something holds, or it has ended."""
        self._w[self._t + lay.T_PC] = place
        while not over():
            event = self._engine.happen(self.number)
            if event is None:
                break
            yield event
        return 0


def _places(w: list[int], t: int) -> tuple[int, int]:
    """Return where a thread's program touches a page, and where it goes to its next access."""
    found: dict[int, int] = {}
    pending, seen = [w[t + lay.T_PC]], set[int]()
    while pending:
        pc = pending.pop()
        if pc in seen:
            continue
        seen.add(pc)
        i = w[lay.H_PROG] + pc * lay.I_WORDS
        found[w[i + lay.I_OP]] = pc
        pending += [w[i + lay.I_NEXT], w[i + lay.I_TARGET]]
    return found[OP_TOUCH], found[OP_NEXT_ACCESS]
