"""What the parts of a scheme's, an actor's or a protocol's file must be."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from dessim.kernel.alphabet import Step
from dessim.registry.files import SchemeFileError

Option = bool | int | str
FAULT_LOCKS = ("mmap_lock", "vma_lock")
WRITES = ("anonymous", "write_shared", "write_private")
"""Kinds of faults that write."""


def _is_program(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(x, Step) or _is_program(x) for x in value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(x, str) for x in value)


def _is_options(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(x, Option) for x in value.values())


def _are_choices(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_texts(x) for x in value.values())


def _are_bounds(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(x, tuple) and len(x) == 2 and all(type(end) is int for end in x)
        for x in value.values()
    )


def _are_combinations(value: Any) -> bool:
    return isinstance(value, tuple) and all(_is_options(x) for x in value)


def _are_faults(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and all(k in WRITES for k in value)
        and all(map(_is_program, value.values()))
    )


PARTS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "FAULT_AROUND": ("a tuple of steps", _is_program),
    "SLOW_PATH": ("a tuple of steps", _is_program),
    "MISSING": ("a tuple of steps", _is_program),
    "ACTOR": ("a tuple of steps", _is_program),
    "ALONGSIDE_WRITES": ("True or False", lambda value: isinstance(value, bool)),
    "PROMISES": ("a tuple of texts", _is_texts),
    "OPTIONS": ("a dict, of on or off, numbers and texts", _is_options),
    "CHOICES": ("a dict, of tuples of texts", _are_choices),
    "BOUNDS": ("a dict, of pairs of numbers", _are_bounds),
    "EXCLUDED": ("a tuple of dicts", _are_combinations),
    "FAULTS": ("a dict of tuples of steps, by the kind of fault", _are_faults),
    "protocol": ("a function that returns a Protocol", callable),
    "REPAIRS": ("a tuple of dicts", _are_combinations),
    "FAULT_LOCK": (" or ".join(map(repr, FAULT_LOCKS)), lambda value: value in FAULT_LOCKS),
}
"""Parts of a file, what they must be, and whether they are."""


def check_kinds(module: ModuleType, path: Path) -> None:
    """Refuse parts of a wrong kind: a program without its comma is a step, not a tuple."""
    for name, (wanted, is_right) in PARTS.items():
        if hasattr(module, name) and not is_right(getattr(module, name)):
            value = getattr(module, name)
            found = repr(value) if isinstance(value, str) else type(value).__name__
            raise SchemeFileError(f"{path}: {name} must be {wanted}, found {found}")
