"""All replications of one point together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dessim.kernel.result import RunResult
from dessim.measure.intervals import Estimate, mean_interval, quantile_interval
from dessim.measure.metrics import METRICS, QUANTILES_PPM, run_metrics, time_shares


@dataclass(frozen=True)
class Summary:
    """The numbers of a point.

    Attributes
    ----------
    metrics : dict
        Metric name -> Estimate, in the order of ``METRICS``.
    time_share : dict
        Category -> Estimate of its share of all tasks' time, 0 to 1; the means add up to 1.
    scaled : bool
        Whether counts and completion time were extrapolated from a part of the file.
    notes : tuple of str
        What a reader must know, each once.
    """

    metrics: dict[str, Estimate]
    time_share: dict[str, Estimate]
    scaled: bool
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The part of a point's results that comes from its runs."""
        return {
            "metrics": {name: e.as_dict() for name, e in self.metrics.items()},
            "time_share": {name: e.mean for name, e in self.time_share.items()},
            "time_share_ci95": {
                name: None if e.ci95 is None else list(e.ci95)
                for name, e in self.time_share.items()
            },
            "notes": list(self.notes),
        }


def summarise(runs: Sequence[RunResult], fixed_exit_ps: int = 0, processes: int = 1) -> Summary:
    """Summarise the replications of a point.

    Parameters
    ----------
    runs : sequence of RunResult, shape (n_replications,), at least one
    fixed_exit_ps : int, ps
        Part of a process's teardown that does not grow with the file.
    processes : int
        How many processes there are, each with a teardown of its own.
    """
    assert runs, "no runs to summarise"
    each = [run_metrics(run, fixed_exit_ps) for run in runs]
    metrics = {
        name: quantile_interval([run.latency_counts for run in runs], QUANTILES_PPM[name])
        if name in QUANTILES_PPM
        else mean_interval([one.values[name] for one in each])
        for name in METRICS
    }
    each_share = [time_shares(run, fixed_exit_ps * processes) for run in runs]
    shares = {
        name: mean_interval([share[name] for share in each_share]) for name in runs[0].time_ps
    }
    notes = tuple(dict.fromkeys(note for one in each for note in one.notes))
    return Summary(metrics, shares, any(run.scaled for run in runs), notes)
