"""`dessim figure`: draw from stored results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dessim.cli.exit_codes import FAILED
from dessim.cli.options import FOLDER, RESULTS_DIR
from dessim.cli.results import how_to_make, known_results, place_of, report_files

if TYPE_CHECKING:
    from dessim.report.paper.figures import PaperFigure, Stored
    from dessim.report.paper.tolerance import SeedCheck

MAX_SHOWN = 10
"""Differences of one figure that are printed."""


@click.command()
@click.argument("words", nargs=-1, metavar="[RESULTS|NAME] [NAME]...")
@click.option("--all", "everything", is_flag=True, help="All figures of `experiments`.")
@click.option("--check", is_flag=True, help="Compare their numbers with the expected ones.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    help="With --check: results of another seed, in RESULTS-DIR/seed-N.",
)
@click.option("--accept", is_flag=True, help="Make their numbers the expected ones.")
@click.option(
    "--out",
    type=FOLDER,
    help="Folder for the figures [default: `figures` next to the results].",
)
@RESULTS_DIR
def figure(
    words: tuple[str, ...],
    everything: bool,
    check: bool,
    seed: int | None,
    accept: bool,
    out: Path | None,
    results_dir: Path,
) -> None:
    """Draw figures from stored results; simulate nothing.

    RESULTS is a folder that `dessim run` wrote, or the name of an experiment: draw its figures NAME
    (default: all that apply). Without RESULTS, NAME is a figure of the folder `experiments`, which
    names its own results. Exit code 1 if --check finds a difference.

    With --check --seed N, the numbers come from runs of another seed than the expected ones, and
    must agree within their own intervals.
    """
    if seed is not None and (accept or not check):
        raise click.UsageError("--seed needs --check: the expected numbers belong to one seed")
    from dessim.report.paper import figures as paper

    known = paper.names()
    if everything and words:
        raise click.UsageError("--all draws all figures of `experiments`: drop the names")
    if not everything and not words:
        raise click.UsageError(
            f"name results, or a figure (there are {', '.join(known)}), or pass --all"
        )
    place = None if everything else place_of(words[0], results_dir)
    if everything or (place is None and words[0] in known):
        stored = paper.Stored(results_dir, seed)
        if seed is not None and out is None:
            out = stored.seeded / "figures"
        _draw_paper(
            [paper.load(name) for name in dict.fromkeys(words or known)], stored, out, check, accept
        )
        return
    if check or accept:
        raise click.UsageError(
            f"--check and --accept work on figures of `experiments` only ({', '.join(known)})"
        )
    if place is None:
        if reason := paper.why_not(words[0]):
            raise click.UsageError(f"{words[0]!r} is not a figure: {reason}")
        raise click.UsageError(
            f"there are no results in {words[0]!r} or {str(results_dir / words[0])!r}, and no"
            f" figure has that name (figures: {', '.join(known)}); "
            f"{how_to_make(words[0])}" + known_results(results_dir)
        )
    _draw_results(place, list(dict.fromkeys(words[1:])), out)


def _draw_results(folder: Path, names: Sequence[str], out: Path | None) -> None:
    from dessim.report.figures import draw_all

    report_files(draw_all(folder, out or folder / "figures", names))


def _draw_paper(
    figures: Sequence[PaperFigure], stored: Stored, out: Path | None, check: bool, accept: bool
) -> None:
    """Draw figures of `experiments`, and compare their numbers if wanted."""
    from dessim.report.paper.figures import check_needs
    from dessim.report.plot.save import save
    from dessim.report.plot.style import paper_style

    check_needs(figures, stored)
    paths, wrong = [], 0
    for one in figures:
        drawing = one.draw(stored)
        with paper_style():
            paths += save(drawing, out or stored.folder / "figures", one.name)
        if accept:
            one.accept(drawing)
        if check and stored.seed is not None:
            wrong += not _report_seed(one, one.check_other_seed(drawing), stored.seed)
        elif check:
            found = one.check(drawing)
            wrong += bool(found)
            _report(one, found)
    report_files(paths)
    if wrong:
        click.echo(f"error: {wrong} of {len(figures)} figures are not as expected", err=True)
        click.get_current_context().exit(FAILED)


def _report_seed(figure: PaperFigure, found: SeedCheck, seed: int) -> bool:
    """Report how another seed compares; return whether the expected numbers hold."""
    click.echo(
        f"{figure.name}: seed {seed} {'agrees' if found.holds else 'DIFFERS'}:"
        f" {len(found.differ)} of {found.compared} numbers differ (up to {found.borne} may by"
        f" chance; tolerance: {figure.tolerance}), {found.one_sided} have support from one seed"
        " only"
    )
    differences = (*found.wrong, *found.differ)
    for text in differences[:MAX_SHOWN]:
        click.echo(f"  {text}")
    if len(differences) > MAX_SHOWN:
        click.echo(f"  and {len(differences) - MAX_SHOWN} more")
    return found.holds


def _report(figure: PaperFigure, found: Sequence[str]) -> None:
    if not found:
        click.echo(f"{figure.name}: as expected (tolerance: {figure.tolerance})")
        return
    click.echo(f"{figure.name}: {len(found)} numbers differ (tolerance: {figure.tolerance})")
    for text in found[:MAX_SHOWN]:
        click.echo(f"  {text}")
    if len(found) > MAX_SHOWN:
        click.echo(f"  and {len(found) - MAX_SHOWN} more")
