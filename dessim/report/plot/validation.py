"""Predicted against measured: one mark per cell, on the diagonal if they agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes

from dessim.metrics import View, columns_of
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.save import save
from dessim.report.plot.style import STYLE, grid, legend, line_style, log_axis, threads_axis

PANELS = {metric.name: metric.words for metric in columns_of(View.MEASURED)}
Entry = dict[str, Any]


def draw_validation(document: Entry, out: Path) -> list[Path]:
    """Draw a validation and write it.

    Parameters
    ----------
    document : dict
        As `dessim validate --format json` prints it.
    out : Path
        Folder of the files.

    Returns
    -------
    list of Path
        What was written; nothing if no cell has both numbers.
    """
    with matplotlib.style.context(["default", str(STYLE)]):
        drawing = _draw(document)
        return [] if drawing is None else save(drawing, out, "predicted")


def draw_curves(document: Entry, out: Path) -> list[Path]:
    """Draw published and simulated curves, a panel each.

    Parameters
    ----------
    document : dict
        As `dessim validate --data sosp13-synchronization --format json` prints it.
    out : Path
        Folder of the files.
    """
    names = list(dict.fromkeys(cell["curve"] for cell in document["cells"]))
    with matplotlib.style.context(["default", str(STYLE)]):
        figure, axes = grid(len(names), 3, 2.0, share=False)
        for ax, name in zip(axes, names, strict=True):
            cells = [cell for cell in document["cells"] if cell["curve"] == name]
            for index, side in enumerate(("measured", "simulated")):
                style = line_style(index)
                values = [cell["value"][side] for cell in cells]
                ax.plot([cell["threads"] for cell in cells], values, label=side, **style)
            threads_axis(ax, [cell["threads"] for cell in cells])
            ax.set_yscale("log")
            ax.set(xlabel="threads", ylabel=cells[0]["unit"])
            ax.set_title(name.removeprefix("figure "), fontsize=6)
        legend(figure, axes)
        rows = [_curve_row(cell) for cell in document["cells"]]
        caption = (
            f"Measured ({document['data']}) and simulated curves of contended lines and locks."
            f" dessim {document['dessim_version']} ({document['model_version']})."
        )
        return save(Drawing(figure, rows, caption), out, "curves")


def _curve_row(cell: Entry) -> Entry:
    own = {name: cell[name] for name in ("curve", "threads", "unit")}
    return own | {name: cell["value"][name] for name in ("measured", "simulated", "log_error")}


def _draw(document: Entry) -> Drawing | None:
    panels = {
        quantity: [cell for cell in document["cells"] if _known(cell, quantity)]
        for quantity in PANELS
    }
    panels = {quantity: cells for quantity, cells in panels.items() if cells}
    if not panels:
        return None
    figure, axes = grid(len(panels), 2, 3.0, share=False)
    workloads = list(dict.fromkeys(cell["workload"] for cell in document["cells"]))
    rows: list[Entry] = []
    for ax, (quantity, cells) in zip(axes, panels.items(), strict=True):
        for index, workload in enumerate(workloads):
            _marks(ax, [c for c in cells if c["workload"] == workload], quantity, index)
        values = [c[quantity][side] for c in cells for side in ("measured", "simulated")]
        low, high = min(values) / 1.5, max(values) * 1.5
        ax.plot([low, high], [low, high], color="#808080", linewidth=0.6, zorder=0)
        log_axis(ax, "x", low, high)
        log_axis(ax, "y", low, high)
        word = PANELS[quantity]
        ax.set(xlabel=f"{word}, measured", ylabel=f"{word}, simulated", aspect="equal")
        rows += [_row(cell, quantity) for cell in cells]
    legend(figure, axes)
    caption = (
        f"Simulated against measured ({document['data']}) on {document['machine']};"
        " the line is equality. Filled marks were fitted, hollow ones were not;"
        f" doubtful measurements are left out{_refused(document['cells'])}."
        f" dessim {document['dessim_version']} ({document['model_version']})."
    )
    return Drawing(figure, rows, caption)


def _refused(cells: list[Entry]) -> str:
    n = sum("not_stationary" in cell.get("flags", ()) for cell in cells)
    size = "depend on how much of the file was simulated"
    return f", and so are numbers that {size} ({n} of {len(cells)} cells)" if n else ""


def _known(cell: Entry, quantity: str) -> bool:
    one = cell.get(quantity) or {"log_error": None}
    return one["log_error"] is not None and not cell["doubtful"]


def _marks(ax: Axes, cells: list[Entry], quantity: str, index: int) -> None:
    style = line_style(index)
    for fitted in (True, False):
        part = [cell for cell in cells if cell["fitted"] is fitted]
        if part:
            ax.plot(
                [cell[quantity]["measured"] for cell in part],
                [cell[quantity]["simulated"] for cell in part],
                label=f"{part[0]['workload']}{', fitted' if fitted else ''}",
                color=style["color"],
                marker=style["marker"],
                markerfacecolor=style["color"] if fitted else "white",
                linestyle="none",
            )


def _row(cell: Entry, quantity: str) -> Entry:
    return {
        "quantity": quantity,
        "workload": cell["workload"],
        "threads": cell["threads"],
        "fault_around_order": cell["fault_around_order"],
        "fitted": cell["fitted"],
        "measured": cell[quantity]["measured"],
        "simulated": cell[quantity]["simulated"],
    }
