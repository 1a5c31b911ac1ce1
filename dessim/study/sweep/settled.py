"""One size for points of `simulate: auto`, where there are no rounds in which they could grow.

`dessim explain` and `dessim trace` do single runs. What they look at should be what the results
show: the size on which `dessim run` has settled, where it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dessim.model import Point
from dessim.study.store.manifest import manifests_of
from dessim.study.sweep.plan import label_of
from dessim.study.sweep.rounds import at_size, sizes_of


def settled_sizes(folder: Path) -> dict[str, int]:
    """Sizes that results of a folder use, by the label of the point, bytes.

    Parameters
    ----------
    folder : Path
        Of one experiment's results; there need not be any.
    """
    return {
        point["point"]: point["simulated_bytes"]
        for sweep in manifests_of(folder)
        for point in sweep.points
        if point["final"]
    }


def of_one_size(points: Sequence[Point], folder: Path) -> tuple[list[Point], str]:
    """Give each point that would grow one size.

    Parameters
    ----------
    points : sequence of Point
    folder : Path
        Where the results of their experiment are, if there are any.

    Returns
    -------
    list of Point
        Each with the size on which stored results settled, else with the first that is tried.
    str
        What was done, for people; empty if there was nothing to do.
    """
    growing = [point for point in points if point.simulate_cap_bytes is not None]
    if not growing:
        return list(points), ""
    known = settled_sizes(folder)
    found = [_sized(point, known) for point in points]
    there = sum(label_of(point) in known for point in growing)
    words = []
    if there:
        words.append(f"{there} points have the size on which the results in {folder} settled")
    if there < len(growing):
        words.append(
            f"{len(growing) - there} points have the first size of `simulate: auto`, which no"
            " second one confirms (`dessim run` does; --set simulate=SIZE chooses)"
        )
    return found, "; ".join(words)


def _sized(point: Point, known: dict[str, int]) -> Point:
    if point.simulate_cap_bytes is None:
        return point
    return at_size(point, known.get(label_of(point), sizes_of(point)[0][0]))
