"""Litmus tests as programs of the explorer: up to four tasks, numbers x, y, z, a lock or two."""

from itertools import permutations
from typing import Any

from tiny import STOP

from dessim.engines.explorer.buffers import buffers_are_empty
from dessim.engines.explorer.explore import Exploration, explore
from dessim.engines.explorer.moves import carry_out
from dessim.engines.explorer.orders import Rules
from dessim.engines.explorer.story import Walk
from dessim.engines.explorer.watch import all_ended
from dessim.engines.explorer.world import Small, small_world
from dessim.kernel import layout as lay
from dessim.kernel.addressing import page_at
from dessim.kernel.alphabet import (
    Step,
    exchange_data,
    fence,
    load_data,
    lock,
    store_data,
    unlock,
    when_loaded,
)
from dessim.kernel.assembler import assemble
from dessim.kernel.setup import ActorSetup, Setup
from dessim.model import load_machine
from dessim.model.workload import PAGE_BYTES, Workload

NUMBERS = "xyz"
LOCKS = {"s": "tree_lock", "t": "page_table_lock", "m": "i_mmap_mutex"}  # spin, spin, sleep


def one(word: str) -> Step:
    """Return the step that a word says.

    ``r0=x``, ``r0=acquire x``, ``r0=dependent x``; ``x=1``, ``x=release 1``; ``mb``, ``rmb``,
    ``wmb``; ``lock s``, ``unlock s``; ``r0=x:=1 full`` (xchg), ``r0=x:0=1 full`` (cmpxchg).
    """
    if word in ("mb", "rmb", "wmb"):
        return fence(word)
    if word.startswith(("lock ", "unlock ")):
        verb, name = word.split()
        return (lock if verb == "lock" else unlock)(LOCKS[name])
    left, _, right = word.partition("=")
    if not left.startswith("r"):
        *order, number = right.split()
        return store_data(NUMBERS.index(left), int(number), *order)
    register = int(left[1:])
    if ":" not in right:
        *order, name = right.split()
        return load_data(NUMBERS.index(name), register, *order)
    name, _, rest = right.partition(":")
    compared, _, rest = rest.rpartition("=")
    number, order_of_it = rest.split()
    expected = {"expected": int(compared)} if compared else {}
    return exchange_data(NUMBERS.index(name), register, int(number), order_of_it, **expected)


def steps_of(text: str) -> tuple[Step, ...]:
    """Return the steps of a task: words behind ``;``; ``if r0==1 {…}`` is a control dependency."""
    if "{" in text:
        before, _, rest = text.partition("if ")
        condition, _, rest = rest.partition(" {")
        inside, _, after = rest.partition("}")
        register, number = condition.split("==")
        branch = when_loaded(int(register[1:]), int(number), *steps_of(inside))
        return (*steps_of(before), branch, *steps_of(after))
    return tuple(one(word.strip()) for word in text.split(";") if word.strip())


def world(*tasks: str, start: dict[str, int] | None = None, **rules: Any) -> Small:
    """Return a World in which tasks run what their texts say."""
    programs = [assemble((*steps_of(text), STOP)) for text in tasks]
    pages = len(NUMBERS)
    workload = Workload(
        name="litmus", access="sequential", file_size_bytes=pages * PAGE_BYTES, mapping="shared"
    )
    actors = tuple(ActorSetup(program, 1, pages) for program in programs[1:])
    machine = load_machine("ivybridge-ex-4s")
    setup = Setup(machine, workload, programs[0], 1, 3, None, 1, 0, actors)
    return small_world(
        setup, Rules(**rules), numbers=tuple((start or {}).get(n, 0) for n in NUMBERS)
    )


def ending_of(w: Any, small: Small) -> tuple[int, ...]:
    """Return the registers of each task (``2 bits`` each), then the numbers."""
    tasks = range(w[lay.H_TASKS])
    registers = [w[w[lay.H_TASK] + task * lay.T_WORDS + lay.T_NOTED] for task in tasks]
    numbers = [w[page_at(w, page) + lay.P_DATA] for page in range(small.setup.pages)]
    return (*registers, *numbers)


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
