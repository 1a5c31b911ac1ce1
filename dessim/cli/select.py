"""Points of an experiment that the options `POINTS` choose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dessim.model import Experiment, Point


@dataclass(frozen=True)
class Selection:
    """Points of an experiment that the options choose.

    Attributes
    ----------
    experiment : Experiment
    points : tuple of Point, at least one
    available : int
        Points of the experiment.
    text : str
        The experiment as written.
    """

    experiment: Experiment
    points: tuple[Point, ...]
    available: int
    text: str

    def of_one_size(self, out: Path, *, quiet: bool) -> Selection:
        """Give points of `simulate: auto` one size, and report which on stderr.

        Parameters
        ----------
        out : Path
            Where `dessim run` keeps its results.
        quiet : bool
        """
        from dessim.files.names import folder_name
        from dessim.study.sweep.settled import of_one_size

        points, note = of_one_size(self.points, out / folder_name(self.experiment.name))
        if note and not quiet:
            click.echo(note, err=True)
        return replace(self, points=tuple(points))


def select(
    config: str,
    overrides: Sequence[str],
    threads: Sequence[int],
    schemes: Sequence[str],
    workloads: Sequence[str],
    orders: Sequence[int],
    seed: int | None,
    replications: int | None = None,
) -> Selection:
    """Load an experiment and choose points of it.

    Raises
    ------
    click.UsageError
        If no point is left; it says what there is to choose from.
    """
    from dessim.study.sweep.compare import scheme_label
    from dessim.study.sweep.request import Request

    request = Request(config, tuple(overrides), seed=seed, replications=replications)
    experiment, points = request.load()

    def named(point: Point) -> tuple[str, str]:
        options = dict(sorted(point.scheme.options.items()))
        label = scheme_label({"scheme": point.scheme.name, "scheme_options": options})
        return point.scheme.name, label

    wanted: tuple[tuple[str, Sequence[Any], Callable[[Point], tuple[Any, ...]]], ...] = (
        ("scheme", schemes, named),
        ("workload", workloads, lambda point: (point.workload.name,)),
        ("order", orders, lambda point: (point.fault_around_order,)),
        ("threads", threads, lambda point: (point.threads,)),
    )
    kept = points
    for name, values, of in wanted:
        left = tuple(p for p in kept if not values or set(values) & set(of(p)))
        if not left:
            there = ", ".join(dict.fromkeys(str(of(point)[-1]) for point in kept))
            asked = " or ".join(map(str, values))
            hint = f"; `--set threads={asked}` runs it anyway" if name == "threads" else ""
            raise click.UsageError(
                f"'{experiment.name}' has no such point with {name} {asked}: there is {there}{hint}"
            )
        kept = left
    return Selection(experiment, kept, len(points), request.text)


def busiest(points: Sequence[Point]) -> Point:
    """Choose the first point among those with the most threads."""
    return max(points, key=lambda point: point.threads)  # the first of equals
