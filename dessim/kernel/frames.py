"""Frames of memory: from a node's free list over a CPU's list to a pte, and back.

A frame is always in one place (``F_WHERE``): free on its node, on a CPU's list, in a task's hand,
mapped, or gathered by a task that unmaps. Who changes a node's lists holds its zone's or its LRU's
lock; who changes a CPU's lists runs on that CPU.

A frame is a folio: ``H_ANON`` pages that are allocated, charged, mapped and freed at once. Lists
and counts of lists are in frames; the counts of an mm and of memory cgroups are in pages.

Memory is taken from the task's own node, and goes back there. A node's free list is served in order
of arrival: who allocates gets what was free longest, whose struct page has left the caches.

Source
------
Linux 6.1 and 6.12: ``mm/page_alloc.c`` (``rmqueue_pcplist``, ``rmqueue_bulk``,
``free_unref_page_commit``, ``free_pcppages_bulk``), ``mm/swap.c`` (``folio_add_lru``,
``folio_batch_move_lru``, ``release_pages``, ``folios_put_refs``), ``mm/memcontrol.c``
(``try_charge_memcg``, ``consume_stock``, ``uncharge_batch``), ``mm/memory.c`` (``zap_pte_range``).
"""

from dessim.kernel.accounting import count
from dessim.kernel.addressing import (
    end_in_table,
    frame_at,
    memcg_at,
    part_at,
    pte_present,
    rss_at,
    table_pages,
    zone_at,
)
from dessim.kernel.folio_parts import page_left, to_flush
from dessim.kernel.layout import *
from dessim.kernel.ops import *
from dessim.kernel.pages import GO_ON, MEANINGLESS
from dessim.kernel.pcp import (
    frames_to_give,
    frames_to_take,
    mark_of,
    note_allocated,
    note_freed,
    note_given,
    note_taken,
    pcp_list_of,
)


def push_on_cpu(w: World, cpu: int, frame: int) -> None:
    """Put a frame at the head of a CPU's list: it is the next to be taken."""
    f = frame_at(w, frame)
    head = w[cpu + U_PCP_HEAD]
    w[f + F_WHERE] = FRAME_ON_CPU
    w[f + F_NEXT] = head
    w[f + F_PREV] = 0
    if head:
        w[frame_at(w, head) + F_PREV] = frame
    else:
        w[cpu + U_PCP_TAIL] = frame
    w[cpu + U_PCP_HEAD] = frame
    w[cpu + U_PCP_COUNT] += 1


def append_on_cpu(w: World, cpu: int, frame: int) -> None:
    """Put a frame at the tail of a CPU's list."""
    f = frame_at(w, frame)
    tail = w[cpu + U_PCP_TAIL]
    w[f + F_WHERE] = FRAME_ON_CPU
    w[f + F_NEXT] = 0
    w[f + F_PREV] = tail
    if tail:
        w[frame_at(w, tail) + F_NEXT] = frame
    else:
        w[cpu + U_PCP_HEAD] = frame
    w[cpu + U_PCP_TAIL] = frame
    w[cpu + U_PCP_COUNT] += 1


def zone_list_of(w: World, t: int, single: int) -> int:
    """Return from where the words of a node's list count: of free folios, or of single pages."""
    return zone_at(w, t) + single * Z_LISTS_APART


def refill_pcp(w: World, t: int, single: int) -> None:
    """Move a batch of frames from the node's free list to the CPU's."""
    zone = zone_list_of(w, t, single)
    cpu = pcp_list_of(w, t, single)
    frames = frames_to_take(w, cpu)
    note_taken(w, cpu)
    for _ in range(frames):
        frame = w[zone + Z_HEAD]
        if frame == 0:
            break
        w[zone + Z_HEAD] = w[frame_at(w, frame) + F_NEXT]
        if w[zone + Z_HEAD] == 0:
            w[zone + Z_TAIL] = 0
        w[zone + Z_FREE] -= 1
        append_on_cpu(w, cpu, frame)
    count(w, N_ZONE_REFILLS, 1)


def drain_pcp(w: World, t: int, single: int) -> None:
    """Move a batch of frames from the tail of the CPU's list to the end of the node's free list."""
    zone = zone_list_of(w, t, single)
    cpu = pcp_list_of(w, t, single)
    frames = frames_to_give(w, cpu)
    note_given(w, cpu)
    for _ in range(frames):
        frame = w[cpu + U_PCP_TAIL]
        if frame == 0:
            break
        f = frame_at(w, frame)
        w[cpu + U_PCP_TAIL] = w[f + F_PREV]
        if w[f + F_PREV]:
            w[frame_at(w, w[f + F_PREV]) + F_NEXT] = 0
        else:
            w[cpu + U_PCP_HEAD] = 0
        w[cpu + U_PCP_COUNT] -= 1
        w[f + F_WHERE] = FRAME_FREE
        w[f + F_NEXT] = 0
        if w[zone + Z_TAIL]:
            w[frame_at(w, w[zone + Z_TAIL]) + F_NEXT] = frame
        else:
            w[zone + Z_HEAD] = frame
        w[zone + Z_TAIL] = frame
        w[zone + Z_FREE] += 1
    count(w, N_ZONE_DRAINS, 1)


def take_frame(w: World, t: int, done: int, single: int) -> None:
    """Take the frame at the head of the CPU's list in hand."""
    cpu = pcp_list_of(w, t, single)
    frame = w[cpu + U_PCP_HEAD]
    f = frame_at(w, frame)
    w[cpu + U_PCP_HEAD] = w[f + F_NEXT]
    if w[f + F_NEXT]:
        w[frame_at(w, w[f + F_NEXT]) + F_PREV] = 0
    else:
        w[cpu + U_PCP_TAIL] = 0
    w[cpu + U_PCP_COUNT] -= 1
    note_allocated(w, cpu)
    w[f + F_WHERE] = FRAME_IN_HAND
    w[f + F_CORE] = w[t + T_CORE]
    w[f + F_AT] = done
    w[t + T_FRAME] = frame


def pages_of(w: World, frame: int) -> int:
    """Return the pages of a frame."""
    return w[part_at(w, frame) + FP_PAGES] if w[H_PARTS] else w[H_ANON]


def pages_in_hand(w: World, t: int) -> int:
    """Return the pages of the frame in hand; without one, those of a folio."""
    return pages_of(w, w[t + T_FRAME]) if w[t + T_FRAME] else w[H_ANON]


def map_frame(w: World, t: int) -> None:
    """Map the frame in hand at the pages around the cursor's that it is aligned to."""
    frame = w[t + T_FRAME]
    pages = pages_in_hand(w, t)
    first = w[t + T_CURSOR] & ~(pages - 1)
    for page in range(first, first + pages):
        w[w[t + T_PTE] + (page >> PTE_SHIFT)] |= 1 << (page & (PTE_BITS - 1))
        if w[H_PARTS]:
            w[w[H_FRAME_OF] + page] = frame
    w[w[H_FRAME_OF] + first] = frame
    if w[H_PARTS]:
        w[part_at(w, frame) + FP_MAPPED] = pages
        w[part_at(w, frame) + FP_FIRST] = first
    w[frame_at(w, frame) + F_WHERE] = FRAME_MAPPED
    w[t + T_FRAME] = 0
    w[t + T_MAPPED] += pages
    count(w, N_PAGES_MAPPED, pages)


def drop_frame(w: World, t: int) -> None:
    """Give the frame in hand back: somebody else has mapped a page here."""
    pages = pages_in_hand(w, t)
    cpu = pcp_list_of(w, t, is_single(w, pages))
    push_on_cpu(w, cpu, w[t + T_FRAME])
    note_freed(w, cpu, 1)
    w[t + T_FRAME] = 0
    w[t + T_UNCHARGED] += pages


def is_single(w: World, pages: int) -> int:
    """Return whether a frame of some pages is on a list of its own, apart from those of folios."""
    return 1 if pages < w[H_ANON] else 0


def lru_add(w: World, t: int) -> None:
    """Let the frame in hand wait for the LRU."""
    frame = w[t + T_FRAME]
    cpu = w[t + T_CPU]
    w[frame_at(w, frame) + F_LRU_NEXT] = w[cpu + U_LRU_HEAD]
    w[cpu + U_LRU_HEAD] = frame
    w[cpu + U_LRU_COUNT] += 1


def lru_flush(w: World, t: int) -> None:
    """Put all frames that wait on the CPU on the LRU of its node."""
    cpu = w[t + T_CPU]
    frame = w[cpu + U_LRU_HEAD]
    while frame:
        f = frame_at(w, frame)
        w[f + F_ON_LRU] = 1
        frame = w[f + F_LRU_NEXT]
    w[zone_at(w, t) + Z_LRU] += w[cpu + U_LRU_COUNT]
    w[cpu + U_LRU_HEAD] = 0
    w[cpu + U_LRU_COUNT] = 0
    count(w, N_LRU_FLUSHES, 1)


def pages_to_link(w: World, t: int, gathered: int, batch: int) -> int:
    """Return how many frames go to the LRU of a node at once, or of the gathered ones leave it."""
    if gathered:
        return min(w[t + T_GATHERED], batch or w[H_RELEASE])
    return w[w[t + T_CPU] + U_LRU_COUNT]


def lru_remove(w: World, t: int, batch: int) -> None:
    """Take a batch of the gathered frames off the LRU: they can be freed."""
    zone = zone_at(w, t)
    for _ in range(batch or w[H_RELEASE]):
        frame = w[t + T_GATHER]
        if frame == 0:
            break
        f = frame_at(w, frame)
        w[t + T_GATHER] = w[f + F_NEXT]
        w[t + T_GATHERED] -= 1
        w[zone + Z_LRU] -= w[f + F_ON_LRU]
        w[f + F_ON_LRU] = 0
        w[f + F_NEXT] = w[t + T_RELEASED]
        w[t + T_RELEASED] = frame
    count(w, N_LRU_REMOVALS, 1)


def free_frames(w: World, t: int) -> None:
    """Put the frames that are off the LRU on the CPU's list."""
    frames = singles = 0
    while w[t + T_RELEASED]:
        frame = w[t + T_RELEASED]
        w[t + T_RELEASED] = w[frame_at(w, frame) + F_NEXT]
        pages = pages_of(w, frame)
        single = is_single(w, pages)
        push_on_cpu(w, pcp_list_of(w, t, single), frame)
        singles += single
        frames += 1
        w[t + T_UNCHARGED] += pages
    note_freed(w, pcp_list_of(w, t, 0), frames - singles)
    if singles:
        note_freed(w, pcp_list_of(w, t, 1), singles)


def gather(w: World, t: int, frame: int, done: int) -> None:
    """Keep a frame that is mapped no more until the translations are flushed."""
    f = frame_at(w, frame)
    w[f + F_WHERE] = FRAME_GATHERED
    w[f + F_CORE] = w[t + T_CORE]
    w[f + F_AT] = done
    w[f + F_NEXT] = w[t + T_GATHER]
    w[t + T_GATHER] = frame
    w[t + T_GATHERED] += 1


def zap_frames(w: World, t: int, done: int) -> None:
    """Unmap the frames of the region's part in the cursor's page table: gather them."""
    zapped = 0
    for page in range(w[t + T_CURSOR], end_in_table(w, t)):
        if pte_present(w, t, page):
            w[w[t + T_PTE] + (page >> PTE_SHIFT)] &= ~(1 << (page & (PTE_BITS - 1)))
            zapped += 1
            frame = w[w[H_FRAME_OF] + page]
            if w[H_PARTS] and page_left(w, t, frame):
                frame = 0
            if frame:  # the first page of a folio, or the last that was mapped
                gather(w, t, frame, done)
            w[w[H_FRAME_OF] + page] = 0
    w[t + T_RSS] -= zapped
    count(w, N_PTES_CLEARED, zapped)


def frames_in_table(w: World) -> int:
    """Return how many frames a page table maps at most."""
    return table_pages(w) if w[H_PARTS] else table_pages(w) // w[H_ANON]


def frame_branch(w: World, t: int, i: int) -> int:
    """Go on if the condition of a step about frames holds, else jump to its target."""
    op = w[i + I_OP]
    cpu = w[t + T_CPU]
    if op == OP_PCP_EMPTY:
        holds = w[pcp_list_of(w, t, w[i + I_A]) + U_PCP_HEAD] == 0
    elif op == OP_PCP_FULL:
        place = pcp_list_of(w, t, w[i + I_A])
        holds = w[place + U_PCP_COUNT] >= mark_of(w, place)
    elif op == OP_STOCK_EMPTY:
        holds = w[cpu + U_STOCK] < pages_in_hand(w, t)
    elif op == OP_LRU_WAITING:
        large = pages_in_hand(w, t) > 1  # folio_batch_add_and_move(): it goes there at once
        holds = w[cpu + U_LRU_COUNT] >= (1 if w[i + I_A] or large else w[H_LRU_BATCH])
    elif op == OP_RSS_SPILLS:
        holds = w[t + T_RSS] >= w[H_RSS_BATCH] or -w[t + T_RSS] >= w[H_RSS_BATCH]
    elif op == OP_GATHER_FULL:
        room = w[H_GATHER] - frames_in_table(w)
        holds = to_flush(w, t) > 0 if w[i + I_A] else w[t + T_GATHERED] > room
    elif op == OP_UNCHARGE_DUE:
        holds = w[t + T_UNCHARGED] >= (1 if w[t + T_GATHER] == 0 else w[H_UNCHARGE])
    else:
        return MEANINGLESS
    if not holds:
        w[t + T_PC] = w[i + I_TARGET]
    return GO_ON


def frame_step(w: World, task: int, i: int, done: int) -> int:
    """Carry out a step that moves frames from one list to another."""
    t = w[H_TASK] + task * T_WORDS
    op = w[i + I_OP]
    if op == OP_REFILL_PCP:
        refill_pcp(w, t, w[i + I_A])
    elif op == OP_TAKE_FRAME:
        take_frame(w, t, done, w[i + I_A])
    elif op == OP_FILL_FRAME:
        count(w, N_FRAMES_FILLED, 1)
    elif op == OP_MAP_FRAME:
        map_frame(w, t)
    elif op == OP_DROP_FRAME:
        drop_frame(w, t)
    elif op == OP_LRU_ADD:
        lru_add(w, t)
    elif op == OP_LRU_FLUSH:
        lru_flush(w, t)
    elif op == OP_LRU_REMOVE:
        lru_remove(w, t, w[i + I_A])
    elif op == OP_NEXT_LINKED:
        w[t + T_LINKED] += 1
        if w[t + T_LINKED] < pages_to_link(w, t, w[i + I_A], w[i + I_B]):
            w[t + T_PC] = w[i + I_TARGET]
        else:
            w[t + T_LINKED] = 0
    elif op == OP_FREE_FRAMES:
        free_frames(w, t)
    elif op == OP_DRAIN_PCP:
        drain_pcp(w, t, w[i + I_A])
    elif op == OP_NEXT_ROUND:
        if w[t + T_GATHER]:
            w[t + T_PC] = w[i + I_TARGET]
    else:
        return MEANINGLESS
    return GO_ON


def charge_step(w: World, t: int, i: int) -> int:
    """Carry out a step about who is charged for frames: memory cgroups, and the mm's count."""
    op = w[i + I_OP]
    if op == OP_CHARGE_LEVEL:
        w[memcg_at(w, w[i + I_A]) + COUNTED_PAGES] += w[H_MEMCG_BATCH]
    elif op == OP_FILL_STOCK:
        w[w[t + T_CPU] + U_STOCK] += w[H_MEMCG_BATCH]
    elif op == OP_USE_STOCK:
        w[w[t + T_CPU] + U_STOCK] -= pages_in_hand(w, t)
    elif op == OP_UNCHARGE_LEVEL:
        w[memcg_at(w, w[i + I_A]) + COUNTED_PAGES] -= w[t + T_UNCHARGED]
    elif op == OP_UNCHARGED:
        w[t + T_UNCHARGED] = 0
    elif op == OP_COUNT_RSS:
        w[t + T_RSS] += w[i + I_A] * pages_in_hand(w, t)
    elif op == OP_SPILL_RSS:
        w[rss_at(w, t) + COUNTED_PAGES] += w[t + T_RSS]
        w[t + T_RSS] = 0
    elif op != OP_LOAD_STATISTICS:  # which only takes time
        return MEANINGLESS
    return GO_ON
