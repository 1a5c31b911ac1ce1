"""Tables and figures of several results side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dessim.metrics import Metric
from dessim.report.common.format import UNKNOWN, estimate_text, form_of, percent, threads_word
from dessim.report.page.charts import Chart, Dot, Polyline, svg, swatch
from dessim.report.page.figures import Shown
from dessim.report.page.sides import (
    APART,
    SAME,
    UNSURE,
    Entry,
    Matched,
    Matching,
    Side,
    mean_ratios,
)
from dessim.report.page.tables import Table, TableCell, estimate, number, text

MOST_LINES = 8
"""More results than that are not drawn as curves: colours would repeat."""
WORDS = {APART: "", SAME: "the same", UNSURE: "no interval"}


def answers_of(sides: Sequence[Side], matching: Matching) -> list[str]:
    """Sentences: how many numbers moved, and which moved farthest."""
    first, last = sides[0], sides[-1]
    both = [
        (m, metric)
        for m in matching.matched
        for metric in matching.metrics
        if m.ratio(metric.name) is not None
    ]
    moved = [(m, metric) for m, metric in both if m.verdict(metric.name) == APART]
    same = sum(m.verdict(metric.name) == SAME for m, metric in both)
    sentence = (
        f"From {first.letter} ({first.name}) to {last.letter} ({last.name}) {len(moved)} of"
        f" {len(both)} numbers moved by more than their 95 % intervals; {same} are the very same."
    )
    if not moved:
        return [sentence]
    m, metric = max(moved, key=lambda one: abs((one[0].ratio(one[1].name) or 1) - 1))
    where = ", ".join((m.scheme, *m.place, threads_word(m.threads)))
    change = percent((m.ratio(metric.name) or 1) - 1)
    return [sentence, f"The farthest: {metric.heading} of {where}, {change}."]


def sides_table(sides: Sequence[Side]) -> Table:
    """What the letters stand for."""
    rows = []
    for side in sides:
        document = side.results.document
        points = document["points"]
        row = [text(side.letter), text(side.name), text(document["experiment"])]
        row += [text(document["dessim_version"]), text(document["model_version"])]
        row += [text(_each(points, key)) for key in ("machine", "workload", "engine", "seed")]
        row += [number(len(points)), text((side.configuration or {}).get("command", UNKNOWN))]
        rows.append(row)
    heads = "result,folder,experiment,dessim,model,machine,workload,engine,seed,points,command"
    return Table("The results", tuple(heads.split(",")), rows)


def _each(points: Sequence[Entry], key: str) -> str:
    return ", ".join(dict.fromkeys(str(point.get(key, UNKNOWN)) for point in points))


def moves_table(sides: Sequence[Side], matching: Matching) -> Table:
    """Every point and number in each of the results, and the change from first to last."""
    change = f"{sides[0].letter} to {sides[-1].letter}"
    heads = (*matching.keys, "scheme", "threads", "metric", *(s.letter for s in sides), change)
    rows = []
    for m in matching.matched:
        for metric in matching.metrics:
            found = m.estimates(metric.name)
            if any(found):
                row = [*map(text, m.place), text(m.scheme), number(m.threads)]
                row += [text(metric.heading), *(estimate(one, form_of(metric)) for one in found)]
                rows.append([*row, _change(m, metric)])
    note = (
        f"{change}: change of the number; ~ where the two 95 % intervals overlap. Results of one"
        " seed draw the same random numbers, so that intervals that overlap do not say that nothing"
        " has changed. `dessim compare` tests two schemes of one result in pairs."
    )
    return Table("How each point moved", heads, rows, note)


def _change(m: Matched, metric: Metric) -> TableCell:
    ratio, verdict = m.ratio(metric.name), m.verdict(metric.name)
    if ratio is None:
        return TableCell(UNKNOWN, None, "one of the two has no number", True)
    words = WORDS.get(verdict, "~")
    if verdict == SAME:
        return TableCell(words, 0.0, "", True)
    return TableCell(f"{words} {percent(ratio - 1)}".strip(), ratio - 1, f"ratio {ratio:.6g}", True)


def differences_table(sides: Sequence[Side]) -> Table | None:
    """Keys of the configuration that differ; None if all are alike."""
    values = [dict(_settings(side)) for side in sides]
    rows = []
    for key in dict.fromkeys(key for one in values for key in one):
        row = [one.get(key, UNKNOWN) for one in values]
        if len(set(row)) > 1:
            rows.append([text(key), *map(text, row)])
    if not rows:
        return None
    return Table("What differs", ("key", *(side.letter for side in sides)), rows)


def _settings(side: Side) -> Iterator[tuple[str, str]]:
    """Every key of a configuration, by one name, and its value."""
    found = side.configuration or {}
    yield "schemes", ", ".join(dict.fromkeys(p["scheme"] for p in side.points))
    for row in found.get("settings", []):
        yield str(row["key"]), str(row["value"])
    for key, taken in found.get("swept", {}).items():
        yield str(key), ", ".join(map(str, taken))
    for kind in ("machine", "workload"):
        entries = found.get(f"{kind}s", [])
        for entry in entries:
            before = kind if len(entries) == 1 else f"{kind} {entry['name']}"
            yield f"{before}.name", str(entry["name"])
            for row in entry["values"]:
                yield f"{before}.{row['key']}", str(row["value"])


def figures_of_sides(sides: Sequence[Side], matching: Matching) -> list[Shown]:
    """As a whole, point by point, and against threads."""
    schemes = list(dict.fromkeys(m.scheme for m in matching.matched))
    legend = [(swatch(i), name) for i, name in enumerate(schemes)]
    letters = tuple(side.letter for side in sides)
    whole = [svg(c) for m in matching.metrics for c in _whole(letters, matching, m, schemes)]
    caption = (
        f"Each result over {letters[0]}: the geometric mean of the ratios of all points that every"
        " one of them has. No interval."
    )
    found = [Shown("whole", "As a whole", caption, whole, legend)] if whole else []
    some = [
        svg(c)
        for m in matching.metrics[:1] + matching.metrics[-1:]
        for c in _histories(letters, matching, m, schemes)
    ]
    caption = (
        "Points with the fewest, a middle and the most threads in each result; the table below has"
        " all. Bands: 95 % intervals."
    )
    found.append(Shown("history", "Point by point", caption, some, legend))
    curves = [svg(c) for m in matching.metrics for c in _curves(sides, matching, m, schemes)]
    names = [(swatch(i), f"{s.letter}: {s.name}") for i, s in enumerate(sides)]
    caption = "A line for each result, a panel for each scheme. Bands: 95 % intervals."
    if curves and len(sides) <= MOST_LINES:
        found.append(Shown("curves", "Against threads", caption, curves, names))
    return found


def _whole(
    letters: tuple[str, ...], matching: Matching, metric: Metric, schemes: Sequence[str]
) -> Iterator[Chart]:
    lines = []
    for i, scheme in enumerate(schemes):
        ratios = mean_ratios(matching, metric.name, scheme)
        dots = [
            Dot(at, ratio, tooltip=f"{scheme}, {letters[at - 1]}: {percent(ratio - 1)}")
            for at, ratio in enumerate(ratios, 1)
        ]
        if dots:
            lines.append(Polyline(i, tuple(dots)))
    if lines:
        label = f"{letters[0]} = 1"
        yield Chart(metric.heading, "result", label, tuple(lines), False, True, x_names=letters)


def _histories(
    letters: tuple[str, ...], matching: Matching, metric: Metric, schemes: Sequence[str]
) -> Iterator[Chart]:
    for place in dict.fromkeys(m.place for m in matching.matched):
        here = [m for m in matching.matched if m.place == place]
        threads = sorted({m.threads for m in here})
        for n in sorted({threads[0], threads[len(threads) // 2], threads[-1]}):
            lines = [
                Polyline(schemes.index(m.scheme), _dots(m, metric, letters))
                for m in here
                if m.threads == n
            ]
            title = ", ".join((metric.heading, *place, threads_word(n)))
            if any(line.dots for line in lines):
                yield _chart(title, "result", metric, lines, letters)


def _dots(m: Matched, metric: Metric, letters: Sequence[str]) -> tuple[Dot, ...]:
    found = enumerate(m.estimates(metric.name), 1)
    return tuple(
        _dot(at, one, f"{m.scheme}, {letters[at - 1]}", metric) for at, one in found if one
    )


def _curves(
    sides: Sequence[Side], matching: Matching, metric: Metric, schemes: Sequence[str]
) -> Iterator[Chart]:
    for place in dict.fromkeys(m.place for m in matching.matched):
        for scheme in schemes:
            here = [m for m in matching.matched if m.place == place and m.scheme == scheme]
            here.sort(key=lambda m: m.threads)
            if len(here) < 2:
                continue
            lines = []
            for i, side in enumerate(sides):
                found = ((m.threads, m.estimates(metric.name)[i]) for m in here)
                dots = [
                    _dot(n, one, f"{side.letter}, {threads_word(n)}", metric)
                    for n, one in found
                    if one
                ]
                lines.append(Polyline(i, tuple(dots)))
            ticks = tuple(m.threads for m in here)
            yield _chart(
                ", ".join((metric.heading, *place, scheme)), "threads", metric, lines, (), ticks
            )


def _dot(x: float, found: Entry, words: str, metric: Metric) -> Dot:
    low, high = found["ci95"] or (None, None)
    said = f"{words}: {estimate_text(found, form_of(metric))}"
    return Dot(x, found["mean"], low, high, said)


def _chart(
    title: str,
    across: str,
    metric: Metric,
    lines: Sequence[Polyline],
    names: tuple[str, ...],
    ticks: tuple[int, ...] = (),
) -> Chart:
    every: list[Any] = [dot for line in lines for dot in line.dots if dot.y > 0]
    log = bool(every) and max(d.y for d in every) > 8 * min(d.y for d in every)
    return Chart(
        title,
        across,
        metric.heading,
        tuple(line for line in lines if line.dots),
        x_log=not names,
        y_log=log,
        x_ticks=ticks,
        x_names=names,
        form=form_of(metric),
    )
