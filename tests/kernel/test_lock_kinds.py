"""Test-and-set locks, locks that sleep, the lock of a VMA, and one page-table lock for an mm."""

import pytest
from helpers import KERNEL_PS, LINE_PS, a_lab, a_machine, a_workload

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step, lock, unlock, work

RMW = LINE_PS["rmw_modified"]
PER_WAITER = 60_013
AWAKE = KERNEL_PS["wakeup"] + KERNEL_PS["context_switch"]
AFTER = work("rmap")


def a_row(*program, threads, **changes):
    """Return a lab on a machine of one L3 without siblings: all transfers cost the same."""
    topology = {"sockets": 1, "l3_per_socket": 1, "cores_per_l3": 16, "threads_per_core": 1}
    return a_lab(*program, threads=threads, machine=a_machine(topology=topology, **changes))


def spinning(waiters, kind="test_and_set", draw=0):
    """Return a lab in which task 0 has a spinlock that others want, after it dropped it."""
    locks = {"page_table_lock": kind, "test_and_set_per_waiter_ps": PER_WAITER}
    lab = a_row(lock("lock"), unlock("lock"), threads=1 + waiters, locks=locks)
    now = lab.go(0, 0)
    for task in range(1, 1 + waiters):
        now += 10**6
        assert lab.go(task, now) == lay.ASLEEP
    lab.go_to_draw(0, lay.DRAW_ACTOR, draw)
    done = lab.go(0, 2 * now)
    return lab, done


@pytest.mark.parametrize("waiters", [1, 2, 7])
def test_a_test_and_set_hand_over_grows_with_those_who_try(waiters):
    """With k waiters the next holder runs after a transfer and k - 1 times the share."""
    lab, done = spinning(waiters)
    assert list(lab.woken().values()) == [done + RMW[1] + (waiters - 1) * PER_WAITER]


def test_a_test_and_set_lock_goes_to_anybody():
    """Who gets a test-and-set lock is drawn evenly: each of four waiters, within 5 sigma."""
    n, wins = 400, dict.fromkeys(range(1, 5), 0)
    for draw in range(n):
        lab, _ = spinning(4, draw=draw)
        (winner,) = lab.woken()
        wins[winner] += 1
    assert all(abs(won - n / 4) < 5 * (n * 3 / 16) ** 0.5 for won in wins.values())


def test_a_test_and_set_lock_loses_nobody():
    """Whatever the draws, every waiter has the lock once."""
    for draw in range(12):
        lab, _ = spinning(5, draw=draw)
        order, now = [], 10**9
        while lab.woken():
            ((holder, at),) = lab.woken().items()
            order.append(holder)
            now = max(now, at) + 10**6
            lab.go(holder, now)
        assert sorted(order) == [1, 2, 3, 4, 5]
        assert lab.w[lab.w[lay.H_LOCK] + lay.K_HOLD] == 0


def test_a_writer_of_the_mmap_lock_waits_for_all_readers_and_keeps_new_ones_out():
    """Munmap gets the mmap lock when the last reader has left; later readers wait for it."""
    program = (lock("mmap_lock"), unlock("mmap_lock"))
    writer = (lock("mmap_lock_write"), unlock("mmap_lock_write"))
    lab = a_row(*program, *writer, threads=4)
    now = 0
    for task in (0, 1):
        now = max(now, lab.go(task, now))
    lab.put(2, lay.T_PC, 2)
    assert lab.go(2, now + 10**6) == lay.ASLEEP
    assert lab.go(3, now + 2 * 10**6) == lay.ASLEEP  # a reader, behind the writer
    lab.go(0, now + 3 * 10**6)
    assert lab.woken() == {}
    done = lab.go(1, now + 4 * 10**6)
    assert lab.woken() == {2: done + 2 * RMW[1] + AWAKE}
    done = lab.go(2, now + 9 * 10**6)
    assert lab.woken() == {3: done + 2 * RMW[1] + AWAKE}


@pytest.mark.parametrize(("name", "sleeps"), [("i_mmap_mutex", True), ("tree_lock", False)])
def test_locks_of_the_file_sleep_or_spin(name, sleeps):
    """i_mmap_mutex gives the CPU up and has to be woken; tree_lock spins and runs on."""
    lab = a_row(lock(name), unlock(name), threads=2)
    now = lab.go(0, 0)
    assert lab.go(1, now) == lay.ASLEEP
    assert (lab.cpu(1, lay.U_RUNNING) == 0) == sleeps
    done = lab.go(0, now + 10**7)
    assert lab.woken() == {1: done + (2 * RMW[1] + AWAKE if sleeps else RMW[1])}


@pytest.mark.parametrize("mapping", ["per_thread", "per_process", "shared"])
@pytest.mark.parametrize("name", ["vma_lock", "mmap_lock"])
def test_the_lock_of_a_vma_has_a_line_of_its_own(name, mapping):
    """Faults in different mappings of an mm meet on the mmap lock's line, not on their VMAs'."""
    lab = a_lab(lock(name), AFTER, threads=3, workload=a_workload(mapping=mapping))
    end = lab.go(0, 0)
    meet = mapping == "shared" or (name == "mmap_lock" and mapping == "per_thread")
    assert (lab.go(2, end) - end == RMW[1] + KERNEL_PS["lock_local"]) == meet


def test_readers_of_a_vma_lock_do_not_exclude_each_other():
    """Two faults in one VMA hold its lock together."""
    lab = a_lab(lock("vma_lock"), AFTER, threads=3, workload=a_workload(mapping="shared"))
    end = lab.go(0, 0)
    lab.go(2, end)
    vma = lab.w[lab.get(0, lay.T_MAPPING) + lay.M_VMA_LOCK]
    assert lab.w[vma + lay.K_HOLD] == 2


@pytest.mark.parametrize("split", [True, False])
def test_without_split_locks_faults_in_different_tables_meet(split):
    """One lock per mm excludes faults on pages of different page tables; split locks do not."""
    machine = a_machine(locks={"split_page_table_locks": split})
    workload = a_workload(pages=1024, mapping="shared")
    lab = a_lab(lock("ptl"), AFTER, threads=3, machine=machine, workload=workload)
    lab.go(0, 0)
    lab.on_page(2, 700)
    assert (lab.go(2, 10**7) == lay.ASLEEP) == (not split)


def test_an_actor_takes_the_split_lock_of_the_mapping_at_which_it_looks():
    """The PTL of an unmap walk is that of the table it is in, whoever's it is."""
    look = Step("next_mapping", category="page_cache")
    lab = a_lab(Step("first_mapping"), look, lock("ptl"), threads=3)
    for _ in range(2):
        lab.go(0, 0)
    assert lab.get(0, lay.T_TABLE) == lab.get(1, lay.T_TABLE)
    for task in (0, 1):  # as where there are actors
        lab.put(task, lay.T_OWN_TABLES, 0)
        lab.put(task, lay.T_PC, 2)
    lab.go(0, 0)
    assert lab.go(1, 10**7) == lay.ASLEEP
