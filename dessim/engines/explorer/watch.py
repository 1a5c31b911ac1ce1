"""What must never be so in any state."""

from dessim.engines.explorer.buffers import buffer_of, buffers_are_empty, pending_sum
from dessim.engines.explorer.layout import *
from dessim.engines.explorer.protocol_moves import judged
from dessim.kernel.addressing import page_at
from dessim.kernel.layout import *


def all_ended(w: World) -> int:
    """Return whether every task has ended."""
    for task in range(w[H_TASKS]):
        if w[w[H_TASK] + task * T_WORDS + T_AT] != ENDED:
            return 0
    return 1


def all_at_rest(w: World, x: int) -> int:
    """Return whether every task has ended; threads that fault for ever: are between two faults."""
    for task in range(w[H_TASKS]):
        t = w[H_TASK] + task * T_WORDS
        if w[t + T_AT] == ENDED:
            continue
        if w[x + X_ATTEMPTS] or task >= w[x + X_THREADS] or w[t + T_PC] != w[x + X_REST]:
            return 0
    return 1


def ptes_of(w: World, page: int) -> int:
    """Return how many page tables map a page, as memory says."""
    found = 0
    for k in range(w[H_MAPPINGS]):
        base = w[w[H_MAPPING] + k * M_WORDS + M_PTE]
        found += (w[base + (page >> PTE_SHIFT)] >> (page & (PTE_BITS - 1))) & 1
    return found


def ptes_on_their_way(w: World, x: int, page: int) -> int:
    """Return how many stores of ptes for a page have not reached memory."""
    found = 0
    for task in range(w[H_TASKS]):
        b = buffer_of(w, x, task)
        for which in range(w[b + B_COUNT]):
            entry = b + B_ENTRY + which * E_WORDS
            if w[entry + E_KIND] != SET_BIT or w[entry + E_VALUE] != page & (PTE_BITS - 1):
                continue
            place = w[w[x + X_SHARE] + w[entry + E_SHARED]]
            for k in range(w[H_MAPPINGS]):
                if place == w[w[H_MAPPING] + k * M_WORDS + M_PTE] + (page >> PTE_SHIFT):
                    found += 1
    return found


def inspect_page(w: World, x: int, page: int, rest: int) -> int:
    """Return the properties that a page violates, one bit each.

    A count that is still on its way counts for what its task has done: with delayed stores memory
    alone may show a pte before its count, and nobody who holds the locks can see it.
    """
    record = page_at(w, page)
    mapcount = w[record + P_MAPCOUNT]
    refcount = w[record + P_REFCOUNT]
    ours = w[record + P_FLAGS] & FLAG_OURS != 0
    ptes = ptes_of(w, page)
    wrong = 0
    if mapcount < 0:
        wrong |= 1 << NEGATIVE
    if refcount < 0 or (refcount == 0 and (mapcount > 0 or ptes > 0)):
        wrong |= 1 << FREED
    if w[x + X_MODEL] != TSO:
        if mapcount < ptes:
            wrong |= 1 << BELOW
    elif mapcount + pending_sum(w, x, record + P_MAPCOUNT) < ptes + ptes_on_their_way(w, x, page):
        wrong |= 1 << BELOW
    if rest:
        if mapcount != ptes:
            wrong |= 1 << AT_REST
        if ptes > 0 and ours == 0:
            wrong |= 1 << STALE
        if refcount != ptes + ours or w[record + P_FLAGS] & FLAG_LOCKED:
            wrong |= 1 << LEAK
    return wrong


def inspect(w: World, x: int) -> int:
    """Return the properties that the state of the World violates, one bit each."""
    rest = all_at_rest(w, x)
    if rest and w[x + X_MODEL] == TSO:
        rest = buffers_are_empty(w, x)
    wrong = 0
    for page in range(w[x + X_PAGES]):
        wrong |= inspect_page(w, x, page, rest)
    if w[H_PROTOCOL]:
        wrong |= judged(w, x, rest)
    return wrong
