"""Code for one program on one machine: words that never change are numbers while it is written.

What is left of ``advance_at`` for one program counter is what the step does: that it is a step of
this operation, with these operands and costs, is known, and ways that it cannot go are not written.
"""

import ast
from typing import Any

from llvmlite import ir

from dessim.engines.inlined import INLINED
from dessim.engines.translate.blocks import Names
from dessim.engines.translate.integers import WORD, Value
from dessim.engines.translate.module import Module
from dessim.engines.translate.source import KernelFunction
from dessim.kernel import layout as lay
from dessim.kernel.steps import memory_step

REGIONS = ("header", "counter", "rest")
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
    lines : bool
        As of ``Module``.
    """

    def __init__(self, known: dict[int, int], *, lines: bool = False) -> None:
        super().__init__("special", inlined=INLINED, constants={"LOGGING": 0}, lines=lines)
        self.known = known
        self.regions = self._regions()

    def in_place(self, source: KernelFunction, arguments: Names) -> bool:
        """Put what chooses among steps in place as well: the step is known, so one is left.

        What else it could choose need not be written, and could not: without a protocol, steps of
        protocols would store to words of the header.
        """
        return source.function is memory_step or super().in_place(source, arguments)

    def known_word(self, pointer: Any, index: Value) -> int | None:
        """Return the number that a word of the World always is, or None."""
        if isinstance(index, int) and getattr(pointer, "name", "") == WORLD:
            return self.known.get(index)
        return None

    def mark(self, access: Any, pointer: Any, index: Value, node: ast.expr) -> None:
        """Name to LLVM in which of the regions that never overlap a word lies."""
        if getattr(pointer, "name", "") == WORLD:
            access.set_metadata("tbaa", self.regions[self._region(index, node)])

    def _region(self, index: Value, node: ast.expr) -> str:
        """Return the region of a word: the header with the list of the woken, T_PC, or the rest."""
        if isinstance(index, int):
            return "header" if index < lay.H_WORDS or index == self.known[lay.H_WOKEN] else "rest"
        last = node.right if isinstance(node, ast.BinOp) else node
        return "counter" if isinstance(last, ast.Name) and last.id == "T_PC" else "rest"

    def _regions(self) -> dict[str, Any]:
        """Return LLVM's names of the regions: accesses of two of them never meet."""
        root = self.ir.add_metadata(["World"])
        kinds = {name: self.ir.add_metadata([name, root]) for name in REGIONS}
        zero = ir.Constant(WORD, 0)
        return {name: self.ir.add_metadata([kind, kind, zero]) for name, kind in kinds.items()}


def counters_of(w: Any) -> tuple[int, ...]:
    """Return the program counters of a World's programs."""
    first, last = program_of(w)
    return tuple(range((last - first) // lay.I_WORDS))
