"""A small World for the explorer: a setup's World, and behind it what belongs to a state."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.fields import StateShape, pack_fields, program_of, shape_of, task_at
from dessim.engines.explorer.histories import Plan, begin_histories, known_fields, plan_of
from dessim.engines.explorer.orders import Rules, class_of, lookup_from, needs_of, operation_of
from dessim.errors import UserError
from dessim.kernel import layout as lay
from dessim.kernel.operation import (
    FREES_TABLES,
    QUIET_ALWAYS,
    QUIET_IF_TABLES_STAY,
    Operation,
)
from dessim.kernel.ops import OP_BEGIN, OP_PAUSE, OP_REST
from dessim.kernel.setup import Setup
from dessim.kernel.world import build_world

MEMORY = {"sc": ex.SC, "tso": ex.TSO, "pso": ex.TSO, "lkmm": ex.LKMM}


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
    rules : Rules
    names : tuple of str
        What each task is called in a schedule.
    finite : int
        Tasks that have only so much to do, a bit each.
    late : tuple of str
        Loads that later stores may overtake.
    setup : Setup or None
        Of a scheme's World; None for a protocol's.
    texts : tuple of str
        What each instruction says, of a protocol's World.
    titles : tuple of str
        What each task is called elsewhere, of a protocol's World.
    own_properties : tuple of str
        Properties of a protocol.
    judged : tuple of (int, int)
        Of each of their expressions: where it is, and whether it must hold at rest.
    judges : tuple of int
        And which of the properties it is.
    places : dict
        Address -> name, of a protocol's variables and locals.
    variables : dict
        Name -> number of the first element, of a protocol.
    locals : tuple of dict
        Of each task of a protocol: name -> number and highest value.
    crowded : dict
        Address -> of a protocol's lock, who may take it ever more often, in words.
    """

    w: Any
    x: int
    rules: Rules
    names: tuple[str, ...] = ()
    finite: int = 0
    late: tuple[str, ...] = ()
    setup: Setup | None = None
    texts: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    own_properties: tuple[str, ...] = ()
    judged: tuple[tuple[int, int], ...] = ()
    judges: tuple[int, ...] = ()
    places: dict[int, str] = field(default_factory=dict)
    variables: dict[str, int] = field(default_factory=dict)
    locals: tuple[dict[str, tuple[int, int]], ...] = ()
    crowded: dict[int, str] = field(default_factory=dict)

    @property
    def properties(self) -> tuple[str, ...]:
        """All properties, by number."""
        return ex.PROPERTIES + self.own_properties

    def name_at(self, address: int) -> str:
        """Return the name of a word of the World, as far as it has one."""
        return self.places.get(address, f"word {address}")

    def words_at(self, place: int, operation: Operation) -> str:
        """Return what an instruction says."""
        return self.texts[place] if self.texts else operation.words


def small_world(setup: Setup, rules: Rules) -> Small:
    """Return the World of a setup, ready to be explored.

    Parameters
    ----------
    setup : Setup
    rules : Rules

    Raises
    ------
    ScopeError
        If there are too many pages or tasks.
    """
    tasks = setup.threads + len(setup.actors)
    extra = setup.threads if rules.neighbour else 0
    if setup.pages + extra > lay.PTE_BITS or tasks > 6 or setup.devices or setup.creators:
        raise ScopeError(
            "the explorer supports at most 6 tasks, a few pages, no device, and no thread creation"
        )
    w = build_world(setup)
    _forget_the_machine(w)
    _place_threads(w, setup, rules)
    _leave_cpus_out(w)
    _place_actors(w, setup)
    _decide_what_is_quiet(w)
    names = tuple(map(str, range(1, setup.threads + 1))) + tuple("abcdef"[: len(setup.actors)])
    finite = (1 << tasks) - (1 if rules.attempts else 1 << setup.threads)
    small = Small(w, len(w), rules, names, finite, setup=setup)
    return with_explorer(w, shape_of(w, setup, rules), rules, small)


def _forget_the_machine(w: Any) -> None:
    """Take away what only time needs: CPUs to share, translations to flush, a life to end."""
    w[lay.H_TLB] = 0
    w[lay.H_LIVE] = 0  # actors stop after a round
    w[lay.H_SPLIT_PTL] = 1
    w[lay.H_SPLIT_PMD] = 0
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


def _views(tasks: int, plan: Plan) -> int:
    """Return how many views there are: of full barriers, of tasks, of locks."""
    return 1 + tasks * ex.VIEWS_OF_TASK + len(plan.locks) * ex.VIEWS_OF_LOCK


def _sizes(rows: int, tasks: int, shared: int, plan: Plan) -> dict[int, int]:
    """Return how many words each part of the explorer's own has."""
    return {
        ex.X_CLASS: rows,
        ex.X_LOOKUP: rows,
        ex.X_NEEDS: rows,
        ex.X_LOADS: rows,
        ex.X_STORES: rows,
        ex.X_ALIVE: rows,
        ex.X_EXPOSED: rows,
        ex.X_OPEN: rows,
        ex.X_USES: rows,
        ex.X_CARRIED: rows,
        ex.X_WHERE: len(plan.wheres) * ex.W_WORDS,
        ex.X_HISTORY: len(plan.wheres) * ex.HISTORY_WORDS,
        ex.X_VIEWS: _views(tasks, plan),
        ex.X_LOCKS: 3 * len(plan.locks),
        ex.X_PICK: 2 * 7,
        ex.X_BUFFER: tasks * ex.B_WORDS,
        ex.X_SHARE: 2 * shared,
        ex.X_SAVED: max(shared, len(plan.wheres)),
        ex.X_VIEW: shared,
        ex.X_LIVE: rows,
        ex.X_KEY: 128,
    }


def with_explorer(w: Any, shape: StateShape, rules: Rules, small: Small) -> Small:
    """Append the explorer's words to a World.

    Raises
    ------
    TooManyWords
        If there are too many words that others load.
    """
    rows = program_of(w)
    tasks, x = int(w[lay.H_TASKS]), len(w)
    plan = plan_of(w, shape, rules)
    end = x + ex.EXPLORER_WORDS
    places: dict[int, int] = {}
    sizes = _sizes(len(rows), tasks, len(shape.shared), plan)
    sizes[ex.X_WITNESS] = 2 * len(small.properties)
    sizes[ex.X_PROPERTY] = 3 * len(small.judged)
    for slot, size in sizes.items():
        places[slot], end = end, end + size
    known = known_fields(w, plan, places[ex.X_HISTORY], places[ex.X_VIEWS])
    packing, block = pack_fields(tasks, shape, rules.memory, places[ex.X_BUFFER], known)
    places[ex.X_FIELD] = end
    w = np.concatenate([w, np.zeros(end + len(packing.rows) * ex.FIELD_WORDS - x, dtype=np.int64)])
    header = {
        **places,
        ex.X_KEYS: packing.word + 1,
        ex.X_FIELDS: len(packing.rows),
        ex.X_MODEL: MEMORY[rules.memory],
        ex.X_PSO: int(rules.memory == "pso"),
        ex.X_SHARED: len(shape.shared),
        ex.X_WHERES: len(plan.wheres),
        ex.X_NUMBERS: int(plan.numbers),
        ex.X_VIEW_COUNT: _views(tasks, plan),
        ex.X_LOCK_COUNT: len(plan.locks),
        ex.X_ATTEMPTS: rules.attempts,
        ex.X_FRESH: int(rules.neighbour),
        ex.X_PAGES: shape.pages,
        ex.X_THREADS: shape.threads,
        ex.X_BLOCK: block,
        ex.X_SYMMETRIC: int(shape.symmetric),
        ex.X_PROPERTIES: len(small.judged),
        ex.X_FACTS: next((k for k, lock in enumerate(plan.locks) if lock[0] < 0), -1),
    }
    for slot, number in header.items():
        w[x + slot] = number
    w[end:] = np.array(packing.rows, dtype=np.int64).ravel()
    _describe_instructions(w, places, rules, plan)
    begin_histories(w, x, plan)
    for number, (address, kind) in enumerate(shape.shared):
        w[places[ex.X_SHARE] + number] = address
        w[places[ex.X_SHARE] + len(shape.shared) + number] = kind
    for number, (code, at_rest) in enumerate(small.judged):
        place = places[ex.X_PROPERTY] + 3 * number
        w[place : place + 3] = (code, at_rest, len(ex.PROPERTIES) + small.judges[number])
    late = tuple(sorted({small.words_at(place, operation_of(rows[place])) for place in plan.late}))
    return replace(small, w=w, x=x, late=late)


def _describe_instructions(w: Any, places: dict[int, int], rules: Rules, plan: Plan) -> None:
    """Note of each instruction how it is ordered, what it needs, whether it begins a lookup."""
    rows = program_of(w)
    lkmm = rules.memory == "lkmm"
    for place, row in enumerate(rows):
        lookup = [] if rules.split_lookup else lookup_from(rows, place)
        order = plan.orders[place]
        words = order.loads
        for other in lookup:
            words |= plan.orders[other].loads
        kind = order.kind if lkmm else class_of(row, rules)
        w[places[ex.X_CLASS] + place] = lay.CLASS_FULL if lookup and not lkmm else kind
        w[places[ex.X_LOOKUP] + place] = bool(lookup)
        w[places[ex.X_NEEDS] + place] = needs_of(row)
        w[places[ex.X_LOADS] + place] = words
        w[places[ex.X_STORES] + place] = order.stores
        if lkmm:
            w[places[ex.X_ALIVE] + place] = plan.alive[place]
            w[places[ex.X_EXPOSED] + place] = plan.exposed[place]
            w[places[ex.X_OPEN] + place] = plan.open[place]
            w[places[ex.X_USES] + place] = plan.uses[place]
            w[places[ex.X_CARRIED] + place] = plan.carried[place]
            if order.kind in (lay.IS_MB, lay.IS_RMB, lay.IS_WMB):
                row[lay.I_PRIVATE] = lay.PRIVATE_NEVER
        elif row[lay.I_PRIVATE] and kind == lay.CLASS_FULL and rules.memory != "sc":
            row[lay.I_PRIVATE] = lay.PRIVATE_BEHIND_STORES
        elif kind == lay.CLASS_WMB:
            row[lay.I_PRIVATE] = lay.PRIVATE_NEVER  # it leaves a mark among the stores
