"""Blocks of one LLVM function, and the values of names where ways through it meet."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from dessim.engines.translate.integers import BIT, WORD, Value, constant

Names = dict[str, Value]
RESULT = "<result>"
"""The name under which a way carries the value of an expression or of a call."""


@dataclass
class Way:
    """A way through a function that is open at its end.

    Attributes
    ----------
    block : ir.Block
        Not yet terminated.
    names : dict
        The values of local names there.
    """

    block: Any
    names: Names


def meet(builder: Any, ways: Iterable[Way], label: str) -> Names | None:
    """Let ways lead to one block and go on there; return the names that all of them know.

    Parameters
    ----------
    builder : ir.IRBuilder
    ways : iterable of Way
    label : str
        What the block is called in a listing.

    Returns
    -------
    dict or None
        None if there is no way: nothing follows.
    """
    ways = list(ways)
    if not ways:
        return None
    if len(ways) == 1:
        builder.position_at_end(ways[0].block)
        return ways[0].names
    block = builder.function.append_basic_block(label)
    for way in ways:
        builder.position_at_end(way.block)
        builder.branch(block)
    builder.position_at_end(block)
    names: Names = {}
    for name in ways[0].names:
        if all(name in way.names for way in ways):
            names[name] = _one(builder, [(way.block, way.names[name]) for way in ways])
    return names


def _one(builder: Any, values: list[tuple[Any, Value]]) -> Value:
    """Return the value that is the one of the way on which control came."""
    first = values[0][1]
    if all(_same(first, value) for _, value in values):
        return first
    bits = all(
        value in (0, 1) if isinstance(value, int) else value.type == BIT for _, value in values
    )
    kind = BIT if bits and not all(isinstance(value, int) for _, value in values) else WORD
    phi = builder.phi(kind)
    for block, value in values:
        phi.add_incoming(ir.Constant(kind, value) if isinstance(value, int) else value, block)
    return phi


def _same(a: Value, b: Value) -> bool:
    return a is b or (isinstance(a, int) and isinstance(b, int) and a == b)


def begin_loop(
    builder: Any, names: Names, changed: Iterable[str]
) -> tuple[Any, Names, dict[str, Any]]:
    """Begin the block to which a loop comes back.

    Returns
    -------
    block, names, phis
        In the names, those that the loop changes are phis, which wait for the ways back.
    """
    before = builder.block
    head = builder.function.append_basic_block("loop")
    builder.branch(head)
    builder.position_at_end(head)
    names = dict(names)
    phis = {}
    for name in sorted(set(changed) & set(names)):
        value = names[name]
        phi = builder.phi(WORD)
        phi.add_incoming(constant(value) if isinstance(value, int) else value, before)
        names[name] = phis[name] = phi
    return head, names, phis


def end_loop(builder: Any, head: Any, names: Names, phis: dict[str, Any]) -> None:
    """Go back to the head of a loop."""
    for name, phi in phis.items():
        value = names[name]
        phi.add_incoming(constant(value) if isinstance(value, int) else value, builder.block)
    builder.branch(head)
