"""The compiled engine: numba compiles the kernel's own source and a small event loop around it."""

import hashlib
import inspect
import os
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import dessim
from dessim.engines import loop
from dessim.engines.deadlock import Deadlock
from dessim.kernel import (
    accounting,
    actors,
    cpus,
    delays,
    draws,
    layout,
    lines,
    locks,
    pages,
    places,
    steps,
    tlb,
)

# In this order each function only calls functions that come before it.
KERNEL = (draws, accounting, lines, places, tlb, cpus, locks, pages, actors, delays, steps, loop)
LOGGED_CHUNK = 256
CHUNK = 1_000_000  # events between two looks at the clock and at Ctrl-C


def source_digest() -> str:
    """Return a digest of the sources that are compiled.

    numba's own cache sees a change of the cached function's file only; a change in a module that it
    calls would run old code. So the cache directory is named by what is in all of them.
    """
    digest = hashlib.sha256()
    for module in (*KERNEL, layout, sys.modules[__name__]):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:16]


def cache_directory() -> Path:
    """Return a directory that can be written for compiled code.

    ``NUMBA_CACHE_DIR`` if set, else the user's cache, else a directory of temporary files.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    places_to_try = [Path(chosen)] if chosen else [Path(home)]
    places_to_try.append(Path(tempfile.gettempdir()) / f"cache-{os.getuid()}")
    for place in places_to_try:
        directory = place / "dessim" / f"{dessim.__version__}-{source_digest()}"
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(directory, os.W_OK):
            return directory
    return Path(tempfile.mkdtemp(prefix="dessim-"))


def is_compiled() -> bool:
    """Return whether a former run left compiled code, so that this one starts at once."""
    return (cache_directory() / "compiled").exists()


def _functions() -> dict[str, types.FunctionType]:
    """Return the kernel's functions by name, in an order in which callees come first."""
    return {
        name: function
        for module in KERNEL
        for name, function in vars(module).items()
        if isinstance(function, types.FunctionType) and function.__module__ == module.__name__
    }


def _signature(function: types.FunctionType, numba: Any) -> Any:
    """Return the compiled signature: a pointer for the World, 64-bit integers for the rest.

    Without it numba would compile every function again for every constant that it is called with.
    """
    word = numba.types.int64
    kinds = inspect.signature(function)
    pointer = numba.types.CPointer(word)
    arguments = [
        pointer if p.annotation is layout.World else word for p in kinds.parameters.values()
    ]
    result = numba.types.void if kinds.return_annotation is None else word
    return result(*arguments)


def _pointer_intrinsic() -> Any:
    """Return a compiled function from an array to the bare pointer to its words.

    The kernel only reads and writes single words. On a pointer that is one load or one store; on an
    array numba also tests for a negative index, and passes seven arguments with each call.
    """
    from numba.core import types as numba_types
    from numba.extending import intrinsic
    from numba.np import arrayobj

    @intrinsic
    def words_of(_context, array):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            return arrayobj.make_array(signature.args[0])(context, builder, args[0]).data

        return numba_types.CPointer(array.dtype)(array), codegen

    return words_of


@lru_cache
def compiled(logging: bool = False) -> dict[str, Any]:
    """Return the compiled entry points ``start`` and ``go_on``, with or without an event log.

    Every kernel function is copied into one common namespace in which the names that it calls stand
    for compiled functions. The code object, and so the meaning, is the reference engine's.
    """
    directory = cache_directory()
    os.environ["NUMBA_CACHE_DIR"] = str(directory)
    import numba

    numba.config.CACHE_DIR = str(directory)  # numba may have been imported before
    space: dict[str, Any] = {k: v for m in KERNEL for k, v in vars(m).items() if isinstance(v, int)}
    space["LOGGING"] = int(logging)
    functions = _functions()
    for name, function in functions.items():
        copy = types.FunctionType(function.__code__, space, name, function.__defaults__)
        copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
        # No reference counts (nothing is allocated), no test for division by zero.
        space[name] = numba.njit(_nrt=False, error_model="numpy")(copy)
    marker = directory / ("compiled-logging" if logging else "compiled")
    if not marker.exists() and not numba.config.DISABLE_JIT:
        for name, function in functions.items():
            space[name].compile(_signature(function, numba))
            space[name].disable_compile()
    words_of = _pointer_intrinsic()
    first_keys, run_chunk = space["first_keys"], space["run_chunk"]

    def start(w: Any, tree: Any, leaves: int, bits: int) -> None:
        first_keys(words_of(w), words_of(tree), leaves, bits)

    def go_on(w: Any, tree: Any, leaves: int, bits: int, budget: int, log: Any) -> int:
        left: int = run_chunk(words_of(w), words_of(tree), leaves, bits, budget, words_of(log))
        return left

    if numba.config.DISABLE_JIT:  # the same functions, uncompiled: how their coverage is measured
        return {"start": first_keys, "go_on": run_chunk, "plain": True}
    # The two kernels differ in a constant that numba's cache does not see: only one is cached.
    entry = numba.njit(cache=not logging, _nrt=False, error_model="numpy")
    return {"start": entry(start), "go_on": entry(go_on), "marker": marker}


def _chunks(w: Any, budget: int, log: Any, *, logging: bool = False) -> Iterator[int]:
    """Run a World to its end; yield the simulated time, ps, after every ``budget`` events."""
    import numpy as np

    functions = compiled(logging)
    tasks = int(w[layout.H_TASKS])
    bits = max(1, (tasks - 1).bit_length())
    leaves = 1 << bits
    tree = np.full(2 * leaves, loop.NEVER, dtype=np.int64)
    if "plain" in functions:  # numpy's integers overflow loudly where plain ones grow
        yield from _plain_chunks(functions, w, tree.tolist(), (leaves, bits, budget), log)
        return
    functions["start"](w, tree, leaves, bits)
    left = 0
    while not left:
        left = functions["go_on"](w, tree, leaves, bits, budget, log)
        if "marker" in functions:
            functions.pop("marker").touch()
        yield int(tree[1]) >> bits
    if w[layout.H_ENDED] != tasks:
        raise Deadlock(f"{tasks - int(w[layout.H_ENDED])} tasks wait for ever")


def _plain_chunks(
    functions: dict[str, Any], w: Any, tree: Any, sizes: tuple[int, int, int], log: Any
) -> Iterator[int]:
    """Do as ``_chunks`` does without compiling anything, on lists."""
    leaves, bits, budget = sizes
    words = w.tolist()
    functions["start"](words, tree, leaves, bits)
    left = 0
    while not left:
        left = functions["go_on"](words, tree, leaves, bits, budget, log)
        yield int(tree[1]) >> bits
    w[:] = words
    if words[layout.H_ENDED] != words[layout.H_TASKS]:
        raise Deadlock(f"{words[layout.H_TASKS] - words[layout.H_ENDED]} tasks wait for ever")


def run(w: Any, progress: Callable[[int], None] | None = None) -> None:
    """Run a World to its end.

    Parameters
    ----------
    w : int64 array
        The World; it is changed in place.
    progress : callable, optional
        Called after every million events with the simulated time, ps.

    Raises
    ------
    Deadlock
        If tasks are left that wait for each other.
    """
    import numpy as np

    for now in _chunks(w, CHUNK, np.zeros(1, dtype=np.int64)):
        if progress:
            progress(now)


def run_logged(w: Any) -> list[tuple[int, int, int]]:
    """Run a World to its end and return ``(time_ps, task, program counter)`` of every step.

    Fused steps are listed where they were carried out: sort by time and task (stably) to compare
    with another engine.
    """
    import numpy as np

    log = np.zeros(1 + loop.LOG_ROW * LOGGED_CHUNK * (loop.FUSE_AT_MOST + 1), dtype=np.int64)
    rows: list[tuple[int, int, int]] = []
    for _ in _chunks(w, LOGGED_CHUNK, log, logging=True):
        table = log[1 : 1 + loop.LOG_ROW * int(log[0])].reshape(-1, loop.LOG_ROW)
        rows += [(int(at), int(task), int(pc)) for at, task, pc in table]
        log[0] = 0
    return rows
