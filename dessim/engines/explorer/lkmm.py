"""A step under Linux' memory model: which values it finds, and what others get to know of it.

A step is carried out by the kernel's ``step`` on memory as it is, except for the words that it
loads: there it finds any value that its task may still load. A plain store goes behind any value
that the task does not know to be older; an RMW goes right behind the value that it found.
"""

from dessim.engines.explorer.layout import *
from dessim.engines.explorer.views import (
    BY_FENCES,
    entry,
    full_barrier,
    history_of,
    join_at,
    load,
    put_value,
    store,
    value_of,
    view_at,
)
from dessim.kernel.addressing import page_at, table_at
from dessim.kernel.layout import *
from dessim.kernel.ops import OP_WHEN_WINDOW_OPEN
from dessim.kernel.protocols import stores_variable, variable_at

UNDECLARED = 904  # an error of the explorer itself: a step stores to what it does not declare
NO_WHERE = -1
KINDS = 7


def address_of(w: World, t: int, i: int, kind: int) -> int:
    """Return the address of the word of a kind that an instruction is about."""
    if kind == IN_DATA:
        return variable_at(w, (t - w[H_TASK]) // T_WORDS, i)
    page = w[t + T_CURSOR]
    if kind == IN_PTE:
        return w[t + T_PTE] + (page >> PTE_SHIFT)
    if kind == IN_TABLE:
        return table_at(w, t) + w[H_LINE_WORDS] + D_POPULATED
    record = page_at(w, page)
    if kind == IN_MAPCOUNT:
        return record + P_MAPCOUNT
    if kind == IN_REFCOUNT:
        return record + P_REFCOUNT
    return record + P_FLAGS


def where_of(w: World, x: int, t: int, i: int, kind: int) -> int:
    """Return which word with a history an instruction is about, or NO_WHERE."""
    address = address_of(w, t, i, kind)
    bit = w[t + T_CURSOR] & (PTE_BITS - 1)
    for where in range(w[x + X_WHERES]):
        r = w[x + X_WHERE] + where * W_WORDS
        if w[r + W_ADDRESS] == address and w[r + W_KIND] == kind:
            if kind != IN_PTE or w[r + W_SHIFT] == bit:
                return where
    return NO_WHERE


def oldest(w: World, x: int, task: int, where: int, kind: int) -> int:
    """Return the oldest value of a word that a load of a task may find."""
    number = entry(w[view_at(w, x, task, SEES)], where)
    if kind == IS_LOAD_DEPENDENT:
        number = max(number, entry(w[view_at(w, x, task, LAST)], where))
    return max(number, 1)


def pick_loads(w: World, x: int, task: int, choice: int) -> int:
    """Choose the values that a step loads; return whether there is such a choice.

    Choice 0 finds the last value everywhere. ``X_PICK`` holds, for each kind, where and which.
    """
    t = w[H_TASK] + task * T_WORDS
    pc = w[t + T_PC]
    i = w[H_PROG] + pc * I_WORDS
    kinds = w[w[x + X_LOADS] + pc]
    order = w[w[x + X_CLASS] + pc]
    choices = 1
    for bit in range(KINDS):
        pick = w[x + X_PICK] + 2 * bit
        w[pick] = NO_WHERE
        if (kinds >> bit) & 1 == 0:
            continue
        where = where_of(w, x, t, i, 1 << bit)
        if where == NO_WHERE:
            continue
        last = w[history_of(w, x, where) + G_COUNT]
        first = oldest(w, x, task, where, order)
        if w[i + I_OP] == OP_WHEN_WINDOW_OPEN:  # several ptes, under their lock: the last values
            if first < last:
                w[x + X_FULL] |= FULL_WINDOW
            continue
        values = last - first + 1
        w[pick] = where
        w[pick + 1] = last - choice % values
        choice //= values
        choices *= values
    if choices > MOVES_OF_TASK:
        w[x + X_FULL] |= FULL_CHOICES
    return choice == 0


def behind(w: World, x: int, task: int, where: int, order: int, choice: int, rmw: int) -> int:
    """Return the value behind which a task's store goes, by choice; -1 if there is no such.

    0: behind one that nobody can load any more, so that nobody ever finds it.
    """
    g = history_of(w, x, where)
    if w[x + X_NUMBERS] == 0:  # stores to a word come one after the other: a lock sees to that
        return w[g + G_COUNT] if choice == 0 else -1
    known = w[view_at(w, x, task, KNOWS)]
    first = entry(known, where)
    if order == IS_RMW_FULL:
        first = max(first, entry(w[w[x + X_VIEWS] + BY_FENCES], where))
    for number in range(w[g + G_COUNT], first - 1, -1):
        if number < w[g + G_COUNT] and w[g + G_GLUED + number + 1]:
            continue
        if rmw and number == 0:
            w[x + X_FULL] |= FULL_HISTORY
            return -1
        if choice == 0:
            return number
        choice -= 1
    return -1


def holds_choice(w: World, x: int, task: int, choice: int) -> int:
    """Return whether a task's next step can be carried out with a choice of values."""
    t = w[H_TASK] + task * T_WORDS
    pc = w[t + T_PC]
    i = w[H_PROG] + pc * I_WORDS
    stores = w[w[x + X_STORES] + pc]
    order = w[w[x + X_CLASS] + pc]
    if w[w[x + X_LOADS] + pc]:
        return pick_loads(w, x, task, choice)
    if stores:
        where = where_of(w, x, t, i, stores)
        if where != NO_WHERE:
            return behind(w, x, task, where, order, choice, order >= IS_RMW_VOID) >= 0
    return choice == 0


def put_picks(w: World, x: int) -> None:
    """Let the World show the values that a step loads."""
    for bit in range(KINDS):
        pick = w[x + X_PICK] + 2 * bit
        where = w[pick]
        if where != NO_WHERE:
            put_value(w, x, where, w[history_of(w, x, where) + G_VALUE + w[pick + 1]])
    for where in range(w[x + X_WHERES]):
        w[w[x + X_SAVED] + where] = value_of(w, x, where)


def note_loads(w: World, x: int, task: int, order: int, holds: int) -> None:
    """Note what a step has loaded."""
    for bit in range(KINDS):
        pick = w[x + X_PICK] + 2 * bit
        if w[pick] != NO_WHERE:
            load(w, x, task, w[pick], w[pick + 1], order)
    if order == IS_RMB or (order == IS_LOAD_THEN_RMB and holds):
        join_at(w, x, view_at(w, x, task, SEES), w[view_at(w, x, task, KNOWS)])


def look_for_races(w: World, x: int, task: int, where: int) -> None:
    """Let nothing be called never if two tasks can store to a word at the same time.

    Of words that are not for litmus tests only one order of stores is tried: the one in time.
    """
    for other in range(w[H_TASKS]):
        t = w[H_TASK] + other * T_WORDS
        if other == task or w[t + T_AT] == ENDED:
            continue
        stores = w[w[x + X_STORES] + w[t + T_PC]]
        kind = w[w[x + X_WHERE] + where * W_WORDS + W_KIND]
        if stores & kind and where_of(w, x, t, w[H_PROG] + w[t + T_PC] * I_WORDS, kind) == where:
            w[x + X_FULL] |= FULL_RACE


def note_store(w: World, x: int, task: int, where: int, order: int, after: int, value: int) -> None:
    """Put what a step has stored in the word's history; 0: where nobody ever finds it."""
    rmw = order >= IS_RMW_VOID
    if after == 0:
        return
    if rmw == 0 and w[x + X_NUMBERS] == 0:
        look_for_races(w, x, task, where)
    releases = order == IS_STORE_RELEASE or order == IS_RMW_RELEASE or order == IS_RMW_RELEASE_MB
    returns = order != IS_RMW_VOID or w[x + X_NUMBERS]  # of litmus tests all do: to a register
    if rmw and returns:
        load(w, x, task, where, after, order)
    if store(w, x, task, where, after, value, KNOWS if releases else CARRIES, rmw) == 0:
        w[x + X_REFUSED] = 1


def found_by_rmw(w: World, x: int, task: int, where: int) -> int:
    """Return the value that a conditional RMW found; refuse the move if it cannot succeed there.

    It goes right behind that: nothing may be there yet, and the task may know of nothing newer.
    """
    g = history_of(w, x, where)
    number = w[g + G_COUNT]
    for bit in range(KINDS):
        pick = w[x + X_PICK] + 2 * bit
        if w[pick] == where:
            number = w[pick + 1]
    known = entry(w[view_at(w, x, task, KNOWS)], where)
    if number < known or (number < w[g + G_COUNT] and w[g + G_GLUED + number + 1]):
        w[x + X_REFUSED] = 1
        return 0
    return number


def show_last(w: World, x: int) -> None:
    """Let the World show the last value of each word again."""
    for where in range(w[x + X_WHERES]):
        g = history_of(w, x, where)
        put_value(w, x, where, w[g + G_VALUE + w[g + G_COUNT]])


def changed_word(w: World, x: int, stores: int) -> int:
    """Return which word a step has changed, or NO_WHERE: one at most, and one that it declares."""
    found = NO_WHERE
    for where in range(w[x + X_WHERES]):
        if value_of(w, x, where) != w[w[x + X_SAVED] + where]:
            kind = w[w[x + X_WHERE] + where * W_WORDS + W_KIND]
            if found != NO_WHERE or kind & stores == 0:
                w[x + X_ERROR] = UNDECLARED
            found = where
    return found


def stored_variable(w: World, x: int, task: int, i: int) -> int:
    """Return to which variable an instruction has stored, or NO_WHERE if it did not.

    A store is one whether the value changes or not: others order it, and what is around it.
    """
    where = where_of(w, x, w[H_TASK] + task * T_WORDS, i, IN_DATA)
    found = w[w[x + X_SAVED] + where]
    return where if stores_variable(w, task, i, found) else NO_WHERE


def settle_step(w: World, x: int, task: int, pc: int, choice: int) -> None:
    """Note, behind a step, what it has loaded and stored, as its order says."""
    i = w[H_PROG] + pc * I_WORDS
    order = w[w[x + X_CLASS] + pc]
    loads = w[w[x + X_LOADS] + pc]
    stores = w[w[x + X_STORES] + pc]
    where = changed_word(w, x, stores)
    holds = w[w[H_TASK] + task * T_WORDS + T_PC] == w[i + I_NEXT]
    failed = holds == 0
    if stores & IN_DATA:  # known from the operand: a store may leave the number as it is
        where = stored_variable(w, x, task, i)
        failed = where == NO_WHERE
    value = value_of(w, x, where) if where != NO_WHERE else 0
    if loads != 0 and stores != 0 and failed:
        order = IS_LOAD  # atomic_t.txt: conditional operations are unordered if they fail
    if order == IS_RMW_FULL or order == IS_MB:
        full_barrier(w, x, task)
    if order == IS_WMB:
        join_at(w, x, view_at(w, x, task, CARRIES), w[view_at(w, x, task, OWN)])
    if where == NO_WHERE or loads == 0:
        note_loads(w, x, task, order, holds)
    if where != NO_WHERE:
        if loads:
            after = found_by_rmw(w, x, task, where)
        else:
            after = behind(w, x, task, where, order, choice, order >= IS_RMW_VOID)
        if after < 0:
            w[x + X_REFUSED] = 1
        else:
            note_store(w, x, task, where, order, after, value)
    show_last(w, x)
    if order == IS_RMW_FULL or order == IS_RMW_RELEASE_MB:
        full_barrier(w, x, task)


def settle_lookup(w: World, x: int, task: int, got: int) -> None:
    """Note, behind the lookup of a page, what it has loaded; and its reference, if it got one.

    ``find_get_page`` looks at the slot again behind the atomic that takes the reference, which is
    a full barrier: what it finds there is not older than what full barriers know.
    """
    r = changed_word(w, x, IN_REFCOUNT)
    value = value_of(w, x, r) if r != NO_WHERE else 0
    note_loads(w, x, task, IS_LOAD, 1)
    if got:
        full_barrier(w, x, task)
        slot = w[w[x + X_PICK] + 2]
        if slot != NO_WHERE:
            if w[w[x + X_PICK] + 3] < entry(w[view_at(w, x, task, SEES)], slot):
                w[x + X_REFUSED] = 1
        if r != NO_WHERE:
            after = w[history_of(w, x, r) + G_COUNT]
            note_store(w, x, task, r, IS_RMW_FULL, after, value)
        full_barrier(w, x, task)
    show_last(w, x)


def picked(w: World, x: int, kind: int, last: int) -> int:
    """Return the value of a kind of word that the next step is to find, or else the last one."""
    for bit in range(KINDS):
        pick = w[x + X_PICK] + 2 * bit
        if kind == 1 << bit and w[pick] != NO_WHERE:
            return w[history_of(w, x, w[pick]) + G_VALUE + w[pick + 1]]
    return last
