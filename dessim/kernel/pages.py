"""Pages of the file: their lock and who sleeps on it, their ptes, the page cache, the device."""

from dessim.kernel.accounting import count
from dessim.kernel.addressing import bucket_at, cost_ps, gang_bit, page_at, pte_present, table_at
from dessim.kernel.cost_table import COST_WAKE_WALK, COST_WAKEUP
from dessim.kernel.cpus import give_up_cpu, make_ready
from dessim.kernel.layout import *
from dessim.kernel.lines import wake
from dessim.kernel.ops import *
from dessim.kernel.tlb import pages_to_flush, shoot_down

BLOCKED, GO_ON, OVER, HALT = 0, 1, 2, 3
MEANINGLESS = 4  # no branch knows the operation: the engines say which


def sleep_on_page(w: World, task: int, page: int, exclusive: int, done: int) -> None:
    """Join the end of the page's hashed wait queue and give the CPU up."""
    t = w[H_TASK] + task * T_WORDS
    count(w, N_PAGE_LOCK_WAITS, 1)
    w[t + T_WAIT_PAGE] = page
    w[t + T_EXCLUSIVE] = exclusive
    w[t + T_NEXT] = 0
    place = bucket_at(w, page)
    while w[place]:  # to the end of the queue: first come, first woken
        place = w[H_TASK] + (w[place] - 1) * T_WORDS + T_NEXT
    w[place] = task + 1
    give_up_cpu(w, t, done)


def lock_page(w: World, task: int, pc: int, done: int) -> int:
    """Set PG_locked, or sleep until it can be tried again (same step) or is handed over."""
    t = w[H_TASK] + task * T_WORDS
    place = page_at(w, w[t + T_CURSOR]) + P_FLAGS
    if w[place] & FLAG_LOCKED == 0:
        w[place] |= FLAG_LOCKED
        w[t + T_TRIES] = 0
        return GO_ON
    w[t + T_PC] = pc
    sleep_on_page(w, task, w[t + T_CURSOR], 1, done)
    return BLOCKED


def wait_on_page(w: World, task: int, done: int) -> int:
    """Sleep until the cursor's page is unlocked; return BLOCKED, or GO_ON if it is unlocked now."""
    t = w[H_TASK] + task * T_WORDS
    page = w[t + T_CURSOR]
    if w[page_at(w, page) + P_FLAGS] & FLAG_LOCKED == 0:
        return GO_ON
    sleep_on_page(w, task, page, 0, done)
    return BLOCKED


def waiters_in_bucket(w: World, page: int) -> int:
    """Return how many tasks an unlock of a page finds in its wait queue, collisions included."""
    sleepers = 0
    follower = w[bucket_at(w, page)]
    while follower:
        sleepers += 1
        follower = w[w[H_TASK] + (follower - 1) * T_WORDS + T_NEXT]
    return sleepers


def hands_over(w: World, f: int) -> int:
    """Return whether a woken waiter is handed the page lock instead of racing for it.

    Racing: before Linux 5.9. Fair: 2a9127fcf229, always. Bounded: 5ef64cc8987a, after some lost
    races.
    """
    if w[H_PAGE_HAND_OVER] == HAND_OVER_RACING:
        return 0
    if w[H_PAGE_HAND_OVER] == HAND_OVER_FAIR:
        return 1
    return w[f + T_TRIES] > w[H_PAGE_RETRIES]  # this wake-up is counted, and not yet lost


def unlock_page(w: World, task: int, done: int) -> None:
    """Clear PG_locked and wake: all who wait for the release, and the first who wants the lock."""
    t = w[H_TASK] + task * T_WORDS
    page = w[t + T_CURSOR]
    flags = page_at(w, page) + P_FLAGS
    w[flags] &= ~FLAG_LOCKED
    place = bucket_at(w, page)
    if w[place] == 0:
        return
    walk = cost_ps(w, t, COST_WAKE_WALK)  # it is paid: each is woken when the walk comes to it
    at = done - walk * waiters_in_bucket(w, page) + cost_ps(w, t, COST_WAKEUP)
    exclusive = 0
    while w[place]:
        at += walk
        follower = w[place] - 1
        f = w[H_TASK] + follower * T_WORDS
        if w[f + T_WAIT_PAGE] != page or (w[f + T_EXCLUSIVE] and exclusive):
            place = f + T_NEXT
            continue
        w[place] = w[f + T_NEXT]
        w[f + T_WAIT_PAGE] = -1
        if w[f + T_EXCLUSIVE]:
            exclusive = 1
            w[f + T_TRIES] += 1
            if hands_over(w, f):
                w[flags] |= FLAG_LOCKED
                w[f + T_TRIES] = 0
                w[f + T_PC] = w[w[H_PROG] + w[f + T_PC] * I_WORDS + I_NEXT]
                count(w, N_HAND_OFFS, 1)
        count(w, N_WAKE_UPS, 1)
        make_ready(w, follower, at)


def set_pte(w: World, t: int) -> None:
    """Map the cursor's page in the task's page tables."""
    page = w[t + T_CURSOR]
    w[w[t + T_PTE] + (page >> PTE_SHIFT)] |= 1 << (page & (PTE_BITS - 1))
    w[t + T_MAPPED] += 1
    w[t + T_FOLIO_REFS] += 1
    count(w, N_PAGES_MAPPED, 1)


def clear_pte(w: World, t: int, target: int) -> None:
    """Unmap the cursor's page in the page tables at which the task looks.

    Jump if an exit, which does not ask for the page-table lock, was faster.
    """
    page = w[t + T_CURSOR]
    if pte_present(w, t, page) == 0:
        w[t + T_PC] = target
        return
    w[w[t + T_PTE] + (page >> PTE_SHIFT)] &= ~(1 << (page & (PTE_BITS - 1)))
    count(w, N_PTES_CLEARED, 1)


def add_to_cache(w: World, page: int) -> None:
    """Put a new page in the page cache: locked, not uptodate, a reference for cache and device."""
    record = page_at(w, page)
    w[record + P_FLAGS] = FLAG_LOCKED | FLAG_OURS
    w[record + P_REFCOUNT] += 2


def submit_read(w: World, page: int, done: int) -> None:
    """Queue a page for the device and start an idle slot of it."""
    record = page_at(w, page)
    w[record + P_NEXT] = 0
    if w[H_IO_HEAD] == 0:
        w[H_IO_HEAD] = page + 1
    else:
        w[page_at(w, w[H_IO_TAIL] - 1) + P_NEXT] = page + 1
    w[H_IO_TAIL] = page + 1
    idle = w[H_IO_IDLE]
    if idle:
        w[H_IO_IDLE] = w[w[H_TASK] + (idle - 1) * T_WORDS + T_NEXT]
        make_ready(w, idle - 1, done)


def free_for_reading(w: World, page: int) -> int:
    """Return whether a page is neither in the page cache nor still on its way out of it."""
    record = page_at(w, page)
    return w[record + P_FLAGS] & FLAG_OURS == 0 and w[record + P_REFCOUNT] == 0


def read_ahead(w: World, t: int, done: int) -> None:
    """Start reads of the pages after the cursor's; the first of them is marked to start the next.

    Linux 3.15 ``mm/readahead.c``: the marker page asks for the window after it.
    """
    first = w[t + T_CURSOR] + 1
    marked = 0
    for page in range(first, first + w[H_READAHEAD]):
        if page < w[H_PAGES] and free_for_reading(w, page):
            add_to_cache(w, page)
            if marked == 0:
                w[page_at(w, page) + P_FLAGS] |= FLAG_READAHEAD
                marked = 1
            submit_read(w, page, done)


def io_next(w: World, task: int, pc: int, target: int) -> int:
    """Take the next page from the device's queue, or idle; stop when the workload is over."""
    t = w[H_TASK] + task * T_WORDS
    if w[H_LIVE] == 0:
        w[t + T_PC] = target
        return GO_ON
    if w[H_IO_HEAD] == 0:
        w[t + T_PC] = pc
        w[t + T_NEXT] = w[H_IO_IDLE]
        w[H_IO_IDLE] = task + 1
        return BLOCKED
    page = w[H_IO_HEAD] - 1
    w[H_IO_HEAD] = w[page_at(w, page) + P_NEXT]
    w[t + T_CURSOR] = page
    count(w, N_PAGES_READ, 1)
    return GO_ON


def stop_devices(w: World, now: int) -> None:
    """Let idle device slots see that the workload is over."""
    while w[H_IO_IDLE]:
        idle = w[H_IO_IDLE] - 1
        w[H_IO_IDLE] = w[w[H_TASK] + idle * T_WORDS + T_NEXT]
        wake(w, idle, now)


def freeze(w: World, t: int) -> int:
    """Take the last two references, of the page cache and one's own, if there are no others."""
    place = page_at(w, w[t + T_CURSOR]) + P_REFCOUNT
    if w[place] != 2:
        return 0
    w[place] = 0
    return 1


def bug_on(w: World, task: int, which: int, fatal: int, done: int) -> int:
    """BUG_ON(page_mapped(page)): count it and remember the first; return HALT if it is fatal."""
    page = w[w[H_TASK] + task * T_WORDS + T_CURSOR]
    if w[page_at(w, page) + P_MAPCOUNT] <= 0:
        return GO_ON
    count(w, N_BUG1 + which, 1)
    if w[H_BUG_AT] == 0:
        w[H_BUG_AT] = done + 1
    if fatal == 0:
        return GO_ON
    w[H_BUG_TASK] = task + 1
    w[H_BUG_PAGE] = page
    w[H_BUG_WHICH] = which
    return HALT


def remove(w: World, t: int) -> None:
    """Take the page out of the page cache: its slot is empty, its mapping is NULL."""
    w[page_at(w, w[t + T_CURSOR]) + P_FLAGS] &= ~FLAG_OURS
    count(w, N_PAGES_REMOVED, 1)


def exchange_data(w: World, t: int, page: int, how: int, op: int) -> None:
    """Load a page's number into a register, store it, or exchange it (``operands.Data``)."""
    place = page_at(w, page) + P_DATA
    found = w[place]
    expected = (how >> 18) & 63
    if op != OP_STORE_DATA:
        register = 2 * ((how >> 6) & 63)
        w[t + T_NOTED] = (w[t + T_NOTED] & ~(3 << register)) | found << register
    if op == OP_STORE_DATA or (op == OP_EXCHANGE_DATA and (expected >= 4 or found == expected)):
        w[place] = (how >> 12) & 63


def page_step(w: World, task: int, i: int, pc: int, done: int) -> int:
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
        return wait_on_page(w, task, done)
    elif op == OP_LOCK_PAGE:
        return lock_page(w, task, pc, done)
    elif op == OP_BUG_ON:
        return bug_on(w, task, w[i + I_A], w[i + I_B], done)
    else:
        return MEANINGLESS
    return GO_ON


def cache_step(w: World, task: int, i: int, done: int) -> int:
    """Carry out a step of unmapping, of the page cache, or of the device."""
    t = w[H_TASK] + task * T_WORDS
    op = w[i + I_OP]
    if op == OP_SET_FLAGS:
        place = page_at(w, w[t + T_CURSOR]) + P_FLAGS
        w[place] = (w[place] & ~w[i + I_A]) | w[i + I_B]
    elif op == OP_CLEAR_PTE:
        clear_pte(w, t, w[i + I_TARGET])
    elif op == OP_SHOOTDOWN:
        shoot_down(w, task, w[t + T_VISITED], w[t + T_CURSOR], 1)
    elif op == OP_FLUSH_TABLE:
        shoot_down(w, task, w[t + T_VISITED], w[t + T_CURSOR], pages_to_flush(w, t))
    elif op == OP_FREE_TABLE:
        w[table_at(w, t) + w[H_LINE_WORDS] + D_POPULATED] = 0
        count(w, N_TABLES_FREED, 1)
    elif op == OP_ADD_TO_CACHE:
        add_to_cache(w, w[t + T_CURSOR])
    elif op == OP_SUBMIT_READ:
        submit_read(w, w[t + T_CURSOR], done)
    elif op == OP_READ_AHEAD:
        read_ahead(w, t, done)
    elif op == OP_ADD_FOLIO_REFS:
        w[page_at(w, w[t + T_CURSOR]) + P_REFCOUNT] += w[t + T_FOLIO_REFS]
        w[t + T_FOLIO_REFS] = 0
    elif op == OP_REMOVE:
        remove(w, t)
    elif op == OP_LOAD_DATA or op == OP_STORE_DATA or op == OP_EXCHANGE_DATA:
        exchange_data(w, t, w[i + I_A], w[i + I_B], op)
    else:
        return MEANINGLESS
    return GO_ON
