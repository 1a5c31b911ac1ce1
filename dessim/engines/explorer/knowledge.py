"""What tasks learn from locks, in lkmm, and what of all that is known can be forgotten."""

from dessim.engines.explorer.layout import *
from dessim.engines.explorer.views import (
    BY_FENCES,
    entry,
    forget_before,
    history_of,
    join_at,
    lock_view_at,
    raised,
    view_at,
    with_entry,
)
from dessim.kernel.addressing import lock_at
from dessim.kernel.layout import *


def lock_number(w: World, x: int, address: int) -> int:
    """Return the number of a lock."""
    for lock in range(w[x + X_LOCK_COUNT]):
        if w[w[x + X_LOCKS] + lock] == address:
            return lock
    return 0


def has_writer(w: World, x: int, lock: int) -> int:
    """Return whether any task takes a lock for itself alone."""
    return w[w[x + X_LOCKS] + w[x + X_LOCK_COUNT] + lock]


def is_spinlock(w: World, x: int, lock: int) -> int:
    """Return whether a lock is a spinlock."""
    return w[w[x + X_LOCKS] + 2 * w[x + X_LOCK_COUNT] + lock]


def settle_lock(w: World, x: int, task: int, i: int, order: int, address: int) -> None:
    """Taking a lock acquires what those who dropped it knew; readers do not learn from readers.

    A spinlock taken after another was dropped orders stores around both for everybody
    (``po-unlock-lock-po`` in the model), whether the task dropped it or another. The model says
    that of spinlocks only: of mutexes and semaphores it is not taken for granted.
    """
    lock = lock_number(w, x, address)
    shared = w[i + I_B]
    knows = view_at(w, x, task, KNOWS)
    own = view_at(w, x, task, OWN)
    carried = lock_view_at(w, x, lock, LOCK_CARRIES)
    if order == IS_LOCK:
        for which in range(VIEWS_OF_LOCK):
            if which == LOCK_CARRIES or (which == READERS_KNOW and shared):
                continue
            view = w[lock_view_at(w, x, lock, which)]
            join_at(w, x, knows, view)
            join_at(w, x, view_at(w, x, task, SEES), view)
        if w[x + X_NUMBERS] == 0 or is_spinlock(w, x, lock) == 0:
            return
        carries = view_at(w, x, task, CARRIES)
        join_at(w, x, carries, w[carried])
        join_at(w, x, carries, w[view_at(w, x, task, UNLOCKED)])
        join_at(w, x, own, w[carries])
        return
    which = READERS_KNOW if shared else LOCK_KNOWS
    if shared == 0 or has_writer(w, x, lock):
        join_at(w, x, lock_view_at(w, x, lock, which), w[knows])
    if order == IS_UNLOCK_SPIN and w[x + X_NUMBERS]:
        join_at(w, x, carried, w[own])
        w[view_at(w, x, task, UNLOCKED)] = w[own]


def normalise(w: World, x: int) -> None:
    """Forget what can make no difference: values that nobody may load, views of who loads nothing.

    A task that comes to a full barrier before it loads a word can as well see now what all full
    barriers know: they never know less. The same holds for what it knows, if it does not use that
    before, and for what its stores carry, if it does not store before.
    """
    fenced = w[w[x + X_VIEWS] + BY_FENCES]
    for task in range(w[H_TASKS]):
        t = w[H_TASK] + task * T_WORDS
        if w[t + T_AT] == ENDED:
            for which in range(VIEWS_OF_TASK):
                w[view_at(w, x, task, which)] = 0
        elif w[x + X_NUMBERS] == 0:
            w[view_at(w, x, task, OWN)] = 0
            w[view_at(w, x, task, LAST)] = 0
            if w[w[x + X_USES] + w[t + T_PC]] == 0:
                join_at(w, x, view_at(w, x, task, KNOWS), fenced)
            if w[w[x + X_CARRIED] + w[t + T_PC]] == 0:
                w[view_at(w, x, task, CARRIES)] = 0
    for where in range(w[x + X_WHERES]):
        g = history_of(w, x, where)
        kind = w[w[x + X_WHERE] + where * W_WORDS + W_KIND]
        first = w[g + G_COUNT]
        for task in range(w[H_TASKS]):
            first = min(first, needed_by(w, x, task, where, kind, w[g + G_COUNT]))
        forget_before(w, x, where, first)
    if w[x + X_NUMBERS] == 0:
        forget_first(w, x)


def forget_first(w: World, x: int) -> None:
    """Let all views but those that tasks see say nothing of a word where they begin with all."""
    for place in range(w[x + X_VIEWS], w[x + X_VIEWS] + w[x + X_VIEW_COUNT]):
        w[place] = without_first(w, x, w[place])
    for where in range(w[x + X_WHERES]):
        g = history_of(w, x, where)
        for number in range(1, w[g + G_COUNT] + 1):
            w[g + G_VIEW + number] = without_first(w, x, w[g + G_VIEW + number])
    for task in range(w[H_TASKS]):
        for where in range(w[x + X_WHERES]):
            place = view_at(w, x, task, SEES)
            w[place] = raised(w[place], where, 1)


def without_first(w: World, x: int, view: int) -> int:
    """Return a view with 0 for 1."""
    for where in range(w[x + X_WHERES]):
        if entry(view, where) == 1:
            view = with_entry(view, where, 0)
    return view


def needed_by(w: World, x: int, task: int, where: int, kind: int, last: int) -> int:
    """Return the oldest value of a word that a task may still load; raise what it sees to that."""
    t = w[H_TASK] + task * T_WORDS
    sees = view_at(w, x, task, SEES)
    alive = w[w[x + X_ALIVE] + w[t + T_PC]] & kind
    if kind == IN_PTE and task < w[x + X_THREADS]:  # a thread looks at its own page tables only
        if w[w[x + X_WHERE] + where * W_WORDS] != w[t + T_PTE]:
            alive = 0
        elif w[w[x + X_OPEN] + w[t + T_PC]] == 0:
            lock = lock_number(w, x, lock_at(w, t, LOCK_PTL) + K_HOLD)
            known_to_lock = entry(w[lock_view_at(w, x, lock, LOCK_KNOWS)], where)
            w[sees] = raised(w[sees], where, known_to_lock)
    if w[t + T_AT] == ENDED or alive == 0:
        w[sees] = with_entry(w[sees], where, last)
        return last
    known = entry(w[view_at(w, x, task, KNOWS)], where)
    if w[w[x + X_EXPOSED] + w[t + T_PC]] & kind == 0 and kind != IN_DATA:
        fenced = entry(w[w[x + X_VIEWS] + BY_FENCES], where)
        w[sees] = raised(w[sees], where, max(known, fenced))
    first = max(entry(w[sees], where), 1)
    w[sees] = with_entry(w[sees], where, first)
    return min(first, max(known, 1)) if kind == IN_DATA else first
