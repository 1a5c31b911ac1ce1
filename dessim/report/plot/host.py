"""Predicted against measured on this machine, and latencies of faults on both sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.style

from dessim.report.plot.drawing import Drawing
from dessim.report.plot.save import save
from dessim.report.plot.style import STYLE, grid, legend, line_style, log_axis

WITHIN = 1.25
"""The band that is drawn around equality."""
Cells = list[dict[str, Any]]


def draw_host(document: dict[str, Any], out: Path) -> list[Path]:
    """Draw a validation on a host and write it.

    Parameters
    ----------
    document : dict
        As `dessim validate --host --format json` prints it.
    out : Path
        Folder of the files.

    Returns
    -------
    list of Path
        What was written; nothing if no cell was measured.
    """
    cells = [cell for cell in document["cells"] if cell["measured"] is not None]
    if not cells:
        return []
    latencies = [one for one in document["latencies"] if one["faults"]]
    with matplotlib.style.context(["default", str(STYLE)]):
        figure, axes = grid(1 + len(latencies), 3, 2.4, share=False)
        _rates(axes[0], cells)
        for ax, one in zip(axes[1:], latencies, strict=True):
            _histogram(ax, one)
        legend(figure, axes)
        rows = [
            {key: cell[key] for key in ("workload", "cpus", "measured", "simulated", "ln_error")}
            for cell in cells
        ]
        mean = document["mean_abs_ln_error"]
        error = "" if mean is None else f" Mean absolute logarithmic error {mean:.3f}."
        caption = (
            f"Simulated against measured rates, machine {document['machine']}, Linux"
            f" {document['kernel']}; the line is equality, the band {WITHIN - 1:.0%}. Filled marks"
            f" informed the profile.{error} Then latencies of faults of one thread."
            f" dessim {document['dessim_version']}."
        )
        return save(Drawing(figure, rows, caption), out, "host")


def _rates(ax: Any, cells: Cells) -> None:
    for index, workload in enumerate(dict.fromkeys(cell["workload"] for cell in cells)):
        style = line_style(index)
        named = False
        for informed in (False, True):
            part = [
                c for c in cells if c["workload"] == workload and c["informed_profile"] is informed
            ]
            if part:
                ax.plot(
                    [c["measured"] for c in part],
                    [c["simulated"] for c in part],
                    label="_nolegend_" if named else workload,
                    color=style["color"],
                    marker=style["marker"],
                    markerfacecolor=style["color"] if informed else "white",
                    linestyle="none",
                )
                named = True
    values = [cell[side] for cell in cells for side in ("measured", "simulated")]
    low, high = min(values) / 1.6, max(values) * 1.6
    ax.fill_between([low, high], [low / WITHIN, high / WITHIN], [low * WITHIN, high * WITHIN],
                    color="#808080", alpha=0.2, linewidth=0)  # fmt: skip
    ax.plot([low, high], [low, high], color="#808080", linewidth=0.6, zorder=0)
    log_axis(ax, "x", low, high)
    log_axis(ax, "y", low, high)
    ax.set(xlabel="pages or words per second, measured", ylabel="simulated")


def _histogram(ax: Any, one: dict[str, Any]) -> None:
    for index, side in enumerate(("measured", "simulated")):
        pairs = one[f"{side}_log2"]
        total = sum(n for _, n in pairs) or 1
        style = line_style(index)
        ax.step(
            [max(1, low) / 1000 for low, _ in pairs],
            [n / total for _, n in pairs],
            where="mid",
            label=side,
            color=style["color"],
            linestyle=style["linestyle"],
        )
    ends = [low for side in ("measured", "simulated") for low, _ in one[f"{side}_log2"]]
    log_axis(ax, "x", max(1, min(ends)) / 1500, max(ends) * 3 / 1000)
    ax.set(xlabel=f"{one['workload']}: fault, us", ylabel="share of faults")
