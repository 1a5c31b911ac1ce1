"""fork of 1 GiB by the size of its folios: simulated, and as published."""

import csv
from typing import Any

from dessim.model import find
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.points import numbers
from dessim.report.plot.style import draw_line, grid, legend, line_style

NEEDS = {"fork-by-folio-size": "dessim run fork-by-folio-size"}
KEYS = ("copied", "folio_kib")
TOLERANCE = Tolerance(relative=0.05, absolute=0.05)  # errors are near 0, and differ as times do
METRIC = "call_latency_ns_mean"
SWEPT = "workload.anon_order"
PUBLISHED = "fork-folio-sizes"
SERIES = {"no": "pte by pte", "yes": "folio by folio"}
NS_PER_MS, NS_PER_S = 1e6, 1e9


def draw(stored: Stored) -> Drawing:
    """Milliseconds of a fork against KiB of a folio."""
    results = stored.results("fork-by-folio-size")
    figure, [ax] = grid(1, 1, 2.4)
    rows: list[dict[str, Any]] = []
    for index, (batched, name) in enumerate(SERIES.items()):
        points = [p for p in results.document["points"] if _batched(p) == batched]
        measured = published(batched)
        line = [(4 << p["parameters"][SWEPT], p["metrics"][METRIC]) for p in points]
        draw_line(ax, line, index, f"{name}, simulated", NS_PER_MS)
        sizes = list(measured)
        ax.plot(
            sizes,
            [measured[size] * NS_PER_S / NS_PER_MS for size in sizes],
            color=line_style(index)["color"],
            linestyle="none",
            marker="x",
            label=f"{name}, measured",
        )
        rows += [_row(name, size, estimate, measured.get(size)) for size, estimate in line]
    ax.set_xscale("log", base=2)
    ticks = sorted({row["folio_kib"] for row in rows})
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.set_ylim(0, 1.05 * ax.get_ylim()[1])
    ax.set(xlabel="KiB of a folio", ylabel="milliseconds of a fork")
    legend(figure, [ax])
    worst = max(abs(row["error"]) for row in rows if row["error"] != "")
    caption = (
        "Time of fork() in a process with 1 GiB of anonymous memory, mapped by ptes. Crosses: D."
        " Hildenbrand, linux-mm, 25 Jan 2024, Xeon Silver 4210R. The two costs of a pte and of a"
        " page are derived from the ends of these curves (4 KiB pte by pte, 2 MiB folio by folio);"
        f" what lies between them is not fitted: off by at most {100 * worst:.0f} %."
        f" {results.caption_of(results.methods_of(METRIC))}"
    )
    return Drawing(figure, rows, caption)


def published(batched: str) -> dict[int, float]:
    """Return the measured seconds of a fork by KiB of a folio."""
    path = find("published", PUBLISHED).with_suffix(".csv")
    lines = (line for line in path.read_text("utf-8").splitlines() if not line.startswith("#"))
    found = [row for row in csv.DictReader(lines) if row["batched"] == batched]
    return {int(row["folio_kib"]): float(row["seconds"]) for row in found}


def _batched(point: dict[str, Any]) -> str:
    return "no" if point["scheme_options"] else "yes"


def _row(name: str, size: int, estimate: dict[str, Any], measured: float | None) -> dict[str, Any]:
    seconds = estimate["mean"] / NS_PER_S
    return {
        "copied": name,
        "folio_kib": size,
        **numbers("fork_ns", estimate),
        "measured_s": "" if measured is None else measured,
        "error": "" if measured is None else seconds / measured - 1,
    }
