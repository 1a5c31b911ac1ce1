"""Operations on locks."""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.layout import LINE_RMW, LINE_STORE
from dessim.kernel.operands import lock_of, name_of_lock
from dessim.kernel.operation import LOCK
from dessim.kernel.ops.table import OWN_TABLES, TABLE, operation

RELEASES = about.Order(lay.IS_UNLOCK_SPIN)


def _own_tables(which: int, _: int) -> int:
    """Return who sees a lock: nobody, if it protects page tables of one task alone."""
    own = which in (lay.LOCK_PTL, lay.LOCK_PAGE_TABLE)
    return OWN_TABLES if own else lay.PRIVATE_NEVER


def _order_of_unlock(which: int, shared: int) -> about.Order:
    """Return how a lock is dropped: a release; of a spinlock on x86 it is a plain store."""
    return RELEASES if lock_of(which, shared).spins else about.Order(lay.IS_UNLOCK)


OP_LOCK = operation(
    "lock",
    LOCK,
    "lock()",
    line=lay.LOCK_LINE,
    access=LINE_RMW,
    cost="lock_local",
    private=_own_tables,
    order=about.Order(lay.IS_LOCK),
    locking=lay.TAKES_LOCK,
    waits_for=lay.WAITS_FOR_LOCK,
    listing=lambda which, shared, _: f"lock {name_of_lock(which, shared)}",
)
OP_UNLOCK = operation(
    "unlock",
    LOCK,
    "unlock()",
    line=lay.LOCK_LINE,
    access=lambda which, shared: LINE_RMW if shared else LINE_STORE,  # readers count down
    cost="lock_local",
    own_delay=True,
    private=_own_tables,
    order=_order_of_unlock,
    locking=lay.DROPS_LOCK,
    listing=lambda which, shared, _: f"unlock {name_of_lock(which, shared)}",
)
LAST_LOCK = TABLE.last(LOCK)
