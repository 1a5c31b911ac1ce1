"""`dessim figure`: draw from stored results."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("results")
@click.argument("names", nargs=-1)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to draw to [default: `figures` beside the results].",
)
@click.option(
    "--results-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Where `dessim run` keeps its results.",
)
def figure(results: str, names: tuple[str, ...], out: Path | None, results_dir: Path) -> None:
    """Draw the figures NAMES (default: all that apply) of RESULTS.

    RESULTS is a folder that `dessim run` wrote, or the name of an experiment.
    """
    from dessim.cli.run import folder_name, summary_of
    from dessim.report.figures import draw_all

    folder = Path(results)
    if not (folder / "results.json").is_file():
        folder = results_dir / folder_name(results)
    if not (folder / "results.json").is_file():
        raise click.UsageError(
            f"there are no results in {results!r} or {str(folder)!r}; make them with"
            f" `dessim run {results}`" + _known(results_dir)
        )
    written = draw_all(folder, out or folder / "figures", names)
    click.echo(f"wrote {summary_of(written)}", err=True)


def _known(results_dir: Path) -> str:
    known = sorted(path.parent.name for path in results_dir.glob("*/results.json"))
    return f" (there are results of {', '.join(known)})" if known else ""
