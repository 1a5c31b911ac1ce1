"""Predictions of cases without a measurement to compare with: `predictions.csv`, by one command.

    python experiments/mmap-database/predict.py

runs mmap-database-unseen (or takes what is stored in `results/`), then mmap-database-over-time, and
writes a row per case and quantity. Where the model has been compared with measurements its rates
miss by up to half of ``MISS``; each prediction carries ``MISS`` as its range, and the simulation's
own interval on top of it.

Over time: what a frame of memory takes is simulated, so the time until memory is full, and each
time after it, is longer on the measured machine by as much as its memory is larger.
"""

import csv
from pathlib import Path
from typing import Any

import dessim
from dessim.engines import run_setup
from dessim.kernel.result import RunResult

MISS = 0.25
GIB = 2**30 / 4096
MEMORY_GIB = 100e9 / 2**30
"""Page cache of the measured machine: how long it takes to fill depends on it."""
SHARE = 0.05
"""Share of the device that it holds."""
SEEDS = 6
WINDOWS = ((0, 10), (10, 25), (28, 33), (33, 60), (60, 90), (90, 130))
"""Seconds of the measured machine; from 27 s on its memory is full."""
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
        interrupts = point["average_interrupts_per_s"].mean
        span = (interrupts / 1.5, interrupts * 1.5)
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
    """Return one line of the table, of a point."""
    return line(case_of(point), name, value, low, high)


def line(case: str, name: str, value: float, low: float, high: float) -> dict[str, Any]:
    """Return one line of the table."""
    return {
        "case": case,
        "quantity": name,
        "value": f"{value:.4g}",
        "lo": f"{max(0.0, low):.4g}",
        "hi": f"{high:.4g}",
    }


def over_time() -> list[dict[str, Any]]:
    """Return rates of random pages under MADV_RANDOM from an empty page cache to steady rates."""
    setups = [dessim.setup("mmap-database-over-time", replication=i) for i in range(SEEDS)]
    runs = [run_setup(setup, "compiled") for setup in setups]
    workload = setups[0].workload
    frames = workload.file_size_bytes // 4096 * workload.memory_share_ppm // 10**6
    slower = MEMORY_GIB * GIB / frames
    rows = []
    for begin, end in WINDOWS:
        hits = SHARE * min(1.0, (begin + end) / 2 / 27)
        span = (begin / slower, end / slower)
        touched = [mean_rate(run, run.series_read, span) / GIB / (1 - hits) for run in runs]
        flushed = [mean_rate(run, run.series_interrupts, span) for run in runs]
        said = f"mean of seconds {begin} to {end}"
        rows.append(over_seeds(f"GiB/s touched, {said}", touched, 1 - MISS, 1 + MISS))
        rows.append(over_seeds(f"TLB shootdown interrupts/s, {said}", flushed, 1 / 1.5, 1.5))
    return rows


def mean_rate(run: RunResult, series: tuple[int, ...], span: tuple[float, float]) -> float:
    """Return events per second of a time series between two times, s."""
    width = run.series_bin_ps * 1e-12
    first, last = (round(at / width) for at in span)
    return sum(series[first:last]) / ((last - first) * width)


def over_seeds(name: str, values: list[float], below: float, above: float) -> dict[str, Any]:
    """Return the mean of some runs, with their spread and the model's misses as the range."""
    case = "random 4 KiB, 1 SSD, 100 threads, MADV_RANDOM - from empty to steady"
    mean = sum(values) / len(values)
    return line(case, name, mean, min(values) * below, max(values) * above)


def main() -> None:
    """Run, or take what is stored, and write the table."""
    result = dessim.run("mmap-database-unseen")
    rows = [one for point in result.points for one in rows_of(point)] + over_time()
    with OUT.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    main()
