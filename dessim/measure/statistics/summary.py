"""All replications of one point together.

A run is the unit. What is reported of a metric is its value in the typical run, the median over
replications (``typical``); runs that differ in kind are looked for before anything is believed
(``modes``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dessim.kernel.result import RunResult
from dessim.measure.statistics.drift import Drift, drift_of
from dessim.measure.statistics.intervals import (
    T_OVER_REPLICATIONS,
    IntervalEstimate,
    batch_interval,
    mean_interval,
)
from dessim.measure.statistics.modes import Mixture, mixture_of
from dessim.measure.statistics.run_metrics import (
    DRY,
    NO_OVERLAP,
    PS_PER_S,
    QUANTILES_PPM,
    SERIES,
    RunMetrics,
    run_metrics,
    time_shares,
)
from dessim.measure.statistics.run_quantiles import typical_quantile
from dessim.measure.statistics.typical import FEWEST, resolved, typical_run
from dessim.metrics import BY_NAME, NAMES, Topic

MIXED_LATENCIES = "some runs have latencies of a steady phase, others of the whole run only"


@dataclass(frozen=True)
class Summary:
    """The numbers of a point.

    Attributes
    ----------
    metrics : dict
        Metric name -> IntervalEstimate, in the order of ``METRICS``.
    time_share : dict
        Category -> IntervalEstimate of its share of all tasks' time, 0 to 1; the means add up to 1.
    scaled : bool
        Whether counts and completion time were extrapolated from a part of the file.
    notes : tuple of str
        What a reader must know, each once.
    values : dict
        Metric name -> its value in each replication, by which schemes are paired.
    warmup_s : IntervalEstimate, s
        Where the warm-up ends.
    mixture : Mixture or None
        Two kinds of runs, if there seem to be.
    drift : Drift
        Whether the rate still changes after the warm-up.
    flags : tuple of str
        What cannot be said of the point, words of ``flags.FLAGS``.
    """

    metrics: dict[str, IntervalEstimate]
    time_share: dict[str, IntervalEstimate]
    scaled: bool
    notes: tuple[str, ...]
    values: dict[str, list[float | int | None]]
    warmup_s: IntervalEstimate
    mixture: Mixture | None
    drift: Drift
    flags: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """The part of a point's results that comes from its runs."""
        return {
            "metrics": {
                name: {**e.as_dict(), "values": self.values[name], **self._paired(name)}
                for name, e in self.metrics.items()
            },
            "warmup_s": self.warmup_s.as_dict(),
            "time_share": {name: e.mean for name, e in self.time_share.items()},
            "time_share_ci95": {
                name: None if e.ci95 is None else list(e.ci95)
                for name, e in self.time_share.items()
            },
            "time_share_estimate": {
                "n": self.warmup_s.n,
                "observations": self.warmup_s.n,
                "method": T_OVER_REPLICATIONS,
            },
            "mixture": None if self.mixture is None else self.mixture.as_dict(),
            "drift": self.drift.as_dict(),
            "flags": list(self.flags),
            "notes": list(self.notes),
        }

    def _paired(self, name: str) -> dict[str, Any]:
        return {"paired_values": self.values[name]} if name in QUANTILES_PPM else {}


def summarise(
    runs: Sequence[RunResult],
    fixed_exit_ps: int = 0,
    processes: int = 1,
    warmup_ps: int | None = None,
) -> Summary:
    """Summarise the replications of a point.

    Parameters
    ----------
    runs : sequence of RunResult, shape (n_replications,), at least one
    fixed_exit_ps : int, ps
        Part of a process's teardown that does not grow with the file.
    processes : int
        How many processes there are, each with a teardown of its own.
    warmup_ps : int or None, ps
        Where the warm-up ends; None: where MSER-5 says.
    """
    assert runs, "no runs to summarise"
    each = [run_metrics(run, fixed_exit_ps, warmup_ps) for run in runs]
    metrics = {name: _estimate(name, runs, each) for name in NAMES}
    each_share = [time_shares(run, fixed_exit_ps * processes) for run in runs]
    shares = {
        name: mean_interval([share[name] for share in each_share]) for name in runs[0].time_ps
    }
    notes = tuple(dict.fromkeys(note for one in each for note in one.notes))
    warm = mean_interval([one.warmup_ps / PS_PER_S for one in each])
    method = "MSER-5" if warmup_ps is None else "set by the experiment"
    values = {name: [one.values[name] for one in each] for name in NAMES}
    mixture = mixture_of(values)
    drift = drift_of([one.kept for one in each if one.steady])
    return Summary(
        metrics,
        shares,
        any(run.scaled for run in runs),
        (*notes, *(() if mixture is None else (mixture.sentence,))),
        values,
        replace(warm, method=f"{method}; {warm.method}"),
        mixture,
        drift,
        _flags(each, metrics, mixture, drift),
    )


def _flags(
    each: Sequence[RunMetrics],
    metrics: Mapping[str, IntervalEstimate],
    mixture: Mixture | None,
    drift: Drift,
) -> tuple[str, ...]:
    holds = {
        "mixture": mixture is not None,
        "few_replications": len(each) < FEWEST,
        "no_overlap": not all(one.steady for one in each),
        "drift": drift.drifts,
        "unresolved": any(_is_unresolved(name, one) for name, one in metrics.items()),
    }
    return tuple(name for name, is_so in holds.items() if is_so)


def _is_unresolved(name: str, estimate: IntervalEstimate) -> bool:
    """Whether an interval goes further than its number can say; counts may be rare by nature."""
    counts = BY_NAME[name].scales and name != "completion_s"
    if counts or estimate.ci95 is None or not estimate.mean:
        return False
    return not resolved(estimate.mean, estimate.ci95)


def _estimate(name: str, runs: Sequence[RunResult], each: Sequence[RunMetrics]) -> IntervalEstimate:
    """One metric over all replications: by one estimator for all of them, or none."""
    if name in SERIES and not all(one.steady for one in each):
        apart = sum(not one.steady for one in each)
        reason = f"in {apart} of {len(each)} runs {NO_OVERLAP}" if len(each) > 1 else NO_OVERLAP
        return typical_run([None] * len(each)).because(reason)
    if name in SERIES and any(one.values[name] is None for one in each):
        return typical_run([None] * len(each)).because(DRY)
    is_latency = BY_NAME[name].topic is Topic.LATENCY
    if is_latency and len({one.latency_steady for one in each}) > 1:
        return typical_run([None] * len(each)).because(MIXED_LATENCIES)
    if name in QUANTILES_PPM:
        return typical_quantile([run.latency_counts for run in runs], QUANTILES_PPM[name])
    if len(each) == 1 and name in each[0].batches and each[0].values[name] is not None:
        batches = batch_interval(each[0].batches[name])
        return replace(batches, mean=each[0].values[name])
    observed = sum(run.latency_count for run in runs) if is_latency else None
    return typical_run([one.values[name] for one in each], observed)
