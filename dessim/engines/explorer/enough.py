"""Partial order: in some states one task's next step is enough, and the others can come later.

``reduction`` says for which steps; here only what a state decides.
"""

from dessim.engines.explorer.layout import *
from dessim.engines.explorer.moves import can_move
from dessim.kernel.layout import *


def meets_nobody(w: World, task: int, row: int) -> int:
    """Return whether no other task can come to a step that depends on a task's next one."""
    for other in range(w[H_TASKS]):
        o = w[H_TASK] + other * T_WORDS
        if other == task or w[o + T_AT] == ENDED:
            continue
        pc = w[o + T_PC]
        if (w[row + 1 + pc // ROW_BITS] >> (pc - pc // ROW_BITS * ROW_BITS)) & 1:
            return 0
    return 1


def enough(w: World, x: int) -> int:
    """Return a move of the state in the World that is enough to try, or NO_MOVE."""
    if w[x + X_ENOUGH] == 0:
        return NO_MOVE
    for task in range(w[H_TASKS]):
        t = w[H_TASK] + task * T_WORDS
        row = w[x + X_ENOUGH] + w[t + T_PC] * w[x + X_ENOUGH_ROW]
        if w[row] and can_move(w, x, task) and meets_nobody(w, task, row):
            return task * MOVES_OF_TASK
    return NO_MOVE
