import numpy as np
import pytest
from scipy.stats import sobol_indices, uniform

from dessim.measure.statistics.sobol import sobol


def ishigami(x):
    """Return the function of Ishigami and Homma on the unit cube: a = 7, b = 0.1."""
    a, b, c = (2 * x - 1) * np.pi
    return np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)


def test_indices_of_a_known_function() -> None:
    """Ishigami's exact indices lie in the intervals, and the estimate is scipy's."""
    [found] = sobol(lambda x: ishigami(x)[None, :], 3, 1024, seed=1)
    exact_first, exact_total = (0.3139, 0.4424, 0.0), (0.5576, 0.4424, 0.2437)
    for one, first, total in zip(found, exact_first, exact_total, strict=True):
        assert one.first_ci95[0] - 0.01 <= first <= one.first_ci95[1] + 0.01
        assert one.total_ci95[0] - 0.01 <= total <= one.total_ci95[1] + 0.01
        assert one.first_ci95[0] <= one.first <= one.first_ci95[1]
    dists = [uniform()] * 3
    same = sobol_indices(func=ishigami, n=1024, dists=dists, rng=np.random.default_rng(1))
    assert [one.first for one in found] == pytest.approx(same.first_order)
    assert [one.total for one in found] == pytest.approx(same.total_order)


def test_several_responses_share_one_design() -> None:
    """Each response has indices of its own; one that does not vary has none."""
    calls = []

    def respond(x):
        calls.append(x.shape[1])
        return np.vstack([x[0], x[1], np.ones_like(x[0])])

    first, second, constant = sobol(respond, 2, 64, seed=1)
    assert calls == [64, 64, 128]
    assert first[0].total == pytest.approx(1, abs=0.05)
    assert first[1].total == 0
    assert second[1].total == pytest.approx(1, abs=0.05)
    assert all(one.total == one.first == 0 for one in constant)


def test_the_estimate_depends_on_its_seed_alone() -> None:
    """The same seed gives the same intervals."""
    first, second = (sobol(lambda x: ishigami(x)[None, :], 3, 64, seed=4) for _ in range(2))
    assert first == second
