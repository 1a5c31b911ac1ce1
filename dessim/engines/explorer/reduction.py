"""Partial order: which steps of a protocol need not be tried in all orders with those of others.

A task's next step is enough in a state if nothing that the others can come to while the task
stands still depends on it: then every order of the others' steps and this one ends where the order
with this one first ends (a persistent set of one step). Locks that the task holds count: who waits
for one of them gets no further. Besides, the step must change nothing that a property of all states
looks at, and must lead forward in its program, so that no circle of states consists of such steps
and puts the others off for ever. Traces may be longer than the shortest; ``explore`` looks for
those without.

Source
------
P. Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", LNCS 1032, 1996
(persistent sets, with static information); R. Kurshan et al., "Static partial order reduction",
TACAS 1998 (the condition on circles).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.fields import program_of, task_at
from dessim.engines.explorer.locals import locals_of
from dessim.engines.explorer.orders import following, operation_of
from dessim.engines.explorer.readers import is_about_lock
from dessim.engines.explorer.world import Small
from dessim.kernel import layout as lay
from dessim.kernel.operation import SECTION, TRANSLATION, VARIABLE, WAITING
from dessim.kernel.ops import (
    OP_AWAIT_VARIABLE,
    OP_DOWNGRADE,
    OP_HOLD_CPU,
    OP_LOCK,
    OP_MODIFY_VARIABLE,
    OP_RCU_READ_LOCK,
    OP_RCU_READ_UNLOCK,
    OP_READ_VARIABLE,
    OP_STOP,
    OP_TRY_LOCK,
    OP_UNLOCK,
    OP_WRITE_VARIABLE,
)

CELLS = 64  # bits of a footprint: variables, then locks, then what is one thing for all
LOCKS = 2 * lay.LOCKS_OF_A_KIND
WAITERS, READERS, TLBS = (1 << (CELLS + LOCKS + k) for k in range(3))
ALL_CELLS = (1 << CELLS) - 1
LOCK_BITS = ((1 << LOCKS) - 1) << CELLS


@dataclass
class Footprint:
    """What a step touches, a bit each: what it needs to stay as it is, and what it changes.

    Attributes
    ----------
    reads, writes : int
    seen : bool
        Whether a property of all states may change by it, or whether nothing is known of it.
    """

    reads: int = 0
    writes: int = 0
    seen: bool = False

    def meets(self, other: Footprint) -> bool:
        """Return whether the order of two steps may make a difference."""
        return bool(self.writes & (other.reads | other.writes) or self.reads & other.writes)


@dataclass
class Looked:
    """What the properties of all states look at."""

    objects: int = 0
    ends: bool = False
    locals: dict[int, int] = field(default_factory=dict)  # task -> a bit each


def reduction_of(small: Small) -> Any | None:
    """Return, for each instruction, at which others it must not be tried alone.

    Returns
    -------
    int64 array, shape (instructions, 1 + words), or None
        Whether it may be tried alone at all, and a bit for each instruction at which no other task
        may then stand. None where that is not known to change no verdict: schemes, ``tso``, ``pso``
        and ``lkmm``, and actors that share a CPU.
    """
    w = small.w
    if small.setup is not None or not w[lay.H_PROTOCOL] or small.rules.memory != "sc":
        return None
    rows = program_of(w)
    if any(int(row[lay.I_OP]) == OP_HOLD_CPU for row in rows) or shares_cpu(w):
        return None
    return Steps(small, rows).table()


def shares_cpu(w: Any) -> bool:
    """Return whether some tasks have a CPU together."""
    first = int(w[int(w[lay.H_PROTOCOL]) + lay.Q_CPU])
    cpus = [int(cpu) for cpu in w[first : first + int(w[lay.H_TASKS])]]
    return len(set(cpus)) < len(cpus)


class Steps:
    """The steps of a protocol's programs, and how they meet."""

    def __init__(self, small: Small, rows: Any) -> None:
        self.small, self.rows, self.w = small, rows, small.w
        self.code = self.expressions()
        self.after = [[place for place in following(row) if place < len(rows)] for row in rows]
        self.before: list[list[int]] = [[] for _ in rows]
        for place, behind in enumerate(self.after):
            for other in behind:
                self.before[other].append(place)
        self.looked = self.look()
        self.task_of = self.owners()
        self.alone, self.shared = self.held()
        self.prints = [self.footprint(place) for place in range(len(rows))]

    def expressions(self) -> list[tuple[int, int]]:
        """Return the code of all expressions."""
        q = int(self.w[lay.H_PROTOCOL])
        first, end = int(self.w[q + lay.Q_CODE]), int(self.w[q + lay.Q_STACK])
        words = [int(word) for word in self.w[first:end]]
        return list(zip(words[::2], words[1::2], strict=False))

    def owners(self) -> list[int]:
        """Return the task of each instruction."""
        found = [0] * len(self.rows)
        for task in range(int(self.w[lay.H_TASKS])):
            for place in self.reached(int(self.w[task_at(self.w, task) + lay.T_PC])):
                found[place] = task
        return found

    def reached(self, place: int) -> set[int]:
        """Return where a program can come to from a place."""
        found, todo = {place}, [place]
        while todo:
            for other in self.after[todo.pop()]:
                if other not in found:
                    found.add(other)
                    todo.append(other)
        return found

    def look(self) -> Looked:
        """Return what the properties of all states look at."""
        found = Looked()
        for place, at_rest in self.small.judged:
            if at_rest:
                continue
            while self.code[place][0] != lay.E_END:
                what, operand = self.code[place]
                if what == lay.E_VARIABLE:
                    found.objects |= 1 << operand
                elif what == lay.E_LOCAL_OF:
                    task = operand >> 8
                    found.locals[task] = found.locals.get(task, 0) | 1 << (operand & 255)
                elif what == lay.E_ENDED:
                    found.ends = True
                elif what == lay.E_LOCK:
                    found.objects |= lock_bit(operand)
                elif what == lay.E_QUEUED:
                    found.objects |= WAITERS
                elif what == lay.E_TLB:
                    found.objects |= TLBS
                place += 1
        return found

    # --- what a step touches ----------------------------------------------------------------------

    def footprint(self, place: int) -> Footprint:
        """Return what a step touches.

        Of the steps behind it that nobody sees, only the locals that properties look at count: such
        steps touch nothing else that others can reach.
        """
        row = self.rows[place]
        op, a, shared = (int(row[slot]) for slot in (lay.I_OP, lay.I_A, lay.I_B))
        group = operation_of(row).group
        found = Footprint(seen=True)
        if is_about_lock(row):
            bit = lock_bit(a)
            found = Footprint(bit, 0) if shared else Footprint(0, bit)
        elif op in (OP_READ_VARIABLE, OP_AWAIT_VARIABLE):
            found = Footprint(cells_of(a), 0, seen=bool(a >> 8))
        elif op in (OP_WRITE_VARIABLE, OP_MODIFY_VARIABLE):
            found = Footprint(0, cells_of(a), seen=bool(a >> 8))  # an index may be out of range
        elif op in (OP_RCU_READ_LOCK, OP_RCU_READ_UNLOCK):
            found = Footprint(READERS, 0)
        elif group == SECTION:
            found = Footprint(0, READERS)
        elif group == WAITING:
            found = Footprint(0, WAITERS)
        elif group == TRANSLATION:
            found = Footprint(0, ALL_CELLS | TLBS, seen=True)
        elif group != VARIABLE and not row[lay.I_PRIVATE] and op != OP_STOP:
            found = Footprint(-1, -1, seen=True)
        changed = found.writes | (found.reads & LOCK_BITS)  # a reader is one holder more
        found.seen = found.seen or bool(changed & self.looked.objects) or self.shows_locals(place)
        if op in (OP_UNLOCK, OP_DOWNGRADE):
            found.seen = found.seen or not self.surely_holds(place)  # it may be a bug
        return found

    def surely_holds(self, place: int) -> bool:
        """Return whether a lock that a step drops is one that its task holds."""
        row = self.rows[place]
        mine = self.shared if row[lay.I_B] else self.alone
        return bool(mine[place] & lock_bit(int(row[lay.I_A])))

    def quiet_behind(self, place: int) -> Iterator[int]:
        """Yield the steps that follow one at once, and those that may come next."""
        seen, todo = set(), list(self.after[place])
        while todo:
            other = todo.pop()
            if other in seen:
                continue
            seen.add(other)
            yield other
            if self.is_quiet(other):
                todo += self.after[other]

    def is_quiet(self, place: int) -> bool:
        """Return whether a step follows the one before it at once."""
        row = self.rows[place]
        return bool(row[lay.I_PRIVATE]) and int(row[lay.I_OP]) != OP_STOP

    def shows_locals(self, place: int) -> bool:
        """Return whether a step, or what follows at once, changes a local that properties see."""
        wanted = self.looked.locals.get(self.task_of[place], 0)
        if not wanted:
            return False
        quiet = [other for other in self.quiet_behind(place) if self.is_quiet(other)]
        return any(locals_of(self.rows[other], self.code)[1] & wanted for other in (place, *quiet))

    # --- locks that are held ----------------------------------------------------------------------

    def held(self) -> tuple[list[int], list[int]]:
        """Return the locks that a task surely holds before each step, alone and with others.

        A lock that somebody drops who may not hold it is left out altogether.
        """
        alone: list[int] = [-1] * len(self.rows)  # nothing is known yet: all
        shared: list[int] = [-1] * len(self.rows)
        todo = []
        for task in range(int(self.w[lay.H_TASKS])):
            first = int(self.w[task_at(self.w, task) + lay.T_PC])
            alone[first] = shared[first] = 0
            todo.append(first)
        while todo:
            place = todo.pop()
            for other in self.after[place]:
                a, s = self.held_after(place, other, alone[place], shared[place])
                a, s = a & alone[other], s & shared[other]
                if (a, s) != (alone[other], shared[other]):
                    alone[other], shared[other] = a, s
                    todo.append(other)
        odd = 0
        for place, row in enumerate(self.rows):
            if int(row[lay.I_OP]) in (OP_UNLOCK, OP_DOWNGRADE):
                bit = lock_bit(int(row[lay.I_A]))
                mine = shared if row[lay.I_B] else alone
                odd |= bit if not mine[place] & bit else 0
        return [a & ~odd for a in alone], [s & ~odd for s in shared]

    def held_after(self, place: int, other: int, alone: int, shared: int) -> tuple[int, int]:
        """Return the locks that are held behind a step, on the way to another."""
        row = self.rows[place]
        op = int(row[lay.I_OP])
        if not is_about_lock(row):
            return alone, shared
        bit = lock_bit(int(row[lay.I_A]))
        if op == OP_DOWNGRADE:
            return alone & ~bit, shared | bit
        if op == OP_UNLOCK:
            return (alone, shared & ~bit) if row[lay.I_B] else (alone & ~bit, shared)
        if op == OP_TRY_LOCK and (
            other == int(row[lay.I_TARGET]) or row[lay.I_NEXT] == row[lay.I_TARGET]
        ):
            return alone, shared
        return (alone, shared | bit) if row[lay.I_B] else (alone | bit, shared)

    # --- the table --------------------------------------------------------------------------------

    def table(self) -> Any:
        """Return the rows of ``reduction_of``."""
        size = len(self.rows)
        found = np.zeros((size, 1 + -(-size // ex.ROW_BITS)), dtype=np.int64)
        for place in range(size):
            if not self.may_be_alone(place):
                continue
            found[place, 0] = 1
            for other in self.met_from(place):
                found[place, 1 + other // ex.ROW_BITS] |= 1 << other % ex.ROW_BITS
        return found

    def may_be_alone(self, place: int) -> bool:
        """Return whether a step is one that nobody asks for, and leads forward."""
        op = int(self.rows[place][lay.I_OP])
        if op == OP_STOP or self.is_quiet(place) or self.prints[place].seen:
            return False
        behind = list(self.quiet_behind(place))
        ends = any(int(self.rows[other][lay.I_OP]) == OP_STOP for other in behind)
        if ends and self.looked.ends:
            return False
        return all(other > place for other in behind if not self.is_quiet(other))

    def met_from(self, place: int) -> set[int]:
        """Return where another task can come to a step that depends on one, from there."""
        mine = self.prints[place]
        found = {
            other
            for other in range(len(self.rows))
            if not self.waits(place, other) and mine.meets(self.prints[other])
        }
        todo = list(found)
        while todo:
            for other in self.before[todo.pop()]:
                if other not in found and not self.waits(place, other):
                    found.add(other)
                    todo.append(other)
        return found

    def waits(self, place: int, other: int) -> bool:
        """Return whether who comes to a step waits there for who stands at another."""
        row = self.rows[other]
        if int(row[lay.I_OP]) != OP_LOCK:
            return False
        bit = lock_bit(int(row[lay.I_A]))
        if self.alone[place] & bit:
            return True
        return bool(self.shared[place] & bit and not row[lay.I_B])


def lock_bit(operand: int) -> int:
    """Return the bit of a lock in a footprint."""
    return 1 << (CELLS + operand - lay.LOCK_SLEEPING)


def cells_of(operand: int) -> int:
    """Return the variables that a step may mean, a bit each."""
    first = operand & 255
    size = operand >> 24 if operand >> 8 & 0xFFFF else 1
    return ((1 << size) - 1) << first & ALL_CELLS
