"""Bounded least squares, and what the data can say about the parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
AT_BOUND = 0.01
"""A fitted value this near to an end of its range, as a share of the range, is at its bound."""
ALIKE = 0.95
"""Two parameters whose estimates are correlated more than this cannot be distinguished."""
TOLERANCE = 5e-3
"""Relative change of cost or parameters below which the search ends: simulated counts are whole
numbers, and a finer search would follow their noise."""

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """A minimum of the sum of squared residuals inside a box.

    Attributes
    ----------
    x : float array, shape (n,)
    residuals : float array, shape (m,)
    jacobian : float array, shape (m, n)
    at_bound : tuple of int, shape (n,)
        -1 at the low end of the range, 1 at the high end, else 0.
    covariance : float array, shape (n, n)
        Of the estimates; 0 for those at a bound.
    scale : float
        Variance of a residual that was used: at least 1.
    dof : int
        Residuals less free parameters.
    steps : int
        Points at which the residuals were asked for.
    converged : bool
        False if the allowed number of steps was used up.
    """

    x: Vector
    residuals: Vector
    jacobian: Matrix
    at_bound: tuple[int, ...]
    covariance: Matrix
    scale: float
    dof: int
    steps: int
    converged: bool

    @property
    def cost(self) -> float:
        """Sum of squared residuals."""
        return float(self.residuals @ self.residuals)

    def half_width(self, index: int) -> float | None:
        """Half of the 95 % interval of a parameter; None at a bound or without freedom.

        Source
        ------
        Linearised t interval: G. Seber, C. Wild, *Nonlinear Regression*, 1989, eq. (5.5).
        """
        from scipy.stats import t

        variance = float(self.covariance[index, index])
        if self.at_bound[index] or self.dof < 1 or not math.isfinite(variance) or variance <= 0:
            return None
        return float(t.ppf((1 + CONFIDENCE) / 2, self.dof)) * math.sqrt(variance)


def fit(
    residuals: Callable[[Vector], Vector],
    jacobian: Callable[[Vector], Matrix],
    start: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    max_steps: int,
) -> Fit:
    """Minimise a sum of squares inside a box, with a Jacobian of the caller's own.

    Parameters
    ----------
    residuals : callable
        Vector of n parameters -> vector of m residuals, in units of their standard deviation.
    jacobian : callable
        Vector of n parameters -> matrix of m x n.
    start, low, high : sequence of float, shape (n,)
    max_steps : int, >= 1

    Source
    ------
    Dogleg steps in a rectangular trust region: C. Voglis, I. Lagaris, WSEAS 2004, as in
    scipy.optimize.least_squares. Unlike an interior method it may begin and end at a bound.
    """
    from scipy.optimize import least_squares

    ends = np.asarray(low, float), np.asarray(high, float)
    found = least_squares(
        residuals,
        np.clip(np.asarray(start, float), *ends),
        jac=jacobian,
        bounds=ends,
        method="dogbox",
        x_scale=(ends[1] - ends[0]) / 2,
        ftol=TOLERANCE,
        xtol=TOLERANCE,
        gtol=1e-8,
        max_nfev=max_steps,
    )
    bounds = at_bounds(found.x, *ends)
    last = np.asarray(found.jac)
    return summary(found.x, found.fun, last, bounds, int(found.nfev), bool(found.status > 0))


def at_bounds(x: Vector, low: Vector, high: Vector) -> tuple[int, ...]:
    """Where a point touches its box: -1, 0 or 1 for each parameter."""
    near = AT_BOUND * (high - low)
    return tuple(
        -1 if below else int(above)
        for below, above in zip(x - low <= near, high - x <= near, strict=True)
    )


def summary(
    x: Vector,
    residuals: Vector,
    jacobian: Matrix,
    bounds: tuple[int, ...],
    steps: int,
    converged: bool,
) -> Fit:
    """What a minimum says about its parameters.

    The covariance is that of the parameters inside their ranges, those at a bound held there. A
    model that fits worse than the data scatter makes it wider, one that fits better not narrower.
    """
    n = len(x)
    free = [i for i in range(n) if not bounds[i]]
    dof = len(residuals) - len(free)
    scale = max(1.0, float(residuals @ residuals) / dof) if dof > 0 else 1.0
    covariance = np.zeros((n, n))
    if free:
        part = np.linalg.pinv(jacobian[:, free].T @ jacobian[:, free], rcond=1e-12, hermitian=True)
        covariance[np.ix_(free, free)] = scale * part
    return Fit(x, residuals, jacobian, bounds, covariance, scale, dof, steps, converged)


@dataclass(frozen=True)
class Knowledge:
    """What a Jacobian says the data determine.

    Attributes
    ----------
    strength : tuple of float, shape (n,)
        Singular values, greatest first, when each parameter is measured in halves of its range and
        each residual in standard deviations: directions below 1 leave the data indifferent.
    norms : tuple of float, shape (n,)
        The same for each parameter alone.
    correlations : float array, shape (n, n)
        Of the estimates: 0 between parameters of which one has no effect.
    condition : float
        Greatest over smallest singular value; infinite if one is 0.
    """

    strength: tuple[float, ...]
    norms: tuple[float, ...]
    correlations: Matrix
    condition: float

    @property
    def carried(self) -> int:
        """Number of parameters, or of combinations of them, that the data can carry."""
        return sum(value >= 1 for value in self.strength)

    def alike(self) -> list[tuple[int, int, float]]:
        """Pairs that cannot be distinguished, with their correlations, the strongest first."""
        n = len(self.norms)
        pairs = [(i, j, float(self.correlations[i, j])) for i, j in combinations(range(n), 2)]
        return sorted((p for p in pairs if abs(p[2]) > ALIKE), key=lambda p: -abs(p[2]))

    def silent(self) -> list[int]:
        """Parameters whose whole range changes the residuals by less than one deviation."""
        return [i for i, norm in enumerate(self.norms) if norm < 1]


def knowledge(jacobian: Matrix, half_ranges: Sequence[float]) -> Knowledge:
    """What residuals with this Jacobian determine about parameters with these ranges.

    Parameters
    ----------
    jacobian : float array, shape (m, n)
        Of residuals in units of their standard deviation.
    half_ranges : sequence of float, shape (n,)

    Source
    ------
    A. Saltelli et al., *Global Sensitivity Analysis*, 2008, sec. 1.2.5 for the scaling;
    correlations: Seber and Wild, *Nonlinear Regression*, 1989, sec. 3.3.
    """
    scaled = jacobian * np.asarray(half_ranges, float)
    values = np.linalg.svd(scaled, compute_uv=False)
    n = jacobian.shape[1]
    strength = (*(float(v) for v in values), *(0.0 for _ in range(n - len(values))))
    norms = tuple(float(v) for v in np.linalg.norm(scaled, axis=0))
    condition = strength[0] / strength[-1] if strength[-1] > 0 else math.inf
    return Knowledge(strength, norms, correlations(jacobian), condition)


def correlations(jacobian: Matrix) -> Matrix:
    """Correlations of estimates from a Jacobian, as if none were at its bound.

    Where columns depend on each other, those that take part are reported as fully correlated.
    """
    norms = np.linalg.norm(jacobian, axis=0)
    known = norms > 0
    n = jacobian.shape[1]
    found = np.eye(n)
    if known.sum() > 1:
        unit = jacobian[:, known] / norms[known]
        # A ridge far below any real difference keeps the inverse of dependent columns finite.
        inverse = np.linalg.inv(unit.T @ unit + 1e-9 * np.eye(int(known.sum())))
        deviation = np.sqrt(np.diag(inverse))
        found[np.ix_(known, known)] = np.clip(inverse / np.outer(deviation, deviation), -1, 1)
    return found
