"""One run in plain numbers.

A run that simulated a part of its file is scaled up: what happens once (the start of the threads,
the fixed part of a process's exit) counts once, what happens per page counts as often as the whole
file has pages. Latencies and rates need no scaling.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from dessim.kernel.histogram import Counts, bucket_high, bucket_low
from dessim.kernel.result import MIN_SHARE, RunResult
from dessim.measure.statistics.warmup import batch_means, mser5
from dessim.metrics import METRICS, NAMES, Metric

MIN_BINS = 8
"""Fewest time bins from which a steady rate is taken."""
STARTS_AND_ENDS = "too little time in which all threads run: latencies are those of the whole run"
NO_END_OF_WARMUP = "no end of the warm-up found (MSER-5): all of the steady phase was kept"
MIN_BEYOND = 10
"""Fewest observations beyond a quantile, in the typical run, for it to be reported."""
FEWEST_BEYOND = MIN_BEYOND // 2
"""Fewest observations beyond a quantile in each run."""
BATCHES = 20
"""Parts of a steady phase whose rates give the interval of a single run."""
PS_PER_S = 10**12
PS_PER_NS = 1000

COUNTERS = {metric.name: metric.counter for metric in METRICS if metric.counter}
"""Metrics that count events, and the counter of the run that each reads."""
QUANTILES_PPM = {m.name: m.rank_ppm for m in METRICS if m.rank_ppm and not m.call}
"""Metrics that are quantiles of the latency of faults, and their ranks in parts per million."""
CALLS = tuple(metric for metric in METRICS if metric.call)
"""Metrics that are latencies of system calls."""
SERIES = {m.name: m.series for m in METRICS if m.series and not m.whole_run}
"""Metrics that are steady rates, and the time series of the run from which each is taken."""
AVERAGES = {m.name: m.series for m in METRICS if m.series and m.whole_run}
"""Metrics that are rates of the whole run, and the time series of each."""
NO_OVERLAP = "all threads run together for too short a part of the run: it has no steady rate"
DRY = "nothing happens in the part of the run that the warm-up leaves"


@dataclass(frozen=True)
class RunMetrics:
    """What one run says.

    Attributes
    ----------
    values : dict
        Metric name -> number; None where the run holds no such observation.
    notes : tuple of str
        What a reader must know to judge the numbers.
    warmup_ps : int, ps
        Part of the run, from time 0, that the steady rates leave out.
    batches : dict
        Metric -> rates of ``BATCHES`` consecutive parts of the steady phase; empty without one.
    steady : bool
        Whether there is a phase in which all threads run, long enough for a rate.
    latency_steady : bool
        Whether latencies are those of that phase; else those of the whole run.
    kept : tuple of int
        What happened in each time bin of the steady phase: pages mapped, or faults where nothing is
        mapped.
    """

    values: dict[str, float | int | None]
    notes: tuple[str, ...]
    warmup_ps: int = 0
    batches: dict[str, list[float]] = field(default_factory=dict)
    steady: bool = False
    latency_steady: bool = False
    kept: tuple[int, ...] = ()


Exact = Fraction | int


def scale_of(run: RunResult) -> Exact:
    """How many times the simulated part of the file fits into the whole."""
    return Fraction(run.pages_declared, run.pages_simulated) if run.scaled else 1


def completion_ps(run: RunResult, fixed_exit_ps: int = 0) -> Exact:
    """Time from the first start to the end of the last process, for the whole file.

    Parameters
    ----------
    run : RunResult
    fixed_exit_ps : int, ps
        Part of the teardown that does not grow with the file.

    Returns
    -------
    Fraction or int, ps
    """
    factor = scale_of(run)
    reading = run.finish_ps - run.start_ps
    teardown = run.completion_ps - run.finish_ps
    fixed = min(fixed_exit_ps, teardown)
    return run.start_ps + reading * factor + (teardown - fixed) * factor + fixed


MOST_BINS = 1 << 14
"""Sixteen times as many as an engine keeps: only a run that goes on long after its last fault has
more, all of them empty."""


def coarse(run: RunResult) -> RunResult:
    """Return a run whose time series is short: neighbouring bins are added up if it is not.

    A fault at the beginning and a second of work after it would make a million bins of 1 us.
    """
    shift = max(0, (run.first_finish_ps // run.series_bin_ps // MOST_BINS).bit_length())
    if shift == 0:
        return run
    width = 1 << shift
    return replace(
        run,
        series_bin_ps=run.series_bin_ps * width,
        series_faults=_added(run.series_faults, width),
        series_pages=_added(run.series_pages, width),
        series_touches=_added(run.series_touches, width),
        series_calls=_added(run.series_calls, width),
        series_read=_added(run.series_read, width),
        series_evictions=_added(run.series_evictions, width),
        series_interrupts=_added(run.series_interrupts, width),
    )


def _added(series: Sequence[int], width: int) -> tuple[int, ...]:
    return tuple(sum(series[i : i + width]) for i in range(0, len(series), width))


def steady_window(run: RunResult) -> tuple[int, int] | None:
    """Time bins in which all threads run: from the last start to the first finish.

    Returns
    -------
    (first, end) or None
        Bins ``first`` to ``end - 1`` lie wholly inside; None if they are too few to count on.
    """
    first = -(-run.start_ps // run.series_bin_ps)
    end = run.first_finish_ps // run.series_bin_ps
    if end - first < MIN_BINS:
        return None
    if (end - first) * run.series_bin_ps * MIN_SHARE < run.finish_ps:
        return None
    return first, end


def measured_window(run: RunResult, warmup_ps: int | None) -> tuple[int, int, str | None] | None:
    """Time bins from which steady rates are taken: all threads run, and the warm-up is over.

    Parameters
    ----------
    run : RunResult
    warmup_ps : int or None, ps
        Where the warm-up ends; None: where MSER-5 says, on pages mapped per bin (faults per bin
        where nothing is mapped).

    Returns
    -------
    (first, end, note) or None
        None without a steady window.
    """
    window = steady_window(run)
    if window is None:
        return None
    first, end = window
    if warmup_ps is not None:
        cut = max(0, -(-warmup_ps // run.series_bin_ps) - first)
        note = None
    else:
        series = run.series_pages if any(run.series_pages) else run.series_faults
        found = mser5(_bins(series, first, end))
        cut = found or 0
        note = None if found is not None else NO_END_OF_WARMUP
    if end - first - cut < MIN_BINS:
        return first, end, "the warm-up leaves too little of the steady phase: it was kept"
    return first + cut, end, note


def _bins(series: Sequence[int], first: int, end: int) -> list[int]:
    """Part of a time series; a series ends with the last bin in which anything happened."""
    return [*series[first:end], *[0] * (end - max(first, len(series)))]


def of_part(run: RunResult, series: str) -> float:
    """How many times more often something happens in a part of a region than in all of it."""
    return float(scale_of(run)) if series == "series_calls" else 1


def _rates(run: RunResult, warmup_ps: int | None = None) -> RunMetrics:
    """Faults and mapped pages per second of simulated time, with notes, warm-up and batches."""
    span_ps = max(run.finish_ps, 1)
    rates: dict[str, float | int | None] = {
        name: sum(getattr(run, source)) * PS_PER_S / span_ps / of_part(run, source)
        for name, source in AVERAGES.items()
    }
    overlap = run.first_finish_ps > run.start_ps
    apart = (
        ()
        if overlap
        else ("threads do not all overlap: the first finishes before the last starts",)
    )
    window = measured_window(run, warmup_ps)
    if window is None:
        return RunMetrics(rates | dict.fromkeys(SERIES), (NO_OVERLAP, *apart))
    first, end, note = window
    notes = [note] if note else []
    batches = {}
    for name, source in SERIES.items():
        whole = getattr(run, source)
        if not whole:
            rates[name] = 0.0
            continue
        bins = _bins(whole, first, end)
        dry = any(whole) and not any(bins)
        span = (end - first) * run.series_bin_ps * of_part(run, source)
        rates[name] = None if dry else sum(bins) * PS_PER_S / span
        notes += [DRY] if dry else []
        if end - first >= BATCHES:
            per_s = PS_PER_S / run.series_bin_ps / of_part(run, source)
            batches[name] = [mean * per_s for mean in batch_means(bins, BATCHES)]
    kept = _bins(run.series_pages if any(run.series_pages) else run.series_faults, first, end)
    return RunMetrics(
        rates, (*notes, *apart), first * run.series_bin_ps, batches, True, kept=tuple(kept)
    )


def whole_times(run: RunResult, fixed_exit_ps: int = 0) -> dict[str, Exact]:
    """Time of all tasks by category, ps, for the whole file.

    Parameters
    ----------
    run : RunResult
    fixed_exit_ps : int, ps
        Part of the time of category `teardown`, all processes together, that does not grow with
        the file.
    """
    factor = scale_of(run)
    fixed = min(fixed_exit_ps, run.time_ps["teardown"])
    whole = {name: ps * factor for name, ps in run.time_ps.items()}
    whole["teardown"] = (run.time_ps["teardown"] - fixed) * factor + fixed
    return whole


def time_shares(run: RunResult, fixed_exit_ps: int = 0) -> dict[str, float]:
    """Share of all tasks' time that goes to each category, for the whole file.

    Returns
    -------
    dict
        Category -> share, 0 to 1; they add up to 1 unless no time has passed at all.
    """
    # As whole numbers of one denominator: exact like whole_times, and ten times as fast.
    factor = scale_of(run)
    up, down = factor.numerator, factor.denominator
    fixed = min(fixed_exit_ps, run.time_ps["teardown"])
    whole = {name: ps * up for name, ps in run.time_ps.items()}
    whole["teardown"] += fixed * (down - up)
    total = sum(whole.values())
    return {name: part / total if total else 0.0 for name, part in whole.items()}


def run_quantile_ns(counts: Counts, per_million: int) -> float | None:
    """Quantile of one run, linear in rank inside its bucket.

    Parameters
    ----------
    counts : histogram, buckets of ps
    per_million : int
        990_000 for p99.

    Returns
    -------
    float or None, ns
        None if fewer than five observations of the run lie beyond it. The bucket is up to 1 % wide:
        no quantile is surer than that, however often the runs agree.

    Notes
    -----
    The quantile of a short run is lower than that of an endless one where the observations beyond
    it come in bursts: by 5 % for the p99 of 1,000 sojourns in M/M/1 at utilisation 0.5, by 1 % for
    that of 4,000.
    """
    total = sum(n for _, n in counts)
    if total * (1_000_000 - per_million) < FEWEST_BEYOND * 1_000_000:
        return None
    rank = total * per_million / 1_000_000
    seen = 0
    for bucket, n in counts:
        if seen + n >= rank:
            low, end = bucket_low(bucket), bucket_high(bucket) + 1
            return (low + (end - low) * (rank - seen) / n) / PS_PER_NS
        seen += n
    raise AssertionError("the rank is below the number of observations")


def _call_ns(run: RunResult, metric: Metric) -> float | None:
    """Mean or quantile of the latencies of a kind of system call, for the whole region.

    What a task does with its region grows with it; mmap does not.
    """
    found = run.calls.get(metric.call)
    if found is None or not found.count:
        return None
    ns = found.sum_ps / found.count / PS_PER_NS
    if metric.rank_ppm:
        quantile = run_quantile_ns(found.counts, metric.rank_ppm)
        if quantile is None:
            return None
        ns = quantile
    return ns * float(scale_of(run)) if metric.call == "region" else ns


def run_metrics(run: RunResult, fixed_exit_ps: int = 0, warmup_ps: int | None = None) -> RunMetrics:
    """Turn one run into metrics.

    Parameters
    ----------
    run : RunResult
        Of a lock loop, faults are acquisitions of the lock, and latency is the wait for it.
    fixed_exit_ps : int, ps
        Part of the teardown that does not grow with the file.
    warmup_ps : int or None, ps
        Where the warm-up ends; None: where MSER-5 says.
    """
    factor = scale_of(run)
    rates = _rates(coarse(run), warmup_ps)
    values: dict[str, float | int | None] = {
        "completion_s": float(completion_ps(run, fixed_exit_ps) / PS_PER_S),
        **rates.values,
        "fault_latency_ns_mean": None,
        "fault_latency_ns_max": None,
    }
    for metric, counter in COUNTERS.items():
        values[metric] = round(run.counters.get(counter, 0) * factor)
    late = run.counters.get("late_faults", 0)
    values["late_ns_mean"] = run.counters["late_ps"] / late / PS_PER_NS if late else None
    if not run.counters["minor_faults"]:  # a lock loop counts its waits only
        values["minor_faults"] = round(run.faults * factor)
    if run.latency_count:
        values["fault_latency_ns_mean"] = run.latency_sum_ps / run.latency_count / PS_PER_NS
        values["fault_latency_ns_max"] = run.latency_max_ps / PS_PER_NS
    for metric, per_million in QUANTILES_PPM.items():
        values[metric] = run_quantile_ns(run.latency_counts, per_million)
    values |= {metric.name: _call_ns(run, metric) for metric in CALLS}
    values |= paging_values(run)
    notes = rates.notes if run.latency_steady else (*rates.notes, STARTS_AND_ENDS)
    return replace(
        rates,
        values={name: values[name] for name in NAMES},
        notes=notes,
        latency_steady=run.latency_steady,
    )


def minor_latencies(run: RunResult) -> Counts:
    """Latencies of faults that did not wait for the device: all, less those that did."""
    major = dict(run.major_counts)
    left = ((bucket, n - major.get(bucket, 0)) for bucket, n in run.latency_counts)
    return tuple((bucket, n) for bucket, n in left if n)


def paging_values(run: RunResult) -> dict[str, float | int | None]:
    """Return the metrics of a file that may be larger than memory; of others none or 0."""
    read, touched = run.counters.get("pages_read", 0), run.counters.get("touches", 0)
    by_windows = bool(run.series_read)
    values: dict[str, float | int | None] = {
        "device_bytes_read": read * run.page_bytes if by_windows else 0,
        "read_amplification": read / touched if by_windows and touched else 0.0,
    }
    minor = (run.latency_count - run.major_count, run.latency_sum_ps - run.major_sum_ps)
    parts = {
        "major": (run.major_counts, run.major_count, run.major_sum_ps),
        "minor": (minor_latencies(run), *minor) if by_windows else ((), 0, 0),
    }
    for name, (counts, count, total) in parts.items():
        values[f"{name}_latency_ns_mean"] = total / count / PS_PER_NS if count else None
        values[f"{name}_latency_ns_p99"] = run_quantile_ns(counts, 990_000) if count else None
    return values
