"""Where results are, and what a command wrote."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from dessim.files.seals import is_sealed


def place_of(name: str, results_dir: Path) -> Path | None:
    """Folder of some results; None if there are none."""
    from dessim.files.names import folder_name

    places = (Path(name), results_dir / folder_name(name))
    found = next((place for place in places if (place / "results.json").is_file()), None)
    if found is not None and not is_sealed(found):
        click.echo(
            f"note: {found} has no seals: it may have been changed",
            err=True,
        )
    return found


def how_to_make(name: str) -> str:
    """What makes the results that were asked for, for a message: a folder is no experiment."""
    if Path(name).is_dir() or Path(name).name != name:
        return "name an experiment, or a folder that `dessim run` wrote"
    return f"make them with `dessim run {name}`"


def known_results(results_dir: Path) -> str:
    """What results there are, for a message."""
    known = sorted(path.parent.name for path in results_dir.glob("*/results.json"))
    return f" (there are results of {', '.join(known)})" if known else ""


def report_files(paths: Sequence[Path]) -> None:
    """Say on standard error which files were written."""
    if paths:
        click.echo(f"wrote {summary_of(paths)}", err=True)
    else:
        click.echo("wrote no tables: no run has a result", err=True)


def remedies(folder: Path, outdated: Sequence[Path]) -> list[str]:
    """Commands that make files next to results again, of those that are there now."""
    kinds = {_kind(path.relative_to(folder).parts[0]) for path in outdated}
    place = shlex.quote(str(folder))
    known = {
        "figures": f"`dessim figure {place}`",
        "report.html": f"`dessim report {place}`",
        "page_lock_queues.csv": "the same `dessim run` with --queues",
        "page": f"`dessim report {place} --out FILE`",
        "figure": f"`dessim figure {place} --out FOLDER`",
    }
    return [text for kind, text in known.items() if kind in kinds]


def _kind(name: str) -> str:
    """What made a file or a folder next to results."""
    if name in ("figures", "report.html", "page_lock_queues.csv"):
        return name
    return "page" if name.endswith((".html", ".htm")) else "figure"


def summary_of(paths: Sequence[Path]) -> str:
    """Written files in few words: `folder/name.{csv,json}, other.csv`."""
    folders: dict[Path, dict[str, list[str]]] = {}
    for path in paths:
        stems = folders.setdefault(path.parent, {})
        stems.setdefault(path.stem, []).append(path.suffix.removeprefix("."))
    words = []
    for folder, stems in folders.items():
        forms: dict[str, list[str]] = {}
        for stem, ends in stems.items():
            form = ends[0] if len(ends) == 1 else f"{{{','.join(ends)}}}"
            forms.setdefault(form, []).append(stem)
        for form, names in forms.items():
            name = names[0] if len(names) == 1 else f"{{{','.join(names)}}}"
            words.append(f"{folder}/{name}.{form}")
    return " ".join(words)
