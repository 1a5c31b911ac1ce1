"""What each task can know of the words that others change: histories of values, and views.

A word that somebody loads without a lock has a history: its values in coherence order, as far back
as anybody may still load them. A view says of each word which value is the oldest that may be
loaded. A task *sees* a view; it *knows* another, which barriers let it see; what it stores
*carries* a third, and a fourth holds its *own* stores, which smp_wmb() lets later stores carry.

Source
------
Kang, Hur, Lahav, Vafeiadis, Dreyer, "A promising semantics for relaxed-memory concurrency", POPL
2017 (histories and views; without promises). Linux ``tools/memory-model/linux-kernel.cat``, whose
``prop``, ``cumul-fence`` and ``strong-fence`` say which view goes where; ``docs/check.md``.
"""

from dessim.engines.explorer.layout import *
from dessim.kernel.layout import *

BY_FENCES = 0  # the view of full barriers


def entry(view: int, where: int) -> int:
    """Return which value of a word a view begins with."""
    return (view >> (VIEW_BITS * where)) & VIEW_MASK


def with_entry(view: int, where: int, number: int) -> int:
    """Return a view that begins with another value of a word."""
    shift = VIEW_BITS * where
    return (view & ~(VIEW_MASK << shift)) | number << shift


def joined(w: World, x: int, one: int, other: int) -> int:
    """Return the later of two views, word by word."""
    if one == other:
        return one
    found = 0
    for where in range(w[x + X_WHERES]):
        shift = VIEW_BITS * where
        a = (one >> shift) & VIEW_MASK
        b = (other >> shift) & VIEW_MASK
        found |= (a if a > b else b) << shift
    return found


def raised(view: int, where: int, number: int) -> int:
    """Return a view that begins with a value of a word at least."""
    if entry(view, where) >= number:
        return view
    return with_entry(view, where, number)


def view_at(w: World, x: int, task: int, which: int) -> int:
    """Return where a view of a task stands."""
    return w[x + X_VIEWS] + 1 + task * VIEWS_OF_TASK + which


def lock_view_at(w: World, x: int, lock: int, which: int) -> int:
    """Return where a view of a lock stands."""
    return w[x + X_VIEWS] + 1 + w[H_TASKS] * VIEWS_OF_TASK + lock * VIEWS_OF_LOCK + which


def join_at(w: World, x: int, place: int, view: int) -> None:
    """Let a view take in another."""
    w[place] = joined(w, x, w[place], view)


def history_of(w: World, x: int, where: int) -> int:
    """Return where the history of a word begins."""
    return w[x + X_HISTORY] + where * HISTORY_WORDS


def value_of(w: World, x: int, where: int) -> int:
    """Return the value of a word in the World."""
    r = w[x + X_WHERE] + where * W_WORDS
    return (w[w[r + W_ADDRESS]] & w[r + W_MASK]) >> w[r + W_SHIFT]


def put_value(w: World, x: int, where: int, value: int) -> None:
    """Let a word in the World have a value."""
    r = w[x + X_WHERE] + where * W_WORDS
    place = w[r + W_ADDRESS]
    w[place] = (w[place] & ~w[r + W_MASK]) | value << w[r + W_SHIFT]


def full_barrier(w: World, x: int, task: int) -> None:
    """smp_mb(): all that the task knows is seen, carried, and known to full barriers from now on.

    Full barriers are in one order, as ``propagation`` in the model has them.
    """
    place = w[x + X_VIEWS] + BY_FENCES
    known = joined(w, x, w[view_at(w, x, task, KNOWS)], w[place])
    w[place] = known
    w[view_at(w, x, task, KNOWS)] = known
    join_at(w, x, view_at(w, x, task, SEES), known)
    w[view_at(w, x, task, CARRIES)] = known


def load(w: World, x: int, task: int, where: int, number: int, kind: int) -> None:
    """Note that a task has loaded a value of a word."""
    view = w[history_of(w, x, where) + G_VIEW + number]
    sees = view_at(w, x, task, SEES)
    knows = view_at(w, x, task, KNOWS)
    w[sees] = raised(w[sees], where, number)
    w[knows] = raised(joined(w, x, w[knows], view), where, number)
    w[view_at(w, x, task, LAST)] = view
    if kind == IS_LOAD_ACQUIRE or kind == IS_RMW_ACQUIRE:
        join_at(w, x, sees, view)


def shifted(view: int, where: int, first: int, by: int) -> int:
    """Return a view after values from one on have other numbers; 0: older than all."""
    number = entry(view, where)
    if number < first:
        return view
    number += by
    return with_entry(view, where, number if number > 0 else 0)


def shift_views(w: World, x: int, where: int, first: int, by: int) -> None:
    """Renumber the values of a word, from one on, in all views."""
    for place in range(w[x + X_VIEWS], w[x + X_VIEWS] + w[x + X_VIEW_COUNT]):
        w[place] = shifted(w[place], where, first, by)
    for other in range(w[x + X_WHERES]):
        g = history_of(w, x, other)
        for place in range(g + G_VIEW + 1, g + G_VIEW + 1 + w[g + G_COUNT]):
            w[place] = shifted(w[place], where, first, by)


def earlier(w: World, x: int, one: int, other: int) -> int:
    """Return the earlier of two views, word by word."""
    found = 0
    for where in range(w[x + X_WHERES]):
        shift = VIEW_BITS * where
        a = (one >> shift) & VIEW_MASK
        b = (other >> shift) & VIEW_MASK
        found |= (a if a < b else b) << shift
    return found


def merged(view: int, where: int, first: int, dropped: int) -> int:
    """Return a view after one value of a word has been taken for an older one."""
    number = entry(view, where)
    if number > dropped:
        return with_entry(view, where, number - 1)
    return with_entry(view, where, first) if number > first else view


def merge(w: World, x: int, where: int) -> int:
    """Take a value of a word for an older one that is the same; return whether there is such.

    Who knew the newer one knows only the older one from now on: more can happen than before, so
    that what never happens still never does. ``FULL_MERGED`` says that a trace may not be real.
    """
    g = history_of(w, x, where)
    for dropped in range(2, w[g + G_COUNT]):
        for first in range(1, dropped):
            if w[g + G_VALUE + first] == w[g + G_VALUE + dropped]:
                drop_value(w, x, where, first, dropped)
                w[x + X_FULL] |= FULL_MERGED
                return 1
    return 0


def drop_value(w: World, x: int, where: int, first: int, dropped: int) -> None:
    """Drop a value of a word in favour of an older one."""
    g = history_of(w, x, where)
    last = w[g + G_COUNT]
    w[g + G_VIEW + first] = earlier(w, x, w[g + G_VIEW + first], w[g + G_VIEW + dropped])
    for k in range(dropped, last + 1):
        w[g + G_VALUE + k] = w[g + G_VALUE + k + 1] if k < last else 0
        w[g + G_VIEW + k] = w[g + G_VIEW + k + 1] if k < last else 0
        w[g + G_GLUED + k] = w[g + G_GLUED + k + 1] if k < last else 0
    w[g + G_COUNT] = last - 1
    for place in range(w[x + X_VIEWS], w[x + X_VIEWS] + w[x + X_VIEW_COUNT]):
        w[place] = merged(w[place], where, first, dropped)
    for other in range(w[x + X_WHERES]):
        h = history_of(w, x, other)
        for place in range(h + G_VIEW + 1, h + G_VIEW + 1 + w[h + G_COUNT]):
            w[place] = merged(w[place], where, first, dropped)


def deepest(w: World, x: int, where: int) -> int:
    """Return how many values of a word are kept: two more than there are different ones.

    Then two of those between the first and the last are always the same, and can be merged. A
    flag has two, a mapcount one more than threads.
    """
    kind = w[w[x + X_WHERE] + where * W_WORDS + W_KIND]
    if kind == IN_REFCOUNT or kind == IN_DATA:
        return DEEPEST
    if kind == IN_MAPCOUNT:
        return min(DEEPEST, w[x + X_THREADS] + 3)
    return USUAL


def make_room(w: World, x: int, where: int, number: int) -> int:
    """Make room for a new value in a word's history; return its number, or 0 for lack of room."""
    g = history_of(w, x, where)
    last = w[g + G_COUNT]
    if last == deepest(w, x, where):
        if w[x + X_NUMBERS] or number <= last or merge(w, x, where) == 0:
            w[x + X_FULL] |= FULL_HISTORY
            return 0
        last = w[g + G_COUNT]
        number = last + 1
    shift_views(w, x, where, number, 1)
    for k in range(last, number - 1, -1):
        w[g + G_VALUE + k + 1] = w[g + G_VALUE + k]
        w[g + G_VIEW + k + 1] = w[g + G_VIEW + k]
        w[g + G_GLUED + k + 1] = w[g + G_GLUED + k]
    w[g + G_COUNT] = last + 1
    return number


def forget_before(w: World, x: int, where: int, number: int) -> None:
    """Drop the values of a word before one that is the oldest anybody may load."""
    g = history_of(w, x, where)
    last = w[g + G_COUNT]
    by = number - 1
    if by == 0:
        return
    for k in range(1, last + 1):
        moved = k + by
        w[g + G_VALUE + k] = w[g + G_VALUE + moved] if moved <= last else 0
        w[g + G_VIEW + k] = w[g + G_VIEW + moved] if moved <= last else 0
        w[g + G_GLUED + k] = w[g + G_GLUED + moved] if moved <= last else 0
    w[g + G_COUNT] = last - by
    shift_views(w, x, where, 1, -by)


def store(
    w: World, x: int, task: int, where: int, after: int, value: int, carried: int, glued: int
) -> int:
    """Put a value of a task behind another one of a word; return 0 if there is no room.

    ``carried`` is the view, of those of the task, that who loads the value gets to know. An RMW
    hands on what came with the value that it found, too: ``rmw-sequence`` in ``cumul-fence``, since
    Linux 6.3 (ebd50e2947de, "tools: memory-model: Add rmw-sequences to the LKMM").
    """
    number = make_room(w, x, where, after + 1)
    if number == 0:
        return 0
    g = history_of(w, x, where)
    view = w[view_at(w, x, task, carried)]
    if glued:
        view = joined(w, x, view, w[g + G_VIEW + number - 1])
    w[g + G_VALUE + number] = value
    w[g + G_VIEW + number] = view
    w[g + G_GLUED + number] = glued
    for which in (SEES, KNOWS, OWN):
        place = view_at(w, x, task, which)
        w[place] = raised(w[place], where, number)
    join_at(w, x, view_at(w, x, task, OWN), view)
    return 1
