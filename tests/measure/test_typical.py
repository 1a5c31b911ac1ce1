"""The median over runs: its interval holds it whatever the runs are like."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dessim.measure.statistics.typical import (
    median,
    median_interval,
    resolved,
    runs_needed,
    sign_interval,
    sign_test,
    typical_run,
)

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=60)


def _logs_of(kind: str, draws: np.random.Generator, n: int) -> np.ndarray:
    """Draw 4000 sets of n logarithms, with median 0 (of collapses: 0.0811 standard deviations)."""
    x = draws.standard_normal((4000, n))
    if kind == "skewed":
        return np.exp(1.5 * x) - 1
    if kind == "collapses":
        return np.where(draws.random((4000, n)) < 0.075, 40 + x, x - 0.1018)
    return x


@pytest.mark.parametrize("kind", ["normal", "skewed", "collapses"])
@pytest.mark.parametrize("n", [5, 6, 7, 10, 20, 40])
def test_the_interval_holds_the_median_of_any_runs(kind: str, n: int) -> None:
    """Of 4000 sets, 92 to 98 % do: for normal and skewed runs, and with 7.5 % collapses."""
    found = [median_interval(row.tolist()) for row in _logs_of(kind, np.random.default_rng(n), n)]
    covered = sum(low <= 0 <= high for low, high in found)
    assert 0.92 <= covered / 4000 <= 0.98


@pytest.mark.parametrize("n", [3, 4])
def test_few_runs_that_are_alike_are_covered_too(n: int) -> None:
    """With three and four runs the t interval of logarithms holds the median of alike runs."""
    draws = np.random.default_rng(n).lognormal(3, 0.2, (4000, n))
    found = [typical_run(row.tolist()).ci95 for row in draws]
    covered = sum(ends is not None and ends[0] <= math.exp(3) <= ends[1] for ends in found)
    assert 0.94 <= covered / 4000 <= 0.96


def test_five_runs_by_hand() -> None:
    """Five runs: from the least to the greatest, 1 - 2 / 2^5 = 93.75 %; the median is reported."""
    found = typical_run([3, 1, 2, 5, 4])
    assert (found.mean, found.ci95, found.n) == (3, (1, 5), 5)


def test_nine_runs_by_hand() -> None:
    """The second and the eighth of nine: misses 2 (1 + 9) / 2^9 = 3.9 %; inner ones miss 18 %."""
    assert median_interval(list(range(1, 10))) == (2, 8)


def test_ten_runs_are_interpolated() -> None:
    """Second to ninth of ten: 97.9 %, third to eighth: 89.1 %; 95 % is in between, by hand.

    i = (0.978516 - 0.95) / (0.978516 - 0.890625) = 0.32444; the share 8 i / (2 + 6 i) = 0.65764.
    """
    low, high = median_interval(list(range(1, 11)))
    assert low == pytest.approx(2.65764, abs=1e-4)
    assert high == pytest.approx(11 - low)


def test_what_is_missing_is_said() -> None:
    """A run without a value leaves no number, a single run no interval; both say why."""
    assert typical_run([1.0, None]).reason == "no observations in every replication"
    assert typical_run([]).mean is None
    one = typical_run([7.0])
    assert (one.mean, one.ci95, one.reason) == (7.0, None, "one run has no spread")


def test_few_runs_with_a_zero_have_an_interval_of_values() -> None:
    """No logarithm of 0: 0, 1 and 2 have the t interval 1 +- 4.3027 / sqrt 3."""
    found = typical_run([0, 1, 2])
    assert found.ci95 is not None
    assert found.ci95[1] - 1 == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)
    assert "t over values" in found.method


def test_two_runs_far_apart_stay_within_floats() -> None:
    """The interval of 1 ns and 1e12 ns is finite and holds both."""
    found = typical_run([1.0, 1e12])
    assert found.ci95 is not None
    assert 0 <= found.ci95[0] < 1
    assert 1e12 < found.ci95[1] < math.inf


@given(VALUES, st.sampled_from([0.05, 0.01, 0.05 / 16, 0.05 / 60]))
def test_the_exact_interval_is_that_of_its_test(values: list[float], alpha: float) -> None:
    """0 is outside exactly where the sign test refuses it, at any level, with ties and zeros."""
    ends = sign_interval(values, alpha)
    if ends is None:
        assert sign_test(values) > alpha
    else:
        assert (sign_test(values) <= alpha) == (not ends[0] <= 0 <= ends[1])


@given(VALUES)
def test_the_median_is_inside_and_order_does_not_matter(values: list[float]) -> None:
    """The median lies in its interval, and so it does in that of the values reversed in sign."""
    low, high = median_interval(values)
    assert low <= median(values) <= high
    assert median_interval(values[::-1]) == (low, high)
    mirrored = median_interval([-x for x in values])
    assert mirrored == pytest.approx((-high, -low))


@pytest.mark.parametrize(("alpha", "n"), [(0.05, 6), (0.0625, 5), (0.05 / 4, 8), (0.05 / 60, 12)])
def test_runs_needed_by_hand(alpha: float, n: int) -> None:
    """All signs alike has the probability 2 / 2^n; one run fewer cannot refuse."""
    assert runs_needed(alpha) == n
    assert 2 / 2**n <= alpha < 2 / 2 ** (n - 1)


def test_sign_test_by_hand() -> None:
    """One of six below 0: 2 (1 + 6) / 64; a zero counts for the weaker side."""
    assert sign_test([1, 2, 3, 4, 5, -6]) == pytest.approx(14 / 64)
    assert sign_test([1, 2, 3, 4, 5, 0]) == pytest.approx(14 / 64)
    assert sign_test([1, -1]) == 1


@pytest.mark.parametrize(
    ("ends", "says"), [((0.25, 4), True), ((0.24, 1), False), ((1, 4.1), False), ((-1, 2), False)]
)
def test_more_than_a_factor_of_four_says_nothing(ends: tuple[float, float], says: bool) -> None:
    """Around 1, an interval is resolved within 0.25 to 4."""
    assert resolved(1.0, ends) is says
