"""Nominal 95 % intervals hold the exact value in 93 to 97 % of independent experiments.

An experiment is what the defaults choose: five replications. The quick tests do fewer experiments
and allow for that; the slow ones hold the table in docs/statistics.md (tests/covering.py makes it).
"""

from math import sqrt

import numpy as np
import pytest
from covering import DOCS, FULL, MEAN, REPLICATIONS, an_experiment, closed_queue, covered, models
from small import counts_of

from dessim.measure.statistics.intervals import mean_interval, quantile_interval
from dessim.measure.theory import open_queues

QUICK = 30


def between(inside, experiments, low=0.93, high=0.97):
    """Check a share; with few experiments, four standard deviations more are allowed."""
    slack = 0 if experiments >= FULL // 2 else 4 * sqrt(0.05 * 0.95 / experiments)
    assert low - slack <= inside / experiments <= min(1, high + slack)


@pytest.mark.parametrize("model", models(), ids=lambda model: f"{model.name}; {model.interval}")
def test_intervals_cover(model, run_compiled):
    """Of thirty experiments of each model so many cover as in the long run: no gross error."""
    for row in covered(model, QUICK, run_compiled):
        assert row.told == QUICK
        between(row.inside, row.told)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("model", models(), ids=lambda model: f"{model.name}; {model.interval}")
def test_intervals_cover_in_full(model, run_compiled):
    """Of a thousand experiments 93 to 97 % cover, and the documented table says how many."""
    for row in covered(model, FULL, run_compiled):
        assert row.told == FULL
        between(row.inside, row.told)
        assert row.text() in DOCS.read_text()


def test_half_an_interval_does_not_cover(run_compiled):
    """Half as wide, the same intervals hold the exact mean wait far less often: it can be seen."""
    model = closed_queue()
    exact, held = model.exact[MEAN], 0
    for number in range(QUICK):
        found = an_experiment(model, number, run_compiled).metrics[MEAN]
        held += abs(found.mean - exact) < (found.ci95[1] - found.ci95[0]) / 4
    assert held / QUICK < 0.93


def sojourns(rng, customers, rho):
    """Return sojourns of M/M/1 in ps, from its steady state on, by Lindley's recursion."""
    services = rng.exponential(rho, customers)
    first = max(0.0, rng.exponential(rho / (1 - rho)) - rng.exponential(1.0))
    steps = services[:-1] - rng.exponential(1.0, customers - 1)
    walk = np.concatenate([[first], first + np.cumsum(steps)])
    waits = walk - np.minimum(0, np.minimum.accumulate(walk))
    return ((waits + services) * 1e6).astype(int)


@pytest.mark.parametrize(("customers", "per_million"), [(1_000, 990_000), (4_000, 999_000)])
def test_intervals_of_a_quantile_cover_in_the_steady_state(customers, per_million):
    """Mean, p99 and p99.9 of the sojourn in 200 experiments that start in the steady state."""
    rng = np.random.default_rng(11)
    exact = open_queues.mm1_sojourn_quantile(1.0, 0.5, per_million / 1e6) * 1e3
    mean_held = held = 0
    for _ in range(200):
        runs = [sojourns(rng, customers, 0.5) for _ in range(REPLICATIONS)]
        found = quantile_interval([counts_of(r.tolist()) for r in runs], per_million)
        held += found.ci95[0] <= exact <= found.ci95[1]
        mean = mean_interval([float(r.mean()) for r in runs]).ci95
        mean_held += mean[0] <= open_queues.mm1_mean_sojourn(1.0, 0.5) * 1e6 <= mean[1]
    between(held, 200)
    between(mean_held, 200)
