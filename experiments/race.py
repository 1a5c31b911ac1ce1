"""Race of mapping with invalidation: rate of each BUG_ON, and what the explorer says about it."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from dessim.measure.statistics.intervals import mean_interval
from dessim.report.common.format import scheme_of
from dessim.report.common.results import Point
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.style import grid, legend, line_style

VERDICTS = "check/verdicts.json"
NEEDS = {
    "invalidate-race": "dessim run invalidate-race -j 2",
    VERDICTS: f"mkdir -p results/check && dessim check --format json > results/{VERDICTS}",
}
KEYS = ("workload", "series", "bug")
TOLERANCE = Tolerance(relative=0.5, absolute=30.0)
VARIANTS = {  # workload of invalidate-race -> options of invalidate_range
    "no-retry": {"unmap_retry": "none", "walk": "if_mapped"},
    "retry-before-bug": {"unmap_retry": "before_bug", "walk": "if_mapped"},
    "retry-always": {"unmap_retry": "always_bug", "walk": "if_mapped"},
    "retry-until-unmapped": {"unmap_retry": "until_unmapped", "walk": "if_mapped"},
    "no-retry-every-table": {"unmap_retry": "none", "walk": "every_table"},
}
BUGS = ("bug1", "bug2")
PER = 10_000
"""Invalidated pages to which rates refer."""
UNSEEN = 3.0
"""An event not seen in n tries has a rate below 3/n with 95 % confidence (the rule of three)."""


def draw(stored: Stored) -> Drawing:
    """Rates as bars with intervals, a panel per BUG_ON, the explorer's verdict next to each bar."""
    results = stored.results("invalidate-race")
    verdicts = stored.json(VERDICTS)
    points = [p for p in results.document["points"] if p["workload"] in VARIANTS]
    series = list(dict.fromkeys(scheme_of(point) for point in points))
    rows = [row_of(point, bug, verdicts) for bug in BUGS for point in points]
    figure, axes = grid(2, 2, 3.0, share=False)
    top = max([row["rate_hi"] for row in rows])
    for ax, bug in zip(axes, BUGS, strict=True):
        draw_bug(ax, [row for row in rows if row["bug"] == bug], series, top)
    axes[1].tick_params(labelleft=False, left=False)
    legend(figure, axes[:1])
    caption = (
        f"BUG_ON(page_mapped) met per {PER:,} pages taken out of the page cache, before (bug1) and"
        f" inside (bug2) the deletion, by how invalidate_range unmaps. Bars: 95 % t intervals over"
        f" {results.replications}, cut at 0; where it was never met, the upper end is 3 in as many"
        f" pages as were tried (rule of three). At the bars: the explorer's verdict on the model,"
        f" and the steps of its shortest trace. {results.caption_of(bands=False)}"
    )
    return Drawing(figure, rows, caption)


def row_of(point: Point, bug: str, verdicts: Any) -> dict[str, Any]:
    """Return rate and verdict of one bar."""
    pages = point["metrics"]["pages_removed"]["values"]
    met = point["metrics"][bug]["values"]
    each = [PER * m / n for m, n in zip(met, pages, strict=True)]
    low, high = interval(each) if any(met) else (0.0, PER * UNSEEN / sum(pages))
    verdict, steps = verdict_of(point, bug, verdicts)
    return {
        "workload": point["workload"],
        "series": scheme_of(point),
        "bug": bug,
        "rate": sum(each) / len(each),
        "rate_lo": low,
        "rate_hi": high,
        "verdict": verdict,
        "steps": steps,
    }


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of a 95 % t interval of the mean, cut at 0."""
    estimate = mean_interval(values)
    low, high = estimate.ci95 or (values[0], values[0])
    return max(0.0, low), high


def verdict_of(point: Point, bug: str, verdicts: Any) -> tuple[str, str]:
    """Return the explorer's verdict on a scheme against one invalidator, over all its scopes.

    One scope in which it happens is enough; it never happens if every scope was exhausted.
    """
    variant = VARIANTS[point["workload"]]
    here = [
        row
        for row in verdicts
        if row["scheme"] == point["scheme"]
        and bool(row["precheck"]) == bool(point["scheme_options"].get("precheck", False))
        and str(row["actor"]).startswith("invalidate")
        and all((row.get("invalidate") or {}).get(key) == value for key, value in variant.items())
        and row["property"].lower() == bug
        and row["memory"] == "sc"
    ]
    if not here:
        return "", ""
    found = {row["verdict"] for row in here}
    if "sometimes" in found:
        return "sometimes", str(min(row["steps"] for row in here if row["verdict"] == "sometimes"))
    return ("never" if found == {"never"} else "unknown"), ""


def draw_bug(ax: Axes, rows: list[dict[str, Any]], series: list[str], top: float) -> None:
    """Draw the bars of one BUG_ON."""
    height = 0.8 / len(series)
    for index, name in enumerate(series):
        here = [row for row in rows if row["series"] == name]
        at = [place + (index - (len(series) - 1) / 2) * height for place in range(len(here))]
        rates = [row["rate"] for row in here]
        ends = [
            [rate - row["rate_lo"] for rate, row in zip(rates, here, strict=True)],
            [row["rate_hi"] - rate for rate, row in zip(rates, here, strict=True)],
        ]
        look = {"color": line_style(index)["color"], "hatch": ("", "////", "....")[index % 3]}
        bars = {"edgecolor": "white", "linewidth": 0.3, **look}
        ax.barh(
            at, rates, 0.9 * height, xerr=ends, label=name, error_kw={"elinewidth": 0.7}, **bars
        )
        for place, row in zip(at, here, strict=True):
            word = row["verdict"] + (f" ({row['steps']} steps)" if row["steps"] else "")
            ax.text(row["rate_hi"] + 0.02 * top, place, word, va="center", fontsize=6)
    ax.set_yticks(range(len(VARIANTS)), list(VARIANTS))
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.set_xlim(0, 1.45 * top)
    ax.set_title(rows[0]["bug"])
    ax.set_xlabel(f"times met per {PER:,} pages removed")
