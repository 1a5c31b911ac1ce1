"""Breadth first through all states: counterexamples are shortest."""

from dessim.engines.explorer.buffers import buffers_are_empty, may_reach_memory, reach_memory
from dessim.engines.explorer.enough import enough
from dessim.engines.explorer.layout import *
from dessim.engines.explorer.moves import can_choose, can_go_on, can_move, move
from dessim.engines.explorer.states import find_slot, hash_of, pack, unpack
from dessim.engines.explorer.watch import all_ended, inspect
from dessim.kernel.addressing import lock_at
from dessim.kernel.layout import *

MOVE_BITS = 8


def violate(w: World, x: int, which: int, state: int, action: int) -> None:
    """Note a violated property with its first witness: a state, and a move out of it or none."""
    if w[x + X_MUTE] or (w[x + X_VIOLATED] >> which) & 1:
        return
    w[x + X_VIOLATED] |= 1 << which
    w[w[x + X_WITNESS] + 2 * which] = state
    w[w[x + X_WITNESS] + 2 * which + 1] = action


def violate_all(w: World, x: int, wrong: int, state: int) -> None:
    """Note all properties that a state violates."""
    which = 0
    while wrong >> which:
        if (wrong >> which) & 1:
            violate(w, x, which, state, NO_MOVE)
        which += 1


def new_state(w: World, x: int, parents: World, table: World, slot: int, origin: int) -> int:
    """Note that there is a state more, whose key the caller stores; return its number."""
    state = w[x + X_STATES]
    parents[state] = origin
    table[slot] = state + 1
    w[x + X_STATES] = state + 1
    return state


def settle(
    w: World, x: int, keys: World, parents: World, table: World, size: int, origin: int
) -> int:
    """Return the number of the state of the World; a new one is stored and inspected."""
    pack(w, x)
    key = w[x + X_KEY]
    slot = find_slot(w, key, w[x + X_KEYS], keys, table, size)
    if table[slot]:
        return table[slot] - 1
    state = w[x + X_STATES]
    words = w[x + X_KEYS]
    for k in range(words):
        keys[state * words + k] = w[key + k]
    new_state(w, x, parents, table, slot, origin)
    wrong = inspect(w, x)
    if wrong:
        violate_all(w, x, wrong, state)
    return state


def bugs(w: World) -> int:
    """Return how many BUG_ONs have fired."""
    return w[w[H_COUNT] + N_BUG1] + w[w[H_COUNT] + N_BUG1 + 1]


def carry_out_move(w: World, x: int, action: int) -> int:
    """Carry out one move of the state in the World.

    Returns MADE; NO_MOVE if it was not possible after all; BUG1 or BUG1 + 1 if a BUG_ON fired.
    """
    task = action // MOVES_OF_TASK
    which = action - task * MOVES_OF_TASK
    w[x + X_MOVES] += 1
    if which and w[x + X_MODEL] == TSO:
        reach_memory(w, x, task, which - 1)
        return MADE
    first = w[w[H_COUNT] + N_BUG1]
    before = bugs(w)
    w[x + X_REFUSED] = 0
    move(w, x, task, which)
    if w[x + X_REFUSED]:
        w[w[H_COUNT] + N_BUG1] = first
        w[w[H_COUNT] + N_BUG1 + 1] = before - first
        return NO_MOVE
    if bugs(w) != before:
        return BUG1 if w[w[H_COUNT] + N_BUG1] != first else BUG1 + 1
    return MADE


def try_move(
    w: World, x: int, keys: World, parents: World, table: World, size: int, state: int, action: int
) -> int:
    """Carry out one move of a state, which is in the World; return the state that it leads to.

    A BUG_ON that fires ends it all: nothing comes after it.
    """
    outcome = carry_out_move(w, x, action)
    if outcome == NO_MOVE:
        return NO_MOVE
    if outcome != MADE:
        violate(w, x, outcome, state, action)
        return TO_BUG
    return settle(w, x, keys, parents, table, size, state << MOVE_BITS | action)


def is_possible(w: World, x: int, action: int) -> int:
    """Return whether a move can be made in the state of the World."""
    task = action // MOVES_OF_TASK
    which = action - task * MOVES_OF_TASK
    if w[x + X_MODEL] == LKMM:
        return can_choose(w, x, task, which)
    if which == 0:
        return can_move(w, x, task)
    return may_reach_memory(w, x, task, which - 1)


def overtakes_writer(w: World, x: int, task: int) -> int:
    """Return whether a task's next step would pass a writer that may have queued before it.

    Readers of a lock that is held by readers wait if a writer waits: for the search for deadlocks
    such a move does not count.
    """
    t = w[H_TASK] + task * T_WORDS
    pc = w[t + T_PC]
    i = w[H_PROG] + pc * I_WORDS
    if w[w[x + X_NEEDS] + pc] != NEEDS_LOCK or w[i + I_B] == 0:
        return 0
    lock = lock_at(w, t, w[i + I_A])
    if w[lock + K_HOLD] <= 0:
        return 0
    for other in range(w[H_TASKS]):
        o = w[H_TASK] + other * T_WORDS
        j = w[H_PROG] + w[o + T_PC] * I_WORDS
        takes = w[w[x + X_NEEDS] + w[o + T_PC]] == NEEDS_LOCK
        if w[o + T_AT] != ENDED and takes and w[j + I_B] == 0:
            if lock_at(w, o, w[j + I_A]) == lock:
                return 1
    return 0


def is_stuck(w: World, x: int) -> int:
    """Return whether nobody can be relied on to move, though not all have ended."""
    for task in range(w[H_TASKS]):
        if can_go_on(w, x, task) and overtakes_writer(w, x, task) == 0:
            return 0
    if w[x + X_MODEL] == TSO and buffers_are_empty(w, x) == 0:
        return 0
    return all_ended(w) == 0


def expand(
    w: World, x: int, keys: World, parents: World, edges: World, table: World, size: int, state: int
) -> None:
    """Try all moves of a state."""
    words = w[x + X_KEYS]
    actions = w[H_TASKS] * MOVES_OF_TASK
    each = 1
    if w[x + X_MODEL] == SC:
        each = MOVES_OF_TASK  # no store is ever on its way
    unpack(w, x, keys, state * words)
    if is_stuck(w, x):
        violate(w, x, DEADLOCK, state, NO_MOVE)
    dirty = 0
    only = enough(w, x)
    for action in range(0, actions, each):
        if dirty:
            unpack(w, x, keys, state * words)
            dirty = 0
        led_to = NO_MOVE
        if (only < 0 or action == only) and is_possible(w, x, action):
            led_to = try_move(w, x, keys, parents, table, size, state, action)
            dirty = 1
        if w[x + X_EDGES]:
            edges[state * (actions // each) + action // each] = led_to


def why_stop(w: World, x: int, room: int) -> int:
    """Return why no further state can be expanded, or GO."""
    if w[x + X_ERROR]:
        return BROKEN
    if w[x + X_VIOLATED] & w[x + X_WANTED] == w[x + X_WANTED]:
        return FINISHED
    if w[x + X_STATES] >= w[x + X_BOUND]:
        return BOUND
    if w[x + X_STATES] + w[H_TASKS] * MOVES_OF_TASK > room:
        return GROW
    return GO


def search_some(
    w: World,
    x: int,
    keys: World,
    parents: World,
    edges: World,
    table: World,
    size: int,
    room: int,
    budget: int,
) -> int:
    """Go on with a breadth-first search; return why it paused or ended."""
    while w[x + X_DONE] < w[x + X_STATES]:
        stop = why_stop(w, x, room)
        if stop != GO:
            return stop
        if budget == 0:
            return GROW
        state = w[x + X_DONE]
        expand(w, x, keys, parents, edges, table, size, state)
        w[x + X_DONE] = state + 1
        budget -= 1
    return BROKEN if w[x + X_ERROR] else FINISHED


def first_state(w: World, x: int, keys: World, parents: World, table: World, size: int) -> None:
    """Store the state of the World as the one where everything begins."""
    settle(w, x, keys, parents, table, size, NO_MOVE)


def insert_again(w: World, x: int, keys: World, table: World, size: int) -> None:
    """Fill a new hash table with all states."""
    words = w[x + X_KEYS]
    for state in range(w[x + X_STATES]):
        slot = hash_of(keys, state * words, words) & (size - 1)
        while table[slot]:
            slot = (slot + 1) & (size - 1)
        table[slot] = state + 1
