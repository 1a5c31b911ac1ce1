"""`dessim report`: results as one page."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("results", metavar="RESULTS")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file [default: `report.html` beside the results].",
)
@click.option(
    "--results-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Where `dessim run` keeps its results.",
)
def report(results: str, out: Path | None, results_dir: Path) -> None:
    """Write RESULTS as one HTML file that needs nothing else: tables, figures, sources, warnings.

    RESULTS is a folder that `dessim run` wrote, or the name of an experiment.
    """
    from dessim.cli.figure import known_results, place_of
    from dessim.report.page.render import write_report

    folder = place_of(results, results_dir)
    if folder is None:
        raise click.UsageError(
            f"there are no results in {results!r}; make them with `dessim run {results}`"
            + known_results(results_dir)
        )
    click.echo(f"wrote {write_report(folder, out)}", err=True)
