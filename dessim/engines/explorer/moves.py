"""Moves: what can happen next in a state. Meaning is the kernel's ``step``; there is no time.

A move of a task is its next step that others can see, and then all steps that nobody else can see.
A task that would have to wait cannot move: whoever wants a lock takes it when it is free, in any
order, which includes the order of every kind of queue.
"""

from dessim.engines.explorer.buffers import buffer_of, is_pending, put_on, take_off
from dessim.engines.explorer.knowledge import normalise, settle_lock
from dessim.engines.explorer.layout import *
from dessim.engines.explorer.lkmm import (
    holds_choice,
    pick_loads,
    picked,
    put_picks,
    settle_lookup,
    settle_step,
)
from dessim.engines.explorer.protocol_moves import (
    cpu_is_taken,
    delay_store,
    forget_locals,
    settle_section,
    waits_no_longer,
)
from dessim.kernel.addressing import lock_at, page_at
from dessim.kernel.expressions import evaluate
from dessim.kernel.layout import *
from dessim.kernel.ops import *
from dessim.kernel.pages import BLOCKED, MEANINGLESS, OVER
from dessim.kernel.protocols import (
    condition_code,
    look_at_holders,
    translated_at,
    variable_at,
)
from dessim.kernel.steps import step

PRIVATE_STEPS_AT_MOST = 4096
ENDLESS = 903  # an error of the explorer itself: private steps in a circle
NO_MEANING = 1_000_000  # the same: + an operation that no branch of the kernel knows


def next_attempt(w: World, x: int, task: int, i: int) -> None:
    """Begin a thread's next fault, or end it; in place of the workload's choice of a page.

    With ``X_FRESH`` the target is a page that nobody else can see, and a new one each time: what
    the last fault did to it is undone.
    """
    t = w[H_TASK] + task * T_WORDS
    if w[x + X_FRESH]:
        page = w[t + T_PAGE]
        record = page_at(w, page)
        w[record + P_FLAGS] = FLAG_UPTODATE | FLAG_OURS
        w[record + P_MAPCOUNT] = 0
        w[record + P_REFCOUNT] = 1
        w[w[t + T_PTE] + (page >> PTE_SHIFT)] &= ~(1 << (page & (PTE_BITS - 1)))
    w[t + T_CURSOR] = w[t + T_PAGE]
    w[t + T_PC] = w[i + I_NEXT]
    limit = w[x + X_ATTEMPTS]
    if limit:
        if w[t + T_ACCESS] >= limit:
            w[t + T_PC] = w[i + I_TARGET]
        else:
            w[t + T_ACCESS] += 1


def carry_out(w: World, x: int, task: int) -> None:
    """Carry out one step of a task, on memory as it is."""
    t = w[H_TASK] + task * T_WORDS
    i = w[H_PROG] + w[t + T_PC] * I_WORDS
    if w[i + I_OP] == OP_NEXT_ACCESS:
        next_attempt(w, x, task, i)
        return
    w[w[H_WOKEN]] = 0
    pc = w[t + T_PC]
    if w[H_PROTOCOL] and (w[i + I_OP] == OP_UNLOCK or w[i + I_OP] == OP_DOWNGRADE):
        look_at_holders(w, t, i)
    outcome = step(w, task, pc, 0)
    if outcome == OVER:
        w[t + T_AT] = ENDED
    elif outcome == MEANINGLESS:
        w[x + X_ERROR] = NO_MEANING + w[i + I_OP]
    elif outcome == BLOCKED:
        w[x + X_ERROR] = 1 + pc  # it should not have been tried


def carry_out_visible(w: World, x: int, task: int) -> None:
    """Carry out one step that others can see, through the task's store buffer if there are any."""
    if w[x + X_MODEL] != TSO:
        carry_out(w, x, task)
        return
    t = w[H_TASK] + task * T_WORDS
    pc = w[t + T_PC]
    order = w[w[x + X_CLASS] + pc]
    i = w[H_PROG] + pc * I_WORDS
    if w[i + I_OP] == OP_WRITE_VARIABLE:
        place = variable_at(w, task, i)
        before = w[place]
        carry_out(w, x, task)
        delay_store(w, x, task, place, before, order)
        return
    if w[i + I_OP] == OP_STORE_TLB:
        place = translated_at(w, task, i)
        before = w[place]
        carry_out(w, x, task)
        if w[t + T_PC] == w[i + I_NEXT]:
            delay_store(w, x, task, place, before, order)
        return
    put_on(w, x, task)
    carry_out(w, x, task)
    take_off(w, x, task, order)


def carry_out_alone(w: World, x: int, task: int, choice: int) -> None:
    """Carry out one step that others can see, and nothing behind it: for stories."""
    if w[x + X_MODEL] == LKMM:
        pick_loads(w, x, task, choice)
        put_picks(w, x)
    carry_out_visible(w, x, task)


def is_look_at_found(w: World, i: int) -> int:
    """Return whether an instruction belongs to the lookup of a page: a look at its flags."""
    return w[i + I_OP] == OP_WHEN_FLAGS


def is_get(w: World, i: int) -> int:
    """Return whether an instruction takes a reference to the page."""
    return w[i + I_OP] == OP_ADD and w[i + I_A] == P_REFCOUNT and w[i + I_B] == 1


def is_quiet(w: World, x: int, task: int, i: int) -> int:
    """Return whether an instruction can follow at once: nobody else sees it, no store holds it."""
    if w[i + I_PRIVATE] == PRIVATE_BEHIND_STORES:
        return w[buffer_of(w, x, task) + B_COUNT] == 0
    return w[i + I_PRIVATE]


def quiet_steps(w: World, x: int, task: int) -> None:
    """Carry out all steps that nobody else can see, up to the next one that somebody can."""
    t = w[H_TASK] + task * T_WORDS
    for _ in range(PRIVATE_STEPS_AT_MOST):
        i = w[H_PROG] + w[t + T_PC] * I_WORDS
        if w[t + T_AT] == ENDED or is_quiet(w, x, task, i) == 0:
            return
        carry_out(w, x, task)
    w[x + X_ERROR] = ENDLESS


def look_up(w: World, x: int, task: int) -> int:
    """Carry out what belongs to the lookup of a page behind its first step; return 1 if it got it.

    Finding a page in the page cache and taking a reference is one move: Linux takes the reference
    only if the count is not zero, then looks at the slot again and starts again if it changed
    (``find_get_page``), so that both are true at one instant.
    """
    t = w[H_TASK] + task * T_WORDS
    for _ in range(PRIVATE_STEPS_AT_MOST):
        i = w[H_PROG] + w[t + T_PC] * I_WORDS
        got = is_get(w, i)
        if got or is_look_at_found(w, i):
            carry_out_visible(w, x, task)
        elif w[i + I_PRIVATE]:
            carry_out(w, x, task)
        else:
            return 0
        if got:
            return 1
    return 0


def move(w: World, x: int, task: int, choice: int) -> None:
    """Carry out a task's next step that others can see, and what follows unseen."""
    t = w[H_TASK] + task * T_WORDS
    pc = w[t + T_PC]
    following = w[w[H_PROG] + pc * I_WORDS + I_NEXT]
    if w[x + X_MODEL] == LKMM:
        move_in_lkmm(w, x, task, choice)
    else:
        carry_out_visible(w, x, task)
        if w[w[x + X_LOOKUP] + pc] and w[t + T_PC] == following:
            look_up(w, x, task)
    quiet_steps(w, x, task)
    if w[H_PROTOCOL]:
        forget_locals(w, x, task)
    if w[x + X_MODEL] == LKMM:
        normalise(w, x)


def move_in_lkmm(w: World, x: int, task: int, choice: int) -> None:
    """Carry out a step that others can see, with a choice of the values that it finds."""
    t = w[H_TASK] + task * T_WORDS
    pc = w[t + T_PC]
    i = w[H_PROG] + pc * I_WORDS
    order = w[w[x + X_CLASS] + pc]
    w[x + X_REFUSED] = 0
    if order == IS_LOCK or order == IS_UNLOCK or order == IS_UNLOCK_SPIN:
        address = lock_at(w, t, w[i + I_A]) + K_HOLD
        carry_out(w, x, task)
        if w[i + I_OP] != OP_TRY_LOCK or w[t + T_PC] == w[i + I_NEXT]:
            settle_lock(w, x, task, i, order, address)
        return
    if w[i + I_OP] == OP_DOWNGRADE:
        carry_out(w, x, task)
        settle_lock(w, x, task, i, IS_UNLOCK, lock_at(w, t, w[i + I_A]) + K_HOLD)
        return
    if order >= IS_RCU_LOCK:
        carry_out(w, x, task)
        settle_section(w, x, task, order)
        return
    free = 0
    if w[w[x + X_LOOKUP] + pc]:
        free = w[page_at(w, w[t + T_CURSOR]) + P_REFCOUNT] == 0
    pick_loads(w, x, task, choice)
    put_picks(w, x)
    carry_out(w, x, task)
    if w[w[x + X_LOOKUP] + pc]:
        got = 0
        if w[t + T_PC] == w[i + I_NEXT]:
            got = look_up(w, x, task)
        if got and free:
            w[x + X_REFUSED] = 1  # Linux looks again until the slot is empty
        settle_lookup(w, x, task, got)
    else:
        settle_step(w, x, task, pc, choice)


def stores_allow(w: World, x: int, task: int, pc: int) -> int:
    """Return whether a step can be carried out with what is in the task's store buffer."""
    order = w[w[x + X_CLASS] + pc]
    pending = w[buffer_of(w, x, task) + B_COUNT]
    if order == CLASS_FULL:
        return pending == 0
    if order >= CLASS_DELAYED and pending == CAPACITY:
        w[x + X_FULL] |= FULL_BUFFER
        return 0
    return 1


def lock_is_free(w: World, x: int, t: int, i: int, task: int) -> int:
    """Return whether a task can take a lock now."""
    place = lock_at(w, t, w[i + I_A]) + K_HOLD
    if w[x + X_MODEL] == TSO and is_pending(w, x, task, place):
        return 0
    return w[place] >= 0 if w[i + I_B] else w[place] == 0


def can_move(w: World, x: int, task: int) -> int:
    """Return whether a task can carry out its next step now."""
    t = w[H_TASK] + task * T_WORDS
    if w[t + T_AT] == ENDED:
        return 0
    pc = w[t + T_PC]
    i = w[H_PROG] + pc * I_WORDS
    if w[x + X_MODEL] == TSO and stores_allow(w, x, task, pc) == 0:
        return 0
    needs = w[w[x + X_NEEDS] + pc]
    if w[H_PROTOCOL]:
        if cpu_is_taken(w, x, task):
            return 0
        if needs >= NEEDS_VALUE:
            return waits_no_longer(w, x, task, i, needs)
    if needs == NEEDS_LOCK:
        return lock_is_free(w, x, t, i, task)
    if w[H_PROTOCOL]:
        return 1
    record = page_at(w, w[t + T_CURSOR])
    if needs:
        return w[record + P_FLAGS] & FLAG_LOCKED == 0
    if w[w[x + X_LOOKUP] + pc] and w[record + P_FLAGS] & FLAG_OURS:
        return w[record + P_REFCOUNT] != 0  # frozen: Linux looks again until the slot is empty
    return 1


def can_choose(w: World, x: int, task: int, choice: int) -> int:
    """Return whether a task can carry out its next step now, in lkmm, with a choice of values."""
    t = w[H_TASK] + task * T_WORDS
    if w[t + T_AT] == ENDED:
        return 0
    pc = w[t + T_PC]
    i = w[H_PROG] + pc * I_WORDS
    needs = w[w[x + X_NEEDS] + pc]
    if needs == NEEDS_LOCK:
        return choice == 0 and lock_is_free(w, x, t, i, task)
    if needs > NEEDS_VALUE:
        return choice == 0 and waits_no_longer(w, x, task, i, needs)
    if holds_choice(w, x, task, choice) == 0:
        return 0
    if needs == NEEDS_VALUE:
        found = picked(w, x, IN_DATA, w[variable_at(w, task, i)])
        return evaluate(w, task, condition_code(w[i + I_B]), found) != 0
    if needs == NEEDS_UNLOCKED_PAGE:
        last = w[page_at(w, w[t + T_CURSOR]) + P_FLAGS]
        return picked(w, x, IN_FLAGS, last) & FLAG_LOCKED == 0
    if needs == NEEDS_PAGE_LOCK:
        return w[page_at(w, w[t + T_CURSOR]) + P_FLAGS] & FLAG_LOCKED == 0
    return 1


def can_go_on(w: World, x: int, task: int) -> int:
    """Return whether a task can carry out its next step now, with any choice of values."""
    if w[x + X_MODEL] != LKMM:
        return can_move(w, x, task)
    for choice in range(MOVES_OF_TASK):
        if can_choose(w, x, task, choice):
            return 1
    return 0
