"""The cost tables of a World, ps, from the numbers of a machine profile."""

from dessim.kernel.cost_table import OF_MACHINE, OF_WORKLOAD
from dessim.kernel.placement import clock_stretch_ppm
from dessim.kernel.setup import Setup
from dessim.model.machine import Distances, Machine
from dessim.model.units import PPM
from dessim.model.workload import PAGE_BYTES

PS_PER_US = 1_000_000
PAGE_TABLE = "alloc_page_table"  # a page of memory that is zeroed


def cost_rows(machine: Machine) -> int:
    """Return how many cost tables a World has: one by number of busy SMT siblings."""
    return max(2, machine.topology.threads_per_core)


def cost_row(setup: Setup, busy_cores: int, *, siblings: int) -> list[int]:
    """Return the cost table for a CPU, ps: stretched by the clock and by its busy SMT siblings.

    What waits for memory does not stretch with the clock. Each further sibling adds as much time as
    the first: with a slow-down of s by one, n threads of a core do n / (1 + (s - 1) (n - 1)) times
    the work of one, at most 1 / (s - 1).

    The end of a process runs alone, at the clock of one busy core. What is done to the bytes of a
    page grows with them.
    """
    stretch_ppm = clock_stretch_ppm(setup.machine, busy_cores)
    smt = setup.machine.smt
    slow_ppm = {"kernel": smt.kernel_slowdown_ppm, "user": smt.user_slowdown_ppm, "none": PPM}
    row = [0]
    for declarations, model in (OF_MACHINE, setup.machine), (OF_WORKLOAD, setup.workload):
        for declared in declarations:
            ps, cost = declared.ps(model), declared.cost
            if cost.of_bytes:
                ps = ps * setup.page_bytes // PAGE_BYTES
            elif declared.name == PAGE_TABLE:
                ps += _beyond_4_kib_ps(setup)
            if cost.clock:
                ps = ps * stretch_ppm // PPM
            ps = ps * (PPM + siblings * (slow_ppm[cost.smt] - PPM)) // PPM
            row.append(ps)
    return [
        *row,
        PS_PER_US * stretch_ppm // PPM * (PPM + siblings * (slow_ppm["kernel"] - PPM)) // PPM,
    ]


def _beyond_4_kib_ps(setup: Setup) -> int:
    """Return ps to zero what a page has beyond 4 KiB."""
    more = setup.page_bytes - PAGE_BYTES
    return setup.machine.frames.zero_page_ps * more // PAGE_BYTES


def line_costs(machine: Machine) -> list[int]:
    """Return the line cost table, ps, flat [operation][state][distance]."""
    line, memory = machine.cache_line, machine.memory
    rows: list[int] = []
    for local, shared, modified in (
        (line.local_load_ps, line.load_shared, line.load_modified),
        (line.local_store_ps, line.store_shared, line.store_modified),
        (line.local_rmw_ps, line.rmw_shared, line.rmw_modified),
    ):
        dram = [memory.local_ps, memory.local_ps, memory.local_ps]
        rows += [*dram, memory.one_hop_ps, memory.two_hops_ps, memory.local_ps, memory.local_ps]
        rows += _distance_row(local, shared)
        rows += _distance_row(local, modified)
    return rows


def _distance_row(local: int, d: Distances) -> list[int]:
    remote = [d.same_l3_ps, d.same_socket_ps, d.one_hop_ps, d.two_hops_ps]
    return [local, *remote, d.smt_sibling_ps, d.far_home_ps]
