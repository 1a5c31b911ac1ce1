"""How long each step takes.

Asking for a cache line moves it: ``delay_ps`` changes clocks, line positions, recency and
accounting, never anything that a program can test. Meaning is in ``steps.py``.
"""

from dessim.kernel.accounting import account, end_latency, record_in_series
from dessim.kernel.addressing import (
    cost_ps,
    lock_at,
    lru_sizes_at,
    memcg_at,
    own_lock,
    owner_at,
    page_at,
    pte_present,
    rss_at,
    table_at,
    vma_cache_at,
)
from dessim.kernel.answers import turn_irqs_off
from dessim.kernel.calls import call_delay_ps
from dessim.kernel.cost_table import (
    COST_ADD_PAGE,
    COST_DEVICE_READ,
    COST_HOLD,
    COST_PAGE_WORK,
    COST_READ_DRAM,
    COST_READ_L3,
    COST_THINK,
    COST_UNIT,
)
from dessim.kernel.draws import draw, draw_at, next_factor, scaled, varied
from dessim.kernel.execs import exec_delay_ps
from dessim.kernel.frame_delays import NO_RULE, frame_delay_ps
from dessim.kernel.layout import *
from dessim.kernel.lines import access_ps, line_cost, local_cost, socket_distance
from dessim.kernel.operation import check_delays
from dessim.kernel.ops import *
from dessim.kernel.page_waits import only_looks, wait_ps, wake_walk_ps
from dessim.kernel.pages import free_for_reading, pages_of_flush
from dessim.kernel.paging_delays import paging_delay_ps
from dessim.kernel.replaying import arrive_ps
from dessim.kernel.rwsem import wake_up_ps
from dessim.kernel.splitting import split_delay_ps
from dessim.kernel.teardown import teardown_ps
from dessim.kernel.tlb import pages_to_flush, shootdown_ps, translate_ps

PS_PER_US = 1_000_000


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


def pte_line_ps(w: World, task: int, op: int, now: int) -> int:
    """Ask for the line of the cursor's ptes: always at hand in its own page tables."""
    t = w[H_TASK] + task * T_WORDS
    if w[t + T_OWN_TABLES]:
        return local_cost(w, t, op)
    return access_ps(w, task, table_at(w, t) + w[H_LINE_WORDS], op, now, 0)


def lock_line_ps(w: World, task: int, which: int, op: int, now: int) -> int:
    """Ask for a lock's line: always at hand for a lock that nobody else can want."""
    t = w[H_TASK] + task * T_WORDS
    if own_lock(w, t, which):
        return local_cost(w, t, op)
    if op == LINE_RMW:  # it is taken: spinlocks are dropped by a store
        turn_irqs_off(w, t, which, now)
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
        w[t + T_WORK] = draw_at(w, task, DRAW_WORK, w[t + T_ACCESS])
        return 0
    work = cost_ps(w, t, COST_PAGE_WORK)
    if work:
        work = varied(w, draw_at(w, task, DRAW_PAGE_WORK, w[t + T_ACCESS]), work)
    walk = translate_ps(w, t, w[t + T_PAGE], now + work)
    if walk:
        account(w, t, CAT_TLB, walk)
        account(w, t, CAT_USER, -walk)
        work += walk
    if w[H_ACCESS_COST] == COST_READ_DRAM:
        return work + read_page_ps(w, task, now)
    if w[H_SAME_DRAWS]:
        return work + same_word_ps(w, t, now + work)
    return work + cost_ps(w, t, w[H_ACCESS_COST])


def drawn_ps(w: World, task: int, mean: int, table: int, purpose: int) -> int:
    """Return ps of a time of the lock loop: fixed, so that it varies as work does, or drawn."""
    if table == 0:
        t = w[H_TASK] + task * T_WORDS
        next_factor(w, t)
        return varied(w, w[t + T_WORK], mean)
    return scaled(w, table, draw(w, task, purpose), mean)


def think_ps(w: World, task: int, now: int) -> int:
    """Return ps of a think time; the loop's latency begins at its end."""
    t = w[H_TASK] + task * T_WORDS
    ps = drawn_ps(w, task, cost_ps(w, t, COST_THINK), w[H_THINK_QUANTILES], DRAW_THINK)
    w[t + T_FAULT_AT] = now + ps
    return ps


def create_ps(w: World, t: int) -> int:
    """Return ps that creating a thread takes besides mmap and mprotect; nothing for the first.

    The random part is that of threads that begin an interval apart (``world``).
    """
    thread = w[t + T_ACCESS]
    if thread == 0:
        return 0
    bits = draw_at(w, thread, DRAW_START, 0)
    return w[H_CREATE] + scaled(w, QUANTILES_EXPONENTIAL, bits, w[H_CREATE_RANDOM])


def serve_ps(w: World, task: int) -> int:
    """Return ps of a hold time, whose beginning ends no latency."""
    t = w[H_TASK] + task * T_WORDS
    return drawn_ps(w, task, cost_ps(w, t, COST_HOLD), w[H_HOLD_QUANTILES], DRAW_HOLD)


def hold_ps(w: World, task: int, now: int) -> int:
    """Return ps of a hold time; the wait before it is the loop's latency, which ends now."""
    ps = serve_ps(w, task)
    end_latency(w, w[H_TASK] + task * T_WORDS, now)
    record_in_series(w, now, 0)
    return ps


def given_work_ps(w: World, t: int) -> int:
    """Return ps of work whose time its step says: as other work, it varies, and follows clocks."""
    ps = w[w[H_PROG] + w[t + T_PC] * I_WORDS + I_A] * cost_ps(w, t, COST_UNIT) // PS_PER_US
    next_factor(w, t)
    return varied(w, w[t + T_WORK], ps)


def read_device_ps(w: World, task: int) -> int:
    """Return ps of one read of the device."""
    mean = cost_ps(w, w[H_TASK] + task * T_WORDS, COST_DEVICE_READ)
    return scaled(w, QUANTILES_DEVICE, draw(w, task, DRAW_ACTOR), mean)


def read_ahead_ps(w: World, t: int) -> int:
    """Return ps to put the folios of a readahead window in the page cache."""
    pages = 0
    first = w[t + T_CURSOR] + w[H_FOLIO]
    for page in range(first, first + w[H_READAHEAD], w[H_FOLIO]):
        if page < w[H_PAGES] and free_for_reading(w, page):
            pages += 1
    return pages * cost_ps(w, t, COST_ADD_PAGE)


def wait_on_page_ps(w: World, t: int) -> int:
    """Return ps to queue for the page or to leave, accounted to its lock: the look is not."""
    sleep = wait_ps(w, t, 0)
    account(w, t, CAT_PAGE_LOCK, sleep)
    account(w, t, w[w[H_PROG] + w[t + T_PC] * I_WORDS + I_CATEGORY], -sleep)
    return sleep


def rare_delay_ps(w: World, task: int, op: int, now: int) -> int:
    """Return ps by the rule of a step that is not done for each page of a window."""
    t = w[H_TASK] + task * T_WORDS
    i = w[H_PROG] + w[t + T_PC] * I_WORDS
    if op == OP_WAIT_ON_PAGE:
        return wait_on_page_ps(w, t)
    if op == OP_LOCK_PAGE:
        return wait_ps(w, t, 1)
    if op == OP_READ_SLOTS:
        return slots_ps(w, t, w[i + I_A])
    if op == OP_TEARDOWN_TABLE:
        return teardown_ps(w, t)
    if op == OP_SHOOTDOWN:
        return shootdown_ps(w, task, w[w[t + T_VISITED] + M_MM], pages_of_flush(w, i))
    if op == OP_FLUSH_TABLE:
        return shootdown_ps(w, task, w[w[t + T_VISITED] + M_MM], pages_to_flush(w, t, w[i + I_A]))
    if op == OP_READ_AHEAD:
        return read_ahead_ps(w, t)
    if op == OP_READ_DEVICE:
        return read_device_ps(w, task)
    if op == OP_SERVE:
        return serve_ps(w, task)
    if op == OP_OWN_WORK:
        return given_work_ps(w, t)
    if op == OP_START_THREAD:
        return create_ps(w, t)
    if op == OP_PAUSE:
        return scaled(w, QUANTILES_EXPONENTIAL, draw(w, task, DRAW_THINK), w[t + T_EVERY])
    if op == OP_ARRIVE:
        return arrive_ps(w, t, now)
    ps = frame_delay_ps(w, task, op, now)
    if ps == NO_RULE:
        ps = paging_delay_ps(w, task, op, now)
    if ps == NO_RULE:
        ps = call_delay_ps(w, task, op)
    if ps == NO_RULE:
        ps = exec_delay_ps(w, t, op)
    if ps == NO_RULE:
        ps = split_delay_ps(w, t, op)
    return no_rule(w, t, op) if ps == NO_RULE else ps


def own_delay_ps(w: World, task: int, op: int, now: int) -> int:
    """Return ps by the rule of a step that has one of its own, or ASLEEP if there is no such rule.

    If the step asks for a line as well, it has it by now, and this is added.
    """
    t = w[H_TASK] + task * T_WORDS
    if op == OP_UNLOCK or op == OP_DOWNGRADE:
        i = w[H_PROG] + w[t + T_PC] * I_WORDS
        return wake_up_ps(w, t, i, 1 if op == OP_DOWNGRADE else 0)
    if op == OP_TOUCH:
        return touch_ps(w, task, now)
    if op == OP_UNLOCK_PAGE:
        return wake_walk_ps(w, t)
    if op == OP_THINK:
        return think_ps(w, task, now)
    if op == OP_HOLD:
        return hold_ps(w, task, now)
    return rare_delay_ps(w, task, op, now)


def no_rule(w: World, t: int, op: int) -> int:
    """Note that nothing says how long an operation takes: the run ends, and the engines say why."""
    w[H_MEANINGLESS] = op + 1
    w[t + T_AT] = HALTED
    return ASLEEP


def mm_line_ps(w: World, task: int, line: int, op: int, now: int) -> int:
    """Ask for a line of the mm without its lock, or for that of a page counter."""
    t = w[H_TASK] + task * T_WORDS
    if line == MMAP_LINE:
        place = lock_at(w, t, LOCK_MMAP)
    elif line == VMA_LINE:
        place = vma_cache_at(w, t)
    elif line == RSS_LINE:
        place = rss_at(w, t)
    elif line == OWNER_LINE:
        place = owner_at(w, t)
    elif line == LRU_SIZES_LINE:
        place = lru_sizes_at(w, t)
    elif line == FILE_LINE:
        place = w[w[H_PAGING] + G_FILE]
    else:
        place = memcg_at(w, w[w[H_PROG] + w[t + T_PC] * I_WORDS + I_A])
    return access_ps(w, task, place, op, now, 0)


def delay_ps(w: World, task: int, pc: int, now: int) -> int:
    """Return ps until the current step is over, or ASLEEP if it has to wait for its cache line.

    The line and how it is asked for decide; only some operations have a rule of their own. The
    step's own work (``I_COST``) is not included: ``advance`` adds it.
    """
    t = w[H_TASK] + task * T_WORDS
    i = w[H_PROG] + pc * I_WORDS
    timed = w[i + I_TIMED]
    line = timed & (OWN_RULE - 1)
    if line == PAGE_LINE:
        looks = w[t + T_LOOKS] and only_looks(w, t)
        ps = page_line_ps(w, task, LINE_LOAD if looks else w[i + I_ACCESS], now)
    elif line == PTE_LINE:
        ps = pte_line_ps(w, task, w[i + I_ACCESS], now)
    elif line == NO_LINE:
        ps = 0
    elif line == LOCK_LINE:
        ps = lock_line_ps(w, task, w[i + I_A], w[i + I_ACCESS], now)
    elif line == MMAP_LINE or line == VMA_LINE or line == MEMCG_LINE or line == RSS_LINE:
        ps = mm_line_ps(w, task, line, w[i + I_ACCESS], now)
    elif line == FILE_LINE or line == OWNER_LINE or line == LRU_SIZES_LINE:
        ps = mm_line_ps(w, task, line, w[i + I_ACCESS], now)
    else:
        return no_rule(w, t, w[i + I_OP])
    if timed < OWN_RULE or ps < 0:
        return ps
    own = own_delay_ps(w, task, w[i + I_OP], now)
    return own if own < 0 else ps + own


RULES = (
    own_delay_ps,
    rare_delay_ps,
    frame_delay_ps,
    paging_delay_ps,
    call_delay_ps,
    exec_delay_ps,
    split_delay_ps,
)
check_delays(OPERATIONS, RULES, delay_ps)
