import math

import numpy as np
import pytest

from dessim.measure.statistics.scaling import fit, peak_threads, usl
from dessim.measure.statistics.warmup import batch_means, mser5


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
