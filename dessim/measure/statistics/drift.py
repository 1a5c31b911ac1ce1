"""Whether a run still changes after its warm-up, and whether two sizes of it agree.

Halves of one run are correlated, and so are its parts: a trend test on them takes waves for trends.
Replications are independent. So each gives one number, the ratio of its second half to its first,
and the numbers of all are held against 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dessim.measure.statistics.ratios import LEVEL, log_ratios, median_test
from dessim.measure.statistics.typical import Ends, median, typical_run

TOLERANCE = 0.05
"""Change from half to half, and from size to size, that is tolerated by default."""
Verdict = Literal["agree", "differ", "unsure"]


@dataclass(frozen=True)
class Drift:
    """How the second half of the steady phase compares with the first.

    Attributes
    ----------
    ratio : float or None
        Typical ratio of the rates; None if a half has none.
    ci95 : (float, float) or None
    p_value : float or None
        That the ratio is 1.
    n : int
        Runs.
    tolerance : float
        Largest tolerated change.
    dry : int
        Runs of which one half is empty and the other is not; then nothing else is known.
    """

    ratio: float | None
    ci95: Ends | None
    p_value: float | None
    n: int
    tolerance: float
    dry: int = 0

    @property
    def drifts(self) -> bool:
        """Whether the rate changes, significantly and by more than the tolerance, or dries up."""
        if self.dry:
            return True
        if self.ratio is None or self.p_value is None:
            return False
        return self.p_value <= LEVEL and abs(math.log(self.ratio)) > math.log1p(self.tolerance)

    def as_dict(self) -> dict[str, Any]:
        """The form of results."""
        return {
            "ratio": self.ratio,
            "ratio_ci95": None if self.ci95 is None else list(self.ci95),
            "p_value": self.p_value,
            "n": self.n,
            "tolerance": self.tolerance,
            "dry": self.dry,
            "drifts": self.drifts,
        }


def drift_of(runs: Sequence[Sequence[float]], tolerance: float = TOLERANCE) -> Drift:
    """Test whether rates change from the first half of the steady phase to the second.

    Parameters
    ----------
    runs : sequence of sequences, shape (n_replications, n_bins)
        What happened per time bin, after the warm-up, while all threads ran.
    tolerance : float
        Largest tolerated change: 0.05 is 5 %.

    Returns
    -------
    Drift
        Without a p-value of a single run: its parts are correlated, and a trend test on them takes
        every second slow wave for a trend (docs/statistics.md).

    Source
    ------
    Halves side by side: L. Schruben, H. Singh, L. Tierney, *Optimal tests for initialization
    bias in simulation output*, Oper. Res. 31, 1983; here over replications instead of an estimate
    of the variance inside one run.
    """
    halves = [halves_of(run) for run in runs]
    logs = log_ratios([a for a, _ in halves], [b for _, b in halves])
    dry = sum((first > 0) != (second > 0) for first, second in halves)
    if dry:
        return Drift(None, None, None, len(runs), tolerance, dry)
    if not logs:
        return Drift(None, None, None, len(runs), tolerance)
    ratio = math.exp(median(logs))
    if len(logs) == 1:
        return Drift(ratio, None, None, 1, tolerance)
    _, p, _ = median_test(logs, LEVEL)
    alone = typical_run([math.exp(x) for x in logs]).ci95
    return Drift(ratio, alone, p, len(logs), tolerance)


def halves_of(run: Sequence[float]) -> tuple[float, float]:
    """Return what happened in the first and in the second half; a bin in the middle is left out."""
    half = len(run) // 2
    return math.fsum(run[:half]), math.fsum(run[len(run) - half :])


@dataclass(frozen=True)
class Agreement:
    """How a metric compares between two sizes of a simulation.

    Attributes
    ----------
    verdict : str
        "agree" if the whole interval of the ratio is inside the tolerance, "differ" if it is
        outside, "unsure" if it is neither, or there is none: then more replications are needed.
    ci95 : (float, float) or None
        Of the ratio, larger size over smaller, in the typical run; None from fewer than two pairs.
    """

    verdict: Verdict
    ci95: Ends | None = None


def agreement(
    small: Sequence[float | int | None],
    large: Sequence[float | int | None],
    tolerance: float = TOLERANCE,
) -> Agreement:
    """Whether a metric is the same from two sizes of a simulation.

    Parameters
    ----------
    small, large : sequences of numbers, shape (n_replications,)
        Pairs are formed by position.
    tolerance : float
        Tolerated difference.

    Returns
    -------
    Agreement

    Source
    ------
    Interval inclusion for equivalence: S. Wellek, *Testing Statistical Hypotheses of Equivalence
    and Noninferiority*, 2nd ed., 2010, ch. 3.
    """
    logs = log_ratios(small, large)
    ends = typical_run([math.exp(x) for x in logs]).ci95 if len(logs) > 1 else None
    if ends is None:
        return Agreement("unsure")
    low, high = 1 / (1 + tolerance), 1 + tolerance
    if low <= ends[0] and ends[1] <= high:
        return Agreement("agree", ends)
    return Agreement("differ" if ends[1] < low or ends[0] > high else "unsure", ends)
