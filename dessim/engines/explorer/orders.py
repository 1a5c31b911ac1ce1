"""How instructions are ordered under a memory model, and which of them find a page."""

from dataclasses import dataclass
from typing import Any

from dessim.engines.explorer import layout as ex
from dessim.kernel import layout as lay

SPINLOCKS = (lay.LOCK_PAGE_TABLE, lay.LOCK_PTL, lay.LOCK_TREE)


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
    op = lay.OPS[int(row[lay.I_OP])]
    weak = rules.memory == "weak"
    if op.startswith("when_") and op != "when_frozen":
        return ex.CLASS_LOAD
    if op in ("bug_on", "wait_on_page"):
        return ex.CLASS_LOAD
    if op == "add" and row[lay.I_A] == lay.P_MAPCOUNT:
        plain = rules.plain_increment and row[lay.I_B] > 0
        return ex.CLASS_DELAYED if weak or plain else ex.CLASS_FULL
    if op == "add_folio_refs":
        return ex.CLASS_DELAYED if weak else ex.CLASS_FULL
    if op in ("set_pte", "remove", "populate"):
        return ex.CLASS_DELAYED
    if op == "lock":
        return ex.CLASS_ACQUIRE if weak else ex.CLASS_FULL
    if op == "unlock" and row[lay.I_A] in SPINLOCKS:
        return ex.CLASS_RELEASE
    if op in ("lock_page", "trylock_page") and weak and rules.acquire_only:
        return ex.CLASS_RESERVE
    return ex.CLASS_FULL


def begins_lookup(rows: Any, place: int) -> bool:
    """Return whether an instruction finds a page on which a reference is then taken.

    Between both there are only looks at the page's flags and steps that nobody sees.
    """
    if lay.OPS[int(rows[place, lay.I_OP])] != "when_cached":
        return False
    for _ in range(len(rows)):
        place = int(rows[place, lay.I_NEXT])
        row = rows[place]
        op = lay.OPS[int(row[lay.I_OP])]
        if op == "add" and row[lay.I_A] == lay.P_REFCOUNT and row[lay.I_B] == 1:
            return True
        if op != "when_flags" and not row[lay.I_PRIVATE]:
            return False
    return False
