"""Lock collapse: ticket lock, MCS lock, and the Markov model of the ticket lock."""

import json
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from dessim.measure.theory.ticket_lock import ticket_lock
from dessim.model.units import TIME, parse_quantity, parse_ratio
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Tolerance
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.points import numbers
from dessim.report.plot.style import draw_line, grid, legend, line_style, threads_axis

NEEDS = {"lock-collapse": "dessim run lock-collapse"}
KEYS = ("lock", "threads")
TOLERANCE = Tolerance(relative=0.1)
METRIC = "steady_faults_per_s"
"""In a lock loop, what is counted is turns: the lock taken and released."""
SWEPT = "machine.locks.page_table_lock"
PS_PER_S = 1e12
PER_MILLION = 1e6


def draw(stored: Stored) -> Drawing:
    """Turns per second against CPUs, simulated and by the models."""
    results = stored.results("lock-collapse")
    configuration = stored.json("lock-collapse/configuration.json")
    models = models_of(configuration)
    figure, [ax] = grid(1, 1, 2.4)
    rows: list[dict[str, Any]] = []
    threads = sorted({p["threads"] for p in results.document["points"]})
    every = list(range(threads[0], threads[-1] + 1))
    for index, (lock, model) in enumerate(models.items()):
        points = [p for p in results.document["points"] if p["parameters"][SWEPT] == lock]
        line = [(p["threads"], p["metrics"][METRIC]) for p in points]
        draw_line(ax, line, index, f"{lock}, simulated", PER_MILLION)
        colour = line_style(index)["color"]
        predicted = [model(n) / PER_MILLION for n in every]
        ax.plot(
            every, predicted, color=colour, linewidth=0.7, linestyle=":", label=f"{lock}, model"
        )
        rows += [row_of(lock, n, estimate, model(n)) for n, estimate in line]
    threads_axis(ax, threads)
    ax.set_ylim(bottom=0)
    ax.set(xlabel="CPUs", ylabel="million turns per second")
    legend(figure, [ax])
    caption = (
        "Turns per second of CPUs that think and take one lock. Dotted: the Markov chain of"
        " Boyd-Wickizer et al., Linux Symposium 2012, with the machine's numbers: the hold; moving"
        " the line to the next holder, and back from the last who queued, as means over all pairs"
        " of cores; for the ticket lock what each waiter adds, for the MCS lock nothing."
        f" {results.caption_of(results.methods_of(METRIC))}"
    )
    return Drawing(figure, rows, caption)


def row_of(lock: str, threads: int, estimate: dict[str, Any], predicted: float) -> dict[str, Any]:
    """Return the numbers of one point."""
    head = {"lock": lock, "threads": threads}
    return head | numbers("turns_per_s", estimate) | {"model_turns_per_s": predicted}


def models_of(configuration: dict[str, Any]) -> dict[str, Callable[[int], float]]:
    """Return the turns per second that theory predicts for each lock."""
    [machine], [workload] = configuration["machines"], configuration["workloads"]
    values = {row["key"]: row["value"] for row in machine["values"]}
    loop = {row["key"]: row["value"] for row in workload["values"]}
    think = time_ps(loop["think"]) + time_ps(values["cache_line.local_rmw"])
    hold = time_ps(loop["hold"]) + 2 * time_ps(values["kernel.lock_local"])
    taken = mean_transfer_ps(values, "rmw_modified")
    back = mean_transfer_ps(values, "store_modified")
    waiter = time_ps(values["locks.ticket_per_waiter"])
    mcs = taken * parse_ratio(values["locks.mcs_transfers"]) / PER_MILLION
    return {
        "ticket": lambda n: rate(n, think, hold, waiter, taken + back),
        "mcs": lambda n: rate(n, think, hold, 0.0, mcs + back),
    }


def rate(cpus: int, think: float, hold: float, waiter: float, transfer: float) -> float:
    """Return turns per second of the Markov chain; times in ps."""
    return PS_PER_S * ticket_lock(cpus, think, hold, waiter, transfer=transfer).throughput


def time_ps(text: str) -> float:
    """Return a time of the configuration, ps."""
    return float(parse_quantity(text, TIME))


def mean_transfer_ps(values: Mapping[str, str], operation: str) -> float:
    """Return the time of an operation on a line that another core owns: mean over all pairs."""
    cores, dies = int(values["topology.cores_per_l3"]), int(values["topology.l3_per_socket"])
    hops = json.loads(values["topology.hops"])
    sockets = len(hops)
    total, pairs = Fraction(0), 0
    for there in range(sockets):
        weights = {"same_l3": cores - 1, "same_socket": cores * (dies - 1)} if there == 0 else {}
        if there:
            weights = {("", "one_hop", "two_hops")[hops[0][there]]: cores * dies}
        for distance, n in weights.items():
            if n:
                total += n * Fraction(time_ps(values[f"cache_line.{operation}.{distance}"]))
                pairs += n
    return float(total / pairs)
