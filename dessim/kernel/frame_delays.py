"""How long steps about frames of memory take.

Under the lock of a zone the struct pages of a batch are read in a row, each found through the one
before: their misses add up, and are most of what the lock is held for.
"""

from dessim.kernel.accounting import account
from dessim.kernel.addressing import (
    cost_ps,
    end_in_table,
    frame_at,
    lock_at,
    lru_sizes_at,
    pte_present,
    table_pages,
)
from dessim.kernel.contpte import convert_ps, flush_blocks_ps
from dessim.kernel.cost_table import (
    COST_COPY_PAGE,
    COST_FOLIO_TAIL,
    COST_FREE_PAGE,
    COST_LRU_LINK,
    COST_PAGE_STATISTICS,
    COST_SET_PTE,
    COST_UNCHARGE_PAGE,
    COST_ZAP_PAGE,
    COST_ZAP_PTE,
    COST_ZERO_PAGE,
    COST_ZONE_PAGE,
)
from dessim.kernel.folio_parts import to_flush
from dessim.kernel.frames import pages_in_hand, pages_of, pages_to_link, zone_list_of
from dessim.kernel.layout import *
from dessim.kernel.lines import core_distance, line_cost, local_cost, take_line, transfer_ps
from dessim.kernel.ops import *
from dessim.kernel.pcp import frames_to_give, frames_to_take, pcp_list_of
from dessim.kernel.tlb import shootdown_ps

COUNTS = 2  # of a page of memory: those mapped, those on the LRU
NO_RULE = -2  # nothing says how long the operation takes
TREE_LINES = 8  # a node and a half of the maple tree, and two lines of the mm


def struct_page_use_ps(w: World, t: int, frame: int, now: int) -> int:
    """Return ps to bring a frame's struct page here: from another core, from memory, or at hand."""
    f = frame_at(w, frame)
    owner = w[f + F_CORE]
    ps = 0
    if now - w[f + F_AT] > w[H_EVICT]:
        ps = w[w[H_STRUCT_MISS] + w[t + T_SOCKET]]
    elif owner != w[t + T_CORE]:
        ps = line_cost(w, LINE_STORE, MODIFIED, core_distance(w, t, owner))
    w[f + F_CORE] = w[t + T_CORE]
    w[f + F_AT] = now + ps
    return ps


def refill_ps(w: World, t: int, now: int, single: int) -> int:
    """Return ps to take a batch of frames from the node's free list."""
    ps = 0
    frame = w[zone_list_of(w, t, single) + Z_HEAD]
    for _ in range(frames_to_take(w, pcp_list_of(w, t, single))):
        if frame == 0:
            break
        ps += cost_ps(w, t, COST_ZONE_PAGE)
        ps += struct_page_use_ps(w, t, frame, now + ps)
        frame = w[frame_at(w, frame) + F_NEXT]
    return ps


def drain_ps(w: World, t: int, now: int, single: int) -> int:
    """Return ps to put a batch of frames on the node's free list.

    Each asks for its buddy, to be merged with it: a struct page that nobody used for long. Linux
    4.17 to 5.17 prefetch a batch of them before they take the lock (97334162e4d7, 2a791f4412cb).
    """
    ps = 0
    cpu = pcp_list_of(w, t, single)
    frame = w[cpu + U_PCP_TAIL]
    for _ in range(frames_to_give(w, cpu)):
        if frame == 0:
            break
        ps += cost_ps(w, t, COST_ZONE_PAGE)
        ps += w[w[H_STRUCT_MISS] + w[t + T_SOCKET]] * w[H_BUDDY_MISS] // 1_000_000
        ps += struct_page_use_ps(w, t, frame, now + ps)
        frame = w[frame_at(w, frame) + F_PREV]
    return ps


def fill_ps(w: World, t: int, copies: int, now: int) -> int:
    """Return ps to zero a page, or to copy one: a core's time, or the memory's if that is busy.

    The node's bandwidth is a queue served in order, as for reads; waiting is accounted apart.
    """
    pages = pages_in_hand(w, t)
    ps = pages * cost_ps(w, t, COST_COPY_PAGE if copies else COST_ZERO_PAGE)
    node = w[H_NODE] + w[t + T_SOCKET]
    busy = w[node] if w[node] > now else now
    traffic = w[(w[H_NODE_COPY] if copies else w[H_NODE_ZERO]) + w[t + T_SOCKET]]
    w[node] = busy + pages * traffic
    late = w[node] - (now + ps)
    if late > 0:
        account(w, t, CAT_BANDWIDTH, late)
        account(w, t, CAT_ZEROING, -late)
        ps += late
    return ps


def lru_ps(w: World, t: int, pages: int) -> int:
    """Return ps to put pages on the LRU list or take them off, whose ends lie on another line."""
    return pages * cost_ps(w, t, COST_LRU_LINK) + line_cost(w, LINE_STORE, MODIFIED, SAME_L3)


def free_ps(w: World, t: int) -> int:
    """Return ps to put what is off the LRU on the CPU's list; uncharging it is accounted apart."""
    pages = tails = 0
    frame = w[t + T_RELEASED]
    while frame:
        pages += 1
        tails += pages_of(w, frame) - 1
        frame = w[frame_at(w, frame) + F_NEXT]
    uncharge = pages * cost_ps(w, t, COST_UNCHARGE_PAGE)
    tails *= cost_ps(w, t, COST_FOLIO_TAIL)
    account(w, t, CAT_MEMCG, uncharge)
    account(w, t, CAT_FRAMES, -uncharge)
    return uncharge + tails + pages * cost_ps(w, t, COST_FREE_PAGE)


def ptes_in_range(w: World, t: int) -> int:
    """Return the ptes of the region's part in the cursor's page table that are set."""
    pages = 0
    for page in range(w[t + T_CURSOR], end_in_table(w, t)):
        pages += pte_present(w, t, page)
    return pages


def runs_in_range(w: World, t: int) -> int:
    """Return the runs of ptes of one frame that the region's part in the cursor's table has set."""
    if w[H_PARTS] == 0:
        return ptes_in_range(w, t) // w[H_ANON]
    runs = last = 0
    for page in range(w[t + T_CURSOR], end_in_table(w, t)):
        frame = w[w[H_FRAME_OF] + page]
        if frame and frame != last:
            runs += 1
        last = frame
    return runs


def parts_in_range(w: World, t: int) -> int:
    """Return how often the counts of a large folio are lowered: once a run, or for each pte."""
    found = last = 0
    for page in range(w[t + T_CURSOR], end_in_table(w, t)):
        frame = w[w[H_FRAME_OF] + page]
        if frame and pages_of(w, frame) > 1 and (frame != last or w[H_BATCHED] == 0):
            found += 1
        last = frame
    return found


def zap_ps(w: World, t: int) -> int:
    """Return ps to unmap the region's part in the cursor's page table.

    A kernel that unmaps page by page does all of the work for each pte; one that unmaps a folio's
    ptes in a batch does the most of it once a folio.
    """
    if w[w[H_PROG] + w[t + T_PC] * I_WORDS + I_B] & ZAP_TIMED:
        return 0
    pages = ptes_in_range(w, t)
    folios = runs_in_range(w, t) if w[H_BATCHED] else pages
    counts = folios * COUNTS * cost_ps(w, t, COST_PAGE_STATISTICS)
    account(w, t, CAT_MEMCG, counts)
    account(w, t, CAT_TEARDOWN, -counts)
    zaps = folios * cost_ps(w, t, COST_ZAP_PAGE) + (pages - folios) * cost_ps(w, t, COST_ZAP_PTE)
    if w[H_PARTS]:
        rmws = w[w[H_PROG] + w[t + T_PC] * I_WORDS + I_A]
        zaps += rmws * parts_in_range(w, t) * local_cost(w, t, LINE_RMW)
    return counts + zaps


def zap_pte_ps(w: World, t: int, rmws: int) -> int:
    """Return ps to unmap the page at the cursor, where a page table is unmapped page by page.

    As ``zap_ps``, of which this is one page's share.
    """
    page = w[t + T_CURSOR]
    frame = w[w[H_FRAME_OF] + page]
    again = frame == 0
    if w[H_PARTS] and page > w[t + T_PAGE] and page & (table_pages(w) - 1):
        again = frame == w[w[H_FRAME_OF] + page - 1]
    if w[H_BATCHED] and again:
        return cost_ps(w, t, COST_ZAP_PTE)
    counts = COUNTS * cost_ps(w, t, COST_PAGE_STATISTICS)
    account(w, t, CAT_MEMCG, counts)
    account(w, t, CAT_TEARDOWN, -counts)
    ps = counts + cost_ps(w, t, COST_ZAP_PAGE)
    if w[H_PARTS] and pages_of(w, frame) > 1:
        ps += rmws * local_cost(w, t, LINE_RMW)
    return ps


def tree_ps(w: World, t: int) -> int:
    """Return ps to bring the lines of the tree of mappings here from whoever changed it last.

    A node of the maple tree has 256 bytes; a change writes one, and counts and lists of the mm and
    the neighbouring mappings.
    """
    last = w[w[t + T_MM] + MM_WRITER]
    if last == 0 or last == w[t + T_CORE] + 1:
        return 0
    return TREE_LINES * line_cost(w, LINE_STORE, MODIFIED, core_distance(w, t, last - 1))


def fetch_line(w: World, t: int, line: int, now: int) -> int:
    """Ask for a line for writing without waiting for it; return when it is here.

    The line comes here behind all prefetches that are on their way. Where tasks queue for it to use
    it, the fetch is one with the task's own use that follows, or takes its turn and is forgotten:
    those that prefetch do not hold up those that wait.
    """
    at = w[line + L_FREE] if w[line + L_FREE] > now else now
    if w[line + L_OWN] == (w[t + T_CORE] << 2 | MODIFIED):
        return w[line + L_ARRIVE]
    at += transfer_ps(w, t, line, LINE_STORE, at)
    if w[line + L_QUEUE] == 0:
        take_line(w, t, line, LINE_STORE)
        w[line + L_ARRIVE] = w[line + L_FREE] = at
    return at


def frame_delay_ps(w: World, task: int, op: int, now: int) -> int:
    """Return ps by the rule of a step about frames, or NO_RULE."""
    t = w[H_TASK] + task * T_WORDS
    operand = w[w[H_PROG] + w[t + T_PC] * I_WORDS + I_A]
    if op == OP_TAKE_FRAME:
        return 0 if operand else (w[H_ANON] - 1) * cost_ps(w, t, COST_FOLIO_TAIL)
    if op == OP_MAP_FRAME:
        return (pages_in_hand(w, t) - 1) * cost_ps(w, t, COST_SET_PTE)
    if op == OP_FILL_FRAME:
        return fill_ps(w, t, operand, now)
    if op == OP_REFILL_PCP:
        return refill_ps(w, t, now, operand)
    if op == OP_DRAIN_PCP:
        return drain_ps(w, t, now, operand)
    if op == OP_LRU_FLUSH or op == OP_LRU_REMOVE:
        linked = w[w[H_PROG] + w[t + T_PC] * I_WORDS + I_B]  # one by one, before
        return lru_ps(w, t, 0 if linked else pages_to_link(w, t, op == OP_LRU_REMOVE, operand))
    if op == OP_FREE_FRAMES:
        return free_ps(w, t)
    if op == OP_ZAP_FRAMES:
        return zap_ps(w, t)
    if op == OP_WRITE_TREE:
        return tree_ps(w, t)
    if op == OP_FETCH_MM:
        w[t + T_FETCHED] = fetch_line(w, t, lock_at(w, t, LOCK_MMAP), now)
        return 0
    if op == OP_NEXT_LINKED:  # its store leaves the store buffer when the line is here
        fetch_line(w, t, lru_sizes_at(w, t), now)
        return 0
    if op == OP_ZAP_PTE:
        return zap_pte_ps(w, t, operand)
    if op == OP_AWAIT_FETCH:
        return w[t + T_FETCHED] - now if w[t + T_FETCHED] > now else 0
    if op == OP_FLUSH_REGION:
        return shootdown_ps(w, task, w[w[t + T_VISITED] + M_MM], to_flush(w, t))
    if op == OP_CONVERT_BLOCKS:
        return convert_ps(w, t, operand)
    if op == OP_FLUSH_BLOCKS:
        return flush_blocks_ps(w, task, operand)
    if op == OP_FLUSH_OWN:
        return shootdown_ps(w, task, w[t + T_MM], w[t + T_RANGE])
    return NO_RULE
