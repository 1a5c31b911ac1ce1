"""The event loop that is compiled together with the kernel.

A winner tree over tasks holds one key each, ``time << bits | task``: the root is the next event,
ties are settled by the task. A loop that is made for one program (``translate.threaded``) keeps the
task's program counter in ``low`` more bits below that: it then knows where to go before it has read
the task's record. In the loop for all programs ``low`` is 0.

After an event, steps of the same task that nobody else can see follow at once on its own clock
(fusing); the next step that others can see waits for its turn.
"""

from dessim.kernel.addressing import is_private
from dessim.kernel.layout import *
from dessim.kernel.steps import advance

NEVER = (1 << 63) - 1
TOO_LATE = -1
STOPPED = -2
NO_ROOM = -3  # a key has no room for a time next to task and counter; without the counter it has
LOGGING = 0  # a constant: with 1 a second kernel is compiled, so that the first pays nothing
LOG_ROW = 3
FUSE_AT_MOST = 4096  # private steps in one go: bounds the time between two looks at the clock


def task_bits(tasks: int) -> int:
    """Return the bits of a key that name the task."""
    return max(1, (tasks - 1).bit_length())


def set_key(tree: World, leaf: int, key: int, bits: int) -> int:
    """Set the key of a leaf of the winner tree and replay its matches; return the winner.

    The winner so far stays in a register, and only its opponent is read at each level.
    """
    node = leaf
    tree[node] = key
    for _ in range(bits):
        other = tree[node ^ 1]
        key = other if other < key else key
        node >>= 1
        tree[node] = key
    return key


def first_keys(w: World, tree: World, leaves: int, bits: int) -> None:
    """Give every task its first event, but those that somebody else will wake."""
    for task in range(w[H_TASKS]):
        at = w[w[H_TASK] + task * T_WORDS + T_AT]
        set_key(tree, leaves + task, NEVER if at == ASLEEP else at << bits | task, bits)


def write_log(w: World, log: World, key: int, bits: int) -> None:
    """Append time, task and program counter of a step that begins; the first word counts rows."""
    rows = log[0]
    log[0] = rows + 1
    place = 1 + LOG_ROW * rows
    task = key & ((1 << bits) - 1)
    log[place] = key >> bits
    log[place + 1] = task
    log[place + 2] = w[w[H_TASK] + task * T_WORDS + T_PC]


def any_woken(w: World) -> int:
    """Return whether the last event woke anybody."""
    return w[w[H_WOKEN]] != 0


def counter_of(w: World, task: int) -> int:
    """Return the program counter of a task."""
    return w[w[H_TASK] + task * T_WORDS + T_PC]


def key_of(w: World, task: int, when: int, bits: int, low: int) -> int:
    """Return the key of a task's event."""
    key = when << bits | task
    if low:
        key = key << low | counter_of(w, task)
    return key


def keys_of_woken(w: World, tree: World, leaves: int, bits: int, low: int, hand: int) -> int:
    """Give keys to the tasks that the last event woke; one of them is kept in hand.

    Who is woken is often next: then it need not go through the tree. ``hand`` is the key that is
    in hand already, or NEVER.

    Returns
    -------
    int
        The key in hand; TOO_LATE if a time does not fit in a key.
    """
    base = w[H_WOKEN]
    hand = key_of_woken(w, tree, leaves, bits, low, hand, w[base + 1])
    if w[base] > 1:
        hand = keys_of_others(w, tree, leaves, bits, low, hand)
    return hand


def key_of_woken(
    w: World, tree: World, leaves: int, bits: int, low: int, hand: int, woken: int
) -> int:
    """Give a key to a task that the last event woke: see ``keys_of_woken``."""
    when = w[w[H_TASK] + woken * T_WORDS + T_AT]
    if when >= NEVER >> (bits + low):
        return TOO_LATE
    key = key_of(w, woken, when, bits, low)
    if hand == NEVER and tree[leaves + woken] == NEVER:
        return key
    if hand != NEVER and (hand >> low) & ((1 << bits) - 1) == woken:
        return key
    lay_down(tree, leaves, bits, low, key)
    return hand


def keys_of_others(w: World, tree: World, leaves: int, bits: int, low: int, hand: int) -> int:
    """Give keys to all but the first task that the last event woke: see ``keys_of_woken``."""
    base = w[H_WOKEN]
    for i in range(1, w[base]):
        if hand >= 0:
            hand = key_of_woken(w, tree, leaves, bits, low, hand, w[base + 1 + i])
    return hand


def next_key(tree: World, leaves: int, bits: int, low: int, task: int, key: int, hand: int) -> int:
    """Set the acting task's key; return that of the next event, from the tree or from the hand."""
    key = set_key(tree, leaves + task, key, bits)
    if hand <= key:
        return hand
    lay_down(tree, leaves, bits, low, hand)
    return key


def run_chunk(w: World, tree: World, leaves: int, bits: int, budget: int, log: World) -> int:
    """Carry out up to ``budget`` events; return how many of the budget are left (0: go on).

    Returns TOO_LATE as soon as a time does not fit in a key next to the task, and STOPPED after a
    fatal BUG_ON or a step without meaning. There is one call of
    ``advance``, so that the compiler can put it in place.
    """
    mask = (1 << bits) - 1
    key = tree[1]
    hand = NEVER
    fused = 0
    while key != NEVER:
        if LOGGING:
            write_log(w, log, key, bits)
        task = key & mask
        at = advance(w, task, key >> bits)
        if w[w[H_WOKEN]]:
            hand = keys_of_woken(w, tree, leaves, bits, 0, hand)
        if hand < 0 or at >= NEVER >> bits:
            return TOO_LATE
        key = at << bits | task
        fused += 1
        if at >= 0 and fused < FUSE_AT_MOST and is_private(w, task):
            continue
        if at < 0:
            if at == HALTED:
                return STOPPED
            key = NEVER
        key = next_key(tree, leaves, bits, 0, task, key, hand)
        hand = NEVER
        fused = 0
        budget -= 1
        if budget == 0:
            lay_down(tree, leaves, bits, 0, key)
            return 0
    return budget


def lay_down(tree: World, leaves: int, bits: int, low: int, key: int) -> None:
    """Put a key into the tree: it may have been in hand."""
    if key != NEVER:
        set_key(tree, leaves + ((key >> low) & ((1 << bits) - 1)), key, bits)


# --- between a loop with counters in its keys and the loop for all ------------------------------


def put_counters(w: World, tree: World, leaves: int, bits: int, low: int) -> int:
    """Put counters into the keys of a tree; return NO_ROOM, with nothing changed, if none fits."""
    for node in range(1, 2 * leaves):
        if tree[node] != NEVER and tree[node] >= NEVER >> low:
            return NO_ROOM
    for node in range(1, 2 * leaves):
        if tree[node] != NEVER:
            task = tree[node] & ((1 << bits) - 1)
            tree[node] = tree[node] << low | counter_of(w, task)
    return 0


def take_counters(tree: World, leaves: int, low: int) -> int:
    """Take the counters out of the keys of a tree."""
    for node in range(1, 2 * leaves):
        if tree[node] != NEVER:
            tree[node] >>= low
    return 0


def finish_for_all(
    w: World, tree: World, leaves: int, bits: int, low: int, task: int, at: int, hand: int
) -> int:
    """Finish an event for which keys with counters have no room, so that the loop for all goes on.

    ``hand`` is the key that was in hand before the event. Whoever got a key from it already gets
    the same once more.

    Returns
    -------
    int
        NO_ROOM; TOO_LATE or STOPPED as ``run_chunk`` does.
    """
    lay_down(tree, leaves, bits, low, hand)
    take_counters(tree, leaves, low)
    hand = keys_of_woken(w, tree, leaves, bits, 0, NEVER) if w[w[H_WOKEN]] else NEVER
    if hand < 0 or at >= NEVER >> bits:
        return TOO_LATE
    lay_down(tree, leaves, bits, 0, hand)
    set_key(tree, leaves + task, NEVER if at < 0 else at << bits | task, bits)
    return STOPPED if at == HALTED else NO_ROOM
