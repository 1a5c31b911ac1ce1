"""What actors and unmapping threads do besides faulting: rounds, ranges, mappings, munmap."""

from dessim.kernel.accounting import count
from dessim.kernel.draws import draw
from dessim.kernel.layout import *  # noqa: F403 - the words of the World are this module's language
from dessim.kernel.places import page_at, pte_present
from dessim.kernel.tlb import shoot_down


def pause(w: World, t: int, target: int) -> None:
    """End of an actor's pause: another round, or the end if the workload is over."""
    if w[H_LIVE] == 0:
        w[t + T_PC] = target


def pick_range(w: World, task: int) -> None:
    """Put the cursor on the first page of a random range of the actor's size."""
    t = w[H_TASK] + task * T_WORDS
    size = w[t + T_RANGE]
    if size > w[H_PAGES]:
        size = w[H_PAGES]
    ranges = (w[H_PAGES] + size - 1) // size
    first = ((draw(w, task, DRAW_ACTOR) * ranges) >> 32) * size
    stop = first + size
    w[t + T_CURSOR] = first
    w[t + T_PAGE] = first
    w[t + T_STOP] = stop if stop < w[H_PAGES] else w[H_PAGES]


def next_in_range(w: World, t: int, target: int) -> None:
    """Go on with the next page of the range, or go back to its first and end the loop."""
    w[t + T_CURSOR] += 1
    if w[t + T_CURSOR] < w[t + T_STOP]:
        w[t + T_PC] = target
    else:
        w[t + T_CURSOR] = w[t + T_PAGE]


def look_at(w: World, t: int, mapping: int) -> None:
    """Let an actor's steps act on a mapping's page tables and on its mm's locks."""
    w[t + T_SWEEP] = mapping
    w[t + T_PTE] = w[mapping + M_PTE]
    w[t + T_TABLE] = w[mapping + M_TABLE]
    w[t + T_MM] = w[mapping + M_MM]


def next_mapping(w: World, t: int, target: int) -> None:
    """Go on with the next mapping of the file, or end the loop."""
    mapping = w[t + T_SWEEP] + M_WORDS
    if mapping < w[H_MAPPING] + w[H_MAPPINGS] * M_WORDS:
        look_at(w, t, mapping)
        w[t + T_PC] = target


def unmap_own(w: World, task: int) -> None:
    """Clear the ptes of the pages that the thread touched since its last munmap, and flush them."""
    t = w[H_TASK] + task * T_WORDS
    last = w[t + T_PAGE]
    first = last - w[t + T_TOUCHED] + 1
    for page in range(first, last + 1):
        if pte_present(w, t, page):
            w[w[t + T_PTE] + (page >> PTE_SHIFT)] &= ~(1 << (page & (PTE_BITS - 1)))
            w[page_at(w, page) + P_MAPCOUNT] -= 1
            w[page_at(w, page & ~(w[H_FOLIO] - 1)) + P_REFCOUNT] -= 1
            count(w, N_PTES_CLEARED, 1)
    shoot_down(w, task, w[t + T_MAPPING], first, w[t + T_TOUCHED])
    w[t + T_TOUCHED] = 0
