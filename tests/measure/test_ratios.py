"""Ratios of schemes, and what may be said of many at once."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dessim.measure.statistics.ratios import (
    SIGN_TEST,
    T_TEST,
    UNRESOLVED,
    Ratio,
    compare_family,
    log_ratios,
    median_test,
)


def _one(a: list[float], b: list[float]) -> Ratio:
    return compare_family([(a, b)])[0]


def test_what_is_common_to_both_cancels() -> None:
    """Values scatter by a factor of 10, but B is always twice A: the ratio is known exactly."""
    a = [1.0, 10.0, 3.0, 5.0, 2.0, 8.0]
    found = _one(a, [2 * x for x in a])
    assert found.ratio == pytest.approx(2)
    assert found.simultaneous == pytest.approx((2, 2))
    assert found.significant is True
    assert found.p_value == pytest.approx(2 / 2**6)


def test_one_collapse_in_a_pair_moves_no_end_far() -> None:
    """Eight pairs of about 1.1, and one of 40: the typical ratio is 1.1, to the eighth value."""
    a = [1.0] * 9
    found = _one(a, [1.08, 1.09, 1.1, 1.1, 1.11, 1.12, 1.12, 1.13, 40.0])
    assert found.ratio == pytest.approx(1.11)
    assert found.ci95 == pytest.approx((1.09, 1.13))
    assert found.resolved


def test_six_pairs_are_enough_for_one_comparison_and_not_for_two() -> None:
    """Of 6 pairs all signs alike is 2 / 64 = 3.1 %: below 5 %, but above 2.5 %."""
    a, b = [1.0] * 6, [1.2, 1.3, 1.4, 1.2, 1.3, 1.4]
    assert _one(a, b).method == SIGN_TEST
    both = compare_family([(a, b), (a, b)])
    assert [one.method for one in both] == [T_TEST, T_TEST]
    assert both[0].family == 2


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        ([1.0, None], [1.0, 2.0], "a replication has no value"),
        ([], [], "a replication has no value"),
        ([1.0, 0.0], [1.0, 2.0], "no ratio: a value is not positive"),
        ([1.0], [2.0], "one pair of replications: no interval"),
    ],
)
def test_what_is_missing_is_said(a: list[float], b: list[float], reason: str) -> None:
    """No ratio or no interval comes with the reason, and is not counted as a comparison."""
    x = [1.0, 1.1, 1.2]
    found, other = compare_family([(a, b), (x, x)])
    assert found.simultaneous is None
    assert found.significant is None
    assert found.reason == reason
    assert other.family == 1


def test_an_interval_of_a_factor_of_thousands_is_not_resolved() -> None:
    """Two pairs of 1 and 1000 say nothing: no number is to be printed."""
    found = _one([1.0, 1.0], [1.0, 1000.0])
    assert not found.resolved
    assert found.reason == UNRESOLVED
    assert found.as_dict()["resolved"] is False


def test_what_is_sure_of_a_significant_ratio() -> None:
    """Six ratios of 2 to 60 are at least 2, though not resolved; swapped, at most a half."""
    ones, ratios = [1.0] * 6, [2.0, 3.0, 5.0, 20.0, 40.0, 60.0]
    there, back = _one(ones, ratios), _one(ratios, ones)
    assert not there.resolved
    assert there.at_least == pytest.approx(2)
    assert back.at_least == pytest.approx(0.5)
    assert _one(ones, [0.9, 1.1] * 3).at_least is None


def test_the_same_values_are_not_different() -> None:
    """Schemes of which one is the other have the ratio 1, without a spread."""
    for n in (3, 10):
        found = _one([2.0] * n, [2.0] * n)
        assert (found.ratio, found.significant) == (1.0, False)
        assert found.p_value == 1


def test_the_t_interval_by_hand() -> None:
    """Logs 1, 2, 3: 2 +- 4.3027 / sqrt 3, and p = 0.0742 of t = 3.4641 with 2 degrees."""
    (low, high), p, method = median_test([1.0, 2.0, 3.0], 0.05)
    assert high - 2 == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)
    assert low + high == pytest.approx(4)
    assert p == pytest.approx(0.0742, abs=1e-4)
    assert method == T_TEST


@given(
    st.lists(st.lists(st.floats(0.01, 100), min_size=2, max_size=20), min_size=1, max_size=20),
)
def test_the_interval_belongs_to_the_test(ratios: list[list[float]]) -> None:
    """1 is outside exactly where the adjusted p-value is at most 5 %, whatever the family."""
    for found in compare_family([([1.0] * len(each), each) for each in ratios]):
        assert found.simultaneous is not None
        assert found.p_family is not None
        if abs(found.p_family - 0.05) > 1e-6:
            near = any(abs(math.log(end)) < 1e-9 for end in found.simultaneous)
            assert near or found.significant == (found.p_family <= 0.05)


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=30))
def test_swapping_the_two_turns_the_ratio_round(values: list[float]) -> None:
    """B / A and A / B say the same, ends of the intervals included."""
    ones = [1.0] * len(values)
    there, back = _one(ones, values), _one(values, ones)
    assert there.simultaneous is not None
    assert back.simultaneous is not None
    assert there.simultaneous[0] == pytest.approx(1 / back.simultaneous[1])
    assert there.p_value == pytest.approx(back.p_value)


@pytest.mark.parametrize("n", [5, 12, 20])
def test_all_intervals_of_a_family_hold_together(n: int) -> None:
    """Of 300 families of 24 ratios, at most 8 % miss one: runs collapse in 7.5 % of the cases."""
    draws = np.random.default_rng(n)
    missed = 0
    for _ in range(300):
        x = draws.normal(0, 0.1, (24, 2, n)) + 3 * (draws.random((24, 2, n)) < 0.075)
        values = np.exp(x)
        found = compare_family([(a.tolist(), b.tolist()) for a, b in values])
        missed += any(one.significant for one in found)
    assert missed / 300 <= 0.08


def test_a_surplus_of_replications_is_left_out() -> None:
    """Pairs are formed by position."""
    assert log_ratios([1.0, 1.0], [1.0, math.e, 5.0]) == pytest.approx([0, 1])
