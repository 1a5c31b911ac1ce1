"""From the kernel's source to compiled functions.

Every function that the event loop reaches is copied into one namespace, in which the names that it
calls stand for compiled functions. The code object, and so the meaning, is the reference engine's.
"""

import inspect
import logging
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dessim.engines import code_cache
from dessim.engines.inlined import INLINED
from dessim.engines.loop import first_keys, run_chunk
from dessim.kernel.layout import World

LOG = logging.getLogger(__name__)  # below "dessim": silence it there

NOTICE = "compiling the simulation kernel: only once, takes about half a minute"
Roots = tuple[Callable[..., Any], ...]
_BUILDING = threading.Lock()


@dataclass(frozen=True)
class Entries:
    """The event loop, ready to run.

    Attributes
    ----------
    start, go_on : callable
        As ``loop.first_keys`` and ``loop.run_chunk``.
    plain : bool
        Whether they are uncompiled: then they want lists, since numpy's integers overflow loudly
        where plain ones grow.
    """

    start: Callable[..., Any]
    go_on: Callable[..., Any]
    plain: bool


# The entry points find what they call among the globals of a namespace, not in a closure: numba
# would key its cache by the identity of a closure's functions, and never find it again.


def words_of(array: Any) -> Any:
    """Return an array's words: replaced by what the compiler makes of it."""
    return array


def start(w: Any, tree: Any, leaves: int, bits: int) -> None:
    """Give every task its first event."""
    first_keys(words_of(w), words_of(tree), leaves, bits)


def go_on(w: Any, tree: Any, leaves: int, bits: int, budget: int, log: Any) -> int:
    """Carry out some events."""
    return run_chunk(words_of(w), words_of(tree), leaves, bits, budget, words_of(log))


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
    roots: Roots = (),
) -> dict[str, Any]:
    """Return copies of the entry points and of all that they call, in one namespace.

    Parameters
    ----------
    logged : bool
        Whether the event loop writes a log.
    wrap : callable
        What to make of each copy. Callees come before their callers.
    roots : tuple of functions
        The entry points; those of the event loop if there are none.

    Raises
    ------
    ValueError
        If the kernel uses one name for two things.
    """
    functions = reached_from(*(roots or (start, go_on)))
    space: dict[str, Any] = {}
    for function in functions.values():  # integers are the constants of compiled code
        for name in function.__code__.co_names:
            value = function.__globals__.get(name)
            if isinstance(value, int) and space.setdefault(name, value) != value:
                raise ValueError(f"two kernel constants are called {name!r}")
    space["LOGGING"] = int(logged)
    for name, function in functions.items():
        space[name] = wrap(copy_into(space, function))
    return space


def fingerprint(roots: Roots = ()) -> str:
    """Return all that decides what is compiled, as one text: code, constants, options.

    Taken from what is in memory, not from files: they may have changed since they were imported.
    """
    functions = reached_from(*(roots or (start, go_on)))
    constants = {k: v for k, v in namespace(roots=roots).items() if isinstance(v, int)}
    options = Path(__file__).read_text(encoding="utf-8")
    codes = [_identity(f.__code__) for f in functions.values()]
    return repr((codes, constants, options, sorted(INLINED)))


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


def copy_into(space: dict[str, Any], function: Any) -> types.FunctionType:
    """Return a copy of a function that looks its names up in another namespace."""
    copy = types.FunctionType(function.__code__, space, function.__name__, function.__defaults__)
    copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
    copy.__annotations__ = function.__annotations__
    return copy


# --- compiling ----------------------------------------------------------------------------------


def _numba() -> Any:
    """Return numba: imported late, because it takes its time, and untyped."""
    import numba

    return numba


def _pointer_intrinsic() -> Any:
    """Return a compiled function from an array to the bare pointer to its words.

    The kernel only reads and writes single words. On a pointer that is one load or one store; on an
    array numba also tests for a negative index, and passes seven arguments with each call.
    """
    from numba.extending import intrinsic
    from numba.np import arrayobj

    make_array: Any = arrayobj.make_array
    pointer_to = _numba().types.CPointer

    @intrinsic
    def words_of(_context, array):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            return make_array(signature.args[0])(context, builder, args[0]).data

        return pointer_to(array.dtype)(array), codegen

    return words_of


def _first_word_plus_one(array: Any) -> int:
    words = words_of(array)
    words[1] = words[0] + 1
    return int(words[1])


def pointers_work() -> bool:
    """Return whether this numba compiles functions on bare pointers, without reference counts.

    Both are outside of what numba promises: where they fail, arrays do, more slowly.
    """
    import numpy as np

    array = np.array([41, 0], dtype=np.int64)
    try:
        space = {"words_of": _pointer_intrinsic()}
        probe = copy_into(space, _first_word_plus_one)
        answer = _numba().njit(_nrt=False, error_model="numpy")(probe)(array)
    except Exception:  # whatever a later numba raises
        return False
    return bool(answer == 42 and array[1] == 42)


@dataclass(frozen=True)
class _Compiler:
    """How functions are compiled: on pointers or on arrays, and where the result is kept.

    The name of all this goes into the names of the compiled functions: of two functions with the
    same name, both from a cache, the second would end up calling what the first one calls.
    """

    name: str
    pointers: bool
    directory: Path | None
    roots: Roots
    inlined: frozenset[str] = frozenset()

    @property
    def entries(self) -> tuple[str, ...]:
        """Names of the entry points."""
        return tuple(function.__name__ for function in self.roots)

    def wrap(self, copy: types.FunctionType) -> Any:
        """Return a function's dispatcher."""
        numba = _numba()
        copy.__qualname__ = f"{copy.__qualname__}_{self.name.replace('-', '_')}"
        # No reference counts (nothing is allocated), no test for division by zero.
        options = {"_nrt": False} if self.pointers else {}
        if copy.__name__ in self.inlined:
            options["forceinline"] = True
        if copy.__name__ == "words_of":
            return _pointer_intrinsic() if self.pointers else numba.njit(copy)
        dispatcher = numba.njit(error_model="numpy", **options)(copy)
        if copy.__name__ in self.entries and self.directory is not None:
            dispatcher.enable_caching()
            # numba has fall-back places of its own, in which stale code could wait
            if not Path(dispatcher.stats.cache_path).is_relative_to(self.directory):
                return numba.njit(error_model="numpy", **options)(copy)
        return dispatcher

    def namespace(self, logged: bool, only: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return the dispatchers of all functions, or of some only."""
        config = _numba().config

        def wrap(copy: types.FunctionType) -> Any:
            return self.wrap(copy) if not only or copy.__name__ in only else None

        before = config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES
        config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = str(self.directory or ""), ""
        try:
            return namespace(logged=logged, wrap=wrap, roots=self.roots)
        finally:
            config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = before

    def signature(self, function: Any) -> Any:
        """Return the compiled signature: the World's words for a World, 64-bit integers else.

        Without it numba would compile every function again for every constant that it is called
        with.
        """
        known = _numba().types
        word = known.int64
        array = known.Array(word, 1, "C")
        world = known.CPointer(word) if self.pointers else array
        kinds = inspect.signature(function)
        kind_of = {World: world, "World": world, Any: array}
        arguments = [kind_of.get(p.annotation, word) for p in kinds.parameters.values()]
        result = known.void if kinds.return_annotation is None else word
        return result(*arguments)

    def compile(self, space: dict[str, Any], *names: str) -> None:
        """Compile functions, or load them if they are in the directory."""
        for name in names:
            space[name].compile(self.signature(space[name].py_func))
            space[name].disable_compile()


def _load(name: str, directory: Path, logged: bool, roots: Roots) -> dict[str, Any] | None:
    """Return the entry points from a directory of compiled code, or None if that fails."""
    compiler = _Compiler(name, True, directory, roots)
    space = compiler.namespace(logged, compiler.entries)  # without the others: nothing to compile
    try:
        compiler.compile(space, *compiler.entries)
    except Exception:  # a cache may be broken in any way: it is made anew
        return None
    return space


def _compile(
    name: str, directory: Path | None, logged: bool, roots: Roots, inlined: frozenset[str]
) -> dict[str, Any]:
    """Compile everything; keep the entry points in a directory."""
    compiler = _Compiler(name, pointers_work(), directory, roots, inlined)
    space = compiler.namespace(logged)
    functions = [name for name, value in space.items() if hasattr(value, "py_func")]
    compiler.compile(space, *(name for name in functions if name != "words_of"))
    return space


def compiled(
    roots: Roots,
    variant: str,
    notice: str,
    *,
    logged: bool = False,
    inlined: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Return entry points and all that they call, compiled, by name; from the cache if it can be.

    Uncompiled if numba is switched off.

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
    if _numba().config.DISABLE_JIT:  # uncompiled: how the coverage of the kernel is measured
        return namespace(logged=logged, roots=roots)
    name = code_cache.key(variant, fingerprint(roots))
    found = _found(name, logged, roots)
    if found is not None:
        return found
    with code_cache.alone():  # somebody else may have been at it
        return _found(name, logged, roots) or _made(name, notice, logged, roots, inlined)


def _found(name: str, logged: bool, roots: Roots) -> dict[str, Any] | None:
    """Return what is kept under a name; what cannot be loaded is removed."""
    directory = code_cache.stored(name)
    found = _load(name, directory, logged, roots) if directory else None
    if found is None:
        code_cache.remove(directory)
    return found


def _made(
    name: str, notice: str, logged: bool, roots: Roots, inlined: frozenset[str]
) -> dict[str, Any]:
    """Compile, and keep it under a name."""
    LOG.warning(notice)
    work = code_cache.workshop(name)
    try:
        made = _compile(name, work, logged, roots, inlined)
        if work is not None:
            code_cache.publish(work, name)
        return made
    finally:
        code_cache.remove(work)


@lru_cache
def _entries(logged: bool) -> Entries:
    roots, inlined = (start, go_on), frozenset() if logged else INLINED
    variant = "logged" if logged else "run"
    space = compiled(roots, variant, NOTICE, logged=logged, inlined=inlined)
    return Entries(space["start"], space["go_on"], plain=is_plain())


def is_plain() -> bool:
    """Return whether numba is switched off: everything then runs as plain Python."""
    return bool(_numba().config.DISABLE_JIT)


def entries(*, logged: bool = False) -> Entries:
    """Return the entry points of the compiled event loop, with or without an event log.

    Compiles them at the first call on a machine, and says so to the logger ``dessim``.
    """
    with _BUILDING:
        return _entries(logged)
