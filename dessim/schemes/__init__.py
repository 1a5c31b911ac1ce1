"""Locking schemes, and who else works on the file: one file each. The folder is the registry.

Files in ``./schemes`` of the working directory belong to it.

A scheme's file has ``FAULT_AROUND``, ``SLOW_PATH`` and ``PROMISES``; an actor's file has ``ACTOR``.
Both may have ``OPTIONS`` with defaults, ``CHOICES`` with the values that a text may take, and
``EXCLUDED`` with options that do not go together.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

from dessim.errors import UserError
from dessim.kernel.alphabet import Step
from dessim.kernel.assembler import Program, assemble
from dessim.kernel.programs import actor_program, attempt_program, fault_program
from dessim.schemes import _own, exit, munmap, no_fault_around
from dessim.schemes._own import SchemeFileError as SchemeFileError

Option = bool | int | str


@dataclass(frozen=True)
class Scheme:
    """A locking scheme.

    Attributes
    ----------
    name : str
    description : str
        What it is and where it comes from: the docstring of its file.
    fault_around, slow_path : tuple of Step
        Mapping the window, and the ordinary path for a target that is still unmapped.
    options : dict
        Options with their defaults.
    choices : dict
        Values that an option with text may take.
    promises : tuple of str
        Properties that the scheme claims to have in every order of events.
    fault_lock : str
        The lock that a fault holds: ``mmap_lock`` or ``vma_lock``.
    excluded : tuple of dict
        Options that do not go together.
    """

    name: str
    description: str
    fault_around: tuple[Step, ...]
    slow_path: tuple[Step, ...]
    options: dict[str, Option]
    choices: dict[str, tuple[str, ...]]
    promises: tuple[str, ...]
    fault_lock: str
    excluded: tuple[dict[str, Option], ...] = ()


@dataclass(frozen=True)
class Actor:
    """Somebody else who works on the file's pages.

    Attributes
    ----------
    name, description, options, choices, excluded
        As of a scheme.
    steps : tuple of Step
        One round.
    """

    name: str
    description: str
    steps: tuple[Step, ...]
    options: dict[str, Option]
    choices: dict[str, tuple[str, ...]]
    excluded: tuple[dict[str, Option], ...] = ()


class UnknownScheme(UserError):  # noqa: N818 - it says what is unknown, not that it is an error
    """A scheme, an actor, or an option of one, that does not exist."""


def _modules(word: str) -> dict[str, ModuleType]:
    """Return the modules of this folder, and of one's own, that define a word, by name."""
    found = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in found}
    modules.update(_own.modules())
    return {name: module for name, module in sorted(modules.items()) if hasattr(module, word)}


def own_files() -> list[Path]:
    """Return the files of one's own: ``./schemes`` of the working directory."""
    return _own.files()


def names() -> list[str]:
    """Return the names of all schemes, sorted."""
    return list(_modules("SLOW_PATH"))


def actor_names() -> list[str]:
    """Return the names of all actors, sorted."""
    return list(_modules("ACTOR"))


def _find(name: str, word: str, kind: str) -> ModuleType:
    known = _modules(word)
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        reason = _own.why_not(name, word)
        hint = f": {reason}" if reason else hint
        raise UnknownScheme(f"unknown {kind} {name!r}{hint} (there are {', '.join(known)})")
    return known[name]


def load(name: str) -> Scheme:
    """Return a scheme by name.

    Raises
    ------
    UnknownScheme
        If there is no such file; the message lists what there is and the nearest name.
    """
    module = _find(name, "SLOW_PATH", "scheme")
    return Scheme(
        name,
        (module.__doc__ or "").strip(),
        module.FAULT_AROUND,
        module.SLOW_PATH,
        dict(getattr(module, "OPTIONS", {})),
        dict(getattr(module, "CHOICES", {})),
        module.PROMISES,
        getattr(module, "FAULT_LOCK", "mmap_lock"),
        tuple(getattr(module, "EXCLUDED", ())),
    )


def load_actor(name: str) -> Actor:
    """Return an actor by name.

    Raises
    ------
    UnknownScheme
        If there is no such file.
    """
    module = _find(name, "ACTOR", "actor")
    return Actor(
        name,
        (module.__doc__ or "").strip(),
        module.ACTOR,
        dict(getattr(module, "OPTIONS", {})),
        dict(getattr(module, "CHOICES", {})),
        tuple(getattr(module, "EXCLUDED", ())),
    )


def thread_program(
    scheme: Scheme,
    chosen: Mapping[str, Option],
    fault_around_order: int,
    *,
    page_cache_changes: bool = False,
    reads_ahead: bool = False,
    unmaps: bool = False,
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
    page_cache_changes, reads_ahead, unmaps : bool
        What the workload makes possible: steps that could never matter are left out.

    Raises
    ------
    UnknownScheme
        If an option is unknown or has a wrong value.
    """
    options = options_of(scheme, chosen)
    around, slow_path = scheme.fault_around, scheme.slow_path
    if fault_around_order == 0:
        around = ()
        if scheme.fault_lock == "mmap_lock":
            slow_path = no_fault_around.SLOW_PATH
    options.update(page_cache_changes=page_cache_changes, reads_ahead=reads_ahead, unmaps=unmaps)
    options.update(vma_locks=scheme.fault_lock == "vma_lock")
    return assemble(whole_life(around, slow_path, scheme.fault_lock), options)


def faulting_program(scheme: Scheme, chosen: Mapping[str, Option]) -> Program:
    """Return the program of a thread that only faults, under a scheme: what the explorer explores.

    Raises
    ------
    UnknownScheme
        If an option is unknown or has a wrong value.
    """
    options = options_of(scheme, chosen)
    options.update(page_cache_changes=True, reads_ahead=False, unmaps=False, vma_locks=False)
    steps = attempt_program(scheme.fault_around, scheme.slow_path, scheme.fault_lock)
    return assemble(steps, options, timed=False)


def whole_life(
    fault_around: tuple[Step, ...], slow_path: tuple[Step, ...], fault_lock: str = "mmap_lock"
) -> tuple[Step, ...]:
    """Return a thread's steps around the two parts of a scheme, its munmap and exit included."""
    return fault_program(
        fault_around, slow_path, fault_lock, munmap=munmap.AFTER_TOUCHING, leave=exit.EXIT
    )


def program_of_actor(
    actor: Actor, chosen: Mapping[str, Option], fault_lock: str = "mmap_lock"
) -> Program:
    """Return the program of an actor: rounds with pauses.

    Parameters
    ----------
    actor : Actor
    chosen : dict
        Options that differ from the actor's defaults.
    fault_lock : str
        The lock that faults hold in the scheme beside which it runs.

    Raises
    ------
    UnknownScheme
        If an option is unknown or has a wrong value.
    """
    options = options_of(actor, chosen)
    options.update(vma_locks=fault_lock == "vma_lock")
    return assemble(actor_program(actor.steps), options)


def options_of(scheme: Scheme | Actor, chosen: Mapping[str, Option]) -> dict[str, Option]:
    """Return a scheme's options: its defaults overridden by what was chosen.

    Raises
    ------
    UnknownScheme
        If an option is unknown, has the wrong type, or does not go together with another.
    """
    options = dict(scheme.options)
    for key, value in chosen.items():
        if key not in options:
            has = f"it has {', '.join(options)}" if options else "it has none"
            raise UnknownScheme(f"{scheme.name!r} has no option {key!r} ({has})")
        if type(value) is not type(options[key]):
            wanted = type(options[key]).__name__
            raise UnknownScheme(f"option {key!r} of {scheme.name!r} takes a {wanted}: {value!r}")
        allowed = scheme.choices.get(key)
        if allowed and value not in allowed:
            raise UnknownScheme(
                f"option {key!r} of {scheme.name!r} is one of {', '.join(allowed)}: {value!r}"
            )
        options[key] = value
    for clash in scheme.excluded:
        if clash.items() <= options.items():
            told = " and ".join(f"{key}={value}" for key, value in clash.items())
            raise UnknownScheme(
                f"options {told} of {scheme.name!r} do not go together: one leaves nothing for the"
                " other to do"
            )
    return options
