"""Entry points of the search, compiled together with the kernel's own source."""

import threading
from functools import lru_cache
from typing import Any

from dessim.engines import build
from dessim.engines.explorer.apart import expand_apart, take_in
from dessim.engines.explorer.cycles import find_livelock
from dessim.engines.explorer.search import first_state, insert_again, search_some

NOTICE = "compiling the explorer: only once, takes a few seconds"
ROOTS = (first_state, search_some, insert_again, find_livelock, expand_apart, take_in)
_BUILDING = threading.Lock()


@lru_cache
def _entries() -> dict[str, Any]:
    return build.compiled(ROOTS, "explorer", NOTICE)


def entries() -> dict[str, Any]:
    """Return the search's entry points by name, compiled at the first call on a machine."""
    with _BUILDING:
        return _entries()
