"""Anonymous memory in folios of 4 KiB to 2 MiB: pages a second, of one task and of many."""

from typing import Any

from dessim.report.common.doubts import is_marked
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.points import numbers, steady_or_average
from dessim.report.plot.style import draw_line, grid, legend

NEEDS = {"mthp": "dessim run mthp"}
KEYS = ("tasks", "folio_kib")
TOLERANCE = Tolerance(relative=0.1)
STEADY, AVERAGE = "pages_mapped_per_s", "average_pages_per_s"
ORDER = "workload.anon_order"
PAGE_KIB, MILLION = 4, 1e6
TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100)


def draw(stored: Stored) -> Drawing:
    """Million pages per second against the KiB of a folio, both on logarithmic axes."""
    results = stored.results("mthp")
    figure, [ax] = grid(1, 1, 2.6)
    points = results.document["points"]
    rows: list[dict[str, Any]] = []
    for index, tasks in enumerate(sorted({point["threads"] for point in points})):
        group = {PAGE_KIB << p["parameters"][ORDER]: p for p in points if p["threads"] == tasks}
        line = [(kib, steady_or_average(p, STEADY, AVERAGE)) for kib, p in sorted(group.items())]
        hollow = [kib for kib, point in group.items() if is_marked(point)]
        draw_line(ax, line, index, f"{tasks} task{'s' * (tasks > 1)}", MILLION, hollow)
        head = {"tasks": tasks}
        rows += [{**head, "folio_kib": kib, **numbers("pages_per_s", one)} for kib, one in line]
    sizes = sorted({row["folio_kib"] for row in rows})
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [str(kib) for kib in sizes])
    ax.set_yscale("log")
    ax.minorticks_off()
    low, high = (limit(row["pages_per_s"] / MILLION for row in rows) for limit in (min, max))
    ticks = [tick for tick in TICKS if low / 2 < tick < 2 * high]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set(xlabel="KiB of a folio", ylabel="million pages/s")
    legend(figure, [ax])
    caption = (
        "Pages of anonymous memory that are mapped, written and unmapped per second, by the size of"
        " the folios in which Linux 6.12 allocates them. What is left of a fault's cost in large"
        " folios is zeroing; with all cores busy the memory's bandwidth is the limit."
        f" {results.caption_of(results.methods_of(STEADY))}"
    )
    return Drawing(figure, rows, caption)
