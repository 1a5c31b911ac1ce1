"""A simulated machine against a reader's own SimPy processes."""

import pytest
import simpy
from helpers import scheme_setup

from dessim.engines import run_setup
from dessim.engines.components import SimulatedMachine, binned, queue_series


def convoy():
    """Return a setup in which threads sleep on page locks."""
    return scheme_setup("no_fault_around", 0, threads=6)


def test_looking_changes_nothing():
    """With a process beside it that looks every 50 ns, the result is that of a plain run."""
    env = simpy.Environment(initial_time=0)
    machine = SimulatedMachine(env, convoy())
    seen = []

    def look():
        while machine.alive:
            seen.append((machine.page_lock_sleepers, machine.counters["minor_faults"]))
            yield env.timeout(50_000)

    env.process(look())
    env.run()
    result = machine.result()
    assert result == run_setup(convoy(), "reference")
    assert seen[0] == (0, 0)
    assert seen[-1][1] <= result.counters["minor_faults"]
    assert [faults for _, faults in seen] == sorted(faults for _, faults in seen)


def test_sleepers_are_counted_by_page():
    """All who sleep, sleep on some page; the watcher hears of the longest queue."""
    heard = []
    env = simpy.Environment(initial_time=0)

    def note(at, asleep, longest):
        queues = machine.page_lock_queues
        assert sum(queues.values()) == asleep == machine.page_lock_sleepers
        assert max(queues.values(), default=0) == longest
        heard.append((at, asleep))

    machine = SimulatedMachine(env, convoy(), note)
    env.run()
    assert max(asleep for _, asleep in heard) > 0
    assert heard[-1][1] == 0
    assert [at for at, _ in heard] == sorted(at for at, _ in heard)


def test_the_area_under_the_queue_is_the_time_asleep():
    """Mean sleepers times the time they are taken over: what the kernel accounts, or less.

    The kernel's time asleep goes on until the CPU is had again, the queue's ends with the wake-up.
    """
    series, run = queue_series(convoy(), bins=37)
    assert run == run_setup(convoy(), "reference")
    widths = [min(series.bin_ps, run.finish_ps - i * series.bin_ps) for i in range(37)]
    area = sum(mean * width for mean, width in zip(series.sleepers, widths, strict=True))
    assert 0 < area <= run.time_ps["page_lock"]
    assert all(a <= b for a, b in zip(series.longest, series.sleepers, strict=True))


def test_an_unfinished_environment_has_no_result():
    """Before the run has begun, or is over, there is nothing to read out, and nothing is stuck."""
    env = simpy.Environment(initial_time=0)
    machine = SimulatedMachine(env, convoy())
    for until in (1, 1_000_000):
        with pytest.raises(RuntimeError, match="not finished: run the environment first"):
            machine.result()
        env.run(until=until)
    assert machine.alive
    with pytest.raises(RuntimeError, match="not finished: run the environment first"):
        machine.result()


@pytest.mark.parametrize("begin", [5, 0.0])
def test_a_clock_that_runs_already_is_refused(begin):
    """Times of the model begin at 0 and are integers: picoseconds."""
    with pytest.raises(ValueError, match="must be at 0"):
        SimulatedMachine(simpy.Environment(initial_time=begin), convoy())


def test_bins_hold_time_weighted_means():
    """2 from 3 to 7, then 1: bins of 5 hold (2 x 2) / 5, (2 x 2 + 3 x 1) / 5, and 1 in the rest."""
    assert binned([0, 3, 7], [0, 2, 1], 12, 5) == (0.8, 1.4, 1.0)
