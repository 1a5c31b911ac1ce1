"""Reclaim: pages of files leave memory when a node runs out of frames.

A round takes up to 32 pages off the tail of the inactive list and looks at each: locked ones and
used ones go back, the others are unmapped everywhere and leave the page cache; one flush of the
translations ends the round. Whoever needs a frame and finds its node below the low watermark wakes
kswapd; who finds it below the least one takes pages back for itself.

Source
------
Linux 5.15 ``mm/vmscan.c`` (``shrink_inactive_list``, ``shrink_active_list``, ``shrink_page_list``,
``page_check_references``, ``inactive_is_low``, ``isolate_lru_pages``, ``move_pages_to_lru``,
``__remove_mapping``, ``balance_pgdat``), ``mm/rmap.c`` (``page_referenced``, ``try_to_unmap``,
``try_to_unmap_flush``), ``mm/workingset.c`` (``workingset_eviction``), ``mm/page_alloc.c``
(``__alloc_pages_slowpath``); restated.
"""

from dessim.kernel.accounting import count, record_more
from dessim.kernel.actors import look_at
from dessim.kernel.addressing import frame_at, page_at, pte_present, zone_at
from dessim.kernel.answers import await_answers
from dessim.kernel.commands import own_at
from dessim.kernel.cpus import give_up_cpu, make_ready
from dessim.kernel.frames import drain_pcp
from dessim.kernel.layout import *
from dessim.kernel.lru import link, list_at, list_of, take_oldest
from dessim.kernel.ops import *
from dessim.kernel.pages import BLOCKED, GO_ON, MEANINGLESS
from dessim.kernel.tlb import shoot_down

ROUND = 32  # SWAP_CLUSTER_MAX
DEF_PRIORITY = 12  # a call of reclaim scans this power of two's part of a list


def young_at(w: World, t: int, page: int) -> int:
    """Return where the word lies that says which pages around one a mapping used."""
    return w[t + T_PTE] + w[w[H_PAGING] + G_YOUNG] + (page >> PTE_SHIFT)


def wake_kswapd(w: World, t: int, done: int) -> None:
    """Wake the kswapd of the task's node if it sleeps."""
    zone = zone_at(w, t)
    if w[zone + Z_KSWAPD]:
        sleeper = w[zone + Z_KSWAPD] - 1
        w[zone + Z_KSWAPD] = 0
        make_ready(w, sleeper, done)
        count(w, N_KSWAPD_WAKEUPS, 1)


def kswapd_next(w: World, task: int, pc: int, target: int, done: int) -> int:
    """Go on as long as the node is below its high watermark; else sleep until somebody wakes it."""
    t = w[H_TASK] + task * T_WORDS
    if w[H_LIVE] == 0:
        w[t + T_PC] = target
        return GO_ON
    zone = zone_at(w, t)
    if w[zone + Z_FREE] < w[w[H_PAGING] + G_HIGH]:
        return GO_ON
    w[t + T_PC] = pc
    w[zone + Z_KSWAPD] = task + 1
    give_up_cpu(w, t, done)
    return BLOCKED


def begin_scan(w: World, task: int, direct: int) -> None:
    """Begin a call of reclaim: so much of the inactive list, at least what the workload says."""
    t = w[H_TASK] + task * T_WORDS
    x = own_at(w, task)
    pages = w[list_at(zone_at(w, t), LRU_INACTIVE) + LIST_COUNT] >> DEF_PRIORITY
    least = w[w[H_PAGING] + G_SCAN]
    w[x + X_SCAN] = pages if pages > least else least
    w[x + X_FREED] = 0
    if direct:
        count(w, N_DIRECT_RECLAIMS, 1)


def active_too_many(w: World, t: int) -> int:
    """Return whether the inactive list is short next to the active one (``inactive_is_low``)."""
    zone = zone_at(w, t)
    inactive = w[list_at(zone, LRU_INACTIVE) + LIST_COUNT]
    return inactive * w[w[H_PAGING] + G_RATIO] < w[list_at(zone, LRU_ACTIVE) + LIST_COUNT]


def isolate(w: World, task: int, which: int, done: int) -> None:
    """Take the oldest pages of a list to look at: a reference to each, its struct page at hand."""
    t = w[H_TASK] + task * T_WORDS
    x = own_at(w, task)
    zone = zone_at(w, t)
    taken = 0
    last = 0
    while taken < ROUND:
        frame = take_oldest(w, zone, which)
        if frame == 0:
            break
        f = frame_at(w, frame)
        record = page_at(w, w[f + F_PAGE] - 1)
        w[record + P_REFCOUNT] += 1
        w[record + L_OWN] = w[t + T_CORE] << 2 | MODIFIED
        if w[record + L_FREE] < done:
            w[record + L_FREE] = done
        w[f + F_NEXT] = 0
        if last:
            w[last + F_NEXT] = frame
        else:
            w[x + X_ISOLATED] = frame
        last = f
        taken += 1
    if which == LRU_INACTIVE:
        w[x + X_SCAN] -= taken if taken else w[x + X_SCAN]
        count(w, N_RECLAIM_ROUNDS, 1)


def isolated_next(w: World, t: int, x: int) -> int:
    """Go to the next page that was taken off its list, or back to the window; whether there is one.

    Who takes pages back for itself is about to put one of its window in the page cache.
    """
    frame = w[x + X_ISOLATED]
    if frame == 0:
        w[t + T_CURSOR] = w[x + X_NEXT] - 1 if w[x + X_NEXT] else 0
        return 0
    w[x + X_YOUNG] = 0
    w[t + T_CURSOR] = w[frame_at(w, frame) + F_PAGE] - 1
    return 1


def page_referenced(w: World, t: int, x: int) -> int:
    """Return whether a page was used since somebody last looked: then it is kept, or rises.

    ``page_check_references``: the first time it is marked, the second time, or if several mappings
    used it, it becomes active.
    """
    place = page_at(w, w[t + T_CURSOR]) + P_FLAGS
    marked = w[place] & FLAG_REFERENCED
    w[place] &= ~FLAG_REFERENCED
    if w[x + X_YOUNG] == 0:
        return 0
    w[place] |= FLAG_REFERENCED
    if marked or w[x + X_YOUNG] > 1:
        w[place] |= FLAG_ACTIVE
        w[zone_at(w, t) + Z_AGE] += 1
        count(w, N_ACTIVATIONS, 1)
    return 1


def freeze_page(w: World, t: int) -> int:
    """Take the last two references, of the page cache and the one taken with the page."""
    record = page_at(w, w[t + T_CURSOR])
    if w[record + P_REFCOUNT] != 2 or w[record + P_MAPCOUNT] > 0:
        return 0
    w[record + P_REFCOUNT] = 0
    return 1


def test_young(w: World, t: int, x: int) -> None:
    """Forget whether a mapping used the page, and count it if it did.

    ``page_referenced_one``: a mapping that is read in order (VM_SEQ_READ) does not count.
    """
    page = w[t + T_CURSOR]
    place = young_at(w, t, page)
    bit = 1 << (page & (PTE_BITS - 1))
    if pte_present(w, t, page) and w[place] & bit and w[w[H_PAGING] + G_SEQ_READ] == 0:
        w[x + X_YOUNG] += 1
    w[place] &= ~bit


def pop_isolated(w: World, x: int) -> int:
    """Take the frame of the page at hand off the list of those to look at."""
    frame = w[x + X_ISOLATED]
    w[x + X_ISOLATED] = w[frame_at(w, frame) + F_NEXT]
    return frame


def keep_page(w: World, x: int) -> None:
    """Let the page at hand go back to its list."""
    frame = pop_isolated(w, x)
    w[frame_at(w, frame) + F_NEXT] = w[x + X_KEPT]
    w[x + X_KEPT] = frame


def evict_page(w: World, task: int, done: int) -> None:
    """Take the page at hand out of the page cache: its frame can be freed, its shadow stays."""
    t = w[H_TASK] + task * T_WORDS
    x = own_at(w, task)
    page = w[t + T_CURSOR]
    zone = zone_at(w, t)
    record = page_at(w, page)
    frame = pop_isolated(w, x)
    f = frame_at(w, frame)
    workingset = 1 if w[record + P_FLAGS] & FLAG_WORKINGSET else 0
    w[w[w[H_PAGING] + G_SHADOW] + page] = (w[zone + Z_AGE] + 1) << 1 | workingset
    w[zone + Z_AGE] += 1
    w[record + P_FLAGS] &= FLAG_LOCKED
    w[w[H_FRAME_OF] + page] = 0
    w[f + F_PAGE] = 0
    w[f + F_WHERE] = FRAME_GATHERED
    w[f + F_CORE] = w[t + T_CORE]
    w[f + F_AT] = done
    w[f + F_NEXT] = w[t + T_RELEASED]
    w[t + T_RELEASED] = frame
    w[x + X_FREED] += 1
    count(w, N_EVICTIONS, 1)
    record_more(w, done, SERIES_EVICTED, 1)


def flush_unmapped(w: World, task: int, done: int) -> int:
    """Flush the TLBs of all CPUs that run an mm of the file, once for what a round unmapped.

    BLOCKED while one of them has not answered.
    """
    x = own_at(w, task)
    if w[x + X_UNMAPPED] == 0:
        return GO_ON
    w[x + X_UNMAPPED] = 0
    before = w[w[H_COUNT] + N_INTERRUPTS]
    last = -1
    for number in range(w[H_MAPPINGS]):
        mapping = w[H_MAPPING] + number * M_WORDS
        if w[mapping + M_MM] != last:
            shoot_down(w, task, mapping, 0, w[H_FLUSH_CEILING] + 1)
        last = w[mapping + M_MM]
    record_more(w, done, SERIES_INTERRUPTED, w[w[H_COUNT] + N_INTERRUPTS] - before)
    return await_answers(w, task, 0, w[H_WORKERS]) if w[H_TLB] else GO_ON


def putback(w: World, task: int, inactive: int) -> None:
    """Put pages that are kept back on the list of their flag; of the active list all go down."""
    t = w[H_TASK] + task * T_WORDS
    x = own_at(w, task)
    zone = zone_at(w, t)
    while w[x + X_KEPT]:
        frame = w[x + X_KEPT]
        f = frame_at(w, frame)
        w[x + X_KEPT] = w[f + F_NEXT]
        record = page_at(w, w[f + F_PAGE] - 1)
        if inactive:
            w[record + P_FLAGS] = (w[record + P_FLAGS] & ~FLAG_ACTIVE) | FLAG_WORKINGSET
        w[record + P_REFCOUNT] -= 1
        link(w, zone, frame, list_of(w, frame))


def pressure_branch(w: World, task: int, i: int) -> int:
    """Go on if what a step about windows, frames or reclaim asks holds, else jump to its target."""
    t = w[H_TASK] + task * T_WORDS
    x = own_at(w, task)
    op = w[i + I_OP]
    if op == OP_IN_WINDOW:
        holds = w[x + X_NEXT] < w[x + X_END]
        w[t + T_CURSOR] = w[x + X_NEXT] if holds else w[t + T_PAGE]
        w[x + X_NEXT] += 1
    elif op == OP_LIST_EMPTY:
        holds = w[w[t + T_CPU] + U_PCP_HEAD] == 0
    elif op == OP_ISOLATED_NEXT:
        holds = isolated_next(w, t, x) != 0
    elif op == OP_PAGE_REFERENCED:
        holds = page_referenced(w, t, x) != 0
    elif op == OP_FREEZE_PAGE:
        holds = freeze_page(w, t) != 0
    elif op == OP_SCANS_ON:
        holds = w[x + X_SCAN] > 0
    elif op == OP_ACTIVE_TOO_MANY:
        holds = active_too_many(w, t) != 0
    else:
        return MEANINGLESS
    if not holds:
        w[t + T_PC] = w[i + I_TARGET]
    return GO_ON


def reclaim_step(w: World, task: int, i: int, pc: int, done: int) -> int:
    """Carry out a step with which pages of files are taken back."""
    t = w[H_TASK] + task * T_WORDS
    x = own_at(w, task)
    op = w[i + I_OP]
    if op == OP_KSWAPD_NEXT:
        return kswapd_next(w, task, pc, w[i + I_TARGET], done)
    if op == OP_WAKE_KSWAPD:
        wake_kswapd(w, t, done)
    elif op == OP_BEGIN_SCAN:
        begin_scan(w, task, w[i + I_A])
    elif op == OP_ISOLATE:
        isolate(w, task, LRU_ACTIVE if w[i + I_A] else LRU_INACTIVE, done)
    elif op == OP_TEST_YOUNG:
        test_young(w, t, x)
    elif op == OP_LOOK_HOME:
        look_at(w, t, w[t + T_MAPPING])
    elif op == OP_UNMAPPED_ONE:
        w[x + X_UNMAPPED] += 1
    elif op == OP_KEEP_PAGE:
        keep_page(w, x)
    elif op == OP_EVICT_PAGE:
        evict_page(w, task, done)
    elif op == OP_FLUSH_UNMAPPED:
        return flush_unmapped(w, task, done)
    elif op == OP_PUTBACK:
        putback(w, task, w[i + I_A])
    elif op == OP_DRAIN_NODE:
        drain_pcp(w, t, 0)
    else:
        return MEANINGLESS
    return GO_ON
