"""Whether intervals hold what was left out: the largest numbers of threads, from the smaller ones.

Every cell with more threads than were kept is predicted from the others, with the growth that was
seen elsewhere: never from the cells that are predicted, nor from any of the same workload with more
threads than were kept. What parameters and open numbers add is left out, which makes the intervals
narrower than those of `dessim predict`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from dessim.model import LeftOut, load_workload
from dessim.study.fidelity.calibrate import SPREAD
from dessim.study.fidelity.extrapolation import (
    left_out,
    splits,
    with_threads,
)
from dessim.study.fidelity.validation import SECONDS
from dessim.study.fidelity.variances import Growth, Term, growth_of, half_width

CURVE_SHARES = (4, 2)
"""Of a curve, a quarter and a half of its numbers of threads are kept."""

Entry = dict[str, Any]
Fold = tuple[int, Sequence[Entry]]
"""Largest number of threads that was kept, and all cells as simulated after a fit to those."""


def of_table(cells: Sequence[Entry]) -> list[Entry]:
    """Coverage in a table with nothing fitted: the same cells for every number left out.

    Returns
    -------
    list of dict
        A row for each workload and largest number of threads kept: workload, largest, threads
        (least and most that are predicted), cells, held before and after, half-widths of both
        (means), and the greatest error.
    """
    counts = sorted({cell["threads"] for cell in cells})
    return _rows([(n, cells) for n in counts[:-1]], splits(cells))


def of_fits(folds: Sequence[Fold]) -> list[Entry]:
    """Coverage where each number of threads left out had a fit of its own."""
    return _rows(folds, [one for n, cells in folds for one in left_out(cells, n)])


def of_curves(cells: Sequence[Entry]) -> list[Entry]:
    """Coverage of curves: each from its smaller numbers of threads and the other curves."""
    folds = []
    for name in dict.fromkeys(cell["workload"] for cell in cells):
        own = [cell for cell in cells if cell["workload"] == name]
        most = max(cell["threads"] for cell in own)
        folds += [(most // share, own) for share in CURVE_SHARES]
    observed = [one for n, own in folds for one in left_out(own, n, "value")]
    found = []
    for n, own in folds:
        others = [one for one in observed if one.workload != own[0]["workload"]]
        found += _covered(own, n, _growth_of_curves(others), "value", 0.0)
    return found


def _growth_of_curves(observed: Sequence[LeftOut]) -> Growth:
    """A curve is one observation: its points are wrong together."""
    groups: dict[str, list[tuple[float, float]]] = {}
    for one in observed:
        pair = (one.seconds, math.log(one.threads / one.largest))
        groups.setdefault(one.workload, []).append(pair)
    return growth_of(groups)


def _rows(folds: Sequence[Fold], observed: Sequence[LeftOut]) -> list[Entry]:
    found = []
    for n, cells in folds:
        for name in dict.fromkeys(cell["workload"] for cell in cells):
            own = [cell for cell in cells if cell["workload"] == name]
            others = [one for one in observed if one.workload != name or one.threads <= n]
            if others:
                growth = with_threads(others, SECONDS)
                spread = SPREAD[load_workload(name).access]
                found += _covered(own, n, growth, SECONDS, spread)
    return found


def _covered(
    cells: Sequence[Entry], largest: int, growth: Growth, quantity: str, spread: float
) -> list[Entry]:
    """A row for one workload; none if there is nothing to predict, or to predict it from."""
    usable = [c for c in cells if not c["doubtful"] and c[quantity]["log_error"] is not None]
    kept = [cell for cell in usable if cell["threads"] <= largest]
    wanted = [cell for cell in usable if cell["threads"] > largest]
    if not kept or not wanted:
        return []
    model = [c[quantity]["log_error"] for c in kept if not c["fitted"]]
    model = model or [c[quantity]["log_error"] for c in kept]
    degrees = len(model)
    base = [Term(math.fsum(e * e for e in model) / degrees, degrees), Term(spread**2, math.inf)]
    most = max(cell["threads"] for cell in kept)

    def half_after(cell: Entry) -> float:
        far = growth.over(math.log(cell["threads"] / most))
        return half_width([*base, far], degrees)

    before, after = (
        _held(wanted, quantity, lambda _: half_width(base, degrees)),
        _held(wanted, quantity, half_after),
    )
    return [
        {
            "workload": cells[0]["workload"],
            "largest": most,
            "threads": [min(c["threads"] for c in wanted), max(c["threads"] for c in wanted)],
            "cells": len(wanted),
            "held_before": before[0],
            "held_after": after[0],
            "half_width_before": before[1],
            "half_width_after": after[1],
            "max_abs_log_error": max(abs(c[quantity]["log_error"]) for c in wanted),
        }
    ]


def _held(
    cells: Sequence[Entry], quantity: str, half: Callable[[Entry], float]
) -> tuple[int, float]:
    """How many cells lie in their intervals, and the mean half-width."""
    halves = [half(cell) for cell in cells]
    held = (abs(c[quantity]["log_error"]) <= width for c, width in zip(cells, halves, strict=True))
    return sum(held), math.fsum(halves) / len(halves)
