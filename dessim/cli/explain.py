"""`dessim explain`: where the time goes, and what would change if something cost less."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from dessim.cli.complete import experiments
from dessim.cli.options import (
    ENGINE,
    EXPERIMENT,
    FOLDER,
    JOBS,
    POINTS,
    QUIET,
    REPLICATIONS,
)
from dessim.cli.select import Selection, busiest, select
from dessim.cli.work import report_failures, run_points
from dessim.metrics import P99

if TYPE_CHECKING:
    from dessim.kernel.result import RunResult
    from dessim.model import Point
    from dessim.study.explain.sensitivity import SensitivityPlan


@click.command()
@click.argument("config", required=False, callback=EXPERIMENT, shell_complete=experiments)
@POINTS
@REPLICATIONS
@click.option("--blame", is_flag=True, help="Who held what others waited for (slow engine).")
@click.option(
    "--limit", type=click.IntRange(1), help="Spans that --blame records [default: 300000]."
)
@click.option(
    "--speedup",
    "speedups",
    multiple=True,
    metavar="COST=SHARE",
    help="Lower a cost by a share, as in line_remote=20%; repeatable.",
)
@click.option("--causal", is_flag=True, help="Cut each cost in turn and rank them.")
@click.option("--cut", default="10%", show_default=True, help="Size of the cuts of --causal.")
@click.option(
    "--sensitivity",
    is_flag=True,
    help="Rank the machine's numbers by their effect over the ranges of their sources.",
)
@click.option(
    "--trajectories",
    type=click.IntRange(2, 1000),
    default=10,
    show_default=True,
    help="Morris screening.",
)
@click.option(
    "--samples",
    type=click.Choice(["0", *(str(1 << i) for i in range(3, 13))]),
    default="64",
    show_default=True,
    help="Sobol: rows of the design; 0 screens only.",
)
@click.option(
    "--top",
    type=click.IntRange(2, 20),
    default=5,
    show_default=True,
    help="Parameters that get Sobol indices.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    help="Instead of throughput and fault_latency_p99; repeatable.",
)
@click.option("--list", "list_costs", is_flag=True, help="List the costs that can be cut.")
@ENGINE
@JOBS
@click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)
@click.option(
    "--out",
    type=FOLDER,
    default=Path("results"),
    show_default=True,
    help="Where runs are kept and reused.",
)
@QUIET
def explain(
    config: str | None,
    *,
    blame: bool,
    limit: int | None,
    speedups: tuple[str, ...],
    causal: bool,
    cut: str,
    sensitivity: bool,
    trajectories: int,
    samples: str,
    top: int,
    metrics: tuple[str, ...],
    list_costs: bool,
    engine: str,
    jobs: int,
    form: str,
    out: Path,
    quiet: bool,
    **choice: Any,
) -> None:
    """Explain CONFIG: where time goes, what a cheaper step changes.

    Without --blame, --speedup, --causal or --sensitivity, print the time of all threads by
    category.
    """
    if config is None and not list_costs:
        raise click.UsageError("missing CONFIG: a name (`dessim list experiments`) or a YAML file")
    _refuse_idle({"blame": blame, "causal": causal, "sensitivity": sensitivity}, bool(speedups))
    chosen = None if config is None else select(config, **choice)
    if list_costs:
        _print_costs(chosen, form)
        return
    assert chosen is not None
    chosen = chosen.of_one_size(out, quiet=quiet)
    from dessim.study.explain.speedup import read_share, read_speedup

    chosen_speedups = [read_speedup(text) for text in speedups]
    share = read_share(cut)
    if causal and share == 0:
        raise click.UsageError("--cut 0% cuts nothing: nothing would be left to rank")
    work = _Work(chosen, engine, jobs, out, quiet)
    document: dict[str, Any] = {"experiment": chosen.experiment.name}
    if blame:
        document["blame"] = _blame(chosen, limit, quiet)
    if sensitivity:
        plan = _plan(metrics, trajectories, int(samples), top)
        document["sensitivity"] = _sensitivity(chosen, work, plan, quiet)
    if chosen_speedups or causal:
        document |= _what_if(chosen, work, chosen_speedups, share if causal else None, metrics)
    elif not (blame or sensitivity):
        from dessim.study.explain.time import time_of

        pairs = zip(chosen.points, work.run(chosen.points), strict=True)
        document["time"] = [time_of(point, runs) for point, runs in pairs]
    _print(document, form)


def _plan(metrics: Sequence[str], trajectories: int, samples: int, top: int) -> SensitivityPlan:
    """What a sensitivity study is to do: by one metric at a time."""
    from dessim.study.explain.sensitivity import SensitivityPlan

    if len(metrics) > 1:
        raise click.UsageError(
            "--sensitivity ranks by one --metric at a time; repeat it for others (runs are reused)"
        )
    return SensitivityPlan(metrics[0] if metrics else "throughput", trajectories, samples, top)


NEEDED = {
    "limit": ("blame",),
    "cut": ("causal",),
    **dict.fromkeys(("trajectories", "samples", "top"), ("sensitivity",)),
    "metrics": ("speedup", "causal", "sensitivity"),
}
"""Options that mean something only together with one of others."""


def _refuse_idle(asked: dict[str, bool], speedup: bool) -> None:
    """Refuse options that would do nothing."""
    context = click.get_current_context()
    asked = {**asked, "speedup": speedup}
    for name, needed in NEEDED.items():
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and not any(asked[one] for one in needed):
            option = "--metric" if name == "metrics" else f"--{name}"
            others = " or ".join(f"--{one}" for one in needed)
            raise click.UsageError(f"{option} needs {others}")


class _Work:
    """Does runs through the store, with progress, and keeps what finished."""

    def __init__(
        self, chosen: Selection, engine: str, workers: int, out: Path, quiet: bool
    ) -> None:
        from dessim.study.store.runs import Store

        self.chosen, self.engine, self.workers, self.quiet = chosen, engine, workers, quiet
        self.store = Store(out / "runs")

    def run(self, points: Sequence[Point]) -> list[list[RunResult]]:
        """Results of all replications of each point."""
        tally = run_points(
            points, self.engine, self.workers, self.store, quiet=self.quiet, config=self.chosen.text
        )
        report_failures(tally)
        kept = [tally.of_point(index) for index in range(len(points))]
        return [[one.run for one in own if one.run is not None] for own in kept]


def _blame(chosen: Selection, limit: int | None, quiet: bool) -> list[dict[str, Any]]:
    from dessim.study.explain.time import BLAME_SPANS, blame_of
    from dessim.study.sweep.plan import label_of

    found = []
    for i, point in enumerate(chosen.points, start=1):
        if not quiet:
            click.echo(f"recording {i} of {len(chosen.points)}: {label_of(point)}", err=True)
        found.append(blame_of(point, limit or BLAME_SPANS))
    return found


def _sensitivity(
    chosen: Selection, work: _Work, plan: SensitivityPlan, quiet: bool
) -> dict[str, Any]:
    from dessim.study.explain.sensitivity import sensitivity
    from dessim.study.explain.whatif import place_of as identity
    from dessim.study.sweep.compare import place_of

    first = busiest(chosen.points)
    place = (place_of(identity(first)), first.threads)
    points = [p for p in chosen.points if (place_of(identity(p)), p.threads) == place]
    if len(points) < len(chosen.points) and not quiet:
        click.echo(
            f"{len(points)} of {len(chosen.points)} points: {first.threads} threads,"
            f" order {first.fault_around_order}, {first.workload.name};"
            " choose with --threads, --workload, --order, --scheme",
            err=True,
        )
    return sensitivity(points, plan, work.run, chosen.experiment.warmup_ps)


def _what_if(
    chosen: Selection,
    work: _Work,
    speedups: list[tuple[str, int]],
    share_ppm: int | None,
    metrics: Sequence[str],
) -> dict[str, Any]:
    from dessim.study.explain.whatif import (
        causal_scenarios,
        effects,
        metric_name,
        scenarios_of,
    )

    names = list(metrics) or ["throughput", P99]
    for name in names:
        metric_name(name, chosen.points[0])
    warmup_ps = chosen.experiment.warmup_ps
    found: dict[str, Any] = {"metrics": names}
    if speedups:
        own = [scenarios_of(speedups) for _ in chosen.points]
        found["speedups"] = effects(chosen.points, own, names, work.run, warmup_ps)
    if share_ppm is not None:
        own = [causal_scenarios(point, share_ppm) for point in chosen.points]
        found["cut"] = share_ppm / 1_000_000
        found["causal"] = effects(chosen.points, own, names, work.run, warmup_ps)
    return found


def _print_costs(chosen: Selection | None, form: str) -> None:
    from dessim.study.explain.costs import catalogue

    entries = catalogue(chosen.points if chosen else ())
    if form == "json":
        click.echo(json.dumps(entries, indent=1, ensure_ascii=False))
        return
    from dessim.report.text.explain import catalogue_lines

    for line in catalogue_lines(entries):
        click.echo(line)


def _print(document: dict[str, Any], form: str) -> None:
    if form == "json":
        click.echo(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False))
        return
    from dessim.report.text.explain import print_explanation

    print_explanation(document)
