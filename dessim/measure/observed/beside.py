"""Measured numbers and those of a result: which belong together, and how far apart they are.

An error is the natural logarithm of simulated over measured: 0 where they agree, 0.69 where dessim
says twice as much, -0.69 where it says half.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dessim.measure.observed.blame import Blame, waits_of
from dessim.measure.observed.histograms import merged
from dessim.measure.observed.locks import category_of
from dessim.measure.observed.values import (
    Histogram,
    MeasuredError,
    MeasuredLock,
    MeasuredNumber,
    Measurements,
)

Point = Mapping[str, Any]
Row = dict[str, Any]
Longer = Sequence[Mapping[str, float | None]]
"""Of one point: latencies in ns, ascending, and the share of faults that took longer."""

METRICS = {
    "faults_per_s": ("steady_faults_per_s", "average_faults_per_s"),
    "operations_per_s": ("steady_faults_per_s", "average_faults_per_s"),
    "pages_per_s": ("pages_mapped_per_s", "average_pages_per_s"),
    "completion_s": ("completion_s",),
}
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
FEWEST_BEYOND = 10
"""A quantile of a histogram beyond which fewer lie is chance."""
LOCKS = ("mmap_lock", "ptl", "zone_lock", "lru_lock")
"""Locks that perf lock can see and a run accounts for by themselves: waits on bits of pages and
counters of memory cgroups are no lock to it."""
OTHER = "(not compared)"


def ln_ratio(simulated: float | None, measured: float | None) -> float | None:
    """Return ln(simulated / measured), or None if one is missing or not positive."""
    if not simulated or not measured or simulated <= 0 or measured <= 0:
        return None
    return math.log(simulated / measured)


def numbers_beside(points: Sequence[Point], numbers: Sequence[MeasuredNumber]) -> list[Row]:
    """Return a row for each measured number and each point at the same setting.

    Raises
    ------
    MeasuredError
        If none belongs to any point.
    """
    rows: list[Row] = []
    for one in numbers:
        names = METRICS.get(one.quantity, (f"fault_{one.quantity}",))
        for point in points:
            if not _belongs(point, one):
                continue
            simulated = next((v for v in (_mean(point, name) for name in names) if v), None)
            rows.append(
                {
                    **_setting(point),
                    "quantity": one.quantity,
                    "series": one.series,
                    "measured": one.value,
                    "simulated": simulated,
                    "ln_ratio": ln_ratio(simulated, one.value),
                }
            )
    if not rows:
        raise MeasuredError(_nothing_in_common(points, numbers))
    return rows


def _belongs(point: Point, one: MeasuredNumber) -> bool:
    threads = one.threads is None or one.threads == point["threads"]
    scheme = not one.scheme or one.scheme == point["scheme"]
    return threads and scheme and one.workload in ("", point["workload"])


def _mean(point: Point, name: str) -> float | None:
    entry = point["metrics"].get(name)
    return entry["mean"] if isinstance(entry, Mapping) else None


def _setting(point: Point) -> Row:
    return {key: point[key] for key in ("scheme", "workload", "threads")}


def _nothing_in_common(points: Sequence[Point], numbers: Sequence[MeasuredNumber]) -> str:
    def listed(values: set[Any]) -> str:
        return ", ".join(str(value) for value in sorted(values, key=str)[:8]) or "(none)"

    text = "no measured number matches a point of the result: "
    parts: dict[str, tuple[set[Any], set[Any]]] = {
        "threads": ({n.threads for n in numbers} - {None}, {p["threads"] for p in points}),
        "schemes": ({n.scheme for n in numbers} - {""}, {p["scheme"] for p in points}),
        "workloads": ({n.workload for n in numbers} - {""}, {p["workload"] for p in points}),
    }
    wrong = [
        f"{name} {listed(mine)} were measured, {listed(theirs)} simulated"
        for name, (mine, theirs) in parts.items()
        if mine and not mine & theirs
    ]
    return text + ("; ".join(wrong) or "no combination of threads, scheme and workload is in both")


def histogram_of(measured: Measurements, key: str) -> Histogram:
    """Return the histogram of a file, all of them as one, or that whose name holds some text.

    Raises
    ------
    MeasuredError
        If there is none of that name, or they cannot be added up.
    """
    chosen = [one for one in measured.histograms if key in one.name]
    if not any(one.count for one in chosen):
        names = ", ".join(one.name for one in measured.histograms[:8])
        raise MeasuredError(f"no histogram with {key!r} in its name; there are {names}")
    try:
        return merged(chosen)
    except ValueError as error:
        raise MeasuredError(str(error)) from None


def share_up_to(longer: Longer, ns: float) -> float:
    """Return the share of a point's faults that took no longer than so many ns."""
    before, share = 0.0, 0.0
    for row in longer:
        at, above = row["latency_ns"] or 0.0, row["longer_share"]
        now = 1 - (above or 0.0)
        if at >= ns:
            return share + (now - share) * (ns - before) / (at - before) if at > before else now
        before, share = at, now
    return 1.0


def quantile_of(longer: Longer, share: float) -> float | None:
    """Return the latency that a share of a point's faults did not exceed, ns."""
    for row in longer:
        if 1 - (row["longer_share"] or 0.0) >= share:
            return row["latency_ns"]
    return None


def histogram_beside(point: Point, longer: Longer, histogram: Histogram) -> list[Row]:
    """Return a row for each quantile that the histogram has enough latencies for."""
    rows: list[Row] = []
    for name, share in QUANTILES.items():
        if histogram.count * (1 - share) < FEWEST_BEYOND and name != "p50":
            continue
        low, high, inside = histogram.quantile(share)
        simulated = quantile_of(longer, share)
        rows.append(
            {
                **_setting(point),
                "quantity": f"latency_ns_{name}",
                "series": histogram.name,
                "measured": inside,
                "measured_from": low,
                "measured_to": None if math.isinf(high) else high,
                "simulated": simulated,
                "ln_ratio": ln_ratio(simulated, inside),
                "in_bin": simulated is not None and low <= simulated < high,
            }
        )
    return rows


def bins_beside(longer: Longer, histogram: Histogram) -> list[Row]:
    """Return for each bin which share of faults was measured in it, and which simulated."""
    return [
        {
            "from_ns": low,
            "to_ns": None if math.isinf(high) else high,
            "measured": n / histogram.count,
            "simulated": share_up_to(longer, high) - share_up_to(longer, low),
        }
        for low, high, n in histogram.bins
    ]


def distance(bins: Sequence[Row]) -> float:
    """Return the largest difference of the two shares up to the end of a bin (Kolmogorov)."""
    gap, most = 0.0, 0.0
    for row in bins:
        gap += row["measured"] - row["simulated"]
        most = max(most, abs(gap))
    return most


def locks_beside(
    point: Point, locks: Sequence[MeasuredLock], blame: Blame | None = None
) -> list[Row]:
    """Return for each lock its share of all waits, measured and simulated.

    Without ``blame`` simulated shares are those of all time with locks.
    """
    waits = dict.fromkeys(LOCKS, 0.0)
    names: dict[str, list[MeasuredLock]] = {}
    for lock in locks:
        category = category_of(lock.name) or OTHER
        category = category if category in LOCKS else OTHER
        waits[category] = waits.get(category, 0.0) + lock.wait_ns
        names.setdefault(category, []).append(lock)
    total = sum(wait for category, wait in waits.items() if category != OTHER)
    shares = point["time_share"] if blame is None else waits_of(point, blame)
    simulated_total = sum(shares.get(category, 0.0) or 0.0 for category in LOCKS)
    rows: list[Row] = []
    for category, wait in waits.items():
        found = sorted(names.get(category, []), key=lambda lock: -lock.wait_ns)
        simulated = (shares.get(category) or 0.0) / simulated_total if simulated_total else None
        in_model = category != OTHER
        if not found and not simulated:
            continue
        measured = wait / total if total and in_model else None
        rows.append(
            {
                **_setting(point),
                "quantity": category,
                "series": ", ".join(lock.name for lock in found[:3]),
                "wait_ns": wait,
                "contended": sum(lock.contended for lock in found),
                "measured": measured,
                "simulated": simulated if in_model else None,
                "ln_ratio": ln_ratio(simulated, measured) if in_model else None,
            }
        )
    return rows


def mean_abs(rows: Sequence[Row]) -> float | None:
    """Return the mean of the errors' absolute values, or None if there is none."""
    errors = [abs(row["ln_ratio"]) for row in rows if row["ln_ratio"] is not None]
    return sum(errors) / len(errors) if errors else None
