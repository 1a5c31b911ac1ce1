"""Whether a part of a file may stand for the whole: two sizes must say the same.

The second size is at least twice the first (``model.growth``). Where they differ, what would be
scaled up is refused, and what needs no scaling loses its interval: both depend on how much was
simulated. Where they may differ, and the runs are too few to be sure, whatever may differ has no
interval: a slow drift looks like this.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dessim.measure.statistics.drift import TOLERANCE, Agreement, Verdict, agreement
from dessim.measure.statistics.flags import NOT_STATIONARY, PERHAPS_NOT
from dessim.measure.statistics.summary import Summary
from dessim.measure.statistics.typical import Ends
from dessim.metrics import BY_NAME, METRICS, NS, Topic
from dessim.model.units import SIZE, format_quantity

TAIL_TOLERANCE = 0.10
"""Tolerated difference in p99.9 and beyond, which few observations decide."""
TAILS = ("fault_latency_ns_p999", "fault_latency_ns_p9999")
LEFT_OUT = ("fault_latency_ns_max",)
"""The longest of more faults is longer."""
AGREEING = (
    *("completion_s", "steady_faults_per_s", "pages_mapped_per_s", "minor_faults"),
    *("fault_latency_ns_mean", "fault_latency_ns_p50"),
)
"""Metrics that must agree before growing ends; of all others it is enough that none may differ."""
TAIL = "fault_latency_ns_p99"
SUPPORTED = (*AGREEING, TAIL)
"""Metrics that both sizes must have before growing ends, if one of them has."""
TAIL_ROOM = 0.20
"""Growing goes on while the interval of p99's ratio leaves room for a greater change than this:
medians that look alike say nothing where runs of one size differ as much."""
FLAGGED = (
    *("completion_s", "steady_faults_per_s", "pages_mapped_per_s", "minor_faults"),
    TAIL,
)
"""Metrics that flag a point if they may differ; any other that may just loses its interval."""


@dataclass(frozen=True)
class SizePair:
    """A metric at the last two sizes.

    Attributes
    ----------
    smaller, larger : float or None
        In the typical run; None if that size does not support it.
    tolerance : float
        Tolerated difference.
    verdict : "agree", "differ" or "unsure"
    ci95 : (float, float) or None
        Of the ratio of the typical run, by pairs of replications.
    suspected : bool
        Whether the sizes seemed to differ before there were as many runs: only agreement that is
        shown clears that. Else the runs that happen to look alike would be believed.
    """

    smaller: float | None
    larger: float | None
    tolerance: float
    verdict: Verdict
    ci95: Ends | None = None
    suspected: bool = False

    @property
    def ratio(self) -> float | None:
        """Larger over smaller; None where either is missing or zero."""
        return self.larger / self.smaller if self.smaller and self.larger else None

    @property
    def perhaps(self) -> bool:
        """Whether the sizes may well differ, and the runs are too few to be sure.

        Their medians differ by more than the tolerance; or they change for certain, perhaps by
        more.
        """
        ratio = self.ratio
        if self.verdict != "unsure" or ratio is None:
            return False
        if self.suspected or not 1 / (1 + self.tolerance) <= ratio <= 1 + self.tolerance:
            return True
        return self.ci95 is not None and not self.ci95[0] <= 1 <= self.ci95[1]

    @property
    def wide(self) -> bool:
        """Whether the interval of the ratio leaves room for a change beyond ``TAIL_ROOM``."""
        if self.verdict == "agree" or self.ci95 is None:
            return False
        low, high = self.ci95
        return low < 1 / (1 + TAIL_ROOM) or high > 1 + TAIL_ROOM

    def as_dict(self) -> dict[str, Any]:
        """The form of results."""
        return {
            "smaller": self.smaller,
            "larger": self.larger,
            "ratio": self.ratio,
            "ratio_ci95": None if self.ci95 is None else list(self.ci95),
            "tolerance": self.tolerance,
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class Stationarity:
    """What was found by simulating a point in more than one size.

    Attributes
    ----------
    sizes : tuple of int, bytes
        All that were simulated, ascending; the numbers of the point are those of the last.
    whole : bool
        Whether the last is the whole file: nothing is scaled.
    metrics : dict
        Metric -> the last two sizes side by side.
    """

    sizes: tuple[int, ...]
    whole: bool = False
    metrics: Mapping[str, SizePair] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether growing may end: what must agree does, what must be there is, none may differ."""
        if self.whole:
            return True
        if not self.metrics or self.different or self.doubtful:
            return False
        held = [pair for name, pair in self.metrics.items() if name in AGREEING]
        there = [pair for name, pair in self.metrics.items() if name in SUPPORTED]
        lacking = any(pair.smaller is None or pair.larger is None for pair in there)
        if lacking or (TAIL in self.metrics and self.metrics[TAIL].wide):
            return False
        return all(pair.verdict == "agree" for pair in held)

    @property
    def different(self) -> list[str]:
        """Metrics in which two sizes differ by more than tolerance and chance."""
        return [name for name, pair in self.metrics.items() if pair.verdict == "differ"]

    @property
    def doubtful(self) -> list[str]:
        """Metrics that flag the point, because two sizes may differ in them."""
        return [name for name in FLAGGED if name in self.metrics and self.metrics[name].perhaps]

    @property
    def unconfirmed(self) -> list[str]:
        """Metrics for which the smaller size is too little, so that no second one confirms them."""
        return [name for name, p in self.metrics.items() if p.smaller is None and p.larger]

    @property
    def undecided(self) -> bool:
        """Whether more runs of the same sizes may say whether they differ."""
        return bool(self.doubtful) and not self.whole and not self.refused

    @property
    def refused(self) -> bool:
        """Whether nothing may be scaled up: sizes differ, or there is one size only."""
        if self.whole:
            return False
        return len(self.sizes) < 2 or bool(set(self.different) - set(TAILS))

    def as_dict(self) -> dict[str, Any]:
        """The form of results."""
        return {
            "sizes_bytes": list(self.sizes),
            "whole_file": self.whole,
            "stationary": self.whole or not (self.refused or self.doubtful),
            "metrics": {name: pair.as_dict() for name, pair in self.metrics.items()},
        }


def compare_sizes(
    smaller: Summary,
    larger: Summary,
    wanted: Mapping[str, float] | None,
    suspected: Collection[str] = (),
) -> dict[str, SizePair]:
    """Compare the metrics of two sizes, replication by replication.

    Parameters
    ----------
    smaller, larger : Summary
    wanted : mapping of metric -> float, or None
        Precision that was asked for: no larger difference is tolerated.
    suspected : collection of str
        Metrics that seemed to differ with fewer runs.

    Returns
    -------
    dict of metric -> SizePair
        Those of ``SUPPORTED`` and tails if either size has them, others if both do. Counts of rare
        events are left out: few of them say little about any size.
    """
    found = {}
    for metric in METRICS:
        name = metric.name
        if name in LEFT_OUT or metric.whole_run or (metric.is_event and metric.scales):
            continue
        a, b = smaller.metrics[name].mean, larger.metrics[name].mean
        tolerance = (wanted or {}).get(name, TAIL_TOLERANCE if name in TAILS else TOLERANCE)
        if a is None or b is None:
            if name in (*SUPPORTED, *TAILS) and (a is not None or b is not None):
                found[name] = SizePair(a, b, tolerance, "unsure")
            continue
        one = Agreement("agree")
        if a != b:
            one = agreement(smaller.values[name], larger.values[name], tolerance)
        found[name] = SizePair(a, b, tolerance, one.verdict, one.ci95, name in suspected)
    return found


def refuse(summary: Summary, found: Stationarity) -> Summary:
    """Take out of a summary what two sizes do not support.

    Parameters
    ----------
    summary : Summary
        Of the largest size.
    found : Stationarity

    Returns
    -------
    Summary
        Scaled numbers are gone if sizes differ; other metrics that differ have no interval. Where
        sizes may differ, neither what may differ nor a scaled number that is not shown to agree has
        one.
    """
    if found.whole or not summary.scaled:
        return summary
    metrics = dict(summary.metrics)
    for name, estimate in summary.metrics.items():
        scales, pair = BY_NAME[name].scales, found.metrics.get(name)
        if (scales and found.refused) or (pair is not None and pair.verdict == "differ"):
            gone = scales and found.refused
            metrics[name] = estimate.unsure(_why(found, name), number=not gone)
        elif estimate.mean and (_may_differ(pair) or (scales and _not_shown(found, pair))):
            metrics[name] = estimate.unsure(_why_perhaps(found, name), number=True)
    notes = [*summary.notes, *_unconfirmed(found)]
    flags = list(summary.flags)
    if found.refused:
        remedy = "nothing is scaled up (more of the file may help)"
        flags.append("not_stationary")
        notes.append(f"{NOT_STATIONARY}: {_cause(found)}; {remedy}")
    elif found.doubtful:
        remedy = "what may differ has no interval (more of the file may help)"
        flags.append("size_unsure")
        notes.append(f"{PERHAPS_NOT}: {_cause(found)}; {remedy}")
    return replace(summary, metrics=metrics, flags=tuple(flags), notes=tuple(notes))


def _unconfirmed(found: Stationarity) -> list[str]:
    """Say which quantiles only one size has."""
    if not found.unconfirmed:
        return []
    names = " and ".join(found.unconfirmed)
    return [f"no second size confirms {names}: {_size(found.sizes[-2])} is too little"]


def _may_differ(pair: SizePair | None) -> bool:
    return pair is not None and pair.perhaps


def _not_shown(found: Stationarity, pair: SizePair | None) -> bool:
    """Whether, at a point whose sizes may differ, nothing shows that a number is the same."""
    return bool(found.doubtful) and (pair is None or pair.verdict != "agree")


def _why(found: Stationarity, name: str) -> str:
    """Why a number is refused: itself at two sizes, or the metric that differs most."""
    pair = found.metrics.get(name)
    if pair is not None and pair.verdict == "differ":
        return f"{NOT_STATIONARY}: {_sizes(found, name, pair)}"
    return f"{NOT_STATIONARY}: {_cause(found)}"


def _why_perhaps(found: Stationarity, name: str) -> str:
    """Why an interval is missing: itself at two sizes, or the metric that may differ most."""
    pair = found.metrics.get(name)
    if pair is not None and pair.perhaps:
        return f"{PERHAPS_NOT}: {_sizes(found, name, pair)}"
    return f"{PERHAPS_NOT}: {_cause(found)}"


def _cause(found: Stationarity) -> str:
    if len(found.sizes) < 2:
        return f"only {_size(found.sizes[-1])} were simulated, and no second size"
    names = found.different if found.refused else found.doubtful
    pairs = {name: found.metrics[name] for name in names}
    name = max(pairs, key=lambda name: _distance(pairs[name]))
    return _sizes(found, name, pairs[name])


def _distance(pair: SizePair) -> float:
    if not pair.smaller or not pair.larger:
        return math.inf
    return abs(math.log(pair.larger / pair.smaller))


def _sizes(found: Stationarity, name: str, pair: SizePair) -> str:
    small, large = (_size(size) for size in found.sizes[-2:])
    unit = " ns" if BY_NAME[name].unit == NS else " s" if name.endswith("_s") else ""
    if BY_NAME[name].topic is Topic.THROUGHPUT:
        unit = " 1/s"
    larger, smaller = _short(pair.larger), _short(pair.smaller)
    return f"{name} is {larger}{unit} from {large}, {smaller}{unit} from {small}"


def _short(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"


def _size(size: int) -> str:
    return format_quantity(size, SIZE)


def half_of(size: int, multiple: int) -> int:
    """Return half of a size, a multiple of something; 0 if there is none."""
    return size // 2 // multiple * multiple
