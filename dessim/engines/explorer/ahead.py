"""What lies ahead of an instruction in its task's program, as far as memory order needs it.

Two things: which words the task may still load, so that older values of others can be forgotten;
and which plain loads a later store may overtake, so that another task's answer to the store comes
back to the load (load buffering).
"""

from collections.abc import Iterator, Sequence
from typing import Any

from dessim.engines.explorer.depends import Dependencies, meeting, reached_in_order
from dessim.engines.explorer.orders import following
from dessim.kernel import layout as lay
from dessim.kernel.operands import lock_of
from dessim.kernel.operation import LOADS, Order
from dessim.kernel.ops import (
    OP_AWAIT_VARIABLE,
    OP_BUG_ON,
    OP_DOWNGRADE,
    OP_LOCK,
    OP_NEXT_ACCESS,
    OP_NOTE,
    OP_WHEN_LOCALS,
    OP_WHEN_NOTED,
)

BARRIERS = (
    *(lay.IS_MB, lay.IS_RMW_FULL, lay.IS_RMW_RELEASE_MB),
    *(lay.IS_GRACE_BEGIN, lay.IS_GRACE_END),
)
USES = (
    *(lay.IS_UNLOCK, lay.IS_UNLOCK_SPIN, lay.IS_STORE_RELEASE, lay.IS_RMW_RELEASE),
    *(lay.IS_RMW_RELEASE_MB, lay.IS_RMB, lay.IS_LOAD_THEN_RMB),
)
"""What hands on, or lets a task see, all that it knows, and is no full barrier."""
CARRIERS = (lay.IS_STORE, lay.IS_RMW_VOID, lay.IS_RMW_ACQUIRE)
"""What hands on only what an earlier barrier ordered."""
LATE_RMWS = (lay.IS_RMW_VOID, lay.IS_RMW_RELEASE)
"""What orders nothing behind it, so that later stores may overtake what it loads."""
ORDERED_STORES = (*BARRIERS, lay.IS_STORE_RELEASE, lay.IS_RMW_RELEASE)


def ways_on(rows: Any) -> list[list[int]]:
    """Return where the program can go on behind each instruction."""
    return [[n for n in following(row) if n < len(rows)] for row in rows]


def ways_without_barrier(after: list[int], order: Order) -> list[int]:
    """Return where a program goes on behind an instruction if that is no full barrier.

    One that fails is none: it goes on elsewhere, except for an exchange of a number, which does not
    branch.
    """
    if order.kind not in BARRIERS:
        return after
    return (after[1:] or after) if order.conditional else []


def ways_within_a_fault(rows: Any, ways: list[list[int]]) -> list[list[int]]:
    """Return where the program can go on before the task is back in user mode.

    No compiler moves a store over that, and no CPU makes a store visible before the branches in
    front of it are decided: what an earlier fault looked at is over.
    """
    ops = rows[:, lay.I_OP]
    return [[] if op == OP_NEXT_ACCESS else on for op, on in zip(ops, ways, strict=True)]


def loads_ahead(ways: list[list[int]], orders: list[Order], *, up_to_barrier: bool) -> list[int]:
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
            if up_to_barrier:
                after = ways_without_barrier(after, order)
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
            after = ways_without_barrier(ways[place], order)
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
    if bits & lay.IN_DATA:
        first, size = int(row[lay.I_A]) & 255, max(1, int(row[lay.I_A]) >> 24)
        found |= {("number", first + k) for k in range(size)}
    return found


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


Held = frozenset[tuple[int, int]]  # locks: which, and whether as a reader
OF_A_MAPPING = (lay.LOCK_MMAP, lay.LOCK_PAGE_TABLE, lay.LOCK_PTL, lay.LOCK_VMA)
PAGE_TABLES = {("word", lay.IN_PTE), ("word", lay.IN_TABLE)}


def held_at(rows: Any, ways: list[list[int]], orders: list[Order], start: int) -> dict[int, Held]:
    """Return the locks that a task holds before each instruction, on all ways there.

    A way is one that can be gone with what the task noted (``note``, ``when_noted``).
    """
    held: dict[tuple[int, int], Held] = {(start, 0): frozenset()}
    todo = [(start, 0)]
    while todo:
        place, noted = todo.pop()
        row = rows[place]
        lock = (int(row[lay.I_A]), int(row[lay.I_B]))
        behind = held[place, noted]
        without = behind
        if orders[place].kind == lay.IS_LOCK:
            behind |= {lock}
        elif orders[place].kind in (lay.IS_UNLOCK, lay.IS_UNLOCK_SPIN):
            behind -= {lock}
        elif row[lay.I_OP] == OP_DOWNGRADE:
            behind = behind - {lock} | {(lock[0], 1)}
        after = ways[place]
        if row[lay.I_OP] == OP_NOTE:
            noted = int(row[lay.I_A])
        elif row[lay.I_OP] == OP_WHEN_NOTED and len(after) == 2:
            after = [after[0 if noted else 1]]
        for number, other in enumerate(after):
            known = held.get((other, noted))
            failed = orders[place].conditional and number == 1  # a lock that was not free
            now = without if failed else behind
            found = now if known is None else known & now
            if known != found:
                held[other, noted] = found
                todo.append((other, noted))
    places: dict[int, Held] = {}
    for (place, _), locks in held.items():
        places[place] = places.get(place, locks) & locks
    return places


def surely_held(
    held: list[dict[int, Held]], rows: Any, orders: list[Order]
) -> list[dict[int, Held]]:
    """Return what tasks hold without locks that somebody drops who may not hold them.

    A page lock is dropped by whoever ends the read: who took it no longer holds it then.
    """
    odd = set()
    for places in held:
        for place, locks in places.items():
            lock = (int(rows[place, lay.I_A]), int(rows[place, lay.I_B]))
            drops = orders[place].kind in (lay.IS_UNLOCK, lay.IS_UNLOCK_SPIN)
            if drops and lock not in locks:
                odd.add(lock[0])
    return [
        {place: frozenset(one for one in locks if one[0] not in odd) for place, locks in p.items()}
        for p in held
    ]


def kept_apart(word: Word, one: Held, other: Held) -> bool:
    """Return whether a lock keeps two accesses to a word apart, one of which writes it.

    Locks of an mm, and of page tables, say something of the ptes below them only.
    """
    return any(
        which == its and not (shared and is_shared)
        for which, shared in one
        for its, is_shared in other
        if which not in OF_A_MAPPING or word in PAGE_TABLES
    )


class Crossing:
    """Loads of tasks that later stores of theirs may overtake, and be answered by others.

    A store waits for a load by a full barrier, by a release, by an acquire, by dropping a spinlock
    and taking another, by going to the same word, or if it is only carried out because of what was
    loaded (``ppo`` in the model). What others do with the store must come back to the load: else
    nobody sees it. A lock under which one task stores and another loads orders all before the one
    and all behind the other.
    """

    def __init__(
        self,
        rows: Any,
        ways: list[list[int]],
        orders: list[Order],
        starts: list[int],
        code: Sequence[tuple[int, int]],
    ) -> None:
        self.rows, self.ways, self.orders = rows, ways, orders
        self.depends = Dependencies(rows, code)
        self.within = ways_within_a_fault(rows, ways)
        held = [held_at(rows, ways, orders, start) for start in starts]
        self.held = surely_held(held, rows, orders)
        self.later: dict[int, list[int]] = {}

    def loads(self) -> set[int]:
        """Return the places of such loads."""
        return {
            place for task, held in enumerate(self.held) for place in held if self.at(task, place)
        }

    def at(self, task: int, place: int) -> bool:
        """Return whether a load of a task is one."""
        order = self.orders[place]
        plain = order.kind in (*LOADS, *LATE_RMWS) or order.conditional
        if not order.loads or not plain or order.kind == lay.IS_LOAD_ACQUIRE:
            return False
        if self.rows[place, lay.I_OP] in (OP_BUG_ON, OP_AWAIT_VARIABLE):
            return False  # what follows is there only if it passes (smp_acquire__after_ctrl_dep)
        loaded = {word for word in words_of(order.loads, self.rows[place]) if word[0] == "number"}
        if order.loads & lay.IN_DATA:
            reached = self.independent(place)
        else:
            starts = set(_joins(self.rows, self.within, self.orders, place))
            reached = {other for other, _ in _reach(self.rows, self.within, self.orders, starts)}
        stores = [
            (task, other, word)
            for other in reached
            if self.orders[other].kind not in ORDERED_STORES
            for word in words_of(self.orders[other].stores, self.rows[other]) - loaded
        ]
        return self.comes_back(stores, task, place)

    def independent(self, place: int) -> set[int]:
        """Return the instructions behind a load of a variable that do not depend on it.

        By what they store, or where, or by a branch that decides whether they are carried out: then
        they wait for the load (``dep`` and ``ctrl`` in the model).
        """
        how = self.depends
        taints = how.behind(self.ways, place)
        todo = [
            (other, False) for other in ways_without_barrier(self.ways[place], self.orders[place])
        ]
        seen = set(todo)
        found = set()
        while todo:
            at, dropped = todo.pop()
            tainted = taints.get(at, 0)
            if not how.used[at] & tainted:
                found.add(at)
            after = ways_without_barrier(self.ways[at], self.orders[at])
            if dropped and self.orders[at].kind == lay.IS_LOCK and _spins(self.rows[at]):
                continue
            dropped = dropped or self.orders[at].kind == lay.IS_UNLOCK_SPIN
            if self.rows[at, lay.I_OP] == OP_WHEN_LOCALS and how.used[at] & tainted:
                join = meeting(self.ways, at)
                after = [] if join is None else [join]
            for other in after:
                if (other, dropped) not in seen:
                    seen.add((other, dropped))
                    todo.append((other, dropped))
        return found

    def comes_back(self, stores: list[tuple[int, int, Word]], task: int, place: int) -> bool:
        """Return whether some stores can be answered, by one task after the other, at a load."""
        seen = set(stores)
        todo = list(stores)
        while todo:
            writer, store, word = todo.pop()
            for reader, held in enumerate(self.held):
                if reader == writer:
                    continue
                for load in held:
                    if word not in read_by(self.rows[load], self.orders[load]):
                        continue
                    if kept_apart(word, self.held[writer][store], held[load]):
                        continue
                    if (reader, load) == (task, place):
                        return True
                    new = self.answers(reader, load) - seen
                    seen |= new
                    todo += new
        return False

    def answers(self, task: int, load: int) -> set[tuple[int, int, Word]]:
        """Return all stores of a task behind a load of it."""
        if load not in self.later:
            self.later[load] = reached_in_order(self.ways, load)
        return {
            (task, place, word)
            for place in self.later[load]
            for word in written_by(self.rows[place], self.orders[place])
        }


State = tuple[int, bool]  # a place, and whether a spinlock was dropped on the way


def _spins(row: Any) -> bool:
    """Return whether an instruction takes a spinlock: ``po-unlock-lock-po`` knows no others."""
    return lock_of(int(row[lay.I_A]), int(row[lay.I_B])).spins


def _reach(
    rows: Any, ways: list[list[int]], orders: list[Order], starts: set[State]
) -> Iterator[State]:
    """Yield what can be reached from some places without one of the barriers above."""
    todo = list(starts)
    seen = set(todo)
    while todo:
        place, dropped = todo.pop()
        yield place, dropped
        order = orders[place]
        after = ways_without_barrier(ways[place], order)
        if dropped and order.kind == lay.IS_LOCK and _spins(rows[place]):
            continue
        dropped = dropped or order.kind == lay.IS_UNLOCK_SPIN
        for other in after:
            if (other, dropped) not in seen:
                seen.add((other, dropped))
                todo.append((other, dropped))


def _joins(rows: Any, ways: list[list[int]], orders: list[Order], place: int) -> Iterator[State]:
    """Yield where what a load has found no longer decides what is carried out.

    Nothing if a full barrier comes before that on all ways.
    """
    join = meeting(ways, place)
    behind = ways[place][1:] if orders[place].conditional else ways[place]
    for other, dropped in _reach(rows, ways, orders, {(start, False) for start in behind}):
        if other == join:
            yield other, dropped
