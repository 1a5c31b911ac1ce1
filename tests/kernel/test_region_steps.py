"""Steps about regions: lines that a fault looks at, writers of mappings, a region's end."""

import pytest
from helpers import (
    KERNEL_PS,
    LINE_PS,
    LOCAL_PS,
    TLB,
    TLB_PS,
    a_lab,
    a_machine,
    a_workload,
)
from memory_labs import NEAR, SAME_L3, YES, regions

from dessim.kernel import layout as lay
from dessim.kernel.accesses import choose_page
from dessim.kernel.addressing import lock_at
from dessim.kernel.alphabet import lock, unlock, work
from dessim.kernel.memory_words import (
    await_fetch,
    downgrade,
    end_vma_writes,
    fetch_mm,
    flush_region,
    load_lock,
    mark_vma,
    use_mm,
    use_owner,
    when_vma_written,
)

TAKE = KERNEL_PS["lock_local"]
AWAKE = KERNEL_PS["wakeup"] + KERNEL_PS["context_switch"]


def seqs(lab, task=0):
    """Return the sequences of a task's mapping and of its mm."""
    mapping, mm = lab.get(task, lay.T_MAPPING), lab.get(task, lay.T_MM)
    return lab.w[mapping + lay.M_SEQ], lab.w[mm + lay.MM_SEQ]


@pytest.mark.parametrize(("stores", "access"), [(False, "load"), (True, "store")])
def test_use_mm_asks_for_the_line_of_mmap_lock(stores, access):
    """A look brings a copy, a fetch for writing takes the line away, as its operand says."""
    lab = regions(use_mm(stores=True), use_mm(stores=stores), threads=3)
    now = lab.go(0, 0)
    assert now == NEAR
    lab.put(2, lay.T_PC, 1)
    assert lab.go(2, now) == now + LINE_PS[f"{access}_modified"][SAME_L3]
    assert lab.spent(2, "mmap_lock") == LINE_PS[f"{access}_modified"][SAME_L3]


def test_mark_vma_makes_vma_written_hold_until_end_vma_writes():
    """The mapping has the mm's sequence while it is written; the end of all writes changes that."""
    ask = when_vma_written(YES)
    lab = regions(ask, mark_vma(), ask, end_vma_writes(), ask)
    assert seqs(lab) == (0, 1)
    now = lab.go(0, 0)
    assert (now, lab.place(0)) == (NEAR, "mark vma")
    now = lab.go(0, now)
    assert seqs(lab) == (1, 1)
    now = lab.go(0, now)
    assert lab.place(0) == "count touches"
    now = lab.go(0, lab.go(0, now))
    assert (lab.place(0), seqs(lab)) == ("vma written", (1, 2))
    lab.go(0, now)
    assert lab.place(0) == "stop"


def test_mark_vma_stores_to_the_line_of_the_mappings_lock():
    """Whoever read-locked the mapping last has the line."""
    lab = regions(lock("vma_lock"), mark_vma(), threads=1)
    now = lab.go(0, 0)
    assert lab.go(0, now) == now + LOCAL_PS["store"]


def test_vma_written_of_another_mapping_does_not_hold():
    """Writers of one mapping leave the others of the mm alone."""
    lab = regions(mark_vma(), when_vma_written(YES), threads=2)
    now = lab.go(0, 0)
    lab.put(1, lay.T_PC, 1)
    lab.go(1, now)
    assert lab.place(1) == "stop"


def test_end_vma_writes_takes_the_line_behind_mmap_lock():
    """mm_lock_seq lies there: its store takes the line from who looked, not that of the lock."""
    lab = regions(use_owner(stores=True), end_vma_writes(), use_mm(stores=False), threads=3)
    now = lab.go(0, 0)
    lab.put(2, lay.T_PC, 1)
    assert lab.go(2, now) == now + LINE_PS["store_modified"][SAME_L3]


@pytest.mark.parametrize(("stores", "access"), [(False, "load"), (True, "store")])
def test_use_owner_asks_for_the_line_behind_that_of_mmap_lock(stores, access):
    """Who has taken mmap_lock leaves the owner's line where it is."""
    lab = regions(use_owner(stores=True), use_owner(stores=stores), use_mm(stores=True), threads=3)
    now = lab.go(0, 0)
    lab.put(1, lay.T_PC, 2)
    now = lab.go(1, now)
    lab.put(2, lay.T_PC, 1)
    assert lab.go(2, now) == now + LINE_PS[f"{access}_modified"][SAME_L3]


def test_load_lock_brings_a_copy_that_the_rmw_behind_it_cannot_use():
    """Two transfers take a lock that another core had: to know its count, and to change it."""
    lab = regions(load_lock("mmap_lock"), lock("mmap_lock"), unlock("mmap_lock"), threads=3)
    now = lab.go(0, lab.go(0, 0))
    assert now == NEAR + LOCAL_PS["rmw"] + TAKE
    now = lab.go(2, now)
    assert lab.spent(2, "mmap_lock") == LINE_PS["load_modified"][SAME_L3]
    assert lab.go(2, now) == now + LINE_PS["rmw_shared"][SAME_L3] + TAKE


def test_fetch_mm_takes_the_line_and_nobody_waits_until_await_fetch():
    """The line comes while the task goes on; what is left of its way is waited for at the end."""
    lab = regions(fetch_mm(), work("find_vma"), await_fetch(), threads=3)
    assert lab.go(0, 0) == 0
    now = lab.go(0, 0)
    assert now == KERNEL_PS["find_vma"] < NEAR
    assert lab.go(0, now) == NEAR
    assert lab.spent(0, "mmap_lock") == NEAR - now


def test_fetch_mm_of_another_core_comes_behind_the_first():
    """Prefetches of the line follow each other, each from the core before."""
    lab = regions(fetch_mm(), await_fetch(), threads=3)
    lab.go(0, 0)
    lab.go(2, 0)
    assert lab.go(2, 0) == NEAR + LINE_PS["store_modified"][SAME_L3]


def test_fetch_mm_does_not_move_a_line_for_which_tasks_queue():
    """It takes its turn behind them, and is forgotten: the next of them is served in time."""
    lab = regions(use_mm(stores=True), fetch_mm(), await_fetch(), threads=6)
    lab.go(0, 0)
    assert lab.go(2, 0) == lay.ASLEEP or lab.get(2, lay.T_QUEUED)
    lab.put(4, lay.T_PC, 1)
    lab.go(4, 0)
    assert lab.get(2, lay.T_AT) == NEAR
    assert lab.go(4, 0) == NEAR + LINE_PS["store_modified"][SAME_L3 + 1]


def test_await_fetch_costs_nothing_if_the_line_is_there():
    """A fault that takes longer than the transfer does not know of it."""
    lab = regions(fetch_mm(), await_fetch())
    lab.go(0, 0)
    assert lab.go(0, NEAR + 1) == NEAR + 1


def test_merged_regions_have_one_lock_and_one_sequence():
    """Who writes its part writes the VMA of all: others find it written, and its line away."""
    steps = (mark_vma(), when_vma_written(YES), end_vma_writes())
    lab = regions(*steps, threads=3, workload={"vmas": "merged"})
    vma_locks = {lock_at(lab.w, lab.w[lay.H_TASK] + i * lay.T_WORDS, lay.LOCK_VMA) for i in (0, 2)}
    assert len(vma_locks) == 1
    now = lab.go(0, 0)
    lab.put(2, lay.T_PC, 1)
    lab.go(2, now)
    assert lab.place(2) == "count touches"


def parts(*steps, pages):
    """Return a lab of two threads, each with a part of one region."""
    workload = a_workload(pages, fault="anonymous", mapping="shared", file="part")
    return a_lab(*steps, threads=2, machine=a_machine(), workload=workload)


def test_parts_of_a_region_follow_each_other_and_share_the_table_between_them():
    """The second part begins in the table in which the first one ends: one lock for both."""
    lab = parts(lock("ptl"), pages=700)
    assert [lab.get(i, lay.T_FIRST) for i in (0, 1)] == [0, 700]
    locks = set()
    for task, page in ((0, 699), (1, 700)):
        lab.on_page(task, page)
        locks.add(lock_at(lab.w, lab.w[lay.H_TASK] + task * lay.T_WORDS, lay.LOCK_PTL))
    assert len(locks) == 1
    assert lab.get(0, lay.T_OWN_TABLES) == lay.TABLES_SHARED


def test_downgrade_lets_readers_in_that_wait_at_the_head_of_the_queue():
    """The writer becomes a reader; readers before the next writer are woken, that one is not."""
    lab = regions(
        lock("mmap_lock_write"),
        downgrade("mmap_lock"),
        unlock("mmap_lock"),
        lock("mmap_lock"),
        threads=6,
    )
    mmap = lock_at(lab.w, lab.w[lay.H_TASK], lay.LOCK_MMAP)
    now = lab.go(0, 0)
    for task, place in ((2, 3), (4, 0), (5, 3)):
        lab.put(task, lay.T_PC, place)
        while lab.go(task, now) != lay.ASLEEP or not lab.w[mmap + lay.K_WAITERS]:
            now = max(now, lab.get(task, lay.T_AT))
        now = max(now, lab.get(task, lay.T_CLOCK))
    waiting = lab.w[mmap + lay.K_WAITERS]
    done = lab.go(0, now)
    assert lab.w[mmap + lay.K_HOLD] == 2
    assert lab.w[mmap + lay.K_WAITERS] == waiting - 1
    assert list(lab.woken()) == [2]
    assert done > now


def test_downgrade_without_waiters_costs_an_rmw():
    """Nobody waits: the line is at hand."""
    lab = regions(lock("mmap_lock_write"), downgrade("mmap_lock"))
    now = lab.go(0, 0)
    assert lab.go(0, now) == now + LOCAL_PS["rmw"] + TAKE
    assert lab.w[lock_at(lab.w, lab.w[lay.H_TASK], lay.LOCK_MMAP) + lay.K_HOLD] == 1


def test_who_sleeps_for_mmap_lock_is_asleep_in_the_account():
    """Where memory is allocated, sleeping for mmap_lock is not taken for work on it."""
    lab = regions(lock("mmap_lock_write"), unlock("mmap_lock_write"), threads=3)
    now = lab.go(0, 0)
    while lab.go(2, now) != lay.ASLEEP:
        now = lab.get(2, lay.T_AT)
    slept_from = lab.get(2, lay.T_CLOCK)
    later = max(now, slept_from) + 10**6
    lab.go(0, later)
    lab.go(2, lab.get(2, lay.T_AT))
    assert lab.spent(2, "asleep") >= 10**6 + AWAKE


def test_flush_region_interrupts_the_cpus_that_run_the_mm():
    """One flush for all gathered pages: everything, since they are many, and an interrupt each."""
    lab = regions(flush_region(), threads=3, tlb=TLB)
    lab.put(0, lay.T_GATHERED, 64)
    lab.put(0, lay.T_VISITED, lab.get(0, lay.T_MAPPING))
    done = lab.go(0, 0)
    assert done == TLB_PS["flush_all"] + TLB_PS["ipi_base"] + 2 * TLB_PS["ipi_per_cpu"]
    assert lab.counter("interrupts") == 2
    assert lab.get(2, lay.T_PENDING) == TLB_PS["ipi_handler"]


def test_flush_region_of_nothing_costs_nothing():
    """A region of which nothing was mapped needs no flush."""
    lab = regions(flush_region(), threads=3, tlb=TLB)
    lab.put(0, lay.T_VISITED, lab.get(0, lay.T_MAPPING))
    assert lab.go(0, 0) == 0
    assert lab.counter("interrupts") == 0


@pytest.mark.parametrize("name", ["zone_lock", "lru_lock"])
def test_locks_of_a_node_are_shared_by_its_tasks_alone(name):
    """Tasks of one socket meet at them; one of the other socket has its own."""
    lab = a_lab(
        lock(name),
        unlock(name),
        threads=9,
        workload=a_workload(64, fault="anonymous", mapping="per_process"),
    )
    now = lab.go(0, 0)
    assert lab.go(8, now) == now + NEAR + TAKE  # its line lies on its own node
    asked = lab.go(2, now)
    assert asked == lay.ASLEEP or lab.go(2, asked) == lay.ASLEEP


def test_a_sweep_in_random_order_touches_each_page_of_the_region_once():
    """Every sweep and every task has an order of its own, unless all draw the same."""

    def orders(sequence):
        workload = a_workload(
            300, fault="anonymous", access="random", random_sequence=sequence, file="part",
            mapping="shared", sweeps=2,
        )  # fmt: skip
        lab = a_lab(threads=2, machine=a_machine(), workload=workload)
        found = []
        for task, first in ((0, 0), (1, 300)):
            for access in range(600):
                lab.put(task, lay.T_ACCESS, access)
                found.append(choose_page(lab.w, task) - first)
        return [found[i : i + 300] for i in range(0, 1200, 300)]

    own, same = orders("own"), orders("same")
    for order in (*own, *same):
        assert sorted(order) == list(range(300))
    assert len(set(map(tuple, own))) == 4
    assert same[:2] == same[2:] != [*same[1:2], *same[:1]]
