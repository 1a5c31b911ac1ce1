import math

import numpy as np
import pytest

from dessim.measure.statistics.fitting import at_bounds, correlations, fit, knowledge

LINE = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])


def line_fit(y, low=(-9.0, -9.0), high=(9.0, 9.0)):
    """Fit a straight line through y at 0, 1, 2, 3."""
    return fit(lambda x: LINE @ x - y, lambda x: LINE, (0.0, 0.0), low, high, 50)


def test_a_line_is_fitted_as_by_hand() -> None:
    """1, 3, 4, 8: slope 2.2, intercept 0.7, sum of squares 1.8, and t with two degrees.

    The variance of the slope is (1.8 / 2) / 5, where 1.8 / 2 < 1 counts as 1: half-width
    4.302653 sqrt(1 / 5).
    """
    found = line_fit(np.array([1.0, 3.0, 4.0, 8.0]))
    assert found.x == pytest.approx([0.7, 2.2], abs=1e-6)
    assert found.cost == pytest.approx(1.8)
    assert (found.dof, found.scale, found.at_bound) == (2, 1.0, (0, 0))
    assert found.half_width(1) == pytest.approx(4.3026527 * math.sqrt(1 / 5))


def test_a_misfit_widens_the_intervals() -> None:
    """Ten times the residuals, ten times the deviation beyond what the data scatter."""
    found = line_fit(10 * np.array([1.0, 3.0, 4.0, 8.0]), high=(99.0, 99.0))
    assert found.scale == pytest.approx(180 / 2)
    assert found.half_width(1) == pytest.approx(4.3026527 * math.sqrt(90 / 5))


def test_a_parameter_at_its_bound_is_told_and_has_no_interval() -> None:
    """A slope of 2.2 that may be 2 at most is 2; the intercept is then 1 with an interval."""
    found = line_fit(np.array([1.0, 3.0, 4.0, 8.0]), high=(9.0, 2.0))
    assert found.at_bound == (0, 1)
    assert found.x == pytest.approx([1.0, 2.0], abs=1e-6)
    assert found.half_width(1) is None
    assert found.dof == 3
    assert found.half_width(0) == pytest.approx(3.1824463 * math.sqrt(1 / 4))


def test_a_search_may_begin_at_a_bound() -> None:
    """It leaves the bound if the data want it to."""
    found = line_fit(np.array([1.0, 3.0, 4.0, 8.0]), low=(0.0, 0.0))
    assert found.x == pytest.approx([0.7, 2.2], abs=1e-6)


def test_nearness_to_a_bound_is_a_share_of_the_range() -> None:
    """One per cent of it."""
    low, high = np.array([0.0, 0.0, 0.0]), np.array([100.0, 100.0, 100.0])
    assert at_bounds(np.array([0.9, 50.0, 99.1]), low, high) == (-1, 0, 1)


def test_correlation_of_a_line() -> None:
    """Intercept and slope at 0, 1, 2, 3 are correlated by -1.5 / sqrt(3.5)."""
    assert correlations(LINE)[0, 1] == pytest.approx(-1.5 / math.sqrt(3.5), rel=1e-6)


def test_parameters_that_do_the_same_cannot_be_told_apart() -> None:
    """Twice the same column: one direction is carried, the pair is named; a zero column is not."""
    column = np.array([3.0, 4.0])
    known = knowledge(np.column_stack([column, 2 * column, 0 * column]), [1.0, 1.0, 1.0])
    assert known.carried == 1
    assert known.norms == pytest.approx((5, 10, 0))
    [(i, j, value)] = known.alike()
    assert (i, j) == (0, 1)
    assert value == pytest.approx(-1, abs=1e-6)
    assert known.silent() == [2]
    assert known.condition == math.inf


def test_what_a_range_does_not_move_is_not_carried() -> None:
    """An effect of 0.5 deviations over half of the range is below the scatter."""
    jacobian = np.diag([100.0, 100.0])
    assert knowledge(jacobian, [0.1, 0.005]).carried == 1
    assert knowledge(jacobian, [0.1, 0.02]).carried == 2
