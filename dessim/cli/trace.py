"""`dessim trace`: one run, step by step, as a Perfetto trace and folded stacks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dessim.cli.complete import experiments
from dessim.cli.options import EXPERIMENT, NEW_FILE, POINTS
from dessim.cli.places import check_second, check_suffix
from dessim.cli.select import busiest, select
from dessim.files.reading import watched
from dessim.files.writing import is_stream, refuse_input

if TYPE_CHECKING:
    from dessim.measure.recording.history import Recording

FORMATS = ("both", "perfetto", "folded")
TRACES = (".pftrace", ".perfetto-trace", ".perfetto", ".trace", ".pb", ".json")
"""How the name of a trace may end; https://ui.perfetto.dev looks at the content."""


@click.command()
@click.argument("config", callback=EXPERIMENT, shell_complete=experiments)
@POINTS
@click.option(
    "--replication",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Replication to run.",
)
@click.option(
    "--from", "from_text", metavar="TIME", help="Start recording at this simulated time, as in 2ms."
)
@click.option("--until", "until_text", metavar="TIME", help="Stop at this simulated time.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="SPANS",
    help="Stop after this many spans [default: 1000000].",
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="both", show_default=True)
@click.option(
    "--out",
    type=NEW_FILE,
    help="Trace file [default: results/EXPERIMENT/trace.pftrace]; folded stacks go next to it. -"
    " is standard output, which takes one of the two: the trace, unless --format is `folded`.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print only errors.")
def trace(
    config: str,
    *,
    replication: int,
    from_text: str | None,
    until_text: str | None,
    limit: int | None,
    form: str,
    out: Path | None,
    quiet: bool,
    **choice: Any,
) -> None:
    """Trace one run of CONFIG on the reference engine.

    Of several points, trace the first of those with the most threads. Open the file at
    https://ui.perfetto.dev (nothing is uploaded); folded stacks are for flame graphs.
    """
    from_ps, until_ps = _time(from_text, "--from"), _time(until_text, "--until")
    if until_ps is not None and until_ps <= (from_ps or 0):
        raise click.UsageError("--until must be later than --from")
    _check_name(out, form)
    with watched() as read:
        chosen = select(config, **choice)
    refuse_input(out, config, *read)
    _check_places(out, form)
    point = busiest(chosen.of_one_size(Path("results"), quiet=quiet).points)
    from dessim.report.trace.perfetto import check_perfetto, write_trace
    from dessim.study.explain.trace import SPANS, record
    from dessim.study.sweep.plan import label_of

    if form != "folded":
        check_perfetto()
    if not quiet:
        _report_the_choice(label_of(point), len(chosen.points))
    recording, _ = record(point, replication, from_ps or 0, until_ps, limit or SPANS)
    if not any(recording.spans):
        raise click.UsageError(
            f"nothing happens after {from_text}: the run ends at {_ms(recording.until_ps)}"
        )
    from dessim.files.names import folder_name

    first = out or Path("results") / folder_name(chosen.experiment.name) / "trace.pftrace"
    files = []
    if form != "folded":
        slices = write_trace(recording, first)
        size = "" if is_stream(first) else f", {first.stat().st_size / 1e6:.1f} MB"
        files.append(f"{first} ({slices:,} slices{size})")
    if stacks := _stacks(first, form):
        from dessim.files.writing import write_all
        from dessim.report.trace.folded import folded_text

        write_all({stacks: folded_text(recording).encode()})
        files.append(str(stacks))
    if not quiet:
        click.echo(f"wrote {', '.join(files)}", err=True)
        _report_the_end(recording, until_ps)
    if recording.error:
        click.echo(f"error: the run ended at its last slice: {recording.error}", err=True)
        sys.exit(1)


def _check_name(out: Path | None, form: str) -> None:
    if form != "folded" and out is not None and out.suffix == ".folded":
        raise click.UsageError(f"--out {out}: the stacks take this name; give the trace another")


def _check_places(out: Path | None, form: str) -> None:
    """Refuse names that are no trace's, and to replace stacks that nobody named."""
    if out is None:
        return
    check_suffix("--out", out, "a trace", (*TRACES, ".folded") if form == "folded" else TRACES)
    stacks = _stacks(out, form)
    if stacks and stacks != out:
        check_second("--out", stacks if form == "folded" else out, stacks)


def _stacks(out: Path, form: str) -> Path | None:
    """Where stacks go: next to the trace, and nowhere if that is a stream and goes first."""
    if form == "perfetto":
        return None
    if is_stream(out):
        return out if form == "folded" else None
    return out.with_suffix(".folded")


def _report_the_choice(label: str, points: int) -> None:
    if points > 1:
        click.echo(
            f"1 of {points} points: {label}; choose with --threads, --scheme, --workload, --order",
            err=True,
        )


def _report_the_end(recording: Recording, until_ps: int | None) -> None:
    spans = sum(map(len, recording.spans))
    if recording.full:
        click.echo(
            f"stopped at {_ms(recording.until_ps)} of simulated time, after {spans:,} spans:"
            " --limit N records more, --from and --until another part, --set simulate=1MiB"
            " shortens the run",
            err=True,
        )
    elif not recording.complete and until_ps is not None and not recording.error:
        click.echo(f"stopped at {_ms(until_ps)}, as asked", err=True)


def _ms(time_ps: int) -> str:
    return f"{time_ps / 1e9:.6g} ms"


def _time(text: str | None, option: str) -> int | None:
    """Read a time with its unit, ps."""
    if text is None:
        return None
    from dessim.model.units import TIME, parse_quantity

    try:
        return parse_quantity(text, TIME)
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}") from error
