"""`dessim import`: a page-fault trace of Linux's tools becomes a workload."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dessim.cli.options import NEW_FILE, check_new, write_new
from dessim.cli.results import report_files
from dessim.errors import counted
from dessim.files.own import refuse_own
from dessim.files.writing import check_place, refuse_input

if TYPE_CHECKING:
    from dessim.kernel.replay import Replay
    from dessim.measure.traces.converting import Imported
    from dessim.measure.traces.importing import Trace

FORMATS = ("perf-script", "perf-trace", "ftrace", "bpftrace")
FAULTS = ("read", "anonymous", "write_shared", "write_private")
USUAL_ORDER = 4


@click.command("import")
@click.argument("file")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Format, if the guess is wrong.")
@click.option("--fields", metavar="NAMES", help="Fields of bpftrace's lines; - skips one.")
@click.option(
    "--out",
    type=NEW_FILE,
    help="Workload to write [default: FILE's name with .yaml, here].",
)
@click.option(
    "--pid", "pids", multiple=True, type=int, help="Only this process or task; repeatable."
)
@click.option("--comm", "comms", multiple=True, help="Only tasks of this name; repeatable.")
@click.option(
    "--fault", type=click.Choice(FAULTS), help="Kind to replay [default: the most frequent]."
)
@click.option(
    "--replay",
    type=click.Choice(["closed", "open"]),
    default="closed",
    show_default=True,
    help="closed: gaps are think time; open: faults arrive as recorded.",
)
@click.option(
    "--each-a-process",
    is_flag=True,
    help="Without pids in the trace: tasks of one name share no memory.",
)
@click.option("--skip-damaged", is_flag=True, help="Count unreadable lines and continue.")
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def import_trace(
    file: str,
    form: str | None,
    fields: str | None,
    out: Path | None,
    *,
    pids: tuple[int, ...],
    comms: tuple[str, ...],
    fault: str | None,
    replay: str,
    each_a_process: bool,
    skip_damaged: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Turn the page-fault trace FILE into a workload.

    FILE is the output of perf script, perf trace -F all, tracefs' trace, trace-cmd report or
    bpftrace's printf, plain or compressed by gzip; - is standard input. Writes a workload that
    `dessim run` replays and, next to it, the faults as Parquet. FILE itself is never replaced.
    """
    from dessim.measure.traces import bpftrace, converting
    from dessim.measure.traces.importing import read_trace

    if fields is not None and form not in (None, "bpftrace"):
        raise click.UsageError("--fields needs --format bpftrace")
    place = out or Path(_stem(file) + ".yaml")
    if place.suffix != ".yaml":
        raise click.UsageError("--out names a workload: it must end in .yaml")
    _check_places(file, place, force=force)
    names = bpftrace.fields_of(fields) if fields is not None else ()
    trace = read_trace(file, form or "", names, skip_damaged=skip_damaged)
    choice = converting.TaskChoice(pids, comms, by_comm=not each_a_process)
    found = converting.imported(trace, choice, Path(file).name)
    chosen = fault or converting.usual_fault(found.trace)
    fault_time = converting.fault_time_ns(found.trace)
    made = converting.replay_for(found.trace, chosen, replay, fault_time)
    _write(place, found, made, chosen, replay, fault_time, force=force)
    summary = _summary(trace, found, made, chosen, replay, fault_time)
    if as_json:
        click.echo(json.dumps(summary, indent=1, ensure_ascii=False))
    else:
        _show(summary, trace, place)


def _check_places(file: str, place: Path, *, force: bool) -> None:
    """Refuse places of the workload and its faults, before the trace is read."""
    for path in (place, _faults_of(place)):
        refuse_input(path, "/dev/stdin" if file == "-" else file)
        check_new(path, "another --out", force=force)
        check_place(path)
        refuse_own(path)


def _faults_of(place: Path) -> Path:
    return place.with_suffix(".parquet")


def _stem(file: str) -> str:
    name = "trace" if file == "-" else Path(file).name
    for end in (".gz", ".txt", ".log", ".out", ".trace"):
        name = name.removesuffix(end)
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in name)
    return kept.strip("-.")[:100] or "trace"


def _write(
    place: Path,
    found: Imported,
    made: Replay,
    fault: str,
    replay: str,
    fault_time_ns: int,
    *,
    force: bool,
) -> None:
    """Write the faults, and the workload that replays them."""
    from dessim.model.trace_file import digest_of
    from dessim.model.units import SIZE, TIME, format_quantity
    from dessim.model.workload import PAGE_BYTES

    data, source = found.trace.packed(), found.trace.about["source"]
    rows = _faults_of(place)
    keys: dict[str, Any] = {"access": "trace", "trace": rows.name, "trace_sha256": digest_of(data)}
    keys |= {"fault": fault, "replay": replay}
    if replay == "closed":
        keys["fault_time"] = format_quantity(fault_time_ns * 1000, TIME)
    keys["file_size"] = format_quantity(made.region_pages * PAGE_BYTES, SIZE)
    keys["threads"] = len(made.tasks)
    about = f"Page faults of {source['name']} ({source['tool']}), sha256 {source['sha256'][:16]}"
    lines = [f"name: {json.dumps(_stem(place.name.removesuffix('.yaml')))}"]
    lines.append(f"description: {json.dumps(_plain(about))}")
    lines += [
        f"{key}: {json.dumps(value) if isinstance(value, str) else value}"
        for key, value in keys.items()
    ]
    files = {rows: data, place: ("\n".join(lines) + "\n").encode()}
    report_files(write_new(files, "another --out", force=force))


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _summary(
    trace: Trace, found: Imported, made: Replay, fault: str, replay: str, fault_time_ns: int
) -> dict[str, Any]:
    """Everything that is reported of an import."""
    import numpy as np

    from dessim.measure.traces.converting import counts_by_kind
    from dessim.model.trace_file import ACCESSES

    rows, counts = found.trace, trace.recording.counts
    span = int(rows.time_ns[-1] - rows.time_ns[0])
    backing = {
        "file": int((rows.file >= 0).sum()),
        "anonymous": int((rows.file == -1).sum()),
        "unknown": int((rows.file == -2).sum()),
    }
    numbers = np.bincount(rows.access, minlength=len(ACCESSES))
    return {
        "format": trace.form,
        "lines": counts.lines,
        "faults": len(rows.task),
        "access": {name: int(n) for name, n in zip(ACCESSES, numbers, strict=True)},
        "backing": backing,
        "major_faults": int(rows.major.sum()),
        "tasks": len(rows.tasks),
        "processes": len({task.process for task in rows.tasks}),
        "processes_guessed": found.guessed_processes,
        "span_ns": span,
        "lost_events": counts.lost,
        "left_out": {
            **found.left_out,
            "kernel addresses": counts.kernel_addresses,
            "without an address": counts.without_address,
            "damaged lines": counts.damaged,
        },
        "other_events": counts.other_events,
        "ends_in_a_line": trace.whole,
        "replay": {
            "fault": fault,
            "mode": replay,
            "faults": sum(made.counts),
            "page_tables": made.pages // 512,
            "fault_time_ns": fault_time_ns if replay == "closed" else None,
            "others": {kind: n for kind, n in counts_by_kind(rows).items() if kind != fault and n},
            "not_replayed": len(rows.task) - sum(made.counts),
        },
        "source_sha256": trace.sha256,
    }


def _show(summary: dict[str, Any], trace: Trace, place: Path) -> None:
    """Print the summary for people, and how to go on."""
    from dessim.report.text.console import console_for, say

    def parts(counts: dict[str, int]) -> str:
        return ", ".join(f"{n:,} {name}" for name, n in counts.items() if n) or "none"

    replay = summary["replay"]
    guessed = " (by name: the trace has no pids)" if summary["processes_guessed"] else ""
    lines = {
        "format": f"{summary['format']}, {counted(summary['lines'], 'line')}",
        "faults": f"{summary['faults']:,} in {summary['span_ns'] / 1e6:,.3f} ms",
        "tasks": f"{summary['tasks']:,} in {counted(summary['processes'], 'process')}{guessed}",
        "access": parts(summary["access"]),
        "pages of": parts({k.replace("file", "files"): n for k, n in summary["backing"].items()}),
        "left out": parts(summary["left_out"]),
        "lost": f"{counted(summary['lost_events'], 'event')}, by the tracer's count",
        "replayed": f"{counted(replay['faults'], 'fault')} '{replay['fault']}', {replay['mode']},"
        f" in {counted(replay['page_tables'], 'page table')}",
    }
    if replay["fault_time_ns"] is not None:
        lines["fault time"] = f"{replay['fault_time_ns']:,} ns of each gap are not think time"
    console = console_for(None)
    for name, text in lines.items():
        say(console, f"{name:<11}{text}")
    if not trace.whole:
        click.echo("note: the last line is incomplete: the file may be truncated", err=True)
    if replay["not_replayed"]:
        instead = parts({f"'{kind}'": n for kind, n in replay["others"].items()})
        others = replay["not_replayed"]
        are = "other is" if others == 1 else f"other {others:,} are"
        click.echo(
            f"note: a run replays one kind of fault. The {are} think time; --fault replays another"
            f" kind: {instead}",
            err=True,
        )
    if summary["lost_events"]:
        click.echo("note: events were lost: gaps next to them are too long", err=True)
    click.echo(f"next: dessim run trace-replay --set workload={place}", err=True)
