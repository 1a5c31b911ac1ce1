import math

import numpy as np
import pytest
from small import a_run, counts_of

from dessim.measure.statistics.intervals import mean_interval, paired_quantiles, quantile_interval
from dessim.measure.statistics.paired import compare
from dessim.measure.statistics.summary import summarise
from dessim.measure.statistics.survival import survival
from dessim.measure.theory import open_queues
from dessim.metrics import NAMES


def test_the_t_interval_of_three_numbers() -> None:
    """1, 2, 3: mean 2, standard error 1/sqrt(3), and t(0.975; 2) = 4.3027 from any table."""
    found = mean_interval([1, 2, 3])
    assert found.mean == 2
    assert found.ci95 is not None
    assert found.ci95[1] - 2 == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)
    assert 2 - found.ci95[0] == pytest.approx(found.ci95[1] - 2)


def test_one_replication_has_no_interval() -> None:
    """There is no spread to take it from, so there is none."""
    found = mean_interval([5.0]).as_dict()
    assert (found["mean"], found["ci95"], found["n"]) == (5.0, None, 1)
    assert quantile_interval([counts_of([1_000_000] * 100)], 500_000).ci95 is None


def test_a_replication_without_observations_leaves_no_mean() -> None:
    """A mean over fewer replications than were run would be a selection."""
    found = mean_interval([1.0, None, 3.0])
    assert found.mean is None
    assert found.reason


def test_nominal_intervals_cover_what_they_should() -> None:
    """Of 2000 means of 5 normal numbers, 93 to 97 % of the 95 % intervals hold the true mean."""
    draws = np.random.default_rng(1).normal(10, 2, (2000, 5))
    found = [mean_interval(row.tolist()).ci95 for row in draws]
    covered = sum(low <= 10 <= high for low, high in (ci for ci in found if ci))
    assert 0.93 <= covered / 2000 <= 0.97


def test_a_quantile_is_that_of_all_observations_together() -> None:
    """Replications of 1 and 9 observations: the big one decides, not the mean of the medians."""
    runs = [counts_of([100] * 10), counts_of([50] * 90)]
    assert quantile_interval(runs, 500_000).mean == 0.05


def test_the_interval_of_a_quantile_comes_from_the_shares_below_it() -> None:
    """Two runs of 100 with 60 and 40 up to 100 ps: s = 0.1 sqrt 2, so half = 12.7 x 0.1 > 1/2."""
    runs = [counts_of([100] * 60 + [120] * 40), counts_of([100] * 40 + [120] * 60)]
    found = quantile_interval(runs, 500_000)
    assert found.mean == 0.1
    assert found.ci95 == (0.1, 0.12)
    assert found.method.endswith("its upper end is the greatest observation")
    assert found.observations == 200


def test_the_interval_of_a_quantile_is_read_off_at_the_ends_of_the_share() -> None:
    """1 to 100 ps, in ten runs: 0.51 or 0.49 of a run up to the median, so s^2 = 0.01^2 x 10 / 9.

    With t(9) = 2.262 the half-width is 0.00754: values of rank 492.5 and 507.5 of 1000.
    """
    low, high = list(range(1, 51)), list(range(51, 101))
    runs = [counts_of([*low[:-1], 50, 50, *high[1:]])] * 5 + [counts_of([*low[:-1], 51, *high])] * 5
    found = quantile_interval(runs, 500_000)
    assert found.mean == 0.05
    assert found.ci95 == (0.05, 0.051)


def test_a_quantile_of_equal_runs_is_as_wide_as_its_bucket() -> None:
    """Nothing varies, but a bucket of 1/128 does not say where in it the value lies."""
    found = quantile_interval([counts_of([1_000_000] * 100)] * 3, 500_000)
    assert found.ci95 is not None
    low, high = found.ci95
    assert low <= 1000 <= high
    assert 0 < high - low <= 1000 / 128


def test_a_tail_without_observations_is_refused_with_its_reason() -> None:
    """5000 observations leave 5 beyond p99.9."""
    found = quantile_interval([counts_of([100] * 2500)] * 2, 999_000)
    assert found.mean is None
    assert found.ci95 is None
    assert found.reason == "only 5 of 5000 observations lie beyond it; 10 are needed"


def test_a_summary_holds_every_metric_and_shares_that_add_up() -> None:
    """Every metric is there, each with mean, interval and number of replications."""
    found = summarise([a_run(), a_run(completion_ps=1_300_000_000)]).as_dict()
    assert list(found["metrics"]) == list(NAMES)
    assert all({"mean", "ci95", "n"} <= set(one) for one in found["metrics"].values())
    assert found["metrics"]["completion_s"]["mean"] == pytest.approx(1.25e-3)
    assert sum(found["time_share"].values()) == pytest.approx(1)


def test_survival_counts_what_is_longer() -> None:
    """Of 1, 2, 2, 4 ps: three quarters above 1, a quarter above 2, none above 4."""
    rows = survival([counts_of([1, 2, 2, 4])])
    assert [(row.latency_ns, row.faults, row.longer_share) for row in rows] == [
        (0.001, 1, 0.75),
        (0.002, 2, 0.25),
        (0.004, 1, 0.0),
    ]
    assert rows[0].low is None


def test_survival_has_intervals_inside_zero_and_one() -> None:
    """Two replications that disagree give a wide interval, cut at 0 and 1."""
    rows = survival([counts_of([1, 1, 1, 5]), counts_of([1, 5, 5, 5])])
    assert (rows[0].longer_share, rows[0].low, rows[0].high) == (0.5, 0.0, 1.0)


def test_paired_values_scatter_around_the_quantile_of_all() -> None:
    """The mean of their logarithms is that of the quantile, and equal replications are equal."""
    rng = np.random.default_rng(3)
    runs = [counts_of(rng.integers(1_000, 9_000, 300).tolist()) for _ in range(5)]
    whole = quantile_interval(runs, 900_000).mean
    [values] = paired_quantiles(runs, [900_000])
    logs = [math.log(x) for x in values if x is not None]
    assert whole is not None
    assert math.fsum(logs) / 5 == pytest.approx(math.log(whole))
    assert len(set(logs)) > 1
    assert len(set(paired_quantiles([runs[0]] * 4, [900_000])[0])) == 1


def test_a_replication_with_long_latencies_has_a_high_paired_value() -> None:
    """The one of three whose latencies are twice as long stands out; no one has ten beyond p99."""
    short = [*range(10_000, 10_400)]
    runs = [counts_of(short), counts_of([2 * x for x in short]), counts_of(short)]
    [values] = paired_quantiles(runs, [990_000])
    assert all(x is not None for x in values)
    assert max(range(3), key=lambda i: values[i] or 0) == 1


def test_what_all_together_do_not_support_has_no_paired_values() -> None:
    """Nine observations beyond the median of all are too few; one replication is its own rest."""
    few = [counts_of([*range(9)]), counts_of([*range(9)])]
    assert paired_quantiles(few, [500_000]) == [[None, None]]
    assert paired_quantiles([counts_of([7] * 30)], [500_000]) == [[0.007]]


def queues_with_common_draws(rng, customers, services):
    """Return the sojourns in M/M/1 from its steady state, ps, for several mean services."""
    draws = -np.log(rng.random((2, customers)))
    first = -np.log(rng.random(2))
    found = []
    for service in services:
        start = max(0.0, first[0] * service / (1 - service) - first[1])
        steps = draws[0, :-1] * service - draws[1, :-1]
        walk = np.concatenate([[start], start + np.cumsum(steps)])
        sojourns = walk - np.minimum(0, np.minimum.accumulate(walk)) + draws[0] * service
        found.append(counts_of((sojourns * 1e6).astype(int).tolist()))
    return found


def test_paired_intervals_of_the_ratio_of_two_tails_cover() -> None:
    """Of 200 ratios of p99 of two queues with common draws, about 95 % of intervals hold it.

    By the quantiles of single replications, as one would do first, 85 % do.
    """
    rng, services, held = np.random.default_rng(9), (0.5, 0.55), 0
    exact = [open_queues.mm1_sojourn_quantile(1.0, s, 0.99) for s in services]
    for _ in range(200):
        pairs = [queues_with_common_draws(rng, 500, services) for _ in range(5)]
        a, b = (paired_quantiles([pair[i] for pair in pairs], [990_000])[0] for i in (0, 1))
        ci95 = compare(a, b).ratio_ci95
        assert ci95 is not None
        held += ci95[0] <= exact[1] / exact[0] <= ci95[1]
    assert 0.90 <= held / 200 <= 0.98
