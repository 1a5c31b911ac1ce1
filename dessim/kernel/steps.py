"""What each step means (``step``): the only place that says so.

``advance`` is one event of one task, for the timed engines: it asks ``delay_ps`` whether the step
may happen now and how long it lasts, lets ``step`` happen, and accounts for the time. The explorer
calls ``step`` alone.

A step takes effect at the instant at which its cache line is granted, and the task goes on when the
delay is over. Nobody else can use the line in between, so that this is the same as an effect at
the end for every word that lives on the line; ``docs/design.md`` says why it is done this way.
"""

from collections.abc import Callable

from dessim.kernel import operation as about
from dessim.kernel.accesses import next_access, touch
from dessim.kernel.accounting import account, count, end_latency, record_in_series, record_latency
from dessim.kernel.actors import covers_table, pause, range_step, start_thread
from dessim.kernel.address_spaces import region_step
from dessim.kernel.addressing import (
    folio_mapped,
    gang_bit,
    page_at,
    pte_present,
    table_at,
    vma_cache_at,
)
from dessim.kernel.calls import call_step
from dessim.kernel.commands import command_step
from dessim.kernel.cpus import begin, give_up_cpu
from dessim.kernel.delays import delay_ps
from dessim.kernel.draws import next_factor, own_work_ps
from dessim.kernel.endings import finish, teardown_table
from dessim.kernel.execs import exec_step
from dessim.kernel.folio_parts import part_step
from dessim.kernel.frames import charge_step, frame_branch, frame_step
from dessim.kernel.layout import *
from dessim.kernel.locks import lock_step
from dessim.kernel.ops import *
from dessim.kernel.pages import (
    BLOCKED,
    GO_ON,
    MEANINGLESS,
    OVER,
    cache_step,
    free_for_reading,
    freeze,
    io_next,
    page_step,
)
from dessim.kernel.protocols import section_step, translation_step, variable_step, wait_step
from dessim.kernel.readahead import readahead_step
from dessim.kernel.reclaim import pressure_branch, reclaim_step
from dessim.kernel.replaying import replay_step
from dessim.kernel.splitting import split_step
from dessim.kernel.windows import folio_step, next_page, open_window


def fault_end(w: World, task: int, now: int) -> None:
    """The fault is over: its latency, and the pages it mapped, are recorded."""
    t = w[H_TASK] + task * T_WORDS
    end_latency(w, t, now)
    record_in_series(w, now, w[t + T_MAPPED])


def branch(w: World, t: int, i: int) -> int:
    """Go on if the condition of a ``when`` step holds, else jump to its target."""
    op = w[i + I_OP]
    if op == OP_WHEN_FLAGS:
        flags = w[page_at(w, w[t + T_CURSOR]) + P_FLAGS]
        holds = flags & w[i + I_A] == w[i + I_B]
    elif op == OP_WHEN_PTE_NONE:
        holds = pte_present(w, t, w[t + T_CURSOR]) == 0
    elif op == OP_WHEN_TABLE_MISSING:
        holds = w[table_at(w, t) + w[H_LINE_WORDS] + D_POPULATED] == 0
    elif op == OP_WHEN_NOT_TARGET:
        holds = w[t + T_CURSOR] != w[t + T_PAGE]
    elif op == OP_WHEN_CACHED:
        holds = w[page_at(w, w[t + T_CURSOR]) + P_FLAGS] & FLAG_OURS != 0
    elif op == OP_WHEN_FRAME_FREE:
        holds = free_for_reading(w, w[t + T_CURSOR]) != 0
    elif op == OP_WHEN_MAPPED:
        holds = folio_mapped(w, w[t + T_CURSOR]) != 0
    elif op == OP_WHEN_FROZEN:
        holds = freeze(w, t) != 0
    elif op == OP_WHEN_TABLE_COVERED:
        holds = covers_table(w, t) != 0
    elif op == OP_WHEN_NOTED:
        holds = w[t + T_NOTED] != 0
    elif op == OP_WHEN_TOUCHED:
        holds = w[t + T_TOUCHED] >= w[H_UNMAP_EVERY]
    elif op == OP_WHEN_TRIED:
        holds = w[t + T_TRIED] > w[i + I_A]
    elif op == OP_WHEN_VMA_CACHED:
        holds = w[vma_cache_at(w, t) + V_FOUND] == w[w[t + T_MAPPING] + M_INDEX] + 1
    elif op == OP_WHEN_WINDOW_OPEN:
        open_window(w, t, 1)
        holds = w[t + T_CURSOR] < w[t + T_STOP]
        w[t + T_CURSOR] = w[t + T_PAGE]
    elif op == OP_WHEN_GANG_HOLDS:
        place = gang_bit(w, t)
        holds = (w[place >> 8] >> (place & 0xFF)) & 1 != 0
    else:
        return MEANINGLESS
    if not holds:
        w[t + T_PC] = w[i + I_TARGET]
    return GO_ON


def actor_step(w: World, task: int, i: int, pc: int, done: int) -> int:
    """Carry out a step of an actor, a device slot, or a thread that begins or unmaps."""
    t = w[H_TASK] + task * T_WORDS
    op = w[i + I_OP]
    target = w[i + I_TARGET]
    if op == OP_BEGIN:
        return begin(w, task, done)
    if op == OP_IO_NEXT:
        return io_next(w, task, pc, target)
    if op == OP_PAUSE:
        pause(w, t, target)
    elif op == OP_START_THREAD:
        start_thread(w, t, done, target)
    elif op == OP_REST:
        give_up_cpu(w, t, done)
    elif op == OP_STOP:
        w[H_ENDED] += 1
        if w[t + T_ACTOR] == 0 and done > w[H_END]:
            w[H_END] = done
        give_up_cpu(w, t, done)
        return OVER
    else:
        return MEANINGLESS
    return GO_ON


def task_step(w: World, task: int, i: int, pc: int, done: int) -> int:
    """Carry out a step that moves the task itself: its accesses, its fault, its loop, its end."""
    t = w[H_TASK] + task * T_WORDS
    op = w[i + I_OP]
    target = w[i + I_TARGET]
    if op == OP_NEXT_PAGE:
        next_page(w, t, target)
    elif op == OP_NEXT_ACCESS:
        next_access(w, task, target)
    elif op == OP_TOUCH:
        return touch(w, task, pc, done, target)
    elif op == OP_WINDOW:
        open_window(w, t, w[i + I_A])
    elif op == OP_COUNT:
        count(w, w[i + I_A], 1)
    elif op == OP_NOTE:
        w[t + T_NOTED] = w[i + I_A]
    elif op == OP_FAULT_BEGIN:
        w[t + T_FAULT_AT] = done - own_work_ps(w, t, i)
        w[t + T_MAPPED] = 0
        w[t + T_TRIED] = 0
        count(w, N_MINOR_FAULTS, 1)
    elif op == OP_TRY_AGAIN:
        w[t + T_TRIED] += 1
    elif op == OP_FAULT_END or op == OP_REGION_DONE:
        fault_end(w, task, done)
    elif op == OP_SKIP_PAGES:
        w[t + T_FAULT_AT] = done
        w[t + T_MAPPED] = 0
        w[t + T_ACCESS] += 1
        w[t + T_TOUCHED] += 1
    elif op == OP_HOLD:
        w[t + T_ACCESS] += 1
        if w[t + T_ACCESS] >= w[H_ACCESSES]:
            w[t + T_PC] = target
    elif op == OP_FINISH:
        finish(w, task, done, target)
    elif op == OP_TEARDOWN_TABLE:
        teardown_table(w, t, target)
    elif op == OP_CACHE_VMA:
        w[vma_cache_at(w, t) + V_FOUND] = w[w[t + T_MAPPING] + M_INDEX] + 1
    else:
        return MEANINGLESS
    return GO_ON


def step(w: World, task: int, pc: int, done: int) -> int:
    """Carry out the task's current step and move on to the next one.

    ``done``, in ps, is when the step is over: what it hands over or wakes starts then. Returns
    GO_ON; BLOCKED if the task waits or sleeps until somebody wakes it; OVER if it has ended; HALT
    after a fatal BUG_ON; MEANINGLESS if no branch knows the operation.
    """
    t = w[H_TASK] + task * T_WORDS
    i = w[H_PROG] + pc * I_WORDS
    op = w[i + I_OP]
    w[t + T_PC] = w[i + I_NEXT]
    if op <= LAST_PAGE:
        return page_step(w, task, i, pc, done)
    if op <= LAST_CONDITION:
        return branch(w, t, i)
    if op <= LAST_LOCK:
        return lock_step(w, task, i, done)
    if op <= LAST_NOTHING:
        return GO_ON
    if op <= LAST_TASK:
        return task_step(w, task, i, pc, done)
    if op <= LAST_CACHE:
        return cache_step(w, task, i, done)
    if op <= LAST_FOLIO:
        return folio_step(w, task, i)
    if op <= LAST_RANGE:
        return range_step(w, task, i)
    if op <= LAST_ACTOR:
        return actor_step(w, task, i, pc, done)
    return memory_step(w, task, i, pc, done)


def memory_step(w: World, task: int, i: int, pc: int, done: int) -> int:
    """Carry out a step about memory: see ``step``. Faults that only map pages have none."""
    t = w[H_TASK] + task * T_WORDS
    op = w[i + I_OP]
    if op <= LAST_ASK:
        return frame_branch(w, t, i)
    if op <= LAST_FRAME:
        return frame_step(w, task, i, done)
    if op <= LAST_CHARGE:
        return charge_step(w, t, i)
    if op <= LAST_REGION:
        return region_step(w, task, i, done)
    if op <= LAST_CALL:
        return call_step(w, task, i, done)
    if op <= LAST_EXEC:
        return exec_step(w, t, i)
    if op <= LAST_PART:
        return part_step(w, t, i)
    if op <= LAST_SPLIT:
        return split_step(w, t, i, done)
    if op <= LAST_PRESSURE:
        return pressure_branch(w, task, i)
    if op <= LAST_READAHEAD:
        return readahead_step(w, task, i, done)
    if op <= LAST_COMMAND:
        return command_step(w, task, i, pc, done)
    if op <= LAST_RECLAIM:
        return reclaim_step(w, task, i, pc, done)
    if op <= LAST_REPLAY:
        return replay_step(w, t, i, done)
    if op <= LAST_VARIABLE:
        return variable_step(w, task, i)
    if op <= LAST_WAITING:
        return wait_step(w, task, i)
    if op <= LAST_SECTION:
        return section_step(w, task, i)
    if op <= LAST_TRANSLATION:
        return translation_step(w, task, i)
    return MEANINGLESS


def without_meaning(w: World, i: int) -> int:
    """Note which operation no branch knows: nothing goes on, and the engines say so."""
    w[H_MEANINGLESS] = w[i + I_OP] + 1
    return HALTED


EFFECTS: dict[str, tuple[Callable[..., int], ...]] = {
    about.PAGE: (page_step,),
    about.CONDITION: (branch,),
    about.LOCK: (lock_step,),
    about.NOTHING: (),
    about.TASK: (task_step,),
    about.CACHE: (cache_step,),
    about.FOLIO: (folio_step,),
    about.RANGE: (range_step,),
    about.ACTOR: (actor_step,),
    about.ASK: (frame_branch,),
    about.FRAME: (frame_step,),
    about.CHARGE: (charge_step,),
    about.REGION: (region_step,),
    about.CALL: (call_step,),
    about.EXEC: (exec_step,),
    about.PART: (part_step,),
    about.SPLIT: (split_step,),
    about.PRESSURE: (pressure_branch,),
    about.READAHEAD: (readahead_step,),
    about.COMMAND: (command_step,),
    about.RECLAIM: (reclaim_step,),
    about.REPLAY: (replay_step,),
    about.VARIABLE: (variable_step,),
    about.WAITING: (wait_step,),
    about.SECTION: (section_step,),
    about.TRANSLATION: (translation_step,),
}
"""Which function carries out the operations of a group."""
DISPATCH = (step, memory_step)
about.check_effects(OPERATIONS, DISPATCH, EFFECTS)


# --- one event ----------------------------------------------------------------------------------


def interrupt(w: World, t: int, now: int) -> int:
    """Run the interrupt handlers that others sent to the task's CPU; return when they are over."""
    ps = w[t + T_PENDING]
    w[t + T_PENDING] = 0
    w[t + T_DUE] &= ~DUE_INTERRUPT
    account(w, t, CAT_SHOOTDOWN, ps)
    w[t + T_CLOCK] = now + ps
    return now + ps


def takes_interrupts(w: World, t: int) -> int:
    """Return whether a task can run handlers now: not while it waits for a line, or has irqs off.

    Who waits for a line has begun its step already.
    """
    return w[t + T_QUEUED] == 0 and w[t + T_GRANT] < 0 and w[t + T_IRQS_OFF] == 0


def own_next_ps(w: World, task: int) -> int:
    """Return when a task goes on that cannot do so now: ASLEEP, or a time if it knows that itself.

    A step can give its own task a time: a new one whose CPU is still being left. The engines hear
    of it as of any other of the acting task; the list is for those that sleep.
    """
    base = w[H_WOKEN]
    woken = w[base]
    for place in range(base + 1, base + 1 + woken):
        if w[place] == task:
            w[place] = w[base + woken]
            w[base] = woken - 1
            return w[w[H_TASK] + task * T_WORDS + T_AT]
    return ASLEEP


def advance(w: World, task: int, now: int) -> int:
    """Carry out one event of a task.

    Parameters
    ----------
    w : flat sequence of int
        The World.
    task : int
        The task whose event it is.
    now : int, ps

    Returns
    -------
    int, ps
        The time of the task's next event; ASLEEP if others will wake it; ENDED; HALTED if the
        run is over, because of a fatal BUG_ON or a step without meaning. Tasks that were
        given a new event are listed at ``w[H_WOKEN]``: their number, then each; the time is in
        their ``T_AT``.
    """
    return advance_at(w, task, w[w[H_TASK] + task * T_WORDS + T_PC], now)


def advance_at(w: World, task: int, pc: int, now: int) -> int:
    """Carry out one event of a task whose program counter is at hand: see ``advance``.

    All that depends on the program hangs on this number: a loop for one program has this function
    once for each of its values.
    """
    w[w[H_WOKEN]] = 0
    t = w[H_TASK] + task * T_WORDS
    i = w[H_PROG] + pc * I_WORDS
    if now > w[t + T_CLOCK]:
        account(w, t, w[t + T_WAIT], now - w[t + T_CLOCK])
        w[t + T_CLOCK] = now
    if w[t + T_DUE] and w[i + I_PRIVATE] == PRIVATE_NEVER:
        if w[t + T_DUE] & DUE_LATENCY:
            record_latency(w, t)
        if w[t + T_DUE] and takes_interrupts(w, t):
            return interrupt(w, t, now)
    done = now
    if w[i + I_TIMED]:
        category = w[i + I_CATEGORY]
        w[t + T_WAIT] = category
        w[t + T_RUN] = w[i + I_RUN]
        line = delay_ps(w, task, pc, now)
        if line < 0:
            return w[t + T_AT]
        account(w, t, category, line)
        done += line
    if w[i + I_COST]:
        if w[i + I_VARIES]:
            next_factor(w, t)
        work = own_work_ps(w, t, i)
        account(w, t, w[i + I_COST_CATEGORY], work)
        done += work
    w[t + T_CLOCK] = done
    w[H_EVENTS] += 1
    outcome = step(w, task, pc, done)
    if outcome == GO_ON:
        return done
    if outcome == BLOCKED:
        return own_next_ps(w, task)
    if outcome == MEANINGLESS:
        return without_meaning(w, i)
    return ENDED if outcome == OVER else HALTED
