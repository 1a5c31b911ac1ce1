"""Entry points of the search, compiled together with the kernel's own source."""

import threading
from functools import lru_cache
from typing import Any

from dessim.engines import build
from dessim.engines.build import words_of
from dessim.engines.explorer.cycles import find_livelock
from dessim.engines.explorer.search import first_state, insert_again, search_some

NOTICE = "compiling the explorer: only once, takes about half a minute"
_BUILDING = threading.Lock()


def start_search(w: Any, x: int, keys: Any, parents: Any, table: Any, size: int) -> None:
    """Store the first state."""
    first_state(words_of(w), x, words_of(keys), words_of(parents), words_of(table), size)


def go_on_searching(
    w: Any,
    x: int,
    keys: Any,
    parents: Any,
    edges: Any,
    table: Any,
    size: int,
    room: int,
    budget: int,
) -> int:
    """Try all moves of some states."""
    return search_some(
        words_of(w),
        x,
        words_of(keys),
        words_of(parents),
        words_of(edges),
        words_of(table),
        size,
        room,
        budget,
    )


def hash_again(w: Any, x: int, keys: Any, table: Any, size: int) -> None:
    """Fill a new hash table."""
    insert_again(words_of(w), x, words_of(keys), words_of(table), size)


def look_for_livelock(
    w: Any, x: int, edges: Any, index: Any, low: Any, stack: Any, calls: Any, finite: int
) -> int:
    """Return a state of a livelock, or -1."""
    return find_livelock(
        words_of(w),
        x,
        words_of(edges),
        words_of(index),
        words_of(low),
        words_of(stack),
        words_of(calls),
        finite,
    )


ROOTS = (start_search, go_on_searching, hash_again, look_for_livelock)


@lru_cache
def _entries() -> dict[str, Any]:
    return build.compiled(ROOTS, "explorer", NOTICE)


def entries() -> dict[str, Any]:
    """Return the search's entry points by name, compiled at the first call on a machine."""
    with _BUILDING:
        return _entries()
