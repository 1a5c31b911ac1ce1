"""Runs in which threads race with actors: small machines on which every cost is short."""

from typing import Any

from helpers import a_machine, a_workload, merge

from dessim import registry
from dessim.kernel.world import ActorSetup, Setup
from dessim.model.machine import Machine
from dessim.model.workload import ActorChoice

QUICK = {
    "topology": {"threads_per_core": 1, "cores_per_l3": 4},
    "device": {"read_latency_ps": 1_000_003, "queue_depth": 2},
    "kernel": {"wakeup_ps": 50_000, "context_switch_ps": 30_000},
}


def quick_machine(**changes: Any) -> Machine:
    """Return a machine of 16 CPUs with a fast device and short sleeps."""
    return a_machine(**merge(QUICK, changes))


def race(
    scheme: str,
    *actors: str,
    threads: int = 3,
    pages: int = 8,
    order: int = 2,
    seed: int = 1,
    every_ps: int = 500_000,
    range_pages: int = 4,
    machine: Machine | None = None,
    options: dict[str, Any] | None = None,
    actor_options: dict[str, Any] | None = None,
    **workload: Any,
) -> Setup:
    """Return a run of a scheme against actors that work on ranges of some pages."""
    options = options or {}
    choices = tuple(
        ActorChoice(
            name=name, every_ps=every_ps, range_pages=range_pages, options=actor_options or {}
        )
        for name in actors
    )
    work = a_workload(pages=pages, page_touch="touch_word", actors=choices, **workload)
    program = registry.thread_program(
        registry.load(scheme),
        options,
        order,
        page_cache_changes=bool(actors) or work.cached_ppm < 1_000_000,
        reads_ahead=work.readahead_pages > 0,
        unmaps=work.unmap_every_pages > 0,
    )
    setups = tuple(
        ActorSetup(
            registry.program_of_actor(
                registry.load_actor(actor.name), actor.options, registry.load(scheme).fault_lock
            ),
            actor.every_ps,
            actor.range_pages,
        )
        for actor in choices
    )
    folio_order = int(options.get("folio_order", 0))
    machine = machine or quick_machine()
    return Setup(machine, work, program, threads, order, None, seed, 0, setups, folio_order)
