"""Figures: one file each, the folder is the registry.

A figure's file has ``draw(results)``, which returns a ``Drawing``, or None if the results hold
nothing for it. Every figure is written as PDF, SVG and PNG with its numbers as CSV and its caption
as text beside it, all under one name. The same results give the same bytes.
"""

from __future__ import annotations

import csv
import importlib
import pkgutil
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dessim.report.drawing import Drawing, UnknownFigureError
from dessim.report.results import load_results
from dessim.report.style import STYLE

# Nothing in a file tells when it was drawn.
METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "ModDate": None},
    "svg": {"Date": None},
    "png": {"Software": None},
}


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
    known = names()
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UnknownFigureError(
                f"unknown figure {name!r}{hint} (there are {', '.join(known)})"
            )
    results = load_results(folder)
    written: list[Path] = []
    with matplotlib.style.context(["default", str(STYLE)]):
        for name in wanted or known:
            drawing = importlib.import_module(f"{__name__}.{name}").draw(results)
            if drawing is not None:
                written += save(drawing, out, name)
            elif wanted:
                raise UnknownFigureError(f"these results hold nothing for figure {name!r}")
    return written


def save(drawing: Drawing, out: Path, name: str) -> list[Path]:
    """Write a figure as PDF, SVG and PNG, its numbers as CSV, its caption as text.

    Returns
    -------
    list of Path
    """
    out.mkdir(parents=True, exist_ok=True)
    figure: Figure = drawing.figure
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # once is enough: it takes longer than the drawing
    written = []
    for form, metadata in METADATA.items():
        path = out / f"{name}.{form}"
        figure.savefig(path, metadata=metadata)
        written.append(path)
    table, caption = out / f"{name}.csv", out / f"{name}.txt"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(drawing.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(drawing.rows)
    caption.write_text(drawing.caption + "\n", encoding="utf-8")
    return [*written, table, caption]
