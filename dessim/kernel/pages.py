"""Pages of the file: their ptes, the page cache, the device. Who waits for one: ``page_waits``."""

from dessim.kernel.accounting import count
from dessim.kernel.addressing import (
    end_of_folio,
    folio_mapped,
    gang_bit,
    page_at,
    pte_present,
    table_at,
    table_pages,
)
from dessim.kernel.answers import flush_everywhere
from dessim.kernel.cpus import make_ready
from dessim.kernel.layout import *
from dessim.kernel.lines import wake
from dessim.kernel.ops import *
from dessim.kernel.page_waits import BLOCKED as BLOCKED
from dessim.kernel.page_waits import GO_ON as GO_ON
from dessim.kernel.page_waits import unlock_page, wait_for_page
from dessim.kernel.tlb import pages_to_flush

OVER, HALT = 2, 3  # after BLOCKED and GO_ON
MEANINGLESS = 4  # no branch knows the operation: the engines say which


def set_pte(w: World, t: int) -> None:
    """Map the cursor's page in the task's page tables."""
    page = w[t + T_CURSOR]
    w[w[t + T_PTE] + (page >> PTE_SHIFT)] |= 1 << (page & (PTE_BITS - 1))
    if w[H_PAGING]:  # x86 makes a pte of a file young, also one that is mapped around
        young = w[t + T_PTE] + w[w[H_PAGING] + G_YOUNG] + (page >> PTE_SHIFT)
        w[young] |= 1 << (page & (PTE_BITS - 1))
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
    """Put a new folio in the page cache: locked, not uptodate, a reference for cache and device."""
    record = page_at(w, page)
    w[record + P_FLAGS] = FLAG_LOCKED | FLAG_OURS
    w[record + P_REFCOUNT] += 2
    for tail in range(page + 1, end_of_folio(w, page)):
        w[page_at(w, tail) + P_FLAGS] = FLAG_OURS


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
    """Start reads of the folios after the cursor's; the first of them is marked to start the next.

    Linux 3.15 ``mm/readahead.c``: the marker page asks for the window after it.
    """
    first = w[t + T_CURSOR] + w[H_FOLIO]
    marked = 0
    for page in range(first, first + w[H_READAHEAD], w[H_FOLIO]):
        if page < w[H_PAGES] and free_for_reading(w, page):
            add_to_cache(w, page)
            if marked == 0:
                w[page_at(w, page) + P_FLAGS] |= FLAG_READAHEAD
                marked = 1
            submit_read(w, page, done)


def io_next(w: World, task: int, pc: int, target: int) -> int:
    """Take the next page from the device's queue, or idle; stop when the workload is over.

    What was submitted before is read all the same: an actor may wait for such a page.
    """
    t = w[H_TASK] + task * T_WORDS
    if w[H_LIVE] == 0 and w[H_IO_HEAD] == 0:
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
    count(w, N_PAGES_READ, end_of_folio(w, page) - page)
    return GO_ON


def stop_devices(w: World, now: int) -> None:
    """Let idle device slots see that the workload is over."""
    while w[H_IO_IDLE]:
        idle = w[H_IO_IDLE] - 1
        w[H_IO_IDLE] = w[w[H_TASK] + idle * T_WORDS + T_NEXT]
        wake(w, idle, now)


def freeze(w: World, t: int) -> int:
    """Take the last two references, of the page cache and its own, if there are no others."""
    place = page_at(w, w[t + T_CURSOR]) + P_REFCOUNT
    if w[place] != 2:
        return 0
    w[place] = 0
    return 1


def bug_on(w: World, task: int, which: int, fatal: int, done: int) -> int:
    """BUG_ON(page_mapped(page)): count it and remember the first; return HALT if it is fatal."""
    page = w[w[H_TASK] + task * T_WORDS + T_CURSOR]
    if folio_mapped(w, page) == 0:
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
    """Take the folio out of the page cache: its slots are empty, its mapping is NULL."""
    first = w[t + T_CURSOR]
    end = end_of_folio(w, first)
    for page in range(first, end):
        w[page_at(w, page) + P_FLAGS] &= ~FLAG_OURS
    count(w, N_PAGES_REMOVED, end - first)


def pages_of_flush(w: World, i: int) -> int:
    """Return how many pages from the cursor's on an instruction flushes: it, or its folio."""
    return w[H_FOLIO] if w[i + I_A] else 1


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
        for word in range(table_pages(w) >> PTE_SHIFT):
            w[w[t + T_GANG] + word] = 0
    elif op == OP_POPULATE:
        w[table_at(w, t) + w[H_LINE_WORDS] + D_POPULATED] = 1
    elif op == OP_WAIT_ON_PAGE:
        return wait_for_page(w, task, pc, 0, done)
    elif op == OP_LOCK_PAGE:
        return wait_for_page(w, task, pc, 1, done)
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
        pages = pages_of_flush(w, i)
        return flush_everywhere(w, task, w[t + T_VISITED], w[t + T_CURSOR], pages)
    elif op == OP_FLUSH_TABLE:
        pages = pages_to_flush(w, t, w[i + I_A])
        return flush_everywhere(w, task, w[t + T_VISITED], w[t + T_CURSOR], pages)
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
    elif op == OP_COUNT_FOLIO:
        return GO_ON  # nobody reads the count: it is a line that moves
    else:
        return MEANINGLESS
    return GO_ON
