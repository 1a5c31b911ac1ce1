"""What figures of points against threads share: a line, its doubts, and its numbers in a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes

from dessim.report.common.doubts import is_marked
from dessim.report.common.results import Point
from dessim.report.plot.style import draw_line

Estimate = dict[str, Any]


def draw_points(
    ax: Axes,
    points: Sequence[Point],
    estimate_of: Callable[[Point], Estimate],
    index: int,
    label: str,
    unit: float,
) -> list[tuple[int, Estimate]]:
    """Draw a line against threads; where a number is not to be believed the marker is hollow.

    Parameters
    ----------
    ax : Axes
    points : sequence of Point
    estimate_of : callable
        Returns the estimate of a point.
    index, label, unit
        As of `style.draw_line`.

    Returns
    -------
    list of (threads, estimate)
    """
    line = [(point["threads"], estimate_of(point)) for point in points]
    hollow = [point["threads"] for point in points if is_marked(point)]
    draw_line(ax, line, index, label, unit, hollow)
    return line


def metric_of(name: str) -> Callable[[Point], Estimate]:
    """Return what gives a point's estimate of a metric."""
    return lambda point: dict(point["metrics"][name])


def steady_or_average(point: Point, steady: str, average: str) -> Estimate:
    """Return the estimate of a steady rate, or that of the whole run where there is none."""
    estimate = point["metrics"][steady]
    return dict(estimate if estimate["mean"] is not None else point["metrics"][average])


def numbers(name: str, estimate: Estimate) -> dict[str, Any]:
    """Return an estimate as `name`, `name_lo`, `name_hi`; without interval its ends are empty."""
    low, high = estimate["ci95"] or ("", "")
    return {name: estimate["mean"], f"{name}_lo": low, f"{name}_hi": high}
