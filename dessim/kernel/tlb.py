"""Translation look-aside buffers: two levels per core, page walks, flushes and shootdowns.

Both levels are set-associative with first-in-first-out replacement. A flush of everything raises
the core's generation number, which is part of each entry's tag.

A block of ptes that carries the contiguous bit (arm64) takes one entry: one walk, for any of its
pages, and a flush of any of them forgets it.

Source
------
Structure and costs: machine profiles, section ``tlb``. Flush page by page up to a ceiling, else
everything: Linux ``arch/x86/mm/tlb.c: flush_tlb_mm_range`` (ceiling 33 pages: D. Hansen, "x86: mm:
set TLB flush tunable to sane value (33)", 1 Jul 2014). Shootdown by IPI to the CPUs that run the
mm: ``native_flush_tlb_others``. Contiguous bit: Arm Architecture Reference Manual, DDI 0487,
*The Contiguous bit*; Linux 6.9 ``arch/arm64/include/asm/pgtable-hwdef.h: CONT_PTE_SHIFT``.
"""

from dessim.kernel.accounting import count
from dessim.kernel.addressing import (
    block_of,
    cost_ps,
    end_of_run,
    gang_holds_any,
    is_folded,
)
from dessim.kernel.cost_table import (
    COST_FLUSH_ALL,
    COST_INVLPG,
    COST_IPI_BASE,
    COST_IPI_HANDLER,
    COST_IPI_PER_CPU,
    COST_L2_HIT,
    COST_WALK,
)
from dessim.kernel.layout import *

GENERATION_BITS = 16
PAGE_BITS = 28
BLOCK = 1 << (PAGE_BITS - 1)  # in place of a page: an entry of a whole block of ptes


def core_tlb(w: World, core: int) -> int:
    """Return where a core's TLB begins: its generation, then the sets of both levels."""
    return w[H_TLB] + core * w[H_TLB_WORDS]


def tag_of(w: World, core: int, mapping: int, page: int) -> int:
    """Return the tag of a translation in a core's present generation."""
    generation = w[core_tlb(w, core)] & ((1 << GENERATION_BITS) - 1)
    return ((mapping + 1) << PAGE_BITS | page) << GENERATION_BITS | generation


def find(w: World, place: int, ways: int, tag: int) -> int:
    """Return the way of a set that holds a tag, or -1. A set is a victim counter and its ways."""
    for way in range(ways):
        if w[place + 1 + way] == tag:
            return way
    return -1


def insert(w: World, place: int, ways: int, tag: int) -> None:
    """Put a tag in a set in place of the oldest."""
    victim = w[place]
    w[place + 1 + victim] = tag
    w[place] = 0 if victim + 1 == ways else victim + 1


def l1_set(w: World, core: int, page: int) -> int:
    """Return where the first-level set of a page begins."""
    return core_tlb(w, core) + 1 + (page % w[H_TLB_L1_SETS]) * (w[H_TLB_L1_WAYS] + 1)


def l2_set(w: World, core: int, page: int) -> int:
    """Return where the second-level set of a page begins."""
    first = core_tlb(w, core) + 1 + w[H_TLB_L1_SETS] * (w[H_TLB_L1_WAYS] + 1)
    return first + (page % w[H_TLB_L2_SETS]) * (w[H_TLB_L2_WAYS] + 1)


def page_walk_ps(w: World, t: int, now: int) -> int:
    """Return ps of a page walk that is asked for at a time.

    Ptes that the L3 could not keep come from memory: in the mean, as often as ``walk_misses`` says.
    SMT siblings take turns at what walks page tables on their core, first come, first served.
    """
    ps = cost_ps(w, t, COST_WALK) + w[w[H_WALK_MISS] + w[t + T_L3]]
    walkers = w[H_WALKERS]
    if walkers == 0:
        return ps
    first = w[H_WALKER] + w[t + T_CORE] * walkers
    place = first
    for walker in range(first + 1, first + walkers):
        if w[walker] < w[place]:
            place = walker
    begun = w[place] if w[place] > now else now
    w[place] = begun + ps
    return begun + ps - now


def entry_of(w: World, t: int, page: int) -> int:
    """Return what an entry stands for that translates a page: the page, or its block of ptes."""
    if w[H_CONTPTE] and is_folded(w, t, page):  # without such blocks there is no call
        return BLOCK | block_of(w, page)
    return page


def translate_ps(w: World, t: int, touched: int, now: int) -> int:
    """Return ps to translate an access to a page: first level free, second level, page walk."""
    if w[H_TLB] == 0:
        return 0
    page = entry_of(w, t, touched)
    core = w[t + T_CORE]
    tag = tag_of(w, core, w[w[t + T_MAPPING] + M_INDEX], page)
    first = l1_set(w, core, page)
    if find(w, first, w[H_TLB_L1_WAYS], tag) >= 0:
        return 0
    insert(w, first, w[H_TLB_L1_WAYS], tag)
    second = l2_set(w, core, page)
    if find(w, second, w[H_TLB_L2_WAYS], tag) >= 0:
        return cost_ps(w, t, COST_L2_HIT)
    insert(w, second, w[H_TLB_L2_WAYS], tag)
    count(w, N_TLB_MISSES, 1)
    return page_walk_ps(w, t, now)


def flush_core(w: World, core: int) -> None:
    """Forget every translation of a core."""
    if w[H_TLB]:
        w[core_tlb(w, core)] += 1
        count(w, N_TLB_FLUSHES, 1)


def flush_page(w: World, core: int, mapping: int, page: int) -> None:
    """Forget one translation of a core (INVLPG), and with it that of all of its block."""
    if w[H_TLB] == 0:
        return
    flush_entry(w, core, mapping, page)
    if w[H_CONTPTE]:
        flush_entry(w, core, mapping, BLOCK | block_of(w, page))


def flush_entry(w: World, core: int, mapping: int, page: int) -> None:
    """Forget one entry of a core, of a page or of a block."""
    tag = tag_of(w, core, mapping, page)
    place = l1_set(w, core, page)
    way = find(w, place, w[H_TLB_L1_WAYS], tag)
    if way >= 0:
        w[place + 1 + way] = 0
    place = l2_set(w, core, page)
    way = find(w, place, w[H_TLB_L2_WAYS], tag)
    if way >= 0:
        w[place + 1 + way] = 0


def is_target(w: World, mm: int, task: int, other: int) -> int:
    """Return whether a CPU must be interrupted: it runs another task of the mm now."""
    o = w[H_TASK] + other * T_WORDS
    cpu = w[o + T_CPU]
    return other != task and cpu != 0 and w[cpu + U_RUNNING] == other + 1


def targets_of(w: World, task: int, mm: int) -> int:
    """Return how many CPUs a shootdown of an mm interrupts."""
    targets = 0
    for other in range(w[mm + MM_TASK], w[mm + MM_TASK] + w[mm + MM_TASKS]):
        if is_target(w, mm, task, other):
            targets += 1
    return targets


def knows(w: World, mm: int, o: int, task: int) -> int:
    """Return whether a task's CPU learns of a shootdown at once: it runs some thread of the mm."""
    cpu = w[o + T_CPU]
    running = w[cpu + U_RUNNING] - 1
    first = w[mm + MM_TASK]
    return cpu != 0 and (running == task or first <= running < first + w[mm + MM_TASKS])


def catch_up(w: World, t: int) -> None:
    """Flush the core of a task that gets its CPU back, if it slept through a shootdown.

    Linux ``switch_mm_irqs_off``: a CPU that was lazy, or comes back to an mm, compares generations.
    """
    mm = w[t + T_HOME_MM]
    if w[t + T_ACTOR] == 0 and w[t + T_FLUSHED] != w[mm + MM_FLUSHES]:
        w[t + T_FLUSHED] = w[mm + MM_FLUSHES]
        flush_core(w, w[t + T_CORE])


def further_pages_ps(w: World, t: int, pages: int) -> int:
    """Return ps for which an interrupted CPU flushes, besides what is in its handler's cost.

    That has one flush in it, of a page or of everything. Where nobody is interrupted, because CPUs
    flush each other's TLB, the handler costs nothing, nor do pages.
    """
    if cost_ps(w, t, COST_IPI_HANDLER) == 0 or pages > w[H_FLUSH_CEILING]:
        return 0
    return (pages - 1) * cost_ps(w, t, COST_INVLPG)


def shootdown_ps(w: World, task: int, mm: int, pages: int) -> int:
    """Return ps that a flush of some pages of an mm takes the CPU that asks for it."""
    t = w[H_TASK] + task * T_WORDS
    w[t + T_SENT] = w[t + T_CLOCK]
    if w[H_TLB] == 0 or pages == 0:
        return 0
    local = 0  # an actor that is not of the mm has none of its translations
    if w[t + T_HOME_MM] == mm:
        local = pages * cost_ps(w, t, COST_INVLPG)
        if pages > w[H_FLUSH_CEILING]:
            local = cost_ps(w, t, COST_FLUSH_ALL)
    targets = targets_of(w, task, mm)
    if targets == 0:
        return local
    if local == 0:  # the others flush as many pages, while one of the mm flushes its own
        local = further_pages_ps(w, t, pages)
    return local + cost_ps(w, t, COST_IPI_BASE) + targets * cost_ps(w, t, COST_IPI_PER_CPU)


def pages_to_flush(w: World, t: int, run: int) -> int:
    """Return the pages of the range in the cursor's page table, or run; 0 if none was mapped."""
    return end_of_run(w, t, run) - w[t + T_CURSOR] if gang_holds_any(w, t) else 0


def shoot_down(w: World, task: int, mapping: int, first: int, pages: int) -> None:
    """Flush pages of a mapping everywhere; each interrupted CPU owes the time of the handler."""
    if w[H_TLB] == 0 or pages == 0:
        return
    mm = w[mapping + M_MM]
    count(w, N_SHOOTDOWNS, 1)
    w[mm + MM_FLUSHES] += 1
    for other in range(w[mm + MM_TASK], w[mm + MM_TASK] + w[mm + MM_TASKS]):
        o = w[H_TASK] + other * T_WORDS
        if knows(w, mm, o, task):
            w[o + T_FLUSHED] = w[mm + MM_FLUSHES]
        if other != task and is_target(w, mm, task, other) == 0:
            continue
        if pages > w[H_FLUSH_CEILING]:
            flush_core(w, w[o + T_CORE])
        else:
            for page in range(first, first + pages):
                flush_page(w, w[o + T_CORE], w[mapping + M_INDEX], page)
        if other != task:
            w[o + T_PENDING] += cost_ps(w, o, COST_IPI_HANDLER) + further_pages_ps(w, o, pages)
            if w[o + T_PENDING]:
                w[o + T_DUE] |= DUE_INTERRUPT
            count(w, N_INTERRUPTS, 1)
