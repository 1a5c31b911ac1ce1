"""What lies ahead of an instruction in its task's program, as far as memory order needs it.

Two things: which words the task may still load, so that older values of others can be forgotten;
and which plain loads a later store may overtake, so that another task's answer to the store comes
back to the load (load buffering).
"""

from collections.abc import Iterator
from typing import Any

from dessim.engines.explorer.orders import following
from dessim.kernel import layout as lay
from dessim.kernel.operation import LOADS, Order
from dessim.kernel.operands import data_of
from dessim.kernel.ops import OP_BUG_ON, OP_LOAD_DATA, OP_LOCK, OP_WHEN_LOADED

BARRIERS = (lay.IS_MB, lay.IS_RMW_FULL, lay.IS_RMW_RELEASE_MB)
USES = (
    *(lay.IS_UNLOCK, lay.IS_UNLOCK_SPIN, lay.IS_STORE_RELEASE, lay.IS_RMW_RELEASE),
    *(lay.IS_RMW_RELEASE_MB, lay.IS_RMB, lay.IS_LOAD_THEN_RMB),
)
"""What hands on, or lets a task see, all that it knows, and is no full barrier."""
CARRIERS = (lay.IS_STORE, lay.IS_RMW_VOID, lay.IS_RMW_ACQUIRE)
"""What hands on only what an earlier barrier ordered."""
ORDERED_STORES = (*BARRIERS, lay.IS_STORE_RELEASE, lay.IS_RMW_RELEASE)


def ways_on(rows: Any) -> list[list[int]]:
    """Return where the program can go on behind each instruction."""
    return [[n for n in following(row, k) if n < len(rows)] for k, row in enumerate(rows)]


def loads_ahead(
    ways: list[list[int]], orders: list[Order], *, up_to_barrier: bool
) -> list[int]:
    """Return which words are loaded from each instruction on: bits ``IN_*``.

    A number of a litmus test counts as loaded where it is stored: stores need its old values, too.
    """
    found = [0] * len(ways)
    changed = True
    while changed:
        changed = False
        for place in range(len(ways) - 1, -1, -1):
            order = orders[place]
            words = order.loads | (order.stores & lay.IN_DATA)
            after = ways[place]
            if up_to_barrier and order.kind in BARRIERS:
                after = after[1:] if order.conditional else []
            for other in after:
                words |= found[other]
            if words != found[place]:
                found[place] = words
                changed = True
    return found


def before_barrier(ways: list[list[int]], orders: list[Order], kinds: tuple[int, ...]) -> list[int]:
    """Return for each instruction whether one of some kinds may come before a full barrier."""
    found = [0] * len(ways)
    changed = True
    while changed:
        changed = False
        for place in range(len(ways) - 1, -1, -1):
            order = orders[place]
            after = ways[place]
            if order.kind in BARRIERS:
                after = after[1:] if order.conditional else []
            holds = int(order.kind in kinds or any(found[other] for other in after))
            if holds != found[place]:
                found[place] = holds
                changed = True
    return found


def before_lock(
    rows: Any, ways: list[list[int]], orders: list[Order], words: int, lock: int
) -> list[int]:
    """Return for each instruction whether some words may be loaded before a lock is taken."""
    found = [0] * len(ways)
    changed = True
    while changed:
        changed = False
        for place in range(len(ways) - 1, -1, -1):
            row = rows[place]
            takes = row[lay.I_OP] == OP_LOCK and row[lay.I_A] == lock
            after = [] if takes else ways[place]
            holds = int(bool(orders[place].loads & words) or any(found[k] for k in after))
            if holds != found[place]:
                found[place] = holds
                changed = True
    return found


Word = tuple[str, int]  # a kind of word, or the number of a page, or a lock


def words_of(bits: int, row: Any) -> set[Word]:
    """Return the words that bits ``IN_*`` of an instruction name."""
    found = {("word", 1 << k) for k in range(6) if (bits >> k) & 1}
    return found | ({("number", int(row[lay.I_A]))} if bits & lay.IN_DATA else set())


def read_by(row: Any, order: Order) -> set[Word]:
    """Return the words whose values an instruction finds: an RMW finds that to which it stores."""
    if order.kind == lay.IS_LOCK:
        return {("lock", int(row[lay.I_A]))}
    is_rmw = lay.IS_RMW_VOID <= order.kind <= lay.IS_RMW_FULL
    return words_of(order.loads | (order.stores if is_rmw else 0), row)


def written_by(row: Any, order: Order) -> set[Word]:
    """Return the words to which an instruction stores."""
    if order.kind in (lay.IS_UNLOCK, lay.IS_UNLOCK_SPIN):
        return {("lock", int(row[lay.I_A]))}
    return words_of(order.stores, row)


def answers(
    rows: Any, ways: list[list[int]], orders: list[Order], places: set[int]
) -> dict[Word, set[Word]]:
    """Return, for each word that a task reads, to which words it may store after that."""
    found: dict[Word, set[Word]] = {}
    for place in places:
        for word in read_by(rows[place], orders[place]):
            later = found.setdefault(word, set())
            for other in reached_in_order(ways, place):
                later |= written_by(rows[other], orders[other])
    return found


def overtaken(
    rows: Any,
    ways: list[list[int]],
    orders: list[Order],
    own: set[int],
    others: list[dict[Word, set[Word]]],
) -> set[int]:
    """Return the plain loads of a task that a later store of it may overtake, and be answered.

    A store waits for a load by a full barrier, by a release, by an acquire, by dropping a spinlock
    and taking another, by going to the same word, or if it is only carried out because of what was
    loaded (``ppo`` in the model). What others do with the store must come back to the load: else
    nobody can tell.
    """
    found = set()
    for place in own:
        order = orders[place]
        plain = order.kind in LOADS or order.conditional
        if not order.loads or not plain or order.kind == lay.IS_LOAD_ACQUIRE:
            continue
        if rows[place, lay.I_OP] == OP_BUG_ON:  # what follows is there only if it passes
            continue
        loaded = words_of(order.loads, rows[place])
        for other in _reach(ways, orders, set(_joins(rows, ways, place))):
            if orders[other].kind in ORDERED_STORES:
                continue
            stored = words_of(orders[other].stores, rows[other])
            stored -= {word for word in loaded if word[0] == "number"}
            if stored and loaded & _come_back(stored, others):
                found.add(place)
    return found


def _come_back(stored: set[Word], others: list[dict[Word, set[Word]]]) -> set[Word]:
    """Return all that may be stored because of some stores, by one task after the other."""
    found: set[Word] = set()
    todo = list(stored)
    while todo:
        word = todo.pop()
        for task in others:
            for answer in task.get(word, set()) - found:
                found.add(answer)
                todo.append(answer)
    return found


def _reach(ways: list[list[int]], orders: list[Order], starts: set[int]) -> Iterator[int]:
    """Yield what can be reached from some places without one of the barriers above."""
    todo = [(place, False) for place in starts]
    seen = set(todo)
    while todo:
        place, dropped = todo.pop()
        yield place
        order = orders[place]
        after = ways[place]
        if order.kind in BARRIERS:
            after = after[1:] if order.conditional else []
        if dropped and order.kind == lay.IS_LOCK:
            continue
        dropped = dropped or order.kind == lay.IS_UNLOCK_SPIN
        for other in after:
            if (other, dropped) not in seen:
                seen.add((other, dropped))
                todo.append((other, dropped))


def _joins(rows: Any, ways: list[list[int]], place: int) -> Iterator[int]:
    """Yield where what a load has found no longer decides what is carried out."""
    if rows[place, lay.I_OP] != OP_LOAD_DATA:
        join = _meeting(ways, place)
        if join is not None:
            yield join
        return
    register = data_of(int(rows[place, lay.I_B])).register
    at = ways[place][0]
    while rows[at, lay.I_OP] == OP_WHEN_LOADED and rows[at, lay.I_A] == register:
        join = _meeting(ways, at)
        if join is None:
            return
        at = join
    yield at


def _meeting(ways: list[list[int]], place: int) -> int | None:
    """Return where all ways behind a branch meet again: its nearest post-dominator."""
    if len(set(ways[place])) == 1:
        return ways[place][0]
    reached = [_closure(ways, start) for start in ways[place]]
    common = set.intersection(*reached)
    for candidate in reached_in_order(ways, ways[place][0]):
        if candidate in common and all(
            candidate in _closure(ways, start)
            and not _avoids(ways, start, candidate)
            for start in ways[place]
        ):
            return candidate
    return None


def _closure(ways: list[list[int]], start: int) -> set[int]:
    return set(reached_in_order(ways, start))


def reached_in_order(ways: list[list[int]], start: int, without: int = -1) -> list[int]:
    """Return what can be reached from a place, nearest first."""
    if start == without:
        return []
    found, seen = [start], {start}
    for place in found:
        for other in ways[place]:
            if other not in seen and other != without:
                seen.add(other)
                found.append(other)
    return found


def _avoids(ways: list[list[int]], start: int, place: int) -> bool:
    """Return whether a program can end, or go round for ever, without coming to a place."""
    reached = reached_in_order(ways, start, place)
    return any(not ways[other] or ways[other] == [other] for other in reached)

