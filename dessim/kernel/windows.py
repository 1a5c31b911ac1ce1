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
    elif op == OP_NEXT_FOLIO:
        next_folio(w, t, last, target)
    else:
        return MEANINGLESS
    return GO_ON
