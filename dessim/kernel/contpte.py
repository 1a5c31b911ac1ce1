"""Blocks of ptes that carry the contiguous bit: clearing one pte of them clears the bit of all.

Where one folio has a naturally aligned block of ptes, arm64 sets the bit of all of them as it maps
the folio (``addressing.is_folded``), and one entry of a TLB translates the block. What is unmapped,
write-protected or copied as a whole keeps the bit. Who changes a part of a block has to clear it
first: the ptes are read and cleared, their translations flushed, and set again without it, all
under the page table's lock.

Source
------
Linux 6.9 and 6.12 ``arch/arm64/mm/contpte.c`` (``contpte_set_ptes``, ``contpte_convert``,
``contpte_try_unfold_partial``, ``contpte_clear_full_ptes``, ``contpte_wrprotect_ptes``),
``arch/arm64/include/asm/pgtable.h`` (``ptep_get_and_clear``, ``contpte_try_fold``).
"""

from dessim.kernel.addressing import block_of, cost_ps, end_in_table, is_folded
from dessim.kernel.answers import await_answers
from dessim.kernel.cost_table import COST_CONTPTE_PTE
from dessim.kernel.layout import *
from dessim.kernel.pages import GO_ON
from dessim.kernel.tlb import shoot_down, shootdown_ps


def end_of_blocks(w: World, t: int, which: int) -> int:
    """Return where the pages end (exclusive) in whose blocks a step looks, from the cursor on."""
    if which == BLOCKS_OF_FOLIO:
        return w[t + T_CURSOR] + w[H_ANON]
    return end_in_table(w, t)


def is_converted(w: World, t: int, which: int, block: int) -> int:
    """Return whether a step has to change the bit of a block: it has it, and a part changes."""
    first = block << w[H_CONTPTE]
    end = first + (1 << w[H_CONTPTE])
    if which == BLOCKS_AT_ENDS and first >= w[t + T_CURSOR] and end <= end_in_table(w, t):
        return 0
    return is_folded(w, t, first)


def conversions(w: World, t: int, which: int) -> int:
    """Return how many blocks a step converts; one that mremap moves pte by pte counts twice.

    It loses the bit before its first pte is taken away, and gets it where the last one arrives.
    """
    if w[H_CONTPTE] == 0:
        return 0
    found = 0
    last = block_of(w, end_of_blocks(w, t, which) - 1)
    for block in range(block_of(w, w[t + T_CURSOR]), last + 1):
        found += is_converted(w, t, which, block)
    return 2 * found if which == BLOCKS_OF_TABLE else found


def convert_ps(w: World, t: int, which: int) -> int:
    """Return ps to clear the ptes of blocks and to set them again, besides the flush between."""
    ptes = conversions(w, t, which) << w[H_CONTPTE]
    return ptes * cost_ps(w, t, COST_CONTPTE_PTE)


def flush_blocks_ps(w: World, task: int, which: int) -> int:
    """Return ps to flush the translations of blocks that are converted, each for itself."""
    t = w[H_TASK] + task * T_WORDS
    blocks = conversions(w, t, which)
    pages = 1 << w[H_CONTPTE] if blocks else 0
    return blocks * shootdown_ps(w, task, w[w[t + T_VISITED] + M_MM], pages)


def flush_blocks(w: World, task: int, which: int) -> int:
    """Flush blocks that are converted on all CPUs that run the mm; BLOCKED while one is late."""
    t = w[H_TASK] + task * T_WORDS
    blocks = conversions(w, t, which)
    if blocks == 0 or w[H_TLB] == 0:
        return GO_ON
    mapping = w[t + T_VISITED]
    last = block_of(w, end_of_blocks(w, t, which) - 1)
    for block in range(block_of(w, w[t + T_CURSOR]), last + 1):
        if is_converted(w, t, which, block):
            for _ in range(2 if which == BLOCKS_OF_TABLE else 1):
                shoot_down(w, task, mapping, block << w[H_CONTPTE], 1 << w[H_CONTPTE])
    mm = w[mapping + M_MM]
    return await_answers(w, task, w[mm + MM_TASK], w[mm + MM_TASK] + w[mm + MM_TASKS])
