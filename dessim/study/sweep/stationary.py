"""Whether a part of a file may stand for the whole: two sizes must say the same.

The second size is at least twice the first (``model.growth``). Where they differ, what would be
scaled up is refused, and what needs no scaling loses its interval: both depend on how much was
simulated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dessim.measure.statistics.drift import TOLERANCE, Verdict, agreement
from dessim.measure.statistics.flags import NOT_STATIONARY
from dessim.measure.statistics.intervals import IntervalEstimate
from dessim.measure.statistics.summary import Summary
from dessim.metrics import BY_NAME, METRICS, NS, Topic
from dessim.model.units import SIZE, format_quantity

TAIL_TOLERANCE = 0.10
"""Difference that is borne in p99.9 and beyond, which few observations decide."""
TAILS = ("fault_latency_ns_p999", "fault_latency_ns_p9999")
LEFT_OUT = ("fault_latency_ns_max",)
"""The longest of more faults is longer."""
AGREEING = (
    *("completion_s", "steady_faults_per_s", "pages_mapped_per_s", "minor_faults"),
    *("fault_latency_ns_mean", "fault_latency_ns_p50"),
)
"""Metrics that must agree before growing ends; of all others it is enough that none differs."""
SUPPORTED = (*AGREEING, "fault_latency_ns_p99")
"""Metrics that both sizes must have before growing ends, if one of them has."""


@dataclass(frozen=True)
class SizePair:
    """A metric at the last two sizes.

    Attributes
    ----------
    smaller, larger : float or None
        In the typical run; None if that size does not support it.
    tolerance : float
        Difference that is borne.
    verdict : "agree", "differ" or "unsure"
    """

    smaller: float | None
    larger: float | None
    tolerance: float
    verdict: Verdict

    @property
    def ratio(self) -> float | None:
        """Larger over smaller; None where either is missing or zero."""
        return self.larger / self.smaller if self.smaller and self.larger else None

    @property
    def perhaps(self) -> bool:
        """Whether the runs are too few to say that the sizes differ, though their medians do."""
        ratio = self.ratio
        if self.verdict != "unsure" or ratio is None:
            return False
        return not 1 / (1 + self.tolerance) <= ratio <= 1 + self.tolerance

    def as_dict(self) -> dict[str, Any]:
        """The form of results."""
        return {
            "smaller": self.smaller,
            "larger": self.larger,
            "ratio": self.ratio,
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
        """Whether growing may end: what must agree does, what must be there is, nothing differs."""
        if self.whole:
            return True
        if not self.metrics:
            return False
        if self.different or any(pair.larger is None for pair in self.metrics.values()):
            return False
        agree = [pair.verdict == "agree" for name, pair in self.metrics.items() if name in AGREEING]
        missing = [pair for name, pair in self.metrics.items() if pair.smaller is None]
        return all(agree) and not missing

    @property
    def different(self) -> list[str]:
        """Metrics in which two sizes differ by more than is borne, and more than chance does."""
        return [name for name, pair in self.metrics.items() if pair.verdict == "differ"]

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
            "stationary": not self.refused,
            "metrics": {name: pair.as_dict() for name, pair in self.metrics.items()},
        }


def compare_sizes(
    smaller: Summary, larger: Summary, wanted: Mapping[str, float] | None
) -> dict[str, SizePair]:
    """Compare the metrics of two sizes, replication by replication.

    Parameters
    ----------
    smaller, larger : Summary
    wanted : mapping of metric -> float, or None
        Precision that was asked for: no greater difference is borne.

    Returns
    -------
    dict of metric -> SizePair
        Those of ``SUPPORTED`` if either size has them, others if both do. Counts of rare events are
        left out: few of them say little about any size.
    """
    found = {}
    for metric in METRICS:
        name = metric.name
        if name in LEFT_OUT or metric.whole_run or (metric.is_event and metric.scales):
            continue
        a, b = smaller.metrics[name].mean, larger.metrics[name].mean
        if a is None or b is None:
            if name in SUPPORTED and (a is not None or b is not None):
                found[name] = SizePair(a, b, TOLERANCE, "unsure")
            continue
        tolerance = (wanted or {}).get(name, TAIL_TOLERANCE if name in TAILS else TOLERANCE)
        verdict: Verdict = "agree"
        if a != b:
            verdict = agreement(smaller.values[name], larger.values[name], tolerance)
        found[name] = SizePair(a, b, tolerance, verdict)
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
        Scaled numbers are gone if sizes differ; other metrics that differ have no interval, nor has
        a scaled number whose medians differ where the runs are too few to be sure.
    """
    if found.whole or not summary.scaled:
        return summary
    metrics = dict(summary.metrics)
    for name, estimate in summary.metrics.items():
        pair = found.metrics.get(name)
        if BY_NAME[name].scales and found.refused:
            metrics[name] = estimate.unsure(_why(found, name, estimate), number=False)
        elif pair is not None and pair.verdict == "differ":
            metrics[name] = estimate.unsure(_why(found, name, estimate), number=True)
        elif pair is not None and BY_NAME[name].scales and pair.perhaps:
            reason = f"perhaps {NOT_STATIONARY}: {_sizes(found, name, pair)}"
            metrics[name] = estimate.unsure(reason, number=True)
    if not found.refused:
        return replace(summary, metrics=metrics)
    remedy = "nothing is scaled up (a greater `simulate_cap` may help)"
    note = f"{NOT_STATIONARY}: {_cause(found)}; {remedy}"
    return replace(
        summary,
        metrics=metrics,
        flags=(*summary.flags, "not_stationary"),
        notes=(*summary.notes, note),
    )


def _why(found: Stationarity, name: str, estimate: IntervalEstimate) -> str:
    """Why a number is refused: itself at two sizes, or the metric that differs most."""
    pair = found.metrics.get(name)
    if pair is not None and pair.verdict == "differ":
        return f"{NOT_STATIONARY}: {_sizes(found, name, pair)}"
    return f"{NOT_STATIONARY}: {_cause(found)}"


def _cause(found: Stationarity) -> str:
    if len(found.sizes) < 2:
        return f"only {_size(found.sizes[-1])} were simulated, and no second size"
    pairs = {name: found.metrics[name] for name in found.different}
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
