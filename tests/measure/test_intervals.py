import math

import numpy as np
import pytest
from small import a_run, counts_of

from dessim.measure.statistics.intervals import mean_interval
from dessim.measure.statistics.summary import summarise
from dessim.measure.statistics.survival import survival
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
