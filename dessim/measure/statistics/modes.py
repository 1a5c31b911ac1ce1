"""Runs of one point that differ in kind: most are alike, some collapse.

Latencies have modes in every run; this is about whole runs. Where one run in thirteen takes twenty
times as long, the numbers of five are those of either kind. Modes are looked for before anything is
said of a point; where they are suspected, runs are spent on them first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from dessim.measure.statistics.intervals import CONFIDENCE, IntervalEstimate
from dessim.measure.statistics.typical import FEWEST, Ends, median, typical_run

LOOKED_AT = ("completion_s", "pages_mapped_per_s", "steady_faults_per_s", "fault_latency_ns_p99")
"""Metrics in which modes are looked for: of the two rates the first that is not 0 throughout."""
LEAST_FACTOR = 1.1
"""Kinds of runs less than 10 % apart are spread, not modes."""
CRITICAL = ((5, 10.4), (6, 6.9), (8, 5.3), (10, 4.5), (15, 3.65), (20, 3.3), (30, 3.0), (40, 2.9))
"""Number of runs, and the gap, in standard deviations of the greater part, that one of 20 sets of
runs with one mode exceeds. The runs are drawn from the Gumbel distribution, whose skew (1.14) is
that of the worst unimodal point that was looked at; `tests/measure/test_modes.py` finds it."""
FAR = 8.0
"""Robust standard deviations from the median from which on a run is of another kind, gap or not."""
FEWEST_FOR_FAR = 10
TWO_HUMPS = 0.75
"""Bimodality coefficient above which runs lie on two humps: 0.56 is a uniform distribution, 1 two
values; up to 3 % of sets of twenty runs with one hump are above it."""
FEWEST_FOR_HUMPS = 20
STEPS = (30, 40)
"""Replications at which modes that are suspected are looked at again."""
TAIL_STEPS = (12, 20)
"""The same where only the tail shows them: how long the point takes and how much it does hardly
vary then. At 12 runs a gap must be 4.1 standard deviations instead of 6.9, and a single far run
stands out; 20 runs give the share of the rarer kind within some 20 %."""
TAIL = ("fault_latency_ns_p99",)


@dataclass(frozen=True)
class Mode:
    """Runs of one kind.

    Attributes
    ----------
    runs : int
    share, share_ci95 : float, (float, float), 0..1
        Of all runs of the point; the interval of Clopper and Pearson.
    typical : IntervalEstimate
        Of the runs of this kind; no interval from fewer than five, with a reason.
    """

    runs: int
    share: float
    share_ci95: Ends
    typical: IntervalEstimate

    def as_dict(self) -> dict[str, Any]:
        """The form of results."""
        return {
            "runs": self.runs,
            "share": self.share,
            "share_ci95": list(self.share_ci95),
            **self.typical.as_dict(),
        }


@dataclass(frozen=True)
class Mixture:
    """Two kinds of runs of one point.

    Attributes
    ----------
    metric : str
        In which they are furthest apart.
    low, high : Mode
        Runs below and above the gap.
    gap : float
        How far they are apart, in standard deviations of the logarithms of the greater kind.
    members : tuple of bool, shape (n_replications,)
        Whether a run is of the rarer kind.
    shown_by : tuple of str
        All metrics in which kinds were found.
    """

    metric: str
    low: Mode
    high: Mode
    gap: float
    members: tuple[bool, ...]
    shown_by: tuple[str, ...] = ()

    @property
    def rare(self) -> Mode:
        """The kind with fewer runs."""
        return self.low if self.low.runs < self.high.runs else self.high

    @property
    def common(self) -> Mode:
        """The kind with more runs."""
        return self.high if self.low.runs < self.high.runs else self.low

    @property
    def sentence(self) -> str:
        """What is true, in words: share of the rarer kind and how far it is from the other."""
        rare, common = self.rare, self.common
        low, high = rare.share_ci95
        text = (
            f"{rare.runs} of {rare.runs + common.runs} runs are of another kind in {self.metric}"
            f" ({rare.share:.1%}, 95 % interval {low:.1%} to {high:.1%})".replace("%", " %")
        ).replace("  %", " %")
        if common.typical.mean and rare.typical.mean:
            text += f": {rare.typical.mean / common.typical.mean:.3g} times the value of the others"
        return text

    def as_dict(self) -> dict[str, Any]:
        """The form of results."""
        return {
            "metric": self.metric,
            "shown_by": list(self.shown_by),
            "gap_standard_deviations": self.gap if math.isfinite(self.gap) else None,
            "modes": [self.low.as_dict(), self.high.as_dict()],
        }


def mixture_of(values: Mapping[str, Sequence[float | int | None]]) -> Mixture | None:
    """Look for two kinds of runs in the metrics of a point.

    Parameters
    ----------
    values : mapping
        Metric -> its value in each replication; only those of ``LOOKED_AT`` are used, and none
        that a run does not have.

    Returns
    -------
    Mixture or None
        That of the widest gap; None if the runs seem to be of one kind.
    """
    found = []
    rate_seen = False
    for metric in LOOKED_AT:
        numbers = [float(x) for x in values.get(metric, ()) if x is not None]
        if not numbers or len(numbers) < len(values[metric]):
            continue
        if metric.endswith("_per_s"):
            if rate_seen or not any(numbers):
                continue
            rate_seen = True
        one = modes_of(numbers, metric)
        if one is not None:
            found.append(one)
    if not found:
        return None
    widest = max(found, key=lambda one: one.gap)
    return replace(widest, shown_by=tuple(one.metric for one in found))


def modes_of(values: Sequence[float], metric: str = "") -> Mixture | None:
    """Look for two kinds of runs in one metric.

    Parameters
    ----------
    values : sequence of float, shape (n_replications,), not negative
    metric : str
        For the result.

    Returns
    -------
    Mixture or None
        None if the runs seem to be of one kind, or are fewer than five.

    Notes
    -----
    The widest gap between the sorted logarithms is held against the standard deviation of the runs
    on its greater side. From ten runs on, a run that is far from the median (8 robust standard
    deviations) is of another kind without a gap, too: collapses may take any time. From twenty on,
    broad modes that touch are found by their bimodality coefficient. Kinds are at least 10 % apart.
    Runs with and without any (0) are of two kinds.

    One test has about 5 % false alarms for runs with one skewed mode, and fewer for those whose
    spread is a few per cent. What it reports with few runs is a suspicion: look again with 30.

    Source
    ------
    Gaps between order statistics against an estimate of spread from the rest: V. Barnett, T. Lewis,
    *Outliers in Statistical Data*, 3rd ed., 1994 (Dixon's and Grubbs's ideas).
    Median absolute deviation: F. Hampel, J. Am. Stat. Assoc. 69, 1974. Bimodality coefficient:
    R. Pfister et al., *Good things peak in pairs*, Front. Psychol. 4, 2013.
    """
    if len(values) < FEWEST:
        return None
    if min(values) <= 0:
        split = 0.0 if max(values) > 0 else None
        return None if split is None else _mixture(values, split, math.inf, metric)
    logs = sorted(math.log(x) for x in values)
    gap, at = _widest_gap(logs)
    if gap < critical_gap(len(logs)):
        gap, at = _far_runs(logs)
    if gap == 0:
        gap, at = _humps(logs)
    if gap == 0:
        return None
    return _mixture(values, math.exp(at), gap, metric)


def critical_gap(n: int) -> float:
    """Gap, in standard deviations, above which n runs are suspected of two kinds.

    ``CRITICAL``, linear in 1/n between its rows.
    """
    rows = CRITICAL
    if n >= rows[-1][0]:
        return rows[-1][1]
    for (a, high), (b, low) in pairwise(rows):
        if n <= b:
            share = (1 / max(n, a) - 1 / b) / (1 / a - 1 / b)
            return low + (high - low) * share
    raise AssertionError("rows cover all numbers")


def excluded_share(n: int) -> float:
    """Share of runs above which a kind of runs would have shown up in n, with 95 % confidence.

    Source
    ------
    Clopper and Pearson, Biometrika 26, 1934, for none of n: 1 - 0.05^(1/n), one-sided.
    """
    if n < 1:
        raise ValueError(f"{n} runs exclude nothing")
    return float(1 - (1 - CONFIDENCE) ** (1 / n))


def nothing_seen(n: int) -> str:
    """Say what it means that n runs are of one kind."""
    share = f"{excluded_share(n):.1%}".replace("%", " %")
    return f"{n} runs of one kind: another would have shown up if more than {share} were of it"


def replications_for_modes(done: int, shown_by: Sequence[str]) -> int:
    """Replications at which a point of suspected modes is looked at again.

    Parameters
    ----------
    done : int
    shown_by : sequence of str
        Metrics in which the modes show.

    Returns
    -------
    int
        30, then 40; 12, then 20 if only a tail shows them; ``done`` if there are as many.
    """
    steps = TAIL_STEPS if set(shown_by) <= set(TAIL) else STEPS
    return next((step for step in steps if step > done), done)


def share_interval(count: int, n: int) -> Ends:
    """95 % interval of a share, exact.

    Source
    ------
    C. Clopper, E. Pearson, Biometrika 26, 1934.
    """
    from scipy.special import betaincinv  # here: it takes long to import

    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, n - count + 1, tail))
    high = 1.0 if count == n else float(betaincinv(count + 1, n - count, 1 - tail))
    return low, high


def _widest_gap(logs: Sequence[float]) -> tuple[float, float]:
    """Widest gap in standard deviations of its greater side, and its middle; 0 if none is 10 %."""
    best, at = 0.0, 0.0
    for k in range(1, len(logs)):
        gap = logs[k] - logs[k - 1]
        if gap < math.log(LEAST_FACTOR):
            continue
        sides = sorted((logs[:k], logs[k:]), key=len)
        spread = _deviation(sides[1])
        if len(sides[0]) == len(sides[1]):
            spread = max(spread, _deviation(sides[0]))
        measure = gap / spread if spread else math.inf
        if measure > best:
            best, at = measure, logs[k - 1] + gap / 2
    return best, at


def _deviation(part: Sequence[float]) -> float:
    """Return the standard deviation; 0 of a single value."""
    if len(part) < 2:
        return 0.0
    centre = math.fsum(part) / len(part)
    return math.sqrt(math.fsum((x - centre) ** 2 for x in part) / (len(part) - 1))


def _far_runs(logs: Sequence[float]) -> tuple[float, float]:
    """Distance of the furthest run in robust standard deviations, and where far runs begin."""
    if len(logs) < FEWEST_FOR_FAR:
        return 0.0, 0.0
    centre = median(logs)
    scale = 1.4826 * median([abs(x - centre) for x in logs])
    limit = max(FAR * scale, math.log(LEAST_FACTOR))
    furthest = max(logs, key=lambda x: abs(x - centre))
    distance = abs(furthest - centre)
    if distance <= limit:
        return 0.0, 0.0
    return (distance / scale if scale else math.inf), centre + math.copysign(
        limit, furthest - centre
    )


def _humps(logs: Sequence[float]) -> tuple[float, float]:
    """Distance of two humps in standard deviations of the greater, and where they part."""
    n = len(logs)
    centre = math.fsum(logs) / n
    second, third, fourth = (math.fsum((x - centre) ** k for x in logs) / n for k in (2, 3, 4))
    if n < FEWEST_FOR_HUMPS or second <= 0:
        return 0.0, 0.0
    if (third * third / second**3 + 1) * second**2 <= TWO_HUMPS * fourth:
        return 0.0, 0.0
    # The cut that leaves least variance: where k (n - k) (difference of means)^2 is greatest.
    total, below, best, cut = math.fsum(logs), 0.0, -1.0, 1
    for k in range(1, n):
        below += logs[k - 1]
        between = k * (n - k) * (below / k - (total - below) / (n - k)) ** 2
        if between > best:
            best, cut = between, k
    low, high = logs[:cut], logs[cut:]
    apart = math.fsum(high) / len(high) - math.fsum(low) / len(low)
    if apart < math.log(LEAST_FACTOR):
        return 0.0, 0.0
    spread = _deviation(max(low, high, key=len))
    return (apart / spread if spread else math.inf), (low[-1] + high[0]) / 2


def _mixture(values: Sequence[float], split: float, gap: float, metric: str) -> Mixture:
    low = [x for x in values if x <= split]
    high = [x for x in values if x > split]
    rare_is_low = len(low) < len(high)
    members = tuple((x <= split) == rare_is_low for x in values)
    n = len(values)
    return Mixture(metric, _mode(low, n), _mode(high, n), gap, members)


def _mode(values: Sequence[float], n: int) -> Mode:
    typical = typical_run(values)
    if len(values) < FEWEST:
        reason = f"{len(values)} runs of this kind; {FEWEST} are needed for an interval"
        typical = IntervalEstimate(typical.mean, None, len(values), reason, typical.method)
    return Mode(len(values), len(values) / n, share_interval(len(values), n), typical)
