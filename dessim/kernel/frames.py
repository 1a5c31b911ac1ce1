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
from dessim.kernel.addressing import end_in_table, memcg_at, pte_present, rss_at, zone_at
from dessim.kernel.layout import *
from dessim.kernel.ops import *
from dessim.kernel.pages import GO_ON, MEANINGLESS


def frame_at(w: World, frame: int) -> int:
    """Return where the record of a frame begins; frames are counted from 1 in lists."""
    return w[H_FRAME] + (frame - 1) * F_WORDS


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


def refill_pcp(w: World, t: int) -> None:
    """Move a batch of frames from the node's free list to the CPU's."""
    zone = zone_at(w, t)
    for _ in range(w[H_PCP_BATCH]):
        frame = w[zone + Z_HEAD]
        if frame == 0:
            break
        w[zone + Z_HEAD] = w[frame_at(w, frame) + F_NEXT]
        if w[zone + Z_HEAD] == 0:
            w[zone + Z_TAIL] = 0
        w[zone + Z_FREE] -= 1
        append_on_cpu(w, w[t + T_CPU], frame)
    count(w, N_ZONE_REFILLS, 1)


def drain_pcp(w: World, t: int) -> None:
    """Move a batch of frames from the tail of the CPU's list to the end of the node's free list."""
    zone = zone_at(w, t)
    cpu = w[t + T_CPU]
    for _ in range(w[H_PCP_BATCH]):
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


def take_frame(w: World, t: int, done: int) -> None:
    """Take the frame at the head of the CPU's list in hand."""
    cpu = w[t + T_CPU]
    frame = w[cpu + U_PCP_HEAD]
    f = frame_at(w, frame)
    w[cpu + U_PCP_HEAD] = w[f + F_NEXT]
    if w[f + F_NEXT]:
        w[frame_at(w, w[f + F_NEXT]) + F_PREV] = 0
    else:
        w[cpu + U_PCP_TAIL] = 0
    w[cpu + U_PCP_COUNT] -= 1
    w[f + F_WHERE] = FRAME_IN_HAND
    w[f + F_CORE] = w[t + T_CORE]
    w[f + F_AT] = done
    w[t + T_FRAME] = frame


def map_frame(w: World, t: int) -> None:
    """Map the frame in hand at the pages around the cursor's that it is aligned to."""
    first = w[t + T_CURSOR] & ~(w[H_ANON] - 1)
    for page in range(first, first + w[H_ANON]):
        w[w[t + T_PTE] + (page >> PTE_SHIFT)] |= 1 << (page & (PTE_BITS - 1))
    w[w[H_FRAME_OF] + first] = w[t + T_FRAME]
    w[frame_at(w, w[t + T_FRAME]) + F_WHERE] = FRAME_MAPPED
    w[t + T_FRAME] = 0
    w[t + T_MAPPED] += w[H_ANON]
    count(w, N_PAGES_MAPPED, w[H_ANON])


def drop_frame(w: World, t: int) -> None:
    """Give the frame in hand back: somebody else has mapped a page here."""
    push_on_cpu(w, w[t + T_CPU], w[t + T_FRAME])
    w[t + T_FRAME] = 0
    w[t + T_UNCHARGED] += w[H_ANON]


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


def lru_remove(w: World, t: int) -> None:
    """Take a batch of the gathered frames off the LRU: they can be freed."""
    zone = zone_at(w, t)
    for _ in range(w[H_RELEASE]):
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
    while w[t + T_RELEASED]:
        frame = w[t + T_RELEASED]
        w[t + T_RELEASED] = w[frame_at(w, frame) + F_NEXT]
        push_on_cpu(w, w[t + T_CPU], frame)
        w[t + T_UNCHARGED] += w[H_ANON]


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
            if frame:  # the first page of a folio
                gather(w, t, frame, done)
                w[w[H_FRAME_OF] + page] = 0
    w[t + T_RSS] -= zapped
    count(w, N_PTES_CLEARED, zapped)


def frame_branch(w: World, t: int, i: int) -> int:
    """Go on if the condition of a step about frames holds, else jump to its target."""
    op = w[i + I_OP]
    cpu = w[t + T_CPU]
    if op == OP_PCP_EMPTY:
        holds = w[cpu + U_PCP_HEAD] == 0
    elif op == OP_PCP_FULL:
        holds = w[cpu + U_PCP_COUNT] >= w[H_PCP_HIGH]
    elif op == OP_STOCK_EMPTY:
        holds = w[cpu + U_STOCK] < w[H_ANON]
    elif op == OP_LRU_WAITING:
        large = w[H_ANON] > 1  # folio_batch_add_and_move(): it goes there at once
        holds = w[cpu + U_LRU_COUNT] >= (1 if w[i + I_A] or large else w[H_LRU_BATCH])
    elif op == OP_RSS_SPILLS:
        holds = w[t + T_RSS] >= w[H_RSS_BATCH] or -w[t + T_RSS] >= w[H_RSS_BATCH]
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
        refill_pcp(w, t)
    elif op == OP_TAKE_FRAME:
        take_frame(w, t, done)
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
        lru_remove(w, t)
    elif op == OP_FREE_FRAMES:
        free_frames(w, t)
    elif op == OP_DRAIN_PCP:
        drain_pcp(w, t)
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
        w[w[t + T_CPU] + U_STOCK] -= w[H_ANON]
    elif op == OP_UNCHARGE_LEVEL:
        w[memcg_at(w, w[i + I_A]) + COUNTED_PAGES] -= w[t + T_UNCHARGED]
    elif op == OP_UNCHARGED:
        w[t + T_UNCHARGED] = 0
    elif op == OP_COUNT_RSS:
        w[t + T_RSS] += w[i + I_A] * w[H_ANON]
    elif op == OP_SPILL_RSS:
        w[rss_at(w, t) + COUNTED_PAGES] += w[t + T_RSS]
        w[t + T_RSS] = 0
    else:
        return MEANINGLESS
    return GO_ON
