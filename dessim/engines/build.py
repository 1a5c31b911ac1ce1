"""From the kernel's source to compiled functions.

The entry points and all that they call are translated to LLVM's language (``translate``), made
machine code (``objects``) and kept for the next run (``code_cache``). Uncompiled they are copied
into one namespace instead, in which tests put faults, and other compilers wrap them.
"""

import logging
import os
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dessim.engines import code_cache, line_table, objects
from dessim.engines.inlined import INLINED
from dessim.engines.loop import first_keys, run_chunk

LOG = logging.getLogger(__name__)  # below "dessim": silence it there

NOTICE = "compiling the simulation kernel: only once, takes a few seconds"
UNCOMPILED = "DESSIM_UNCOMPILED"
"""Set to 1, everything runs as plain Python: how the coverage of the kernel is measured."""
Roots = tuple[Callable[..., Any], ...]
ROOTS: Roots = (first_keys, run_chunk)
_BUILDING = threading.Lock()


@dataclass(frozen=True)
class Entries:
    """The event loop, ready to run.

    Attributes
    ----------
    first_keys, run_chunk : callable
        As those of ``loop``.
    plain : bool
        Whether they are uncompiled: then they want lists, since numpy's integers overflow loudly
        where plain ones grow.
    """

    first_keys: Callable[..., Any]
    run_chunk: Callable[..., Any]
    plain: bool


def reached_from(*functions: Callable[..., Any]) -> dict[str, types.FunctionType]:
    """Return functions of dessim and all that they call, callees first.

    Raises
    ------
    ValueError
        If two different functions have the same name: they could not share a namespace.
    """
    found: dict[str, types.FunctionType] = {}

    def visit(function: Any) -> None:
        known = found.get(function.__name__)
        if known is not None:
            if known is not function:
                raise ValueError(f"two kernel functions are called {function.__name__!r}")
            return
        for name in function.__code__.co_names:
            called = function.__globals__.get(name)
            if isinstance(called, types.FunctionType) and called.__module__.startswith("dessim."):
                visit(called)
        found[function.__name__] = function

    for function in functions:
        visit(function)
    return found


def namespace(
    *,
    logged: bool = False,
    wrap: Callable[[Any], Any] = lambda function: function,
    roots: Roots = ROOTS,
) -> dict[str, Any]:
    """Return copies of the entry points and of all that they call, in one namespace.

    Parameters
    ----------
    logged : bool
        Whether the event loop writes a log.
    wrap : callable
        What to make of each copy. Callees come before their callers.
    roots : tuple of functions
        The entry points.

    Raises
    ------
    ValueError
        If the kernel uses one name for two things.
    """
    functions = reached_from(*roots)
    space: dict[str, Any] = _constants(functions)
    space["LOGGING"] = int(logged)
    for name, function in functions.items():
        space[name] = wrap(copy_into(space, function))
    return space


def _constants(functions: dict[str, types.FunctionType]) -> dict[str, int]:
    """Return the integers that functions find in their modules."""
    found: dict[str, int] = {}
    for function in functions.values():
        for name in function.__code__.co_names:
            value = function.__globals__.get(name)
            if isinstance(value, int) and found.setdefault(name, value) != value:
                raise ValueError(f"two kernel constants are called {name!r}")
    return found


def copy_into(space: dict[str, Any], function: Any) -> types.FunctionType:
    """Return a copy of a function that looks its names up in another namespace."""
    copy = types.FunctionType(function.__code__, space, function.__name__, function.__defaults__)
    copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
    copy.__annotations__ = function.__annotations__
    return copy


def fingerprint(roots: Roots = ROOTS) -> str:
    """Return all that decides what is compiled, as one text: code, constants, the translator.

    The kernel's part is taken from what is in memory, not from files: they may have changed since
    they were imported.
    """
    functions = reached_from(*roots)
    codes = [_identity(f.__code__) for f in functions.values()]
    return repr((codes, _constants(functions), _translator(), sorted(INLINED)))


@lru_cache
def _translator() -> tuple[str, ...]:
    here = Path(__file__).parent
    files = (Path(__file__), Path(objects.__file__), *sorted((here / "translate").glob("*.py")))
    return tuple(path.read_text(encoding="utf-8") for path in files)


def _identity(code: types.CodeType) -> tuple[Any, ...]:
    constants = [_identity(c) if isinstance(c, types.CodeType) else c for c in code.co_consts]
    return (
        code.co_name,
        code.co_code,
        code.co_names,
        code.co_varnames,
        code.co_cellvars,
        constants,
    )


# --- compiling ----------------------------------------------------------------------------------


def is_plain() -> bool:
    """Return whether compiling is switched off: everything then runs as plain Python."""
    return os.environ.get(UNCOMPILED, "") not in ("", "0")


def compiled(
    roots: Roots,
    variant: str,
    notice: str,
    *,
    logged: bool = False,
    inlined: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Return entry points by name, compiled; from the cache if it can be.

    Parameters
    ----------
    roots : tuple of functions
        The entry points.
    variant : str
        A readable part of the name under which they are kept.
    notice : str
        Logged if they have to be compiled.
    logged : bool
        Whether the event loop writes a log.
    inlined : frozenset of str
        Functions that are put in the place of each of their calls.
    """
    if is_plain():
        return namespace(logged=logged, roots=roots)
    name = code_cache.key(variant, fingerprint(roots), repr(line_table.is_on()))
    code = code_cache.stored(name)
    if code is None:
        with code_cache.alone():  # somebody else may have been at it
            code = code_cache.stored(name)
            if code is None:
                LOG.warning(notice)
                code = machine_code(roots, logged, inlined)
                code_cache.publish(name, code)
    return dict(objects.Loaded(code, {f.__name__: arrays_of(f) for f in roots}).functions)


def machine_code(roots: Roots, logged: bool, inlined: frozenset[str]) -> bytes:
    """Return entry points, and all that they call, as machine code."""
    from dessim.engines.translate.module import translate  # with LLVM's writer: only if it is used

    constants, lines = {"LOGGING": int(logged)}, line_table.is_on()
    return objects.emit(translate(roots, inlined=inlined, constants=constants, lines=lines))


def arrays_of(function: Callable[..., Any]) -> tuple[bool, ...]:
    """Return which parameters of an entry point are arrays of words."""
    code, notes = function.__code__, function.__annotations__
    names = code.co_varnames[: code.co_argcount]
    return tuple(notes[name] not in (int, "int") for name in names)


@lru_cache
def _entries(logged: bool) -> Entries:
    inlined, variant = (frozenset(), "logged") if logged else (INLINED, "run")
    space = compiled(ROOTS, variant, NOTICE, logged=logged, inlined=inlined)
    return Entries(space["first_keys"], space["run_chunk"], plain=is_plain())


def entries(*, logged: bool = False) -> Entries:
    """Return the entry points of the compiled event loop, with or without an event log.

    Compiles them at the first call on a machine, and says so to the logger ``dessim``.
    """
    with _BUILDING:
        return _entries(logged)
