"""mmap_lock as an rwsem: who takes it, who steals it, who spins, who sleeps, who is woken."""

import pytest
from helpers import KERNEL_PS, LINE_PS, MEMORY_PS
from memory_labs import regions

from dessim.kernel import layout as lay
from dessim.kernel import steps
from dessim.kernel.addressing import lock_at
from dessim.kernel.alphabet import lock, unlock
from dessim.kernel.cpus import make_ready, queue_for_cpu
from dessim.kernel.memory_words import downgrade
from dessim.kernel.pages import BLOCKED, GO_ON
from dessim.kernel.rwsem import PATIENCE_PS, give_spinning_up
from dessim.kernel.spinning import queue_up

WRITE, WRITTEN, DOWN, READ, READ_OVER = range(5)
AWAKE = KERNEL_PS["wakeup"] + KERNEL_PS["context_switch"]
LATER = 10**9 + 1000
EACH = KERNEL_PS["wake_walk"]
NEAR_LOOK, FAR_LOOK = LINE_PS["load_modified"][1:3]  # same L3, same socket


class Rwsem:
    """Threads of one process, each on a core of its own, and the rwsem that they share."""

    def __init__(self, threads=12):
        program = (
            lock("mmap_lock_write"),
            unlock("mmap_lock_write"),
            downgrade("mmap_lock"),
            lock("mmap_lock"),
            unlock("mmap_lock"),
        )
        self.lab = regions(*program, threads=threads)
        self.lab.w[lay.H_RWSEM] = 1
        for task in range(threads):
            cpu = self.lab.get(task, lay.T_CPU)
            self.lab.w[cpu + lay.U_RUNNING] = task + 1

    def put_to_sleep(self, task):
        """Let a writer find readers, spin for as long as it may, and sleep."""
        w, t = self.lab.w, self.lab.w[lay.H_TASK]
        assert not self.do(task, WRITE)
        give_spinning_up(w, w[t + lay.T_MM] + lay.MM_RWSEM, lock_at(w, t, lay.LOCK_MMAP), 10**9)
        w[w[t + lay.T_MM] + lay.MM_RWSEM + lay.R_NO_SPIN] = 0

    def do(self, task, what, now=0):
        """Carry out a step of a task; return whether it went on."""
        self.lab.w[self.lab.w[lay.H_WOKEN]] = 0
        self.lab.put(task, lay.T_PC, what)
        outcome = steps.step(self.lab.w, task, what, now)
        assert outcome in (GO_ON, BLOCKED)
        return outcome == GO_ON

    @property
    def hold(self):
        """Number of readers, or -1."""
        return self.lab.w[lock_at(self.lab.w, self.lab.w[lay.H_TASK], lay.LOCK_MMAP) + lay.K_HOLD]

    @property
    def waiters(self):
        """Number of those that sleep."""
        at = lock_at(self.lab.w, self.lab.w[lay.H_TASK], lay.LOCK_MMAP)
        return self.lab.w[at + lay.K_WAITERS]

    def queue(self):
        """Return those that sleep, in order."""
        lock = lock_at(self.lab.w, self.lab.w[lay.H_TASK], lay.LOCK_MMAP)
        found, head = [], self.lab.w[lock + lay.K_HEAD]
        while head:
            found.append(head - 1)
            head = self.lab.get(head - 1, lay.T_NEXT)
        assert not found or self.lab.w[lock + lay.K_TAIL] == found[-1] + 1
        return found

    def woken(self):
        """Return whom the last step woke."""
        return list(self.lab.woken())


def test_a_writer_is_woken_by_the_last_reader_and_has_to_take_the_lock_itself():
    """It is not handed over: it is free until the writer has its CPU."""
    sem = Rwsem()
    assert sem.do(0, READ)
    assert sem.do(2, READ)
    sem.put_to_sleep(4)
    sem.do(0, READ_OVER)
    assert sem.woken() == []
    sem.do(2, READ_OVER, LATER)
    assert sem.lab.woken() == {4: LATER + AWAKE}
    assert sem.hold == 0
    assert sem.lab.get(4, lay.T_PC) == WRITE
    assert sem.do(4, WRITE, LATER + AWAKE)
    assert sem.hold == -1


@pytest.mark.parametrize("thief", [WRITE, READ])
def test_the_lock_is_stolen_from_a_writer_that_wakes_up(thief):
    """A writer takes it, and so does a reader that finds no other; the loser sleeps again."""
    sem = Rwsem()
    sem.do(0, READ)
    sem.put_to_sleep(4)
    sem.do(0, READ_OVER)
    assert sem.do(2, thief)
    assert not sem.do(4, WRITE)
    assert sem.waiters == 1
    sem.do(2, READ_OVER if thief == READ else WRITTEN)
    assert sem.woken() == [4]
    assert sem.do(4, WRITE)


def test_readers_do_not_pass_a_sleeping_writer_while_others_read():
    """A stream of readers would starve it."""
    sem = Rwsem()
    sem.do(0, READ)
    sem.put_to_sleep(4)
    assert not sem.do(2, READ)
    assert sem.hold == 1


def test_who_has_lost_for_4_ms_is_not_robbed_again():
    """RWSEM_FLAG_HANDOFF: neither a writer nor a reader steals from it."""
    sem = Rwsem()
    sem.do(0, READ)
    sem.put_to_sleep(4)
    for at in (10**9, PATIENCE_PS + 10**9):
        sem.do(0, READ_OVER)
        assert sem.do(0, READ)
        assert not sem.do(4, WRITE, at)
    sem.do(0, READ_OVER)
    assert not sem.do(2, READ)
    assert not sem.do(6, WRITE)
    assert sem.do(4, WRITE)


def test_a_writer_spins_while_another_writes_and_keeps_its_cpu():
    """It goes on as soon as the lock is free: no wake-up, no switch."""
    sem = Rwsem()
    sem.do(0, WRITE)
    assert not sem.do(2, WRITE)
    assert sem.waiters == 0
    cpu = sem.lab.get(2, lay.T_CPU)
    assert sem.lab.w[cpu + lay.U_RUNNING] == 3
    sem.do(0, WRITTEN, 700)
    assert sem.lab.woken() == {2: 700 + NEAR_LOOK}
    assert sem.do(2, WRITE)


def test_a_reader_does_not_spin():
    """Since Linux 5.11."""
    sem = Rwsem()
    sem.do(0, WRITE)
    assert not sem.do(2, READ)
    assert sem.lab.w[sem.lab.get(2, lay.T_CPU) + lay.U_RUNNING] == 0


def test_a_downgrade_lets_all_readers_in_if_one_is_first_also_those_behind_a_writer():
    """The waker pays for each; each wakes when its turn has come."""
    sem = Rwsem()
    sem.do(0, WRITE)
    sem.do(2, READ)
    sem.lab.w[lay.H_RWSEM] = 0  # a writer that sleeps although another one writes
    sem.do(4, WRITE)
    sem.lab.w[lay.H_RWSEM] = 1
    sem.do(6, READ)
    now = 10**9
    sem.lab.put(0, lay.T_PC, DOWN)
    done = sem.lab.go(0, now)
    assert done == now + MEMORY_PS["local_ps"] + KERNEL_PS["lock_local"] + 2 * EACH
    assert sem.lab.woken() == {2: done - EACH + AWAKE, 6: done + AWAKE}
    assert (sem.hold, sem.waiters) == (3, 1)


def test_a_downgrade_wakes_no_writer():
    """It reads on: the writer could not have the lock."""
    sem = Rwsem()
    sem.do(0, READ)
    sem.put_to_sleep(4)
    sem.do(0, READ_OVER)
    assert sem.do(2, WRITE)
    sem.do(4, WRITE)
    sem.do(2, DOWN)
    assert sem.woken() == []
    assert (sem.hold, sem.waiters) == (1, 1)


def test_a_writer_spins_on_readers_for_a_while_then_all_that_spin_sleep():
    """10 us, and half of one for each reader; who uses the lock next finds them asleep."""
    sem = Rwsem()
    sem.do(0, READ)
    assert not sem.do(4, WRITE, 1000)
    assert not sem.do(6, WRITE, 2000)
    assert sem.do(2, READ, 10_500_000 + 1000), "a writer that spins does not stop readers"
    assert not sem.do(8, READ, 10_500_000 + 1001)
    assert (sem.hold, sem.waiters) == (2, 3)
    assert sem.lab.w[sem.lab.get(4, lay.T_CPU) + lay.U_RUNNING] == 0
    assert not sem.do(10, WRITE, 10_500_000 + 1002)
    assert sem.waiters == 4, "nobody spins before these readers are gone"


def test_one_of_those_that_spin_tries_when_the_lock_is_free():
    """The others wait behind it, in order; if it is robbed, it is first again."""
    sem = Rwsem()
    sem.do(0, READ)
    sem.do(4, WRITE, 1000)
    sem.do(6, WRITE, 2000)
    sem.do(0, READ_OVER, 3000)
    assert sem.lab.woken() == {4: 3000 + FAR_LOOK}
    assert sem.do(8, WRITE, 3001)
    assert not sem.do(4, WRITE, 3002)
    sem.do(8, WRITTEN, 4000)
    assert sem.woken() == [4]
    assert sem.do(4, WRITE, 4001)
    sem.do(4, WRITTEN, 5000)
    assert sem.woken() == [6]


def test_a_writer_whose_line_is_on_the_way_spins_no_earlier():
    """The lock comes free before its own request for the line is answered: it looks then."""
    sem = Rwsem()
    assert sem.do(0, WRITE)
    assert not sem.do(4, WRITE, 1000)
    sem.lab.put(4, lay.T_CLOCK, 3000 + FAR_LOOK + 1)
    sem.do(0, WRITTEN, 3000)
    assert sem.lab.woken() == {4: 3000 + FAR_LOOK + 1}


def test_a_writer_stops_spinning_when_another_task_wants_its_cpu():
    """The one that was woken there may be the very reader that has the lock: both would wait."""
    sem = Rwsem()
    sem.do(0, READ)
    assert not sem.do(4, WRITE, 1000)
    cpu = sem.lab.get(4, lay.T_CPU)
    sem.lab.put(6, lay.T_CPU, cpu)
    sem.lab.put(6, lay.T_CLOCK, 2000)
    make_ready(sem.lab.w, 6, 3000)
    assert sem.lab.w[cpu + lay.U_RUNNING] == 7
    assert sem.waiters == 1
    assert sem.lab.get(4, lay.T_CLOCK) == 3000


@pytest.mark.parametrize("sleepers", [(2, 6, 8), (2, 6, 8, 10), (2, 10, 6, 8), (2, 6, 10, 8)])
@pytest.mark.parametrize("taker", [2, 6, 8])
def test_a_writer_that_loses_its_cpu_to_a_reader_let_in_sleeps_in_the_same_queue(sleepers, taker):
    """While the readers are taken out of it: it is not lost there. Task 10 is another writer."""
    sem = Rwsem()
    w = sem.lab.w
    sem.do(0, WRITE)
    assert not sem.do(4, WRITE)  # it spins
    for task in sleepers:
        queue_up(w, task, lock_at(w, w[lay.H_TASK], lay.LOCK_MMAP), int(task != 10))
        w[sem.lab.get(task, lay.T_CPU) + lay.U_RUNNING] = 0
    cpu = sem.lab.get(4, lay.T_CPU)
    sem.lab.put(taker, lay.T_CPU, cpu)
    sem.do(0, DOWN, 1000)
    assert sem.hold == 4
    assert sem.queue() == [task for task in (10, 4) if task in (*sleepers, 4)]
    assert sem.waiters == len(sem.queue())
    assert w[cpu + lay.U_RUNNING] == taker + 1


def test_a_writer_does_not_spin_on_a_cpu_that_others_wait_for():
    """It sleeps at once: ``need_resched()``."""
    sem = Rwsem()
    sem.do(0, READ)
    cpu = sem.lab.get(4, lay.T_CPU)
    queue_for_cpu(sem.lab.w, 6, cpu, 0)
    assert not sem.do(4, WRITE, 1000)
    assert sem.waiters == 1
    assert sem.lab.w[cpu + lay.U_RUNNING] == 7


def test_a_writer_that_a_woken_reader_stops_from_spinning_is_not_lost():
    """Readers leave the queue before any is woken: who is stopped by one queues behind them."""
    sem = Rwsem()
    w = sem.lab.w
    assert sem.do(0, WRITE)
    for reader in (2, 4):
        assert not sem.do(reader, READ)
    assert not sem.do(6, WRITE), "it spins"
    spinner_cpu = sem.lab.get(6, lay.T_CPU)
    sem.lab.put(4, lay.T_CPU, spinner_cpu)  # the last reader of the queue wants its CPU
    sem.do(0, WRITTEN, 1000)
    at = lock_at(w, w[lay.H_TASK], lay.LOCK_MMAP)
    assert sem.hold == 2
    assert (w[at + lay.K_HEAD], w[at + lay.K_TAIL], sem.waiters) == (7, 7, 1)
    assert not sem.do(8, READ, 1000), "a writer waits"
    assert (w[at + lay.K_HEAD], w[at + lay.K_TAIL], sem.waiters) == (7, 9, 2)
    sem.do(2, READ_OVER, 2000)
    sem.do(4, READ_OVER, 2000)
    assert w[sem.lab.get(6, lay.T_MM) + lay.MM_RWSEM + lay.R_AWAKE] == 7
