"""Random runs: a random or shipped program on a random machine under a random workload."""

from hypothesis import strategies as st
from random_machines import MAX_THREADS, file_workloads, lock_loops, machines, memory_workloads
from random_programs import (
    OPTION,
    Writer,
    actor_steps,
    certain_path,
    fault_parts,
    loop_program,
)

from dessim import registry
from dessim.kernel.assembler import assemble
from dessim.kernel.programs import actor_program, lock_loop_program
from dessim.kernel.setup import ActorSetup, Batches, Setup, changes_page_cache
from dessim.model.workload import PAGE_BYTES

ORDERS = (0, 1, 2, 3, 9)
AT_LEAST_ONE = (
    "pcp_batch",
    "pcp_high",
    "lru_batch",
    "lru_release",
    "memcg_batch",
    "uncharge_batch",
    "unlink_batch",
    "gather_max",
)
FRAMES = (
    "scheme",
    "scheme",
    "memory",
    "tame fault",
    "wild fault",
    "wild loop",
    "lock loop",
    "own loop",
)


def options(draw, thing):
    """Draw the options of a scheme or an actor: switches, words, small numbers."""
    drawn = {}
    for name, default in thing.options.items():
        if isinstance(default, bool):
            drawn[name] = draw(st.booleans())
        elif name in thing.choices:
            drawn[name] = draw(st.sampled_from(thing.choices[name]))
        else:
            drawn[name] = draw(st.integers(int(name.endswith(AT_LEAST_ONE)), 3))
    for clash in thing.excluded:
        if clash.items() <= drawn.items():
            del drawn[next(iter(clash))]
    return drawn


def actor(draw, choice, machine, *, shipped: bool, large_folios: bool) -> ActorSetup:
    """Draw an actor: a shipped one, or any that leaves pages in order.

    Its rounds are so far apart that a fault can be over between two: threads starve otherwise.
    """
    if shipped or draw(st.booleans()):
        found = registry.load_actor(draw(st.sampled_from(registry.actor_names())))
        program = registry.program_of_actor(
            found,
            options(draw, found),
            "vma_lock",
            counts_tables=machine.locks.pmd_locks,
            large_folios=large_folios,
        )
    else:
        steps = actor_program(actor_steps(Writer(draw, wild=False)))
        program = assemble(steps, {OPTION: draw(st.booleans())})
    pace = 1 if machine.device.read_latency_ps < 10**6 else 5_000
    return ActorSetup(program, choice.every_ps * pace, choice.range_pages)


def features(workload, machine):
    """Return what the workload makes possible, and what the machine's kernel does."""
    return {
        "page_cache_changes": changes_page_cache(workload),
        "reads_ahead": workload.readahead_pages > 0,
        "unmaps": workload.unmap_every_pages > 0,
        "replays": workload.replays,
        "maps_file": workload.maps_file,
        "counts_tables": machine.locks.pmd_locks,
        "vma_cache_of_mm": machine.locks.vma_cache == "mm",
    }


def thread_program(draw, frame, order, workload, machine):
    """Draw the program of a thread; return it with log2 of the pages of a folio."""
    if frame == "scheme":
        scheme = registry.load(draw(st.sampled_from(registry.names())))
        chosen = options(draw, scheme)
        program = registry.thread_program(scheme, chosen, order, **features(workload, machine))
        return program, chosen.get("folio_order", 0)
    given = {OPTION: draw(st.booleans()), "vma_locks": True, **features(workload, machine)}
    given.update(second_attempts=True, large_folios=False)
    if frame == "lock loop":
        return assemble(lock_loop_program()), 0
    if frame in ("wild loop", "own loop"):
        steps = loop_program(Writer(draw, wild=True))
        return assemble(steps, given), draw(st.integers(0, 2))
    fault_lock = draw(st.sampled_from(("mmap_lock", "vma_lock")))
    if frame == "tame fault":
        around, before = fault_parts(Writer(draw, wild=False), "mmap_lock")
        ordinary = registry.load("no_fault_around").slow_path
        return assemble(registry.whole_life(around, (*before, *ordinary)), given), 0
    around, before = fault_parts(Writer(draw, wild=True), fault_lock)
    steps = registry.whole_life(around, (*before, *certain_path()), fault_lock)
    return assemble(steps, given), draw(st.integers(0, 2))


def writer(draw, workload, machine):
    """Draw the program of a thread whose faults write; return it with its kernel's options."""
    scheme = registry.load(draw(st.sampled_from(registry.columns())))
    chosen = options(draw, scheme) if draw(st.booleans()) else {}
    if registry.options_of(scheme, chosen)["folio_batches"]:
        chosen["contpte"] = draw(st.sampled_from((True, True, True, False)))
    program = registry.thread_program(
        scheme,
        chosen,
        0,
        fault=workload.fault,
        memcg_depth=workload.memcg_depth if workload.allocates else 0,
        sweep_end=workload.after_sweep,
        maps_only=workload.maps_only,
        merged=workload.merges,
        part=workload.file == "part",
        drops_parts=workload.drops_parts,
        parts=workload.parts_folios,
        splits=workload.split_folios,
        moves_tables=workload.moves == "tables",
        counts_tables=machine.locks.pmd_locks,
    )
    return program, registry.options_of(scheme, chosen)


def mapper(draw, choice, kernel) -> ActorSetup:
    """Draw an actor that maps and unmaps alongside faults that write."""
    found = registry.load_actor("map_unmap")
    program = registry.program_of_actor(
        found, options(draw, found), kernel=kernel, faults_write=True
    )
    return ActorSetup(program, choice.every_ps * 100, choice.range_pages)


class Run(Setup):
    """A setup that is reported in a few lines when it is the one on which engines differ."""

    def _repr_pretty_(self, printer, cycle: bool) -> None:
        printer.text(repr(self))

    def __repr__(self) -> str:
        """Return what tells the run from others; its machine only as far as it is arranged."""
        lines = enumerate(self.program.listing)
        return (
            f"{self.threads} threads, order {self.fault_around_order}, seed {self.seed},"
            f" folios {self.folio_order}, {self.machine.name} as {self.machine.topology},"
            f" {self.workload}, program {'; '.join(f'{i} {line}' for i, line in lines)},"
            f" actors {[actor.program.listing for actor in self.actors]}"
        )


@st.composite
def runs(draw, frames: tuple[str, ...] = FRAMES):
    """Draw a run.

    Parameters
    ----------
    frames : tuple of str
        What may surround the random part: a shipped ``scheme`` has none; a ``fault`` path; a
        ``loop`` over accesses; the shipped ``lock loop``; an ``own loop`` in its place. A page
        cache that changes goes with programs that leave it in order.
    """
    frame = draw(st.sampled_from(frames))
    threads = draw(st.integers(1, MAX_THREADS))
    changes = frame in ("scheme", "tame fault") and draw(st.booleans())
    if frame in ("lock loop", "own loop"):
        workload = draw(lock_loops())
    elif frame == "memory":
        workload = draw(memory_workloads())
    else:
        workload = draw(file_workloads(page_cache_changes=changes))
    tasks = threads + len(workload.actors)
    pages_of_4_kib = draw(st.sampled_from((1, 1, 4, 16)))
    size = workload.file_size_bytes * pages_of_4_kib
    workload = workload.model_copy(update={"file_size_bytes": size})
    # an actor never lets a thread have its CPU back
    machine = draw(machines(tasks, crowded=not workload.actors, free_retries=not changes))
    memory = machine.memory.model_copy(update={"page_size_bytes": pages_of_4_kib * PAGE_BYTES})
    machine = machine.model_copy(update={"memory": memory})
    order = draw(st.sampled_from(ORDERS))
    if frame == "memory":
        program, kernel = writer(draw, workload, machine)
        others = tuple(mapper(draw, it, kernel) for it in workload.actors)
        batches = Batches.among(kernel)
        return Run(machine, workload, program, threads, order, None, 1, 0, others, batches=batches)
    program, folio_order = thread_program(draw, frame, order, workload, machine)
    others = [
        actor(draw, it, machine, shipped=frame == "scheme", large_folios=folio_order > 0)
        for it in workload.actors
    ]
    seed = draw(st.integers(0, 3))
    return Run(
        machine, workload, program, threads, order, None, seed, 0, tuple(others), folio_order
    )
