"""How long steps about windows, commands of the device and reclaim take."""

from dessim.kernel.addressing import cost_ps, frame_at, page_at, zone_at
from dessim.kernel.commands import command_ps, commands_of_run, own_at
from dessim.kernel.cost_table import (
    COST_FLUSH_ALL,
    COST_IPI_BASE,
    COST_IPI_PER_CPU,
    COST_ISOLATE,
    COST_PUTBACK,
    COST_SUBMIT,
)
from dessim.kernel.frame_delays import NO_RULE, drain_ps, lru_ps, refill_ps
from dessim.kernel.layout import *
from dessim.kernel.lines import line_cost, socket_distance
from dessim.kernel.lru import list_at
from dessim.kernel.ops import *
from dessim.kernel.reclaim import ROUND
from dessim.kernel.tlb import targets_of


def refill_node_ps(w: World, t: int, least: int, now: int) -> int:
    """Return ps to take a batch of frames from the node: nothing if it is below the watermark."""
    g = w[H_PAGING]
    mark = w[g + G_MIN] if least else w[g + G_LOW]
    if w[g + G_FINITE] and w[zone_at(w, t) + Z_FREE] <= mark:
        return 0
    return refill_ps(w, t, now, 0)


def isolate_ps(w: World, t: int, which: int, now: int) -> int:
    """Return ps to take pages off a list: the first's struct page is waited for, then prefetched.

    ``prefetchw_prev_lru_page`` asks for the next one in the list while this one is worked on.
    """
    frame = w[list_at(zone_at(w, t), which) + LIST_OLDEST]
    ps = 0
    pages = 0
    while frame and pages < ROUND:
        f = frame_at(w, frame)
        record = page_at(w, w[f + F_PAGE] - 1)
        miss = line_cost(
            w, LINE_RMW, UNCACHED, socket_distance(w, w[t + T_SOCKET], w[record + L_HOME])
        )
        if pages:
            miss -= miss * w[H_HIDDEN_PPM] // 1_000_000
        ps += cost_ps(w, t, COST_ISOLATE) + miss
        frame = w[f + F_PREV]
        pages += 1
    return ps


def putback_ps(w: World, task: int) -> int:
    """Return ps to put pages that are kept back on a list."""
    t = w[H_TASK] + task * T_WORDS
    pages = 0
    frame = w[own_at(w, task) + X_KEPT]
    while frame:
        pages += 1
        frame = w[frame_at(w, frame) + F_NEXT]
    return pages * cost_ps(w, t, COST_PUTBACK)


def flush_unmapped_ps(w: World, task: int) -> int:
    """Return ps to flush what a round unmapped: one interrupt to each CPU of an mm of the file."""
    t = w[H_TASK] + task * T_WORDS
    w[t + T_SENT] = w[t + T_CLOCK]
    if w[H_TLB] == 0 or w[own_at(w, task) + X_UNMAPPED] == 0:
        return 0
    ps = 0
    targets = 0
    last = -1
    for number in range(w[H_MAPPINGS]):
        mm = w[w[H_MAPPING] + number * M_WORDS + M_MM]
        if mm != last:
            targets += targets_of(w, task, mm)
            if w[t + T_HOME_MM] == mm:
                ps += cost_ps(w, t, COST_FLUSH_ALL)
        last = mm
    if targets:
        ps += cost_ps(w, t, COST_IPI_BASE) + targets * cost_ps(w, t, COST_IPI_PER_CPU)
    return ps


def paging_delay_ps(w: World, task: int, op: int, now: int) -> int:
    """Return ps by the rule of a step about windows, commands or reclaim, or NO_RULE."""
    t = w[H_TASK] + task * T_WORDS
    a = w[w[H_PROG] + w[t + T_PC] * I_WORDS + I_A]
    if op == OP_SERVE_COMMAND:
        return command_ps(w, task, now)
    if op == OP_REFILL_NODE:
        return refill_node_ps(w, t, a, now)
    if op == OP_LRU_LINK:
        return lru_ps(w, t, w[w[t + T_CPU] + U_LRU_COUNT])
    if op == OP_SUBMIT_RUN:
        return commands_of_run(w, task) * cost_ps(w, t, COST_SUBMIT)
    if op == OP_ISOLATE:
        return isolate_ps(w, t, LRU_ACTIVE if a else LRU_INACTIVE, now)
    if op == OP_PUTBACK:
        return putback_ps(w, task)
    if op == OP_FLUSH_UNMAPPED:
        return flush_unmapped_ps(w, task)
    if op == OP_DRAIN_NODE:
        return drain_ps(w, t, now, 0)
    return NO_RULE
