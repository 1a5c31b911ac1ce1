"""Write a figure: PDF, SVG and PNG, its numbers as CSV, its caption as text, all under one name."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dessim.report.plot.drawing import Drawing


def _metadata(name: str, caption: str) -> dict[str, dict[str, Any]]:
    """What each form tells about itself: the caption travels along, and nothing tells the time."""
    return {
        "pdf": {"Title": name, "Subject": caption, "CreationDate": None, "ModDate": None},
        "svg": {"Title": name, "Description": caption, "Date": None},
        "png": {"Title": name, "Description": caption, "Software": None},
    }


def save(drawing: Drawing, out: Path, name: str) -> list[Path]:
    """Write a figure in all its forms.

    Parameters
    ----------
    drawing : Drawing
    out : Path
        Folder; made if it is not there.
    name : str
        Of all files, without the ending.

    Returns
    -------
    list of Path
        What was written.
    """
    out.mkdir(parents=True, exist_ok=True)
    settle(drawing.figure)
    paths = []
    for form, metadata in _metadata(name, drawing.caption).items():
        path = out / f"{name}.{form}"
        drawing.figure.savefig(path, metadata=metadata)
        paths.append(path)
    table, caption = out / f"{name}.csv", out / f"{name}.txt"
    table.write_text(csv_text(drawing.rows), encoding="utf-8", newline="")
    caption.write_text(drawing.caption + "\n", encoding="utf-8")
    return [*paths, table, caption]


def settle(figure: Figure) -> None:
    """Lay a figure out once: it takes longer than the drawing, and each form would do it again."""
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def csv_text(rows: list[dict[str, Any]]) -> str:
    """The numbers of a figure as CSV text with a header."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
