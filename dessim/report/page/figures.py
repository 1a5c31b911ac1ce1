"""The figures of a report, and which series they are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from dessim.measure.statistics.scaling import usl
from dessim.metrics import BY_NAME, FAULTS_RATE, PAGES_RATE, Metric, View, latencies_of
from dessim.report.common.doubts import flags_of, is_marked, runs_alike
from dessim.report.common.format import estimate_text, form_of, threads_word
from dessim.report.common.results import Panel, Point, Results
from dessim.report.page import bars
from dessim.report.page.charts import Chart, Dot, Polyline, svg, swatch
from dessim.report.text.comparison import scheme_label

NS_PER_US = 1000.0
BANDS = "Bands and bars: 95 % intervals of the typical run; none where runs support none."
CURVE = 40
MAX_BARS = 48
"""With more points, three numbers of threads of each panel have a bar."""
MAX_STEPS = 400
"""Steps of a distribution that are drawn: more are not seen."""


@dataclass(frozen=True)
class Shown:
    """A figure of the page.

    Attributes
    ----------
    name, title, caption : str
    pictures : list of Markup
    legend : list of (Markup, str)
        Sample and name of each series; the series is its place.
    """

    name: str
    title: str
    caption: str
    pictures: list[Markup]
    legend: list[tuple[Markup, str]]


def figures_of(results: Results) -> list[Shown]:
    """Return all figures that the results have something for."""
    series = results.series
    legend = [(swatch(i), name) for i, name in enumerate(series)]
    found = []
    panels = results.panels
    if not panels:
        return []
    marked = results.marked
    hollow = f" Hollow marks: {marked}." if marked else ""
    also = f" With a flag: {marked}." if marked else ""
    rate = _rate_of(panels)
    if rate is not None:
        rates = [svg(_throughput(results, panel, rate)) for panel in panels]
        text = (
            f"{rate.words.capitalize()} per second, all threads together. Thin: the fitted USL, if"
            f" any. {BANDS}{hollow}"
        )
        found.append(Shown("throughput", "Throughput", text, rates, legend))
    quantiles = [svg(c) for panel in panels for c in _quantiles(results, panel)]
    text = (
        "Latency of a fault from exception entry to exit. Quantiles with too few faults beyond"
        f" them, and those that not all runs support, are left out. {BANDS}{hollow}"
    )
    if quantiles:
        found.append(Shown("latency", "Fault latency", text, quantiles, legend))
    tails = [svg(c) for panel in panels for c in _tails(results, panel)]
    text = f"Share of faults that take longer than a time, at the largest number of threads.{also}"
    if tails:
        found.append(Shown("ccdf", "Distribution of fault latencies", text, tails, legend))
    found.append(_time(results, panels, also))
    return found


def _dot(point: Point, estimate: dict[str, Any], unit: float, words: str) -> Dot:
    low, high = estimate["ci95"] or (None, None)
    return Dot(
        point["threads"],
        estimate["mean"] / unit,
        None if low is None else low / unit,
        None if high is None else high / unit,
        words,
        is_marked(point),
    )


def _line(results: Results, panel: Panel, index: int, metric: Metric, unit: float) -> Polyline:
    name, form, dots = results.series[index], form_of(metric), []
    points = [p for p in panel.points if results.series_of(p) == name]
    for point in sorted(points, key=lambda p: int(p["threads"])):
        estimate = point["metrics"][metric.name]
        if estimate["mean"] is not None and estimate["mean"] > 0:
            value = estimate_text(estimate, form, alike=runs_alike(point))
            words = [f"{name}, {threads_word(point['threads'])}: {value}", *flags_of(point)]
            dots.append(_dot(point, estimate, unit, ", ".join(words)))
    return Polyline(index, tuple(dots))


def _rate_of(panels: Sequence[Panel]) -> Metric | None:
    """Pages mapped, or, where nothing is mapped (a lock loop), faults or turns; or nothing."""
    for name in (PAGES_RATE, FAULTS_RATE):
        if any(point["metrics"][name]["mean"] for panel in panels for point in panel.points):
            return BY_NAME[name]
    return None


def _throughput(results: Results, panel: Panel, rate: Metric) -> Chart:
    lines = [_line(results, panel, i, rate, 1e6) for i in range(len(results.series))]
    lines += list(_laws(results, panel)) if rate.name == PAGES_RATE else []
    rates = [dot.y for line in lines for dot in line.dots]
    log = bool(rates) and max(rates) > 8 * min(rates) > 0
    title, ticks = panel.title or "all results", tuple(panel.threads)
    label = f"million {rate.words.split(',')[0]} per second"
    return Chart(title, "threads", label, tuple(lines), y_log=log, x_ticks=ticks)


def _laws(results: Results, panel: Panel) -> Iterator[Polyline]:
    for one in results.document.get("scaling", []):
        first = next((p for p in panel.points if _same_place(one, p)), None)
        if one["law"] != "usl" or first is None or len(panel.threads) < 2:
            continue
        low, high = min(panel.threads), max(panel.threads)
        at = [low * (high / low) ** (i / CURVE) for i in range(CURVE + 1)]
        c = one["fitted"]
        dots = [Dot(n, usl(n, c["lambda"], c["sigma"], c["kappa"]) / 1e6) for n in at]
        yield Polyline(results.series.index(results.series_of(first)), tuple(dots), thin=True)


def _same_place(one: dict[str, Any], point: Point) -> bool:
    keys = ("workload", "machine", "fault_around_order", "parameters")
    return one["scheme"] == scheme_label(point) and all(one[key] == point[key] for key in keys)


def _quantiles(results: Results, panel: Panel) -> Iterator[Chart]:
    for metric in latencies_of(View.FIGURE):
        lines = tuple(
            _line(results, panel, i, metric, NS_PER_US) for i in range(len(results.series))
        )
        word = metric.heading
        title = f"{word}, {panel.title}" if panel.title else word
        ticks = tuple(panel.threads)
        label = "fault latency (µs)"
        note = "not supported by the runs"
        yield Chart(title, "threads", label, lines, y_log=True, x_ticks=ticks, note=note)


def _tails(results: Results, panel: Panel) -> Iterator[Chart]:
    most = max(panel.threads)
    lines = []
    for point in panel.points:
        tail = results.latencies.get(point["index"], []) if point["threads"] == most else []
        rows = [row for row in tail if row["longer_share"] and row["latency_ns"]]
        rows = rows[:: max(1, len(rows) // MAX_STEPS)]
        dots = tuple(
            Dot(
                (row["latency_ns"] or 0.0) / NS_PER_US,
                row["longer_share"] or 0.0,
                row["longer_share_lo"] or None,
                row["longer_share_hi"] if row["longer_share_lo"] else None,
            )
            for row in rows
        )
        if dots:
            index = results.series.index(results.series_of(point))
            lines.append(Polyline(index, dots, steps=True))
    if lines:
        word = threads_word(most)
        title = f"{panel.title}, {word}" if panel.title else word
        yield Chart(
            title, "fault latency (µs)", "share that takes longer", tuple(lines), y_log=True
        )


def _time(results: Results, panels: Sequence[Panel], also: str) -> Shown:
    points = [point for panel in panels for point in panel.points]
    categories = bars.shown([point["time_share"] for point in points])
    pictures, many = [], len(points) > MAX_BARS
    for panel in panels:
        threads = panel.threads
        kept = {threads[0], threads[len(threads) // 2], threads[-1]} if many else set(threads)
        rows = [
            (f"{results.series_of(p)}, {threads_word(p['threads'])}", p["time_share"])
            for p in sorted(panel.points, key=lambda p: int(p["threads"]))
            if p["threads"] in kept
        ]
        title = (
            Markup('<h4 class="wide">{}</h4>').format(panel.title) if panel.title else Markup("")
        )
        pictures.append(title + bars.bars(rows, categories))
    legend = [(bars.swatch(name), bars.word(name)) for name in categories]
    legend.append((bars.swatch(""), "other"))
    text = "Share of all threads' time by category."
    if many:
        text += " The fewest, the most and a middle number of threads; the table below has all."
    return Shown("time_share", "Where time goes", text + also, pictures, legend)
