"""Where time goes, as stacked bars in an inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from dessim.report.common.palette import CATEGORY_LOOKS, UNSEEN, place_of

WIDTH, ROW, BAR, AXIS = 700, 46, 15, 24
SMALLEST = 0.005
"""A category that nowhere reaches this share is drawn as a part of `other`."""
PATTERNS = {
    "/": "M0 6L6 0",
    "\\": "M0 0L6 6",
    ".": "M2 3h1.4",
    "|": "M3 0V6",
    "x": "M0 6L6 0M0 0L6 6",
}
"""First letter of a hatch -> the stroke that is repeated."""


def patterns() -> Markup:
    """Return the hatches of all categories, to be referred to from bars."""
    made = []
    for colour, hatch in {(c, h) for _, c, h in [*CATEGORY_LOOKS.values(), ("", *UNSEEN)] if h}:
        form = Markup(
            '<pattern id="{}" width="6" height="6" patternUnits="userSpaceOnUse">'
            '<rect width="6" height="6" fill="{}"/>'
            '<path d="{}" stroke="#303030" stroke-width="0.9" fill="none"/></pattern>'
        )
        stroke = PATTERNS.get(hatch[0], "M3 0V6M0 3H6")
        made.append(form.format(_pattern(colour, hatch), colour, stroke))
    made.sort()
    return Markup(
        '<svg class="defs" aria-hidden="true" width="0" height="0"><defs>{}</defs></svg>'
    ).format(Markup("").join(made))


def _pattern(colour: str, hatch: str) -> str:
    return f"hatch-{colour.lstrip('#').lower()}-{ord(hatch[0])}"


def paint(category: str) -> str:
    """Return the fill of a category."""
    _, colour, hatch = CATEGORY_LOOKS.get(category, (category, *UNSEEN))
    return f"url(#{_pattern(colour, hatch)})" if hatch else colour


def word(category: str) -> str:
    """Return what a category is called."""
    return CATEGORY_LOOKS.get(category, (category,))[0]


def shown(shares: Sequence[dict[str, float]]) -> list[str]:
    """Return the categories that are worth a colour, in the order of a bar."""
    names = list(shares[0]) if shares else []
    kept = [name for name in names if max(share.get(name, 0.0) for share in shares) >= SMALLEST]
    return sorted(kept, key=place_of)


def bars(rows: Sequence[tuple[str, dict[str, float]]], categories: Sequence[str]) -> Markup:
    """Return a bar with its label above it for each row.

    Parameters
    ----------
    rows : sequence of (str, dict)
        Label, and category -> share.
    categories : sequence of str
        As ``shown`` returns them.
    """
    body = []
    for index, (label, share) in enumerate(rows):
        y = index * ROW
        body.append(Markup('<text x="0" y="{}" class="tick">{}</text>').format(y + 18, label))
        left = 0.0
        shown = [(name, word(name), share.get(name, 0.0)) for name in categories]
        rest = max(0.0, 1 - sum(width for _, _, width in shown))
        for place, (name, text, width) in enumerate([*shown, ("", "other", rest)]):
            if width <= 0:
                continue
            form = Markup(
                '<rect class="series" data-series="{}" x="{}" y="{}" width="{}" height="{}"'
                ' fill="{}" stroke="#ffffff" stroke-width="0.5"><title>{}: {:.1%}</title></rect>'
            )
            fill = paint(name) if name else "#f4f4f4"
            at, wide = round(left * WIDTH, 2), round(width * WIDTH, 2)
            body.append(form.format(place, at, y + 23, wide, BAR, fill, text, width))
            left += width
    body += _axis(ROW * len(rows))
    head = Markup('<svg class="bars" viewBox="0 0 {} {}" role="img" aria-label="{}">')
    return (
        head.format(WIDTH, max(ROW * len(rows), 1) + AXIS, "Where time goes, percent")
        + Markup("").join(body)
        + Markup("</svg>")
    )


def _axis(y: int) -> list[Markup]:
    """Ticks below the bars, in percent of all threads' time."""
    rule = Markup('<line x1="{0}" y1="{1}" x2="{0}" y2="{2}" class="axis"/>')
    text = Markup('<text x="{}" y="{}" text-anchor="{}" class="tick">{}</text>')
    body = []
    for percent in range(0, 101, 25):
        x = WIDTH * percent / 100
        anchor = {0: "start", 100: "end"}.get(percent, "middle")
        body.append(rule.format(min(max(x, 0.5), WIDTH - 0.5), y, y + 5))
        body.append(text.format(x, y + 19, anchor, f"{percent} %"))
    return body


def swatch(category: str) -> Markup:
    """Return a sample of a category for a legend."""
    form = Markup(
        '<svg class="swatch" viewBox="0 0 34 12" aria-hidden="true">'
        '<rect width="34" height="12" fill="{}" stroke="#808080" stroke-width="0.5"/></svg>'
    )
    return form.format(paint(category) if category else "#f4f4f4")
