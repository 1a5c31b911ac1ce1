"""The compiled engine: numba compiles the kernel's own source and a small event loop around it."""

import types
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numba.core import types as numba_types
from numba.extending import intrinsic
from numba.np import arrayobj

from dessim.engines import loop
from dessim.kernel import accounting, delays, draws, lines, locks, places, steps

KERNEL = (draws, accounting, lines, locks, places, delays, steps, loop)
CHUNK = 1_000_000


@intrinsic
def words_of(context, array):  # type: ignore[no-untyped-def]
    """Return the bare pointer to an array's words.

    The kernel only reads and writes single words. On a pointer that is one load or store; on a
    numba array it is also a test for a negative index, and seven arguments for each call.
    """
    signature = numba_types.CPointer(array.dtype)(array)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return arrayobj.make_array(signature.args[0])(context, builder, args[0]).data

    return signature, codegen


def start(w: Any, tree: Any, leaves: int, bits: int) -> None:
    """Give every task its first event (compiled)."""
    first_keys(words_of(w), words_of(tree), leaves, bits)  # noqa: F821


def go_on(w: Any, tree: Any, leaves: int, bits: int, budget: int) -> int:
    """Carry out events (compiled)."""
    return run_chunk(words_of(w), words_of(tree), leaves, bits, budget)  # noqa: F821


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
    space.update(start=start, go_on=go_on)
    space["words_of"] = words_of
    for name, function in list(space.items()):
        if isinstance(function, types.FunctionType):
            copy = types.FunctionType(function.__code__, space, name, function.__defaults__)
            copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
            space[name] = numba.njit(cache=True, _nrt=False, error_model="numpy")(copy)
    return space


def run(w: Any, progress: Callable[[], None] | None = None) -> None:
    """Run a World to its end."""
    functions = compiled()
    tasks = int(w[0])
    bits = max(1, (tasks - 1).bit_length())
    leaves = 1 << bits
    tree = np.full(2 * leaves, loop.NEVER, dtype=np.int64)
    functions["start"](w, tree, leaves, bits)
    while not functions["go_on"](w, tree, leaves, bits, CHUNK):
        if progress:
            progress()
