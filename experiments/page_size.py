"""Faults of the two halves of a build by the size of a page, and of a folio of memory."""

from typing import Any

from dessim.model import load_workload
from dessim.model.units import SIZE, parse_quantity
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.style import draw_line, grid, legend, line_style

NEEDS = {"page-size": "dessim run page-size"}
KEYS = ("work", "tasks", "page_kib", "folio_kib")
TOLERANCE = Tolerance(relative=0.05)
PAGE, ORDER = "machine.memory.page_size", "workload.anon_order"
PANELS = {"build-memory": "fresh memory", "build-files": "cached files"}
TICKS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000)
MIB, KIB = 1 << 20, 1 << 10


def draw(stored: Stored) -> Drawing:
    """Microseconds in faults and munmap per MiB against KiB of a page, or of a folio."""
    results = stored.results("page-size")
    figure, axes = grid(2, 2, 2.4)
    rows: list[dict[str, Any]] = []
    for ax, (workload, name) in zip(axes, PANELS.items(), strict=True):
        of_panel = [p for p in results.document["points"] if p["workload"] == workload]
        for index, tasks in enumerate(sorted({p["threads"] for p in of_panel})):
            found = [row(p, name) for p in of_panel if p["threads"] == tasks]
            _draw_tasks(ax, found, index, f"{tasks} task{'s' * (tasks > 1)}")
            rows += found
        ax.set_xscale("log", base=2)
        ax.set_xticks([4, 16, 64], ["4", "16", "64"])
        ax.set_yscale("log")
        ax.minorticks_off()
        values = [r["us_per_mib"] for r in rows if r["work"] == name]
        ticks = [t for t in TICKS if min(values) / 2 < t < 2 * max(values)]
        ax.set_yticks(ticks, [str(t) for t in ticks])
        ax.set(xlabel="KiB of a page, or of a folio", ylabel="µs per MiB", title=name)
    legend(figure, axes)
    _note_changes(rows)
    caption = (
        "Time of a task in faults and munmap per MiB of fresh anonymous memory, and in faults per"
        " MiB of cached files that all share. Lines: pages of 4, 16 and 64 KiB. Crosses: pages of 4"
        " KiB in folios of memory (mTHP) of that size. Nothing is fitted to published build times."
        f" {results.caption_of(results.methods_of('fault_latency_ns_mean'))}"
    )
    return Drawing(figure, rows, caption)


def _draw_tasks(ax: Any, rows: list[dict[str, Any]], index: int, label: str) -> None:
    pages = [r for r in rows if r["folio_kib"] == r["page_kib"]]
    line = [(r["page_kib"], {"mean": r["us_per_mib"], "ci95": None}) for r in pages]
    draw_line(ax, line, index, label, 1)
    folios = [r for r in rows if r["folio_kib"] > r["page_kib"]]
    if folios:
        ax.plot(
            [r["folio_kib"] for r in folios],
            [r["us_per_mib"] for r in folios],
            color=line_style(index)["color"],
            linestyle="none",
            marker="x",
            label=f"{label}, mTHP",
        )


def row(point: dict[str, Any], work: str) -> dict[str, Any]:
    """Return a point's time in faults, munmap and mmap per MiB, in µs of all tasks.

    A task's first sweep begins somewhere in its region, so pages are counted by their faults.
    """
    page = parse_quantity(point["parameters"][PAGE], SIZE)
    folio = page << int(point["parameters"].get(ORDER) or 0)
    workload, value = load_workload(point["workload"]), _values(point)
    faults = value["minor_faults"]
    ns, size = faults * value["fault_latency_ns_mean"], faults * folio
    if workload.writes:
        calls = value["call_latency_ns_mean"] + value["mmap_latency_ns_mean"]
        ns += workload.sweeps * point["threads"] * calls
    else:
        size = workload.file_size_bytes * point["threads"]
    return {
        "work": work,
        "tasks": point["threads"],
        "page_kib": page // KIB,
        "folio_kib": folio // KIB,
        "us_per_mib": ns / 1e3 * MIB / size,
    }


def _values(point: dict[str, Any]) -> dict[str, float]:
    return {name: one["mean"] for name, one in point["metrics"].items() if one}


def _note_changes(rows: list[dict[str, Any]]) -> None:
    """Compare each row with that of single pages of 4 KiB."""
    small = {(r["work"], r["tasks"]): r["us_per_mib"] for r in rows if r["folio_kib"] == 4}
    for one in rows:
        one["change"] = one["us_per_mib"] / small[one["work"], one["tasks"]] - 1
