"""Tiny programs for the explorer: two tasks that are written out by hand."""

from typing import Any

from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.buffers import buffers_are_empty
from dessim.engines.explorer.explore import Exploration, explore
from dessim.engines.explorer.orders import Rules
from dessim.engines.explorer.story import Walk
from dessim.engines.explorer.watch import all_ended
from dessim.engines.explorer.world import Small, small_world
from dessim.kernel import layout as lay
from dessim.kernel.addressing import page_at
from dessim.kernel.alphabet import Step, jump, label, remove_from_page_cache
from dessim.kernel.assembler import assemble
from dessim.kernel.setup import ActorSetup, Setup
from dessim.model import load_machine
from dessim.model.workload import PAGE_BYTES, Workload

STOP = Step("stop")
STORE = remove_from_page_cache()  # a plain store to the page under the cursor


def other_page(name: str) -> tuple[Step, ...]:
    """Return the steps from page 0 to page 1, or back; the name must be new."""
    return (jump("next_in_range", name), label(name))


def tiny(
    first: tuple[Step, ...],
    second: tuple[Step, ...] = (),
    *,
    threads: int = 1,
    pages: int = 2,
    mapping: str = "shared",
    **rules: Any,
) -> Small:
    """Return a World with threads that run one program and, next to them, a task with another."""
    workload = Workload(
        name="tiny", access="sequential", file_size_bytes=pages * PAGE_BYTES, mapping=mapping
    )
    actors = (ActorSetup(assemble((*second, STOP)), 1, pages),) if second else ()
    setup = Setup(
        load_machine("ivybridge-ex-4s"),
        workload,
        assemble((*first, STOP)),
        threads,
        3,
        None,
        1,
        0,
        actors,
    )
    return small_world(setup, Rules(**rules))


def seen(small: Small, **how: Any) -> Exploration:
    """Visit all states."""
    return explore(small, ("deadlock",), **how)


def endings(small: Small) -> set[tuple[int, ...]]:
    """Return what can have been counted on the pages when all tasks have ended.

    A tuple for each ending: what was added to the reference count of each page.
    """
    walk = Walk(small)
    w = walk.w
    found = set()
    for key in seen(small).keys:
        walk.go_to([int(word) for word in key])
        if all_ended(w) and buffers_are_empty(w, walk.x):
            records = [page_at(w, page) for page in range(small.setup.pages)]
            found.add(tuple(w[record + lay.P_REFCOUNT] - 1 for record in records))
    return found


def ways(made: Exploration) -> int:
    """Return how many schedules lead from the first state to one where nobody can move."""
    edges = made.edges
    found: dict[int, int] = {}
    todo = [0]
    while todo:
        state = todo[-1]
        after = [int(led_to) for led_to in edges[state] if led_to >= 0]
        missing = [led_to for led_to in after if led_to not in found]
        if missing:
            todo += missing
        else:
            found[state] = sum(found[led_to] for led_to in after) if after else 1
            todo.pop()
    return found[0]


def with_edges(small: Small) -> Exploration:
    """Visit all states and note where each move leads."""
    return explore(small, ex.PROPERTIES)
