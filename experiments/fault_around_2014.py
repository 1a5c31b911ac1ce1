"""Simulated and measured seconds against the fault-around window: one panel per workload.

    python experiments/fault_around_2014.py [RESULTS]

reads what ``dessim run fault-around-2014`` stored (default: results/fault-around-2014) and writes
figures/measured.pdf, .svg, .png and .csv there.
"""

import csv
import sys
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure

from dessim.report.results import Point, Results, load_results
from dessim.report.style import STYLE, draw_line, grid, legend, line_style, log_axis

METRIC = "completion_s"


def draw(results: Results) -> tuple[Figure, list[dict[str, Any]]]:
    """Draw all measured points beside their simulations, and return the numbers drawn."""
    points = [p for p in results.document["points"] if p.get("measured", {}).get(METRIC)]
    workloads = list(dict.fromkeys(point["workload"] for point in points))
    counts = sorted({point["threads"] for point in points})
    figure, axes = grid(len(workloads), 3, 2.2)
    for ax, workload in zip(axes, workloads, strict=True):
        here = [point for point in points if point["workload"] == workload]
        for index, threads in enumerate(counts):
            draw_threads(ax, [p for p in here if p["threads"] == threads], index, threads)
        seconds = [s for p in here for s in (p["measured"][METRIC], p["metrics"][METRIC]["mean"])]
        log_axis(ax, "y", min(seconds) / 1.5, max(seconds) * 1.5)
        ax.set(title=workload, xlabel="fault_around_order", ylabel="seconds")
    legend(figure, axes)
    return figure, [row_of(point) for point in points]


def draw_threads(ax: Any, points: list[Point], index: int, threads: int) -> None:
    """Draw the line of one number of threads: simulated as usual, measured as bare markers."""
    if not points:
        return
    style = line_style(index)
    who = f"{threads} thread{'s' if threads > 1 else ''}"
    line = [(p["fault_around_order"], p["metrics"][METRIC]) for p in points]
    draw_line(ax, line, index, f"{who}, simulated", 1.0)
    ax.plot(
        [p["fault_around_order"] for p in points],
        [p["measured"][METRIC] for p in points],
        label=f"{who}, measured",
        color=style["color"],
        marker=style["marker"],
        linestyle="none",
        markerfacecolor="white",
    )


def row_of(point: Point) -> dict[str, Any]:
    """Return the numbers of one point."""
    low, high = point["metrics"][METRIC]["ci95"] or ("", "")
    return {
        "workload": point["workload"],
        "threads": point["threads"],
        "fault_around_order": point["fault_around_order"],
        "simulated_s": point["metrics"][METRIC]["mean"],
        "simulated_s_lo": low,
        "simulated_s_hi": high,
        "measured_s": point["measured"][METRIC],
    }


def main(folder: Path) -> None:
    """Draw the figure of a folder of results."""
    if not (folder / "results.json").is_file():
        sys.exit(f"no results in {folder}: run `dessim run fault-around-2014` first")
    out = folder / "figures"
    out.mkdir(exist_ok=True)
    with matplotlib.style.context(["default", str(STYLE)]):
        figure, rows = draw(load_results(folder))
        for form, metadata in (
            ("pdf", {"CreationDate": None}),
            ("svg", {"Date": None}),
            ("png", {}),
        ):
            figure.savefig(out / f"measured.{form}", metadata=metadata)
    with (out / "measured.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"wrote {out}/measured.{{pdf,svg,png,csv}}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "results/fault-around-2014"))
