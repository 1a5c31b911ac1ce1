"""A World for a protocol: its programs and its words, and nothing that only a machine has."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.fields import Part, StateShape, program_of, task_at, value
from dessim.engines.explorer.locals import locals_of
from dessim.engines.explorer.orders import Rules, following, operation_of
from dessim.engines.explorer.readers import Readers, readers_of
from dessim.engines.explorer.world import ScopeError, Small, with_explorer
from dessim.kernel import layout as lay
from dessim.kernel.assembler import link
from dessim.kernel.operation import SECTION, TRANSLATION, WAITING
from dessim.kernel.ops import OP_STOP
from dessim.kernel.protocol_compiled import Compiled
from dessim.kernel.record import Record

LINE_WORDS = lay.L_MASK + 1
MOST_LATE = 20  # variables, in lkmm


def protocol_world(protocol: Compiled, rules: Rules) -> Small:
    """Return the World of a protocol, ready to be explored.

    Raises
    ------
    ScopeError
        If the memory model does not know some of its steps.
    """
    w = _world(protocol)
    rows = program_of(w)
    rows[rows[:, lay.I_OP] == OP_STOP, lay.I_PRIVATE] = lay.PRIVATE_ALWAYS
    for row in rows:
        if not operation_of(row).decides:
            row[lay.I_TARGET] = 0  # linking has made it the program's beginning
    groups = {operation_of(row).group for row in rows}
    _refuse_what_a_model_lacks(groups, protocol, rules)
    shape = _shape(w, protocol, groups)
    properties = tuple(dict.fromkeys(name for name, _, _ in protocol.properties))
    small = Small(
        w,
        len(w),
        rules,
        tuple(str(number + 1) for number in range(len(protocol.names))),
        (1 << len(protocol.names)) - 1,
        texts=tuple(line for program in protocol.programs for line in program.listing),
        titles=tuple(protocol.names),
        own_properties=properties,
        judged=tuple((place, int(rest)) for _, place, rest in protocol.properties),
        judges=tuple(properties.index(name) for name, _, _ in protocol.properties),
        places=_names(w, protocol),
        variables={name: number for name, (number, _) in protocol.variables.items()},
        locals=tuple(protocol.locals),
        crowded=_crowded(w, protocol),
    )
    made = with_explorer(w, shape, rules, small)
    live = locals_that_matter(rows, protocol)
    first = int(made.w[made.x + ex.X_LIVE])
    made.w[first : first + len(live)] = live
    return made


def _names(w: Any, protocol: Compiled) -> dict[int, str]:
    """Return the names of variables and locals by their addresses."""
    q = int(w[lay.H_PROTOCOL])
    found = {}
    for number, one in protocol.variables.values():
        for k in range(one.size):
            name = f"{one.name}[{k}]" if one.size > 1 else one.name
            found[int(w[q + lay.Q_VARIABLE]) + number + k] = f"{name} (0 to {one.most})"
    for task, own in enumerate(protocol.locals):
        first = int(w[q + lay.Q_LOCAL]) + task * int(w[q + lay.Q_LOCALS])
        for name, (number, most) in own.items():
            found[first + number] = f"local {name} of {protocol.names[task]} (0 to {most})"
    return found


def _refuse_what_a_model_lacks(groups: set[str], protocol: Compiled, rules: Rules) -> None:
    if rules.memory != "lkmm":
        return
    if TRANSLATION in groups:
        raise ScopeError(
            "user accesses through a TLB are x86's, but --memory lkmm covers all architectures:"
            " use --memory sc, tso or pso"
        )
    if len(set(protocol.cpus)) < len(protocol.cpus):
        raise ScopeError(
            "--memory lkmm does not define what actors on one CPU see of each other: use --memory"
            " sc, tso or pso, or give each its own CPU"
        )


def _world(protocol: Compiled) -> Any:
    """Return the World in its first state."""
    words, entries = link(protocol.programs)
    tasks = len(protocol.programs)
    region = Record(lay.H_WORDS)
    ptes = len(protocol.ptes)
    cpus = max(protocol.cpus) + 1
    most_locals = max([1, *(len(own) for own in protocol.locals)])
    code = list(protocol.code)
    for number, (what, operand) in enumerate(code):
        if what == lay.E_TLB:
            code[number] = (what, (operand >> 8) * ptes + (operand & 255))
    places = {
        lay.H_PROG: region.words(len(words)),
        lay.H_TASK: region.words(tasks * lay.T_WORDS),
        lay.H_COUNT: region.words(len(lay.COUNTERS) + 8),
        lay.H_WOKEN: region.words(tasks + 8),
        lay.H_PROTOCOL: region.words(lay.Q_WORDS),
    }
    own = {
        lay.Q_VARIABLE: region.words(protocol.cells + 1),
        lay.Q_LOCAL: region.words(tasks * most_locals),
        lay.Q_CODE: region.words(2 * len(code)),
        lay.Q_STACK: region.words(lay.STACK_DEPTH + 2),
        lay.Q_LOCK: region.words(2 * lay.LOCKS_OF_A_KIND * LINE_WORDS),
        lay.Q_QUEUE: region.words(len(protocol.queues) + 1),
        lay.Q_SECTION: region.words(tasks),
        lay.Q_GRACE: region.words(tasks),
        lay.Q_TLB: region.words(cpus * ptes + 1),
        lay.Q_CPU: region.words(tasks),
        lay.Q_HELD: region.words(tasks),
    }
    w = np.zeros(region.end(), dtype=np.int64)
    q = places[lay.H_PROTOCOL]
    for slot, place in places.items():
        w[slot] = place
    for slot, place in own.items():
        w[q + slot] = place
    w[lay.H_TASKS] = tasks
    w[lay.H_LINE_WORDS] = LINE_WORDS
    w[q + lay.Q_LOCALS] = most_locals
    w[q + lay.Q_TLB_WORDS] = ptes
    w[q + lay.Q_CPUS] = cpus
    w[q + lay.Q_WOKEN] = (1 << tasks) - 1
    w[own[lay.Q_CPU] : own[lay.Q_CPU] + tasks] = protocol.cpus
    w[places[lay.H_PROG] : places[lay.H_PROG] + len(words)] = words
    flat = [word for pair in code for word in pair]
    w[own[lay.Q_CODE] : own[lay.Q_CODE] + len(flat)] = flat
    for number, one in protocol.variables.values():
        at = own[lay.Q_VARIABLE] + number
        w[at : at + one.size] = one.start
    for task in range(tasks):
        w[places[lay.H_TASK] + task * lay.T_WORDS + lay.T_PC] = entries[task]
    return w


def _shape(w: Any, protocol: Compiled, groups: set[str]) -> StateShape:
    """Return which words belong to a state."""
    q = int(w[lay.H_PROTOCOL])
    tasks = len(protocol.names)
    alike = 0
    tells_apart = {WAITING, SECTION, TRANSLATION} & groups
    if protocol.copies > 1 and not tells_apart:
        alike = protocol.copies
    own = [list(_task_fields(w, protocol, task, groups)) for task in range(tasks)]
    common = [part for task in range(alike, tasks) for part in own[task]]
    common += _common_fields(w, protocol, groups)
    first = int(w[q + lay.Q_VARIABLE])
    locks = {
        number + kind: [int(w[q + lay.Q_LOCK]) + (number + kind - lay.LOCK_SLEEPING) * LINE_WORDS]
        for number, one in protocol.locks.values()
        for kind in (lay.LOCK_SPINNING if one.spins else lay.LOCK_SLEEPING,)
    }
    shared = [(first + number, 0) for number in range(protocol.cells)]
    shared += [(place + lay.K_HOLD, 0) for places in locks.values() for place in places]
    wheres = [(first + number, -1, 0, lay.IN_DATA) for number in range(protocol.cells)]
    return StateShape(
        alike, 0, own[:alike], common, shared, wheres, locks, alike > 1, tuple(protocol.code)
    )


def _task_fields(w: Any, protocol: Compiled, task: int, groups: set[str]) -> Iterator[Part]:
    t = task_at(w, task)
    q = int(w[lay.H_PROTOCOL])
    yield value(t + lay.T_PC, 0, len(program_of(w)))
    yield value(t + lay.T_AT, lay.ENDED, 0)
    first = int(w[q + lay.Q_LOCAL]) + task * int(w[q + lay.Q_LOCALS])
    for number, most in protocol.locals[task].values():
        yield value(first + number, 0, most)
    if SECTION in groups:
        yield value(int(w[q + lay.Q_SECTION]) + task, 0, 3)
        yield value(int(w[q + lay.Q_GRACE]) + task, 0, (1 << len(protocol.names)) - 1)
        yield value(int(w[q + lay.Q_HELD]) + task, 0, 3)


def _common_fields(w: Any, protocol: Compiled, groups: set[str]) -> list[Part]:
    q = int(w[lay.H_PROTOCOL])
    tasks = len(protocol.names)
    found: list[Part] = []
    for number, one in protocol.variables.values():
        at = int(w[q + lay.Q_VARIABLE]) + number
        found += [value(at + k, 0, one.most) for k in range(one.size)]
    for place, readers in _holds(w, protocol).values():
        found.append(value(place, -1, max(tasks, readers.most)))
    if WAITING in groups:
        full = (1 << tasks) - 1
        found += [value(q + slot, 0, full) for slot in (lay.Q_WOKEN, lay.Q_KILLABLE, lay.Q_SIGNALS)]
        at = int(w[q + lay.Q_QUEUE])
        line = (1 << lay.WAITER_BITS * tasks) - 1
        found += [value(at + k, 0, line) for k in range(len(protocol.queues))]
    if TRANSLATION in groups:
        at = int(w[q + lay.Q_TLB])
        most = max(one.most for _, one in protocol.variables.values())
        entries = int(w[q + lay.Q_CPUS]) * len(protocol.ptes)
        found += [value(at + k, 0, most) for k in range(entries)]
    found.append(value(q + lay.Q_BUG, 0, lay.NO_SUCH_ELEMENT))
    return found


def _holds(w: Any, protocol: Compiled) -> dict[str, tuple[int, Readers]]:
    """Return of each lock the word that counts its readers, and how many there can be."""
    first = int(w[int(w[lay.H_PROTOCOL]) + lay.Q_LOCK])
    rows = program_of(w)
    entries = [int(w[task_at(w, task) + lay.T_PC]) for task in range(len(protocol.names))]
    found = {}
    for name, (number, one) in protocol.locks.items():
        lock = number + (lay.LOCK_SPINNING if one.spins else lay.LOCK_SLEEPING)
        place = first + (lock - lay.LOCK_SLEEPING) * LINE_WORDS + lay.K_HOLD
        found[name] = (place, readers_of(rows, entries, lock))
    return found


def _crowded(w: Any, protocol: Compiled) -> dict[int, str]:
    """Return, by its word, who takes a lock ever more often, in words."""
    found = {}
    for name, (place, readers) in _holds(w, protocol).items():
        who = " and ".join(protocol.names[task] for task in readers.endless)
        if who:
            found[place] = f"{name}: {who} can take it for reading again and again, without up_read"
    return found


# --- locals that matter ---------------------------------------------------------------------------


def locals_that_matter(rows: Any, protocol: Compiled) -> list[int]:
    """Return, for each instruction, the locals that matter before it: used before they are set.

    Others are forgotten, so that states that differ in them alone are one. What properties ask for
    always matters.
    """
    always = [
        protocol.always_live[task]
        for task, program in enumerate(protocol.programs)
        for _ in range(program.steps)
    ]
    uses = [locals_of(row, protocol.code) for row in rows]
    live = list(always)
    changed = True
    while changed:
        changed = False
        for place in range(len(rows) - 1, -1, -1):
            after = 0
            for other in following(rows[place]):
                if other < len(rows):
                    after |= live[other]
            found = always[place] | uses[place][0] | (after & ~uses[place][1])
            if found != live[place]:
                live[place] = found
                changed = True
    return live
