"""Predictions of calls on memory that nobody has compared yet: `operations.csv`, by one command.

    python experiments/modern/operations.py

simulates munmap of 1 GiB of anonymous memory by the size of its folios, on the machine on which
fork was timed, in a kernel that clears ptes one by one and in one that clears those of a folio in
one go. The range of a value goes from all costs of munmap at their low ends to all at their high
ends.
"""

import csv
import tempfile
from pathlib import Path
from typing import Any

import dessim

OUT = Path(__file__).parent / "operations.csv"
COLUMNS = ("machine", "kernel", "operation", "detail", "tasks", "value", "unit", "lo", "hi")
MACHINE = "cascade-lake-4210r-1s"
COSTS = ("zap_page", "zap_pte", "free_page", "folio_tail", "lru_link", "uncharge_page")
"""Of section `frames`: what munmap of memory is made of, besides misses."""
KERNELS = {"6.8": "false", "6.9": "true"}
"""Kernel -> whether the ptes of a folio are cleared in one go."""
EXPERIMENT = """
name: munmap-by-folio-size
machine: {machine}
workload:
  {{name: munmap, access: sequential, fault: anonymous, mapping: per_process, file_size: 1GiB}}
schemes: [linux_6_12: {{folio_batches: {batched}}}]
matrix: {{workload.anon_order: [0, 2, 3, 4, 5, 6, 7, 8, 9]}}
threads: 1
fault_around_order: 0
replications: 3
"""


def seconds(batched: str, costs: dict[str, str]) -> dict[int, float]:
    """Return the seconds of a munmap by KiB of a folio."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "munmap-by-folio-size.yaml"
        path.write_text(EXPERIMENT.format(machine=MACHINE, batched=batched))
        result = dessim.run(path, costs, results_dir=folder)
        return {
            4 << point.parameters["workload.anon_order"]: point["call_latency_ns_mean"].mean / 1e9
            for point in result.points
        }


def ends() -> tuple[dict[str, str], dict[str, str]]:
    """Return the costs of munmap, all at their low ends, and all at their high ends."""
    from dessim.model import load_machine

    provenance: Any = load_machine(MACHINE).provenance
    return tuple(
        {
            f"machine.frames.{name}": f"{getattr(provenance[f'frames.{name}'], end)}ps"
            for name in COSTS
        }
        for end in ("low", "high")
    )


def rows() -> list[dict[str, Any]]:
    """Return the rows of the table."""
    low, high = ends()
    found = []
    for kernel, batched in KERNELS.items():
        values, least, most = (seconds(batched, costs) for costs in ({}, low, high))
        found += [
            {
                "machine": MACHINE,
                "kernel": kernel,
                "operation": "munmap of 1 GiB",
                "detail": f"folios of {kib} KiB, mapped by ptes",
                "tasks": 1,
                "value": f"{values[kib]:.4g}",
                "unit": "s",
                "lo": f"{least[kib]:.4g}",
                "hi": f"{most[kib]:.4g}",
            }
            for kib in sorted(values)
        ]
    return found


if __name__ == "__main__":
    table = rows()
    with OUT.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(table)
    print(f"wrote {OUT} ({len(table)} rows)")
