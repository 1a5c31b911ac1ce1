"""Page-lock queues over time: the first replication of each point, watched while it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dessim.engines.components import queue_series
from dessim.files.drawn import note_drawn
from dessim.model import Point
from dessim.study.sweep.plan import setup_of
from dessim.study.sweep.tables import write_rows

QUEUES = "page_lock_queues.csv"
PS_PER_US = 1e6


def queue_rows(point: Point, index: int, replication: int = 0) -> list[dict[str, Any]]:
    """Return the rows of one point: time-weighted means over parts of the run.

    Parameters
    ----------
    point : Point
    index : int
        Place of the point in the results.
    replication : int
    """
    series, _ = queue_series(setup_of(point, replication))
    return [
        {
            "point": index,
            "time_us": (i + 0.5) * series.bin_ps / PS_PER_US,
            "asleep": sleepers,
            "longest_queue": longest,
        }
        for i, (sleepers, longest) in enumerate(zip(series.sleepers, series.longest, strict=True))
    ]


def write_queues(
    points: Sequence[Point], folder: Path, note: Callable[[int, int], None] = lambda i, n: None
) -> Path:
    """Run the first replication of every point on the reference engine and write who slept when.

    Parameters
    ----------
    points : sequence of Point
    folder : Path
        Of the experiment's results.
    note : callable, optional
        Called before each point with its number, from 1, and how many there are.
    """
    rows: list[dict[str, Any]] = []
    for index, point in enumerate(points):
        note(index + 1, len(points))
        rows += queue_rows(point, index)
    write_rows(rows, folder / QUEUES, "csv")
    note_drawn(folder, [folder / QUEUES])
    return folder / QUEUES
