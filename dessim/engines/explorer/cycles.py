"""Livelock: a circle of states in which everybody who can move does, and yet nobody arrives.

Strongly connected components of the graph of states. A component is fair if each task (and each
store buffer) either moves inside it or cannot move in one of its states: weak fairness. It is a
livelock if a task that has only so much to do moves inside it.

Source
------
Tarjan, "Depth-first search and linear graph algorithms", SIAM J. Comput. 1(2), 1972, without
recursion.
"""

from dessim.engines.explorer.layout import *
from dessim.kernel.layout import *

UNSEEN = 0
CLOSED = 1 << 60


def agent_of(w: World, move: int, each: int, model: int) -> int:
    """Return who makes a move: a task, or (numbered after them) its store buffer."""
    if each == 1:
        return move
    task = move // each
    if move == task * each or model != TSO:
        return task
    return w[H_TASKS] + task


def is_fair_livelock(
    w: World,
    edges: World,
    stack: World,
    low: World,
    base: int,
    top: int,
    finite: int,
    moves: int,
    each: int,
    model: int,
) -> int:
    """Return whether the component ``stack[base:top]``, marked in ``low``, is a livelock."""
    mark = low[stack[base]]
    moved = 0
    idle = 0
    for k in range(base, top):
        state = stack[k]
        able = 0
        for number in range(moves):
            led_to = edges[state * moves + number]
            if led_to == -1:
                continue
            agent = agent_of(w, number, each, model)
            able |= 1 << agent
            if led_to >= 0 and low[led_to] == mark:
                moved |= 1 << agent
        idle |= ~able
    agents = w[H_TASKS] if model != TSO else 2 * w[H_TASKS]
    everybody = (1 << agents) - 1
    return moved & finite != 0 and (moved | idle) & everybody == everybody


def next_unseen(
    edges: World, index: World, low: World, calls: World, depth: int, moves: int
) -> int:
    """Go on with the moves of the state on top of the calls; return one not yet seen, or -1."""
    state = calls[2 * depth]
    while calls[2 * depth + 1] < moves:
        led_to = edges[state * moves + calls[2 * depth + 1]]
        calls[2 * depth + 1] += 1
        if led_to < 0:
            continue
        if index[led_to] == UNSEEN:
            return led_to
        if low[led_to] < CLOSED and index[led_to] < low[state]:
            low[state] = index[led_to]
    return -1


def close_component(index: World, low: World, stack: World, top: int, state: int) -> int:
    """Mark the component that ends on top of the stack; return where it begins there."""
    base = top - 1
    while stack[base] != state:
        base -= 1
    for k in range(base, top):
        low[stack[k]] = CLOSED + index[state]
    return base


def earliest(stack: World, base: int, top: int) -> int:
    """Return the first state of a component that the search found."""
    found = stack[base]
    for k in range(base, top):
        if stack[k] < found:
            found = stack[k]
    return found


def find_livelock(
    w: World,
    x: int,
    edges: World,
    index: World,
    low: World,
    stack: World,
    calls: World,
    finite: int,
) -> int:
    """Return the state of a livelock that was found first, or -1.

    ``index``, ``low``, ``stack`` are scratch of a word per state, zero at first; ``calls`` has two.
    """
    each = MOVES_OF_TASK if w[x + X_MODEL] != SC else 1
    moves = w[H_TASKS] * each
    found = -1
    clock = 0
    top = 0
    for root in range(w[x + X_STATES]):
        depth = 0 if index[root] == UNSEEN else -1
        calls[0] = root
        calls[1] = 0
        while depth >= 0:
            state = calls[2 * depth]
            if index[state] == UNSEEN:
                clock += 1
                index[state] = clock
                low[state] = clock
                stack[top] = state
                top += 1
            led_to = next_unseen(edges, index, low, calls, depth, moves)
            if led_to >= 0:
                depth += 1
                calls[2 * depth] = led_to
                calls[2 * depth + 1] = 0
                continue
            if low[state] == index[state]:
                base = close_component(index, low, stack, top, state)
                model = w[x + X_MODEL]
                if is_fair_livelock(w, edges, stack, low, base, top, finite, moves, each, model):
                    first = earliest(stack, base, top)
                    found = first if found < 0 or first < found else found
                top = base
            depth -= 1
            if depth >= 0 and low[state] < CLOSED and low[state] < low[calls[2 * depth]]:
                low[calls[2 * depth]] = low[state]
    return found
