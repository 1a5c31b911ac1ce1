"""What the parts of a scheme's, an actor's or a protocol's file must be, and whether they are.

Types are asked for exactly: a subclass of ``tuple`` may say something else each time, or never end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from dessim.kernel.alphabet import Step
from dessim.kernel.memory_words import MAX_LEVELS
from dessim.kernel.property_names import PROPERTIES
from dessim.model.errors import suggest
from dessim.model.units import shorten
from dessim.registry.files import SchemeFileError

Option = bool | int | str
FAULT_LOCKS = ("mmap_lock", "vma_lock")
WRITES = ("anonymous", "write_shared", "write_private")
"""Kinds of faults that write."""
MOST_STEPS, MOST_NESTED = 5_000, 100
"""Of a part: those that ship with dessim have hundreds, six deep."""
MOST = 1 << 62
"""Numbers are smaller: they are words of the World."""
OF_ALL = ("counts_tables", "large_folios", "vma_locks")
OF_DESSIM = {
    "ACTOR": frozenset((*OF_ALL, "faults_write")),
    "SLOW_PATH": frozenset(
        (
            *OF_ALL,
            *("drops_parts", "maps_file", "maps_only", "merged", "moves_tables"),
            *(f"memcg_level_{level}" for level in range(MAX_LEVELS)),
            *("page_cache_changes", "part", "parts", "reads_ahead", "replays"),
            *("second_attempts", "splits", "unmaps", "vma_cache_of_mm"),
        )
    ),
    "protocol": frozenset[str](),
}
"""Options that workload and machine decide: a program may ask for them, and not set them."""


# --- each returns what is wrong with a value, behind "X must be …", or nothing -------------------


def shown(value: Any) -> str:
    """Return a value as a message shows it: a text or a number itself, with its type."""
    kind = type(value).__name__
    if type(value) is str:
        return repr(shorten(value))
    small = type(value) in (bool, float) or (type(value) is int and abs(value) < MOST)
    return f"{value!r} ({kind})" if small else f"of type {kind}"


def _other(value: Any) -> str:
    return f", found {shown(value) if type(value) is str else type(value).__name__}"


def _program(value: Any) -> str:
    """Count steps as they are laid out: a step that stands in two places is two."""
    if type(value) is not tuple:
        return _other(value)
    todo: list[tuple[Iterator[tuple[int, Any]], str]] = [(enumerate(value, 1), "")]
    steps = 0
    while todo:
        item, inside = next(todo[-1][0], None), todo[-1][1]
        if item is None:
            todo.pop()
            continue
        steps += 1
        place, step = item
        if steps > MOST_STEPS:
            return f", {MOST_STEPS:,} of them at most: use a loop"
        if wrong := _step(step):
            return f", but item {place}{inside} {wrong}"
        if len(todo) > MOST_NESTED:
            return f", nested {MOST_NESTED} deep at most"
        here = f" of {step.op!r}, item {place}{inside if len(todo) < 4 else ''}"
        todo += [(enumerate(part, 1), here) for part in (step.otherwise, step.body) if part]
    return ""


def _step(step: Any) -> str:
    if type(step) is tuple:
        return "is a tuple: write * in front of it"
    if type(step) is not Step:
        return f"is {shown(step)}"
    for name in ("op", "cost", "category", "label", "text"):
        if type(getattr(step, name)) is not str:
            return f"has a {name} that is {shown(getattr(step, name))}, and no text"
    for operand in (step.a, step.b):
        if type(operand) not in (int, bool) or abs(operand) >= MOST:
            return f"has an operand that is {shown(operand)}, and no whole number of 62 bits"
    if type(step.body) is not tuple or type(step.otherwise) is not tuple:
        return "governs something that is no tuple of steps"
    return ""


def _texts(value: Any) -> str:
    if type(value) is not tuple:
        return _other(value)
    wrong = (f", but item {n} is {shown(x)}" for n, x in enumerate(value, 1) if type(x) is not str)
    return next(wrong, "")


def _promises(value: Any) -> str:
    if wrong := _texts(value):
        return wrong
    for name in value:
        if name not in PROPERTIES:
            near = suggest(name, PROPERTIES, plural="properties")
            return f", but there is no property {shown(name)}; {near}"
    return ""


def _options(value: Any) -> str:
    if type(value) is not dict:
        return _other(value)
    for name, default in value.items():
        if type(name) is not str or not name.isidentifier():
            return f", but a name in it is {shown(name)}"
        if type(default) not in (bool, int, str):
            return f", but {name!r} is {shown(default)}"
        if type(default) is int and abs(default) >= MOST:
            return f", but {name!r} is too large"
        if type(default) is str and not default.isprintable():
            return f", but {name!r} has a character that does not print"
    return ""


def _by_name(value: Any, wrong_with: Callable[[Any], str]) -> str:
    if type(value) is not dict:
        return _other(value)
    for name, one in value.items():
        if type(name) is not str:
            return f", but a name in it is {shown(name)}"
        if wrong := wrong_with(one):
            return f", but that of {shown(name)} is none{wrong}"
    return ""


def _ends(value: Any) -> str:
    if type(value) is not tuple or [type(end) for end in value] != [int, int]:
        return _other(value)
    least, most = value
    return "" if -MOST < least <= most < MOST else ": no number lies within"


def _combinations(value: Any) -> str:
    if type(value) is not tuple:
        return f"{_other(value)}: write ({{…}},)" if type(value) is dict else _other(value)
    for place, one in enumerate(value, 1):
        if type(one) is not dict:
            return f", but item {place} is {shown(one)}"
        if wrong := _options(one):
            return f" of options{wrong.replace('but', f'but in item {place}', 1)}"
        if not one:
            return f", but item {place} is empty"
    return ""


def _faults(value: Any) -> str:
    if wrong := _by_name(value, _program):
        return wrong
    unknown = (kind for kind in value if kind not in WRITES)
    return next((f", but {shown(kind)} is none of {', '.join(WRITES)}" for kind in unknown), "")


def _needs(is_right: Callable[[Any], bool]) -> Callable[[Any], str]:
    return lambda value: "" if is_right(value) else _other(value)


STEPS = ("a tuple of steps", _program)
PARTS: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "FAULT_AROUND": STEPS,
    "SLOW_PATH": STEPS,
    "MISSING": STEPS,
    "ACTOR": STEPS,
    "ALONGSIDE_WRITES": ("True or False", _needs(lambda value: type(value) is bool)),
    "PROMISES": ("a tuple of texts", _promises),
    "OPTIONS": ("a dict, of on or off, numbers and texts", _options),
    "CHOICES": ("a dict, of tuples of texts", lambda value: _by_name(value, _texts)),
    "BOUNDS": ("a dict, of pairs of whole numbers", lambda value: _by_name(value, _ends)),
    "EXCLUDED": ("a tuple of dicts", _combinations),
    "FAULTS": ("a dict of tuples of steps, by the kind of fault", _faults),
    "protocol": ("a function that returns a Protocol", _needs(callable)),
    "REPAIRS": ("a tuple of dicts", _combinations),
    "FAULT_LOCK": (
        " or ".join(map(repr, FAULT_LOCKS)),
        _needs(lambda value: type(value) is str and value in FAULT_LOCKS),
    ),
}
"""Parts of a file, what they must be, and what says in which way they are not."""


@lru_cache(maxsize=512)
def check(module: ModuleType, path: Path, word: str) -> None:
    """Refuse parts of a wrong kind: a program without its comma is a step, not a tuple.

    Parameters
    ----------
    module : ModuleType
    path : Path
        Its file, for messages.
    word : "SLOW_PATH", "ACTOR" or "protocol"
        What it is loaded for.

    Raises
    ------
    SchemeFileError
        If some part is, or what it is loaded for is not there.
    """
    if not hasattr(module, word):
        raise SchemeFileError(f"{path}: {word} stands in it, and is not there once it has run")
    for name, (wanted, wrong_with) in PARTS.items():
        if hasattr(module, name) and (wrong := wrong_with(getattr(module, name))):
            raise SchemeFileError(f"{path}: {name} must be {wanted}{wrong}")
    for wrong in islice(_clashes(module, word), 1):
        raise SchemeFileError(f"{path}: {wrong}")


def _clashes(module: ModuleType, word: str) -> Iterator[str]:
    """Yield in which ways what a file says of its options does not go together."""
    options: dict[str, Option] = getattr(module, "OPTIONS", {})
    for name in options:
        if name in OF_DESSIM[word]:
            yield f"OPTIONS: {name!r} is decided by workload or machine; give yours another name"
    for name, allowed in getattr(module, "CHOICES", {}).items():
        if name not in options:
            yield f"CHOICES: {name!r} is not in OPTIONS; {suggest(name, options, plural='options')}"
        elif options[name] not in allowed:
            yield (
                f"CHOICES: {name!r} is one of {', '.join(allowed) or 'nothing'}, and its default in"
                f" OPTIONS is {shown(options[name])}"
            )
    for name, (least, most) in getattr(module, "BOUNDS", {}).items():
        if type(options.get(name)) is not int:
            near = suggest(name, options, plural="options")
            yield f"BOUNDS: {name!r} is no number in OPTIONS; {near}"
        elif not least <= int(options[name]) <= most:
            yield f"BOUNDS: {name!r} is {least} to {most}, and its default {options[name]}"
    for part in ("EXCLUDED", "REPAIRS"):
        for name, value in (pair for one in getattr(module, part, ()) for pair in one.items()):
            if name not in options:
                near = suggest(name, options, plural="options")
                yield f"{part}: {name!r} is not in OPTIONS; {near}"
            elif type(value) is not type(options[name]):
                yield f"{part}: {name!r} is {shown(value)}, in OPTIONS {shown(options[name])}"
