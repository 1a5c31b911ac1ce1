"""How instructions are ordered under a memory model, and which of them find a page."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from dessim.engines.explorer import layout as ex
from dessim.kernel import layout as lay
from dessim.kernel.operation import Operation, Order
from dessim.kernel.ops import OP_ADD, OP_STOP, OP_WHEN_FLAGS, OPERATIONS


@dataclass(frozen=True)
class Rules:
    """What is explored, apart from the programs.

    Attributes
    ----------
    memory : str
        ``sc``, ``tso``, ``pso`` or ``lkmm``.
    attempts : int
        Faults of each thread; 0: for ever.
    neighbour : bool
        Whether the pages are neighbours of targets that nobody else can see; else targets.
    plain_increment : bool
        Whether the mapcount is raised by an instruction that orders nothing: on x86 without the
        lock prefix, in ``lkmm`` an atomic that returns nothing.
    acquire_only : bool
        Whether taking the page lock is no full barrier (``lkmm`` only).
    split_lookup : bool
        Whether finding a page and taking a reference are two steps, as in the timed engines.
    """

    memory: str = "sc"
    attempts: int = 1
    neighbour: bool = False
    plain_increment: bool = False
    acquire_only: bool = False
    split_lookup: bool = False


def order_of(row: Any, rules: Rules) -> Order:
    """Return how an instruction is ordered, as the table says or as the rules ask for.

    Source
    ------
    Linux ``Documentation/atomic_t.txt``: atomics that return something are full barriers, others
    none, and none that fails; ``memory-barriers.txt``: locks are acquire and release. On x86 every
    locked instruction is a full barrier, and dropping a spinlock is a plain store.
    """
    operation = operation_of(row)
    order = operation.ordered(int(row[lay.I_A]), int(row[lay.I_B]))
    raises = order.stores == lay.IN_MAPCOUNT and row[lay.I_B] > 0
    if rules.plain_increment and raises:
        return replace(order, kind=lay.IS_RMW_VOID)
    if rules.acquire_only and operation.locking == lay.TAKES_PAGE:
        return replace(order, kind=lay.IS_RMW_ACQUIRE)
    return order


def class_of(row: Any, rules: Rules) -> int:
    """Return how a store buffer orders an instruction, ``CLASS_*``."""
    order = order_of(row, rules)
    if rules.plain_increment and order.kind == lay.IS_RMW_VOID and order.stores == lay.IN_MAPCOUNT:
        return lay.CLASS_DELAYED
    if rules.memory == "pso" and order.kind in IN_PSO:
        return IN_PSO[order.kind]
    return order.tso


IN_PSO = {
    lay.IS_STORE_RELEASE: lay.CLASS_DELAYED_RELEASE,
    lay.IS_UNLOCK_SPIN: lay.CLASS_DELAYED_RELEASE,
    lay.IS_WMB: lay.CLASS_WMB,
}
"""What orders stores where they may pass each other on their way to memory."""


def operation_of(row: Any) -> Operation:
    """Return the operation of an instruction."""
    return OPERATIONS[int(row[lay.I_OP])]


NEEDS = {
    lay.WAITS_FOR_VALUE: ex.NEEDS_VALUE,
    lay.WAITS_FOR_WAKE_UP: ex.NEEDS_WAKE_UP,
    lay.WAITS_FOR_READERS: ex.NEEDS_NO_READERS,
    lay.WAITS_FOR_STORES: ex.NEEDS_NO_STORES,
}


def needs_of(row: Any) -> int:
    """Return what an instruction needs in order to be carried out, ``NEEDS_*``."""
    operation = operation_of(row)
    if operation.waits_for == lay.WAITS_FOR_LOCK:
        return ex.NEEDS_LOCK
    if operation.waits_for in NEEDS:
        return NEEDS[operation.waits_for]
    waits = operation.waits_for == lay.WAITS_FOR_PAGE
    if operation.locking == lay.TAKES_PAGE:
        return ex.NEEDS_PAGE_LOCK if waits else ex.NEEDS_NOTHING
    return ex.NEEDS_UNLOCKED_PAGE if waits else ex.NEEDS_NOTHING


def lookup_from(rows: Any, place: int) -> list[int]:
    """Return the places of a lookup: a page is found, and a reference to it is then taken.

    Between both there are only looks at the page's flags and steps that nobody sees. Empty if the
    instruction begins none.
    """
    if not operation_of(rows[place]).begins_lookup:
        return []
    found = [place]
    for _ in range(len(rows)):
        place = int(rows[place, lay.I_NEXT])
        row = rows[place]
        op = int(row[lay.I_OP])
        found.append(place)
        if op == OP_ADD and row[lay.I_A] == lay.P_REFCOUNT and row[lay.I_B] == 1:
            return found
        if op != OP_WHEN_FLAGS and not row[lay.I_PRIVATE]:
            return []
    return []


def following(row: Any) -> Iterator[int]:
    """Yield where a program can go on behind an instruction."""
    operation = operation_of(row)
    if row[lay.I_OP] == OP_STOP:
        return
    yield int(row[lay.I_NEXT])
    if operation.decides or operation.loop or row[lay.I_TARGET] > 0:
        yield int(row[lay.I_TARGET])
