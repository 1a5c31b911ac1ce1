"""Readahead: which pages of a file a fault reads, and how they come into the page cache.

A fault that finds no page reads around it; one that finds a marked page has the next window read
and does not wait. The state of the open file (``A_*``) is shared by all who use it: streams that
interleave disturb each other's, and find the next window by what is cached.

Source
------
Linux 5.15 ``mm/filemap.c`` (``do_sync_mmap_readahead``, ``do_async_mmap_readahead``,
``filemap_map_pages``), ``mm/readahead.c`` (``ondemand_readahead``, ``get_init_ra_size``,
``get_next_ra_size``, ``try_context_readahead``, ``page_cache_ra_unbounded``), ``mm/workingset.c``
(``workingset_refault``); restated.
"""

from dessim.kernel.accounting import count
from dessim.kernel.addressing import frame_at, page_at, zone_at
from dessim.kernel.commands import own_at, submit_run
from dessim.kernel.frames import append_on_cpu, push_on_cpu
from dessim.kernel.layout import *
from dessim.kernel.lru import link_waiting
from dessim.kernel.ops import *
from dessim.kernel.pages import GO_ON, MEANINGLESS

MMAP_LOTSAMISS = 100
AROUND, ONE_PAGE, AHEAD = 0, 1, 2  # operands of plan_sync: MADV_NORMAL, MADV_RANDOM, _SEQUENTIAL


def cached(w: World, page: int) -> int:
    """Return whether a page of the file is in the page cache."""
    return w[page_at(w, page) + P_FLAGS] & FLAG_OURS != 0


def slot_is_free(w: World, page: int) -> int:
    """Return whether a page may be put in the page cache: nobody holds what was there before."""
    record = page_at(w, page)
    return w[record + P_FLAGS] & (FLAG_OURS | FLAG_LOCKED) == 0 and w[record + P_REFCOUNT] == 0


def set_window(w: World, task: int, first: int, pages: int, ahead: int) -> None:
    """Let a task read some pages of the file, with the marker so many before their end."""
    x = own_at(w, task)
    end = first + pages
    w[x + X_NEXT] = first
    w[x + X_END] = end if end < w[H_PAGES] else w[H_PAGES]
    w[x + X_MARK] = end - ahead if ahead else -1


def next_size(size: int, most: int) -> int:
    """Return the size of the window after one of some size: grown, up to the greatest."""
    if size < most // 16:
        return 4 * size
    return 2 * size if size <= most // 2 else most


def first_size(asked: int, most: int) -> int:
    """Return the size of a stream's first window."""
    size = 1
    while size < asked:
        size *= 2
    if size <= most // 32:
        return 4 * size
    return 2 * size if size <= most // 4 else most


def read_window(w: World, task: int, at: int, most: int) -> None:
    """Read the window of the file's state; one that begins at its own marker takes the next in."""
    a = w[w[H_PAGING] + G_FILE] + A_STATE
    if at == w[a + A_START] and w[a + A_SIZE] == w[a + A_ASYNC]:
        more = next_size(w[a + A_SIZE], most)
        if w[a + A_SIZE] + more <= most:
            w[a + A_ASYNC] = more
            w[a + A_SIZE] += more
        else:
            w[a + A_SIZE] = most
            w[a + A_ASYNC] = most // 2
    set_window(w, task, w[a + A_START], w[a + A_SIZE], w[a + A_ASYNC])


def next_missing(w: World, first: int, most: int) -> int:
    """Return the first page from some one on that is not cached, looking at so many."""
    page = first
    while page < w[H_PAGES] and page < first + most and cached(w, page):
        page += 1
    return page


def ondemand(w: World, task: int, at: int, marked: int) -> None:
    """Decide on the window for a page that is missing, or that carries the marker."""
    g = w[H_PAGING]
    a = w[g + G_FILE] + A_STATE
    most = w[g + G_WINDOW]
    start, size = w[a + A_START], w[a + A_SIZE]
    if at and (at == start + size - w[a + A_ASYNC] or at == start + size):
        w[a + A_START] = start + size
        w[a + A_SIZE] = next_size(size, most)
        w[a + A_ASYNC] = w[a + A_SIZE]
        read_window(w, task, at, most)
    elif at and marked:
        first = next_missing(w, at + 1, most)
        if first - at > most or first >= w[H_PAGES]:
            set_window(w, task, at, 0, 0)
            return
        w[a + A_START] = first
        w[a + A_SIZE] = next_size(first - at + most, most)
        w[a + A_ASYNC] = w[a + A_SIZE]
        read_window(w, task, at, most)
    elif at == 0:
        w[a + A_START] = at
        w[a + A_SIZE] = first_size(most, most)
        w[a + A_ASYNC] = w[a + A_SIZE]
        read_window(w, task, at, most)
    else:  # neither the state nor the cache shows a stream: a context longer than it is impossible
        set_window(w, task, at, most, 0)


def plan_sync(w: World, task: int, how: int) -> None:
    """Decide what a fault reads that found no page."""
    t = w[H_TASK] + task * T_WORDS
    g = w[H_PAGING]
    page = w[t + T_PAGE]
    a = w[g + G_FILE] + A_STATE
    count(w, N_WINDOWS_READ, 1)
    if how == AHEAD:
        ondemand(w, task, page, 0)
        return
    if how == AROUND:
        if w[a + A_MISS] < 10 * MMAP_LOTSAMISS:
            w[a + A_MISS] += 1
        if w[a + A_MISS] <= MMAP_LOTSAMISS:
            size = w[g + G_WINDOW]
            w[a + A_START] = page - size // 2 if page > size // 2 else 0
            w[a + A_SIZE] = size
            w[a + A_ASYNC] = size // 4
            set_window(w, task, w[a + A_START], size, size // 4)
            return
    set_window(w, task, page, 1, 0)


def plan_async(w: World, task: int) -> None:
    """Decide on the window after a marked page, which loses its mark."""
    t = w[H_TASK] + task * T_WORDS
    ondemand(w, task, w[t + T_PAGE], 1)
    count(w, N_WINDOWS_AHEAD, 1)


def count_hits(w: World, task: int, one: int) -> None:
    """Take pages that a fault found off mmap_miss: one, or those that it mapped around it."""
    t = w[H_TASK] + task * T_WORDS
    x = own_at(w, task)
    place = w[w[H_PAGING] + G_FILE] + A_STATE + A_MISS
    hits = 1 if one else w[t + T_MAPPED] - w[x + X_COUNTED]
    w[x + X_COUNTED] = w[t + T_MAPPED]
    w[place] = w[place] - hits if w[place] > hits else 0


def refill_node(w: World, t: int, least: int) -> None:
    """Move a batch of frames from the node's free list to the CPU's, if it is above a watermark."""
    zone = zone_at(w, t)
    g = w[H_PAGING]
    mark = w[g + G_MIN] if least else w[g + G_LOW]
    if w[g + G_FINITE] and w[zone + Z_FREE] <= mark:
        return
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


def refault(w: World, zone: int, page: int) -> int:
    """Return flags of a page that comes back: active if it was gone for less than a working set.

    ``workingset_refault``: as many other pages left or rose while it was gone as there are active.
    """
    shadow = w[w[w[H_PAGING] + G_SHADOW] + page]
    if shadow == 0:
        return 0
    w[w[w[H_PAGING] + G_SHADOW] + page] = 0
    count(w, N_REFAULTS, 1)
    active = w[zone + Z_LIST + LIST_WORDS + LIST_COUNT]
    if w[zone + Z_AGE] - ((shadow >> 1) - 1) > active:
        return 0
    w[zone + Z_AGE] += 1
    count(w, N_ACTIVATIONS, 1)
    return FLAG_ACTIVE | (FLAG_WORKINGSET if shadow & 1 else 0)


def insert_page(w: World, task: int, target: int) -> None:
    """Put the frame in hand in the page cache at the cursor: locked, to be read; or jump.

    Jump if somebody else has put a page there: the frame goes back.
    """
    t = w[H_TASK] + task * T_WORDS
    page = w[t + T_CURSOR]
    frame = w[t + T_FRAME]
    if slot_is_free(w, page) == 0:
        push_on_cpu(w, w[t + T_CPU], frame)
        w[t + T_FRAME] = 0
        w[t + T_PC] = target
        return
    x = own_at(w, task)
    record = page_at(w, page)
    f = frame_at(w, frame)
    w[record + P_FLAGS] = FLAG_LOCKED | FLAG_OURS | refault(w, zone_at(w, t), page)
    if page == w[x + X_MARK]:
        w[record + P_FLAGS] |= FLAG_READAHEAD
    w[record + P_REFCOUNT] = 2  # of the page cache and of the device
    w[record + L_OWN] = w[f + F_CORE] << 2 | MODIFIED
    if w[record + L_FREE] < w[f + F_AT]:
        w[record + L_FREE] = w[f + F_AT]
    w[w[H_FRAME_OF] + page] = frame
    w[f + F_PAGE] = page + 1
    w[f + F_WHERE] = FRAME_CACHED
    w[x + X_RUN_PAGES] += 1
    if w[x + X_RUN] == 0:
        w[x + X_RUN] = page + 1


def join_lru(w: World, t: int) -> None:
    """Let the frame in hand wait on its CPU for the LRU."""
    frame = w[t + T_FRAME]
    cpu = w[t + T_CPU]
    w[frame_at(w, frame) + F_LRU_NEXT] = w[cpu + U_LRU_HEAD]
    w[cpu + U_LRU_HEAD] = frame
    w[cpu + U_LRU_COUNT] += 1
    w[t + T_FRAME] = 0


def readahead_step(w: World, task: int, i: int, done: int) -> int:
    """Carry out a step that plans a window, or puts its pages in the page cache."""
    t = w[H_TASK] + task * T_WORDS
    op = w[i + I_OP]
    if op == OP_PLAN_SYNC:
        plan_sync(w, task, w[i + I_A])
    elif op == OP_PLAN_ASYNC:
        plan_async(w, task)
    elif op == OP_COUNT_HITS:
        count_hits(w, task, w[i + I_A])
    elif op == OP_REFILL_NODE:
        refill_node(w, t, w[i + I_A])
    elif op == OP_INSERT_PAGE:
        insert_page(w, task, w[i + I_TARGET])
    elif op == OP_JOIN_LRU:
        join_lru(w, t)
    elif op == OP_LRU_LINK:
        link_waiting(w, t)
    elif op == OP_SUBMIT_RUN:
        submit_run(w, task, done)
    elif op == OP_FAULT_KIND:
        w[own_at(w, task) + X_MAJOR] = w[i + I_A]
        w[own_at(w, task) + X_COUNTED] = 0
    else:
        return MEANINGLESS
    return GO_ON
