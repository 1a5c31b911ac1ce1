"""Analytic models beside simulations of those very models."""

from math import log, sqrt

import numpy as np
import pytest
from helpers import a_lock_loop, ideal_machine, lock_loop_setup
from scipy import stats

from dessim.kernel.alphabet import Step, jump, label, lock, unlock
from dessim.kernel.assembler import assemble
from dessim.kernel.histogram import quantile_ps
from dessim.kernel.setup import Setup
from dessim.measure.statistics.run_quantiles import typical_quantile
from dessim.measure.theory import mva, open_queues, repairman, ticket_lock

BETWEEN, SERVICE, CUSTOMERS = 1_000_000, 500_000, 2_000


def interval(values, level=0.999):
    """Return mean and half-width of the t interval."""
    values = np.asarray(values, dtype=float)
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / sqrt(len(values))
    return values.mean(), half


def agrees(values, exact, narrow=0.06):
    """Check that an exact value lies in the 99.9 % interval, which is narrow."""
    mean, half = interval(values)
    assert half < narrow * exact
    assert abs(mean - exact) < half


def open_runs(run, distribution, replications=12):
    """Return runs of a queue with Poisson arrivals: each customer is a thread that comes once."""
    customers = a_lock_loop(
        think_ps=0,
        hold_ps=SERVICE,
        hold_distribution=distribution,
        iterations=1,
        start_stagger_ps=BETWEEN,
    )
    machine = ideal_machine(CUSTOMERS)
    return [
        run(lock_loop_setup(customers, CUSTOMERS, machine, replication=r))
        for r in range(replications)
    ]


@pytest.mark.parametrize(
    ("distribution", "model"),
    [("fixed", open_queues.md1_mean_wait), ("exponential", open_queues.mm1_mean_wait)],
)
def test_threads_that_come_once_wait_as_in_an_open_queue(distribution, model, run_compiled):
    """Poisson starts and one hold each are M/D/1 or M/M/1: the mean wait is that of the formula."""
    runs = open_runs(run_compiled, distribution)
    waits = [r.latency_sum_ps / r.latency_count for r in runs]
    agrees(waits, model(1 / BETWEEN, SERVICE), narrow=0.15)


def test_the_tail_of_an_open_queue_is_that_of_the_formula(run_compiled):
    """p90 and p99 of the wait in M/M/1 lie in the intervals of 20 runs, which are narrow enough."""
    runs = [r.latency_counts for r in open_runs(run_compiled, "exponential", 20)]
    for share, narrow in ((0.9, 0.1), (0.99, 0.15)):
        exact = open_queues.mm1_wait_quantile(1 / BETWEEN, SERVICE, share) / 1000
        found = typical_quantile(runs, round(share * 1e6))
        assert found.ci95[0] < exact < found.ci95[1]
        assert found.relative_half_width < narrow


def test_a_server_with_other_service_times_waits_by_pollaczek_and_khinchine(run_compiled):
    """The device's lognormal reads as a service: the mean sojourn is that of M/G/1."""
    cv = 0.5
    machine = ideal_machine(CUSTOMERS)
    device = machine.device.model_copy(
        update={"read_latency_ps": SERVICE, "read_latency_cv_ppm": round(cv * 1e6)}
    )
    machine = machine.model_copy(update={"device": device})
    steps = (
        Step("begin", category="run_queue"),
        Step("fault_begin", cost="none", category="lock"),
        lock("lock"),
        Step("read_device", category="hold"),
        unlock("lock"),
        Step("fault_end", cost="none", category="lock"),
        jump("finish", "stop", category="think"),
        label("stop"),
        Step("stop", category="think"),
    )
    comes_once = a_lock_loop(iterations=1, start_stagger_ps=BETWEEN)
    program = assemble(steps)
    sojourns = []
    for r in range(12):
        result = run_compiled(Setup(machine, comes_once, program, CUSTOMERS, 0, None, 1, r))
        sojourns.append(result.latency_sum_ps / result.latency_count)
    agrees(sojourns, SERVICE + open_queues.mg1_mean_wait(1 / BETWEEN, SERVICE, cv))


def lindley_sojourns(rng, customers, arrival, service):
    """Return sojourns of an M/M/1 queue: W' = max(0, W + S - A)."""
    services = rng.exponential(service, customers)
    steps = services[:-1] - rng.exponential(1 / arrival, customers - 1)
    walk = np.concatenate([[0.0], np.cumsum(steps)])
    return walk - np.minimum.accumulate(walk) + services


def test_lindleys_recursion_gives_the_sojourn_of_mm1():
    """Mean and p99 of the sojourn, by the recursion alone."""
    rng = np.random.default_rng(1)
    runs = [lindley_sojourns(rng, 100_000, 1.0, 0.7) for _ in range(10)]
    agrees([r.mean() for r in runs], open_queues.mm1_mean_sojourn(1.0, 0.7))
    agrees([np.quantile(r, 0.99) for r in runs], open_queues.mm1_sojourn_quantile(1.0, 0.7, 0.99))


def test_open_queues_in_round_numbers():
    """At utilisation 1/2, M/M/1 waits one service and M/D/1 half of one."""
    assert open_queues.mm1_mean_wait(1.0, 0.5) == pytest.approx(0.5)
    assert open_queues.md1_mean_wait(1.0, 0.5) == pytest.approx(0.25)
    assert open_queues.mm1_mean_sojourn(1.0, 0.5) == pytest.approx(1.0)
    assert open_queues.mm1_sojourn_quantile(1.0, 0.5, 0.5) == pytest.approx(log(2))
    assert open_queues.mm1_wait_quantile(1.0, 0.5, 0.4) == 0
    with pytest.raises(ValueError, match="utilisation"):
        open_queues.mm1_mean_wait(2.0, 0.5)


THINK, HOLD = 1_000_000, 200_000


def loops(run, threads, machine=None, replications=12, iterations=3_000):
    """Return runs of threads that think and hold a lock, both for exponential times."""
    loop = a_lock_loop(think_ps=THINK, hold_ps=HOLD, iterations=iterations)
    loop = loop.model_copy(
        update={"think_distribution": "exponential", "hold_distribution": "exponential"}
    )
    return [
        run(lock_loop_setup(loop, threads, machine, replication=r)) for r in range(replications)
    ]


@pytest.mark.parametrize("threads", [2, 6, 16])
def test_a_lock_loop_is_the_machine_repairman(threads, run_compiled):
    """Mean and p99 of the wait are those of the exact model, below, at and above saturation."""
    runs = loops(run_compiled, threads)
    agrees(
        [r.latency_sum_ps / r.latency_count for r in runs],
        repairman.mean_wait(threads, THINK, HOLD),
    )
    p99 = [quantile_ps(r.latency_counts, 990_000) for r in runs]
    agrees(p99, repairman.wait_quantile(threads, THINK, HOLD, 0.99), narrow=0.07)


def test_the_repairman_by_hand():
    """Two customers, think = service: p = 1/5, 2/5, 2/5, so X = 4/5 and the wait is 1/2."""
    assert repairman.state_probabilities(2, 1, 1) == pytest.approx([0.2, 0.4, 0.4])
    assert repairman.mean_wait(2, 1, 1) == pytest.approx(0.5)
    assert repairman.wait_beyond(2, 1, 1, 0.0) == pytest.approx(0.5)


@pytest.mark.parametrize("customers", [1, 2, 7, 40])
def test_mva_of_one_station_is_the_repairman(customers):
    """Two derivations of the same model agree: mean values and state probabilities."""
    state = mva.mean_values([HOLD], customers, THINK)[-1]
    assert state.throughput == pytest.approx(repairman.throughput(customers, THINK, HOLD))
    expected = HOLD + repairman.mean_wait(customers, THINK, HOLD)
    assert state.residence[0] == pytest.approx(expected)
    at_server = repairman.state_probabilities(customers, THINK, HOLD)
    assert state.queue[0] == pytest.approx(sum(k * p for k, p in enumerate(at_server)))


def two_station_loop(rng, customers, demands, think, rounds):
    """Return the throughput of a closed network of two stations, by its Markov chain."""
    first, second, now, done = 0, 0, 0.0, 0
    while done < rounds:
        rates = [
            (customers - first - second) / think,
            1 / demands[0] if first else 0.0,
            1 / demands[1] if second else 0.0,
        ]
        total = sum(rates)
        now += rng.exponential(1 / total)
        pick = rng.random() * total
        if pick < rates[0]:
            first += 1
        elif pick < rates[0] + rates[1]:
            first, second = first - 1, second + 1
        else:
            second, done = second - 1, done + 1
    return rounds / now


def test_mva_of_two_stations_is_their_markov_chain():
    """The chain of think, lock, memory, played out, has the throughput of the recursion."""
    rng = np.random.default_rng(2)
    found = [two_station_loop(rng, 4, (1.0, 0.6), 2.0, 5_000) for _ in range(8)]
    agrees(found, mva.mean_values([1.0, 0.6], 4, 2.0)[-1].throughput)


def test_mva_keeps_littles_law_and_its_bounds():
    """All customers are somewhere; no station is busier than always."""
    demands, think = [0.5, 2.0, 1.0], 3.0
    for state in mva.mean_values(demands, 30, think):
        assert sum(state.queue) + state.throughput * think == pytest.approx(state.customers)
        assert state.throughput * max(demands) <= 1 + 1e-12


PER_WAITER = 40_000


@pytest.mark.parametrize("threads", [2, 6, 16, 32])
def test_a_ticket_lock_collapses_as_its_markov_chain(threads, run_compiled):
    """Throughput of the simulated ticket lock is the chain's within 4 %, beyond its peak as well.

    The chain makes the whole service exponential and lets it follow the number of waiters at once;
    in the simulation only the hold is exponential, and the hand-over is as long as when it began.
    """
    machine = ideal_machine(threads)
    locks = machine.locks.model_copy(
        update={"page_table_lock": "ticket", "ticket_per_waiter_ps": PER_WAITER}
    )
    machine = machine.model_copy(update={"locks": locks})
    runs = loops(run_compiled, threads, machine, replications=6)
    rates = [r.latency_count / r.first_finish_ps for r in runs]
    exact = ticket_lock.ticket_lock(threads, THINK, HOLD, PER_WAITER, transfer=0).throughput
    assert np.mean(rates) == pytest.approx(exact, rel=0.04)


def played_chain(rng, cpus, rounds):
    """Return acquisitions per unit of time of the ticket lock's chain, played out jump by jump."""
    at_lock, now, done = 0, 0.0, 0
    while done < rounds:
        arrive = (cpus - at_lock) / THINK
        leave = 1 / (HOLD + PER_WAITER * (at_lock - 1)) if at_lock else 0.0
        now += rng.exponential(1 / (arrive + leave))
        if rng.random() * (arrive + leave) < arrive:
            at_lock += 1
        else:
            at_lock, done = at_lock - 1, done + 1
    return rounds / now


@pytest.mark.parametrize("cpus", [3, 12])
def test_the_ticket_locks_chain_played_out_is_its_steady_state(cpus):
    """Births and deaths drawn at random give the throughput of the closed form."""
    rng = np.random.default_rng(3)
    found = [played_chain(rng, cpus, 5_000) for _ in range(8)]
    agrees(found, ticket_lock.ticket_lock(cpus, THINK, HOLD, PER_WAITER).throughput, narrow=0.12)


def test_a_ticket_lock_without_waiting_costs_is_the_repairman():
    """With c = 0 the chain has nothing of its own."""
    for cpus in (1, 3, 20):
        state = ticket_lock.ticket_lock(cpus, THINK, HOLD, 0)
        assert state.probability == pytest.approx(repairman.state_probabilities(cpus, THINK, HOLD))
        assert state.throughput == pytest.approx(repairman.throughput(cpus, THINK, HOLD))


def test_a_ticket_lock_has_a_peak():
    """Above it more CPUs do less, which the repairman never does."""
    rates = [ticket_lock.ticket_lock(n, THINK, HOLD, PER_WAITER).throughput for n in range(1, 60)]
    peak = max(range(59), key=rates.__getitem__)
    assert 2 < peak < 20
    assert rates[-1] < 0.5 * rates[peak]
