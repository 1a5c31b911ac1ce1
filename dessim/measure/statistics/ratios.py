"""Ratios of two schemes, run by run, and what may be said of many of them at once.

Replication *i* of both schemes draws the same random numbers. The ratio of their values is one
observation; what is reported is the median of these ratios: that of a typical pair of runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dessim.measure.statistics.intervals import CONFIDENCE
from dessim.measure.statistics.typical import (
    Ends,
    median,
    resolved,
    sign_interval,
    sign_test,
    typical_run,
)

LEVEL = 1 - CONFIDENCE
SIGN_TEST = "sign test over pairs of replications"
T_TEST = "paired t over logarithms, as pairs are too few for a sign test of all comparisons"
UNRESOLVED = "unresolved"
SMALLEST_LOG = 1e-12
"""Spread of log ratios that is rounding, and not a spread."""


@dataclass(frozen=True)
class Ratio:
    """How B compares with A.

    Attributes
    ----------
    ratio : float or None
        B / A of the typical pair of runs (median); None if a value is missing or not positive.
    ci95 : (float, float) or None
        Interval of this ratio alone.
    simultaneous : (float, float) or None
        Interval that holds together with those of all comparisons of the family: 1 is outside
        exactly where the ratio is ``significant``.
    p_value : float or None, 0..1
        That the ratio is 1, for this comparison alone.
    p_family : float or None, 0..1
        The same, adjusted for the family (Bonferroni).
    family : int
        Comparisons that were made together.
    n : int
        Pairs of replications.
    method : str
        Of test and simultaneous interval.
    reason : str or None
        Why something is missing.
    """

    ratio: float | None
    ci95: Ends | None
    simultaneous: Ends | None
    p_value: float | None
    p_family: float | None
    family: int
    n: int
    method: str
    reason: str | None = None

    @property
    def significant(self) -> bool | None:
        """Whether the ratio differs from 1, all comparisons together at 5 %; else `~`."""
        if self.simultaneous is None:
            return None
        return not self.simultaneous[0] <= 1 <= self.simultaneous[1]

    @property
    def resolved(self) -> bool:
        """Whether its interval stays within a factor of 4 of the ratio: else print no number."""
        ends = self.simultaneous
        return self.ratio is not None and ends is not None and resolved(self.ratio, ends)

    @property
    def at_least(self) -> float | None:
        """End of the simultaneous interval next to 1: what is sure of a ratio that is significant.

        Of one that is not resolved it is all that can be said: "at least 3 times".
        """
        if not self.significant or self.simultaneous is None:
            return None
        low, high = self.simultaneous
        return low if low > 1 else high

    def as_dict(self) -> dict[str, Any]:
        """The form of results."""
        out: dict[str, Any] = {
            "ratio": self.ratio,
            "ratio_ci95": None if self.ci95 is None else list(self.ci95),
            "ratio_ci95_simultaneous": None
            if self.simultaneous is None
            else list(self.simultaneous),
            "p_value": self.p_value,
            "p_value_family": self.p_family,
            "family": self.family,
            "significant": self.significant,
            "resolved": self.resolved,
            "at_least": self.at_least,
            "n": self.n,
            "method": self.method,
        }
        return out if self.reason is None else {**out, "reason": self.reason}


Pair = tuple[Sequence[float | int | None], Sequence[float | int | None]]


def log_ratios(a: Sequence[float | int | None], b: Sequence[float | int | None]) -> list[float]:
    """Logarithms of B / A of each pair of replications, by position; a surplus is left out.

    Returns
    -------
    list of float
        Empty unless all values are positive numbers.
    """
    both = list(zip(a, b, strict=False))
    logs = [math.log(y / x) for x, y in both if x is not None and y is not None and x > 0 < y]
    return logs if len(logs) == len(both) else []


def compare_family(pairs: Sequence[Pair]) -> list[Ratio]:
    """Compare all pairs that are shown together, so that all intervals hold together.

    Parameters
    ----------
    pairs : sequence of (values of A, values of B), each shape (n_replications,)

    Returns
    -------
    list of Ratio
        In the same order.

    Notes
    -----
    Each of the m comparisons is made at the level 5 % / m: its interval holds exactly the ratios
    that its test does not refuse at that level. Comparisons that cannot be made are not counted.

    The test is the sign test, which supposes nothing about the runs, wherever the pairs suffice for
    that level (``runs_needed``: 6 for one comparison, 12 for 60); with fewer pairs the t test of
    their logarithms, which supposes runs that are alike.

    Source
    ------
    R. Miller, *Simultaneous Statistical Inference*, 2nd ed., 1981 (Bonferroni). Unlike
    Holm's procedure it has an interval for each comparison that says the same as its test.
    """
    logs = [log_ratios(a, b) for a, b in pairs]
    made = sum(len(each) > 1 for each in logs)
    return [_ratio(each, made, pair) for each, pair in zip(logs, pairs, strict=True)]


def median_test(logs: Sequence[float], alpha: float) -> tuple[Ends, float, str]:
    """Test that the median is 0, and find the interval of what the test does not refuse.

    Parameters
    ----------
    logs : sequence of float, at least 2
    alpha : float, 0..1
        Level of the test.

    Returns
    -------
    ends : (float, float)
        0 is outside exactly if the p-value is at most ``alpha``.
    p_value : float
    method : str
    """
    ends = sign_interval(logs, alpha)
    if ends is not None:
        return ends, sign_test(logs), SIGN_TEST
    from scipy.special import stdtr, stdtrit  # here: they take long to import

    n = len(logs)
    centre = math.fsum(logs) / n
    error = math.sqrt(math.fsum((x - centre) ** 2 for x in logs) / (n - 1) / n)
    if error <= SMALLEST_LOG:
        same = abs(centre) <= SMALLEST_LOG
        return (centre, centre), 1.0 if same else 0.0, T_TEST
    p = 2 * float(stdtr(n - 1, -abs(centre) / error))
    half = float(stdtrit(n - 1, 1 - alpha / 2)) * error
    return (centre - half, centre + half), p, T_TEST


def _ratio(logs: Sequence[float], family: int, pair: Pair) -> Ratio:
    n = len(logs)
    if not logs:
        missing = any(x is None for values in pair for x in values) or not min(map(len, pair))
        reason = "a replication has no value" if missing else "no ratio: a value is not positive"
        return Ratio(None, None, None, None, None, family, min(map(len, pair)), SIGN_TEST, reason)
    centre = math.exp(median(logs))
    if n < 2:
        reason = "one pair of replications: no interval"
        return Ratio(centre, None, None, None, None, family, n, SIGN_TEST, reason)
    ends, p, method = median_test(logs, LEVEL / family)
    alone = typical_run([math.exp(x) for x in logs]).ci95
    found = Ratio(centre, alone, _exp(ends), p, min(1.0, family * p), family, n, method)
    return found if found.resolved else replace(found, reason=UNRESOLVED)


def _exp(ends: Ends) -> Ends:
    """Back from logarithms, without leaving the range of float."""
    return math.exp(max(ends[0], -700.0)), math.exp(min(ends[1], 700.0))
