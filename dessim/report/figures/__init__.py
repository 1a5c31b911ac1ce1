"""Figures: one file each, the folder is the registry.

A figure's file has ``draw(results)``, which returns a ``Drawing``, or None if the results hold
nothing for it. Every figure is written as PDF, SVG and PNG with its numbers as CSV and its caption
as text next to it, all under one name. The same results give the same bytes.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from dessim.files.drawn import note_drawn
from dessim.report.common.results import Results, doubting, load_results
from dessim.report.plot.drawing import Drawing, UnknownFigureError
from dessim.report.plot.save import save
from dessim.report.plot.style import paper_style


def names() -> list[str]:
    """Names of all figures, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def draw_all(folder: Path, out: Path, wanted: Sequence[str] = ()) -> list[Path]:
    """Draw figures of stored results.

    Parameters
    ----------
    folder : Path
        Where `dessim run` put the results.
    out : Path
        Where the files go.
    wanted : sequence of str
        Names of figures; empty for all that apply.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    UnknownFigureError
        If there is no such figure, or a wanted one has nothing to show.
    """
    check_names(wanted, names())
    results = load_results(folder)
    paths: list[Path] = []
    for name in wanted or names():
        with doubting(folder):
            drawing = draw(results, name)
            if drawing is not None:
                with paper_style():
                    paths += save(drawing, out, name)
                continue
        if wanted:
            raise UnknownFigureError(f"these results have no data for figure {name!r}")
    note_drawn(folder, paths)
    return paths


def draw(results: Results, name: str) -> Drawing | None:
    """Draw one figure.

    Returns
    -------
    Drawing or None
        None if the results hold nothing for it.

    Raises
    ------
    UnknownFigureError
        If there is no such figure.
    """
    check_names([name], names())
    with paper_style():
        drawing: Drawing | None = importlib.import_module(f"{__name__}.{name}").draw(results)
    return drawing


def check_names(wanted: Sequence[str], known: Sequence[str]) -> None:
    """Refuse names of figures that do not exist, and suggest the nearest.

    Raises
    ------
    UnknownFigureError
        For the first of them.
    """
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UnknownFigureError(
                f"unknown figure {name!r}{hint} (there are {', '.join(known)})"
            )
