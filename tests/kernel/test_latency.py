"""From where to where a latency runs, and whether it ended while all threads ran."""

import pytest
from helpers import KERNEL_PS, a_lab, a_lock_loop

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step, jump, label, work


def test_fault_begin_and_fault_end_measure_the_latency():
    """The latency runs from the fault's begin, work of the entry included, to its end."""
    begin = Step("fault_begin", cost="exception_entry", category="entry_exit")
    end = Step("fault_end", cost="exception_exit", category="entry_exit")
    lab = a_lab(begin, work("find_vma"), end)
    now = 1_000
    for _ in range(3):
        now = lab.go(0, now)
    expected = sum(KERNEL_PS[c] for c in ("exception_entry", "find_vma", "exception_exit"))
    assert now == 1_000 + expected
    assert lab.latencies() == (0, 0, 0)  # private steps may be ahead of their time
    lab.go(0, now)
    assert lab.latencies() == (1, expected, expected)
    assert lab.counter("minor_faults") == 1


@pytest.mark.parametrize(("finished", "part"), [(99_999, 1), (100_000, 0), (100_001, 0)])
def test_a_latency_ends_outside_if_another_thread_had_finished_before(finished, part):
    """A thread's finish decides about latencies by its time, although it is carried out later."""
    end = Step("fault_end", cost="none", category="entry_exit")
    lab = a_lab(end, jump("finish", "end", category="teardown"), label("end"), threads=2)
    lab.go(0, 100_000)
    lab.put(1, lay.T_PC, 1)
    lab.go(1, finished)
    lab.go(0, 100_002)
    assert lab.latencies(part)[0] == 1
    assert lab.latencies(1 - part)[0] == 0
    assert lab.w[lay.H_STEADY_TO] == finished


def test_think_ends_where_the_latency_of_the_loop_begins():
    """The loop's latency runs from the end of the think time to the beginning of the hold."""
    think, hold = Step("think"), Step("hold")
    lab = a_lab(think, work("find_vma"), hold, workload=a_lock_loop())
    now = 0
    for _ in range(3):
        now = lab.go(0, now)
    lab.go(0, now)
    assert lab.latencies() == (1, KERNEL_PS["find_vma"], KERNEL_PS["find_vma"])
    assert now == 1_000 + KERNEL_PS["find_vma"] + 100


def test_a_latency_is_recorded_before_the_next_one_begins():
    """Holds that nothing shared parts from the next think, or from another hold, all count."""
    think, hold = Step("think"), Step("hold")
    fault = (
        Step("fault_begin", cost="none", category="entry_exit"),
        Step("fault_end", cost="none", category="entry_exit"),
    )
    lab = a_lab(think, hold, work("find_vma"), think, hold, *fault, workload=a_lock_loop())
    now = 0
    while lab.place(0) != "stop":
        now = lab.go(0, now)
    lab.go(0, now)
    assert lab.latencies() == (3, 0, 0)
