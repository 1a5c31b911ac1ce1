"""How long the end of an mm takes: its last thread unmaps page table by page table.

Each page costs a number (``teardown_per_pte``): clear the pte, lower mapcount and reference, with
the struct page at hand. At hand it is once the prefetcher has caught up. The first struct pages of
each run of adjacent ones are not: they come from the L3 if it can keep what one mapping's teardown
touches, else from memory.

Source
------
Linux 3.14 ``mm/memory.c``: ``zap_pte_range`` goes through the ptes in order, and calls
``page_remove_rmap`` and, batch by batch, ``free_pages_and_swap_cache`` for each page. Prefetch as
on the way of a fault (``delays.page_line_ps``).
"""

from dessim.kernel.addressing import cost_ps, table_pages
from dessim.kernel.cost_table import COST_TEARDOWN_PTE, COST_TEARDOWN_TABLE
from dessim.kernel.layout import *
from dessim.kernel.lines import line_cost, socket_distance

PTE_WORD = (1 << PTE_BITS) - 1


def ones(bits: int) -> int:
    """Return the number of ones among 32 bits."""
    bits -= (bits >> 1) & 0x55555555
    bits = (bits & 0x33333333) + ((bits >> 2) & 0x33333333)
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F
    return (bits + (bits >> 8) + (bits >> 16) + (bits >> 24)) & 0x3F


def ptes_in_table(w: World, base: int) -> int:
    """Return the number of present ptes of a page table."""
    ptes = 0
    for word in range(table_pages(w) >> PTE_SHIFT):
        ptes += ones(w[base + word])
    return ptes


def misses_in_stream(w: World, low: int, high: int) -> int:
    """Return the struct pages of 4 KiB that prefetch does not hide, given the 64 ptes in two words.

    Of each run of present ptes the first, and as many more as the prefetcher needs to see.
    """
    shifted_low, shifted_high = low, high
    hidden_low, hidden_high = low, high
    for _ in range(w[H_TRAIN] + 1):
        shifted_high = (shifted_high << 1 | shifted_low >> (PTE_BITS - 1)) & PTE_WORD
        shifted_low = (shifted_low << 1) & PTE_WORD
        hidden_low &= shifted_low
        hidden_high &= shifted_high
    return ones(low) + ones(high) - ones(hidden_low) - ones(hidden_high)


def misses_in_table(w: World, base: int) -> int:
    """Return the struct pages of a page table's pages that its teardown waits for."""
    misses = 0
    for word in range(0, table_pages(w) >> PTE_SHIFT, STREAM_LINES >> PTE_SHIFT):
        misses += misses_in_stream(w, w[base + word], w[base + word + 1])
    return misses


def struct_page_ps(w: World, t: int, ptes: int) -> int:
    """Return ps of the mean access to a struct page that nobody prefetched.

    If all tables of the file are like this one, teardown of one mapping touches so many lines: a
    struct page for each pte, and the page tables. What exceeds the L3 has left it when the next
    mapping's turn comes; with random replacement so has the same share of every line.
    """
    touched = w[H_FILE_TABLES] * (ptes + w[H_TABLE_LINES])
    kept = w[H_L3_PAGES] * w[H_TABLE_LINES]
    if touched <= kept:
        return w[H_L3_HIT]
    homes = w[H_SOCKETS] if w[H_INTERLEAVE] else 1
    memory = 0
    for home in range(homes):
        memory += line_cost(w, LINE_LOAD, UNCACHED, socket_distance(w, w[t + T_SOCKET], home))
    memory //= homes
    return memory - (memory - w[H_L3_HIT]) * kept // touched


def teardown_ps(w: World, t: int) -> int:
    """Return ps to tear down the page table at the cursor."""
    mapping = w[t + T_VISITED]
    table = w[t + T_CURSOR] >> w[H_TABLE_SHIFT]
    record = w[mapping + M_TABLE] + table * w[H_TABLE_WORDS] + w[H_LINE_WORDS]
    if w[record + D_POPULATED] == 0:
        return 0
    base = w[mapping + M_PTE] + table * (table_pages(w) >> PTE_SHIFT)
    ptes = ptes_in_table(w, base)
    misses = misses_in_table(w, base) * struct_page_ps(w, t, ptes)
    return ptes * cost_ps(w, t, COST_TEARDOWN_PTE) + cost_ps(w, t, COST_TEARDOWN_TABLE) + misses
