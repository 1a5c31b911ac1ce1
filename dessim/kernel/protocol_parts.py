"""What there is in a protocol: variables, locks, queues, actors, and what properties ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dessim.kernel import layout as lay
from dessim.kernel.protocol_compiler import Compiler, Node
from dessim.kernel.protocol_expressions import (
    MOST,
    Element,
    Expression,
    Fact,
    Local,
    LocalOf,
    Old,
    PlainNumber,
    ProtocolError,
    Variable,
)

__all__ = [
    "DIRTY",
    "OLD",
    "PRESENT",
    "WRITABLE",
    "Place",
    "Protocol",
    "ProtocolActor",
    "ProtocolLock",
    "WaitQueue",
    "actor",
    "array",
    "ended",
    "frame",
    "holders",
    "local",
    "mutex",
    "numbered",
    "queued",
    "rwsem",
    "spinlock",
    "tlb",
    "translated",
    "variable",
    "waitqueue",
]

Place = Variable | Element
OLD = Old()
"""What an atomic operation has found, in ``atomic``."""
PRESENT, WRITABLE, DIRTY = lay.PTE_PRESENT, lay.PTE_WRITE, lay.PTE_DIRTY


def frame(number: int) -> int:
    """Return the bits of a pte that point to a frame."""
    return number << lay.PTE_FRAME_SHIFT


@dataclass(frozen=True, eq=False)
class ProtocolLock:
    """A lock: ``spinlock``, ``mutex`` or ``rwsem`` makes one."""

    name: str
    spins: bool
    take: str
    drop: str


@dataclass(frozen=True, eq=False)
class WaitQueue:
    """A FIFO of exclusive waiters."""

    name: str


@dataclass(frozen=True, eq=False)
class ProtocolActor:
    """Somebody who does something; ``actor[local]`` is a local of it, in properties."""

    name: str
    statements: tuple[Any, ...]
    copies: int = 1
    cpu: int | None = None

    def __getitem__(self, local: Local) -> LocalOf:
        return LocalOf(self, local)


@dataclass(frozen=True)
class Protocol:
    """Actors, and what must hold of what they do together.

    Attributes
    ----------
    actors : sequence of ProtocolActor
    never : dict
        Name -> what must be so in no state.
    at_rest : dict
        Name -> what must be so when all actors have ended.
    """

    actors: Sequence[ProtocolActor]
    never: Mapping[str, Expression] = field(default_factory=dict)
    at_rest: Mapping[str, Expression] = field(default_factory=dict)


def variable(name: str, start: int = 0, most: int = MOST) -> Variable:
    """Return a word that all actors see; it holds 0 to ``most``."""
    _fits(name, start, most)
    return Variable(name, start, 1, most)


def _fits(name: str, start: int, most: int) -> None:
    """Refuse a first value that a variable cannot hold."""
    if not 0 <= start <= most:
        raise ProtocolError(f"{name!r} holds 0 to {most}, and begins with {start}: give it most=")


def array(name: str, start: Sequence[int], most: int = MOST) -> Variable:
    """Return an array of such words, with what they hold at first."""
    for one in start:
        _fits(name, one, most)
    return Variable(name, tuple(start), len(start), most)


def local(name: str, most: int = MOST) -> Local:
    """Return a local: each actor that uses it has its own, 0 at first."""
    return Local(name, most)


def numbered(variables: Sequence[Variable]) -> Node:
    """Give variables numbers in their order, so that pointers can hold these."""

    def emit(c: Compiler) -> None:
        for one in variables:
            c.variable(one)

    return Node(emit)


def spinlock(name: str) -> ProtocolLock:
    """Return a spinlock."""
    return ProtocolLock(name, True, "spin_lock", "spin_unlock")


def mutex(name: str) -> ProtocolLock:
    """Return a mutex: who waits for it sleeps."""
    return ProtocolLock(name, False, "mutex_lock", "mutex_unlock")


def rwsem(name: str) -> ProtocolLock:
    """Return a semaphore for readers and writers: who waits for it sleeps."""
    return ProtocolLock(name, False, "down_write", "up_write")


def waitqueue(name: str) -> WaitQueue:
    """Return a FIFO of exclusive waiters, without its lock."""
    return WaitQueue(name)


def actor(name: str, *statements: Any, copies: int = 1, cpu: int | None = None) -> ProtocolActor:
    """Return an actor; ``cpu``: the CPU on which it runs, if others run there, too."""
    if not isinstance(copies, int) or copies < 1:
        raise ProtocolError(f"actor {name!r} has copies={copies!r}: it needs 1 or more")
    return ProtocolActor(name, statements, copies, cpu)


def translated(pte: Place) -> tuple[Variable, int]:
    """Return the variable of a pte, and which element of it."""
    if isinstance(pte, Variable) and pte.size == 1:
        return pte, 0
    if isinstance(pte, Element) and pte.array is not None and isinstance(pte.index, PlainNumber):
        return pte.array, pte.index.value
    raise ProtocolError(f"a user access goes through one pte, not '{pte}'")


def ended(who: ProtocolActor) -> Expression:
    """Return whether an actor has ended."""
    return Fact("ended", (who,))


def holders(one: ProtocolLock) -> Expression:
    """Return how a lock is held: 0 free, -1 alone, else its readers."""
    return Fact("holders", (one,))


def queued(queue: WaitQueue, who: ProtocolActor) -> Expression:
    """Return whether an actor is in a queue."""
    return Fact("queued", (queue, who))


def tlb(cpu: int, pte: Place) -> Expression:
    """Return the TLB entry of a CPU for a pte: 0 if there is none."""
    one, index = translated(pte)
    return Fact("tlb", (cpu, one, index))
