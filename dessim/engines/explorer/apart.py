"""The same search by several workers: they expand states apart, and one takes in what they found.

A worker has a World of its own and reads the states that are known when it begins. What it finds
it writes down, state by state. Taking that in, in the order of the states, is the search of
``search`` word for word: the same numbers of states, the same parents, the same first witnesses,
however many work.
"""

from dessim.engines.explorer.enough import enough
from dessim.engines.explorer.layout import *
from dessim.engines.explorer.search import (
    MOVE_BITS,
    carry_out_move,
    is_possible,
    is_stuck,
    new_state,
    violate,
    violate_all,
    why_stop,
)
from dessim.engines.explorer.states import find_known, find_slot, pack, unpack
from dessim.engines.explorer.watch import inspect
from dessim.kernel.layout import *


def write_down(
    w: World,
    x: int,
    keys: World,
    table: World,
    size: int,
    known: int,
    out: World,
    place: int,
    action: int,
) -> int:
    """Write down what a move comes to, which the World has made; return where the next goes."""
    words = w[x + X_KEYS]
    out[place + C_ACTION] = action
    out[place + C_OUTCOME] = carry_out_move(w, x, action)
    out[place + C_STATE] = 0
    if out[place + C_OUTCOME] != MADE:
        return place + FOUND_WORDS
    pack(w, x)
    out[place + C_STATE] = find_known(w, w[x + X_KEY], words, keys, table, size, known)
    if out[place + C_STATE] >= 0:
        return place + FOUND_WORDS
    w[x + X_PLACE] += 1
    for k in range(words):
        out[place + FOUND_WORDS + k] = w[w[x + X_KEY] + k]
    out[place + C_WRONG] = inspect(w, x)
    return place + FOUND_WORDS + words


def expand_one(
    w: World,
    x: int,
    keys: World,
    table: World,
    size: int,
    known: int,
    out: World,
    place: int,
    state: int,
) -> int:
    """Try all moves of a state, and write down what they come to; return where the next goes."""
    words = w[x + X_KEYS]
    w[x + X_MOVES] = 0
    w[x + X_FULL] = 0
    each = MOVES_OF_TASK if w[x + X_MODEL] == SC else 1
    unpack(w, x, keys, state * words)
    out[place + R_STUCK] = is_stuck(w, x)
    only = enough(w, x)
    at = place + R_WORDS
    found = 0
    dirty = 0
    for action in range(0, w[H_TASKS] * MOVES_OF_TASK, each):
        if dirty:
            unpack(w, x, keys, state * words)
            dirty = 0
        if (only < 0 or action == only) and is_possible(w, x, action):
            at = write_down(w, x, keys, table, size, known, out, at, action)
            found += 1
            dirty = 1
    out[place + R_MOVES] = w[x + X_MOVES]
    out[place + R_FULL] = w[x + X_FULL]
    out[place + R_ERROR] = w[x + X_ERROR]
    out[place + R_FOUND] = found
    return at


def expand_apart(
    w: World,
    x: int,
    keys: World,
    table: World,
    size: int,
    known: int,
    out: World,
    room: int,
    first: int,
    last: int,
) -> int:
    """Expand states ``first`` to ``last``, as far as there is room; return how many.

    ``X_PLACE`` counts what is written down of states that were not known: their keys.
    """
    w[x + X_PLACE] = 0
    most = R_WORDS + w[H_TASKS] * MOVES_OF_TASK * (FOUND_WORDS + w[x + X_KEYS])
    place = 0
    state = first
    while state < last and place + most <= room:
        place = expand_one(w, x, keys, table, size, known, out, place, state)
        state += 1
    return state - first


def take_in_move(
    w: World,
    x: int,
    keys: World,
    parents: World,
    table: World,
    size: int,
    out: World,
    place: int,
    state: int,
) -> int:
    """Take in what a move of a state came to; return the state that it leads to."""
    outcome = out[place + C_OUTCOME]
    if outcome == NO_MOVE:
        return NO_MOVE
    action = out[place + C_ACTION]
    if outcome != MADE:
        violate(w, x, outcome, state, action)
        return TO_BUG
    if out[place + C_STATE] >= 0:
        return out[place + C_STATE]
    key = place + FOUND_WORDS
    words = w[x + X_KEYS]
    slot = find_slot(out, key, words, keys, table, size)
    if table[slot]:
        return table[slot] - 1
    led_to = w[x + X_STATES]
    for k in range(words):
        keys[led_to * words + k] = out[key + k]
    new_state(w, x, parents, table, slot, state << MOVE_BITS | action)
    if out[place + C_WRONG]:
        violate_all(w, x, out[place + C_WRONG], led_to)
    return led_to


def take_in_one(
    w: World,
    x: int,
    keys: World,
    parents: World,
    edges: World,
    table: World,
    size: int,
    out: World,
    place: int,
    state: int,
) -> int:
    """Take in what the moves of a state came to; return where the next state stands."""
    actions = w[H_TASKS] * MOVES_OF_TASK
    each = MOVES_OF_TASK if w[x + X_MODEL] == SC else 1
    w[x + X_MOVES] += out[place + R_MOVES]
    w[x + X_FULL] |= out[place + R_FULL]
    w[x + X_ERROR] = out[place + R_ERROR]
    if out[place + R_STUCK]:
        violate(w, x, DEADLOCK, state, NO_MOVE)
    if w[x + X_EDGES]:
        for number in range(actions // each):
            edges[state * (actions // each) + number] = NO_MOVE
    at = place + R_WORDS
    for _ in range(out[place + R_FOUND]):
        led_to = take_in_move(w, x, keys, parents, table, size, out, at, state)
        if w[x + X_EDGES]:
            edges[state * (actions // each) + out[at + C_ACTION] // each] = led_to
        fresh = out[at + C_OUTCOME] == MADE and out[at + C_STATE] < 0
        at += FOUND_WORDS + w[x + X_KEYS] if fresh else FOUND_WORDS
    return at


def take_in(
    w: World,
    x: int,
    keys: World,
    parents: World,
    edges: World,
    table: World,
    size: int,
    room: int,
    out: World,
    count: int,
) -> int:
    """Take in what a worker found out of the next states; return why it stopped, or GO.

    ``X_PLACE`` says where the first of them stands, and then where the next one does.
    """
    for _ in range(count):
        stop = why_stop(w, x, room)
        if stop != GO:
            return stop
        state = w[x + X_DONE]
        place = w[x + X_PLACE]
        w[x + X_PLACE] = take_in_one(w, x, keys, parents, edges, table, size, out, place, state)
        w[x + X_DONE] = state + 1
    return GO
