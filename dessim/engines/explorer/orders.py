"""How instructions are ordered under a memory model, and which of them find a page."""

from dataclasses import dataclass
from typing import Any

from dessim.engines.explorer import layout as ex
from dessim.kernel import layout as lay
from dessim.kernel.operation import Operation
from dessim.kernel.ops import OP_ADD, OP_WHEN_FLAGS, OPERATIONS


@dataclass(frozen=True)
class Rules:
    """What is explored, beside the programs.

    Attributes
    ----------
    memory : str
        ``sc``, ``tso`` or ``weak``.
    attempts : int
        Faults of each thread; 0: for ever.
    neighbour : bool
        Whether the pages are neighbours of targets that nobody else can see; else targets.
    plain_increment : bool
        Whether the mapcount is raised by a plain instruction instead of a locked one.
    acquire_only : bool
        Whether taking the page lock is no full barrier (``weak`` only).
    split_lookup : bool
        Whether finding a page and taking a reference are two steps, as in the timed engines.
    """

    memory: str = "sc"
    attempts: int = 1
    neighbour: bool = False
    plain_increment: bool = False
    acquire_only: bool = False
    split_lookup: bool = False


def order_of(row: Any, rules: Rules) -> int:
    """Return the order class of an instruction under a memory model.

    Source
    ------
    Linux ``Documentation/atomic_t.txt``: atomics that return something are full barriers, others
    none; ``memory-barriers.txt``: spinlocks are acquire and release. On x86 every locked
    instruction is a full barrier, and dropping a spinlock is a plain store.
    """
    order = operation_of(row).ordered(int(row[lay.I_A]), int(row[lay.I_B]))
    weak = rules.memory == "weak"
    if rules.plain_increment and order.plain is not None:
        return order.plain
    if weak and rules.acquire_only and order.acquire_only is not None:
        return order.acquire_only
    return order.weak if weak else order.tso


def operation_of(row: Any) -> Operation:
    """Return the operation of an instruction."""
    return OPERATIONS[int(row[lay.I_OP])]


def needs_of(row: Any) -> int:
    """Return what an instruction needs in order to be carried out, ``NEEDS_*``."""
    operation = operation_of(row)
    if operation.waits_for == lay.WAITS_FOR_LOCK:
        return ex.NEEDS_LOCK
    waits = operation.waits_for == lay.WAITS_FOR_PAGE
    if operation.locking == lay.TAKES_PAGE:
        return ex.NEEDS_PAGE_LOCK if waits else ex.NEEDS_TO_TRY_PAGE
    return ex.NEEDS_UNLOCKED_PAGE if waits else ex.NEEDS_NOTHING


def begins_lookup(rows: Any, place: int) -> bool:
    """Return whether an instruction finds a page on which a reference is then taken.

    Between both there are only looks at the page's flags and steps that nobody sees.
    """
    if not operation_of(rows[place]).begins_lookup:
        return False
    for _ in range(len(rows)):
        place = int(rows[place, lay.I_NEXT])
        row = rows[place]
        op = int(row[lay.I_OP])
        if op == OP_ADD and row[lay.I_A] == lay.P_REFCOUNT and row[lay.I_B] == 1:
            return True
        if op != OP_WHEN_FLAGS and not row[lay.I_PRIVATE]:
            return False
    return False
