"""Who flushes translations waits until every CPU that it interrupted has answered.

A CPU answers when its handler has run. One whose interrupts are off runs it after it has turned
them on again: it holds a lock that is taken so, spins for it, or waits for its line. As long as
that takes, the flush takes longer, and all who wait for the flusher's locks wait as well. All
handlers that came meanwhile run in one go, and answer then.

The flusher asks one CPU after the other, as Linux does: who is slower than those before it, counts.

Source
------
Linux 6.1 ``kernel/smp.c`` (``smp_call_function_many_cond``: ``csd_lock_wait`` for each CPU;
``__flush_smp_call_function_queue``), ``arch/x86/mm/tlb.c`` (``native_flush_tlb_multi``, which
waits). Locks taken with interrupts off: ``mm/page_alloc.c`` (``rmqueue_bulk``,
``free_pcppages_bulk``), ``mm/swap.c`` (``folio_lruvec_lock_irqsave``), ``mm/filemap.c`` and
``mm/vmscan.c`` (``xas_lock_irq``, ``xa_lock_irq``; in 3.14 ``spin_lock_irq(&mapping->tree_lock)``),
``mm/huge_memory.c`` (``split_queue_lock``).
"""

from dessim.kernel.accounting import account
from dessim.kernel.layout import *
from dessim.kernel.lines import core_distance, line_cost, wake
from dessim.kernel.page_waits import BLOCKED, GO_ON
from dessim.kernel.tlb import shoot_down


def is_taken_with_irqs_off(which: int) -> int:
    """Return whether who takes a lock turns the CPU's interrupts off before it asks for it."""
    if which == LOCK_TREE or which == LOCK_SPLIT:
        return 1
    return which == LOCK_ZONE or which == LOCK_LRU


def turn_irqs_off(w: World, t: int, which: int, now: int) -> None:
    """Turn the interrupts of a task's CPU off if it asks for a lock that is taken so."""
    if is_taken_with_irqs_off(which) and w[t + T_IRQS_OFF] == 0:
        w[t + T_IRQS_OFF] = now + 1


def turn_irqs_on(w: World, task: int, which: int, done: int) -> None:
    """Turn the interrupts of a task's CPU on with a lock that it drops: it answers who asked."""
    t = w[H_TASK] + task * T_WORDS
    if is_taken_with_irqs_off(which) and w[t + T_IRQS_OFF]:
        w[t + T_IRQS_OFF] = 0
        if w[t + T_ASKED_BY]:
            answer(w, task, done)


def answer(w: World, task: int, now: int) -> None:
    """Let those go on who wait for a task's CPU, or wait for the next one, once its handlers ran.

    A flusher reads the answer on a line that comes from this core.
    """
    t = w[H_TASK] + task * T_WORDS
    asker = w[t + T_ASKED_BY]
    w[t + T_ASKED_BY] = 0
    while asker:
        a = w[H_TASK] + (asker - 1) * T_WORDS
        following = w[a + T_NEXT]
        line = line_cost(w, LINE_LOAD, MODIFIED, core_distance(w, a, w[t + T_CORE]))
        seen = now + w[t + T_PENDING] + line
        if seen > w[a + T_CLOCK]:
            account(w, a, w[a + T_WAIT], seen - w[a + T_CLOCK])
            w[a + T_CLOCK] = seen
        if await_answers(w, asker - 1, task + 1, w[a + T_ASKS_TO]) == GO_ON:
            wake(w, asker - 1, w[a + T_CLOCK])
        asker = following


def await_answers(w: World, task: int, first: int, end: int) -> int:
    """Wait for the next of some tasks whose CPU has not answered: BLOCKED, or GO_ON if all have.

    Interrupts that were turned off after the flusher asked were on in between: that CPU has
    answered.
    """
    t = w[H_TASK] + task * T_WORDS
    for other in range(first, end):
        o = w[H_TASK] + other * T_WORDS
        if other != task and w[o + T_IRQS_OFF] and w[o + T_IRQS_OFF] <= w[t + T_SENT] + 1:
            w[t + T_ASKS_TO] = end
            w[t + T_NEXT] = w[o + T_ASKED_BY]
            w[o + T_ASKED_BY] = task + 1
            return BLOCKED
    return GO_ON


def flush_everywhere(w: World, task: int, mapping: int, first: int, pages: int) -> int:
    """Flush pages of a mapping on all CPUs that run its mm; BLOCKED while one has not answered."""
    shoot_down(w, task, mapping, first, pages)
    if w[H_TLB] == 0 or pages == 0:
        return GO_ON
    mm = w[mapping + M_MM]
    return await_answers(w, task, w[mm + MM_TASK], w[mm + MM_TASK] + w[mm + MM_TASKS])
