"""Points whose runs are recorded in the tests of traces and of blame."""

from helpers import DEVICE, TLB, a_lock_loop, a_machine, a_workload, ideal_machine

from dessim.model import Point, SchemeChoice
from dessim.model.workload import ActorChoice


def a_point(**changes) -> Point:
    """Return a point on the test machine."""
    values = {
        "experiment": "test",
        "machine": a_machine(),
        "workload": a_workload(48, mapping="per_process"),
        "scheme": SchemeChoice(name="lock_each_page"),
        "threads": 6,
        "fault_around_order": 2,
        **changes,
    }
    return Point(**values)


def a_loop(threads: int, kind: str = "mcs", **changes) -> Point:
    """Return a lock loop on a machine on which nothing else costs anything."""
    machine = ideal_machine(threads)
    locks = machine.locks.model_copy(update={"page_table_lock": kind})
    loop = a_lock_loop(**{"think_ps": 1_000, "hold_ps": 5_000, "iterations": 20, **changes})
    machine = machine.model_copy(update={"locks": locks})
    return a_point(machine=machine, workload=loop, threads=threads)


SHARED = a_workload(48, mapping="shared")
ACTOR = ActorChoice(name="invalidate_range", every_ps=2_000_000, range_pages=4)
POINTS = {
    "processes": a_point(),
    "threads": a_point(workload=a_workload(48), scheme=SchemeChoice(name="radix_walk_trylock")),
    "shared": a_point(workload=SHARED, scheme=SchemeChoice(name="gang_lookup_mapcount")),
    "more threads than CPUs": a_point(threads=24),
    "one lock per mm": a_point(
        workload=SHARED, machine=a_machine(locks={"split_page_table_locks": False})
    ),
    "missing pages": a_point(
        machine=a_machine(device=DEVICE, tlb=TLB),
        workload=a_workload(48, cached_ppm=300_000, readahead_pages=4, mapping="per_process"),
    ),
    "actor": a_point(
        machine=a_machine(device=DEVICE, tlb=TLB),
        workload=a_workload(48, actors=(ACTOR,)),
        scheme=SchemeChoice(name="no_fault_around"),
    ),
    "unmaps": a_point(
        machine=a_machine(tlb=TLB, cache_line={"coalesce_ppm": 1_000_000}),
        workload=a_workload(48, unmap_every_pages=8),
    ),
    "folios": a_point(scheme=SchemeChoice(name="folio_batch", options={"folio_order": 2})),
    "lock loop": a_loop(5),
    "ticket lock": a_loop(5, "ticket"),
    "test and set": a_loop(5, "test_and_set"),
}
