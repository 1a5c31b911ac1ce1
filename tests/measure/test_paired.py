import math

import numpy as np
import pytest

from dessim.measure.statistics.crossover import crossovers
from dessim.measure.statistics.paired import compare, holm
from dessim.measure.statistics.scaling import fit, peak_threads, usl
from dessim.measure.statistics.warmup import batch_means, mser5


def test_what_is_common_to_both_cancels() -> None:
    """Values scatter by a factor of 10, but B is always twice A: the ratio is known exactly."""
    a = [1.0, 10.0, 3.0, 5.0]
    found = compare(a, [2 * x for x in a])
    assert found.ratio == pytest.approx(2)
    assert found.ratio_ci95 == pytest.approx((2, 2))
    assert found.p_value is not None
    assert found.p_value < 1e-6


def test_the_paired_interval_by_hand() -> None:
    """Differences 1, 2, 3: mean 2 with half-width t(0.975; 2) / sqrt 3 = 4.3027 / 1.7321."""
    found = compare([10, 10, 10], [11, 12, 13])
    assert found.difference == pytest.approx(2)
    assert found.difference_ci95 is not None
    assert found.difference_ci95[1] - 2 == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)


def test_swapping_the_two_turns_the_ratio_round() -> None:
    """B / A and A / B say the same, ends of the intervals included."""
    a, b = [1.0, 1.2, 1.1, 1.4], [2.0, 2.1, 2.6, 2.2]
    there, back = compare(a, b), compare(b, a)
    assert there.ratio_ci95 is not None
    assert back.ratio_ci95 is not None
    assert there.ratio_ci95[0] == pytest.approx(1 / back.ratio_ci95[1])
    assert there.p_value == pytest.approx(back.p_value)


def test_paired_ratios_of_noise_cover_one() -> None:
    """Of 2000 ratios of the same law, 93 to 97 % of the intervals hold 1; the others refuse it."""
    draws = np.random.default_rng(5).lognormal(0, 0.3, (2000, 2, 5))
    found = [compare(row[0].tolist(), row[1].tolist()) for row in draws]
    covered = sum(one.ratio_ci95[0] <= 1 <= one.ratio_ci95[1] for one in found if one.ratio_ci95)
    assert 0.93 <= covered / 2000 <= 0.97
    assert sum((one.p_value or 0) < 0.05 for one in found) == 2000 - covered


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        ([1.0, None], [1.0, 2.0], "a replication has no value"),
        ([1.0, 0.0], [1.0, 2.0], "no ratio: a value is not positive"),
        ([1.0], [2.0], "one pair of replications: no interval"),
    ],
)
def test_what_is_missing_is_said(a, b, reason) -> None:
    """No ratio or no interval comes with the reason."""
    found = compare(a, b)
    assert found.ratio_ci95 is None
    assert found.reason == reason


def test_holm_by_hand() -> None:
    """0.01, 0.04, 0.03 become 3 x 0.01, and 2 x 0.03 for the two others, as they never fall."""
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])


def test_holm_keeps_the_error_of_the_family() -> None:
    """Of 2000 families of ten true hypotheses, about 5 % refuse any; unadjusted it is 40 %."""
    p = np.random.default_rng(6).random((2000, 10))
    refused = sum(min(x for x in holm(row.tolist()) if x is not None) < 0.05 for row in p)
    assert 0.03 < refused / 2000 < 0.065
    assert (p.min(axis=1) < 0.05).mean() > 0.35


def test_a_crossover_lies_where_the_ratio_is_one() -> None:
    """Log ratios -1 at 4 threads and +1 at 16 cross in the middle of the logarithms, at 8."""
    [found] = crossovers([1, 4, 16], [[-2.0, -2.2], [-1.0, -1.0], [1.0, 1.0]])
    assert found.threads == pytest.approx(8)
    assert found.upwards
    assert found.between == (4, 16)
    assert found.low == pytest.approx(8, rel=0.05)
    assert found.high == pytest.approx(8, rel=0.05)


def test_no_crossover_in_range_is_none() -> None:
    """B always ahead, or a single point: nothing to find."""
    assert crossovers([1, 2, 4], [[0.5], [0.4], [0.1]]) == []
    assert crossovers([1], [[0.5, -0.5]]) == []


def test_an_interval_that_leaves_the_range_is_open() -> None:
    """At 8 threads the ratio may still be 1: the crossover has no upper end."""
    [found] = crossovers([2, 4, 8], [[-1.0, -1.1, -0.9], [-0.5, -0.4, -0.6], [0.1, 0.4, -0.2]])
    assert found.high is None
    assert found.low is not None
    assert 4 < found.low < found.threads


def test_crossings_that_noise_makes_are_one() -> None:
    """Down, up and down again within the noise is one way down; down and up again is none."""
    noise = [-0.2, 0.0, 0.2]
    clear, above, below = [1.0, 1.1, 0.9], [0.05 + e for e in noise], [-0.05 + e for e in noise]
    threads = [1, 2, 4, 8, 16]
    [found] = crossovers(threads, [clear, below, above, below, [-x for x in clear]])
    assert found.between == (1, 8)
    assert not found.upwards
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.threads < found.high
    assert crossovers(threads, [clear, below, above, above, clear]) == []


def test_crossings_that_are_clear_stay_two() -> None:
    """Down and up again, each beyond the noise."""
    up, down = [1.0, 1.1, 0.9], [-1.0, -1.1, -0.9]
    found = crossovers([1, 2, 4], [up, down, up])
    assert [one.between for one in found] == [(1, 2), (2, 4)]
    assert [one.upwards for one in found] == [False, True]


def test_intervals_of_crossovers_cover() -> None:
    """A ratio linear in log threads through 1 at 8: 92 to 98 % of the intervals hold 8."""
    rng, threads = np.random.default_rng(7), [1, 2, 4, 16, 32]
    covered = tried = 0
    for _ in range(400):
        noise = rng.normal(0, 0.3, 5)  # a replication's own, at all numbers of threads
        logs = [[0.4 * (math.log2(n) - 3) + e + rng.normal(0, 0.2) for e in noise] for n in threads]
        found = crossovers(threads, logs)
        if len(found) == 1:
            tried += 1
            low, high = found[0].low or 0, found[0].high or math.inf
            covered += low <= 8 <= high
    assert tried > 380
    assert 0.92 <= covered / tried <= 0.98


def test_mser_cuts_a_ramp_and_leaves_a_level_alone() -> None:
    """A ramp of 100 bins before noise around 10 is cut, within a few batches; noise is not."""
    rng = np.random.default_rng(8)
    level = (10 + rng.normal(0, 1, 900)).tolist()
    ramp = [i / 10 for i in range(100)]
    cut = mser5(ramp + level)
    assert cut is not None
    assert 60 <= cut <= 120
    assert mser5([10.0] * 500) == 0


def test_mser_says_when_a_series_never_settles() -> None:
    """A trend to the end has no warm-up that could be cut."""
    assert mser5([float(i) for i in range(1000)]) is None
    assert mser5([1.0] * 9) is None


def test_batches_are_the_last_values() -> None:
    """Seven values in three batches of two: the first is left out."""
    assert batch_means([9, 1, 3, 5, 7, 2, 4], 3) == [2, 6, 3]
    with pytest.raises(ValueError, match="2 values do not make 3 batches"):
        batch_means([1, 2], 3)


def test_the_usl_is_found_again() -> None:
    """Throughput made with sigma 0.05 and kappa 0.001 gives these back, and their peak."""
    threads = [1, 2, 4, 8, 16, 32, 64]
    rates = [[usl(n, 100.0 * (1 + e), 0.05, 0.001) for e in (0, 0.01, -0.01)] for n in threads]
    found = fit("usl", threads, rates)
    assert found is not None
    means = {name: one.mean for name, one in found.parameters.items()}
    assert means["sigma"] == pytest.approx(0.05, rel=1e-4)
    assert means["kappa"] == pytest.approx(0.001, rel=1e-4)
    assert means["peak_threads"] == pytest.approx(math.sqrt(0.95 / 0.001), rel=1e-3)
    assert found.parameters["lambda"].ci95 is not None
    assert found.error_rms < 1e-4


def test_amdahl_never_peaks() -> None:
    """The serial share is found; the law of linear scaling has none, and no peak."""
    threads = [1, 2, 4, 8]
    amdahl = fit("amdahl", threads, [[usl(n, 7.0, 0.2)] for n in threads])
    assert amdahl is not None
    assert amdahl.parameters["sigma"].mean == pytest.approx(0.2, rel=1e-4)
    linear = fit("usl", threads, [[7.0 * n] for n in threads])
    assert linear is not None
    assert linear.parameters["kappa"].mean == pytest.approx(0, abs=1e-6)
    assert peak_threads(0.1, 0.0) is None


def test_a_coefficient_at_its_bound_has_no_interval() -> None:
    """Linear scaling presses sigma and kappa against 0: no spread says how sure that is."""
    found = fit("amdahl", [1, 2, 4, 8], [[7.0 * n, 8.0 * n] for n in (1, 2, 4, 8)])
    assert found is not None
    sigma = found.parameters["sigma"]
    assert sigma.mean == 0
    assert sigma.ci95 is None
    assert sigma.reason == "0, its bound, in every replication: no interval"


def test_no_interval_of_a_coefficient_is_negative() -> None:
    """One replication scales well, the other not at all: the spread is wider than the mean."""
    rates = [[usl(n, 7.0, 0.01), usl(n, 7.0, 5.0)] for n in (1, 2, 4, 8)]
    found = fit("amdahl", [1, 2, 4, 8], rates)
    assert found is not None
    assert found.parameters["sigma"].ci95 is not None
    assert found.parameters["sigma"].ci95[0] == 0


def test_what_only_falls_has_no_peak_for_that_reason() -> None:
    """With sigma above 1 a second thread does harm already: kappa is not to blame."""
    threads = [1, 2, 4, 8, 16]
    found = fit("usl", threads, [[usl(n, 7.0, 1.5, 0.04)] for n in threads])
    assert found is not None
    assert found.parameters["peak_threads"].reason == (
        "no peak: sigma is 1 or more in 1 of 1 replications"
    )


def test_three_points_are_too_few_for_a_law() -> None:
    """With as many coefficients as points every curve fits."""
    assert fit("usl", [1, 2, 4], [[1.0], [2.0], [3.0]]) is None
