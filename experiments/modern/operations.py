"""Predictions of calls on memory that nobody has compared yet: `operations.csv`, by one command.

    python experiments/modern/operations.py

simulates munmap of 1 GiB of anonymous memory by the size of its folios, on the machine on which
fork was timed, in a kernel that clears ptes one by one and in one that clears those of a folio in
one go; and execs by 1 to 26 processes that have files of their own or share them, before and after
mappings were unlinked in batches. The range of a value goes from all costs of the call at their low
ends to all at their high ends.
"""

import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dessim
from dessim.model import load_machine

OUT = Path(__file__).parent / "operations.csv"
COLUMNS = ("machine", "kernel", "operation", "detail", "tasks", "value", "unit", "lo", "hi")
MUNMAP = """
name: munmap-by-folio-size
machine: cascade-lake-4210r-1s
workload:
  {name: munmap, access: sequential, fault: anonymous, mapping: per_process, file_size: 1GiB}
schemes: [{linux_6_12: {folio_batches: false}}, linux_6_12]
matrix: {workload.anon_order: [0, 2, 3, 4, 5, 6, 7, 8, 9]}
threads: 1
fault_around_order: 0
replications: 3
"""
MUNMAP_COSTS = ("zap_page", "zap_pte", "free_page", "folio_tail", "lru_link", "uncharge_page")
"""Of section `frames`: what munmap of memory is made of, besides misses."""
EXEC = """
name: exec-by-processes
machine: sapphire-rapids-8468v-2s
workload: exec-storm
schemes: [{linux_6_12: {unlink_batch: 1}}, linux_6_12]
matrix:
  workload.libraries: [own, shared]
  threads: [1, 2, 4, 8, 12, 16, 20, 26]
fault_around_order: 0
replications: 3
"""
EXEC_COSTS = ("exec_process", "exec_file", "map_region", "link_vma", "unlink_vma")
"""Of section `frames`: what an exec is made of, besides misses and its memory."""


def ends(machine: str, costs: tuple[str, ...]) -> tuple[dict[str, str], dict[str, str]]:
    """Return costs of a machine, all at their low ends, and all at their high ends."""
    provenance: Any = load_machine(machine).provenance
    low, high = (
        {
            f"machine.frames.{name}": f"{getattr(provenance[f'frames.{name}'], end)}ps"
            for name in costs
        }
        for end in ("low", "high")
    )
    return low, high


def simulated(
    text: str, costs: tuple[str, ...], metric: str
) -> Iterator[tuple[Any, float, float, float]]:
    """Yield each point of an experiment, its value, and the lowest and highest with other costs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "operations.yaml"
        path.write_text(text)
        machine = next(line.split()[1] for line in text.splitlines() if line.startswith("machine:"))
        runs = [
            dessim.run(path, changed, results_dir=folder).points
            for changed in ({}, *ends(machine, costs))
        ]
        for points in zip(*runs, strict=True):
            values = [point[metric].mean for point in points]
            yield points[0], values[0], min(values), max(values)


def munmaps() -> list[dict[str, Any]]:
    """Return the rows of munmap."""
    found = [
        {
            "machine": "cascade-lake-4210r-1s",
            "kernel": "6.8" if "=" in point.scheme else "6.9",
            "operation": "munmap of 1 GiB",
            "detail": f"folios of {4 << point.parameters['workload.anon_order']} KiB,"
            " mapped by ptes",
            "tasks": 1,
            "value": f"{value / 1e9:.4g}",
            "unit": "s",
            "lo": f"{low / 1e9:.4g}",
            "hi": f"{high / 1e9:.4g}",
        }
        for point, value, low, high in simulated(MUNMAP, MUNMAP_COSTS, "call_latency_ns_mean")
    ]
    return sorted(found, key=lambda row: row["kernel"])


def execs() -> list[dict[str, Any]]:
    """Return the rows of exec."""
    found = [
        {
            "machine": "sapphire-rapids-8468v-2s",
            "kernel": "6.10" if "=" in point.scheme else "6.11",
            "operation": "exec",
            "detail": f"{point.parameters['workload.libraries']} binary, loader and C library",
            "tasks": point.threads,
            "value": f"{value:.4g}",
            "unit": "1/s",
            "lo": f"{low:.4g}",
            "hi": f"{high:.4g}",
        }
        for point, value, low, high in simulated(EXEC, EXEC_COSTS, "calls_per_s")
    ]
    return sorted(found, key=lambda row: (row["kernel"], row["detail"]))


if __name__ == "__main__":
    table = [*munmaps(), *execs()]
    with OUT.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(table)
    print(f"wrote {OUT} ({len(table)} rows)")
