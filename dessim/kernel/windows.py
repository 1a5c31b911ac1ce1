"""Where the cursor goes in a fault: over the window around the target, by pages or by folios."""

from dessim.kernel.addressing import first_none
from dessim.kernel.layout import *
from dessim.kernel.ops import *
from dessim.kernel.pages import GO_ON, MEANINGLESS


def open_window(w: World, t: int, unmapped: int) -> None:
    """Put the cursor on the first page of the aligned window around the fault's target.

    The window is clipped to the file; an aligned window of at most 512 pages never leaves the page
    table.
    """
    size = 1 << w[H_ORDER]
    first = w[t + T_PAGE] & ~(size - 1)
    stop = first + size
    w[t + T_STOP] = stop if stop < w[H_PAGES] else w[H_PAGES]
    w[t + T_CURSOR] = first_none(w, t, first, w[t + T_STOP]) if unmapped else first


def next_page(w: World, t: int, target: int) -> None:
    """Move the cursor to the window's next page and jump back, or end the loop on the target."""
    w[t + T_CURSOR] += 1
    if w[t + T_CURSOR] < w[t + T_STOP]:
        w[t + T_PC] = target
    else:
        w[t + T_CURSOR] = w[t + T_PAGE]


def next_folio(w: World, t: int, last: int, target: int) -> None:
    """Move the cursor to the next folio of the window, or end the loop on the target."""
    if last + 1 < w[t + T_STOP]:
        w[t + T_CURSOR] = last + 1
        w[t + T_PC] = target
    else:
        w[t + T_CURSOR] = w[t + T_PAGE]


def whole_folio(w: World, t: int, alone: int) -> None:
    """Let the loop over the folio's pages begin at its head and go to its end, if the file has it.

    A folio is not larger than what a page table maps. If the file ends in it, the window stays as
    it is, or (``alone``) is the page to which the task goes back.

    Source
    ------
    Linux 6.18 ``mm/filemap.c: filemap_map_folio_range`` (357b92761d94), ``mm/memory.c:
    finish_fault`` (19773df031bc).
    """
    end = (w[t + T_CURSOR] | (w[H_FOLIO] - 1)) + 1
    if end <= w[H_PAGES]:
        w[t + T_FROM] = end - w[H_FOLIO]
        if w[t + T_STOP] < end:
            w[t + T_STOP] = end
    elif alone:
        w[t + T_STOP] = w[t + T_FROM] + 1


def folio_step(w: World, task: int, i: int) -> int:
    """Move the cursor within a folio, to its head and back, or to the next folio of the window."""
    t = w[H_TASK] + task * T_WORDS
    op = w[i + I_OP]
    target = w[i + I_TARGET]
    page = w[t + T_CURSOR]
    last = page | (w[H_FOLIO] - 1)
    if op == OP_TO_HEAD:
        w[t + T_FROM] = page
        w[t + T_CURSOR] = page & ~(w[H_FOLIO] - 1)
    elif op == OP_FROM_HEAD:
        w[t + T_CURSOR] = w[t + T_FROM]
    elif op == OP_NEXT_IN_FOLIO:
        if page < last and page + 1 < w[t + T_STOP]:
            w[t + T_CURSOR] = page + 1
            w[t + T_PC] = target
    elif op == OP_WHOLE_FOLIO:
        whole_folio(w, t, w[i + I_A])
    elif op == OP_NEXT_FOLIO:
        next_folio(w, t, last, target)
    else:
        return MEANINGLESS
    return GO_ON
