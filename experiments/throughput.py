"""Throughput against threads: four schemes, bands, linear scaling, the USL; three workloads."""

from dataclasses import replace

from dessim.model import load_machine, names
from dessim.model.units import format_ratio
from dessim.report.common.results import Results
from dessim.report.figures import throughput
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing

NEEDS = {"scheme-comparison": "dessim run scheme-comparison -j 2"}
KEYS = ("panel", "series", "threads")
TOLERANCE = Tolerance(relative=0.1)


def draw(stored: Stored) -> Drawing | None:
    """Pages mapped per second, a panel per workload."""
    results = stored.results("scheme-comparison")
    drawing = throughput.draw(results)
    return drawing and replace(drawing, caption=drawing.caption + assumed(results))


def assumed(results: Results) -> str:
    """Say what is assumed about SMT siblings, if some threads of a shipped machine are siblings."""
    for name in dict.fromkeys(point["machine"] for point in results.document["points"]):
        threads = max(p["threads"] for p in results.document["points"] if p["machine"] == name)
        machine = load_machine(name) if name in names("machines") else None
        source = machine.provenance.get("cache_line.coalesce") if machine else None
        if machine is None or source is None or threads <= machine.topology.n_cores:
            continue
        if machine.topology.threads_per_core > 1 and source.tag == "assumed":
            ends = [end for end in (source.low, source.high) if end is not None]
            said = f" ({' to '.join(map(format_ratio, ends))})" if ends else ""
            share = format_ratio(machine.cache_line.coalesce_ppm)
            return (
                f" Beyond {machine.topology.n_cores} threads SMT siblings wait for the same lines:"
                f" that one transfer serves both in {share}{said} of these cases is assumed, and"
                " decides whether no_fault_around goes on to grow there."
            )
    return ""
