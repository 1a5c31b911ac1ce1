"""Screening by elementary effects: which of many parameters matter at all.

Source
------
M. Morris, *Factorial sampling plans for preliminary computational experiments*, Technometrics
33(2), 1991: trajectories on a grid, elementary effects, mu and sigma. F. Campolongo, J. Cariboni,
A. Saltelli, *An effective screening design for sensitivity analysis of large models*, Environmental
Modelling & Software 22, 2007: mu*, the mean of absolute effects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
LEVELS = 4
DELTA = LEVELS / (2 * (LEVELS - 1))
"""Step of a trajectory in the unit cube: p / (2 (p - 1)), Morris 1991, section 2."""
RESAMPLES = 999


@dataclass(frozen=True)
class Effect:
    """How a parameter acts on a response over the whole of its range.

    Attributes
    ----------
    mu_star : float
        Mean of the absolute elementary effects.
    mu_star_ci95 : (float, float)
        Percentile bootstrap over trajectories.
    mu : float
        Mean of the effects: their sign, where they agree.
    sigma : float
        Their standard deviation: bends, and interaction with other parameters.
    """

    mu_star: float
    mu_star_ci95: tuple[float, float]
    mu: float
    sigma: float

    def as_dict(self) -> dict[str, Any]:
        """The form of results."""
        return {
            "mu_star": self.mu_star,
            "mu_star_ci95": list(self.mu_star_ci95),
            "mu": self.mu,
            "sigma": self.sigma,
        }


def trajectories(parameters: int, count: int, seed: int) -> Floats:
    """Random walks through the unit cube that change one coordinate at a time.

    Returns
    -------
    float array, shape (count, parameters + 1, parameters), 0 to 1
    """
    rng = np.random.default_rng(seed)
    walks = np.empty((count, parameters + 1, parameters))
    for walk in walks:
        low = rng.integers(0, LEVELS // 2, parameters) / (LEVELS - 1)
        upwards = rng.integers(0, 2, parameters).astype(bool)
        walk[0] = np.where(upwards, low, low + DELTA)
        for step, i in enumerate(rng.permutation(parameters), start=1):
            walk[step] = walk[step - 1]
            walk[step, i] = low[i] + DELTA if upwards[i] else low[i]
    return walks


def elementary_effects(walks: Floats, responses: Floats) -> Floats:
    """Change of the response for each coordinate of each walk, over its whole range.

    Parameters
    ----------
    walks : float array, shape (count, parameters + 1, parameters)
    responses : float array, shape (count, parameters + 1)

    Returns
    -------
    float array, shape (count, parameters)
    """
    moves = np.diff(walks, axis=1)
    which = np.abs(moves).argmax(axis=2)
    sizes = np.take_along_axis(moves, which[..., None], axis=2)[..., 0]
    found = np.empty((walks.shape[0], walks.shape[2]))
    np.put_along_axis(found, which, np.diff(responses, axis=1) / sizes, axis=1)
    return found


def effects(walks: Floats, responses: Floats, seed: int) -> list[Effect]:
    """Sum the elementary effects of each parameter up.

    Parameters
    ----------
    walks, responses
        As ``elementary_effects``.
    seed : int
        Of the bootstrap.
    """
    each = elementary_effects(walks, responses)
    count = len(each)
    draws = np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))
    sizes = np.abs(each)
    low, high = np.percentile(sizes[draws].mean(axis=1), [2.5, 97.5], axis=0)
    spread = each.std(axis=0, ddof=1) if count > 1 else np.zeros(each.shape[1])
    return [
        Effect(
            float(sizes[:, i].mean()),
            (float(low[i]), float(high[i])),
            float(each[:, i].mean()),
            float(spread[i]),
        )
        for i in range(each.shape[1])
    ]
