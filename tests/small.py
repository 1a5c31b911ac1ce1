"""Small experiments and made-up runs for the tests of measuring, storing, drawing and commands."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from dessim.kernel.histogram import bucket_of
from dessim.kernel.layout import CATEGORIES, COUNTERS
from dessim.kernel.result import RunResult

EXPERIMENT = """\
name: small
description: Two schemes on a file of a few pages.
machine: ivybridge-ex-4s
workload: separate-processes
schemes: [lock_each_page, gang_lookup_mapcount]
matrix: {threads: [1, 2]}
fault_around_order: 2
simulate: 64KiB
replications: 2
"""


def experiment_file(folder: Path, text: str = EXPERIMENT, name: str = "small.yaml") -> Path:
    """Write an experiment to a file."""
    path = folder / name
    path.write_text(text)
    return path


def a_run(**changed: Any) -> RunResult:
    """Return a run in round numbers: 1 us per fault, a thousand bins of 1 us, one page a fault."""
    plain = RunResult(
        threads=2,
        pages_simulated=100,
        pages_declared=100,
        start_ps=100_000_000,
        first_finish_ps=900_000_000,
        finish_ps=1_000_000_000,
        completion_ps=1_200_000_000,
        counters=dict.fromkeys(COUNTERS, 0) | {"minor_faults": 1000, "pages_mapped": 1000},
        time_ps=dict.fromkeys(CATEGORIES, 0) | {"user": 1_500_000_000, "teardown": 500_000_000},
        total_time_ps=2_000_000_000,
        latency_counts=((bucket_of(1_000_000), 1000),),
        latency_max_ps=1_000_000,
        latency_sum_ps=1_000_000_000,
        latency_count=1000,
        latency_steady=True,
        series_bin_ps=1_000_000,
        series_faults=(1,) * 1000,
        series_pages=(1,) * 1000,
        events=10_000,
    )
    return replace(plain, **changed)


def counts_of(values_ps: list[int]) -> tuple[tuple[int, int], ...]:
    """Histogram of some latencies."""
    found: dict[int, int] = {}
    for value in values_ps:
        found[bucket_of(value)] = found.get(bucket_of(value), 0) + 1
    return tuple(sorted(found.items()))
