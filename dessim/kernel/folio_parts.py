"""Folios of memory of which a part is mapped: MADV_DONTNEED of the others leaves them as they are.

Such a folio keeps all of its memory. It is put on a deferred split queue, that of its memory
cgroup or, without one, of its node, under the queue's lock. A fault on a page that was dropped
finds ptes of the folio set, and takes a single page.

A task's folios on a queue are a list of the task's own (``T_DEFERRED``), from which nobody else
takes them.

Source
------
Linux 6.12 ``mm/rmap.c: __folio_remove_rmap``, ``mm/huge_memory.c`` (``deferred_split_folio``,
``__folio_unqueue_deferred_split``), ``mm/memory.c: alloc_anon_folio``; 6.1 ``mm/huge_memory.c``
(``deferred_split_huge_page``, ``free_transhuge_page``).
"""

from dessim.kernel.accounting import count
from dessim.kernel.addressing import (
    end_in_table,
    frame_at,
    part_at,
    pte_present,
    split_queue_at,
    table_pages,
)
from dessim.kernel.layout import *
from dessim.kernel.ops import *
from dessim.kernel.pages import GO_ON, MEANINGLESS

LEAST_DEFERRED = 4  # pages: a folio of two has no room for the link of the queue


def folio_fits(w: World, t: int) -> int:
    """Return whether all ptes are clear that a folio at the cursor would have."""
    first = w[t + T_CURSOR] & ~(w[H_ANON] - 1)
    for page in range(first, first + w[H_ANON]):
        if pte_present(w, t, page):
            return 0
    return 1


def page_left(w: World, t: int, frame: int) -> int:
    """Count a page of a frame as unmapped; return whether others of its pages are mapped.

    If none is, the frame goes: it leaves the list of those on the queue, but not yet the queue.
    """
    part = part_at(w, frame)
    w[t + T_CLEARED] += 1
    w[part + FP_MAPPED] -= 1
    if w[part + FP_MAPPED] == 0 and w[part + FP_DEFERRED]:
        forget_folio(w, t, frame)
    return w[part + FP_MAPPED]


def to_flush(w: World, t: int) -> int:
    """Return the pages whose translations are to be flushed: those of gathered frames, or more.

    A folio that stays, because others of its pages are mapped, is not among those gathered.
    """
    return w[t + T_CLEARED] if w[H_PARTS] else w[t + T_GATHERED] * w[H_ANON]


def note_parts(w: World, t: int, only_pmd: int) -> None:
    """Note the folios around the ends of what was just unmapped that are mapped in part since.

    ``only_pmd``: those of a whole page table's size alone are queued (up to 6.7).
    """
    least = table_pages(w) if only_pmd else LEAST_DEFERRED
    if w[H_ANON] < least:
        return
    first, last = w[t + T_CURSOR], end_in_table(w, t) - 1
    note_part(w, t, folio_of(w, first))
    note_part(w, t, folio_of(w, last))


def folio_of(w: World, page: int) -> int:
    """Return the folio of which a page near another one is still mapped, or 0."""
    first = page & ~(w[H_ANON] - 1)
    for near in range(first, first + w[H_ANON]):
        frame = w[w[H_FRAME_OF] + near]
        if frame and w[part_at(w, frame) + FP_PAGES] > 1:
            return frame
    return 0


def note_part(w: World, t: int, frame: int) -> None:
    """Note a folio to be queued, if a part of it is mapped and it is neither noted nor queued."""
    if frame == 0 or frame == w[t + T_PARTS]:
        return
    part = part_at(w, frame)
    if w[part + FP_MAPPED] == w[part + FP_PAGES] or w[part + FP_DEFERRED]:
        return
    w[frame_at(w, frame) + F_NEXT] = w[t + T_PARTS]
    w[t + T_PARTS] = frame


def queue_folio(w: World, t: int) -> None:
    """Put a folio that was noted on the deferred split queue."""
    frame = w[t + T_PARTS]
    f = frame_at(w, frame)
    w[t + T_PARTS] = w[f + F_NEXT]
    w[f + F_NEXT] = w[t + T_DEFERRED]
    w[f + F_PREV] = 0
    if w[t + T_DEFERRED]:
        w[frame_at(w, w[t + T_DEFERRED]) + F_PREV] = frame
    w[t + T_DEFERRED] = frame
    w[part_at(w, frame) + FP_DEFERRED] = 1
    w[split_queue_at(w, t) + w[H_LINE_WORDS] + SPLIT_LENGTH] += 1
    count(w, N_FOLIOS_DEFERRED, 1)


def forget_folio(w: World, t: int, frame: int) -> None:
    """Take a folio off the list of the task's folios on the queue."""
    f = frame_at(w, frame)
    before, after = w[f + F_PREV], w[f + F_NEXT]
    if before:
        w[frame_at(w, before) + F_NEXT] = after
    else:
        w[t + T_DEFERRED] = after
    if after:
        w[frame_at(w, after) + F_PREV] = before


def unqueue(w: World, t: int, frame: int) -> None:
    """Count a folio off the deferred split queue."""
    w[part_at(w, frame) + FP_DEFERRED] = 0
    w[split_queue_at(w, t) + w[H_LINE_WORDS] + SPLIT_LENGTH] -= 1


def deferred_in_batch(w: World, t: int) -> int:
    """Return the first frame on the queue of those that are freed next, or 0."""
    frame = w[t + T_GATHER]
    for _ in range(w[H_RELEASE]):
        if frame == 0 or w[part_at(w, frame) + FP_DEFERRED]:
            break
        frame = w[frame_at(w, frame) + F_NEXT]
    return frame if frame and w[part_at(w, frame) + FP_DEFERRED] else 0


def pick_drop(w: World, t: int, first: int) -> None:
    """Let the range be what MADV_DONTNEED drops next, from a page of the task's region on."""
    stop = first + w[H_DROP]
    end = w[t + T_FIRST] + w[H_REGION]
    w[t + T_PAGE] = w[t + T_CURSOR] = first
    w[t + T_STOP] = stop if stop < end else end


def next_drop(w: World, t: int, target: int) -> None:
    """Go on with what is dropped next, or end the loop."""
    first = w[t + T_PAGE] + w[H_DROP_EVERY]
    if first < w[t + T_FIRST] + w[H_REGION]:
        pick_drop(w, t, first)
        w[t + T_PC] = target


def part_step(w: World, t: int, i: int) -> int:
    """Carry out a step about folios of which a part is mapped."""
    op = w[i + I_OP]
    holds = 1
    if op == OP_FOLIO_FITS:
        holds = folio_fits(w, t)
    elif op == OP_PART_FOUND:
        holds = w[t + T_PARTS]
    elif op == OP_DEFERRED_GATHERED:
        holds = deferred_in_batch(w, t)
    elif op == OP_QUEUE_FOLIO:
        queue_folio(w, t)
    elif op == OP_UNQUEUE_FOLIO:
        unqueue(w, t, deferred_in_batch(w, t))
    elif op == OP_NEXT_DEFERRED:
        holds = deferred_in_batch(w, t) == 0
    elif op == OP_PICK_DROP:
        pick_drop(w, t, w[t + T_FIRST])
    elif op == OP_NEXT_DROP:
        next_drop(w, t, w[i + I_TARGET])
    else:
        return MEANINGLESS
    if holds == 0:
        w[t + T_PC] = w[i + I_TARGET]
    return GO_ON
