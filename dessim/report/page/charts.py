"""Charts of the report: small inline SVGs whose series can be switched off.

Only presentation attributes and no styles, so that the page needs no permission for inline styles.
Every text that comes from results is escaped by ``markupsafe``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from markupsafe import Markup, escape

from dessim.report.common.format import plain_number
from dessim.report.common.palette import COLOURS, DASHES, MARKERS

WIDTH, HEIGHT = 380, 270
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 26, 40
MARK = 3.5


@dataclass(frozen=True)
class Dot:
    """A point of a line: its place, its interval, and what it says when pointed at.

    A hollow one is not to be believed as it stands.
    """

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    tooltip: str = ""
    hollow: bool = False


@dataclass(frozen=True)
class Polyline:
    """A line of a chart.

    Attributes
    ----------
    series : int
        Which series it belongs to: its colour, marker and dashes, and what switches it off.
    dots : tuple of Dot
    steps : bool
        Drawn as steps, without markers.
    thin : bool
        Drawn thin, without markers: a law, not results.
    """

    series: int
    dots: tuple[Dot, ...]
    steps: bool = False
    thin: bool = False


@dataclass(frozen=True)
class Chart:
    """One panel.

    Attributes
    ----------
    title, x_label, y_label : str
    lines : tuple of Polyline
    x_log, y_log : bool
    x_ticks : tuple of float
        Where ticks are; none: where the axis puts them.
    note : str
        What stands there instead of no numbers.
    x_names : tuple of str
        Names of the places 1, 2, …, if the axis is no number.
    form : callable, optional
        How the numbers of the upright axis are written: with their units. The title says of what.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Polyline, ...]
    x_log: bool = True
    y_log: bool = False
    x_ticks: tuple[float, ...] = ()
    note: str = ""
    x_names: tuple[str, ...] = ()
    form: Callable[[float], str] | None = None


@dataclass
class Scale:
    """From numbers to places in the picture."""

    low: float
    high: float
    start: float
    end: float
    log: bool
    ticks: list[float] = field(default_factory=list)

    def at(self, x: float) -> float:
        """Place of a number; what lies outside ends at the edge."""
        x = min(max(x, self.low), self.high)
        if self.log:
            share = math.log(x / self.low) / math.log(self.high / self.low)
        else:
            share = (x - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)


def axis_of(values: Sequence[float], start: float, end: float, log: bool) -> Scale:
    """Return an axis that holds some numbers, with its ticks.

    Parameters
    ----------
    values : sequence of float
        Positive where the axis is logarithmic.
    start, end : float, pixels
    log : bool
    """
    if log:
        low, high = min(values) / 1.15, max(values) * 1.15
        return Scale(low, high, start, end, True, _log_ticks(low, high))
    top = max(values) or 1.0
    step = 10.0 ** math.floor(math.log10(top))
    step = next(s for s in (step / 5, step / 2, step, 2 * step) if top / s <= 6)
    high = top * 1.05
    ticks = [i * step for i in range(int(high / step) + 1)]
    return Scale(0.0, high, start, end, False, ticks)


def _log_ticks(low: float, high: float) -> list[float]:
    decades = math.log10(high / low)
    factors = (1, 2, 5) if decades < 2.5 else (1,)
    every = 1 if decades < 6 else 2
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [f * 10.0**p for p in powers if p % every == 0 for f in factors]
    found = [tick for tick in ticks if low <= tick <= high]
    if len(found) > 1:
        return found
    step = 10.0 ** math.floor(math.log10(high - low))  # too narrow for 1, 2, 5: equal steps
    step = next(s for s in (step / 5, step / 2, step, 2 * step, 5 * step) if (high - low) / s <= 6)
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def svg(chart: Chart) -> Markup:
    """Return a panel as an SVG element."""
    dots = [dot for line in chart.lines for dot in line.dots if not line.thin]
    body = [_text(WIDTH / 2, 15, chart.title, "middle", "title")]
    if not dots:
        body.append(_text(WIDTH / 2, HEIGHT / 2, chart.note or "no numbers", "middle", "note"))
        return _wrapped(chart, body)
    across = axis_of([dot.x for dot in dots], LEFT, WIDTH - RIGHT, chart.x_log)
    if chart.x_names:
        n = len(chart.x_names)
        places = [float(place) for place in range(1, n + 1)]
        across = Scale(0.5, n + 0.5, LEFT, WIDTH - RIGHT, False, places)
    elif chart.x_ticks:
        inside = [tick for tick in chart.x_ticks if across.low <= tick <= across.high]
        across.ticks = _apart(across, inside)
    ends = [end for dot in dots for end in (dot.y, dot.high) if end is not None]
    lows = [dot.low for dot in dots if dot.low is not None and (dot.low > 0 or not chart.y_log)]
    bottom = min([dot.y for dot in dots])
    lows = [max(low, bottom / 3) if chart.y_log else low for low in lows]
    up = axis_of([*ends, *lows], HEIGHT - BOTTOM, TOP, chart.y_log)
    body += _grid(chart, across, up)
    body += [_line(line, across, up) for line in chart.lines if line.dots]
    return _wrapped(chart, body)


def _apart(axis: Scale, ticks: Sequence[float]) -> list[float]:
    """Leave out ticks whose numbers would touch; the last one stays."""
    kept: list[float] = []
    for tick in sorted(ticks, reverse=True):
        if not kept or axis.at(kept[-1]) - axis.at(tick) > 24:
            kept.append(tick)
    return kept


def _wrapped(chart: Chart, body: Sequence[Markup]) -> Markup:
    head = Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}"'
        ' xmlns="http://www.w3.org/2000/svg">'
    )
    label = f"{chart.title}: {chart.y_label} against {chart.x_label}".lstrip(": ")
    return head.format(WIDTH, HEIGHT, label) + Markup("").join(body) + Markup("</svg>")


def _text(x: float, y: float, text: str, anchor: str, kind: str) -> Markup:
    form = Markup('<text x="{}" y="{}" text-anchor="{}" class="{}">{}</text>')
    return form.format(round(x, 2), round(y, 2), anchor, kind, text)


def _grid(chart: Chart, across: Scale, up: Scale) -> list[Markup]:
    rule = Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>')
    low, high, left, right = HEIGHT - BOTTOM, TOP, LEFT, WIDTH - RIGHT
    body = []
    for tick in across.ticks:
        at = across.at(tick)
        body.append(rule.format(at, low, at, high, "grid"))
        named = chart.x_names[round(tick) - 1] if chart.x_names else ""
        word = named or plain_number(tick, raised=True)
        body.append(_text(at, low + 13, word, "middle", "tick"))
    for tick in up.ticks:
        at = up.at(tick)
        body.append(rule.format(left, at, right, at, "grid"))
        word = chart.form(tick) if chart.form else plain_number(tick, raised=True)
        body.append(_text(left - 5, at + 3.5, word, "end", "tick"))
    body += [rule.format(left, low, right, low, "axis"), rule.format(left, low, left, high, "axis")]
    body.append(_text((left + right) / 2, HEIGHT - 8, chart.x_label, "middle", "label"))
    if chart.form:
        return body
    turned = Markup('<text transform="translate(12 {}) rotate(-90)" text-anchor="middle"')
    form = turned + Markup(' class="label">{}</text>')
    return [*body, form.format((low + high) / 2, chart.y_label)]


def _line(line: Polyline, across: Scale, up: Scale) -> Markup:
    places = [(across.at(dot.x), up.at(dot.y)) for dot in line.dots]
    if line.steps:
        places = _stepped(places)
    colour = COLOURS[line.series % len(COLOURS)]
    body = [] if line.thin else _band(line, across, up, colour)
    path = Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="{}"{}/>')
    width = 0.8 if line.thin else 1.8
    lengths = " ".join(f"{2 * d:g}" for d in DASHES[line.series % len(DASHES)])
    dashes = Markup(' stroke-dasharray="{}"').format(lengths) if lengths else ""
    body.append(path.format(_points(places), colour, width, "" if line.thin else dashes))
    if not line.steps and not line.thin:
        for dot, (x, y) in zip(line.dots, places, strict=True):
            body.append(marker(line.series, x, y, dot.tooltip, hollow=dot.hollow))
    group = Markup('<g class="series" data-series="{}">').format(line.series)
    return group + Markup("").join(body) + Markup("</g>")


def _stepped(places: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Corners of a step function through some places."""
    return [places[0], *(p for a, b in pairwise(places) for p in ((b[0], a[1]), b))]


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in places)


def _band(line: Polyline, across: Scale, up: Scale, colour: str) -> list[Markup]:
    """Intervals of a line: bands over neighbours that have one, a bar where one stands alone."""
    found = []
    for known, dots in groupby(line.dots, lambda dot: dot.low is not None):
        ends = [(d.x, d.low or 0.0, d.high or 0.0) for d in dots] if known else []
        if len(ends) == 1:
            [(x, low, high)] = ends
            form = Markup('<line x1="{0}" y1="{1}" x2="{0}" y2="{2}" stroke="{3}"{4}/>')
            wide = Markup(' stroke-width="1.2"')
            found.append(form.format(across.at(x), up.at(low), up.at(high), colour, wide))
        elif ends:
            upper = [(across.at(x), up.at(high)) for x, _, high in ends]
            lower = [(across.at(x), up.at(low)) for x, low, _ in ends]
            if line.steps:
                upper, lower = _stepped(upper), _stepped(lower)
            outline = [*upper, *reversed(lower)]
            band = Markup('<polygon points="{}" fill="{}" fill-opacity="0.18"/>')
            found.append(band.format(_points(outline), colour))
    return found


_SHAPES = {
    "s": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "^": ((0, -1.2), (1.1, 0.9), (-1.1, 0.9)),
    "v": ((0, 1.2), (1.1, -0.9), (-1.1, -0.9)),
    "D": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
}


def marker(series: int, x: float, y: float, tooltip: str = "", *, hollow: bool = False) -> Markup:
    """Return the marker of a series, which says something when it is pointed at."""
    colour = COLOURS[series % len(COLOURS)]
    title = Markup("<title>{}</title>").format(tooltip) if tooltip else escape("")
    shape = _SHAPES.get(MARKERS[series % len(MARKERS)])
    paint = Markup(' fill="{}"').format("#ffffff" if hollow else colour)
    if hollow:
        paint += Markup(' stroke="{}" stroke-width="1.4"').format(colour)
    if shape is None:
        form = Markup('<circle cx="{:g}" cy="{:g}" r="{}"{}>{}</circle>')
        return form.format(x, y, MARK, paint, title)
    corners = _points([(x + MARK * dx, y + MARK * dy) for dx, dy in shape])
    return Markup('<polygon points="{}"{}>{}</polygon>').format(corners, paint, title)


def swatch(series: int) -> Markup:
    """Return a sample of a series for a legend."""
    head = Markup('<svg class="swatch" viewBox="0 0 34 12" aria-hidden="true">')
    line = Polyline(series, (Dot(0, 0),))
    colour = COLOURS[series % len(COLOURS)]
    lengths = " ".join(f"{2 * d:g}" for d in DASHES[line.series % len(DASHES)])
    dashes = Markup(' stroke-dasharray="{}"').format(lengths) if lengths else Markup("")
    form = Markup('<line x1="1" y1="6" x2="33" y2="6" stroke="{}" stroke-width="2"{}/>')
    return head + form.format(colour, dashes) + marker(series, 17, 6) + Markup("</svg>")
