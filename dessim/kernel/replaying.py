"""What a task does between two accesses of a trace: it thinks, or waits until the next arrives."""

from dessim.kernel.accounting import count
from dessim.kernel.addressing import recorded_at
from dessim.kernel.layout import *
from dessim.kernel.ops import *
from dessim.kernel.pages import GO_ON, MEANINGLESS


def recorded_page(w: World, t: int) -> int:
    """Return the page of the task's next access."""
    return w[recorded_at(w, t)]


def arrive_ps(w: World, t: int, now: int) -> int:
    """Return ps until the task's next access: nothing if it is late for it."""
    ps = w[recorded_at(w, t) + 1]
    if w[H_OPEN] == 0:
        return ps
    return ps - now if ps > now else 0


def replay_step(w: World, t: int, i: int, done: int) -> int:
    """Let the next access arrive; of one that its task is late for, note by how much."""
    if w[i + I_OP] != OP_ARRIVE:
        return MEANINGLESS
    late = done - w[recorded_at(w, t) + 1]
    if w[H_OPEN] and late > 0:
        count(w, N_LATE_FAULTS, 1)
        count(w, N_LATE_PS, late)
    return GO_ON
