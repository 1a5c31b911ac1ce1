"""What can be made cheaper, and under which name: single costs, and groups of them.

A cost is a path into the machine (``machine.kernel.rmap``) or the workload (``workload.hold``).
Cutting it changes the number itself, so that a virtual speed-up is exact: the same program, the
same random draws, one cost less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from dessim.errors import UserError
from dessim.kernel import cost_table
from dessim.kernel import layout as lay
from dessim.kernel.assembler import Program
from dessim.kernel.ops import OP_STOP, OPERATIONS
from dessim.kernel.setup import changes_page_cache
from dessim.model import Point
from dessim.model.errors import suggest
from dessim.model.fields import unit_of
from dessim.model.machine import Machine
from dessim.model.units import TIME, Kind, format_quantity, format_ratio
from dessim.model.vary import field_of, paths_of, value_at
from dessim.model.workload import Workload
from dessim.study.sweep.plan import actors_of, program_of

NO_COSTS = (
    "cache_line.hold",
    "cache_line.evict_after",
    "kernel.time_slice",
    "kernel.thread_start",
    "memory.local",
)
"""Times of a machine that are no costs of their own: thresholds, intervals, how long a core keeps
a line; and the latency of near memory, to which that of far memory is a ratio in reads of pages:
cut alone, it would make far reads more expensive. The group `memory` cuts all of them."""
OTHER_COSTS = ("locks.mcs_transfers", "memory.bandwidth_per_socket")
WORKLOAD_COSTS = ("workload.think", "workload.hold", "workload.page_work")


class UnknownCostError(UserError):
    """A name that stands for no cost, or a share of one that cannot be taken."""


@dataclass(frozen=True)
class Group:
    """Costs that are cut together.

    Attributes
    ----------
    text : str
        What they have in common.
    paths : tuple of str
        Empty if they depend on the scheme's program; see ``held``.
    held : int
        Costs of the steps that are carried out while this lock is held; -1: not that kind.
    """

    text: str
    paths: tuple[str, ...] = ()
    held: int = -1


HELD_PAGE = 100
"""Stands for the page lock where the others are ``lay.LOCK_*``."""


@cache
def costs() -> tuple[str, ...]:
    """Paths of all costs, those of the machine first."""
    times = [
        path
        for path in paths_of(Machine)
        if path in OTHER_COSTS or (kind_of(path) is TIME and path not in NO_COSTS)
    ]
    return (*(f"machine.{path}" for path in times), *WORKLOAD_COSTS)


def kind_of(path: str) -> Kind | None:
    """What a machine's number at a path, without `machine.`, measures; None for a ratio."""
    unit = unit_of(field_of(Machine, path))
    return unit.kind if unit else None


@cache
def short_names() -> dict[str, str]:
    """Path -> the shortest end of it that no other cost has."""
    ends: dict[str, list[str]] = {}
    for path in costs():
        parts = path.split(".")
        for i in range(1, len(parts)):
            ends.setdefault(".".join(parts[i:]), []).append(path)
    names = {}
    for path in costs():
        parts = path.split(".")
        least = 1 if parts[1] == "memory" else len(parts) - 1
        choices = [".".join(parts[i:]) for i in range(least, 0, -1)]
        names[path] = next(end for end in choices if len(ends[end]) == 1)
    return names


def _under(prefix: str, *ends: str) -> tuple[str, ...]:
    return tuple(
        path
        for path in costs()
        if path.startswith(prefix) and (not ends or path.rpartition(".")[2] in ends)
    )


def _group(name: str) -> tuple[str, ...]:
    """Costs that are declared to belong to a group."""
    return tuple(f"machine.{cost.path}" for cost in cost_table.OF_MACHINE if cost.group == name)


@cache
def groups() -> dict[str, Group]:
    """Groups by name."""
    line = "machine.cache_line."
    near, far = ("same_l3", "same_socket", "far_home"), ("one_hop", "two_hops")
    return {
        "line_remote": Group("transfers of a cache line between sockets", _under(line, *far)),
        "line_same_socket": Group("transfers within a socket", _under(line, *near)),
        "line": Group("all transfers of cache lines", _under(line, *near, *far, "l3_hit")),
        "line_local": Group(
            "a line at hand: own cache or the SMT sibling's",
            _under(line, "local_load", "local_store", "local_rmw", "smt_sibling"),
        ),
        "memory": Group(
            "latency of DRAM, near and far",
            ("machine.memory.local", *_under("machine.memory.", *far)),
        ),
        "exception": Group("exception entry and exit", _group("exception")),
        "lookup": Group("finding pages in the page cache", _group("lookup")),
        "map": Group("mapping a page", _group("map")),
        "hand_over": Group("hand-over of locks", _under("machine.locks.")),
        "sleep": Group("sleeping and waking", _group("sleep")),
        "teardown": Group("the end of a process", _group("teardown")),
        "kernel": Group("all work in the kernel", _under("machine.kernel.")),
        "user": Group("using a page once it is mapped", _under("machine.user.")),
        "tlb": Group("translation and shootdowns", _under("machine.tlb.")),
        "device": Group("reads of the device", _under("machine.device.")),
        "ptl_hold": Group("work while the page-table lock is held", held=lay.LOCK_PTL),
        "page_lock_hold": Group("work while a page is locked", held=HELD_PAGE),
        "lock_hold": Group("work while a lock loop's lock is held", held=lay.LOCK_FREE_STANDING),
    }


def path_of_cost(name: str) -> str | None:
    """Path of a cost of the kernel's table, or None for those that nobody sets."""
    return _paths_of_costs().get(name)


@cache
def _paths_of_costs() -> dict[str, str]:
    tables = {"machine": cost_table.OF_MACHINE, "workload": cost_table.OF_WORKLOAD}
    return {cost.name: f"{word}.{cost.path}" for word, table in tables.items() for cost in table}


def held_costs(program: Program, lock: int) -> tuple[str, ...]:
    """Paths of the costs of steps that a program may carry out while it holds a lock.

    Parameters
    ----------
    program : Program
    lock : int
        ``lay.LOCK_*``, or ``HELD_PAGE``.
    """
    rows = [program.words[i : i + lay.I_WORDS] for i in range(0, len(program.words), lay.I_WORDS)]
    page = lock == HELD_PAGE
    opens, ends = (lay.TAKES_PAGE, lay.DROPS_PAGE) if page else (lay.TAKES_LOCK, lay.DROPS_LOCK)

    def about(row: Sequence[int], locking: int) -> bool:
        own = OPERATIONS[row[lay.I_OP]].locking == locking
        return own and (page or row[lay.I_A] == lock)

    found: set[int] = set()
    seen: set[int] = set()
    todo = [row[lay.I_NEXT] for row in rows if about(row, opens)]
    while todo:
        place = todo.pop()
        row = rows[place]
        if place in seen or about(row, ends) or row[lay.I_OP] == OP_STOP:
            continue
        seen.add(place)
        operation = OPERATIONS[row[lay.I_OP]]
        if operation.drawn:
            found.add(cost_table.COSTS.index(operation.drawn))
        if operation.locking not in (lay.TAKES_LOCK, lay.DROPS_LOCK):
            found.add(row[lay.I_COST])
        todo += [row[lay.I_NEXT], *([row[lay.I_TARGET]] if row[lay.I_TARGET] else [])]
    paths = [path_of_cost(cost_table.COSTS[cost]) for cost in sorted(found) if cost]
    return tuple(path for path in paths if path is not None)


def known_names() -> tuple[str, ...]:
    """All names of groups, then all short names of costs."""
    return (*groups(), *short_names().values())


def check_name(name: str) -> str:
    """Return a name if it stands for a cost or a group.

    Raises
    ------
    UnknownCostError
        With the nearest name, and how to see all.
    """
    if name in groups() or name in short_names().values() or _full(name) is not None:
        return name
    hint = suggest(name, known_names(), plural="costs")
    raise UnknownCostError(f"no cost is named '{name}'; {hint} (`dessim explain --list` shows all)")


def _full(name: str) -> str | None:
    return name if name in costs() else next((p for p in costs() if p == f"machine.{name}"), None)


def paths_for(name: str, point: Point) -> tuple[str, ...]:
    """Paths of the costs that a name stands for, at a point.

    Raises
    ------
    UnknownCostError
        If it stands for none.
    """
    check_name(name)
    group = groups().get(name)
    if group is None:
        full = _full(name)
        short = {short: path for path, short in short_names().items()}
        return (short[name] if full is None else full,)
    return group.paths if group.held < 0 else held_costs(program_of(point), group.held)


def is_used(point: Point, path: str) -> bool:
    """Return whether a cost can play a part at a point at all.

    False only where it certainly cannot: distances that the machine has not got, another kind of
    lock, another kind of access, a device of which nothing is read, no TLB, frames of memory where
    none is counted and no step of the scheme takes such a cost, paging where no command is sent.
    """
    machine, workload = point.machine, point.workload
    topology, end = machine.topology, path.rpartition(".")[2]
    lacking = {
        "smt_sibling": topology.threads_per_core == 1,
        "same_socket": topology.l3_per_socket == 1,
        "far_home": topology.l3_per_socket == 1 or topology.sockets == 1,
        "one_hop": topology.sockets == 1,
        "two_hops": max(max(row) for row in topology.hops) < 2,
        "ticket_per_waiter": machine.locks.page_table_lock != "ticket",
        "test_and_set_per_waiter": machine.locks.page_table_lock != "test_and_set",
    }
    if path.startswith("machine.paging."):
        return workload.commands
    if path.startswith("machine.device."):
        return workload.commands or changes_page_cache(workload)
    if path in _needing("page_cache"):
        return changes_page_cache(workload)
    if path.startswith("machine.frames."):
        return workload.uses_frames or path in _taken_by(program_of(point))
    if path in _needing("thread_creation"):
        taken = (_taken_by(actor.program) for actor in actors_of(point))
        return workload.creates_threads or any(path in paths for paths in taken)
    if path.startswith("machine.tlb."):
        return machine.tlb.l1_entries > 0
    if path.startswith("machine.user."):
        return _is_accessed(workload, end)
    return not lacking.get(end, False)


def _taken_by(program: Program) -> frozenset[str | None]:
    """Paths of the costs that steps of a program name."""
    rows = range(0, len(program.words), lay.I_WORDS)
    costs = {program.words[row + lay.I_COST] for row in rows}
    return frozenset(path_of_cost(cost_table.COSTS[cost]) for cost in costs)


@cache
def _needing(what: str) -> frozenset[str]:
    of_machine = cost_table.OF_MACHINE
    return frozenset(f"machine.{c.path}" for c in of_machine if c.cost.needs == what)


def _is_accessed(workload: Workload, cost: str) -> bool:
    if workload.kind == "lock_loop":
        return False
    if workload.access == "random" and not workload.writes:
        return cost == "random_word"
    return cost.startswith("touch" if workload.page_touch == "touch_word" else "read_page")


def value_of(point: Point, path: str) -> int:
    """Value of a cost at a point, in the unit of its attribute."""
    part, _, rest = path.partition(".")
    return int(value_at(point.machine if part == "machine" else point.workload, rest))


def shown(point: Point, path: str) -> str:
    """Value of a cost as a file writes it."""
    part, _, rest = path.partition(".")
    model = type(point.machine) if part == "machine" else type(point.workload)
    unit = unit_of(field_of(model, rest))
    value = value_of(point, path)
    if unit is None or unit.kind is None:
        return format_ratio(value)
    return format_quantity(value, unit.kind)


def catalogue(points: Sequence[Point] = ()) -> list[dict[str, Any]]:
    """All names, what they stand for and, given points, what the costs are at the first of them.

    Returns
    -------
    list of dict
        ``name``, ``text`` for groups, ``paths``, ``values``.
    """
    found: list[dict[str, Any]] = []
    for name, group in groups().items():
        paths = list(group.paths)
        if group.held >= 0:
            held = [paths_for(name, point) for point in points]
            paths = list(dict.fromkeys(path for own in held for path in own))
        entry = {"name": name, "group": True, "text": group.text, "paths": paths}
        if group.held >= 0 and not points:
            entry["text"] = f"{group.text}: depends on the scheme"
        found.append(entry)
    for path, short in short_names().items():
        entry = {"name": short, "group": False, "paths": [path]}
        if points:
            entry["value"] = shown(points[0], path)
        found.append(entry)
    return found
