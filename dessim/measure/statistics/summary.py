"""All replications of one point together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dessim.kernel.result import RunResult
from dessim.measure.statistics.intervals import (
    T_OVER_REPLICATIONS,
    IntervalEstimate,
    batch_interval,
    mean_interval,
    paired_quantiles,
    quantile_interval,
)
from dessim.measure.statistics.run_metrics import (
    PS_PER_S,
    QUANTILES_PPM,
    RunMetrics,
    run_metrics,
    time_shares,
)
from dessim.metrics import NAMES


@dataclass(frozen=True)
class Summary:
    """The numbers of a point.

    Attributes
    ----------
    metrics : dict
        Metric name -> IntervalEstimate, in the order of ``dessim.metrics``.
    time_share : dict
        Category -> IntervalEstimate of its share of all tasks' time, 0 to 1; the means add up to 1.
    scaled : bool
        Whether counts and completion time were extrapolated from a part of the file.
    notes : tuple of str
        What a reader must know, each once.
    values : dict
        Metric name -> its value in each replication, by which schemes are paired.
    paired_values : dict
        Quantile -> values by which schemes are paired instead (``paired_quantiles``), ns.
    warmup_s : IntervalEstimate, s
        Where the warm-up ends.
    """

    metrics: dict[str, IntervalEstimate]
    time_share: dict[str, IntervalEstimate]
    scaled: bool
    notes: tuple[str, ...]
    values: dict[str, list[float | int | None]]
    paired_values: dict[str, list[float | None]]
    warmup_s: IntervalEstimate

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
            "notes": list(self.notes),
        }

    def _paired(self, name: str) -> dict[str, Any]:
        values = self.paired_values.get(name)
        return {} if values is None else {"paired_values": values}


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
    paired = paired_quantiles([run.latency_counts for run in runs], [*QUANTILES_PPM.values()])
    warm = mean_interval([one.warmup_ps / PS_PER_S for one in each])
    method = "MSER-5" if warmup_ps is None else "set by the experiment"
    return Summary(
        metrics,
        shares,
        any(run.scaled for run in runs),
        notes,
        {name: [one.values[name] for one in each] for name in NAMES},
        dict(zip(QUANTILES_PPM, paired, strict=True)),
        replace(warm, method=f"{method}; {warm.method}"),
    )


def _estimate(name: str, runs: Sequence[RunResult], each: Sequence[RunMetrics]) -> IntervalEstimate:
    """One metric over all replications."""
    if name in QUANTILES_PPM:
        return quantile_interval([run.latency_counts for run in runs], QUANTILES_PPM[name])
    if len(each) == 1 and name in each[0].batches:
        batches = batch_interval(each[0].batches[name])
        return replace(batches, mean=each[0].values[name])
    found = mean_interval([one.values[name] for one in each])
    if name == "fault_latency_ns_mean":
        return replace(found, observations=sum(run.latency_count for run in runs))
    return found
