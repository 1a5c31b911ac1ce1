"""LRU lists of pages of files: a node has one of inactive pages and one of active ones.

New pages come to the head of the inactive list; reclaim takes from the tail. Whoever changes a list
holds the node's LRU lock.

Source
------
Linux 5.15 ``mm/swap.c`` (``__pagevec_lru_add_fn``), ``include/linux/mm_inline.h``
(``add_page_to_lru_list``, ``del_page_from_lru_list``); restated.
"""

from dessim.kernel.accounting import count
from dessim.kernel.addressing import frame_at, page_at, zone_at
from dessim.kernel.layout import *


def list_at(zone: int, which: int) -> int:
    """Return where the words of a node's inactive or active list begin."""
    return zone + Z_LIST + (which - LRU_INACTIVE) * LIST_WORDS


def link(w: World, zone: int, frame: int, which: int) -> None:
    """Put a frame at the head of a list."""
    place = list_at(zone, which)
    f = frame_at(w, frame)
    head = w[place + LIST_NEWEST]
    w[f + F_NEXT] = head
    w[f + F_PREV] = 0
    w[f + F_ON_LRU] = which
    w[f + F_WHERE] = FRAME_CACHED
    if head:
        w[frame_at(w, head) + F_PREV] = frame
    else:
        w[place + LIST_OLDEST] = frame
    w[place + LIST_NEWEST] = frame
    w[place + LIST_COUNT] += 1


def take_oldest(w: World, zone: int, which: int) -> int:
    """Take the frame at the tail off a list and return it; 0 if the list is empty."""
    place = list_at(zone, which)
    frame = w[place + LIST_OLDEST]
    if frame == 0:
        return 0
    f = frame_at(w, frame)
    before = w[f + F_PREV]
    w[place + LIST_OLDEST] = before
    if before:
        w[frame_at(w, before) + F_NEXT] = 0
    else:
        w[place + LIST_NEWEST] = 0
    w[place + LIST_COUNT] -= 1
    w[f + F_ON_LRU] = LRU_NONE
    w[f + F_WHERE] = FRAME_ISOLATED
    return frame


def list_of(w: World, frame: int) -> int:
    """Return the list to which a page of the file belongs by its flag."""
    record = page_at(w, w[frame_at(w, frame) + F_PAGE] - 1)
    return LRU_ACTIVE if w[record + P_FLAGS] & FLAG_ACTIVE else LRU_INACTIVE


def link_waiting(w: World, t: int) -> None:
    """Put all pages of files that wait on the CPU on the lists of its node, the oldest first."""
    cpu = w[t + T_CPU]
    zone = zone_at(w, t)
    frame = w[cpu + U_LRU_HEAD]
    turned = 0
    while frame:
        f = frame_at(w, frame)
        after = w[f + F_LRU_NEXT]
        w[f + F_LRU_NEXT] = turned
        turned = frame
        frame = after
    while turned:
        link(w, zone, turned, list_of(w, turned))
        turned = w[frame_at(w, turned) + F_LRU_NEXT]
    w[cpu + U_LRU_HEAD] = 0
    w[cpu + U_LRU_COUNT] = 0
    count(w, N_LRU_FLUSHES, 1)
