"""Write a figure: PDF, SVG and PNG, its numbers as CSV, its caption as text, all under one name."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dessim.files.own import refuse_own
from dessim.files.tables import csv_text
from dessim.files.writing import write_all
from dessim.report.plot.drawing import Drawing


def _metadata(name: str, caption: str) -> dict[str, dict[str, Any]]:
    """Metadata of each form: the caption is in the file, and nothing says the time."""
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

    Raises
    ------
    UnwritableError
        If results would be written over: `latency.csv` is a name of both.
    """
    settle(drawing.figure)
    files: dict[Path, bytes] = {}
    for form, metadata in _metadata(name, drawing.caption).items():
        drawn = io.BytesIO()  # here, and not to the disk: one that is full leaves what was there
        drawing.figure.savefig(drawn, format=form, metadata=metadata)
        files[out / f"{name}.{form}"] = drawn.getvalue()
    files[out / f"{name}.csv"] = csv_text(drawing.rows).encode()
    files[out / f"{name}.txt"] = f"{drawing.caption}\n".encode()
    for path in files:
        refuse_own(path)
    return write_all(files)


def settle(figure: Figure) -> None:
    """Lay a figure out once: it takes longer than the drawing, and each form would do it again."""
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
