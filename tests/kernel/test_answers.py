"""A flush waits for CPUs whose interrupts are off: until they unlock, and have run the handler."""

import pytest
from helpers import (
    KERNEL_PS,
    LINE_PS,
    LOCAL_PS,
    TLB,
    TLB_PS,
)
from memory_labs import NEAR, SAME_L3, regions
from paging_labs import paging_lab, put_own

from dessim.kernel import layout as lay
from dessim.kernel.addressing import lock_at
from dessim.kernel.alphabet import Step, lock, shootdown, unlock
from dessim.kernel.answers import is_taken_with_irqs_off

SAME_SOCKET = 2  # column of LINE_PS
TAKE = KERNEL_PS["lock_local"]
DROP = LOCAL_PS["store"] + TAKE
HANDLER = TLB_PS["ipi_handler"]
ANSWER = HANDLER + LINE_PS["load_modified"][SAME_L3]
HOLD = 1  # the step that takes the lock
LOCKED_WITH_IRQS_OFF = ("zone_lock", "lru_lock", "tree_lock")


def flush_ps(targets):
    """Return ps of a flush of one page of which nobody answers late."""
    return TLB_PS["invlpg"] + TLB_PS["ipi_base"] + targets * TLB_PS["ipi_per_cpu"]


def flushers(name="zone_lock", threads=4, mapping="per_thread"):
    """Return a lab whose tasks can flush (first step), or hold a lock (second and third)."""
    program = (shootdown(), lock(name), unlock(name), shootdown())
    lab = regions(*program, threads=threads, workload={"mapping": mapping}, tlb=TLB)
    for task in range(threads):
        lab.put(task, lay.T_VISITED, lab.get(task, lay.T_MAPPING))
    return lab


def hold(lab, task, now=0):
    """Let a task take the lock; return when it has it."""
    lab.put(task, lay.T_PC, HOLD)
    return lab.go(task, now)


@pytest.mark.parametrize("name", LOCKED_WITH_IRQS_OFF)
def test_a_flush_waits_for_who_holds_a_lock_that_is_taken_with_interrupts_off(name):
    """It goes on when the holder has unlocked and run its handler, and its answer has come over."""
    lab = flushers(name, threads=3)
    now = hold(lab, 2)
    assert lab.go(0, now) == lay.ASLEEP
    later = now + 10 * flush_ps(2)
    assert lab.go(2, later) == later + DROP
    assert lab.woken() == {0: later + DROP + ANSWER}
    assert lab.spent(0, "shootdown") == later + DROP + ANSWER - now
    assert lab.get(0, lay.T_CLOCK) == later + DROP + ANSWER
    assert lab.get(2, lay.T_IRQS_OFF) == lab.get(2, lay.T_ASKED_BY) == 0


def test_the_deferred_split_queue_is_locked_with_interrupts_off():
    """Its lock is there only where folios are unmapped in part."""
    assert is_taken_with_irqs_off(lay.LOCK_SPLIT)


@pytest.mark.parametrize("name", ["ptl", "mmap_lock_write", "i_mmap_mutex"])
def test_a_flush_waits_for_no_other_lock(name):
    """Whoever holds a lock that is taken with interrupts on answers at once."""
    lab = flushers(name, threads=3)
    now = hold(lab, 2)
    assert lab.go(0, now) == now + flush_ps(2)


def test_an_answer_before_the_flush_is_over_costs_nothing():
    """Who unlocks soon enough does not delay a flush, which takes its time anyway."""
    lab = flushers(threads=3)
    now = hold(lab, 2)
    assert lab.go(0, now) == lay.ASLEEP
    lab.go(2, now)
    assert lab.woken() == {0: now + flush_ps(2)}
    assert lab.spent(0, "shootdown") == flush_ps(2)


def test_who_spins_has_its_interrupts_off():
    """A target that waits for the lock answers when it has had it, too."""
    lab = flushers(threads=7)
    now = hold(lab, 2)
    assert hold(lab, 4, now) == lay.ASLEEP
    assert lab.go(0, now) == lay.ASLEEP
    later = now + 10 * flush_ps(6)
    lab.go(2, later)
    assert set(lab.woken()) == {4}  # the lock goes on; the flush waits for the next target
    handed = lab.get(4, lay.T_AT)
    done = lab.go(4, handed)
    answer = HANDLER + LINE_PS["load_modified"][SAME_SOCKET]
    assert lab.woken() == {0: done + answer}
    assert lab.spent(0, "shootdown") == done + answer - now


def test_who_waits_for_the_line_of_the_lock_has_its_interrupts_off():
    """They are off before the lock is asked for: its line may be busy for long."""
    lab = flushers(threads=3)
    place = lock_at(lab.w, lab.w[lay.H_TASK] + 2 * lay.T_WORDS, lay.LOCK_ZONE)
    lab.w[place + lay.L_FREE] = 10**9
    assert hold(lab, 2) == 10**9
    assert lab.get(2, lay.T_IRQS_OFF) == 1
    assert lab.go(0, 5) == lay.ASLEEP
    assert lab.go(2, 10**9) == 10**9 + NEAR + TAKE
    assert lab.get(2, lay.T_IRQS_OFF) == 1
    done = lab.go(2, 10**9 + NEAR + TAKE)
    assert lab.woken() == {0: done + ANSWER}


def test_handlers_wait_until_interrupts_are_on():
    """A target that holds such a lock runs no handler between its steps: only behind the unlock."""
    lab = flushers(threads=3)
    now = hold(lab, 2)
    lab.go(0, now)
    done = lab.go(2, now)
    assert lab.spent(2, "shootdown") == 0
    lab.put(2, lay.T_PC, HOLD)
    assert lab.go(2, done) == done + HANDLER
    assert lab.spent(2, "shootdown") == HANDLER


def test_all_who_asked_are_answered_when_all_handlers_have_run():
    """Two flushes that wait for one target: it runs two handlers, then both go on."""
    lab = flushers(threads=7)
    now = hold(lab, 2)
    assert lab.go(0, now) == lay.ASLEEP
    assert lab.go(4, now) == now + HANDLER  # it is a target, too
    assert lab.go(4, now + HANDLER) == lay.ASLEEP
    later = now + 10 * flush_ps(6)
    done = lab.go(2, later)
    far = LINE_PS["load_modified"][SAME_SOCKET]
    assert lab.woken() == {0: done + HANDLER + ANSWER, 4: done + 2 * HANDLER + far}


def test_interrupts_that_went_off_after_the_flush_are_not_waited_for():
    """A target that had them on in between has answered, though they are off again."""
    lab = flushers(threads=7)
    first = hold(lab, 2)
    zone = lock_at(lab.w, lab.w[lay.H_TASK], lay.LOCK_ZONE)
    lab.w[zone + lay.K_HOLD] = 0  # as if 2 had another node's
    second = hold(lab, 4, first + NEAR)
    assert lab.go(0, second) == lay.ASLEEP  # it waits for 2, then for 4
    unlocked = lab.go(4, second)
    assert lab.woken() == {}  # nobody waits for it yet
    lab.put(4, lay.T_PC, HOLD)
    ready = lab.go(4, unlocked)
    hold(lab, 4, ready)
    assert lab.get(4, lay.T_IRQS_OFF) == ready + 1
    later = second + 10 * flush_ps(6)
    done = lab.go(2, later)
    assert lab.woken() == {0: done + ANSWER}


def test_a_flush_does_not_wait_for_another_mm():
    """Interrupts of a CPU that runs another process are its own matter."""
    lab = flushers(threads=3, mapping="per_process")
    now = hold(lab, 2)
    assert lab.go(0, now) == now + TLB_PS["invlpg"]


def test_a_round_of_reclaim_waits_for_all_mms_of_the_file():
    """One flush for all processes that map the file: it waits for the last of them."""
    steps = (Step("flush_unmapped"), lock("tree_lock"), unlock("tree_lock"))
    lab = paging_lab(*steps, threads=3, pages=512, share=0.5, mapping="per_process")
    put_own(lab, 0, lay.X_UNMAPPED, 20)
    lab.put(2, lay.T_PC, 1)
    now = lab.go(2, 0)
    assert lab.go(0, now) == lay.ASLEEP
    later = now + 10**8
    done = lab.go(2, later)
    assert set(lab.woken()) == {0}
    assert lab.get(0, lay.T_AT) > done + HANDLER


def test_who_has_nothing_to_flush_waits_for_nobody():
    """A table without a pte is moved pte by pte: no CPU is interrupted, so none owes an answer."""
    lab = regions(
        *(Step("flush_moved", 0), lock("zone_lock"), unlock("zone_lock")), threads=3, tlb=TLB
    )
    lab.put(0, lay.T_VISITED, lab.get(0, lay.T_MAPPING))
    lab.put(0, lay.T_STOP, 64)
    now = hold(lab, 2)
    assert lab.go(0, now) == now


def test_without_a_tlb_nobody_waits():
    """A machine that translates for nothing flushes for nothing."""
    lab = regions(shootdown(), lock("zone_lock"), unlock("zone_lock"), threads=3)
    lab.put(0, lay.T_VISITED, lab.get(0, lay.T_MAPPING))
    now = hold(lab, 2)
    assert lab.go(0, now) == now
