"""Sobol indices: what share of a response's variance each parameter accounts for.

The design is scipy's; the estimator is restated here, because intervals need a bootstrap with a
seed, which ``scipy.stats.sobol_indices`` has not got.

Source
------
A. Saltelli et al., *Variance based sensitivity analysis of model output*, Computer Physics
Communications 181, 2010, table 2: first order (b), total order (f, Jansen).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
RESAMPLES = 999


@dataclass(frozen=True)
class Indices:
    """Indices of one parameter for one response.

    Attributes
    ----------
    first, total : float
        Share of the variance that it accounts for alone, and together with all its interactions.
        None without any variance.
    first_ci95, total_ci95 : (float, float)
        Percentile bootstrap over the rows of the design.
    """

    first: float
    first_ci95: tuple[float, float]
    total: float
    total_ci95: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        """The form of results."""
        return {
            "first": self.first,
            "first_ci95": list(self.first_ci95),
            "total": self.total,
            "total_ci95": list(self.total_ci95),
        }


def estimate(f_A: Floats, f_B: Floats, f_AB: Floats) -> tuple[Floats, Floats]:  # noqa: N803 - scipy's names
    """First and total order.

    Parameters
    ----------
    f_A, f_B : float array, shape (responses, n)
    f_AB : float array, shape (parameters, responses, n)

    Returns
    -------
    two float arrays, shape (responses, parameters)
        0 where a response does not vary.
    """
    variance = np.var(np.stack([f_A, f_B]), axis=(0, -1))[None, :]
    first = np.mean(f_B * (f_AB - f_A), axis=-1)
    total = np.mean((f_A - f_AB) ** 2, axis=-1) / 2
    safe = np.where(variance > 0, variance, 1.0)
    return (first / safe).T, (total / safe).T


def sobol(
    respond: Callable[[Floats], Floats], parameters: int, n: int, seed: int
) -> list[list[Indices]]:
    """Estimate indices for parameters that are uniform on 0..1.

    Parameters
    ----------
    respond : callable
        From an array of shape (parameters, m) to responses of shape (responses, m).
    parameters : int, >= 2
    n : int, a power of two
        Rows: the response is asked for n (parameters + 2) times.
    seed : int

    Returns
    -------
    list of lists of Indices, shape (responses, parameters)
    """
    from scipy.stats import sobol_indices, uniform  # here: it takes long to import

    kept: dict[str, Floats] = {}

    def method(f_A: Floats, f_B: Floats, f_AB: Floats) -> tuple[Floats, Floats]:  # noqa: N803
        kept.update(f_A=f_A, f_B=f_B, f_AB=f_AB)
        return estimate(f_A, f_B, f_AB)

    rng = np.random.default_rng(seed)
    dists: Any = [uniform()] * parameters
    sobol_indices(func=respond, n=n, dists=dists, method=method, rng=rng)
    first, total = estimate(**kept)
    draws = np.random.default_rng(seed).integers(0, n, (RESAMPLES, n))
    again = [estimate(kept["f_A"][:, d], kept["f_B"][:, d], kept["f_AB"][..., d]) for d in draws]
    low, high = np.percentile(np.array(again), [2.5, 97.5], axis=0)
    return [
        [
            Indices(
                float(first[r, i]),
                (float(low[0, r, i]), float(high[0, r, i])),
                float(total[r, i]),
                (float(low[1, r, i]), float(high[1, r, i])),
            )
            for i in range(parameters)
        ]
        for r in range(first.shape[0])
    ]
