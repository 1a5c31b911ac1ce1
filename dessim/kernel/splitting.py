"""Folios of memory that wait on a deferred split queue are split, and what they kept is freed.

This is what the shrinker does when memory, or a memory cgroup, is full. Here a task does it behind
its calls of MADV_DONTNEED, for its own folios. The mapped pages of a folio become single pages
where they are; the others are freed, one by one.

Source
------
Linux 6.12 ``mm/huge_memory.c`` (``deferred_split_scan``, ``split_huge_page_to_list_to_order``,
``unmap_folio``, ``__split_huge_page``, ``remap_page``), ``mm/rmap.c: try_to_migrate_one``,
``mm/migrate.c: remove_migration_pte``; later ``__folio_split``.
"""

from dessim.kernel.accounting import count
from dessim.kernel.addressing import cost_ps, frame_at, part_at, zone_at
from dessim.kernel.cost_table import COST_MIGRATE_PTE, COST_SPLIT_PAGE
from dessim.kernel.folio_parts import forget_folio, unqueue
from dessim.kernel.frame_delays import NO_RULE
from dessim.kernel.frames import gather
from dessim.kernel.layout import *
from dessim.kernel.lines import local_cost
from dessim.kernel.ops import *
from dessim.kernel.pages import GO_ON, MEANINGLESS

SHRINK_BATCH = 128  # folios of a scan: what a shrinker is asked for at once (mm/shrinker.c)
UNLOCK_AND_PUT = 2  # RMWs on each page that was split off


def waiting(w: World, t: int) -> int:
    """Return how many of the task's folios wait to be split, up to a batch."""
    folios = 0
    frame = w[t + T_DEFERRED]
    while frame and folios < SHRINK_BATCH:
        folios += 1
        frame = w[frame_at(w, frame) + F_NEXT]
    return folios


def go_to_folio(w: World, t: int) -> None:
    """Put the cursor on the first page of the next folio that is split."""
    w[t + T_CURSOR] = w[part_at(w, w[t + T_DEFERRED]) + FP_FIRST]


def split_delay_ps(w: World, t: int, op: int) -> int:
    """Return ps by the rule of a step that splits a folio, or NO_RULE."""
    if op == OP_SCAN_QUEUE:
        return waiting(w, t) * local_cost(w, t, LINE_RMW)
    if op == OP_UNMAP_FOLIO:
        return w[part_at(w, w[t + T_DEFERRED]) + FP_MAPPED] * cost_ps(w, t, COST_MIGRATE_PTE)
    if op == OP_SPLIT_FOLIO:
        return (w[H_ANON] - 1) * cost_ps(w, t, COST_SPLIT_PAGE)
    if op == OP_REMAP_FOLIO:
        puts = (w[H_ANON] - 1) * UNLOCK_AND_PUT * local_cost(w, t, LINE_RMW)
        return puts + w[t + T_MIGRATED] * cost_ps(w, t, COST_MIGRATE_PTE)
    return NO_RULE


def freeze_folio(w: World, t: int) -> None:
    """Freeze the references of a folio, so that nobody else can have it, and take it off the queue.

    The frame is in the task's hand until it is split.
    """
    frame = w[t + T_DEFERRED]
    forget_folio(w, t, frame)
    unqueue(w, t, frame)
    w[t + T_PARTS] = frame


def split_folio(w: World, t: int, done: int) -> None:
    """Make single pages of a folio: the mapped ones stay, the others are gathered."""
    folio = w[t + T_PARTS]
    first = w[part_at(w, folio) + FP_FIRST]
    w[t + T_PARTS] = 0
    for page in range(first, first + w[H_ANON]):
        frame = folio if page == first else take_spare(w, t, folio, done)
        is_mapped = 1 if w[w[H_FRAME_OF] + page] == folio else 0
        part = part_at(w, frame)
        w[part + FP_PAGES] = 1
        w[part + FP_MAPPED] = is_mapped
        w[part + FP_FIRST] = page
        if is_mapped:
            w[w[H_FRAME_OF] + page] = frame
        else:
            gather(w, t, frame, done)
    count(w, N_FOLIOS_SPLIT, 1)


def take_spare(w: World, t: int, folio: int, done: int) -> int:
    """Return a page that was in a folio, with a record of its own from now on."""
    zone = zone_at(w, t)
    frame = w[zone + Z_SPARE]
    f = frame_at(w, frame)
    w[zone + Z_SPARE] = w[f + F_NEXT]
    w[f + F_NEXT] = 0
    w[f + F_WHERE] = FRAME_MAPPED
    w[f + F_ON_LRU] = w[frame_at(w, folio) + F_ON_LRU]
    w[f + F_CORE] = w[t + T_CORE]
    w[f + F_AT] = done
    w[zone + Z_LRU] += w[f + F_ON_LRU]
    return frame


def split_step(w: World, t: int, i: int, done: int) -> int:
    """Carry out a step of splitting folios."""
    op = w[i + I_OP]
    holds = 1
    if op == OP_FOLIO_WAITS:
        holds = w[t + T_DEFERRED]
    elif op == OP_SCAN_QUEUE:
        w[t + T_SCAN] = waiting(w, t)
        go_to_folio(w, t)
    elif op == OP_UNMAP_FOLIO:
        w[t + T_MIGRATED] = w[part_at(w, w[t + T_DEFERRED]) + FP_MAPPED]
    elif op == OP_FREEZE_FOLIO:
        freeze_folio(w, t)
    elif op == OP_SPLIT_FOLIO:
        split_folio(w, t, done)
    elif op == OP_REMAP_FOLIO:
        w[t + T_MIGRATED] = 0
    elif op == OP_NEXT_FOLIO_TO_SPLIT:
        w[t + T_SCAN] -= 1
        holds = w[t + T_SCAN] == 0
        if holds == 0:
            go_to_folio(w, t)
    elif op == OP_NEXT_SCAN:
        holds = w[t + T_DEFERRED] == 0
    else:
        return MEANINGLESS
    if holds == 0:
        w[t + T_PC] = w[i + I_TARGET]
    return GO_ON
