"""Litmus tests as programs of the explorer: up to four tasks, numbers x, y, z, a lock or two."""

from itertools import permutations
from typing import Any

from dessim.engines.explorer.buffers import buffers_are_empty
from dessim.engines.explorer.explore import Exploration, explore
from dessim.engines.explorer.moves import carry_out
from dessim.engines.explorer.orders import Rules
from dessim.engines.explorer.protocol_world import protocol_world
from dessim.engines.explorer.story import Walk
from dessim.engines.explorer.watch import all_ended
from dessim.engines.explorer.world import Small
from dessim.kernel import layout as lay
from dessim.kernel.expressions import local_at
from dessim.kernel.protocol import (
    OLD,
    Protocol,
    actor,
    atomic,
    compiled,
    load,
    load_acquire,
    local,
    lock,
    mutex,
    smp_mb,
    smp_rmb,
    smp_wmb,
    spinlock,
    store,
    store_release,
    unlock,
    variable,
    when,
)
from dessim.kernel.protocol_compiler import Node

NUMBERS = "xyz"
REGISTERS = [local(f"r{number}", most=3) for number in range(4)]
FENCES = {"mb": smp_mb, "rmb": smp_rmb, "wmb": smp_wmb}


class Words:
    """The variables and locks of one test."""

    def __init__(self, start: dict[str, int]) -> None:
        self.numbers = {name: variable(name, start.get(name, 0), most=3) for name in NUMBERS}
        self.locks = {"s": spinlock("s"), "t": spinlock("t"), "m": mutex("m")}

    def one(self, word: str) -> Node:
        """Return the statement that a word says.

        ``r0=x``, ``r0=acquire x``, ``r0=dependent x``; ``x=1``, ``x=release 1``; ``mb``, ``rmb``,
        ``wmb``; ``lock s``, ``unlock s``; ``r0=x:=1 full`` (xchg), ``r0=x:0=1 full`` (cmpxchg).
        """
        if word in FENCES:
            return FENCES[word]()
        if word.startswith(("lock ", "unlock ")):
            verb, name = word.split()
            return (lock if verb == "lock" else unlock)(self.locks[name])
        left, _, right = word.partition("=")
        if not left.startswith("r"):
            *order, number = right.split()
            return (store_release if order else store)(self.numbers[left], int(number))
        register = REGISTERS[int(left[1:])]
        if ":" not in right:
            *order, name = right.split()
            number = self.numbers[name]
            if order == ["dependent"]:
                return Node(lambda c: c.load(register, number, "dependent"))
            return (load_acquire if order else load)(register, number)
        name, _, rest = right.partition(":")
        compared, _, rest = rest.rpartition("=")
        value, order_of_it = rest.split()
        order_of_it = "relaxed" if order_of_it == "void" else order_of_it
        only_if = int(compared) == OLD if compared else None
        what = self.numbers[name]
        return atomic(what, int(value), register, order=order_of_it, only_if=only_if)

    def steps_of(self, text: str) -> tuple[Node, ...]:
        """Return the steps of a task: words behind ``;``; ``if r0==1 {…}`` is a branch."""
        if "{" in text:
            before, _, rest = text.partition("if ")
            condition, _, rest = rest.partition(" {")
            inside, _, after = rest.partition("}")
            register, number = condition.split("==")
            holds = REGISTERS[int(register[1:])] == int(number)
            branch = when(holds, *self.steps_of(inside))
            return (*self.steps_of(before), branch, *self.steps_of(after))
        return tuple(self.one(word.strip()) for word in text.split(";") if word.strip())


def world(*tasks: str, start: dict[str, int] | None = None, **rules: Any) -> Small:
    """Return a World in which tasks run what their texts say."""
    words = Words(start or {})
    actors = [actor(f"P{number}", *words.steps_of(text)) for number, text in enumerate(tasks)]
    mentioned = {f"{name} is kept": words.numbers[name] == 4 for name in NUMBERS}
    for number, one in enumerate(actors):
        used = [r for r in REGISTERS if f"{r}=" in tasks[number].replace(" ", "")]
        mentioned |= {f"{number}:{r} is kept": one[r] == 4 for r in used}
    return protocol_world(compiled(Protocol(actors, never=mentioned)), Rules(**rules))


def ending_of(w: Any, small: Small) -> tuple[int, ...]:
    """Return the registers of each task (``2 bits`` each), then the numbers."""
    tasks = range(w[lay.H_TASKS])
    registers = []
    for task in tasks:
        packed = 0
        for name, (number, _) in small.locals[task].items():
            if name.startswith("r"):
                packed |= w[local_at(w, task, number)] << 2 * int(name[1:])
        registers.append(packed)
    q = w[lay.H_PROTOCOL]
    found = {name: w[w[q + lay.Q_VARIABLE] + at] for name, at in small.variables.items()}
    return (*registers, *(found[name] for name in NUMBERS))


def outcomes(small: Small) -> tuple[set[tuple[int, ...]], Exploration]:
    """Return how it can end, and the search."""
    made = explore(small, ("deadlock",))
    walk = Walk(small)
    w = walk.w
    found = set()
    for key in made.keys:
        walk.go_to([int(word) for word in key])
        if all_ended(w) and buffers_are_empty(w, walk.x):
            found.add(ending_of(w, small))
    return found, made


def one_after_the_other(small: Small) -> set[tuple[int, ...]]:
    """Return how it ends if each task begins when another has ended, in every order of tasks.

    No model forbids that: the kernel's own steps come to it without the explorer's states.
    """
    found = set()
    for order in permutations(range(int(small.w[lay.H_TASKS]))):
        w = small.w.tolist()
        for task in order:
            while w[w[lay.H_TASK] + task * lay.T_WORDS + lay.T_AT] != lay.ENDED:
                carry_out(w, small.x, task)
        found.add(ending_of(w, small))
    return found


def happens(small: Small, wanted: str) -> str:
    """Return ``never``, ``sometimes`` or ``unknown`` for an ending.

    ``0:r0=1 1:r1=0 z=2``: registers of tasks, and numbers. A *never* says something only if what
    must be possible was found: what tasks that do not overlap come to.
    """
    found, made = outcomes(small)
    tasks = int(small.w[lay.H_TASKS])
    assert one_after_the_other(small) <= found

    def fits(ending: tuple[int, ...]) -> bool:
        for word in wanted.split():
            left, _, value = word.partition("=")
            if ":" in left:
                task, _, register = left.partition(":r")
                is_there = (ending[int(task)] >> 2 * int(register)) & 3
            else:
                is_there = ending[tasks + NUMBERS.index(left)]
            if is_there != int(value):
                return False
        return True

    if any(fits(ending) for ending in found):
        return "sometimes"
    return "never" if made.complete else "unknown"
