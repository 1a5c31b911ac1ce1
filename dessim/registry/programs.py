"""From a scheme or an actor, with its options, to the program that a task runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dessim.actors import after_sweep, exit, munmap, remap
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step
from dessim.kernel.assembler import Program, ProgramError, assemble
from dessim.kernel.balance import UnbalancedError, find_imbalance
from dessim.kernel.endless import find_endless
from dessim.kernel.memory_words import MAX_LEVELS, folio_or_page
from dessim.kernel.operation import OF_PROTOCOLS
from dessim.kernel.ops import OPERATIONS
from dessim.kernel.paging_programs import paging_program
from dessim.kernel.programs import (
    actor_program,
    attempt_program,
    fault_program,
    read_and_retry,
)
from dessim.kernel.write_programs import FAULTS_WRITE, OWNER_NEAR, writing_program
from dessim.registry.catalogue import (
    Actor,
    Scheme,
    UnknownScheme,
    columns,
    options_of,
)
from dessim.registry.parts import Option
from dessim.schemes import no_fault_around

WITHOUT_PARTS: dict[str, Option] = {
    "folio_counts": "none",
    "defers_split": "large",
    "contpte": False,
    "mremap_batches": False,
    "rmap_batch": 0,
    "lru_sizes_near": False,
}
"""Options of schemes that say nothing about folios of memory."""


@dataclass(frozen=True)
class Features:
    """What a workload makes possible, and what the machine's kernel does.

    Attributes
    ----------
    page_cache_changes, reads_ahead, unmaps, maps_file, replays : bool
        What the workload makes possible: steps that could never matter are left out.
    counts_tables : bool
        Whether page tables are counted near mmap_sem, as Linux does from 3.13 on.
    vma_cache_of_mm : bool
        Whether threads of an mm share the VMA found last, as in Linux up to 3.14.
    fault : str
        What faults do: ``read``, or one of the scheme's own ``faults``.
    memcg_depth : int
        Page counters that memory is charged to.
    sweep_end : str
        What a task does with its region after each sweep: as a workload's ``after_sweep``.
    maps_only : bool
        Whether tasks map and unmap their regions and touch nothing.
    merged : bool
        Whether the regions of all threads are one VMA.
    part : bool
        Whether they are parts of one region, so that neighbours share page tables.
    drops_parts : bool
        Whether MADV_DONTNEED leaves some of a region, or takes more than a call for it.
    parts : bool
        Whether it leaves parts of folios.
    splits : bool
        Whether a task splits them then.
    moves_tables : bool
        Whether mremap moves page tables as such, not pte by pte.
    advice : str
        What madvise said of a file that is read by windows; empty: page by page.
    large_folios : bool
        Whether the file has folios of more than a page.
    """

    page_cache_changes: bool = False
    reads_ahead: bool = False
    unmaps: bool = False
    counts_tables: bool = True
    vma_cache_of_mm: bool = True
    maps_file: bool = False
    replays: bool = False
    fault: str = "read"
    memcg_depth: int = 0
    sweep_end: str = "munmap"
    maps_only: bool = False
    merged: bool = False
    part: bool = False
    drops_parts: bool = False
    parts: bool = False
    splits: bool = False
    moves_tables: bool = True
    advice: str = ""
    large_folios: bool = False


def thread_program(
    scheme: Scheme, chosen: Mapping[str, Option], fault_around_order: int, **features: Any
) -> Program:
    """Return the whole program of a faulting thread under a scheme.

    Parameters
    ----------
    scheme : Scheme
    chosen : dict
        Options that differ from the scheme's defaults.
    fault_around_order : int, 0..9
        0 is no fault-around: the kernel then does not call it, and every scheme that takes the
        mmap lock is ``no_fault_around``.
    **features
        Those of ``Features`` that differ from its defaults.

    Raises
    ------
    UnknownScheme
        If an option is unknown or has a wrong value, or the scheme knows no such faults.
    ProgramError
        If it cannot be assembled, never ends, or a path through it keeps a lock or a reference.
    """
    what = Features(**features)
    options = options_of(scheme, chosen) | {"replays": what.replays}
    if what.fault != "read":
        return _writing(scheme, options, what)
    fault_lock = scheme.lock_of(options)
    around, slow_path = scheme.fault_around, scheme.slow_path
    if fault_around_order == 0:
        around = ()
        slow_path = no_fault_around.SLOW_PATH if fault_lock == "mmap_lock" else slow_path
    options.update(page_cache_changes=what.page_cache_changes, reads_ahead=what.reads_ahead)
    options.update(unmaps=what.unmaps, counts_tables=what.counts_tables)
    options.update(vma_cache_of_mm=what.vma_cache_of_mm, maps_file=what.maps_file)
    options.update(vma_locks=fault_lock == "vma_lock", second_attempts=True)
    options.update(large_folios=what.large_folios or bool(options.get("folio_order")))
    if scheme.missing and what.advice:
        raise UnknownScheme(
            f"scheme {scheme.name!r} has a path of its own for missing pages (MISSING), and the"
            " workload's file is read by windows (advice), which has its own, too: drop one of them"
        )
    steps = whole_life(around, slow_path, fault_lock, what.advice, scheme.missing)
    return _checked(scheme, steps, options)


def _writing(scheme: Scheme, options: dict[str, Option], what: Features) -> Program:
    """Return the whole program of a thread whose faults write."""
    if what.fault not in scheme.faults:
        some = ", ".join(columns())
        raise UnknownScheme(
            f"scheme {scheme.name!r} does not support {what.fault} faults; {some} do"
        )
    options.update({f"memcg_level_{i}": i < what.memcg_depth for i in range(MAX_LEVELS)})
    options.update(counts_tables=what.counts_tables, maps_only=what.maps_only, merged=what.merged)
    options.update(part=what.part, parts=what.parts, drops_parts=what.drops_parts)
    options.update(splits=what.splits, moves_tables=what.moves_tables)
    options.update(large_folios=what.large_folios)
    for name, value in WITHOUT_PARTS.items():
        options.setdefault(name, value)
    pages = remap.UNMAP_FILE if what.fault == "write_shared" else remap.UNMAP_MEMORY
    path = scheme.faults[what.fault]
    steps = writing_program(
        (folio_or_page(path),) if what.parts else path,
        remap=after_sweep.after_sweep(what.sweep_end, pages),
        leave=after_sweep.leave(what.sweep_end),
        release=after_sweep.release(what.sweep_end),
        of_file=what.fault != "anonymous",
    )
    return _checked(scheme, steps, options)


def faulting_program(scheme: Scheme, chosen: Mapping[str, Option]) -> Program:
    """Return the program of a thread that only faults, under a scheme: what the explorer explores.

    Raises
    ------
    UnknownScheme
        If an option is unknown or has a wrong value.
    ProgramError
        If it cannot be assembled, never ends, or a path through it keeps a lock or a reference.
    """
    options = options_of(scheme, chosen)
    options.update(page_cache_changes=True, reads_ahead=False, unmaps=False, vma_locks=False)
    options.update(counts_tables=False, second_attempts=False, large_folios=False)
    steps = attempt_program(scheme.fault_around, scheme.slow_path, scheme.lock_of(options))
    return _checked(scheme, steps, options, timed=False)


def whole_life(
    fault_around: tuple[Step, ...],
    slow_path: tuple[Step, ...],
    fault_lock: str = "mmap_lock",
    advice: str = "",
    missing: tuple[Step, ...] = (),
) -> tuple[Step, ...]:
    """Return a thread's steps around the parts of a scheme, its munmap and exit included.

    A file that is read by windows has a slow path of its own, the same for all schemes.
    """
    if advice:
        return paging_program(fault_around, fault_lock, advice, leave=exit.EXIT)
    return fault_program(
        fault_around,
        slow_path,
        fault_lock,
        munmap=munmap.AFTER_TOUCHING,
        leave=exit.EXIT,
        missing=missing or read_and_retry(fault_lock),
    )


def program_of_actor(
    actor: Actor,
    chosen: Mapping[str, Option],
    fault_lock: str = "mmap_lock",
    *,
    counts_tables: bool = False,
    large_folios: bool = False,
    kernel: Mapping[str, Option] | None = None,
    faults_write: bool = False,
) -> Program:
    """Return the program of an actor: rounds with pauses.

    Parameters
    ----------
    actor : Actor
    chosen : dict
        Options that differ from the actor's defaults.
    fault_lock : str
        The lock that faults hold in the scheme alongside which it runs.
    counts_tables : bool
        As of threads; not for the explorer, in which what only takes time is left out.
    large_folios : bool
        Whether the file has folios of more than a page.
    kernel : dict, optional
        Options of the scheme alongside which it runs.
    faults_write : bool
        Whether faults write: there is no file that all share.

    Raises
    ------
    UnknownScheme
        If an option is unknown or has a wrong value, or the actor works on a file that all share
        and there is none.
    ProgramError
        If it cannot be assembled, never ends, or a path through it keeps a lock or a reference.
    """
    if faults_write and not actor.alongside_writes:
        raise UnknownScheme(
            f"actor {actor.name!r} works on pages of a file that all share, and faults that write"
            " have none: use actor 'map_unmap' or 'read_maps', or fault 'read'"
        )
    usual: dict[str, Option] = {"lock": fault_lock, OWNER_NEAR: False}
    options = usual | dict(kernel or {}) | options_of(actor, chosen)
    options.update({FAULTS_WRITE: faults_write})
    options.update(vma_locks=fault_lock == "vma_lock", counts_tables=counts_tables)
    options.update(large_folios=large_folios)
    return _checked(actor, actor_program(actor.steps), options)


_endless = lru_cache(maxsize=512)(find_endless)
_imbalance = lru_cache(maxsize=512)(find_imbalance)
"""The same programs are assembled again and again: for each point, and by each worker."""


def _checked(
    whose: Scheme | Actor,
    steps: tuple[Step, ...],
    options: Mapping[str, Option],
    *,
    timed: bool = True,
) -> Program:
    """Assemble a program, if it ends and each path through it releases what it takes.

    Steps of protocols are refused: no timed engine knows their words.
    """
    file = f"{whose.file}: " if whose.file else ""
    name = f"{file}{'scheme' if isinstance(whose, Scheme) else 'actor'} {whose.name!r}"
    try:
        program = assemble(steps, dict(options), timed=timed)
    except ProgramError as error:
        raise ProgramError(f"{name}: {error}") from error
    for place in range(0, len(program.words), lay.I_WORDS):
        row = OPERATIONS[program.words[place + lay.I_OP]]
        if row.group in OF_PROTOCOLS:
            raise UnknownScheme(
                f"{whose.file or whose.name}: step {row.name!r} is for protocols, which only"
                " `dessim check` can explore: docs/protocols.md"
            )
    if found := _endless(program):
        raise ProgramError(f"{name} {found}")
    if found := _imbalance(program):
        raise UnbalancedError(f"{name} {found}")
    return program
