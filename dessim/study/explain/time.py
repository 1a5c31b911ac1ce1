"""Where time goes: categories that add up, and who held what others waited for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from dessim.kernel.result import RunResult
from dessim.measure.recording.blame import blame
from dessim.measure.statistics.intervals import mean_interval
from dessim.measure.statistics.run_metrics import PS_PER_NS, scale_of, time_shares, whole_times
from dessim.model import Point
from dessim.study.explain.trace import record
from dessim.study.explain.whatif import place_of

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
        "faults": sum(faults_of(run) for run in runs),
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


def faults_of(run: RunResult) -> int:
    """All faults of a run, of a lock loop all turns; latencies may be those of a part only."""
    return sum(run.series_faults)


def _per_fault(run: RunResult, fixed_ps: int) -> dict[str, float | None]:
    """Time by category for each fault, ns; None of a run without faults."""
    faults = faults_of(run) * scale_of(run)
    whole = whole_times(run, fixed_ps)
    return {name: float(ps / faults / PS_PER_NS) if faults else None for name, ps in whole.items()}


def _sum(parts: dict[str, float | None]) -> float | None:
    known = [part for part in parts.values() if part is not None]
    return math.fsum(known) if known else None


BLAME_SPANS = 300_000
"""Spans from which blame is made if nothing else is asked for: some ten seconds."""
TOP = 20
"""Chains and single locks or lines that are reported."""


def blame_of(point: Point, limit: int = BLAME_SPANS) -> Entry:
    """Who held what the threads waited for, in the first replication.

    Parameters
    ----------
    point : Point
    limit : int
        Spans after which recording ends: then only the beginning of the run is reported.

    Returns
    -------
    dict
        Times in ps. ``by_kind``, ``by_category``, ``matrix`` and all chains add up to
        ``waiting_ps`` exactly; of chains and single resources only the greatest are in it.
    """
    recording, _ = record(point, limit=limit)
    found = blame(recording)
    return {
        **place_of(point),
        "replication": 0,
        "complete": recording.complete,
        "error": recording.error or None,
        "until_ps": recording.until_ps,
        "total_time_ps": found.total_ps,
        "waiting_ps": found.waiting_ps,
        "by_category": dict(_sorted(found.by_category)),
        "by_kind": [
            {"kind": kind, "waiting_ps": ps, "waits": found.waits[kind]}
            for kind, ps in _sorted(found.by_kind)
        ],
        "resources": [
            {"resource": name, "waiting_ps": ps} for name, ps in _sorted(found.by_resource)[:TOP]
        ],
        "matrix": [
            {"kind": kind, "waiter": waiter, "holder": holder, "waiting_ps": ps}
            for (kind, waiter, holder), ps in _sorted(found.matrix)
        ],
        "chains": [
            {"chain": list(chain), "waiting_ps": ps} for chain, ps in _sorted(found.chains)[:TOP]
        ],
    }


def _sorted(counter: Counter[Any]) -> list[tuple[Any, int]]:
    """The greatest first; equal ones by name."""
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))
