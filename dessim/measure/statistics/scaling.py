"""Laws of scaling fitted to throughput: Amdahl and the Universal Scalability Law (USL)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dessim.measure.statistics.intervals import IntervalEstimate, mean_interval

MIN_POINTS = 4
NOTHING = 1e-8
"""A coefficient below this is one that the fit pressed against 0."""
METHOD = "least squares on relative errors in each replication, t over replications"


@dataclass(frozen=True)
class LawFit:
    """A law fitted to throughput.

    Attributes
    ----------
    law : str
        `usl` or `amdahl`.
    parameters : dict
        `sigma` (contention), `kappa` (coherence; USL), `lambda` (throughput of one thread), and
        `peak_threads` (USL; None without a peak), each an IntervalEstimate.
    fitted : dict
        Coefficients of the fit to the means over replications: the curve to draw.
    error_rms : float
        Root of the mean squared relative error of the fitted means.
    """

    law: str
    parameters: dict[str, IntervalEstimate]
    fitted: dict[str, float]
    error_rms: float

    def as_dict(self) -> dict[str, Any]:
        """The form of results."""
        return {
            "law": self.law,
            "coefficients": {name: e.as_dict() for name, e in self.parameters.items()},
            "fitted": self.fitted,
            "error_rms": self.error_rms,
            "method": METHOD,
        }


def usl(threads: float, rate: float, sigma: float, kappa: float = 0.0) -> float:
    """Throughput of N threads: rate N / (1 + sigma (N - 1) + kappa N (N - 1)).

    With kappa = 0 it is Amdahl's law with the serial share sigma.

    Source
    ------
    N. Gunther, *Guerrilla Capacity Planning*, 2007, eq. (4.31); G. Amdahl, AFIPS 1967.
    """
    return rate * threads / (1 + sigma * (threads - 1) + kappa * threads * (threads - 1))


def peak_threads(sigma: float, kappa: float) -> float | None:
    """Threads at which the USL is greatest: sqrt((1 - sigma) / kappa).

    None if there is no such number: it only rises (kappa 0), or only falls (sigma 1 or more).

    Source
    ------
    Gunther 2007, eq. (4.33).
    """
    if kappa <= 0 or sigma >= 1:
        return None
    return math.sqrt((1 - sigma) / kappa)


def _solve(law: str, threads: Sequence[float], rates: Sequence[float]) -> tuple[float, ...]:
    """Return lambda, sigma and, for the USL, kappa that fit best."""
    from scipy.optimize import least_squares  # here: it takes long to import

    first = rates[0] / threads[0]

    def residuals(p: Any, /) -> list[float]:
        fitted = [usl(n, p[0] * first, *p[1:]) for n in threads]
        return [f / y - 1 for f, y in zip(fitted, rates, strict=True)]

    # Zero, or 1e6 times the rate of one thread, is where a parameter has no meaning any more.
    start, top = ([1.0, 0.05, 0.001], [1e6, 1e6, 1e6])
    size = 3 if law == "usl" else 2
    bounds = ([1e-9, 0.0, 0.0][:size], top[:size])
    scale = [1.0, 0.01, 0.0001][:size]
    found = least_squares(
        residuals, start[:size], bounds=bounds, x_scale=scale, ftol=1e-15, xtol=1e-15, gtol=1e-15
    )
    rate, *rest = (float(x) for x in found.x)
    return (rate * first, *(0.0 if x < NOTHING else x for x in rest))


def _coefficient(values: Sequence[float]) -> IntervalEstimate:
    """Mean over replications; the interval is cut at 0, below which no coefficient can be."""
    if not any(values):
        reason = "0, its bound, in every replication: no interval"
        return IntervalEstimate(0.0, None, len(values), reason)
    found = mean_interval(values)
    if found.ci95 is None:
        return found
    return replace(found, ci95=(max(0.0, found.ci95[0]), found.ci95[1]))


def _peak(solved: Sequence[Sequence[float]]) -> IntervalEstimate:
    """Threads at the peak of the USL, or why there is none."""
    peaks = [peak_threads(sigma, kappa) for _, sigma, kappa in solved]
    known = [peak for peak in peaks if peak is not None]
    if len(known) == len(peaks):
        return _coefficient(known)
    falls = sum(sigma >= 1 for _, sigma, _ in solved)
    why = f"sigma is 1 or more in {falls}" if falls else f"kappa is 0 in {len(peaks) - len(known)}"
    return IntervalEstimate(None, None, len(peaks), f"no peak: {why} of {len(peaks)} replications")


def fit(law: str, threads: Sequence[int], rates: Sequence[Sequence[float]]) -> LawFit | None:
    """Fit a law to the throughput of one scheme.

    Parameters
    ----------
    law : str
        `usl` or `amdahl`.
    threads : sequence of int
    rates : sequence of sequences, shape (n_threads, n_replications), 1/s, > 0

    Returns
    -------
    LawFit or None
        None with fewer than four thread counts, or a throughput that is not positive.
    """
    if len(threads) < MIN_POINTS or any(x <= 0 for each in rates for x in each):
        return None
    columns = list(zip(*rates, strict=True))
    solved = [_solve(law, threads, column) for column in columns]
    means = [math.fsum(each) / len(each) for each in rates]
    centre = _solve(law, threads, means)
    names = ("lambda", "sigma", "kappa")[: len(centre)]
    parameters = {name: _coefficient([one[i] for one in solved]) for i, name in enumerate(names)}
    if law == "usl":
        parameters["peak_threads"] = _peak(solved)
    errors = [usl(n, *centre) / y - 1 for n, y in zip(threads, means, strict=True)]
    rms = math.sqrt(math.fsum(e * e for e in errors) / len(errors))
    return LawFit(law, parameters, dict(zip(names, centre, strict=True)), rms)
