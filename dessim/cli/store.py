"""`dessim status`, `clean` and `export`: what is in a results folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from dessim.cli.options import FOLDER, NEW_FILE
from dessim.cli.places import check_suffix
from dessim.cli.results import remedies, summary_of
from dessim.errors import counted
from dessim.files.writing import is_stream

TABLE_FORMATS = ("parquet", "csv", "json")


def _results(folder: Path) -> Path:
    """Refuse a folder in which dessim keeps nothing: somebody means another one."""
    from dessim.study.store.manifest import is_results

    if not folder.is_dir():
        raise click.UsageError(f"{str(folder)!r} is not a folder; `dessim run` creates `results`")
    if is_results(folder):
        return folder
    above = folder.resolve().parent
    hint = f"; {above} is one" if is_results(above) else "; `dessim run` makes one"
    raise click.UsageError(f"{str(folder)!r} is not a folder of results" + hint)


@click.command()
@click.argument("folder", type=FOLDER, default=Path("results"), metavar="[DIR]")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
def status(folder: Path, form: str) -> None:
    """List what is finished in the results folder DIR.

    Reads and checks every stored run and every table, and changes nothing. Exit code 1 if one is
    not as it was written.
    """
    from dessim.files.atomic import leftovers
    from dessim.files.drawn import outdated
    from dessim.files.seals import changed
    from dessim.study.store.manifest import manifests_of, store_of, unreadable_manifests
    from dessim.study.store.runs import all_runs
    from dessim.study.sweep.tables import TABLES

    store = store_of(_results(folder))
    runs = list(all_runs(store))
    there = {one.digest for one in runs if not one.damage}
    whole = {one.digest for one in runs if not one.damage and not one.foreign}
    damaged = [one.damage for one in runs if one.damage]
    sweeps, unreadable = manifests_of(folder), unreadable_manifests(folder)
    places = sorted({*(sweep.folder for sweep in sweeps), *(path.parent for path in unreadable)})
    used = {digest for sweep in sweeps for digest in sweep.digests}
    old = {place: outdated(place) for place in places}
    found: dict[str, Any] = {
        "sweeps": [_progress_of(sweep, there) for sweep in sweeps],
        "runs": len(whole),
        "runs_of_other_versions": len(there) - len(whole),
        "runs_of_no_sweep": len(whole - used) if store.root.parent == folder else 0,
        "damaged": damaged,
        "unreadable": list(map(str, unreadable)),
        "changed": [str(path) for place in places for path in changed(place, TABLES)],
        "outdated": [str(path) for paths in old.values() for path in paths],
        "leftovers": len(leftovers(store.root)),
    }
    if form == "json":
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        _print_status(found)
        _print_outdated(old)
    if damaged or found["changed"] or found["unreadable"]:
        click.get_current_context().exit(1)


def _progress_of(sweep: Any, there: set[str]) -> dict[str, Any]:
    runs = [[digest in there for _, digest in point["runs"]] for point in sweep.points]
    ends = [all(own) for own, point in zip(runs, sweep.points, strict=True) if point["final"]]
    points = len({point["index"] for point in sweep.points})
    return {
        "experiment": sweep.folder.name,
        "engine": sweep.engine,
        "points": points,
        "points_done": sum(ends),
        "points_growing": points - len(ends),
        "runs": sum(map(len, runs)),
        "runs_done": sum(map(sum, runs)),
        "failures": [
            f"{point['point']} replication={i}: {reason}"
            for point in sweep.points
            for i, reason in point["failures"].items()
        ],
    }


def _print_status(found: dict[str, Any]) -> None:
    for sweep in found["sweeps"]:
        click.echo(
            f"{sweep['experiment']}: {sweep['points_done']} of {sweep['points']} points,"
            f" {sweep['runs_done']} of {sweep['runs']} runs" + _growing(sweep["points_growing"])
        )
        for failure in sweep["failures"]:
            click.echo(f"  failed: {failure}")
    click.echo(f"stored: {counted(found['runs'], 'whole run')}")
    if found["runs_of_no_sweep"] and not found["unreadable"]:
        belong = "belongs" if found["runs_of_no_sweep"] == 1 else "belong"
        click.echo(
            f"{found['runs_of_no_sweep']} of them {belong} to no current sweep: `dessim clean"
            " --unused` removes them\n"
            "  (`validate`, `calibrate`, `predict` and `explain` reuse such runs)"
        )
    if found["runs_of_other_versions"]:
        other = counted(found["runs_of_other_versions"], "run")
        click.echo(f"{other} of another version of dessim, which only that version reads")
    if found["leftovers"]:
        left = counted(found["leftovers"], "leftover")
        click.echo(f"{left} of killed processes: the next run clears up")
    for text in found["unreadable"]:
        click.echo(f"missing or damaged: {text}")
        click.echo("  the same `dessim run` writes it again; a copied folder belongs elsewhere")
    for text in found["changed"]:
        click.echo(f"changed after it was written: {text}")
    for text in found["damaged"]:
        click.echo(f"damaged, to be run again: {text}")


def _print_outdated(old: Mapping[Path, Sequence[Path]]) -> None:
    for place, paths in old.items():
        if paths:
            click.echo(f"of former results: {summary_of(paths)}")
            click.echo(f"  to make again: {', '.join(remedies(place, paths))}")


def _growing(points: int) -> str:
    """A word on runs that are not known yet."""
    return f"; {points} points may need larger parts of their file" if points else ""


@click.command()
@click.argument("folder", type=FOLDER, default=Path("results"), metavar="[DIR]")
@click.option("--unused", is_flag=True, help="Also remove runs that belong to no sweep of DIR.")
@click.option("--all", "everything", is_flag=True, help="Remove all runs; keep tables and figures.")
@click.option("-n", "--dry-run", is_flag=True, help="List what would be removed, remove nothing.")
def clean(folder: Path, unused: bool, everything: bool, dry_run: bool) -> None:
    """Remove damaged runs and leftovers of killed processes from DIR."""
    from dessim.files.atomic import clear, leftovers
    from dessim.study.store.answers import forget
    from dessim.study.store.manifest import MANIFEST, manifests_of, store_of, unreadable_manifests
    from dessim.study.store.runs import all_runs

    if (_results(folder) / MANIFEST).is_file():
        raise click.UsageError(f"the runs are in {str(folder.parent)!r}: clean that")
    if unused and (torn := unreadable_manifests(folder)):
        raise click.UsageError(
            f"{torn[0]} is missing or damaged, so dessim cannot know which runs are unused: run its"
            " experiment again (stored runs are reused), or remove the folder"
        )
    store = store_of(folder)
    used = {digest for sweep in manifests_of(folder) for digest in sweep.digests}
    going = [
        one.digest
        for one in all_runs(store)
        if one.damage or everything or (unused and one.digest not in used)
    ]
    roots = [store.root, *(path for path in folder.iterdir() if path.is_dir())]
    if dry_run:
        left = sum(len(leftovers(root)) for root in set(roots))
    else:
        for digest in going:
            store.discard(digest)
        forget(store)
        left = sum(clear(root) for root in set(roots))
    verb = "would remove" if dry_run else "removed"
    runs, remains = counted(len(going), "run"), counted(left, "leftover")
    click.echo(f"{verb} {runs} and {remains} of killed processes")


@click.command()
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option(
    "--format",
    "form",
    type=click.Choice(TABLE_FORMATS),
    help="Of the table [default: as the name of --out ends, or else parquet].",
)
@click.option(
    "--out",
    type=NEW_FILE,
    help="Output file [default: DIR/runs.*]; - is standard output.",
)
@click.option(
    "--all-sizes",
    is_flag=True,
    help="Include runs of smaller sizes, which no result uses (`final` is false).",
)
def export(folder: Path, form: str | None, out: Path | None, *, all_sizes: bool) -> None:
    """Write one table with a row per finished run of DIR.

    DIR is a results folder with all its sweeps, or one experiment in it.
    """
    from dessim.study.store.manifest import manifests_of, run_rows, store_of
    from dessim.study.sweep.tables import uniform, write_rows

    form = _form_of(out, form)
    sweeps = manifests_of(_results(folder))
    if not sweeps:
        raise click.UsageError(f"there is no sweep in {str(folder)!r}; `dessim run` makes one")
    rows = uniform(list(run_rows(sweeps, store_of(folder), all_sizes=all_sizes)))
    path = out or folder / f"runs.{form}"
    if str(path) == "-":
        path = Path("/dev/stdout")
    write_rows(rows, path, form)
    shown = [p for s in sweeps for p in s.points if all_sizes or p["final"]]
    every = sum(len(point["runs"]) for sweep in sweeps for point in sweep.points)
    total = sum(len(point["runs"]) for point in shown)
    left = f"; {every - total} runs of sizes that no result uses are left out"
    click.echo(f"wrote {path}: {len(rows)} of {total} runs" + left * (every > total), err=True)


def _form_of(out: Path | None, form: str | None) -> str:
    """The format of a table: the one that is asked for, or that its name says."""
    if out is None or is_stream(out):
        return form or "parquet"
    if form is None and not out.suffix:
        names = ", ".join(TABLE_FORMATS)
        raise click.UsageError(f"--out {out}: the name says no format: add --format ({names})")
    ends = tuple(f".{one}" for one in TABLE_FORMATS if form in (None, one))
    check_suffix("--out", out, f"a {form} table" if form else "a table", ends)
    return form or out.suffix.lower().removeprefix(".")
