"""What an engine owes the kernel: order by (time, task), a clock that only rises, fair locks."""

import pytest
from helpers import (
    BUSY_MACHINE,
    STOP,
    a_lock_loop,
    a_workload,
    ideal_machine,
    lock_loop_setup,
    scheme_setup,
)

from dessim import registry
from dessim.engines import ENGINES, run_setup
from dessim.engines.reference import Deadlock, Reference
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step, go_to, jump, label, lock, unlock, work
from dessim.kernel.assembler import assemble
from dessim.kernel.world import Setup, build_world


def a_run(program, threads, machine=None, workload=None):
    """Return the setup of a run of a bare program on a machine without line costs."""
    return Setup(
        machine or ideal_machine(threads),
        workload or a_lock_loop(),
        assemble((*program, STOP)),
        threads,
        0,
        None,
        seed=1,
        replication=0,
    )


def logged(setup, starts=()):
    """Run on the reference engine; return its log with readable steps, and the final World."""
    w = build_world(setup).tolist()
    for task, at in enumerate(starts):
        t = w[lay.H_TASK] + task * lay.T_WORDS
        w[t + lay.T_AT] = w[t + lay.T_CLOCK] = w[t + lay.T_START] = at
    log = []
    Reference(w, log).run()
    return [(at, task, setup.program.listing[pc]) for at, task, pc in log], w


def test_simultaneous_events_happen_in_the_order_of_tasks():
    """Six tasks that act at the same instants act in the order of their numbers, each time."""
    machine = ideal_machine(6).model_copy(
        update={"kernel": ideal_machine(6).kernel.model_copy(update={"rmap_ps": 10})}
    )
    log, _ = logged(a_run([work("rmap")] * 4, 6, machine))
    expected = [(at, task) for at in (0, 10, 20, 30, 40) for task in range(6)]
    assert [(at, task) for at, task, _ in log] == expected


def test_time_comes_before_the_number_of_the_task():
    """A later task of a lower number waits for an earlier task of a higher number."""
    log, _ = logged(a_run([Step("fence")], 3), starts=(30, 10, 20))
    assert [(at, task) for at, task, _ in log] == [
        (10, 1),
        (10, 1),
        (20, 2),
        (20, 2),
        (30, 0),
        (30, 0),
    ]


def test_of_two_that_want_a_lock_at_the_same_instant_the_lower_number_gets_it():
    """Ties for a lock are settled by the task, in both orders of asking at the line."""
    log, _ = logged(a_run([lock("lock"), unlock("lock")], 4))
    assert [task for _, task, step in log if step == "unlock lock"] == [0, 1, 2, 3]


@pytest.mark.parametrize("starts", [(30, 10, 20, 40), (4, 3, 2, 1), (5, 5, 1, 5)])
def test_a_lock_is_granted_in_order_of_arrival(starts):
    """Whoever asked first has it first, whatever the numbers; ties go to the lower number."""
    hold = Step("hold")
    setup = a_run([lock("lock"), hold, unlock("lock")], 4, workload=a_lock_loop(hold_ps=1_000))
    log, _ = logged(setup, starts)
    asked = [task for _, task in sorted((at, task) for task, at in enumerate(starts))]
    assert [task for _, task, step in log if step == "unlock lock"] == asked
    held = sorted(at for at, _, step in log if step == "unlock lock")
    assert held == [min(starts) + 1_000 * i for i in range(1, 5)]


@pytest.mark.parametrize("mapping", ["per_thread", "shared", "per_process"])
@pytest.mark.parametrize("scheme", registry.names())
def test_the_clock_never_runs_back(scheme, mapping):
    """In a crowded run, events come in the order of their times, and no task is in two places."""
    workload = a_workload(pages=24, mapping=mapping)
    log, w = logged(scheme_setup(scheme, 3, 16, BUSY_MACHINE, workload))
    times = [at for at, _, _ in log]
    assert times == sorted(times)
    assert w[lay.H_END] == times[-1]
    for task in range(16):
        own = [(at, step) for at, number, step in log if number == task]
        assert own[-1][1] == "stop"
        assert sum(step == "stop" for _, step in own) == 1


DEADLY = {
    "a lock taken twice": [lock("lock"), lock("lock")],
    "a lock never dropped": [lock("lock")],
    "an endless wait": [lock("lock"), jump("touch", "end"), label("end"), lock("lock")],
}


@pytest.mark.parametrize("program", DEADLY.values(), ids=DEADLY.keys())
def test_tasks_that_wait_for_ever_are_reported(program):
    """A run in which nobody can act but somebody waits is an error that says who."""
    with pytest.raises(Deadlock, match=r"tasks wait for ever: \[.*1"):
        run_setup(a_run(program, 3), "reference")


def test_tasks_that_wait_for_ever_are_reported_by_the_compiled_engine(run_compiled):
    """The compiled engine does not pass a deadlock off as the end of a run."""
    with pytest.raises(Deadlock):
        run_compiled(a_run(DEADLY["a lock taken twice"], 3))


def test_a_run_of_one_thread_has_no_waiting(run_compiled):
    """Without rivals nothing is waited for, on either engine."""
    for run in (run_compiled, lambda setup: run_setup(setup, "reference")):
        result = run(lock_loop_setup(a_lock_loop(think_ps=70, hold_ps=30, iterations=9), 1))
        assert result.completion_ps == 9 * 100
        assert result.time_ps["lock"] == 0


def test_progress_is_told_the_simulated_time(run_compiled):
    """A long compiled run reports the simulated time, which only rises."""
    seen = []
    loop = a_lock_loop(iterations=300_000)
    run_setup(lock_loop_setup(loop, 2), "compiled", progress=seen.append)
    assert seen
    assert seen == sorted(seen)


@pytest.mark.parametrize("engine", ENGINES)
def test_rounds_that_share_nothing_leave_one_latency_each(engine):
    """A loop of think and hold without a lock waits for nothing, and every round is counted."""
    steps = (
        label("think"),
        Step("think"),
        jump("hold", "end"),
        go_to("think"),
        label("end"),
    )
    result = run_setup(a_run(steps, 3, workload=a_lock_loop(iterations=5)), engine)
    assert (result.latency_count, result.latency_sum_ps) == (15, 0)
