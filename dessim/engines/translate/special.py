"""A loop for one program on one machine: words that never change are numbers while it is written.

What is left of ``advance_at`` for one program counter is what the step does: that it is a step of
this operation, with these operands and costs, is known, and ways that it cannot go are not written.
"""

import types
from collections.abc import Callable, Iterable
from typing import Any

from dessim.engines.inlined import INLINED
from dessim.engines.loop import run_chunk
from dessim.engines.translate.integers import Value
from dessim.engines.translate.module import Module
from dessim.engines.translate.source import KernelFunction
from dessim.kernel import layout as lay
from dessim.kernel.steps import advance_at

WORLD = "w"
"""The name of the parameter that is the World, in all of the kernel."""


def constant_words(w: Any) -> dict[int, int]:
    """Return the words of a World that no step changes, by place: of its header, and its program.

    Parameters
    ----------
    w : int64 array or list of int
        A World, whether it has run or not.
    """
    first, last = program_of(w)
    changing = {*lay.H_CHANGING, lay.H_KEY}
    header = (place for place in range(lay.H_WORDS) if place not in changing)
    return {place: int(w[place]) for place in (*header, *range(first, last))}


def program_of(w: Any) -> tuple[int, int]:
    """Return where the instructions that follow each other from the first one begin and end."""
    base = int(w[lay.H_PROG])
    tasks = range(int(w[lay.H_TASKS]))
    reached = {int(w[w[lay.H_TASK] + task * lay.T_WORDS + lay.T_PC]) for task in tasks} | {0}
    waiting = list(reached)
    while waiting:
        place = base + waiting.pop() * lay.I_WORDS
        following = {int(w[place + lay.I_NEXT]), int(w[place + lay.I_TARGET])} - reached
        reached |= following
        waiting += following
    return base, base + (max(reached) + 1) * lay.I_WORDS


class Special(Module):
    """A module for Worlds in which some words are what they are in one.

    Parameters
    ----------
    known : dict
        Place -> number.
    counters : tuple of int
        Program counters for which ``advance_at`` is written; others find a function.
    """

    def __init__(self, known: dict[int, int], counters: Iterable[int]) -> None:
        super().__init__("special", inlined=INLINED, constants={"LOGGING": 0})
        self.known = known
        self.counters = tuple(counters)

    def known_word(self, pointer: Any, index: Value) -> int | None:
        """Return the number that a word of the World always is, or None."""
        if isinstance(index, int) and getattr(pointer, "name", "") == WORLD:
            return self.known.get(index)
        return None

    def cases(self, source: KernelFunction) -> tuple[str, tuple[int, ...]]:
        """Return the program counters for ``advance_at``."""
        return ("pc", self.counters) if source.function is advance_at else ("", ())


def counters_of(w: Any) -> tuple[int, ...]:
    """Return the program counters of a World's programs."""
    first, last = program_of(w)
    return tuple(range((last - first) // lay.I_WORDS))


def translate_special(w: Any, function: Callable[..., Any] = run_chunk) -> str:
    """Return the event loop for a World's program and machine, in LLVM's language."""
    assert isinstance(function, types.FunctionType)
    module = Special(constant_words(w), counters_of(w))
    module.entry(function)
    module.write_all()
    return str(module.ir)
