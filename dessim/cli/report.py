"""`dessim report`: results as one page."""

from __future__ import annotations

from pathlib import Path

import click

from dessim.cli.options import NEW_FILE, RESULTS_DIR
from dessim.cli.places import check_suffix
from dessim.cli.results import how_to_make, known_results, place_of


@click.command()
@click.argument("results", metavar="RESULTS...", nargs=-1, required=True)
@click.option(
    "--out",
    type=NEW_FILE,
    help="The file [default: `report.html` next to the results, or for several in RESULTS-DIR].",
)
@RESULTS_DIR
def report(results: tuple[str, ...], out: Path | None, results_dir: Path) -> None:
    """Write RESULTS as one HTML file: tables, figures, sources.

    The file works offline. RESULTS is a folder that `dessim run` wrote, or the name of an
    experiment. Given several, such as those of two versions or configurations, the page shows how
    each point changed.
    """
    from dessim.report.page.render import write_report, write_sides

    check_suffix("--out", out, "a page", (".html", ".htm"))
    folders = [_place(name, results_dir) for name in results]
    if len(folders) == 1:
        click.echo(f"wrote {write_report(folders[0], out)}", err=True)
        return
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise click.UsageError("the same results are named twice")
    click.echo(f"wrote {write_sides(folders, out or results_dir / 'report.html')}", err=True)


def _place(name: str, results_dir: Path) -> Path:
    folder = place_of(name, results_dir)
    if folder is None:
        raise click.UsageError(
            f"there are no results in {name!r}; {how_to_make(name)}" + known_results(results_dir)
        )
    return folder
