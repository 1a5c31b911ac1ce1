"""How often the actors of a protocol can hold a lock for reading: how large a field that needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dessim.engines.explorer.orders import following, operation_of
from dessim.kernel import layout as lay
from dessim.kernel.ops import OP_DOWNGRADE, OP_TRY_LOCK, OP_UNLOCK

LOCKING = (lay.TAKES_LOCK, lay.DROPS_LOCK, lay.DOWNGRADES_LOCK)


@dataclass(frozen=True)
class Readers:
    """Readers of a lock.

    Attributes
    ----------
    most : int
        How many there can be, an actor counted as often as it has taken the lock. Of a task in
        ``endless``, the steps that take it count once each.
    endless : tuple of int
        Tasks that can go round and take it each time, and do not release it.
    """

    most: int
    endless: tuple[int, ...]


def readers_of(rows: Any, entries: Sequence[int], lock: int) -> Readers:
    """Return how many readers a lock can have.

    Parameters
    ----------
    rows : int64 array, shape (instructions, I_WORDS)
    entries : sequence of int
        Where each task begins.
    lock : int
        As steps name it.
    """
    found = {entry: _held(rows, entry, lock) for entry in set(entries)}
    endless = tuple(task for task, entry in enumerate(entries) if found[entry][1])
    return Readers(sum(found[entry][0] for entry in entries), endless)


def _held(rows: Any, entry: int, lock: int) -> tuple[int, bool]:
    """Return how often one task can hold a lock, and whether that grows each time it goes round.

    Of the paths to a step, the one with the most counts. No path without a circle takes the lock
    more often than there are steps that take it.
    """
    takes = sum(_change(rows[place], lock) > 0 for place in _reached(rows, entry))
    held, todo, most = {entry: 0}, [entry], 0
    while todo:
        place = todo.pop()
        for other in _after(rows, place):
            count = max(0, held[place] + _change_on_the_way(rows[place], other, lock))
            most = max(most, count)
            if held.get(other, -1) < count <= takes:
                held[other] = count
                todo.append(other)
    return min(most, takes), most > takes


def _reached(rows: Any, entry: int) -> set[int]:
    """Return where a task can come to."""
    found, todo = {entry}, [entry]
    while todo:
        for other in _after(rows, todo.pop()):
            if other not in found:
                found.add(other)
                todo.append(other)
    return found


def _after(rows: Any, place: int) -> list[int]:
    """Return where a task can go on behind a step."""
    return [other for other in following(rows[place]) if other < len(rows)]


def _change(row: Any, lock: int) -> int:
    """Return by how much a step changes the number of readers of a lock."""
    if int(row[lay.I_A]) != lock or not is_about_lock(row):
        return 0
    op = int(row[lay.I_OP])
    if op == OP_DOWNGRADE:
        return 1
    if not row[lay.I_B]:
        return 0
    return -1 if op == OP_UNLOCK else 1


def _change_on_the_way(row: Any, other: int, lock: int) -> int:
    """Return the same on the way to another step: an attempt may fail."""
    may_fail = int(row[lay.I_OP]) == OP_TRY_LOCK and row[lay.I_NEXT] != row[lay.I_TARGET]
    return 0 if may_fail and other == int(row[lay.I_TARGET]) else _change(row, lock)


def is_about_lock(row: Any) -> bool:
    """Return whether a step takes a lock, tries to, drops it, or becomes a reader of it."""
    return operation_of(row).locking in LOCKING or int(row[lay.I_OP]) == OP_TRY_LOCK
