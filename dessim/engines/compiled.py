"""The compiled engine: numba compiles the kernel's own source and a small event loop around it."""

import types
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numba
import numpy as np

from dessim.engines import loop
from dessim.kernel import accounting, delays, draws, lines, locks, places, steps

KERNEL = (draws, accounting, lines, locks, places, delays, steps, loop)
CHUNK = 1_000_000


@lru_cache
def compiled() -> dict[str, Any]:
    """Return the kernel's functions, compiled, by name.

    Each function is copied into one common namespace, in which the names that it calls stand for
    compiled functions. The source, and so the meaning, is the same object code as the reference's.
    """
    space: dict[str, Any] = {}
    for module in KERNEL:
        space.update(
            {k: v for k, v in vars(module).items() if isinstance(v, (int, types.FunctionType))}
        )
    for name, function in list(space.items()):
        if isinstance(function, types.FunctionType):
            copy = types.FunctionType(function.__code__, space, name, function.__defaults__)
            copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
            space[name] = numba.njit(cache=True, _nrt=False)(copy)
    return space


def run(w: Any, progress: Callable[[], None] | None = None) -> None:
    """Run a World to its end."""
    functions = compiled()
    tasks = int(w[0])
    bits = max(1, (tasks - 1).bit_length())
    leaves = 1 << bits
    tree = np.full(2 * leaves, loop.NEVER, dtype=np.int64)
    functions["first_keys"](w, tree, leaves, bits)
    while not functions["run_chunk"](w, tree, leaves, bits, CHUNK):
        if progress:
            progress()
