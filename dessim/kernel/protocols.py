"""What the steps of protocols mean: variables, waiters, RCU, TLBs (``ops.protocols``).

Source
------
Linux ``kernel/sched/wait.c`` (prepare_to_wait_exclusive, __wake_up_common, finish_wait),
``include/linux/sched.h`` (set_current_state is a store and smp_mb()), ``Documentation/RCU/
whatisRCU.rst`` (synchronize_rcu waits for read sections that have begun), Intel SDM vol. 3A 4.8 and
4.10 (a store through a TLB entry whose dirty flag is set does not look at the page tables).
"""

from dessim.kernel.addressing import lock_at
from dessim.kernel.expressions import evaluate, is_queued, local_at
from dessim.kernel.layout import *
from dessim.kernel.ops import *
from dessim.kernel.pages import GO_ON, MEANINGLESS, OVER


def variable_at(w: World, task: int, i: int) -> int:
    """Return where the variable of a step stands: its operand holds its first element, its index.

    An index outside the array is a bug of the protocol, and is reported as one.
    """
    q = w[H_PROTOCOL]
    operand = w[i + I_A]
    first = w[q + Q_VARIABLE] + (operand & 255)
    place = (operand >> 8) & 0xFFFF
    if place == 0:
        return first
    index = evaluate(w, task, place, 0)
    if index < 0 or index >= operand >> 24:
        w[q + Q_BUG] = NO_SUCH_ELEMENT
        return first
    return first + index


def value_code(operand: int) -> int:
    """Return which expression an operand stores."""
    return (operand >> 12) & 0xFFFF


def condition_code(operand: int) -> int:
    """Return which expression an operand asks for, or 0."""
    return operand >> 28


def keep_found(w: World, task: int, operand: int, value: int) -> None:
    """Put what a step has found into the local that its operand names."""
    number = (operand >> 6) & 63
    if number != NO_LOCAL:
        w[local_at(w, task, number)] = value


def succeeds(w: World, task: int, operand: int, found: int) -> int:
    """Return whether a conditional RMW succeeds with the value there."""
    place = condition_code(operand)
    return 1 if place == 0 or evaluate(w, task, place, found) != 0 else 0


def stores_variable(w: World, task: int, i: int, found: int) -> int:
    """Return whether a step stores to its variable: a conditional RMW may not."""
    op = w[i + I_OP]
    if op == OP_WRITE_VARIABLE or op == OP_STORE_TLB:
        return 1
    return op == OP_MODIFY_VARIABLE and succeeds(w, task, w[i + I_B], found)


def use_variable(w: World, task: int, i: int) -> None:
    """Load, store or modify a variable."""
    op = w[i + I_OP]
    operand = w[i + I_B]
    place = variable_at(w, task, i)
    found = w[place]
    if op == OP_MODIFY_VARIABLE:
        if succeeds(w, task, operand, found):
            w[place] = evaluate(w, task, value_code(operand), found)
        keep_found(w, task, operand, found)
    elif op == OP_WRITE_VARIABLE:
        w[place] = evaluate(w, task, value_code(operand), 0)
    else:
        keep_found(w, task, operand, found)


# --- waiters --------------------------------------------------------------------------------------


def set_asleep(w: World, task: int, killable: int) -> None:
    """Let a task be woken from now on: it is about to sleep (``set_current_state``)."""
    q = w[H_PROTOCOL]
    w[q + Q_WOKEN] &= ~(1 << task)
    w[q + Q_KILLABLE] &= ~(1 << task)
    if killable:
        w[q + Q_KILLABLE] |= 1 << task


def join_waiters(w: World, task: int, queue: int) -> None:
    """Put a task at the end of a queue if it is not in it."""
    if is_queued(w, queue, task):
        return
    place = w[w[H_PROTOCOL] + Q_QUEUE] + queue
    shift = 0
    while w[place] >> shift:
        shift += WAITER_BITS
    w[place] |= (task + 1) << shift


def leave_waiters(w: World, task: int, queue: int) -> None:
    """Take a task out of a queue if it is in it."""
    place = w[w[H_PROTOCOL] + Q_QUEUE] + queue
    line = w[place]
    kept = 0
    shift = 0
    while line:
        who = line & ((1 << WAITER_BITS) - 1)
        line >>= WAITER_BITS
        if who != task + 1:
            kept |= who << shift
            shift += WAITER_BITS
    w[place] = kept


def wake_task(w: World, task: int) -> int:
    """Wake a task; return whether it was asleep, or about to (``try_to_wake_up``)."""
    q = w[H_PROTOCOL]
    if (w[q + Q_WOKEN] >> task) & 1:
        return 0
    w[q + Q_WOKEN] |= 1 << task
    return 1


def wake_queued(w: World, queue: int, every: int) -> int:
    """Wake the first task of a queue that sleeps, or every one, and take it off.

    Who runs already stays in it and does not count (``autoremove_wake_function``). Returns how many
    are left.
    """
    line = w[w[w[H_PROTOCOL] + Q_QUEUE] + queue]
    done = 0
    left = 0
    while line:
        who = (line & ((1 << WAITER_BITS) - 1)) - 1
        line >>= WAITER_BITS
        if (done == 0 or every) and wake_task(w, who):
            done = 1
            leave_waiters(w, who, queue)
        else:
            left += 1
    return left


def can_wake(w: World, task: int) -> int:
    """Return whether a task that is about to sleep, or does, goes on."""
    q = w[H_PROTOCOL]
    return ((w[q + Q_WOKEN] | w[q + Q_KILLABLE] & w[q + Q_SIGNALS]) >> task) & 1


def wait_step(w: World, task: int, i: int) -> int:
    """Carry out a step of waiters, wakers and signals."""
    q = w[H_PROTOCOL]
    op = w[i + I_OP]
    a = w[i + I_A]
    if op == OP_QUEUE_UP:
        join_waiters(w, task, a)
        set_asleep(w, task, w[i + I_B])
    elif op == OP_LEAVE_QUEUE:
        keep_found(w, task, w[i + I_B], is_queued(w, a, task))
        leave_waiters(w, task, a)
        wake_task(w, task)
    elif op == OP_WAKE_FIRST:
        keep_found(w, task, w[i + I_B], wake_queued(w, a, 0))
    elif op == OP_WAKE_EVERY:
        keep_found(w, task, w[i + I_B], wake_queued(w, a, 1))
    elif op == OP_WAKE_TASK:
        wake_task(w, a)
    elif op == OP_PREPARE_SLEEP:
        set_asleep(w, task, w[i + I_B])
    elif op == OP_SLEEP or op == OP_RUN:
        wake_task(w, task)
    elif op == OP_SEND_SIGNAL:
        w[q + Q_SIGNALS] |= 1 << a
        if (w[q + Q_KILLABLE] >> a) & 1:
            wake_task(w, a)
    elif op == OP_LOOK_FOR_SIGNAL:
        keep_found(w, task, w[i + I_B], (w[q + Q_SIGNALS] >> task) & 1)
    else:
        return MEANINGLESS
    return GO_ON


# --- RCU, preemption ------------------------------------------------------------------------------


def readers_now(w: World) -> int:
    """Return which tasks are in an RCU read section, a bit each."""
    found = 0
    for task in range(w[H_TASKS]):
        if w[w[w[H_PROTOCOL] + Q_SECTION] + task]:
            found |= 1 << task
    return found


def section_step(w: World, task: int, i: int) -> int:
    """Carry out a step of RCU, or of preemption."""
    q = w[H_PROTOCOL]
    op = w[i + I_OP]
    if op == OP_RCU_READ_LOCK:
        w[w[q + Q_SECTION] + task] += 1
    elif op == OP_RCU_READ_UNLOCK:
        w[w[q + Q_SECTION] + task] -= 1
        if w[w[q + Q_SECTION] + task] == 0:
            for other in range(w[H_TASKS]):
                w[w[q + Q_GRACE] + other] &= ~(1 << task)
    elif op == OP_BEGIN_GRACE:
        w[w[q + Q_GRACE] + task] = readers_now(w)
    elif op == OP_END_GRACE:
        w[w[q + Q_GRACE] + task] = 0
    elif op == OP_HOLD_CPU:
        w[w[q + Q_HELD] + task] += w[i + I_A]
    else:
        return MEANINGLESS
    return GO_ON


# --- TLBs -----------------------------------------------------------------------------------------


def tlb_at(w: World, task: int, i: int) -> int:
    """Return where the TLB entry for the pte of a step stands on the task's CPU."""
    q = w[H_PROTOCOL]
    number = w[i + I_A] & 255
    return w[q + Q_TLB] + w[w[q + Q_CPU] + task] * w[q + Q_TLB_WORDS] + number


def walk_tables(w: World, task: int, i: int, pte: int) -> int:
    """Fill the TLB from a pte, as the CPU does; return whether that allows the access."""
    place = w[w[H_PROTOCOL] + Q_VARIABLE] + pte
    wanted = PTE_PRESENT
    if w[i + I_B]:
        wanted |= PTE_WRITE
    if w[place] & wanted != wanted:
        return 0
    if w[i + I_B]:
        w[place] |= PTE_DIRTY
    w[tlb_at(w, task, i)] = w[place]
    return 1


def translated_at(w: World, task: int, i: int) -> int:
    """Return where the content of the frame in a TLB entry stands."""
    frame = w[tlb_at(w, task, i)] >> PTE_FRAME_SHIFT
    return w[w[H_PROTOCOL] + Q_VARIABLE] + ((w[i + I_A] >> 8) & 255) + frame


def flush_entries(w: World, cpus: int, first: int, last: int) -> None:
    """Drop the TLB entries of some ptes on some CPUs, a bit each."""
    q = w[H_PROTOCOL]
    for cpu in range(w[q + Q_CPUS]):
        if (cpus >> cpu) & 1:
            for number in range(first, last):
                w[w[q + Q_TLB] + cpu * w[q + Q_TLB_WORDS] + number] = 0


def translation_step(w: World, task: int, i: int) -> int:
    """Carry out a step through a TLB, or flush some."""
    op = w[i + I_OP]
    t = w[H_TASK] + task * T_WORDS
    operand = w[i + I_B]
    goes = 1
    if op == OP_WALK_TLB:
        goes = walk_tables(w, task, i, (w[i + I_A] >> 8) & 255)
    elif op == OP_LOAD_TLB:
        goes = w[tlb_at(w, task, i)] & PTE_PRESENT
        if goes:
            keep_found(w, task, operand, w[translated_at(w, task, i)])
    elif op == OP_STORE_TLB:
        wanted = PTE_PRESENT | PTE_WRITE | PTE_DIRTY
        goes = 1 if w[tlb_at(w, task, i)] & wanted == wanted else 0
        if goes:
            w[translated_at(w, task, i)] = evaluate(w, task, value_code(operand), 0)
    elif op == OP_FLUSH_TLB:
        first = w[i + I_A] & 255
        cpus = evaluate(w, task, value_code(operand), 0)
        flush_entries(w, cpus, first, first + (w[i + I_A] >> 24))
    else:
        return MEANINGLESS
    if goes == 0:
        w[t + T_PC] = w[i + I_TARGET]
    return GO_ON


def look_at_holders(w: World, t: int, i: int) -> None:
    """Report a bug if a lock is about to be dropped, or downgraded, that nobody holds so."""
    hold = w[lock_at(w, t, w[i + I_A]) + K_HOLD]
    held = hold > 0 if w[i + I_OP] == OP_UNLOCK and w[i + I_B] else hold < 0
    if not held:
        w[w[H_PROTOCOL] + Q_BUG] = NOT_HELD


def try_lock(w: World, t: int, i: int) -> None:
    """Take a lock if it is free, or go elsewhere."""
    hold = lock_at(w, t, w[i + I_A]) + K_HOLD
    if w[i + I_B] and w[hold] >= 0:
        w[hold] += 1
    elif w[i + I_B] == 0 and w[hold] == 0:
        w[hold] = -1
    else:
        w[t + T_PC] = w[i + I_TARGET]


def variable_step(w: World, task: int, i: int) -> int:
    """Carry out a step on variables, locals and locks of a protocol."""
    t = w[H_TASK] + task * T_WORDS
    op = w[i + I_OP]
    if op == OP_SET_LOCAL:
        w[local_at(w, task, w[i + I_A])] = evaluate(w, task, value_code(w[i + I_B]), 0)
    elif op == OP_WHEN_LOCALS:
        if evaluate(w, task, condition_code(w[i + I_B]), 0) == 0:
            w[t + T_PC] = w[i + I_TARGET]
    elif op == OP_TRY_LOCK:
        try_lock(w, t, i)
    elif op == OP_REPORT_BUG:
        w[w[H_PROTOCOL] + Q_BUG] = w[i + I_A]
        return OVER
    elif (
        op == OP_READ_VARIABLE
        or op == OP_WRITE_VARIABLE
        or op == OP_MODIFY_VARIABLE
        or op == OP_AWAIT_VARIABLE
    ):
        use_variable(w, task, i)
    else:
        return MEANINGLESS
    return GO_ON
