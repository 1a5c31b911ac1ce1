"""The compiled engine: numba compiles the kernel's own source and a small event loop around it."""

import hashlib
import inspect
import os
import sys
import tempfile
import types
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import dessim
from dessim.engines import loop
from dessim.engines.deadlock import Deadlock
from dessim.kernel import accounting, delays, draws, layout, lines, locks, places, steps

# In this order each function only calls functions that come before it.
KERNEL = (draws, accounting, lines, locks, places, delays, steps, loop)
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
    arguments = [pointer if p.annotation is layout.World else word for p in kinds.parameters.values()]
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
def compiled() -> dict[str, Any]:
    """Return the compiled entry points ``start`` and ``go_on``.

    Every kernel function is copied into one common namespace in which the names that it calls stand
    for compiled functions. The code object, and so the meaning, is the reference engine's.
    """
    directory = cache_directory()
    os.environ["NUMBA_CACHE_DIR"] = str(directory)
    import numba

    numba.config.CACHE_DIR = str(directory)  # numba may have been imported before
    space: dict[str, Any] = {k: v for m in KERNEL for k, v in vars(m).items() if isinstance(v, int)}
    functions = _functions()
    for name, function in functions.items():
        copy = types.FunctionType(function.__code__, space, name, function.__defaults__)
        copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
        # No reference counts (nothing is allocated), no test for division by zero.
        space[name] = numba.njit(_nrt=False, error_model="numpy")(copy)
    marker = directory / "compiled"
    if not marker.exists() and not numba.config.DISABLE_JIT:
        for name, function in functions.items():
            space[name].compile(_signature(function, numba))
            space[name].disable_compile()
    words_of = _pointer_intrinsic()
    first_keys, run_chunk = space["first_keys"], space["run_chunk"]

    @numba.njit(cache=True, _nrt=False, error_model="numpy")  # type: ignore[untyped-decorator]
    def start(w: Any, tree: Any, leaves: int, bits: int) -> None:
        first_keys(words_of(w), words_of(tree), leaves, bits)

    @numba.njit(cache=True, _nrt=False, error_model="numpy")  # type: ignore[untyped-decorator]
    def go_on(w: Any, tree: Any, leaves: int, bits: int, budget: int) -> int:
        left: int = run_chunk(words_of(w), words_of(tree), leaves, bits, budget)
        return left

    if numba.config.DISABLE_JIT:
        return {"start": loop.first_keys, "go_on": loop.run_chunk}
    return {"start": start, "go_on": go_on, "marker": marker}


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

    functions = compiled()
    tasks = int(w[layout.H_TASKS])
    bits = max(1, (tasks - 1).bit_length())
    leaves = 1 << bits
    tree = np.full(2 * leaves, loop.NEVER, dtype=np.int64)
    functions["start"](w, tree, leaves, bits)
    if "marker" in functions:
        functions["marker"].touch()
    while not functions["go_on"](w, tree, leaves, bits, CHUNK):
        if progress:
            progress(int(tree[1]) >> bits)
    if w[layout.H_ENDED] != tasks:
        raise Deadlock(f"{tasks - int(w[layout.H_ENDED])} tasks wait for ever")
