"""What a reader must know before believing a number: flags, two kinds of runs, sizes, notes.

Terminal, page, notebook and figures say it in the same words. Results of earlier versions have
no flags: then nothing is said of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dessim.measure.statistics import flags
from dessim.measure.statistics.drift import TOLERANCE
from dessim.measure.statistics.modes import nothing_seen
from dessim.measure.statistics.typical import FEWEST
from dessim.metrics import BY_NAME, METRICS, Metric
from dessim.report.common.format import (
    estimate_text,
    form_of_name,
    interval,
    scheme_of,
    threads_word,
)

Point = dict[str, Any]
MIXTURE, NOT_STATIONARY, NO_OVERLAP = "mixture", "not_stationary", "no_overlap"
SIZE_UNSURE = "size_unsure"
MARKED = (MIXTURE, NOT_STATIONARY, SIZE_UNSURE)
"""Flags of points whose numbers do not stand for all runs, or not for the whole file."""
SIMULATE_MORE = "a larger `simulate` (`simulate_cap` with `auto`)"
REMEDIES = {
    MIXTURE: "look at each kind separately: `values` of results.json has every run",
    "few_replications": "use `replications: 6` or more",
    NO_OVERLAP: "simulate more of the file, or use the averages of the whole run",
    "drift": "simulate more, or set a longer `warmup`",
    NOT_STATIONARY: f"try {SIMULATE_MORE}, or the whole file",
    SIZE_UNSURE: f"use more `replications`, {SIMULATE_MORE}, or the whole file",
    "unresolved": "ask for more `replications`",
}
"""Flag -> what a reader can do about it."""
IN_NOTES = {
    MIXTURE: "runs are of another kind",
    NOT_STATIONARY: f"{flags.NOT_STATIONARY}:",
    SIZE_UNSURE: f"{flags.PERHAPS_NOT}:",
    NO_OVERLAP: "all threads run together for too short a time",
}
"""Flag -> words of the note that says the same: whoever shows the flag leaves the note out."""
AVERAGES = {
    one.name: next(other for other in METRICS if other.whole_run and other.series == one.series)
    for one in METRICS
    if one.series and not one.whole_run
}
"""Steady rate -> the average of the whole run, which is reported where there is no such rate."""
MAX_NAMED, MAX_MIXTURES = 5, 12
ROUGH_PPM = 990_000
"""Rank from which on quantiles of two sizes are kept apart from other metrics."""


def flags_of(point: Point) -> list[str]:
    """Words of what cannot be said of a point."""
    return list(point.get("flags", ()))


def runs_alike(point: Point) -> bool:
    """Whether the runs of a point seem to be of one kind: only then a ± may stand."""
    return MIXTURE not in flags_of(point)


def is_marked(point: Point) -> bool:
    """Whether figures mark a point: its runs are of two kinds, or its size decides its numbers."""
    return any(flag in MARKED for flag in flags_of(point))


def telling_flags(points: Sequence[Point]) -> set[str]:
    """Flags that belong next to each point: those of marked points, and what not all of them have.

    What all points have alike is said once, in a line (``flag_lines``).
    """
    each = [set(flags_of(point)) for point in points]
    return set().union(*each) - (set.intersection(*each) - set(MARKED)) if each else set()


def with_averages(metrics: Sequence[Metric], points: Sequence[Point]) -> list[Metric]:
    """Columns of a table: behind a steady rate that a point lacks, the average of the whole run.

    It is another quantity, so it has its own column and name, for all points.
    """
    shown = []
    for metric in metrics:
        shown.append(metric)
        average = AVERAGES.get(metric.name)
        if average is not None and any(_lacks(point, metric, average) for point in points):
            shown.append(average)
    return shown


def _lacks(point: Point, metric: Metric, average: Metric) -> bool:
    rates = [(point["metrics"].get(one.name) or {}).get("mean") for one in (metric, average)]
    return rates[0] is None and bool(rates[1])


def name_of(point: Point, *, workload: bool = True) -> str:
    """A point in words: `lock_each_page, 8 threads, separate-processes`."""
    words = [scheme_of(point), threads_word(point["threads"])]
    words += [point["workload"]] if workload else []
    return ", ".join(words + [f"{key} {value}" for key, value in point["parameters"].items()])


def heading_of(metric: str) -> str:
    """Heading of a metric in one line; the name of one that is gone."""
    return BY_NAME[metric].heading.replace("\n", " ") if metric in BY_NAME else metric


def some_of(points: Sequence[Point]) -> str:
    """The first few points by their names, and how many more there are."""
    one_workload = len({point["workload"] for point in points}) == 1
    names = [name_of(point, workload=not one_workload) for point in points[:MAX_NAMED]]
    rest = len(points) - MAX_NAMED
    return "; ".join(names) + (f"; and {rest} more" if rest > 0 else "")


# --- flags and notes ----------------------------------------------------------------------------


def flag_lines(points: Sequence[Point]) -> Iterator[str]:
    """A line for each flag that a point has: what it means, where, and what can be done."""
    for flag, meaning in flags.FLAGS.items():
        having = [point for point in points if flag in flags_of(point)]
        if having:
            everywhere = "the only point" if len(points) == 1 else f"all {len(points)} points"
            where = everywhere if len(having) == len(points) else some_of(having)
            count = "" if len(having) == len(points) else f"{len(having)} of {len(points)} points: "
            yield f"{flag}: {meaning}; {REMEDIES[flag]} ({count}{where})"


def precision_lines(points: Sequence[Point]) -> Iterator[str]:
    """Yield where the precision that was asked for is missed, if anywhere."""
    missed = [
        point
        for point in points
        if any(not one["met"] for one in (point.get("precision") or {}).values())
    ]
    if missed:
        yield (
            f"The wanted precision was not met at {len(missed)} of {len(points)} points:"
            f" {some_of(missed)}."
        )


def note_lines(points: Sequence[Point]) -> Iterator[str]:
    """Notes that no flag says, each kind once: those that differ in numbers only are one."""
    kinds: dict[str, list[str]] = {}
    for point in points:
        hidden = [IN_NOTES[flag] for flag in flags_of(point) if flag in IN_NOTES]
        for note in point.get("notes", ()):
            if not any(words in note for words in hidden):
                kinds.setdefault(_kind(note), []).append(note)
    for notes in kinds.values():
        first = "" if len(set(notes)) == 1 else ", the first of them"
        yield f"{notes[0]} ({len(notes)} of {len(points)} points{first})"


def _kind(text: str) -> str:
    """A reason without its numbers: up to its colon, digits left out."""
    return re.sub(r"\d+", "", text.partition(":")[0])


def refusals(
    points: Sequence[Point], metrics: Sequence[Metric], *, number: bool
) -> Iterator[tuple[int, str, str]]:
    """Why numbers, or the intervals of numbers, are missing; each kind of reason once.

    Parameters
    ----------
    points : sequence of dict
    metrics : sequence of Metric
        Those that are shown.
    number : bool
        Whether the number is there, and its interval is missing.

    Yields
    ------
    (int, str, str)
        How often, in which columns, and the first of these reasons with what can be done about it.
    """
    kinds: dict[str, list[tuple[str, str]]] = {}
    for point in points:
        for metric in metrics:
            found = point["metrics"].get(metric.name) or {}
            reason, missing = found.get("reason"), found.get("ci95") is None
            if reason and missing and (found.get("mean") is not None) == number:
                kinds.setdefault(_kind(reason), []).append((heading_of(metric.name), reason))
    for reasons in kinds.values():
        first = reasons[0][1]
        for flag in (NOT_STATIONARY, SIZE_UNSURE):
            if first.startswith(IN_NOTES[flag]):
                first += f"; {REMEDIES[flag]}"
        yield len(reasons), ", ".join(dict.fromkeys(name for name, _ in reasons)), first


# --- kinds of runs ------------------------------------------------------------------------------


def mixture_lines(points: Sequence[Point]) -> Iterator[str]:
    """A line for each point with two kinds of runs: shares, values and intervals of both."""
    mixed = [point for point in points if point.get(MIXTURE)]
    one_workload = len({point["workload"] for point in points}) == 1
    for point in mixed[:MAX_MIXTURES]:
        yield f"{name_of(point, workload=not one_workload)}: {mixture_words(point)}"
    if len(mixed) > MAX_MIXTURES:
        yield f"{len(mixed) - MAX_MIXTURES} more points have two kinds of runs (results.json)"


def mixture_words(point: Point) -> str:
    """Two kinds of runs of a point in words.

    `3 of 40 runs are of another kind (7.5 %, 95 % interval 1.6 to 20 %): p99 665us [640, 702]
    instead of 23.0us ±2% in the others; typical run of all 23.3us [20.3, 30.1]`
    """
    found = point[MIXTURE]
    rare, common = sorted(found["modes"], key=lambda mode: int(mode["runs"]))
    metric = found["metric"]
    form = form_of_name(metric)
    low, high = (f"{100 * end:.2g}" for end in rare["share_ci95"])
    share = f"{100 * rare['share']:.3g} %, 95 % interval {low} to {high} %"
    whole = estimate_text(point["metrics"].get(metric), form, alike=False)
    return (
        f"{rare['runs']} of {rare['runs'] + common['runs']} runs are of another kind ({share}):"
        f" {heading_of(metric)} {_mode(rare, form)} instead of {_mode(common, form)};"
        f" typical run of all {whole}"
    )


def _mode(mode: dict[str, Any], form: Callable[[float], str]) -> str:
    if mode["mean"] is None:
        return "unknown"
    text = form(mode["mean"])
    if mode["ci95"] is None:
        return f"{text} (no interval from so few)"
    return f"{text} {interval(mode['ci95'], form, text)}"


def one_kind_line(points: Sequence[Point]) -> str | None:
    """What share of runs of another kind is excluded where none was seen; None if unknown."""
    counts = [p["replications"] for p in points if "flags" in p and p["metrics"] and runs_alike(p)]
    looked = [n for n in counts if n >= FEWEST]
    if not looked:
        return None
    least = nothing_seen(min(looked))
    return f"elsewhere {least}" if any(not runs_alike(point) for point in points) else least


# --- sizes --------------------------------------------------------------------------------------


def size_words(size: int) -> str:
    """A size in the largest unit of which it is a whole number: `32 MiB`."""
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >= 1 << shift and size % (1 << shift) == 0:
            return f"{size >> shift} {unit}"
    return f"{size} B"


def simulated_word(point: Point) -> str:
    """How much of its file a point simulated: a size, or the whole."""
    return size_words(point["simulated_bytes"]) if point["scaled"] else "whole file"


def sizes_differ(points: Sequence[Point]) -> bool:
    """Whether points simulated parts of different size."""
    return len({simulated_word(point) for point in points if point["metrics"]}) > 1


def size_line(points: Sequence[Point], metrics: Sequence[Metric]) -> str | None:
    """Which size a group of points was scaled from, and how far a smaller one agrees with it.

    Parameters
    ----------
    points : sequence of dict
    metrics : sequence of Metric
        Those that are shown: the agreement is that of the worst.

    Returns
    -------
    str or None
        None if the whole of all files was simulated.
    """
    scaled = [point for point in points if point["scaled"] and point["metrics"]]
    if not scaled:
        return None
    sizes = sorted({point["simulated_bytes"] for point in scaled})
    ends = " to ".join(map(size_words, dict.fromkeys((sizes[0], sizes[-1]))))
    kept = [point for point in scaled if NOT_STATIONARY not in flags_of(point)]
    if not kept:
        return f"simulated {ends} per thread; nothing is scaled up"
    agreed = _agreement(kept, metrics)
    return f"scaled from {ends} per thread" + (f"; {agreed}" if agreed else "")


def _agreement(points: Sequence[Point], metrics: Sequence[Metric]) -> str:
    """`8 MiB gives the same within 1.3 %`; empty if nothing was compared."""
    found = [point["stationarity"] for point in points if len(_sizes(point)) > 1]
    usual = _furthest(found, [metric for metric in metrics if metric.rank_ppm < ROUGH_PPM])
    rough = _furthest(found, [metric for metric in metrics if metric.rank_ppm >= ROUGH_PPM])
    if usual is None:
        return ""
    smaller = {one["sizes_bytes"][-2] for one in found}
    text = size_words(smaller.pop()) if len(smaller) == 1 else "the size before each"
    if usual <= TOLERANCE:
        text += f" gives the same within {_percent(usual)}"
    else:
        text += f" differs by up to {_percent(usual)}; there are too few runs to rule out chance"
    if rough is not None and rough > usual:
        text += f"; high quantiles within {_percent(rough)}"
    return text if len(found) == len(points) else f"{text} ({len(found)} of {len(points)} points)"


def _sizes(point: Point) -> list[int]:
    return list((point.get("stationarity") or {}).get("sizes_bytes", ()))


def _furthest(found: Sequence[dict[str, Any]], metrics: Sequence[Metric]) -> float | None:
    """Greatest difference of two sizes in some metrics, as a ratio less 1."""
    ratios = [
        pair["ratio"]
        for one in found
        for metric in metrics
        if (pair := one["metrics"].get(metric.name)) is not None and pair["ratio"]
    ]
    return max((math.expm1(abs(math.log(ratio))) for ratio in ratios), default=None)


def _percent(ratio: float) -> str:
    digits = ".0f" if ratio >= 0.995 else ".2g"
    return f"{100 * ratio:{digits}} %" if ratio >= 0.001 else "0.1 %"
