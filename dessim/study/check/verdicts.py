"""Exploring a scope, and the verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dessim import registry
from dessim.errors import UserError
from dessim.kernel.setup import ActorSetup, Setup
from dessim.model import load_machine
from dessim.model.machine import Machine
from dessim.model.workload import PAGE_BYTES, Workload
from dessim.registry import Scheme
from dessim.study.check.scope import Scope, actor_of, core_scopes, refuse_nonsense

if TYPE_CHECKING:
    from dessim.engines.explorer.effort import Effort

MACHINE = "ivybridge-ex-4s"  # gives the World its shape; its times are never asked for
WINDOW_ORDER = 3
DEFAULT_BOUND = 5_000_000


@dataclass(frozen=True)
class Verdict:
    """What was found about one property in one scope.

    Attributes
    ----------
    scope : Scope
    name : str
        The property.
    verdict : str
        ``never``, ``sometimes`` or ``unknown``.
    steps : int or None
        Length of a shortest trace.
    states : int
        States seen.
    schedule : str
        A shortest trace, as text; empty if there is none.
    promised : bool
        Whether the scheme promises that it never happens.
    circle : int
        Of a livelock: how many of the last steps go round for ever.
    """

    scope: Scope
    name: str
    verdict: str
    steps: int | None
    states: int
    schedule: str
    promised: bool
    circle: int = 0

    def row(self) -> dict[str, Any]:
        """Return the verdict as a row of results."""
        return self.scope.described() | {
            "property": self.name,
            "verdict": self.verdict,
            "steps": self.steps,
            "states": self.states,
        }

    @property
    def broken(self) -> bool:
        """Whether a promise is broken."""
        return self.promised and self.verdict == "sometimes"


@dataclass(frozen=True)
class Checked:
    """A scope with its verdicts.

    Attributes
    ----------
    scope : Scope
    verdicts : tuple of Verdict
    exploration : Exploration
    """

    scope: Scope
    verdicts: tuple[Verdict, ...]
    exploration: Any = field(repr=False)


def property_names() -> tuple[str, ...]:
    """Return the names of all properties."""
    from dessim.engines.explorer.layout import PROPERTIES

    return PROPERTIES


@lru_cache
def _machine() -> Machine:
    return load_machine(MACHINE)


def setup_of(scope: Scope, scheme: Scheme | None = None) -> Setup:
    """Return the setup of a scope's small World.

    Parameters
    ----------
    scope : Scope
    scheme : Scheme, optional
        In place of the one with the scope's name.
    """
    workload = Workload(
        name="scope",
        access="sequential",
        page_touch="touch_word",
        file_size_bytes=scope.pages * PAGE_BYTES,
        mapping="per_process" if scope.tables == "own" else "shared",
    )
    scheme = scheme or registry.load(scope.scheme)
    program = registry.faulting_program(scheme, dict(scope.scheme_options))
    actors: tuple[ActorSetup, ...] = ()
    actor = actor_of(scope.actor)
    if actor is not None:
        chosen = dict(scope.actor_options)
        steps = registry.program_of_actor(actor, chosen, scheme.fault_lock)
        actors = (ActorSetup(steps, 1, scope.pages),)
    return Setup(_machine(), workload, program, scope.threads, WINDOW_ORDER, None, 1, 0, actors)


def small_world_of(scope: Scope, scheme: Scheme | None = None) -> Any:
    """Return a scope's small World.

    Raises
    ------
    CheckError, UnknownScheme
        If the scope cannot be explored.
    """
    from dessim.engines.explorer.orders import Rules
    from dessim.engines.explorer.world import small_world

    refuse_nonsense(scope)
    rules = Rules(
        memory=scope.memory,
        attempts=0 if scope.attempts == "repeat" else int(scope.attempts),
        neighbour=scope.page == "neighbour",
        plain_increment=scope.plain_increment,
        acquire_only=scope.acquire_only,
        split_lookup=scope.split_lookup,
    )
    return small_world(setup_of(scope, scheme), rules)


def check(
    scope: Scope,
    properties: tuple[str, ...] = (),
    bound: int = DEFAULT_BOUND,
    scheme: Scheme | None = None,
    effort: Effort | None = None,
) -> Checked:
    """Explore a scope.

    Parameters
    ----------
    scope : Scope
    properties : tuple of str
        What is asked for; all if empty.
    bound : int
        Most states.
    scheme : Scheme, optional
        In place of the one with the scope's name.
    effort : Effort, optional
        How the search is carried out.

    Raises
    ------
    CheckError, UnknownScheme
        If the scope cannot be explored.
    """
    from dessim.engines.explorer.explore import explore
    from dessim.engines.explorer.story import concrete, schedule_text

    small = small_world_of(scope, scheme)
    promises = (scheme or registry.load(scope.scheme)).promises
    made = explore(small, properties or property_names(), bound, effort=effort)
    verdicts = []
    for name, finding in made.findings.items():
        steps, schedule, circle = finding.steps, "", 0
        if finding.verdict == "sometimes":
            moves, circle = concrete(made, name)
            steps, schedule = len(moves), schedule_text(small, moves)
        promised = name in promises
        verdicts.append(
            Verdict(scope, name, finding.verdict, steps, made.states, schedule, promised, circle)
        )
    return Checked(scope, tuple(verdicts), made)


def story(small: Any, schedule: str) -> list[Any]:
    """Return the lines of a written schedule: task, text, properties violated.

    Raises
    ------
    ScopeError
        If it cannot be read, or a step of it is not possible.
    """
    from dessim.engines.explorer.story import lines_of, read_schedule

    return lines_of(small, read_schedule(small, schedule))


def replay_on_reference(small: Any, schedule: str) -> dict[str, int]:
    """Replay a schedule on the reference engine; return its counters.

    Raises
    ------
    ScopeError
        If the schedule cannot be read, or the scope has store buffers.
    EnginesDisagree
        If the reference engine comes to another state than the explorer.
    """
    from dessim.engines.explorer.replay import replay
    from dessim.engines.explorer.story import read_schedule
    from dessim.kernel.layout import COUNTERS, H_COUNT

    w = replay(small, read_schedule(small, schedule))
    return {name: w[w[H_COUNT] + number] for number, name in enumerate(COUNTERS)}


def explore_core(
    properties: tuple[str, ...], bound: int = DEFAULT_BOUND, effort: Effort | None = None
) -> tuple[list[Checked], dict[str, str]]:
    """Explore the core table: every scheme there is.

    Returns
    -------
    list of Checked
    dict
        Your own schemes that cannot be explored, with what is wrong with them: they stop
        nobody else.
    """
    listed = registry.listed("SLOW_PATH")
    left_out = {one.name: one.problem for one in listed if one.problem}
    own = {one.name for one in listed if one.own}
    found: list[Checked] = []
    for name in registry.names():
        try:
            found += [check(scope, properties, bound, effort=effort) for scope in core_scopes(name)]
        except UserError as error:
            if name not in own:
                raise
            left_out[name] = str(error)
    return found, left_out
