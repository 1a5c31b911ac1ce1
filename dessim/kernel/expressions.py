"""What an expression of a protocol is worth: its locals, numbers, and in properties its state.

An expression is a line of pairs in the World, operands first (``protocol_names.E_*``). Steps may
mention locals only, and what the step itself has found; properties may mention everything.
"""

from dessim.kernel.addressing import lock_at
from dessim.kernel.layout import *


def combined(what: int, a: int, b: int) -> int:
    """Return what two numbers make together."""
    if what == E_ADD:
        return a + b
    if what == E_SUBTRACT:
        return a - b
    if what == E_TIMES:
        return a * b
    if what == E_AND:
        return a & b
    if what == E_OR:
        return a | b
    if what == E_XOR:
        return a ^ b
    if what == E_EQUAL:
        return 1 if a == b else 0
    if what == E_DIFFERS:
        return 1 if a != b else 0
    if what == E_LESS:
        return 1 if a < b else 0
    if what == E_AT_MOST:
        return 1 if a <= b else 0
    if what == E_LEFT:
        return a << b
    if what == E_RIGHT:
        return a >> b
    if what == E_BOTH:
        return 1 if a != 0 and b != 0 else 0
    return 1 if a != 0 or b != 0 else 0


def local_at(w: World, task: int, number: int) -> int:
    """Return where a local of a task stands."""
    q = w[H_PROTOCOL]
    return w[q + Q_LOCAL] + task * w[q + Q_LOCALS] + number


def is_queued(w: World, queue: int, task: int) -> int:
    """Return whether a task stands in a queue of a protocol."""
    line = w[w[w[H_PROTOCOL] + Q_QUEUE] + queue]
    while line:
        if line & ((1 << WAITER_BITS) - 1) == task + 1:
            return 1
        line >>= WAITER_BITS
    return 0


def seen_of(w: World, what: int, number: int) -> int:
    """Return what properties look at: a variable, somebody's local, whether a task has ended."""
    q = w[H_PROTOCOL]
    task = number >> 8
    if what == E_VARIABLE:
        return w[w[q + Q_VARIABLE] + number]
    if what == E_LOCAL_OF:
        return w[local_at(w, task, number & 255)]
    if what == E_ENDED:
        return 1 if w[w[H_TASK] + task * T_WORDS + T_AT] == ENDED else 0
    if what == E_LOCK:
        return w[lock_at(w, w[H_TASK], number) + K_HOLD]
    if what == E_TLB:
        return w[w[q + Q_TLB] + number]
    if what == E_QUEUED:
        return is_queued(w, number & 255, task)
    return w[q + Q_BUG]


def evaluate(w: World, task: int, place: int, old: int) -> int:
    """Return what an expression is worth to a task; ``old`` is what its step has found."""
    q = w[H_PROTOCOL]
    at = w[q + Q_CODE] + 2 * place
    base = w[q + Q_STACK]
    top = base
    while w[at] != E_END:
        what = w[at]
        if what == E_NUMBER:
            w[top] = w[at + 1]
            top += 1
        elif what == E_LOCAL:
            w[top] = w[local_at(w, task, w[at + 1])]
            top += 1
        elif what == E_OLD:
            w[top] = old
            top += 1
        elif what == E_NOT:
            w[top - 1] = 1 if w[top - 1] == 0 else 0
        elif what >= E_VARIABLE:
            w[top] = seen_of(w, what, w[at + 1])
            top += 1
        else:
            top -= 1
            w[top - 1] = combined(what, w[top - 1], w[top])
        at += 2
    return w[base]
