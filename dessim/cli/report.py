"""`dessim report`: results as one page."""

from __future__ import annotations

from pathlib import Path

import click

from dessim.cli.options import FILE, RESULTS_DIR
from dessim.cli.results import known_results, place_of


@click.command()
@click.argument("results", metavar="RESULTS")
@click.option(
    "--out",
    type=FILE,
    help="The file [default: `report.html` next to the results].",
)
@RESULTS_DIR
def report(results: str, out: Path | None, results_dir: Path) -> None:
    """Write RESULTS as one HTML file: tables, figures, sources.

    The file works offline. RESULTS is a folder that `dessim run` wrote, or the name of an
    experiment.
    """
    from dessim.report.page.render import write_report

    folder = place_of(results, results_dir)
    if folder is None:
        raise click.UsageError(
            f"there are no results in {results!r}; make them with `dessim run {results}`"
            + known_results(results_dir)
        )
    click.echo(f"wrote {write_report(folder, out)}", err=True)
