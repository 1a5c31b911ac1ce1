import numpy as np
import pytest

from dessim.measure.statistics.morris import (
    DELTA,
    LEVELS,
    effects,
    elementary_effects,
    trajectories,
)


def test_a_walk_changes_one_coordinate_at_a_time() -> None:
    """Each coordinate moves once, by the step, between levels of the grid."""
    walks = trajectories(7, 20, seed=3)
    assert walks.shape == (20, 8, 7)
    moves = np.diff(walks, axis=1)
    assert np.all(np.sum(moves != 0, axis=2) == 1)
    assert np.all(np.sum(moves != 0, axis=1) == 1)
    assert np.allclose(np.abs(moves[moves != 0]), DELTA)
    assert np.allclose(walks * (LEVELS - 1), np.round(walks * (LEVELS - 1)))
    assert walks.min() >= 0
    assert walks.max() <= 1
    assert {0.0, 1.0} <= set(np.round(walks, 12).ravel())


def test_the_design_depends_on_its_seed_alone() -> None:
    """The same seed gives the same walks, another seed others."""
    assert np.array_equal(trajectories(5, 4, 1), trajectories(5, 4, 1))
    assert not np.array_equal(trajectories(5, 4, 1), trajectories(5, 4, 2))


def test_effects_of_a_plane_are_its_slopes() -> None:
    """Every elementary effect is the coefficient: no spread, no interval, the right sign."""
    slopes = np.array([3.0, -2.0, 0.0, 0.5])
    walks = trajectories(4, 6, 1)
    found = effects(walks, walks @ slopes, seed=1)
    for one, slope in zip(found, slopes, strict=True):
        assert one.mu == pytest.approx(slope, abs=1e-12)
        assert one.mu_star == pytest.approx(abs(slope), abs=1e-12)
        assert one.sigma == pytest.approx(0, abs=1e-12)
        assert one.mu_star_ci95 == pytest.approx((abs(slope),) * 2, abs=1e-12)


def test_a_product_shows_as_interaction() -> None:
    """In x * y the effect of each depends on the other; mu* is one half, sigma is not zero."""
    walks = trajectories(3, 400, 1)
    found = effects(walks, walks[..., 0] * walks[..., 1], seed=1)
    for one in found[:2]:
        low, high = one.mu_star_ci95
        assert low < 0.5 < high
        assert one.sigma > 0.2
    assert found[2].mu_star == 0


def test_signs_that_cancel_do_not_hide_an_effect() -> None:
    """For (x - 1/2)^2 * sign the mean effect is about zero, mu* is not (Campolongo 2007)."""
    walks = trajectories(2, 400, 1)
    response = (walks[..., 0] - 0.5) * np.sign(walks[..., 1] - 0.5)
    first, _ = effects(walks, response, seed=1)
    assert abs(first.mu) < 0.15
    assert first.mu_star == pytest.approx(1)
    assert elementary_effects(walks, response).shape == (400, 2)
