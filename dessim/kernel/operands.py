"""What the operands of steps name: locks and words of a page; flags have a file of their own."""

from typing import NamedTuple

from dessim.kernel import layout as lay


class Lock(NamedTuple):
    """A lock as a step names it.

    Attributes
    ----------
    which : int
        ``LOCK_*``.
    shared : int
        1: as a reader.
    category : str
        Of the time that it takes.
    take, drop : str
        What both are called in the kernel.
    spins : bool
        Whether who waits for it spins: then dropping it is a plain store that releases.
    """

    which: int
    shared: int
    category: str
    take: str
    drop: str
    spins: bool = False


def _spinlock(which: int, category: str, name: str) -> Lock:
    return Lock(which, 0, category, f"spin_lock({name})", f"spin_unlock({name})", spins=True)


_MMAP, _VMA, _I_MMAP = lay.LOCK_MMAP, lay.LOCK_VMA, lay.LOCK_I_MMAP
_MUTEX = ("mutex_lock(i_mmap_mutex)", "mutex_unlock(i_mmap_mutex)")
LOCKS = {
    "mmap_lock": Lock(_MMAP, 1, "mmap_lock", "down_read(mmap_sem)", "up_read(mmap_sem)"),
    "mmap_lock_write": Lock(_MMAP, 0, "mmap_lock", "down_write(mmap_sem)", "up_write(mmap_sem)"),
    "vma_lock": Lock(_VMA, 1, "mmap_lock", "vma_start_read()", "vma_end_read()"),
    "vma_lock_write": Lock(_VMA, 0, "mmap_lock", "vma_start_write()", "vma_end_write()"),
    "i_mmap_mutex": Lock(_I_MMAP, 0, "page_cache", *_MUTEX),
    "i_mmap_read": Lock(_I_MMAP, 1, "reclaim", "down_read(i_mmap_rwsem)", "up_read(i_mmap_rwsem)"),
    "tree_lock": _spinlock(lay.LOCK_TREE, "page_cache", "tree_lock"),
    "page_table_lock": _spinlock(lay.LOCK_PAGE_TABLE, "page_table", "page_table_lock"),
    "ptl": _spinlock(lay.LOCK_PTL, "ptl", "ptl"),
    "zone_lock": _spinlock(lay.LOCK_ZONE, "zone_lock", "zone->lock"),
    "lru_lock": _spinlock(lay.LOCK_LRU, "lru_lock", "lruvec->lru_lock"),
    "split_queue": _spinlock(lay.LOCK_SPLIT, "split", "split_queue_lock"),
    "i_mmap_rwsem": Lock(
        lay.LOCK_FILE, 0, "i_mmap", "down_write(i_mmap_rwsem)", "up_write(i_mmap_rwsem)"
    ),
    "lock": Lock(lay.LOCK_FREE_STANDING, 0, "lock", "lock()", "unlock()"),
}
"""All locks by the names that programs use."""


class WordOperand(NamedTuple):
    """The second operand of an access to a variable of a protocol.

    Attributes
    ----------
    kind : int
        How it is ordered, ``IS_*``.
    local : int
        Where what is found is kept, or ``NO_LOCAL``.
    value, condition : int
        Expressions: what is stored, and what must hold of what is found; 0: nothing.
    """

    kind: int
    local: int = lay.NO_LOCAL
    value: int = 0
    condition: int = 0

    @property
    def operand(self) -> int:
        """All of it in one number: 6, 6, 16 and 16 bits."""
        return self.kind | self.local << 6 | self.value << 12 | self.condition << 28


def word_operand(operand: int) -> WordOperand:
    """Return what an operand says about an access to a variable."""
    return WordOperand(operand & 63, (operand >> 6) & 63, (operand >> 12) & 0xFFFF, operand >> 28)


WORDS = {"page.mapcount": lay.P_MAPCOUNT, "page.refcount": lay.P_REFCOUNT}
"""The counts of a page."""

NAMES_OF_LOCKS = {(lock.which, lock.shared): name for name, lock in LOCKS.items()}


def lock_of(which: int, shared: int) -> Lock:
    """Return the lock that two operands name."""
    if lay.LOCK_SLEEPING <= which < lay.LOCK_SPINNING + lay.LOCKS_OF_A_KIND:
        return _of_a_protocol(which, shared)
    return LOCKS[name_of_lock(which, shared)]


def _of_a_protocol(which: int, shared: int) -> Lock:
    """Return a lock of a protocol, whose steps have words of their own."""
    spins = which >= lay.LOCK_SPINNING
    return Lock(which, shared, "lock", "lock", "unlock", spins)


def name_of_lock(which: int, shared: int) -> str:
    """Return the name of the lock that two operands name.

    Raises
    ------
    LookupError
        If there is none.
    """
    if lay.LOCK_SLEEPING <= which < lay.LOCK_SPINNING + lay.LOCKS_OF_A_KIND:
        return f"lock {which - lay.LOCK_SLEEPING}"
    if (which, shared) not in NAMES_OF_LOCKS:
        raise LookupError(f"no lock has the operands {which}, {shared}")
    return NAMES_OF_LOCKS[which, shared]


def word_of(word: int) -> str:
    """Return the name of a word of the page: ``page.mapcount``, ``page.refcount``.

    Raises
    ------
    LookupError
        If the operand names none.
    """
    for name, offset in WORDS.items():
        if offset == word:
            return name
    raise LookupError(f"no word of a page has the operand {word}")


def name_of_counter(counter: int) -> str:
    """Return the name of a counter.

    Raises
    ------
    LookupError
        If the operand names none.
    """
    if not 0 <= counter < len(lay.COUNTERS):
        raise LookupError(f"no counter has the operand {counter}")
    return lay.COUNTERS[counter]
