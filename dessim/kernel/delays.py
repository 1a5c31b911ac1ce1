"""How long each step takes.

Asking for a cache line moves it: ``delay_ps`` changes clocks, line positions, recency and
accounting, never anything that a program can test. Meaning is in ``steps.py``.
"""

from dessim.kernel.accounting import account, end_latency, record_in_series
from dessim.kernel.cost_table import (
    COST_ADD_PAGE,
    COST_DEVICE_READ,
    COST_HOLD,
    COST_PAGE_WORK,
    COST_READ_DRAM,
    COST_READ_L3,
    COST_SLEEP,
    COST_TEARDOWN_PTE,
    COST_TEARDOWN_TABLE,
    COST_THINK,
    COST_WAKE_WALK,
)
from dessim.kernel.draws import draw, draw_at, scaled
from dessim.kernel.layout import *  # noqa: F403 - the words of the World are this module's language
from dessim.kernel.lines import access_ps, line_cost, local_cost, socket_distance
from dessim.kernel.pages import free_for_reading, waiters_in_bucket
from dessim.kernel.places import (
    cost_ps,
    lock_at,
    own_lock,
    page_at,
    pte_present,
    table_at,
    vma_cache_at,
)
from dessim.kernel.tlb import pages_to_flush, shootdown_ps, translate_ps


def page_line_ps(w: World, task: int, op: int, now: int) -> int:
    """Ask for the struct-page line of the cursor's page; prefetch helps a sequential walk.

    The stream prefetcher wants some misses in a row first, and stops at the end of 4 KiB.
    """
    t = w[H_TASK] + task * T_WORDS
    page = w[t + T_CURSOR]
    last = w[t + T_LAST]
    if page == last:
        return access_ps(w, task, page_at(w, page), op, now, 0)
    stream = w[t + T_STREAM] + 1 if page == last + 1 and page % STREAM_LINES else 0
    ps = access_ps(w, task, page_at(w, page), op, now, 1 if stream > w[H_TRAIN] else 0)
    if ps >= 0:
        w[t + T_LAST] = page
        w[t + T_STREAM] = stream
    return ps


def slots_ps(w: World, t: int, window: int) -> int:
    """Return ps to read the radix-tree slots of the window, or of the cursor's page alone.

    Nobody writes them, so that they are no line that moves: they come from memory, or are at hand,
    as many lines as a window has. Sequential ones are prefetched; elsewhere the parent's slot has
    to be read first.
    """
    size = 1 << w[H_ORDER]
    first = last = w[t + T_CURSOR] >> SLOTS_SHIFT
    if window:
        first = (w[t + T_PAGE] & ~(size - 1)) >> SLOTS_SHIFT
        last = (w[t + T_PAGE] | (size - 1)) >> SLOTS_SHIFT
    before = w[t + T_SLOTS]
    if w[t + T_SLOTS_FROM] <= first and last <= before:
        return 0
    w[t + T_SLOTS] = last
    home = first % w[H_SOCKETS] if w[H_INTERLEAVE] else 0
    miss = line_cost(w, LINE_LOAD, UNCACHED, socket_distance(w, w[t + T_SOCKET], home))
    hidden = miss - miss * w[H_HIDDEN_PPM] // 1_000_000
    if first == before or first == before + 1:
        oldest = last - ((size - 1) >> SLOTS_SHIFT)
        if w[t + T_SLOTS_FROM] < oldest:
            w[t + T_SLOTS_FROM] = oldest
        return (last - before) * hidden
    w[t + T_SLOTS_FROM] = first
    missed = last - first if last - first < w[H_TRAIN] else w[H_TRAIN]
    parent = 1 if first >> PARENT_SHIFT != before >> PARENT_SHIFT else 0
    return (1 + parent + missed) * miss + (last - first - missed) * hidden


def vma_cache_ps(w: World, task: int, op: int, now: int) -> int:
    """Ask for the line of the mm that holds the mapping found last."""
    return access_ps(w, task, vma_cache_at(w, w[H_TASK] + task * T_WORDS), op, now, 0)


def pte_line_ps(w: World, task: int, op: int, now: int) -> int:
    """Ask for the line of the cursor's ptes: always at hand in page tables of one's own."""
    t = w[H_TASK] + task * T_WORDS
    if w[t + T_OWN_TABLES]:
        return local_cost(w, t, op)
    return access_ps(w, task, table_at(w, t) + w[H_LINE_WORDS], op, now, 0)


def lock_line_ps(w: World, task: int, which: int, op: int, now: int) -> int:
    """Ask for a lock's line: always at hand for a lock that nobody else can want."""
    t = w[H_TASK] + task * T_WORDS
    if own_lock(w, t, which):
        return local_cost(w, t, op)
    return access_ps(w, task, lock_at(w, t, which), op, now, 0)


def read_page_ps(w: World, task: int, now: int) -> int:
    """Return ps to read a whole page: from the socket's L3 if it was read there lately, or memory.

    A read from memory takes longer in proportion to the latency of the node that holds the page: a
    core has a fixed number of lines in flight (Little's law). The node's bandwidth is a queue
    served in order; waiting for it is accounted apart. What the core itself needs is the same for
    all pages (``read_page_l3``); only the rest grows with the latency. Who follows another reader
    of the same L3 closely cannot be done before the data is there.
    """
    t = w[H_TASK] + task * T_WORDS
    page = w[t + T_PAGE]
    seen = page_at(w, page) + w[H_SEEN] + w[t + T_L3]
    read = w[H_L3] + w[t + T_L3]
    bits = draw_at(w, task, DRAW_READ, w[t + T_ACCESS])
    flight = w[H_FLIGHT] + (w[t + T_L3] * FLIGHT_SLOTS + page % FLIGHT_SLOTS) * 2
    near = scaled(w, QUANTILES_READ, bits, cost_ps(w, t, COST_READ_L3))
    if w[seen] and w[read] - w[seen] < w[H_L3_PAGES]:
        if w[flight] == page + 1 and w[flight + 1] > now + near:
            return w[flight + 1] - now
        return near
    w[read] += 1
    w[seen] = w[read]
    ps = scaled(w, QUANTILES_READ, bits, cost_ps(w, t, COST_READ_DRAM))
    home = page % w[H_SOCKETS] if w[H_INTERLEAVE] else 0
    hops = w[w[H_HOPS] + w[t + T_SOCKET] * w[H_SOCKETS] + home]
    if ps > near:
        ps = near + (ps - near) * w[w[H_FAR_READ] + hops] // 1_000_000
    node = w[H_NODE] + home
    busy = w[node] if w[node] > now else now
    w[node] = busy + w[H_NODE_PAGE]
    late = w[node] - (now + ps)
    if late > 0:
        account(w, t, CAT_BANDWIDTH, late)
        account(w, t, CAT_USER, -late)
        ps += late
    w[flight] = page + 1
    w[flight + 1] = now + ps
    return ps


def same_word_ps(w: World, t: int, now: int) -> int:
    """Return ps to read the next word of a random sequence that all threads share.

    Who is ahead on its L3 reads the word from memory; who follows finds it there, but not before it
    has arrived.
    """
    lead = w[H_LEAD] + 2 * w[t + T_L3]
    access = w[t + T_ACCESS]
    if access >= w[lead]:
        ps = cost_ps(w, t, w[H_ACCESS_COST])
        w[lead] = access + 1
        w[lead + 1] = now + ps
        return ps
    if access == w[lead] - 1 and w[lead + 1] > now + w[H_L3_HIT]:
        return w[lead + 1] - now
    return w[H_L3_HIT]


def touch_ps(w: World, task: int, now: int) -> int:
    """Return ps of the user's access to the current page: nothing if it faults."""
    t = w[H_TASK] + task * T_WORDS
    if not pte_present(w, t, w[t + T_PAGE]):
        return 0
    work = cost_ps(w, t, COST_PAGE_WORK)
    walk = translate_ps(w, t, w[t + T_PAGE])
    if walk:
        account(w, t, CAT_TLB, walk)
        account(w, t, CAT_USER, -walk)
        work += walk
    if w[H_ACCESS_COST] == COST_READ_DRAM:
        return work + read_page_ps(w, task, now)
    if w[H_SAME_DRAWS]:
        return work + same_word_ps(w, t, now + work)
    return work + cost_ps(w, t, w[H_ACCESS_COST])


def ptes_in_table(w: World, base: int) -> int:
    """Return the number of present ptes of a page table."""
    ptes = 0
    for word in range(TABLE_PAGES >> PTE_SHIFT):
        bits = w[base + word]
        bits -= (bits >> 1) & 0x55555555
        bits = (bits & 0x33333333) + ((bits >> 2) & 0x33333333)
        bits = (bits + (bits >> 4)) & 0x0F0F0F0F
        ptes += (bits + (bits >> 8) + (bits >> 16) + (bits >> 24)) & 0x3F
    return ptes


def teardown_ps(w: World, t: int) -> int:
    """Return ps to tear down the page table at the cursor."""
    mapping = w[t + T_SWEEP]
    table = w[t + T_CURSOR] >> TABLE_SHIFT
    record = w[mapping + M_TABLE] + table * w[H_TABLE_WORDS] + w[H_LINE_WORDS]
    if w[record + D_POPULATED] == 0:
        return 0
    ptes = ptes_in_table(w, w[mapping + M_PTE] + table * (TABLE_PAGES >> PTE_SHIFT))
    return ptes * cost_ps(w, t, COST_TEARDOWN_PTE) + cost_ps(w, t, COST_TEARDOWN_TABLE)


def lock_loop_ps(w: World, task: int, which: int, now: int) -> int:
    """Return ps of a think or hold time, and note the wait between them as the loop's latency."""
    t = w[H_TASK] + task * T_WORDS
    ps = think_ps(w, task, which)
    if which == 0:
        w[t + T_FAULT_AT] = now + ps
    elif which == 1:
        end_latency(w, t, now)
        record_in_series(w, now, 0)
    return ps


def think_ps(w: World, task: int, which: int) -> int:
    """Return ps of think (0) or hold (1) time, or of a device's read (2): fixed or drawn."""
    t = w[H_TASK] + task * T_WORDS
    if which == 2:
        bits = draw(w, task, DRAW_ACTOR)
        return scaled(w, QUANTILES_DEVICE, bits, cost_ps(w, t, COST_DEVICE_READ))
    if which == 0:
        mean, table, purpose = cost_ps(w, t, COST_THINK), w[H_THINK_QUANTILES], DRAW_THINK
    else:
        mean, table, purpose = cost_ps(w, t, COST_HOLD), w[H_HOLD_QUANTILES], DRAW_HOLD
    if table == 0:
        return mean
    return scaled(w, table, draw(w, task, purpose), mean)


def read_ahead_ps(w: World, t: int) -> int:
    """Return ps to put the pages of a readahead window in the page cache."""
    pages = 0
    first = w[t + T_CURSOR] + 1
    for page in range(first, first + w[H_READAHEAD]):
        if page < w[H_PAGES] and free_for_reading(w, page):
            pages += 1
    return pages * cost_ps(w, t, COST_ADD_PAGE)


def wait_on_page_ps(w: World, task: int, now: int) -> int:
    """Return ps to look at PG_locked and, if it is set, to queue and give the CPU up, or ASLEEP."""
    t = w[H_TASK] + task * T_WORDS
    ps = page_line_ps(w, task, LINE_LOAD, now)
    if ps >= 0 and w[page_at(w, w[t + T_CURSOR]) + P_FLAGS] & FLAG_LOCKED:
        sleep = cost_ps(w, t, COST_SLEEP)
        account(w, t, CAT_PAGE_LOCK, sleep)
        account(w, t, w[w[H_PROG] + w[t + T_PC] * I_WORDS + I_CATEGORY], -sleep)
        return ps + sleep
    return ps


def rare_delay_ps(w: World, task: int, op: int, now: int) -> int:
    """Return ps of steps that are not done for each page of a window, or ASLEEP."""
    t = w[H_TASK] + task * T_WORDS
    if op == OP_LOAD_PGD or op == OP_LOAD_MMAP_SEM:
        return access_ps(w, task, lock_at(w, t, LOCK_MMAP), LINE_LOAD, now, 0)
    if op == OP_WHEN_VMA_CACHED:
        return vma_cache_ps(w, task, LINE_LOAD, now)
    if op == OP_CACHE_VMA:
        return vma_cache_ps(w, task, LINE_STORE, now)
    if op == OP_READ_SLOTS:
        return slots_ps(w, t, w[w[H_PROG] + w[t + T_PC] * I_WORDS + I_A])
    if op == OP_SET_FLAGS or op == OP_WHEN_FROZEN or op == OP_ADD_FOLIO_REFS:
        return page_line_ps(w, task, LINE_RMW, now)
    if op == OP_WHEN_MAPPED or op == OP_BUG_ON:
        return page_line_ps(w, task, LINE_LOAD, now)
    if op == OP_LOCK_PAGE:
        ps = page_line_ps(w, task, LINE_RMW, now)
        if ps >= 0 and w[page_at(w, w[t + T_CURSOR]) + P_FLAGS] & FLAG_LOCKED:
            ps += cost_ps(w, t, COST_SLEEP)
        return ps
    if op == OP_CLEAR_PTE:
        return pte_line_ps(w, task, LINE_RMW, now)
    if op == OP_SHOOTDOWN:
        return shootdown_ps(w, task, w[w[t + T_SWEEP] + M_MM], 1)
    if op == OP_READ_AHEAD:
        return read_ahead_ps(w, t)
    if op == OP_FLUSH_TABLE:
        return shootdown_ps(w, task, w[w[t + T_SWEEP] + M_MM], pages_to_flush(w, t))
    if op == OP_PAUSE:
        bits = draw(w, task, DRAW_THINK)
        return scaled(w, QUANTILES_EXPONENTIAL, bits, w[t + T_EVERY])
    return 0


def delay_ps(w: World, task: int, now: int) -> int:
    """Return ps until the current step is over, or ASLEEP if it has to wait for its cache line.

    The step's own work (``I_COST``) is not included: ``advance`` adds it.
    """
    t = w[H_TASK] + task * T_WORDS
    i = w[H_PROG] + w[t + T_PC] * I_WORDS
    op = w[i + I_OP]
    if op == OP_ADD or op == OP_TRYLOCK_PAGE:
        return page_line_ps(w, task, LINE_RMW, now)
    if op == OP_WHEN_FLAGS:
        return page_line_ps(w, task, LINE_LOAD, now)
    if op == OP_WAIT_ON_PAGE:
        return wait_on_page_ps(w, task, now)
    if op == OP_TOUCH:
        return touch_ps(w, task, now)
    if op == OP_LOCK:
        return lock_line_ps(w, task, w[i + I_A], LINE_RMW, now)
    if op == OP_UNLOCK:
        return lock_line_ps(w, task, w[i + I_A], LINE_RMW if w[i + I_B] else LINE_STORE, now)
    if op == OP_UNLOCK_PAGE:
        ps = page_line_ps(w, task, LINE_RMW, now)
        if ps < 0:
            return ps
        return ps + cost_ps(w, t, COST_WAKE_WALK) * waiters_in_bucket(w, w[t + T_CURSOR])
    if op == OP_WHEN_PTE_NONE or op == OP_WHEN_WINDOW_OPEN:
        return pte_line_ps(w, task, LINE_LOAD, now)
    if op == OP_SET_PTE:
        return pte_line_ps(w, task, LINE_STORE, now)
    if op == OP_THINK:
        return lock_loop_ps(w, task, w[i + I_A], now)
    if op == OP_TEARDOWN_TABLE:
        return teardown_ps(w, t)
    return rare_delay_ps(w, task, op, now)
