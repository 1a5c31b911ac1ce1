"""From a scheme or an actor, with its options, to the program that a task runs."""

from collections.abc import Mapping
from functools import lru_cache

from dessim.actors import exit, munmap, remap
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step
from dessim.kernel.assembler import Program, assemble
from dessim.kernel.balance import UnbalancedError, find_imbalance
from dessim.kernel.memory_words import MAX_LEVELS
from dessim.kernel.operation import OF_PROTOCOLS
from dessim.kernel.ops import OPERATIONS
from dessim.kernel.paging_programs import paging_program
from dessim.kernel.programs import actor_program, attempt_program, fault_program
from dessim.kernel.write_programs import writing_program
from dessim.registry.catalogue import (
    Actor,
    Option,
    Scheme,
    UnknownScheme,
    columns,
    options_of,
)
from dessim.schemes import no_fault_around


def thread_program(
    scheme: Scheme,
    chosen: Mapping[str, Option],
    fault_around_order: int,
    *,
    page_cache_changes: bool = False,
    reads_ahead: bool = False,
    unmaps: bool = False,
    counts_tables: bool = True,
    vma_cache_of_mm: bool = True,
    maps_file: bool = False,
    replays: bool = False,
    fault: str = "read",
    memcg_depth: int = 0,
    maps_only: bool = False,
    advice: str = "",
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
    page_cache_changes, reads_ahead, unmaps, maps_file, replays, maps_only : bool
        What the workload makes possible: steps that could never matter are left out.
    counts_tables : bool
        Whether page tables are counted near mmap_sem, as Linux does from 3.13 on.
    vma_cache_of_mm : bool
        Whether threads of an mm share the VMA found last, as in Linux up to 3.14.
    fault : str
        What faults do: ``read``, or one of the scheme's own ``faults``.
    memcg_depth : int
        Page counters that memory is charged to.
    advice : str
        What madvise said of a file that is read by windows; empty: page by page.

    Raises
    ------
    UnknownScheme
        If an option is unknown or has a wrong value, or the scheme knows no such faults.
    UnbalancedError
        If a path through it keeps a lock or a reference.
    """
    options = options_of(scheme, chosen) | {"replays": replays, "maps_only": maps_only}
    if fault != "read":
        return _writing(scheme, options, fault, memcg_depth, counts_tables=counts_tables)
    fault_lock = scheme.lock_of(options)
    around, slow_path = scheme.fault_around, scheme.slow_path
    if fault_around_order == 0:
        around = ()
        slow_path = no_fault_around.SLOW_PATH if fault_lock == "mmap_lock" else slow_path
    options.update(page_cache_changes=page_cache_changes, reads_ahead=reads_ahead, unmaps=unmaps)
    options.update(vma_locks=fault_lock == "vma_lock", counts_tables=counts_tables)
    options.update(vma_cache_of_mm=vma_cache_of_mm, maps_file=maps_file, second_attempts=True)
    steps = whole_life(around, slow_path, fault_lock, advice)
    return _balanced(scheme, assemble(steps, options))


def _writing(
    scheme: Scheme,
    options: dict[str, Option],
    fault: str,
    memcg_depth: int,
    *,
    counts_tables: bool,
) -> Program:
    """Return the whole program of a thread whose faults write."""
    if fault not in scheme.faults:
        some = ", ".join(columns())
        raise UnknownScheme(f"scheme {scheme.name!r} knows no {fault} faults; {some} do")
    options.update({f"memcg_level_{i}": i < memcg_depth for i in range(MAX_LEVELS)})
    options.update(counts_tables=counts_tables)
    pages = remap.UNMAP_FILE if fault == "write_shared" else remap.UNMAP_MEMORY
    steps = writing_program(
        scheme.faults[fault],
        remap=remap.remap(pages),
        leave=exit.EXIT,
        of_file=fault != "anonymous",
    )
    return _balanced(scheme, assemble(steps, options))


def faulting_program(scheme: Scheme, chosen: Mapping[str, Option]) -> Program:
    """Return the program of a thread that only faults, under a scheme: what the explorer explores.

    Raises
    ------
    UnknownScheme
        If an option is unknown or has a wrong value.
    UnbalancedError
        If a path through it keeps a lock or a reference.
    """
    options = options_of(scheme, chosen)
    options.update(page_cache_changes=True, reads_ahead=False, unmaps=False, vma_locks=False)
    options.update(counts_tables=False, second_attempts=False)
    steps = attempt_program(scheme.fault_around, scheme.slow_path, scheme.lock_of(options))
    return _balanced(scheme, assemble(steps, options, timed=False))


def whole_life(
    fault_around: tuple[Step, ...],
    slow_path: tuple[Step, ...],
    fault_lock: str = "mmap_lock",
    advice: str = "",
) -> tuple[Step, ...]:
    """Return a thread's steps around the two parts of a scheme, its munmap and exit included.

    A file that is read by windows has a slow path of its own, the same for all schemes.
    """
    if advice:
        return paging_program(fault_around, fault_lock, advice, leave=exit.EXIT)
    return fault_program(
        fault_around, slow_path, fault_lock, munmap=munmap.AFTER_TOUCHING, leave=exit.EXIT
    )


def program_of_actor(
    actor: Actor,
    chosen: Mapping[str, Option],
    fault_lock: str = "mmap_lock",
    *,
    counts_tables: bool = False,
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

    Raises
    ------
    UnknownScheme
        If an option is unknown or has a wrong value.
    UnbalancedError
        If a path through it keeps a lock or a reference.
    """
    options = options_of(actor, chosen)
    options.update(vma_locks=fault_lock == "vma_lock", counts_tables=counts_tables)
    return _balanced(actor, assemble(actor_program(actor.steps), options))


_imbalance = lru_cache(maxsize=512)(find_imbalance)
"""The same programs are assembled again and again: for each point, and by each worker."""


def _balanced(whose: Scheme | Actor, program: Program) -> Program:
    """Return a program if each path through it releases what it takes.

    Steps of protocols are refused: no timed engine knows their words.
    """
    for place in range(0, len(program.words), lay.I_WORDS):
        row = OPERATIONS[program.words[place + lay.I_OP]]
        if row.group in OF_PROTOCOLS:
            raise UnknownScheme(
                f"{whose.file or whose.name}: step {row.name!r} is for protocols, which only"
                " dessim check can explore: docs/protocols.md"
            )
    found = _imbalance(program)
    if found:
        kind = "scheme" if isinstance(whose, Scheme) else "actor"
        file = f"{whose.file}: " if whose.file else ""
        raise UnbalancedError(f"{file}{kind} {whose.name!r} {found}")
    return program
