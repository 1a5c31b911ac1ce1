"""System calls that a task makes on a region that it has touched: latencies, fork, mremap.

Source
------
Linux 6.6 and 6.12 ``kernel/fork.c`` (``dup_mmap``), ``mm/memory.c`` (``copy_page_range``,
``copy_pte_range``, ``copy_present_pte``; 6.9 and later ``copy_present_ptes``), ``mm/mremap.c``
(``move_ptes``, ``move_normal_pmd``).
"""

from dessim.kernel.accounting import count, record_call
from dessim.kernel.addressing import cost_ps, end_in_table
from dessim.kernel.answers import flush_everywhere
from dessim.kernel.cost_table import COST_FORK_PAGE, COST_FORK_PTE, COST_MOVE_PTE
from dessim.kernel.frame_delays import NO_RULE, ptes_in_range
from dessim.kernel.layout import *
from dessim.kernel.ops import *
from dessim.kernel.pages import GO_ON, MEANINGLESS
from dessim.kernel.tlb import shootdown_ps


def copy_ptes_ps(w: World, t: int) -> int:
    """Return ps to copy the region's part in the cursor's page table to that of a child.

    For each pte the parent's is write-protected, the child's set, and a mapping counted; the page's
    look-up and its reference come once a pte, or once a folio where those of a folio are copied in
    one go.
    """
    ptes = ptes_in_range(w, t)
    pages = ptes // w[H_ANON] if w[H_BATCHED] else ptes
    return ptes * cost_ps(w, t, COST_FORK_PTE) + pages * cost_ps(w, t, COST_FORK_PAGE)


def moved_pages(w: World, t: int, table: int) -> int:
    """Return the pages whose old translations a move of the cursor's page table flushes.

    A table that is moved as such is flushed as a range; of one that is moved pte by pte, the range
    too, but only if any pte was set.
    """
    if table == 0 and ptes_in_range(w, t) == 0:
        return 0
    return end_in_table(w, t) - w[t + T_CURSOR]


def call_delay_ps(w: World, task: int, op: int) -> int:
    """Return ps by the rule of a step of a system call, or NO_RULE."""
    t = w[H_TASK] + task * T_WORDS
    if op == OP_COPY_PTES:
        return copy_ptes_ps(w, t)
    if op == OP_MOVE_PTES:
        return ptes_in_range(w, t) * cost_ps(w, t, COST_MOVE_PTE)
    if op == OP_FLUSH_MOVED:
        pages = moved_pages(w, t, w[w[H_PROG] + w[t + T_PC] * I_WORDS + I_A])
        return shootdown_ps(w, task, w[w[t + T_VISITED] + M_MM], pages)
    if op == OP_FLUSH_MM:
        return shootdown_ps(w, task, w[w[t + T_VISITED] + M_MM], w[H_FLUSH_CEILING] + 1)
    return NO_RULE


def call_step(w: World, task: int, i: int, done: int) -> int:
    """Carry out a step of a system call."""
    t = w[H_TASK] + task * T_WORDS
    op = w[i + I_OP]
    if op == OP_CALL_BEGIN:
        w[t + T_CALL_AT] = done
    elif op == OP_CALL_END:
        record_call(w, t, w[i + I_A], done)
    elif op == OP_COPY_PTES:
        count(w, N_PTES_COPIED, ptes_in_range(w, t))
    elif op == OP_MOVE_PTES:
        pass  # the pages are where they were, for all who use them: the region is another one
    elif op == OP_MOVE_TABLE:
        count(w, N_TABLES_MOVED, 1)
    elif op == OP_FLUSH_MOVED:
        pages = moved_pages(w, t, w[i + I_A])
        return flush_everywhere(w, task, w[t + T_VISITED], w[t + T_CURSOR], pages)
    elif op == OP_FLUSH_MM:
        return flush_everywhere(w, task, w[t + T_VISITED], w[t + T_PAGE], w[H_FLUSH_CEILING] + 1)
    elif op == OP_NEXT_CALL:
        w[t + T_CALLS] += 1
        if w[t + T_CALLS] < w[H_CALLS]:
            w[t + T_PC] = w[i + I_TARGET]
        else:
            w[t + T_CALLS] = 0
    else:
        return MEANINGLESS
    return GO_ON
