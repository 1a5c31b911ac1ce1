"""Store buffers of x86: what a task has stored and others do not see yet.

Plain stores reach memory in order, and locked instructions wait for them (x86-TSO). Loads are
never delayed.

Source
------
Sewell, Sarkar, Owens, Nardelli, Myreen, "x86-TSO: a rigorous and usable programmer's model for x86
multiprocessors", CACM 53(7), 2010 (store buffers with forwarding).
"""

from dessim.engines.explorer.layout import *
from dessim.kernel.layout import *

TWO_BITS = 901  # errors of the explorer itself
NO_ROOM = 902


def buffer_of(w: World, x: int, task: int) -> int:
    """Return where a task's store buffer begins."""
    return w[x + X_BUFFER] + task * B_WORDS


def perform(w: World, x: int, entry: int) -> None:
    """Let one entry of a store buffer act on the words as they are now."""
    place = w[w[x + X_SHARE] + w[entry + E_SHARED]]
    kind = w[entry + E_KIND]
    value = w[entry + E_VALUE]
    if kind == STORE or kind == STORE_RELEASE:
        w[place] = value
    elif kind == STORES_BEFORE:
        return
    elif kind == ADD:
        w[place] += value
    elif kind == CLEAR_BIT:
        w[place] &= ~(1 << value)
    else:
        w[place] |= 1 << value


def may_reach_memory(w: World, x: int, task: int, which: int) -> int:
    """Return whether one of a task's stores can become visible to all next.

    The oldest; in pso also a later one, unless it is a release, or one before it is to the same
    word, or a barrier stands between.
    """
    b = buffer_of(w, x, task)
    if which >= w[b + B_COUNT]:
        return 0
    if which == 0:
        return 1
    entry = b + B_ENTRY + which * E_WORDS
    if w[x + X_PSO] == 0 or w[entry + E_KIND] >= STORE_RELEASE:
        return 0
    for earlier in range(b + B_ENTRY, entry, E_WORDS):
        if w[earlier + E_KIND] == STORES_BEFORE or w[earlier + E_SHARED] == w[entry + E_SHARED]:
            return 0
    return 1


def reach_memory(w: World, x: int, task: int, which: int) -> None:
    """Let one of a task's stores become visible to all."""
    perform(w, x, buffer_of(w, x, task) + B_ENTRY + which * E_WORDS)
    drop_entry(w, x, task, which)
    while w[buffer_of(w, x, task) + B_ENTRY + E_KIND] == STORES_BEFORE:
        drop_entry(w, x, task, 0)


def drop_entry(w: World, x: int, task: int, which: int) -> None:
    """Take an entry out of a task's buffer."""
    b = buffer_of(w, x, task)
    last = w[b + B_COUNT] - 1
    for place in range(b + B_ENTRY + which * E_WORDS, b + B_ENTRY + last * E_WORDS):
        w[place] = w[place + E_WORDS]
    for place in range(b + B_ENTRY + last * E_WORDS, b + B_ENTRY + (last + 1) * E_WORDS):
        w[place] = 0
    w[b + B_COUNT] = last


def append(w: World, x: int, task: int, shared: int, kind: int, value: int) -> None:
    """Put a store at the end of a task's buffer."""
    b = buffer_of(w, x, task)
    count = w[b + B_COUNT]
    if count == CAPACITY:
        w[x + X_ERROR] = NO_ROOM
        return
    entry = b + B_ENTRY + count * E_WORDS
    w[entry + E_SHARED] = shared
    w[entry + E_KIND] = kind
    w[entry + E_VALUE] = value
    w[b + B_COUNT] = count + 1


def is_pending(w: World, x: int, task: int, place: int) -> int:
    """Return whether a task has a store to a word on its way."""
    b = buffer_of(w, x, task)
    for which in range(w[b + B_COUNT]):
        if w[w[x + X_SHARE] + w[b + B_ENTRY + which * E_WORDS + E_SHARED]] == place:
            return 1
    return 0


def put_on(w: World, x: int, task: int) -> None:
    """Show memory as the task sees it: with its own stores. Remembers memory as it is."""
    saved, view, share = w[x + X_SAVED], w[x + X_VIEW], w[x + X_SHARE]
    for k in range(w[x + X_SHARED]):
        w[saved + k] = w[w[share + k]]
    b = buffer_of(w, x, task)
    for which in range(w[b + B_COUNT]):
        perform(w, x, b + B_ENTRY + which * E_WORDS)
    for k in range(w[x + X_SHARED]):
        w[view + k] = w[w[share + k]]


def take_off(w: World, x: int, task: int, order: int) -> None:
    """Show memory as it is again; what the task changed goes there, or into its buffer."""
    saved, view, share = w[x + X_SAVED], w[x + X_VIEW], w[x + X_SHARE]
    for k in range(w[x + X_SHARED]):
        place = w[share + k]
        after = w[place]
        before = w[view + k]
        if after == before:
            w[place] = w[saved + k]
        elif order == CLASS_DELAYED or order == CLASS_DELAYED_RELEASE:
            w[place] = w[saved + k]
            remember_change(w, x, task, k, before, after, order)
    if order == CLASS_WMB and w[buffer_of(w, x, task) + B_COUNT]:
        append(w, x, task, 0, STORES_BEFORE, 0)


def is_bits(w: World, x: int, shared: int) -> int:
    """Return whether a shared word is a set of bits: flags or ptes. The next word says so."""
    return w[w[x + X_SHARE] + w[x + X_SHARED] + shared]


def remember_change(
    w: World, x: int, task: int, shared: int, before: int, after: int, order: int
) -> None:
    """Put the difference that a step made to a word in the task's buffer."""
    kind = is_bits(w, x, shared)
    if kind == 0:
        release = order == CLASS_DELAYED_RELEASE
        append(w, x, task, shared, STORE_RELEASE if release else STORE, after)
        return
    if kind == ADD:
        append(w, x, task, shared, ADD, after - before)
        return
    changed = before ^ after
    bit = 0
    while (changed >> bit) & 1 == 0:
        bit += 1
    if changed != 1 << bit:
        w[x + X_ERROR] = TWO_BITS
    append(w, x, task, shared, SET_BIT if after & changed else CLEAR_BIT, bit)


def pending_sum(w: World, x: int, place: int) -> int:
    """Return what is still on its way to be added to a word."""
    total = 0
    for task in range(w[H_TASKS]):
        b = buffer_of(w, x, task)
        for which in range(w[b + B_COUNT]):
            entry = b + B_ENTRY + which * E_WORDS
            if w[entry + E_KIND] == ADD and w[w[x + X_SHARE] + w[entry + E_SHARED]] == place:
                total += w[entry + E_VALUE]
    return total


def buffers_are_empty(w: World, x: int) -> int:
    """Return whether all stores have reached memory."""
    for task in range(w[H_TASKS]):
        if w[buffer_of(w, x, task) + B_COUNT]:
            return 0
    return 1
