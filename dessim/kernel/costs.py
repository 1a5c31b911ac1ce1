"""The cost tables of a World, ps, from the numbers of a machine profile."""

from dessim.kernel import cost_table
from dessim.kernel.placement import clock_stretch_ppm
from dessim.kernel.setup import Setup
from dessim.model.fields import Model
from dessim.model.machine import Distances, Machine

AT_EXIT = ("teardown_per_pte", "teardown_per_table", "process_exit")
MEMORY_BOUND = ("read_page_dram", "touch_word", "random_word")
USER = ("read_page_dram", "read_page_l3", "touch_word", "random_word", "page_work")
TLB = ("page_walk", "invlpg", "flush_all", "ipi_base", "ipi_per_cpu", "ipi_handler")
UNSCALED = ("none", "think", "hold", "device_read")


def cost_row(setup: Setup, busy_cores: int, *, smt_busy: bool) -> list[int]:
    """Return the cost table for a CPU, ps: stretched by the clock and by a busy SMT sibling.

    What waits for memory does not stretch with the clock.

    The end of a process runs alone, at the clock of one busy core.
    """
    machine, workload = setup.machine, setup.workload
    stretch = clock_stretch_ppm(machine, busy_cores)
    line = machine.cache_line
    other = {
        "none": 0,
        "page_work": workload.page_work_ps,
        "local_rmw": line.local_rmw_ps,
        "local_load": line.local_load_ps,
        "local_store": line.local_store_ps,
        "think": workload.think_ps,
        "hold": workload.hold_ps,
        "device_read": machine.device.read_latency_ps,
        "tlb_l2_hit": machine.tlb.l2_hit_ps,
    }
    row = []
    for name in cost_table.COSTS:
        if name in UNSCALED:
            row.append(other[name])
            continue
        ps = other.get(name)
        if ps is None:
            ps = int(getattr(_section(machine, name), f"{name}_ps"))
        if name not in AT_EXIT:
            if name not in MEMORY_BOUND:
                ps = ps * stretch // 1_000_000
            if smt_busy:
                smt = machine.smt
                slow = smt.user_slowdown_ppm if name in USER else smt.kernel_slowdown_ppm
                ps = ps * slow // 1_000_000
        row.append(ps)
    return row


def _section(machine: Machine, name: str) -> Model:
    if name in TLB:
        return machine.tlb
    return machine.user if name in USER else machine.kernel


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
        rows += [*dram, memory.one_hop_ps, memory.two_hops_ps, memory.local_ps]
        rows += _distance_row(local, shared)
        rows += _distance_row(local, modified)
    return rows


def _distance_row(local: int, d: Distances) -> list[int]:
    remote = [d.same_l3_ps, d.same_socket_ps, d.one_hop_ps, d.two_hops_ps]
    return [local, *remote, d.smt_sibling_ps]
