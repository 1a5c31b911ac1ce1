"""Nominal 95 % intervals hold the exact value in 93 to 97 % of independent experiments.

An experiment is what the defaults choose: five replications. The quick tests do fewer experiments
and allow for that; the slow ones make the table in docs/statistics.md.
"""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from helpers import a_lock_loop, ideal_machine, lock_loop_setup
from small import counts_of

from dessim.measure.intervals import mean_interval, quantile_interval
from dessim.measure.summary import summarise
from dessim.measure.theory import open_queues, repairman

REPLICATIONS = 5
FULL, QUICK = 1_000, 30
BETWEEN, SERVICE, CUSTOMERS = 1_000_000, 300_000, 500
THREADS, THINK, HOLD, ROUNDS = 8, 1_000_000, 100_000, 1_000


def covered(experiments, run, exact_mean, exact_p99):
    """Return how many intervals of the mean and of p99 hold the exact wait, of how many."""
    mean = p99 = told = 0
    for e in range(experiments):
        runs = [run(e * REPLICATIONS + i) for i in range(REPLICATIONS)]
        found = mean_interval([r.latency_sum_ps / r.latency_count / 1000 for r in runs])
        mean += found.ci95[0] <= exact_mean / 1000 <= found.ci95[1]
        tail = quantile_interval([r.latency_counts for r in runs], 990_000)
        if tail.ci95 is not None:
            told += 1
            p99 += tail.ci95[0] <= exact_p99 / 1000 <= tail.ci95[1]
    return mean, p99, told


def open_queue(run_compiled):
    """Return runs of M/M/1 by number, and the exact mean and p99 of the wait."""
    customers = a_lock_loop(
        think_ps=0,
        hold_ps=SERVICE,
        hold_distribution="exponential",
        iterations=1,
        start_stagger_ps=BETWEEN,
    )
    machine = ideal_machine(CUSTOMERS)
    setup = lock_loop_setup(customers, CUSTOMERS, machine)
    rate = 1 / BETWEEN
    return (
        lambda i: run_compiled(replace(setup, replication=i)),
        open_queues.mm1_mean_wait(rate, SERVICE),
        open_queues.mm1_wait_quantile(rate, SERVICE, 0.99),
    )


def repairman_covered(experiments, run_compiled):
    """Return how many intervals of the repairman's throughput and mean wait hold the exact ones.

    And the bias of the mean wait: relative, over all experiments.
    """
    loop = a_lock_loop(
        think_ps=THINK,
        hold_ps=HOLD,
        think_distribution="exponential",
        hold_distribution="exponential",
        iterations=ROUNDS,
    )
    setup = lock_loop_setup(loop, THREADS)
    rate = repairman.throughput(THREADS, THINK, HOLD) * 1e12
    wait_ns = repairman.mean_wait(THREADS, THINK, HOLD) / 1e3
    held, waits = {"steady_faults_per_s": 0, "fault_latency_ns_mean": 0}, []
    for e in range(experiments):
        runs = [
            run_compiled(replace(setup, replication=e * REPLICATIONS + i))
            for i in range(REPLICATIONS)
        ]
        found = summarise(runs).metrics
        for name, exact in zip(held, (rate, wait_ns), strict=True):
            held[name] += found[name].ci95[0] <= exact <= found[name].ci95[1]
        waits.append(found["fault_latency_ns_mean"].mean)
    return *held.values(), np.mean(waits) / wait_ns - 1


def between(count, experiments, low=0.93, high=0.97):
    """Check a share; with few experiments, four standard deviations more are allowed."""
    slack = 0 if experiments >= FULL // 2 else 4 * sqrt(0.05 * 0.95 / experiments)
    assert low - slack <= count / experiments <= min(1, high + slack)


def test_intervals_of_an_open_queue_cover(run_compiled):
    """Mean and p99 of the wait in M/M/1, thirty experiments: grossly wrong ones would show."""
    mean, p99, told = covered(QUICK, *open_queue(run_compiled))
    between(mean, QUICK)
    between(p99, told)


def test_intervals_of_the_repairman_cover(run_compiled):
    """Throughput and mean wait in thirty experiments; the mean wait is right to 1 %."""
    rate, wait, bias = repairman_covered(QUICK, run_compiled)
    between(rate, QUICK)
    between(wait, QUICK)
    assert abs(bias) < 0.01


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_intervals_of_an_open_queue_cover_in_full(run_compiled):
    """A thousand experiments: mean and p99 of the wait are held in 93 to 97 %."""
    mean, p99, told = covered(FULL, *open_queue(run_compiled))
    print(f"M/M/1: mean {mean / FULL:.3f}, p99 {p99 / told:.3f} of {told}")
    between(mean, FULL)
    between(p99, told)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_intervals_of_the_repairman_cover_in_full(run_compiled):
    """A thousand experiments: throughput and mean wait of the steady phase are held in 93-97 %."""
    rate, wait, bias = repairman_covered(FULL, run_compiled)
    print(f"repairman: throughput {rate / FULL:.3f}, mean wait {wait / FULL:.3f}; bias {bias:.4f}")
    between(rate, FULL)
    between(wait, FULL)
    assert abs(bias) < 0.003


def sojourns(rng, customers, rho):
    """Return sojourns of M/M/1 in ps, from its steady state on, by Lindley's recursion."""
    services = rng.exponential(rho, customers)
    first = max(0.0, rng.exponential(rho / (1 - rho)) - rng.exponential(1.0))
    steps = services[:-1] - rng.exponential(1.0, customers - 1)
    walk = np.concatenate([[first], first + np.cumsum(steps)])
    waits = walk - np.minimum(0, np.minimum.accumulate(walk))
    return ((waits + services) * 1e6).astype(int)


def sojourns_covered(experiments, customers, rho, per_million):
    """Return how many intervals of a quantile of the sojourn hold the exact one, of how many."""
    rng = np.random.default_rng(11)
    exact = open_queues.mm1_sojourn_quantile(1.0, rho, per_million / 1e6) * 1e3
    held = told = mean_held = 0
    for _ in range(experiments):
        runs = [sojourns(rng, customers, rho) for _ in range(REPLICATIONS)]
        found = quantile_interval([counts_of(r.tolist()) for r in runs], per_million)
        mean = mean_interval([float(r.mean()) for r in runs]).ci95
        mean_held += mean[0] <= open_queues.mm1_mean_sojourn(1.0, rho) * 1e6 <= mean[1]
        if found.ci95 is not None:
            told += 1
            held += found.ci95[0] <= exact <= found.ci95[1]
    return mean_held, held, told


def test_intervals_of_the_sojourn_cover():
    """Mean and p99 of the sojourn in M/M/1, in 200 experiments of 5 x 1000 customers."""
    mean, held, told = sojourns_covered(200, 1_000, 0.5, 990_000)
    between(mean, 200)
    between(held, told)


@pytest.mark.slow
def test_intervals_of_the_sojourn_cover_in_full():
    """Mean and p99 of the sojourn in M/M/1, in a thousand experiments of 5 x 1000 customers."""
    mean, held, told = sojourns_covered(FULL, 1_000, 0.5, 990_000)
    print(f"sojourn: mean {mean / FULL:.3f}, p99 {held / told:.3f} of {told}")
    between(mean, FULL)
    between(held, told)
