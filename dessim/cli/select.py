"""Options that choose points of an experiment, shared by `trace` and `explain`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dessim.model import Experiment, Point

OPTIONS = (
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY.PATH=VALUE",
        help="Change a value of the experiment (YAML; a list sweeps it). Repeatable.",
    ),
    click.option(
        "--threads", multiple=True, type=click.IntRange(1), help="Only points with N threads."
    ),
    click.option("--scheme", "schemes", multiple=True, help="Only points of this scheme."),
    click.option("--workload", "workloads", multiple=True, help="Only points of this workload."),
    click.option(
        "--order", "orders", multiple=True, type=click.IntRange(0, 9), help="Only this window."
    ),
    click.option("--seed", type=click.IntRange(0), help="Instead of the experiment's."),
)


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


def point_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command; they arrive in one keyword argument each."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


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
    from dessim.cli.run import as_written, load_points
    from dessim.study.sweep.compare import scheme_label

    experiment, points = load_points(config, overrides, seed, replications)

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
            hint = f"; `--set threads={asked}` runs it all the same" if name == "threads" else ""
            raise click.UsageError(
                f"'{experiment.name}' has no such point with {name} {asked}: there is {there}{hint}"
            )
        kept = left
    text = as_written(config, overrides, seed, replications)
    return Selection(experiment, kept, len(points), text)


def busiest(points: Sequence[Point]) -> Point:
    """Choose the first point among those with the most threads."""
    return max(points, key=lambda point: point.threads)  # the first of equals
