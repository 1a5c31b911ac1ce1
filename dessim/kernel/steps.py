"""What each step means (``step``): the only place that says so.

``advance`` is one event of one task, for the timed engines: it asks ``delay_ps`` whether the step
may happen now and how long it lasts, lets ``step`` happen, and accounts for the time. The explorer
calls ``step`` alone.

A step takes effect at the instant at which its cache line is granted, and the task goes on when the
delay is over. Nobody else can use the line in between, so that this is the same as an effect at
the end for every word that lives on the line; ``docs/design.md`` says why it is done this way.
"""

from dessim.kernel.accounting import account, count, record_in_series, record_latency
from dessim.kernel.delays import delay_ps
from dessim.kernel.draws import draw_at
from dessim.kernel.layout import *  # noqa: F403 - the words of the World are this module's language
from dessim.kernel.lines import wake
from dessim.kernel.locks import drop_lock, take_lock
from dessim.kernel.places import (
    cost_ps,
    gang_bit,
    lock_at,
    own_lock,
    page_at,
    pte_present,
    table_at,
)

BLOCKED, GO_ON, OVER = 0, 1, 2


def choose_page(w: World, task: int) -> int:
    """Return the page of the task's next access."""
    t = w[H_TASK] + task * T_WORDS
    access = w[t + T_ACCESS]
    if w[H_ACCESS] == ACCESS_SEQUENTIAL:
        return access
    if w[H_ACCESS] == ACCESS_ONE_PER_TABLE:
        return access << TABLE_SHIFT
    return (draw_at(w, task, DRAW_ACCESS, access) * w[H_PAGES]) >> 32


def next_access(w: World, task: int, target: int) -> None:
    """Choose the next page, or jump to the end when all accesses are done."""
    t = w[H_TASK] + task * T_WORDS
    if w[t + T_ACCESS] >= w[H_ACCESSES]:
        w[t + T_PC] = target
        return
    w[t + T_PAGE] = choose_page(w, task)
    w[t + T_CURSOR] = w[t + T_PAGE]


def touch(w: World, task: int, target: int) -> None:
    """Use the page and go on to the next access, or fault (to ``target``) if it is not mapped."""
    t = w[H_TASK] + task * T_WORDS
    if pte_present(w, t, w[t + T_PAGE]):
        count(w, N_TOUCHES, 1)
        w[t + T_ACCESS] += 1
    else:
        w[t + T_PC] = target


def fault_end(w: World, task: int, now: int) -> None:
    """The fault is over: its latency, and the pages it mapped, are recorded."""
    t = w[H_TASK] + task * T_WORDS
    record_latency(w, now - w[t + T_FAULT_AT])
    record_in_series(w, now, w[t + T_MAPPED])


def set_pte(w: World, t: int) -> None:
    """Map the cursor's page in the task's page tables."""
    page = w[t + T_CURSOR]
    w[w[t + T_PTE] + (page >> PTE_SHIFT)] |= 1 << (page & (PTE_BITS - 1))
    w[t + T_MAPPED] += 1
    count(w, N_PAGES_MAPPED, 1)


def open_window(w: World, t: int) -> None:
    """Put the cursor on the first page of the aligned window around the fault's target.

    The window is clipped to the file; an aligned window of at most 512 pages never leaves the page
    table.
    """
    size = 1 << w[H_ORDER]
    first = w[t + T_PAGE] & ~(size - 1)
    stop = first + size
    w[t + T_STOP] = stop if stop < w[H_PAGES] else w[H_PAGES]
    w[t + T_CURSOR] = first


def next_page(w: World, t: int, target: int) -> None:
    """Move the cursor to the window's next page and jump back, or end the loop on the target."""
    w[t + T_CURSOR] += 1
    if w[t + T_CURSOR] < w[t + T_STOP]:
        w[t + T_PC] = target
    else:
        w[t + T_CURSOR] = w[t + T_PAGE]


def unlock_page(w: World, task: int, done: int) -> None:
    """Clear PG_locked and wake every task that sleeps on this page: they race for it again.

    Before Linux 5.9 all non-exclusive waiters are woken and none is handed the lock.
    """
    t = w[H_TASK] + task * T_WORDS
    page = w[t + T_CURSOR]
    w[page_at(w, page) + P_FLAGS] &= ~FLAG_LOCKED
    bucket = w[H_BUCKET] + page % w[H_BUCKETS]
    follower = w[bucket]
    before = -1
    at = done + cost_ps(w, t, COST_WAKEUP)
    while follower:
        f = w[H_TASK] + (follower - 1) * T_WORDS
        behind = w[f + T_NEXT]
        if w[f + T_WAIT_PAGE] == page:
            if before < 0:
                w[bucket] = behind
            else:
                w[before + T_NEXT] = behind
            w[f + T_WAIT_PAGE] = -1
            ready = at if at > w[f + T_CLOCK] else w[f + T_CLOCK]
            wake(w, follower - 1, ready + cost_ps(w, f, COST_SWITCH))
        else:
            before = f
        follower = behind


def wait_on_page(w: World, task: int) -> int:
    """Sleep until the cursor's page is unlocked; return BLOCKED, or GO_ON if it is unlocked now."""
    t = w[H_TASK] + task * T_WORDS
    page = w[t + T_CURSOR]
    if w[page_at(w, page) + P_FLAGS] & FLAG_LOCKED == 0:
        return GO_ON
    count(w, N_PAGE_LOCK_WAITS, 1)
    w[t + T_WAIT_PAGE] = page
    w[t + T_NEXT] = 0
    place = w[H_BUCKET] + page % w[H_BUCKETS]
    while w[place]:  # to the end of the queue: first come, first woken
        place = w[H_TASK] + (w[place] - 1) * T_WORDS + T_NEXT
    w[place] = task + 1
    return BLOCKED


def finish(w: World, task: int, now: int, target: int) -> None:
    """End of the last access: the last task of the mm goes on to tear it down, the others stop."""
    t = w[H_TASK] + task * T_WORDS
    w[t + T_FINISH] = now
    mm = w[t + T_MM]
    w[mm + MM_LIVE] -= 1
    if w[mm + MM_LIVE]:
        w[t + T_PC] = target
        return
    w[t + T_SWEEP] = w[mm + MM_FIRST]
    w[t + T_CURSOR] = 0


def teardown_table(w: World, t: int, target: int) -> None:
    """Unmap all pages of a page table and free it; jump back while tables or mappings are left."""
    mapping = w[t + T_SWEEP]
    table = w[t + T_CURSOR] >> TABLE_SHIFT
    record = w[mapping + M_TABLE] + table * w[H_TABLE_WORDS] + w[H_LINE_WORDS]
    if w[record + D_POPULATED]:
        w[record + D_POPULATED] = 0
        count(w, N_TABLES_FREED, 1)
        base = w[mapping + M_PTE] + table * (TABLE_PAGES >> PTE_SHIFT)
        for word in range(TABLE_PAGES >> PTE_SHIFT):
            bits = w[base + word]
            w[base + word] = 0
            place = page_at(w, (table << TABLE_SHIFT) + (word << PTE_SHIFT))
            while bits:
                if bits & 1:
                    w[place + P_MAPCOUNT] -= 1
                    w[place + P_REFCOUNT] -= 1
                    count(w, N_PTES_CLEARED, 1)
                bits >>= 1
                place += w[H_PAGE_WORDS]
    w[t + T_CURSOR] += TABLE_PAGES
    if w[t + T_CURSOR] >> TABLE_SHIFT >= w[H_TABLES]:
        w[t + T_CURSOR] = 0
        w[t + T_SWEEP] += M_WORDS
    mm = w[t + T_MM]
    if w[t + T_SWEEP] < w[mm + MM_FIRST] + w[mm + MM_MAPPINGS] * M_WORDS:
        w[t + T_PC] = target


def branch(w: World, t: int, i: int) -> None:
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
    else:
        place = gang_bit(w, t)
        holds = (w[place >> 8] >> (place & 0xFF)) & 1 != 0
    if not holds:
        w[t + T_PC] = w[i + I_TARGET]


def page_step(w: World, task: int, i: int, done: int) -> int:
    """Carry out a step that acts on the cursor's page or its pte."""
    t = w[H_TASK] + task * T_WORDS
    op = w[i + I_OP]
    if op == OP_ADD:
        w[page_at(w, w[t + T_CURSOR]) + w[i + I_A]] += w[i + I_B]
    elif op == OP_TRYLOCK_PAGE:
        place = page_at(w, w[t + T_CURSOR]) + P_FLAGS
        if w[place] & FLAG_LOCKED:
            w[t + T_PC] = w[i + I_TARGET]
        else:
            w[place] |= FLAG_LOCKED
    elif op == OP_UNLOCK_PAGE:
        unlock_page(w, task, done)
    elif op == OP_SET_PTE:
        set_pte(w, t)
    elif op == OP_GANG_REMEMBER:
        place = gang_bit(w, t)
        w[place >> 8] |= 1 << (place & 0xFF)
    elif op == OP_GANG_FORGET:
        for word in range(TABLE_PAGES >> PTE_SHIFT):
            w[t + T_GANG + word] = 0
    elif op == OP_POPULATE:
        w[table_at(w, t) + w[H_LINE_WORDS] + D_POPULATED] = 1
    elif op == OP_WAIT_ON_PAGE:
        return wait_on_page(w, task)
    return GO_ON


def task_step(w: World, task: int, i: int, done: int) -> int:
    """Carry out a step that moves the task itself: its accesses, its fault, its loop, its end."""
    t = w[H_TASK] + task * T_WORDS
    op = w[i + I_OP]
    target = w[i + I_TARGET]
    if op == OP_NEXT_PAGE:
        next_page(w, t, target)
    elif op == OP_NEXT_ACCESS:
        next_access(w, task, target)
    elif op == OP_TOUCH:
        touch(w, task, target)
    elif op == OP_WINDOW:
        open_window(w, t)
    elif op == OP_COUNT:
        count(w, w[i + I_A], 1)
    elif op == OP_FAULT_BEGIN:
        w[t + T_FAULT_AT] = done - cost_ps(w, t, w[i + I_COST])
        w[t + T_MAPPED] = 0
        count(w, N_MINOR_FAULTS, 1)
    elif op == OP_FAULT_END:
        fault_end(w, task, done)
    elif op == OP_ITERATE:
        w[t + T_ACCESS] += 1
        if w[t + T_ACCESS] < w[H_ACCESSES]:
            w[t + T_PC] = target
    elif op == OP_FINISH:
        finish(w, task, done, target)
    elif op == OP_TEARDOWN_TABLE:
        teardown_table(w, t, target)
    elif op == OP_STOP:
        w[H_ENDED] += 1
        if done > w[H_END]:
            w[H_END] = done
        return OVER
    return GO_ON


def step(w: World, task: int, done: int) -> int:
    """Carry out the task's current step and move on to the next one.

    Parameters
    ----------
    w : flat sequence of int
        The World.
    task : int
    done : int, ps
        When the step is over: what it hands over or wakes starts then.

    Returns
    -------
    int
        GO_ON; BLOCKED if the task now waits for a lock or sleeps until somebody wakes it; OVER if
        the task has ended.
    """
    t = w[H_TASK] + task * T_WORDS
    i = w[H_PROG] + w[t + T_PC] * I_WORDS
    op = w[i + I_OP]
    w[t + T_PC] = w[i + I_NEXT]
    if OP_WHEN_FLAGS <= op <= OP_WHEN_NOT_TARGET:
        branch(w, t, i)
        return GO_ON
    if op == OP_LOCK:
        if own_lock(w, t, w[i + I_A]):
            return GO_ON
        return take_lock(w, task, lock_at(w, t, w[i + I_A]), w[i + I_B])
    if op == OP_UNLOCK:
        if not own_lock(w, t, w[i + I_A]):
            kind = LOCK_MCS if w[i + I_A] == LOCK_MMAP else w[H_PTL_KIND]
            drop_lock(w, task, lock_at(w, t, w[i + I_A]), done, kind)
        return GO_ON
    if op <= OP_GANG_FORGET:
        return page_step(w, task, i, done)
    return task_step(w, task, i, done)


# --- one event ----------------------------------------------------------------------------------


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
        The time of the task's next event; ASLEEP if others will wake it; ENDED. Tasks that were
        given a new event are listed at ``w[H_WOKEN]``: their number, then each; the time is in
        their ``T_AT``.
    """
    w[w[H_WOKEN]] = 0
    t = w[H_TASK] + task * T_WORDS
    i = w[H_PROG] + w[t + T_PC] * I_WORDS
    if now > w[t + T_CLOCK]:
        account(w, t, w[t + T_WAIT], now - w[t + T_CLOCK])
        w[t + T_CLOCK] = now
    work = cost_ps(w, t, w[i + I_COST])
    account(w, t, w[i + I_COST_CATEGORY], work)
    done = now + work
    if w[i + I_TIMED]:
        category = w[i + I_CATEGORY]
        w[t + T_WAIT] = category
        w[t + T_RUN] = w[i + I_RUN]
        line = delay_ps(w, task, now)
        if line < 0:
            account(w, t, w[i + I_COST_CATEGORY], -work)
            return w[t + T_AT]
        account(w, t, category, line)
        done += line
    w[t + T_CLOCK] = done
    w[H_EVENTS] += 1
    outcome = step(w, task, done)
    if outcome == GO_ON:
        return done
    return ASLEEP if outcome == BLOCKED else ENDED
