"""What a step of a protocol needs, and what is noted behind it: waiters, RCU, CPUs, locals."""

from dessim.engines.explorer.buffers import append, buffer_of, buffers_are_empty
from dessim.engines.explorer.layout import *
from dessim.engines.explorer.views import full_barrier, join_at, lock_view_at, view_at
from dessim.kernel.expressions import evaluate
from dessim.kernel.layout import *
from dessim.kernel.protocols import can_wake, condition_code, variable_at


def cpu_is_taken(w: World, x: int, task: int) -> int:
    """Return whether another task on the same CPU keeps it, or its stores are not in memory.

    A switch is a full barrier: nobody runs there before the other's stores are in memory.
    """
    q = w[H_PROTOCOL]
    cpu = w[w[q + Q_CPU] + task]
    for other in range(w[H_TASKS]):
        if other != task and w[w[q + Q_CPU] + other] == cpu:
            if w[w[q + Q_HELD] + other]:
                return 1
            if w[x + X_MODEL] == TSO and w[buffer_of(w, x, other) + B_COUNT]:
                return 1
    return 0


def seen_by(w: World, x: int, task: int, place: int) -> int:
    """Return what a task sees in a word of memory: its own last store, if that is on its way."""
    found = w[place]
    if w[x + X_MODEL] != TSO:
        return found
    b = buffer_of(w, x, task)
    for which in range(w[b + B_COUNT]):
        entry = b + B_ENTRY + which * E_WORDS
        if w[w[x + X_SHARE] + w[entry + E_SHARED]] == place and w[entry + E_KIND] != STORES_BEFORE:
            found = w[entry + E_VALUE]
    return found


def waits_no_longer(w: World, x: int, task: int, i: int, needs: int) -> int:
    """Return whether there is what a step of a protocol waits for."""
    if needs == NEEDS_VALUE:
        found = seen_by(w, x, task, variable_at(w, task, i))
        return evaluate(w, task, condition_code(w[i + I_B]), found) != 0
    if needs == NEEDS_WAKE_UP:
        return can_wake(w, task)
    if needs == NEEDS_NO_READERS:
        if w[w[w[H_PROTOCOL] + Q_GRACE] + task]:
            return 0
        return w[x + X_MODEL] != TSO or buffers_are_empty(w, x)
    return w[x + X_MODEL] != TSO or buffers_are_empty(w, x)


def delay_store(w: World, x: int, task: int, place: int, before: int, order: int) -> None:
    """Put what a task has just stored in its buffer, whether it was something new or not."""
    stored = w[place]
    w[place] = before
    shared = place - w[w[H_PROTOCOL] + Q_VARIABLE]
    append(w, x, task, shared, STORE if order == CLASS_DELAYED else STORE_RELEASE, stored)


def forget_locals(w: World, x: int, task: int) -> None:
    """Forget the locals of a task that make no difference any more."""
    q = w[H_PROTOCOL]
    t = w[H_TASK] + task * T_WORDS
    live = w[w[x + X_LIVE] + w[t + T_PC]]
    base = w[q + Q_LOCAL] + task * w[q + Q_LOCALS]
    for number in range(w[q + Q_LOCALS]):
        if (live >> number) & 1 == 0:
            w[base + number] = 0


def settle_section(w: World, x: int, task: int, order: int) -> None:
    """Note, in lkmm, what RCU orders: a read section and a grace period are never both first.

    A section that begins behind the beginning of a grace period sees all from before that; a grace
    period that waits for a section is over behind all that the section did (``rcu-fence`` in the
    model, which is a strong fence).
    """
    q = w[H_PROTOCOL]
    begun = lock_view_at(w, x, w[x + X_FACTS], LOCK_KNOWS)
    over = lock_view_at(w, x, w[x + X_FACTS] + 1 + task, LOCK_KNOWS)
    knows = view_at(w, x, task, KNOWS)
    depth = w[w[q + Q_SECTION] + task]
    if order == IS_RCU_LOCK and depth == 1:
        for which in (SEES, KNOWS, CARRIES, OWN):
            join_at(w, x, view_at(w, x, task, which), w[begun])
    elif order == IS_RCU_UNLOCK and depth == 0:
        join_at(w, x, over, w[knows])
    elif order == IS_GRACE_BEGIN:
        full_barrier(w, x, task)
        join_at(w, x, begun, w[knows])
    elif order == IS_GRACE_END:
        for other in range(w[H_TASKS]):
            join_at(w, x, knows, w[lock_view_at(w, x, w[x + X_FACTS] + 1 + other, LOCK_KNOWS)])
        full_barrier(w, x, task)


def judged(w: World, x: int, rest: int) -> int:
    """Return which properties of a protocol its state violates, one bit each."""
    wrong = 0
    for number in range(w[x + X_PROPERTIES]):
        p = w[x + X_PROPERTY] + 3 * number
        if w[p + 1] == 0 or rest:
            holds = evaluate(w, 0, w[p], 0) != 0
            if holds != w[p + 1]:
                wrong |= 1 << w[p + 2]
    return wrong
