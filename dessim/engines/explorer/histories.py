"""Which words have a history in a small World, whose views there are, and where all that stands."""

from dataclasses import dataclass, field
from typing import Any

from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.ahead import (
    CARRIERS,
    USES,
    Crossing,
    before_barrier,
    before_lock,
    loads_ahead,
    ways_on,
)
from dessim.engines.explorer.fields import Part, StateShape, Where, program_of, task_at, value
from dessim.engines.explorer.orders import Rules, operation_of, order_of
from dessim.errors import UserError
from dessim.kernel import layout as lay
from dessim.kernel.operands import lock_of
from dessim.kernel.operation import SECTION, Order
from dessim.kernel.ops import OP_LOCK, OP_TRY_LOCK

HIGHEST = {lay.IN_FLAGS: 15, lay.IN_MAPPING: 1, lay.IN_PTE: 1, lay.IN_TABLE: 1}
HIGHEST |= {lay.IN_DATA: 63, lay.IN_MAPCOUNT: 7, lay.IN_REFCOUNT: 7}


class TooManyWords(UserError):  # noqa: N818 - it says what is wrong
    """More words that others load than a view has room for."""


@dataclass(frozen=True)
class Plan:
    """What the explorer notes of a small World for ``lkmm``.

    Attributes
    ----------
    orders : list of Order
        Of each instruction.
    wheres : list of Where
        Words with a history.
    locks : list of (int, bool, bool)
        Addresses, whether anybody takes the lock for itself alone, and whether it is a spinlock.
    alive, exposed : list of int
        What may still be loaded from each instruction on; the same up to a full barrier.
    open : list of int
        Whether the task may look at a pte before it takes the page-table lock.
    uses, carried : list of int
        Whether what the task knows is used before a full barrier; whether it stores before that.
    late : set of int
        Loads that a later store may overtake.
    numbers : bool
        Whether it is a litmus test.
    """

    orders: list[Order]
    wheres: list[Where] = field(default_factory=list)
    locks: list[tuple[int, bool, bool]] = field(default_factory=list)
    alive: list[int] = field(default_factory=list)
    exposed: list[int] = field(default_factory=list)
    open: list[int] = field(default_factory=list)
    uses: list[int] = field(default_factory=list)
    carried: list[int] = field(default_factory=list)
    late: set[int] = field(default_factory=set)
    numbers: bool = False


def plan_of(w: Any, shape: StateShape, rules: Rules) -> Plan:
    """Return the plan of a small World; an empty one for other models.

    Raises
    ------
    TooManyWords
        If there are too many words that others load.
    """
    rows = program_of(w)
    orders = [order_of(row, rules) for row in rows]
    if rules.memory != "lkmm":
        return Plan(orders)
    orders = [
        Order(lay.IS_UNSEEN) if row[lay.I_PRIVATE] and order.kind < lay.IS_MB else order
        for row, order in zip(rows, orders, strict=True)
    ]
    ways = ways_on(rows)
    places = [_reached(ways, int(w[task_at(w, task) + lay.T_PC])) for task in _tasks(w)]
    loaded = [_loads(orders, own) for own in places]
    starts = [int(w[task_at(w, task) + lay.T_PC]) for task in _tasks(w)]
    late = Crossing(rows, ways, orders, starts, shape.code).loads()
    kinds = 0
    for words in loaded:
        kinds |= words
    wheres = [where for where in shape.wheres if where[3] & kinds]
    if len(wheres) > ex.MOST_WHERES:
        raise TooManyWords(
            f"{len(wheres)} words that others load are too many for --memory lkmm, which allows"
            f" {ex.MOST_WHERES}: take fewer pages or threads"
        )
    return Plan(
        orders,
        wheres,
        _locks(w, shape),
        loads_ahead(ways, orders, up_to_barrier=False),
        loads_ahead(ways, orders, up_to_barrier=True),
        before_lock(rows, ways, orders, lay.IN_PTE, lay.LOCK_PTL),
        before_barrier(ways, orders, USES),
        before_barrier(ways, orders, CARRIERS),
        late,
        bool(kinds & lay.IN_DATA),
    )


def _tasks(w: Any) -> range:
    return range(int(w[lay.H_TASKS]))


def _reached(ways: list[list[int]], start: int) -> set[int]:
    seen, todo = {start}, [start]
    while todo:
        for other in ways[todo.pop()]:
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return seen


def _loads(orders: list[Order], places: set[int]) -> int:
    """Return the words that some instructions load; a number counts where it is stored, too."""
    words = 0
    for place in places:
        words |= orders[place].loads | (orders[place].stores & lay.IN_DATA)
    return words


def _locks(w: Any, shape: StateShape) -> list[tuple[int, bool, bool]]:
    """Return the locks that the programs take, as a plan lists them."""
    taken = [
        lock_of(int(row[lay.I_A]), int(row[lay.I_B]))
        for row in program_of(w)
        if row[lay.I_OP] in (OP_LOCK, OP_TRY_LOCK)
    ]
    alone = {lock.which for lock in taken if not lock.shared}
    spin = {lock.which for lock in taken if lock.spins}
    found = [
        (place + lay.K_HOLD, which in alone, which in spin)
        for which in dict.fromkeys(lock.which for lock in taken)
        for place in shape.locks[which]
    ]
    if any(operation_of(row).group == SECTION for row in program_of(w)):  # RCU: X_FACTS
        found += [(-1 - fact, False, False) for fact in range(1 + int(w[lay.H_TASKS]))]
    return list(dict.fromkeys(found))


def known_fields(
    w: Any, plan: Plan, histories: int, views: int
) -> tuple[list[list[Part]], list[Part]]:
    """Return the fields of each task's views, and those of histories and of all other views."""
    wheres = plan.wheres
    highest = (1 << (ex.VIEW_BITS * len(wheres))) - 1
    tasks = int(w[lay.H_TASKS])
    if not wheres:
        return [[] for _ in range(tasks)], []
    first = views + 1
    kept = range(ex.VIEWS_OF_TASK) if plan.numbers else (ex.SEES, ex.KNOWS, ex.CARRIES)
    of_tasks = [
        [value(first + task * ex.VIEWS_OF_TASK + k, 0, highest) for k in kept]
        for task in range(tasks)
    ]
    others = [value(views, 0, highest)]
    first += tasks * ex.VIEWS_OF_TASK
    others += [value(first + k, 0, highest) for k in range(len(plan.locks) * ex.VIEWS_OF_LOCK)]
    for number, (_, _, _, kind) in enumerate(wheres):
        base = histories + number * ex.HISTORY_WORDS
        others.append(value(base + ex.G_COUNT, 0, ex.DEEPEST))
        for k in range(1, ex.DEEPEST + 1):
            low = -1 if kind in (lay.IN_MAPCOUNT, lay.IN_REFCOUNT) else 0
            others.append(value(base + ex.G_VALUE + k, low, HIGHEST[kind]))
            others.append(value(base + ex.G_VIEW + k, 0, highest))
            others.append(value(base + ex.G_GLUED + k, 0, 1))
    return of_tasks, others


def begin_histories(w: Any, x: int, plan: Plan) -> None:
    """Let all histories begin with what the World holds, which every task sees."""
    start = 0
    for number, (address, mask, shift, kind) in enumerate(plan.wheres):
        r = int(w[x + ex.X_WHERE]) + number * ex.W_WORDS
        w[r : r + ex.W_WORDS] = (address, mask, shift, kind)
        g = int(w[x + ex.X_HISTORY]) + number * ex.HISTORY_WORDS
        w[g + ex.G_COUNT] = 1
        w[g + ex.G_GLUED + 1] = 1  # nothing comes before what is there at first
        w[g + ex.G_VALUE + 1] = (int(w[address]) & mask) >> shift
        start |= 1 << (ex.VIEW_BITS * number)
    views = int(w[x + ex.X_VIEWS])
    for task in _tasks(w):
        for which in (ex.SEES, ex.KNOWS) if plan.numbers else (ex.SEES,):
            w[views + 1 + task * ex.VIEWS_OF_TASK + which] = start
    for number, lock in enumerate(plan.locks):
        for k, said in enumerate(lock):
            w[int(w[x + ex.X_LOCKS]) + k * len(plan.locks) + number] = said
