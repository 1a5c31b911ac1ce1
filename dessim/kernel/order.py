"""What an operation is to a memory model.

Source
------
Linux ``Documentation/atomic_t.txt``: an RMW that returns something is a full barrier, one that
returns nothing orders nothing, one that fails neither; ``_acquire``, ``_release`` and ``_relaxed``
say what they are. ``Documentation/memory-barriers.txt``: locks are acquire and release.
"""

from dataclasses import dataclass

from dessim.kernel import layout as lay


@dataclass(frozen=True)
class Order:
    """What an operation is to a memory model; each model makes of it what it must.

    Attributes
    ----------
    kind : int
        To Linux: ``IS_*``. On x86 every RMW is a full barrier, and only stores are delayed.
    loads : int
        Words that it loads and of which it may find an old value: bits ``IN_*``.
    stores : int
        Words that it stores to, or adds to.
    conditional : bool
        Whether it orders nothing if it fails: then it is a load.
    x86 : int or None
        How x86 orders it, if its kind does not say that.
    """

    kind: int
    loads: int = 0
    stores: int = 0
    conditional: bool = False
    x86: int | None = None

    @property
    def tso(self) -> int:
        """How x86 orders it: ``CLASS_*``."""
        if self.x86 is not None:
            return self.x86
        return CLASSES.get(self.kind, lay.CLASS_FULL)


CLASSES = {
    lay.IS_LOAD: lay.CLASS_LOAD,
    lay.IS_LOAD_ACQUIRE: lay.CLASS_LOAD,
    lay.IS_LOAD_DEPENDENT: lay.CLASS_LOAD,
    lay.IS_LOAD_THEN_RMB: lay.CLASS_LOAD,
    lay.IS_STORE: lay.CLASS_DELAYED,
    lay.IS_STORE_RELEASE: lay.CLASS_DELAYED,
    lay.IS_RMB: lay.CLASS_LOAD,
    lay.IS_WMB: lay.CLASS_LOAD,
    lay.IS_UNLOCK_SPIN: lay.CLASS_DELAYED,
    lay.IS_UNSEEN: lay.CLASS_LOAD,
    lay.IS_RCU_LOCK: lay.CLASS_LOAD,
    lay.IS_RCU_UNLOCK: lay.CLASS_LOAD,
}
"""Kinds that are no full barriers on x86. A spinlock there is dropped by a store that releases."""

LOADS = (lay.IS_LOAD, lay.IS_LOAD_ACQUIRE, lay.IS_LOAD_DEPENDENT, lay.IS_LOAD_THEN_RMB)
UNSEEN = Order(lay.IS_UNSEEN)
FULL = Order(lay.IS_RMW_FULL)


def loading(words: int) -> Order:
    """Return the order of a plain load."""
    return Order(lay.IS_LOAD, loads=words)


def storing(words: int) -> Order:
    """Return the order of a plain store."""
    return Order(lay.IS_STORE, stores=words)
