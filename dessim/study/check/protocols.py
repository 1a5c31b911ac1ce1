"""Protocols: what is explored of them, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dessim import registry
from dessim.errors import UserError
from dessim.registry import Option, ProtocolFile
from dessim.study.check.scope import MODELS, CheckError
from dessim.study.check.verdicts import DEFAULT_BOUND

if TYPE_CHECKING:
    from dessim.engines.explorer.effort import Effort

ASLEEP = "deadlock"
"""A property of every protocol: nobody can go on, and somebody has not ended."""


@dataclass(frozen=True)
class ProtocolScope:
    """A protocol with its options and a memory model.

    Attributes
    ----------
    protocol : str
    options : tuple of (str, value)
        All of them.
    changed : tuple of (str, value)
        Those that differ from the defaults.
    memory : str
        ``sc``, ``tso``, ``pso`` or ``lkmm``.
    """

    protocol: str
    options: tuple[tuple[str, Option], ...] = ()
    changed: tuple[tuple[str, Option], ...] = ()
    memory: str = "sc"


@dataclass(frozen=True)
class ProtocolVerdict:
    """What was found about one property of a protocol: as ``Verdict``."""

    scope: ProtocolScope
    name: str
    verdict: str
    steps: int | None
    states: int
    schedule: str

    def row(self) -> dict[str, Any]:
        """Return the verdict as a row of results."""
        return {
            "protocol": self.scope.protocol,
            "options": dict(self.scope.options),
            "memory": self.scope.memory,
            "property": self.name,
            "verdict": self.verdict,
            "steps": self.steps,
            "states": self.states,
            "schedule": self.schedule,
        }


@dataclass(frozen=True)
class ProtocolChecked:
    """A protocol with its verdicts."""

    scope: ProtocolScope
    verdicts: tuple[ProtocolVerdict, ...]
    exploration: Any = field(repr=False)


def protocol_scope(
    name: str, options: Mapping[str, Option] | None = None, memory: str = "sc"
) -> ProtocolScope:
    """Return what is to be explored of a protocol.

    Raises
    ------
    CheckError, UnknownScheme, SchemeFileError
        If there is no such protocol, option, or memory model.
    """
    if memory not in MODELS:
        raise CheckError(f"memory must be one of {', '.join(MODELS)}, found {memory!r}")
    one = registry.load_protocol(name)
    full = registry.options_of(one, options or {})
    changed = {key: value for key, value in full.items() if value != one.options[key]}
    return ProtocolScope(name, tuple(full.items()), tuple(changed.items()), memory)


def protocol_small_world(scope: ProtocolScope, one: ProtocolFile | None = None) -> Any:
    """Return the small World of a protocol.

    Raises
    ------
    SchemeFileError, CheckError, ScopeError
        If it cannot be built, or not be explored.
    """
    from dessim.engines.explorer.orders import Rules
    from dessim.engines.explorer.protocol_world import protocol_world
    from dessim.kernel.protocol import compiled

    one = one or registry.load_protocol(scope.protocol)
    made = one.made(dict(scope.options))
    try:
        programs = compiled(made)
    except Exception as error:  # a person's own file: anything may stand in its Protocol
        kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
        raise CheckError(f"{one.file or scope.protocol}: {kind}{error}") from error
    return protocol_world(programs, Rules(memory=scope.memory))


def check_protocol(
    scope: ProtocolScope,
    properties: tuple[str, ...] = (),
    bound: int = DEFAULT_BOUND,
    one: ProtocolFile | None = None,
    effort: Effort | None = None,
) -> ProtocolChecked:
    """Explore a protocol.

    Parameters
    ----------
    scope : ProtocolScope
    properties : tuple of str
        What is asked for; all of its own, and ``deadlock``, if empty.
    bound : int
        Most states.
    one : ProtocolFile, optional
        In place of the one with the scope's name.
    effort : Effort, optional
        How the search is carried out.

    Raises
    ------
    CheckError, SchemeFileError, ScopeError
        If it cannot be explored.
    """
    from dessim.engines.explorer.explore import explore
    from dessim.engines.explorer.story import concrete, schedule_text

    small = protocol_small_world(scope, one)
    known = (*small.own_properties, ASLEEP)
    for name in properties:
        if name not in known:
            raise CheckError(f"unknown property {name!r}: {scope.protocol} has {', '.join(known)}")
    made = explore(small, properties or known, bound, effort=effort)
    verdicts = []
    for name, finding in made.findings.items():
        steps, schedule = finding.steps, ""
        if finding.verdict == "sometimes":
            moves, _ = concrete(made, name)
            steps, schedule = len(moves), schedule_text(small, moves)
        verdicts.append(ProtocolVerdict(scope, name, finding.verdict, steps, made.states, schedule))
    return ProtocolChecked(scope, tuple(verdicts), made)
