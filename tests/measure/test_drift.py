"""Whether runs still change, and whether two sizes agree."""

import numpy as np
import pytest

from dessim.measure.statistics.drift import agreement, drift_of


def _waves(runs: int, seed: int) -> np.ndarray:
    """Rates of 60 bins that do not change but in slow waves: each keeps 95 % of the last."""
    draws = np.random.default_rng(seed)
    x = np.empty((runs, 60))
    x[:, 0] = draws.standard_normal(runs)
    for i in range(1, 60):
        x[:, i] = 0.95 * x[:, i - 1] + np.sqrt(1 - 0.95**2) * draws.standard_normal(runs)
    return 100 + 10 * x


@pytest.mark.parametrize("n", [3, 5, 12])
def test_slow_waves_are_no_drift(n: int) -> None:
    """Of 600 sets of stationary runs at most 7 % are significant: the level is 5 %."""
    runs = _waves(600 * n, n).reshape(600, n, 60)
    alarms = [drift_of(each.tolist()).p_value or 1 for each in runs]
    assert sum(p <= 0.05 for p in alarms) <= 0.07 * 600


def test_a_rate_that_falls_by_a_fifth_is_found() -> None:
    """100 in the first half and 80 in the second, with noise: ratio 0.8, and it drifts."""
    noise = np.random.default_rng(1).normal(0, 3, (6, 40))
    found = drift_of((np.repeat([100, 80], 20) + noise).tolist())
    assert found.ratio == pytest.approx(0.8, rel=0.02)
    assert found.drifts
    assert not drift_of((np.repeat([100, 80], 20) + noise).tolist(), tolerance=0.3).drifts


def test_a_change_within_the_tolerance_is_borne() -> None:
    """A change of 1 %, however certain, is none that matters."""
    found = drift_of([[100.0] * 10 + [101.0] * 10] * 8)
    assert found.p_value == pytest.approx(2 / 2**8)
    assert not found.drifts


def test_a_change_that_may_be_chance_is_none() -> None:
    """Halves of 1 to 2 in two runs, of 1 to 0.9 in the third: the ratio may be 1."""
    found = drift_of([[1.0, 2.0], [1.0, 2.0], [1.0, 0.9]])
    assert found.ratio == pytest.approx(2)
    assert not found.drifts


def test_a_dry_tail_is_drift() -> None:
    """Nothing happens in the second half of one run: the rate is none."""
    found = drift_of([[5.0] * 20, [5.0] * 20, [5.0] * 10 + [0.0] * 10])
    assert (found.dry, found.ratio, found.drifts) == (1, None, True)
    assert found.as_dict()["dry"] == 1


def test_one_run_cannot_tell() -> None:
    """The parts of one run are correlated: no probability, no drift; nor from nothing at all."""
    one = drift_of([[100.0] * 10 + [50.0] * 10])
    assert (one.ratio, one.p_value, one.drifts) == (pytest.approx(0.5), None, False)
    assert drift_of([[0.0] * 10] * 3).ratio is None


def test_the_middle_bin_of_an_odd_run_is_left_out() -> None:
    """Three bins have halves of one bin each."""
    assert drift_of([[2.0, 99.0, 4.0]] * 2).ratio == pytest.approx(2)


@pytest.mark.parametrize(
    ("large", "verdict"),
    [
        ([1.0, 1.01, 1.0, 0.99, 1.0, 1.0], "agree"),
        ([2.2, 2.1, 2.3, 2.2, 2.2, 2.1], "differ"),
        ([0.7, 1.0, 1.2, 1.0, 1.5, 1.1], "unsure"),
        ([1.0], "unsure"),
        ([1.0, None], "unsure"),
    ],
)
def test_sizes_agree_differ_or_need_more_runs(large: list[float | None], verdict: str) -> None:
    """Within 5 % in the whole interval, outside with the whole of it, or neither."""
    found = agreement([1.0] * len(large), large, 0.05)
    assert found.verdict == verdict
    assert (found.ci95 is None) == (sum(x is not None for x in large) < 2)
