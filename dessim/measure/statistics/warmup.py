"""Where the warm-up of a run ends, found in its time series."""

from __future__ import annotations

from collections.abc import Sequence

BATCH = 5
METHOD = "MSER-5"


def mser5(series: Sequence[float]) -> int | None:
    """Number of first values to leave out so that the mean of the rest is known best.

    Parameters
    ----------
    series : sequence of float
        One value per bin of time.

    Returns
    -------
    int or None
        A multiple of 5; None if the best cut lies in the second half: then the series is too short
        to separate warm-up from the rest.

    Source
    ------
    K. P. White, M. Cobb, S. Spratt, *A comparison of five steady-state truncation heuristics for
    simulation*, Proc. Winter Simulation Conf. 2000: the d that minimises
    sum_{i>d} (Y_i - mean_d)^2 / (k - d)^2 over means Y of batches of 5, d at most k / 2.
    """
    k = len(series) // BATCH
    if k < 2:
        return None
    means = [sum(series[i * BATCH : (i + 1) * BATCH]) / BATCH for i in range(k)]
    best, best_cut = float("inf"), 0
    total = squares = 0.0
    centre = means[-1]  # sums of small numbers lose fewer digits
    for d in range(k - 1, -1, -1):
        y = means[d] - centre
        total += y
        squares += y * y
        n = k - d
        if n < 5:
            continue  # a few last batches can agree by chance
        error = max(squares - total * total / n, 0.0) / n**2
        if error <= best:
            best, best_cut = error, d
    return None if best_cut > k // 2 else best_cut * BATCH


def batch_means(series: Sequence[float], batches: int) -> list[float]:
    """Means of consecutive batches of equal size; the first values that do not fit are left out.

    Source
    ------
    A. Law, *Simulation Modeling and Analysis*, 5th ed., 2015, section 9.5.3.
    """
    size = len(series) // batches
    if size == 0:
        raise ValueError(f"{len(series)} values do not make {batches} batches")
    rest = series[len(series) - size * batches :]
    return [sum(rest[i * size : (i + 1) * size]) / size for i in range(batches)]
