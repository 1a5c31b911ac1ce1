"""A small World for the explorer: a setup's World, and behind it what belongs to a state."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.fields import pack_fields, program_of, shared_words, task_at
from dessim.engines.explorer.orders import Rules, begins_lookup, needs_of, operation_of, order_of
from dessim.errors import UserError
from dessim.kernel import layout as lay
from dessim.kernel.operation import FREES_TABLES, QUIET_ALWAYS, QUIET_IF_TABLES_STAY
from dessim.kernel.ops import OP_BEGIN, OP_PAUSE, OP_REST
from dessim.kernel.setup import Setup
from dessim.kernel.world import build_world

MEMORY = {"sc": ex.SC, "tso": ex.TSO, "weak": ex.WEAK}


class ScopeError(UserError):
    """A small World that the explorer cannot explore."""


@dataclass
class Small:
    """A World that can be explored.

    Attributes
    ----------
    w : int64 array
        The World in its first state, and the explorer's words behind it.
    x : int
        Where those begin.
    setup : Setup
    rules : Rules
    """

    w: Any
    x: int
    setup: Setup
    rules: Rules
    finite: int = field(default=0)


def small_world(setup: Setup, rules: Rules) -> Small:
    """Return the World of a setup, ready to be explored.

    Raises
    ------
    ScopeError
        If there are too many pages or tasks.
    """
    tasks = setup.threads + len(setup.actors)
    extra = setup.threads if rules.neighbour else 0
    if setup.pages + extra > lay.PTE_BITS or tasks > 6 or setup.devices:
        raise ScopeError("the explorer takes at most 6 tasks, a few pages and no device")
    w = build_world(setup)
    _forget_the_machine(w)
    _place_threads(w, setup, rules)
    _leave_cpus_out(w)
    _place_actors(w, setup)
    _decide_what_is_quiet(w)
    return _with_plan(w, setup, rules)


def _forget_the_machine(w: Any) -> None:
    """Take away what only time needs: CPUs to share, translations to flush, a life to end."""
    w[lay.H_TLB] = 0
    w[lay.H_LIVE] = 0  # actors stop after a round
    w[lay.H_SPLIT_PTL] = 1
    for task in range(int(w[lay.H_TASKS])):
        t = task_at(w, task)
        w[t + lay.T_CPU] = 0
        w[t + lay.T_AT] = 0
        w[t + lay.T_OWN_TABLES] = 0
    mappings, tables = int(w[lay.H_MAPPINGS]), int(w[lay.H_TABLES])
    for k in range(mappings * tables):  # page tables exist
        base = int(w[int(w[lay.H_MAPPING]) + lay.M_TABLE])
        w[base + k * int(w[lay.H_TABLE_WORDS]) + int(w[lay.H_LINE_WORDS]) + lay.D_POPULATED] = 1


def _place_threads(w: Any, setup: Setup, rules: Rules) -> None:
    """Give each thread the page of its faults."""
    for task in range(setup.threads):
        t = task_at(w, task)
        page = setup.pages + task if rules.neighbour else task % setup.pages
        w[t + lay.T_PAGE] = w[t + lay.T_CURSOR] = page
        w[t + lay.T_STOP] = setup.pages


def _place_actors(w: Any, setup: Setup) -> None:
    """Put each actor behind its pause: it makes one round."""
    rows = program_of(w)
    for number, actor in enumerate(setup.actors):
        t = task_at(w, setup.threads + number)
        w[t + lay.T_RANGE] = setup.pages
        w[t + lay.T_STOP] = setup.pages
        w[t + lay.T_VISITED] = w[lay.H_MAPPING]
        first = int(w[t + lay.T_PC])
        ops = rows[first : first + actor.program.steps, lay.I_OP].tolist()
        if OP_PAUSE in ops:
            w[t + lay.T_PC] = int(rows[first + ops.index(OP_PAUSE), lay.I_NEXT])


def _leave_cpus_out(w: Any) -> None:
    """Let every step go on behind those that take a CPU or give it up: each task has its own."""
    rows = program_of(w)
    following = rows[:, lay.I_NEXT].copy()
    for column in (lay.I_NEXT, lay.I_TARGET):
        for row in rows:
            while rows[row[column], lay.I_OP] in (OP_BEGIN, OP_REST):
                row[column] = following[row[column]]


def _decide_what_is_quiet(w: Any) -> None:
    """Mark the steps that no other task can see. Page tables are never anybody's own here."""
    rows = program_of(w)
    tables_stay = not any(operation_of(row).changes & FREES_TABLES for row in rows)
    for row in rows:
        operation = operation_of(row)
        if operation.private == lay.PRIVATE_ALWAYS:
            continue
        quiet = operation.quiet == QUIET_ALWAYS
        if operation.quiet == QUIET_IF_TABLES_STAY:
            quiet = tables_stay
        row[lay.I_PRIVATE] = lay.PRIVATE_ALWAYS if quiet else lay.PRIVATE_NEVER


def _with_plan(w: Any, setup: Setup, rules: Rules) -> Small:
    """Append the explorer's words to a World."""
    rows = program_of(w)
    shared = shared_words(w, setup)
    tasks, x = int(w[lay.H_TASKS]), len(w)
    end = x + ex.X_WORDS
    places: dict[int, int] = {}
    sizes = {
        ex.X_CLASS: len(rows),
        ex.X_LOOKUP: len(rows),
        ex.X_NEEDS: len(rows),
        ex.X_BUFFER: tasks * ex.B_WORDS,
        ex.X_SHARE: 2 * len(shared),
        ex.X_SAVED: len(shared),
        ex.X_VIEW: len(shared),
        ex.X_WITNESS: 2 * len(ex.PROPERTIES),
        ex.X_KEY: 64,
    }
    for slot, size in sizes.items():
        places[slot], end = end, end + size
    packing, block = pack_fields(w, setup, rules, len(rows), places[ex.X_BUFFER], len(shared))
    places[ex.X_FIELD] = end
    w = np.concatenate([w, np.zeros(end + len(packing.rows) * ex.F_WORDS - x, dtype=np.int64)])
    own = int(w[lay.H_MAPPINGS]) > 1
    same_target = rules.neighbour or setup.pages == 1
    header = {
        **places,
        ex.X_KEYS: packing.word + 1,
        ex.X_FIELDS: len(packing.rows),
        ex.X_MODEL: MEMORY[rules.memory],
        ex.X_SHARED: len(shared),
        ex.X_ATTEMPTS: rules.attempts,
        ex.X_FRESH: int(rules.neighbour),
        ex.X_PAGES: setup.pages,
        ex.X_THREADS: setup.threads,
        ex.X_BLOCK: block,
        # an actor visits page tables one after the other: with one each, threads differ;
        # and so they do by the ptes of their own tables or targets in their store buffers
        ex.X_SYMMETRIC: int(
            setup.threads > 1
            and same_target
            and not (own and setup.actors)
            and not ((own or rules.neighbour) and rules.memory != "sc")
        ),
    }
    for slot, number in header.items():
        w[x + slot] = number
    w[end:] = np.array(packing.rows, dtype=np.int64).ravel()
    _describe_instructions(w, places, rules)
    for number, (address, kind) in enumerate(shared):
        w[places[ex.X_SHARE] + number] = address
        w[places[ex.X_SHARE] + len(shared) + number] = kind
    finite = (1 << tasks) - (1 if rules.attempts else 1 << setup.threads)
    return Small(w, x, setup, rules, finite)


def _describe_instructions(w: Any, places: dict[int, int], rules: Rules) -> None:
    """Note of each instruction how it is ordered, what it needs, whether it begins a lookup."""
    rows = program_of(w)
    for place, row in enumerate(rows):
        lookup = not rules.split_lookup and begins_lookup(rows, place)
        order = lay.CLASS_FULL if lookup else order_of(row, rules)
        w[places[ex.X_CLASS] + place] = order
        w[places[ex.X_LOOKUP] + place] = lookup
        w[places[ex.X_NEEDS] + place] = needs_of(row)
        if row[lay.I_PRIVATE] and order == lay.CLASS_FULL and rules.memory != "sc":
            row[lay.I_PRIVATE] = lay.PRIVATE_BEHIND_STORES
