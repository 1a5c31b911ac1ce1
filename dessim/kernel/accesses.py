"""A thread's accesses: which page comes next, and whether it is mapped."""

from dessim.kernel.accounting import count, record_more
from dessim.kernel.addressing import pte_present
from dessim.kernel.cpus import slice_is_over, yield_cpu
from dessim.kernel.draws import draw_at, shuffled
from dessim.kernel.layout import *
from dessim.kernel.pages import BLOCKED, GO_ON
from dessim.kernel.reclaim import young_at
from dessim.kernel.replaying import recorded_page


def choose_page(w: World, task: int) -> int:
    """Return the page of the task's next access."""
    t = w[H_TASK] + task * T_WORDS
    access = w[t + T_ACCESS]
    if w[H_ACCESS] == ACCESS_SEQUENTIAL:
        return access % w[H_PAGES] if w[H_PAGING] else access
    if w[H_ACCESS] == ACCESS_ONE_PER_TABLE:
        return access << w[H_TABLE_SHIFT]
    if w[H_ACCESS] == ACCESS_OWN_REGION:
        return w[t + T_FIRST] + place_in_sweep(w, task, access) * w[H_REGION] // w[H_SWEEP]
    if w[H_ACCESS] == ACCESS_BLOCKS:
        return page_of_block(w, task)
    if w[H_ACCESS] == ACCESS_TRACE:
        return recorded_page(w, t)
    who = 0 if w[H_SAME_DRAWS] else task
    return (draw_at(w, who, DRAW_ACCESS, access) * w[H_PAGES]) >> 32


def place_in_sweep(w: World, task: int, access: int) -> int:
    """Return which of the pages that a sweep touches comes next: each once, in order or shuffled.

    Every sweep has an order of its own, and every task unless all draw the same.
    """
    place = access % w[H_SWEEP]
    if w[H_SWEEP_BITS] == 0:
        return place
    who = 0 if w[H_SAME_DRAWS] else task
    key = draw_at(w, who, DRAW_ACCESS, access // w[H_SWEEP])
    return shuffled(key, place, w[H_SWEEP], w[H_SWEEP_BITS])


def page_of_block(w: World, task: int) -> int:
    """Return the next page of a task's block, or the first of the next block nobody has taken."""
    t = w[H_TASK] + task * T_WORDS
    g = w[H_PAGING]
    x = w[g + G_TASK] + task * X_WORDS
    size = w[g + G_BLOCK]
    if w[t + T_ACCESS] >= w[x + X_BLOCK_END]:
        w[t + T_FIRST] = w[g + G_NEXT_BLOCK] * size - w[x + X_BLOCK_END]
        w[g + G_NEXT_BLOCK] += 1
        w[x + X_BLOCK_END] += size
    return (w[t + T_FIRST] + w[t + T_ACCESS]) % w[H_PAGES]


def use_page(w: World, t: int, done: int) -> None:
    """Note in the pte that the page was used, and count the touch in its time bin."""
    page = w[t + T_PAGE]
    w[young_at(w, t, page)] |= 1 << (page & (PTE_BITS - 1))
    record_more(w, done, SERIES_TOUCHED, 1)


def next_access(w: World, task: int, target: int) -> None:
    """Choose the next page, or jump to the end when all accesses are done."""
    t = w[H_TASK] + task * T_WORDS
    if w[t + T_ACCESS] >= w[H_ACCESSES]:
        w[t + T_PC] = target
        return
    w[t + T_PAGE] = choose_page(w, task)
    w[t + T_CURSOR] = w[t + T_PAGE]


def touch(w: World, task: int, pc: int, done: int, target: int) -> int:
    """Use the page and touch the next one, or fault (to ``target``) if it is not mapped.

    Goes on to the following step when all accesses are done, or before the next one it is time to
    unmap or to wait. In user mode the scheduler may give the CPU to somebody else.
    """
    t = w[H_TASK] + task * T_WORDS
    if pte_present(w, t, w[t + T_PAGE]):
        count(w, N_TOUCHES, 1)
        if w[H_PAGING]:
            use_page(w, t, done)
        w[t + T_ACCESS] += 1
        w[t + T_TOUCHED] += 1
        if w[t + T_ACCESS] < w[H_ACCESSES] and w[H_UNMAP_EVERY] == 0 and w[H_TRACE] == 0:
            w[t + T_PAGE] = choose_page(w, task)
            w[t + T_CURSOR] = w[t + T_PAGE]
            w[t + T_PC] = pc
    else:
        w[t + T_PC] = target
    if slice_is_over(w, t, done):
        yield_cpu(w, task, done)
        return BLOCKED
    return GO_ON
