"""Crossovers only where they are significant, between two numbers of threads."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dessim.measure.statistics.brackets import Bracket, brackets, sides, threads_inside

THREADS = [1, 2, 4, 8, 16, 32, 60, 120]


def test_a_clear_crossover_lies_between_two_counts() -> None:
    """Below 1 up to 8 threads, above from 16: between 8 and 16, at 11.3 in the logarithms."""
    logs = [[side * x for x in (0.1, 0.11, 0.09, 0.1, 0.12)] for side in (-1, -1, 1)]
    found = brackets([4, 8, 16], logs)
    assert found == [Bracket(8, 16, pytest.approx(8 * math.sqrt(2)), True)]
    assert found[0].sentence == "between 8 and 16 threads"
    assert found[0].as_dict()["ci95"] == [8, 16]


def test_what_is_not_significant_lies_inside_the_bracket() -> None:
    """At 8 threads the ratio may be 1: the crossover is somewhere between 4 and 16."""
    logs = [[0.1, 0.11, 0.09], [-0.3, 0.5, -0.1], [-0.1, -0.11, -0.09]]
    found = brackets([4, 8, 16], logs)
    assert [(one.low, one.high, one.upwards) for one in found] == [(4, 16, False)]
    assert 4 < found[0].threads < 16


def test_there_and_back() -> None:
    """Two crossovers have two brackets."""
    logs = [[side * x for x in (0.1, 0.11, 0.09, 0.1, 0.12)] for side in (-1, 1, -1)]
    found = brackets([1, 8, 60], logs)
    assert [(one.low, one.high, one.upwards) for one in found] == [(1, 8, True), (8, 60, False)]


@pytest.mark.parametrize("logs", [[], [[0.1]], [[0.1], [-0.1]], [[0.1, -0.1]] * 2])
def test_what_shows_nothing_has_no_crossover(logs: list[list[float]]) -> None:
    """Single runs and noise are on no side."""
    assert brackets(THREADS[: len(logs)], logs) == []


def test_numbers_of_threads_must_ascend() -> None:
    """Between 8 and 4 threads nothing can lie."""
    with pytest.raises(ValueError, match="do not ascend"):
        brackets([8, 4], [[1.0, 1.0], [2.0, 2.0]])


@pytest.mark.parametrize("n", [5, 20])
def test_identical_schemes_do_not_cross(n: int) -> None:
    """Of 300 experiments with 8 counts, at most 2 % show a crossover that is none."""
    draws = np.random.default_rng(n)
    noise = draws.normal(0, 0.1, (300, 8, n)) + 2 * (draws.random((300, 8, n)) < 0.075)
    other = draws.normal(0, 0.1, (300, 8, n)) + 2 * (draws.random((300, 8, n)) < 0.075)
    assert sum(bool(brackets(THREADS, each.tolist())) for each in noise - other) <= 6


@pytest.mark.parametrize("n", [5, 20])
def test_true_crossovers_are_inside_even_where_the_ratio_bends(n: int) -> None:
    """The log ratio jumps at 23 threads; the brackets reported hold it in 95 % and more."""
    draws = np.random.default_rng(n)
    curve = np.array([0.15 * math.tanh(6 * math.log2(x / 23)) for x in THREADS])
    found = []
    for _ in range(300):
        logs = curve[:, None] + draws.normal(0, 0.03, (8, n))
        found += brackets(THREADS, logs.tolist())
    assert len(found) >= 270
    assert sum(one.low <= 23 <= one.high for one in found) >= 0.95 * len(found)


@given(
    st.lists(
        st.lists(st.floats(-1, 1), min_size=2, max_size=12),
        min_size=1,
        max_size=8,
    )
)
@example([[0.0, 0.0, 3e-220], [0.0, -6e-249]])
def test_brackets_do_not_overlap_and_agree_with_the_sides(logs: list[list[float]]) -> None:
    """Brackets ascend, their directions alternate, and the number lies inside."""
    threads = THREADS[: len(logs)]
    found, where = brackets(threads, logs), sides(logs)
    for before, after in pairwise(found):
        assert before.high <= after.low
        assert before.upwards != after.upwards
    for one in found:
        assert one.low <= one.threads <= one.high
        assert where[threads.index(one.high)] == (1 if one.upwards else -1)


def test_the_next_count_is_in_the_middle() -> None:
    """Between 8 and 32 comes 16; if that is known, a neighbour; between 2 and 3 nothing."""
    wide = Bracket(8, 32, 20.0, True)
    assert threads_inside(wide) == 16
    assert threads_inside(wide, [16]) in (15, 17)
    assert threads_inside(Bracket(2, 3, 2.5, True)) is None
