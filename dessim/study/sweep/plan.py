"""From a resolved point to the setups of its runs."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from dessim import registry
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step
from dessim.kernel.assembler import Program, assemble
from dessim.kernel.paging_programs import device_loop_program
from dessim.kernel.programs import lock_loop_program
from dessim.kernel.setup import ActorSetup, Batches, Setup, changes_page_cache
from dessim.model import Point
from dessim.model.machine import Machine
from dessim.model.units import SIZE, format_quantity
from dessim.model.workload import PAGE_BYTES, Workload


def program_of(point: Point) -> Program:
    """Assemble the program that the threads of a point run.

    Raises
    ------
    UnknownScheme
        If the scheme or one of its options does not exist.
    """
    if point.workload.kind != "faults":
        # It has no use for the scheme, but results name it: one that does not exist is an error.
        registry.options_of(registry.load(point.scheme.name), point.scheme.options)
        return assemble(loop_of(point.workload))
    chosen = tuple(sorted(point.scheme.options.items()))
    around = window_order(point) > 0
    own = tuple((path, path.stat().st_mtime_ns) for path in registry.own_files())
    return _program(
        point.scheme.name, chosen, around, features_of(point.workload, point.machine), own
    )


def window_order(point: Point) -> int:
    """Return log2 of the fault-around window in pages of the machine.

    An experiment counts it in 4 KiB. A kernel rounds fault_around_bytes down to whole pages; a
    window of one page is none (Linux 6.12 ``mm/memory.c``: ``should_fault_around``).
    """
    pages_of_4_kib = point.machine.memory.page_size_bytes // PAGE_BYTES
    return max(0, point.fault_around_order + 1 - pages_of_4_kib.bit_length())


def folio_order(point: Point) -> int:
    """Return log2 of the pages of a folio of the file: of the scheme's option, or the workload."""
    return int(point.scheme.options.get("folio_order", point.workload.folio_order))


def loop_of(workload: Workload) -> tuple[Step, ...]:
    """Return the program of a workload that knows no faults."""
    if workload.kind == "lock_loop":
        return lock_loop_program()
    direction = lay.WRITES if workload.direction == "write" else lay.READS
    return device_loop_program(workload.command_pages, direction)


def features_of(workload: Workload, machine: Machine) -> tuple[tuple[str, Any], ...]:
    """What a workload makes possible, and what the machine's kernel does: of `thread_program`."""
    return (
        ("page_cache_changes", changes_page_cache(workload)),
        ("reads_ahead", workload.readahead_pages > 0),
        ("unmaps", workload.unmap_every_pages > 0),
        ("maps_file", workload.maps_file),
        *((("large_folios", True),) if workload.folio_order else ()),
        ("counts_tables", machine.locks.pmd_locks),
        ("vma_cache_of_mm", machine.locks.vma_cache == "mm"),
        *((("replays", True),) if workload.replays else ()),
        *((("fault", workload.fault),) if workload.writes else ()),
        *((("maps_only", True),) if workload.maps_only else ()),
        *((("merged", True),) if workload.merges else ()),
        *((("part", True),) if workload.file == "part" else ()),
        *((("drops_parts", True),) if workload.drops_parts else ()),
        *((("parts", True),) if workload.parts_folios else ()),
        *((("splits", True),) if workload.split_folios else ()),
        *((("moves_tables", False),) if workload.moves == "ptes" else ()),
        *((("advice", workload.advice),) if workload.pages_file else ()),
        *((("memcg_depth", workload.memcg_depth),) if workload.allocates else ()),
        *((("sweep_end", workload.after_sweep),) if workload.writes else ()),
    )


@lru_cache(maxsize=256)
def _program(
    name: str,
    chosen: tuple[tuple[str, registry.Option], ...],
    around: bool,
    features: tuple[tuple[str, Any], ...],
    own: tuple[tuple[Path, int], ...],
) -> Program:
    """Assemble a program once, as long as your own files stay as they are."""
    return registry.thread_program(registry.load(name), dict(chosen), int(around), **dict(features))


def actors_of(point: Point, only: int | None = None) -> tuple[ActorSetup, ...]:
    """Assemble the actors of a point's workload, which run alongside threads of its scheme.

    Parameters
    ----------
    point : Point
    only : int, optional
        Of this kind alone.

    Raises
    ------
    UnknownScheme
        If an actor or one of its options does not exist.
    """
    workload, counts_tables = point.workload, point.machine.locks.pmd_locks
    if not workload.actors:
        return ()
    scheme = registry.load(point.scheme.name)
    kernel = registry.options_of(scheme, point.scheme.options)
    return tuple(
        ActorSetup(
            registry.program_of_actor(
                registry.load_actor(actor.name),
                actor.options,
                scheme.lock_of(kernel),
                counts_tables=counts_tables,
                large_folios=folio_order(point) > 0,
                kernel=kernel,
                faults_write=workload.writes,
            ),
            actor.every_ps,
            actor.range_pages,
        )
        for i, actor in enumerate(workload.actors)
        if only in (None, i)
        for _ in range(actor.count)
    )


def setup_of(point: Point, replication: int) -> Setup:
    """All that decides one run of a point.

    Parameters
    ----------
    point : Point
    replication : int, >= 0
        Runs of one number draw the same random numbers in every point of the experiment.
    """
    return Setup(
        point.machine,
        point.workload,
        program_of(point),
        point.threads,
        window_order(point),
        point.simulate_bytes,
        point.seed,
        replication,
        actors_of(point),
        folio_order(point),
        batches_of(point),
    )


OF_READS = ("contpte", "maps_folio")
"""Options that matter where no memory is counted: how pages of a file are mapped."""


def batches_of(point: Point) -> Batches:
    """Return how many pages the kernel of a point's scheme moves at once."""
    if point.workload.kind != "faults":
        return Batches()
    options = registry.options_of(registry.load(point.scheme.name), point.scheme.options)
    if not point.workload.uses_frames:
        options = {name: options[name] for name in OF_READS if name in options}
    return Batches.among(options)


def accesses_of(point: Point) -> int:
    """Accesses of all threads together: a measure of how long a run takes."""
    return setup_of(point, 0).accesses * point.threads


def label_of(point: Point) -> str:
    """One line that distinguishes a point from the others of its experiment."""
    scheme = point.scheme.name
    if point.scheme.options:
        chosen = ", ".join(f"{k}={str(v).lower()}" for k, v in sorted(point.scheme.options.items()))
        scheme += f" ({chosen})"
    parts = [
        scheme,
        f"threads={point.threads}",
        f"order={point.fault_around_order}",
        point.workload.name,
        point.machine.name,
        *(f"{key}={value}" for key, value in point.parameters.items()),
    ]
    return " ".join(parts)


def sized_label(point: Point) -> str:
    """As ``label_of``, with how much of the file is simulated where that is a part."""
    if point.simulate_bytes is None:
        return label_of(point)
    return f"{label_of(point)}, {format_quantity(point.simulate_bytes, SIZE)} of its file"
