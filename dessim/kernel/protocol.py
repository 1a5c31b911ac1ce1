"""The words in which a protocol is written: variables, actors, what must never be so.

A file in ``./protocols`` that has a function ``protocol`` is one: it returns a ``Protocol``. Each
statement is a step of the table of operations, or a few that always belong together; in between
any other actor may come. ``docs/protocols.md`` has an example to copy.
"""

from __future__ import annotations

from collections.abc import Sequence

from dessim.kernel import layout as lay
from dessim.kernel.protocol_compiled import Compiled
from dessim.kernel.protocol_compiler import Compiler
from dessim.kernel.protocol_expressions import Fact
from dessim.kernel.protocol_expressions import ProtocolError as ProtocolError
from dessim.kernel.protocol_expressions import made as made
from dessim.kernel.protocol_parts import *
from dessim.kernel.protocol_waits import *
from dessim.kernel.protocol_words import *


def compiled(protocol: Protocol) -> Compiled:
    """Return a protocol as programs.

    Raises
    ------
    ProtocolError
        If it makes no sense; the message says why.
    """
    actors = sorted(protocol.actors, key=lambda one: -one.copies)  # those that are alike come first
    names = [one.name for one in actors]
    for name in names:
        if names.count(name) > 1:
            raise ProtocolError(f"two actors are called {name!r}: give one of them copies=2")
    number = sum(one.copies for one in actors)
    if not 1 <= number <= lay.MOST_TASKS:
        raise ProtocolError(f"a protocol has 1 to {lay.MOST_TASKS} actors, this one {number}")
    tasks = [one for one in actors for _ in range(one.copies)]
    c = Compiler()
    for number, one in enumerate(tasks):
        c.tasks.setdefault(id(one), []).append(number)
    _place_on_cpus(c, tasks)
    for number, one in enumerate(tasks):
        c.shares_cpu = c.out.cpus.count(c.out.cpus[number]) > 1
        program, own = c.actor(one.statements)
        which = f" {c.tasks[id(one)].index(number) + 1}" if one.copies > 1 else ""
        c.out.programs.append(program)
        c.out.names.append(one.name + which)
        c.out.locals.append(own)
        c.out.always_live.append(0)
    c.out.copies = actors[0].copies
    if c.out.bugs:
        c.property("bug_on", Fact("bug"), False)
    for name, bad in protocol.never.items():
        c.property(name, made(bad), False)
    for name, good in protocol.at_rest.items():
        c.property(name, made(good), True)
    if not c.out.bugs:  # indices outside arrays, locks that nobody holds
        c.property("bug_on", Fact("bug"), False)
    return c.out


def _place_on_cpus(c: Compiler, tasks: Sequence[ProtocolActor]) -> None:
    """Give each task a CPU: its own, unless it says which."""
    said = {one.cpu for one in tasks if one.cpu is not None}
    free = (number for number in range(2 * lay.MOST_TASKS) if number not in said)
    numbers = [next(free) if one.cpu is None else one.cpu for one in tasks]
    if any(not 0 <= number < lay.MOST_TASKS for number in numbers):
        raise ProtocolError(f"CPUs are numbered 0 to {lay.MOST_TASKS - 1}")
    c.out.cpus = numbers
