"""`dessim compare`: two schemes of a result, two results, or a result and what was measured."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from dessim.cli.options import RESULTS_DIR
from dessim.cli.results import place_of
from dessim.metrics import Topic, View, columns_of

UNITS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
USUAL = sorted(columns_of(View.COMPARE), key=lambda metric: metric.topic is Topic.LATENCY)
"""What is compared unless somebody chooses: the run as a whole, then its single faults."""


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--in", "within", metavar="RESULTS", help="A and B are two schemes of these results.")
@click.option("--metric", "metrics", multiple=True, help="Metric to compare; repeatable.")
@click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)
@click.option("--scheme", help="B measured: only points of this scheme.")
@click.option("--threads", type=click.IntRange(1), help="B measured: only points with N threads.")
@click.option(
    "--column", help="B measured: only this column or command [will-it-scale: processes]."
)
@click.option("--key", help="B measured: only histograms with this in their name.")
@click.option("--unit", type=click.Choice(list(UNITS)), help="B measured: unit of histograms.")
@click.option(
    "--blame",
    metavar="JSON",
    help="B of perf lock: the waits that `explain --blame --format json` wrote.",
)
@RESULTS_DIR
def compare(
    a: str,
    b: str,
    *,
    within: str | None,
    metrics: tuple[str, ...],
    form: str,
    results_dir: Path,
    unit: str | None,
    blame: str | None,
    **choice: Any,
) -> None:
    """Compare A with B, paired by seed and replication.

    A and B are results (folders that `dessim run` wrote, or names of experiments); with --in, two
    schemes of one result. Prints B relative to A, with `~` where a change is not significant, and
    the crossover.

    B may also be a file of measurements: histograms of bpftrace or bcc, tables of perf lock, CSV of
    will-it-scale, hyperfine's JSON or CSV, or CSV with units in its header. Errors are then
    ln(simulated/measured).
    """
    from dessim.report.common.results import doubting

    if within is None and _is_file(b, results_dir):
        if metrics:
            raise click.UsageError("--metric is for two results or schemes, not for a measured B")
        place = _place(a, results_dir)
        with doubting(place, click.ClickException):
            _compare_measured(place, b, form, UNITS.get(unit or ""), blame, choice)
        return
    _check_unused({**choice, "unit": unit, "blame": blame})
    names = (a, b) if within is None else (within,)
    places = [_place(name, results_dir) for name in names]
    with ExitStack() as stack:
        for place in places:
            stack.enter_context(doubting(place, click.ClickException))
        _compare(a, b, within, metrics, form, places)


def _check_unused(measured: dict[str, Any]) -> None:
    """Refuse options that say something about measurements where there are none."""
    for name, value in measured.items():
        if value is not None:
            what = "perf lock wrote" if name == "blame" else "is a file of measurements"
            raise click.UsageError(f"--{name} is for a B that {what}")


def _is_file(name: str, results_dir: Path) -> bool:
    """Whether a name is that of something that is there, and no result."""
    try:
        there = Path(name).exists() and not Path(name).is_dir()
    except (OSError, ValueError):
        return False
    return there and place_of(name, results_dir) is None


def _compare_measured(
    place: Path,
    file: str,
    form: str,
    unit_ns: float | None,
    blame: str | None,
    choice: dict[str, Any],
) -> None:
    from dessim.measure.observed.blame import read_blame
    from dessim.measure.observed.reading import read_measured
    from dessim.report.common.results import load_results
    from dessim.report.text.console import console_for
    from dessim.report.text.measured import compared, print_comparison

    results = load_results(place)
    points, measured = results.document["points"], read_measured(file, unit_ns)
    waits = None if blame is None else read_blame(blame)
    found = compared(points, results.latencies, measured, blame=waits, **choice)
    found = {"a": str(place), "b": file, **found}
    if form == "json":
        click.echo(json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False))
        return
    print_comparison(console_for(None), found)


def _compare(
    a: str, b: str, within: str | None, metrics: tuple[str, ...], form: str, places: list[Path]
) -> None:
    from dessim.report.common.results import load_document
    from dessim.study.sweep.compare import compared, crossings, pairs_of_results

    if within is not None:
        pairs = _pairs_within(load_document(places[0]), a, b, within)
    else:
        first, second = (load_document(place)["points"] for place in places)
        pairs = pairs_of_results(first, second)
        if not pairs:
            raise click.UsageError(f"results {a!r} and {b!r} share no point")
    chosen = list(metrics) or [metric.name for metric in USUAL]
    known = pairs[0].a["metrics"]
    for name in chosen:
        if name not in known:
            raise click.UsageError(f"unknown metric {name!r} (there are {', '.join(known)})")
    rows = compared(pairs, chosen)
    crossed: list[dict[str, Any]] = []
    if within is not None:
        crossed = [entry for name in chosen for entry in crossings(pairs, name)]
    else:
        rows = [{**row, "name_scheme": True} for row in rows]
    _show(a, b, rows, crossed, form)


def _show(
    a: str, b: str, rows: list[dict[str, Any]], crossed: list[dict[str, Any]], form: str
) -> None:
    if form == "json":
        found = {"a": a, "b": b, "rows": rows, "crossovers": crossed}
        click.echo(json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False))
        return
    from dessim.report.text.comparison import lines_of
    from dessim.report.text.console import console_for, say

    console = console_for(None)
    for line in lines_of(a, b, rows, crossed, console.width):
        say(console, line)


def _place(name: str, results_dir: Path) -> Path:
    folder = place_of(name, results_dir)
    if folder is not None:
        return folder
    raise click.UsageError(
        f"there are no results in {name!r}; run `dessim run {name}`, or compare two schemes of"
        " one result with --in RESULTS, or a result with a file of"
        " measurements"
    )


def _pairs_within(document: dict[str, Any], a: str, b: str, within: str) -> list[Any]:
    from dessim.study.sweep.compare import pairs_of_schemes, scheme_label

    points = document["points"]
    known = list(dict.fromkeys(scheme_label(point) for point in points))
    for name in (a, b):
        if name not in known:
            raise click.UsageError(
                f"no scheme {name!r} in results {within!r} (there are {', '.join(known)})"
            )
    pairs = pairs_of_schemes(points, a, b)
    if not pairs:
        raise click.UsageError(f"{a!r} and {b!r} share no point")
    return pairs
