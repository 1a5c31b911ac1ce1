"""Predictions of cases without a measurement to compare with: `predictions.csv`, by one command.

    python experiments/mmap-database/predict.py

runs mmap-database-unseen (or takes what is stored in `results/`) and writes a row per case and
quantity. Where the model has been compared with measurements its rates miss by up to ``MISS``; each
prediction carries that as its range, and the simulation's own interval on top of it.
"""

import csv
from pathlib import Path
from typing import Any

import dessim

MISS = 0.25
GIB = 2**30 / 4096
MEMORY_GIB = 100e9 / 2**30
"""Page cache of the measured machine: how long it takes to fill depends on it."""
SHARE = 0.05
"""Share of the device that it holds."""
OUT = Path(__file__).parent / "predictions.csv"


def case_of(point: Any) -> str:
    """Return the name of a point's case."""
    at = point.parameters
    pages = "random 4 KiB" if point.workload.startswith("random") else "sequential blocks"
    devices = at.get("machine.device.devices", 1)
    full = "cache not full" if str(at["workload.memory_share"]) == "100%" else "cache full"
    advice = f"MADV_{at['workload.advice'].upper()}"
    return f"{pages}, {devices} SSD, {point.threads} threads, {advice} - {full}"


def rows_of(point: Any) -> list[dict[str, Any]]:
    """Return the predictions of one point."""
    touched, read = point["touches_per_s"], point["device_pages_per_s"]
    hits = touched_per_read(point)
    found = [quantity(point, "GiB/s touched", touched if hits is None else read, hits or 1)]
    found.append(quantity(point, "GiB/s read", read))
    if str(point.parameters["workload.memory_share"]) == "100%":
        seconds = MEMORY_GIB * GIB / read.mean
        span = (seconds / (1 + MISS), seconds / (1 - MISS))
        found.append(row(point, "seconds until 100 GB of cache are full", seconds, *span))
    else:
        interrupts = point["interrupts"].mean / point["completion_s"].mean
        span = (interrupts / 2, interrupts * 2)
        found.append(row(point, "TLB shootdown interrupts/s", interrupts, *span))
    return found


def touched_per_read(point: Any) -> float | None:
    """Return touches per page read where memory holds 100 GB of 2 TB, of random touches; or None.

    The simulated memory holds a greater share of its file, and hits as much more often.
    """
    if not point.workload.startswith("random"):
        return None
    full = str(point.parameters["workload.memory_share"]) != "100%"
    return 1 / (1 - SHARE) if full else 1.0


def quantity(point: Any, name: str, estimate: Any, times: float = 1.0) -> dict[str, Any]:
    """Return a rate in GiB/s with the range in which a measurement is expected."""
    low = estimate.mean if estimate.low is None else estimate.low
    high = estimate.mean if estimate.high is None else estimate.high
    ends = low * times / GIB * (1 - MISS), high * times / GIB * (1 + MISS)
    return row(point, name, estimate.mean * times / GIB, *ends)


def row(point: Any, name: str, value: float, low: float, high: float) -> dict[str, Any]:
    """Return one line of the table."""
    return {
        "case": case_of(point),
        "quantity": name,
        "value": f"{value:.4g}",
        "lo": f"{max(0.0, low):.4g}",
        "hi": f"{high:.4g}",
    }


def main() -> None:
    """Run, or take what is stored, and write the table."""
    result = dessim.run("mmap-database-unseen")
    rows = [line for point in result.points for line in rows_of(point)]
    with OUT.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    main()
