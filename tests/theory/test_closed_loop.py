"""Closed queues with known answers: fixed times exactly, exponential times within the interval."""

from math import factorial, sqrt

import numpy as np
import pytest
from helpers import a_lock_loop, lock_loop_setup
from scipy import stats

from dessim.engines import reference, run_setup
from dessim.kernel import layout as lay
from dessim.kernel.result import read_result
from dessim.kernel.world import build_world


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize(("threads", "think", "hold"), [(1, 700, 300), (4, 900, 300), (3, 5, 1)])
def test_unsaturated_threads_with_fixed_times_queue_once_and_never_again(
    threads, think, hold, engine, run_compiled
):
    """If N - 1 holds fit into a think, threads queue in the first round and then keep clear."""
    assert (threads - 1) * hold <= think
    n = 40
    loop = a_lock_loop(think_ps=think, hold_ps=hold, iterations=n)
    result = run_setup(lock_loop_setup(loop, threads), engine)
    assert result.first_finish_ps == n * (think + hold)
    assert result.finish_ps == n * (think + hold) + (threads - 1) * hold
    assert result.latency_sum_ps == hold * threads * (threads - 1) // 2


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize(("threads", "think", "hold"), [(5, 900, 300), (8, 0, 50), (2, 10, 11)])
def test_saturated_threads_with_fixed_times_keep_the_lock_busy(
    threads, think, hold, engine, run_compiled
):
    """If N - 1 holds outlast a think, the lock is never idle after the first think."""
    assert (threads - 1) * hold >= think
    n = 40
    loop = a_lock_loop(think_ps=think, hold_ps=hold, iterations=n)
    result = run_setup(lock_loop_setup(loop, threads), engine)
    assert result.finish_ps == think + threads * n * hold


def repairman_wait(threads, think, hold):
    """Mean wait for the repairman: N / X - Z - S, X = (1 - p0) / S.

    Source: L. Kleinrock, Queueing Systems I, 1975, section 3.8 (M/M/1//M).
    """
    ratio = hold / think
    p0 = 1 / sum(factorial(threads) / factorial(threads - k) * ratio**k for k in range(threads + 1))
    return threads * hold / (1 - p0) - think - hold


def waits(run, threads, think, hold, iterations, replications):
    """Return the mean wait of each replication."""
    loop = a_lock_loop(
        think_ps=think,
        hold_ps=hold,
        think_distribution="exponential",
        hold_distribution="exponential",
        iterations=iterations,
    )
    results = [run(lock_loop_setup(loop, threads, replication=r)) for r in range(replications)]
    return np.array([result.latency_sum_ps / result.latency_count for result in results])


@pytest.mark.parametrize("threads", [1, 2, 5, 16])
def test_exponential_times_give_the_machine_repairmans_wait(threads, run_compiled):
    """The exact mean wait lies in the simulation's own 99.9 % interval, which is narrow."""
    think, hold = 1_000_000, 200_000
    exact = repairman_wait(threads, think, hold)
    means = waits(run_compiled, threads, think, hold, iterations=20_000, replications=12)
    if threads == 1:
        assert means.max() == 0
        assert exact == pytest.approx(0, abs=1e-3)
        return
    half = stats.t.ppf(0.9995, len(means) - 1) * means.std(ddof=1) / sqrt(len(means))
    assert half < 0.03 * exact
    assert abs(means.mean() - exact) < half


def test_littles_law_holds_for_the_lock():
    """The mean number at the lock is its throughput times the mean time there, by two counts."""
    think, hold, threads, n = 1_000_000, 300_000, 4, 2_000
    loop = a_lock_loop(
        think_ps=think,
        hold_ps=hold,
        think_distribution="exponential",
        hold_distribution="exponential",
        iterations=n,
    )
    setup = lock_loop_setup(loop, threads)
    w = build_world(setup).tolist()
    reference.run(w)
    result = read_result(w, 1)
    records = (w[lay.H_HIST], w[lay.H_HIST] + lay.Y_WORDS)  # while all threads ran, and after
    at_the_lock = result.time_ps["lock"] + result.time_ps["hold"]
    sojourn = sum(w[record + lay.Y_SUM] for record in records) + result.time_ps["hold"]
    assert at_the_lock == sojourn
    thinking = result.time_ps["think"] / (threads * n)
    assert thinking == pytest.approx(think, rel=5 / sqrt(threads * n))
