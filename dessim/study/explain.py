"""Where the time goes: categories that add up, from the runs of each point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dessim.kernel.result import RunResult
from dessim.measure.intervals import mean_interval
from dessim.measure.metrics import PS_PER_NS, scale_of, time_shares, whole_times
from dessim.model import Point
from dessim.study.whatif import place_of

Entry = dict[str, Any]


def time_of(point: Point, runs: Sequence[RunResult]) -> Entry:
    """Time of all threads by category.

    Parameters
    ----------
    point : Point
    runs : sequence of RunResult, shape (n_replications,), at least one

    Returns
    -------
    dict
        ``simulated_ps`` of the categories are integers, summed over replications, that add up to
        ``simulated_total_ps`` exactly. Shares and ns per fault are of the whole file, as in the
        results of ``dessim run``, with 95 % intervals over replications.
    """
    processes = point.threads if point.workload.mapping == "per_process" else 1
    fixed_ps = point.machine.kernel.process_exit_ps * processes
    shares = [time_shares(run, fixed_ps) for run in runs]
    per_fault = [_per_fault(run, fixed_ps) for run in runs]
    return {
        **place_of(point),
        "replications": len(runs),
        "faults": sum(run.latency_count for run in runs),
        "simulated_total_ps": sum(run.total_time_ps for run in runs),
        "total_ns_per_fault": mean_interval([_sum(each) for each in per_fault]).as_dict(),
        "categories": [
            {
                "category": name,
                "simulated_ps": sum(run.time_ps[name] for run in runs),
                "share": mean_interval([each[name] for each in shares]).as_dict(),
                "ns_per_fault": mean_interval([each[name] for each in per_fault]).as_dict(),
            }
            for name in runs[0].time_ps
        ],
    }


def _per_fault(run: RunResult, fixed_ps: int) -> dict[str, float | None]:
    """Time by category for each fault, ns; None of a run without faults."""
    faults = run.latency_count * scale_of(run)
    whole = whole_times(run, fixed_ps)
    return {name: float(ps / faults / PS_PER_NS) if faults else None for name, ps in whole.items()}


def _sum(parts: dict[str, float | None]) -> float | None:
    known = [part for part in parts.values() if part is not None]
    return math.fsum(known) if known else None
