"""Run queues: more threads than CPUs, time slices, sleeping and getting the CPU back."""

from helpers import KERNEL_PS, USER_PS, a_lab, a_machine, a_workload, scheme_setup

from dessim.engines import run_setup
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step, jump, label, lock, unlock, unlock_page, wait_on_page
from dessim.kernel.cpus import make_ready

SWITCH = KERNEL_PS["context_switch"]
ONE_CPU = {"sockets": 1, "l3_per_socket": 1, "cores_per_l3": 1, "threads_per_core": 1}


def one_cpu(*program, threads=3, slice_ps=10**6, **changes):
    """Return a lab of several tasks on one CPU, which task 0 has; the others queue in order."""
    machine = a_machine(topology=ONE_CPU, kernel={"time_slice_ps": slice_ps})
    lab = a_lab(
        Step("begin", category="run_queue"), *program, threads=threads, machine=machine, **changes
    )
    lab.put(0, lay.T_PC, 1)
    for task in range(1, threads):
        assert lab.go(task, 0) == lay.ASLEEP
    return lab


def queue(lab):
    """Return the tasks in the run queue of task 0's CPU, in order."""
    tasks, follower = [], lab.cpu(0, lay.U_HEAD)
    while follower:
        tasks.append(follower - 1)
        follower = lab.get(follower - 1, lay.T_NEXT)
    return tasks


def touching(**changes):
    """Return a lab in which all tasks touch mapped pages on one CPU."""
    workload = a_workload(page_touch="touch_word", mapping="shared")
    lab = one_cpu(jump("touch", "end"), label("end"), workload=workload, **changes)
    lab.w[lab.get(0, lay.T_PTE)] = 0xFFFF
    return lab


def test_a_task_keeps_its_cpu_for_a_time_slice_and_then_goes_to_the_end_of_the_queue():
    """A touch that ends before the slice is over goes on; the first that ends after it yields."""
    lab = touching(slice_ps=2 * USER_PS["touch_word"])
    now = lab.go(0, 0)
    assert now == USER_PS["touch_word"]
    assert lab.go(0, now) == lay.ASLEEP
    assert queue(lab) == [2, 0]
    assert lab.woken() == {1: 2 * USER_PS["touch_word"] + SWITCH}
    assert lab.counter("context_switches") == 1


def test_the_run_queue_is_first_in_first_out():
    """With slices of nothing, tasks take turns in order."""
    lab = touching(slice_ps=1)
    order, running, now = [], 0, 0
    for _ in range(7):
        order.append(running)
        assert lab.go(running, now) == lay.ASLEEP
        ((running, now),) = lab.woken().items()
    assert order == [0, 1, 2, 0, 1, 2, 0]


def test_a_task_alone_on_its_cpu_never_yields():
    """Without others in the queue the end of a slice means nothing."""
    lab = touching(threads=1, slice_ps=1)
    now = 0
    for _ in range(5):
        now = lab.go(0, now)
    assert now == 5 * USER_PS["touch_word"]
    assert lab.counter("context_switches") == 0


def test_a_sleeper_gives_its_cpu_to_the_next_in_the_queue():
    """While a task sleeps on a page, the next one runs, one switch after the sleep began."""
    lab = one_cpu(wait_on_page(), threads=2)
    lab.flag(0, lay.FLAG_LOCKED, on=True)
    lab.own_line(0, 0)
    lab.fall_asleep(0, 0)
    assert lab.woken() == {1: lab.get(0, lay.T_CLOCK) + SWITCH}
    assert lab.cpu(0, lay.U_RUNNING) == 2


def test_a_woken_task_needs_its_cpu_back():
    """Whoever wakes up while another has the CPU queues for it, and waits on the run queue."""
    lab = one_cpu(wait_on_page(), unlock_page(), jump("touch", "end"), label("end"), threads=2)
    lab.flag(0, lay.FLAG_LOCKED, on=True)
    lab.own_line(0, 0)
    lab.fall_asleep(0, 0)
    at = lab.woken()[1]
    lab.put(1, lay.T_PC, 2)
    done = lab.go(1, at)
    assert lab.woken() == {}
    assert queue(lab) == [0]
    ready = done + KERNEL_PS["wakeup"]
    assert lab.get(0, lay.T_READY) == ready
    assert lab.get(0, lay.T_CLOCK) == ready  # up to here it slept; from here it waits for the CPU
    lab.put(1, lay.T_PC, 4)  # task 1 ends and leaves the CPU
    end = 2 * ready
    assert lab.go(1, end) == lay.ENDED
    assert lab.woken() == {0: end + SWITCH}
    lab.go(0, end + SWITCH)
    assert lab.spent(0, "run_queue") == end + SWITCH - ready


def test_a_cpu_is_free_when_the_one_before_has_left_it():
    """Who becomes ready for a CPU whose last task is still on its way to sleep waits for that."""
    lab = one_cpu(wait_on_page(), threads=2)
    lab.w[lab.get(1, lay.T_CPU) + lay.U_HEAD] = 0  # task 1 sleeps
    lab.flag(0, lay.FLAG_LOCKED, on=True)
    lab.own_line(0, 0)
    lab.fall_asleep(0, 0)
    left = lab.get(0, lay.T_CLOCK)
    make_ready(lab.w, 1, left - 1_000)
    assert lab.get(1, lay.T_AT) == left + SWITCH
    lab.go(1, left + SWITCH)
    assert lab.spent(1, "run_queue") == left + SWITCH  # it never ran before


def test_a_spinning_task_keeps_its_cpu_and_a_sleeping_one_does_not():
    """A spinlock's waiter holds its CPU; a semaphore's waiter gives it up."""
    for name, running in (("page_table_lock", 2), ("mmap_lock_write", 0)):
        topology = {"threads_per_core": 1}
        lab = a_lab(lock(name), unlock(name), threads=2, machine=a_machine(topology=topology))
        now = lab.go(0, 0)
        assert lab.go(1, now) == lay.ASLEEP
        assert lab.cpu(1, lay.U_RUNNING) == running


def test_all_time_of_an_oversubscribed_run_is_accounted():
    """Three times as many threads as CPUs: they end, they waited for CPUs, and time adds up."""
    machine = a_machine(
        topology={**ONE_CPU, "cores_per_l3": 2}, kernel={"time_slice_ps": 3_000_000}
    )
    workload = a_workload(pages=24, page_touch="touch_word")
    result = run_setup(scheme_setup("no_fault_around", 0, 6, machine, workload), "reference")
    assert result.counters["pages_mapped"] == 6 * 24
    assert result.counters["context_switches"] > 6
    assert result.time_ps["run_queue"] > result.time_ps["user"]
    work = sum(ps for name, ps in result.time_ps.items() if name != "run_queue")
    assert work <= 2 * result.completion_ps  # two CPUs cannot do more than this


def test_two_threads_on_one_cpu_take_as_long_as_their_work_and_their_switches():
    """Without any waiting, one CPU is busy all the time: work and switches add up to the end."""
    machine = a_machine(topology=ONE_CPU, kernel={"time_slice_ps": 2_000_000})
    workload = a_workload(pages=16, page_touch="touch_word")
    result = run_setup(scheme_setup("no_fault_around", 0, 2, machine, workload), "reference")
    work = sum(ps for name, ps in result.time_ps.items() if name != "run_queue")
    assert result.completion_ps == work + result.counters["context_switches"] * SWITCH


def test_rest_leaves_the_cpu_to_the_next_in_line():
    """Who rests goes on without a CPU, at no cost; the next in the queue runs after a switch."""
    lab = one_cpu(Step("rest"), label("end"), threads=2)
    assert lab.go(0, 40) == 40
    assert lab.woken() == {1: 40 + SWITCH}
    assert lab.cpu(0, lay.U_RUNNING) == 2
