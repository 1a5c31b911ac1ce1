"""What is explored: a scheme, somebody else, and a small scope; and the verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from dessim import registry
from dessim.errors import UserError
from dessim.kernel.setup import ActorSetup, Setup
from dessim.model import load_machine
from dessim.model.machine import Machine
from dessim.model.workload import PAGE_BYTES, Workload
from dessim.registry import Option, Scheme

# Names on the command line and in results, and the files of those who are meant.
ACTORS = {
    "invalidate": "invalidate_range",
    "truncate": "truncate",
    "reclaim": "reclaim",
    "munmap": "munmap",
    "none": "",
}
MACHINE = "ivybridge-ex-4s"  # gives the World its shape; its times are never asked for
WINDOW_ORDER = 3
DEFAULT_BOUND = 5_000_000
MAX_THREADS, MAX_PAGES = 3, 2
RETRIES = ("none", "before_bug", "always_bug", "until_unmapped")


class CheckError(UserError):
    """A scope that cannot be explored; the message says what to do about it."""


@dataclass(frozen=True)
class Scope:
    """What is explored.

    Attributes
    ----------
    scheme : str
    actor : str
        A key of ``ACTORS``.
    unmap_retry, walk : str
    bug1, bug2 : bool
        Options of ``invalidate_range``.
    threads : int, 1..3
    tables : str
        ``shared``: one page table for all threads; ``own``: a process each.
    attempts : int or str
        Faults of each thread: 1, 2 or ``repeat``.
    page : str
        Whether the pages are ``target`` or ``neighbour`` of the faults.
    pages : int, 1..2
        Pages that threads and actor have in common.
    memory : str
        ``sc``, ``tso`` or ``weak``.
    plain_increment, acquire_only, split_lookup : bool
        See ``engines.explorer.world.Rules``.
    options : tuple of (str, value)
        Options of the scheme that differ from its defaults.
    """

    scheme: str
    actor: str = "invalidate"
    unmap_retry: str = "none"
    walk: str = "if_mapped"
    bug1: bool = True
    bug2: bool = True
    threads: int = 1
    tables: str = "shared"
    attempts: int | str = 1
    page: str = "neighbour"
    pages: int = 1
    memory: str = "sc"
    plain_increment: bool = False
    acquire_only: bool = False
    split_lookup: bool = False
    options: tuple[tuple[str, Option], ...] = ()

    @property
    def precheck(self) -> bool:
        """Whether the scheme looks at the page lock before it raises the count."""
        return bool(dict(self.options).get("precheck", False))

    def described(self) -> dict[str, Any]:
        """Return the scope as the keys of a row of results."""
        return {
            "scheme": self.scheme,
            "invalidate": {
                "unmap_retry": self.unmap_retry,
                "walk": self.walk,
                "bug1": self.bug1,
                "bug2": self.bug2,
            },
            "actor": self.actor,
            "precheck": self.precheck,
            "threads": self.threads,
            "tables": self.tables,
            "attempts": self.attempts,
            "page": self.page,
            "pages": self.pages,
            "memory": self.memory,
        }


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
    from dessim.engines.explorer.words import PROPERTIES

    return PROPERTIES


def refuse_nonsense(scope: Scope) -> None:
    """Refuse a scope whose parts do not go together.

    Raises
    ------
    CheckError
        With what is wrong and what can be done.
    """
    if scope.actor not in ACTORS:
        raise CheckError(f"unknown actor {scope.actor!r}: there are {', '.join(ACTORS)}")
    if not 1 <= scope.threads <= MAX_THREADS:
        raise CheckError(f"threads must be 1 to {MAX_THREADS}, found {scope.threads}")
    if not 1 <= scope.pages <= MAX_PAGES:
        raise CheckError(f"pages must be 1 to {MAX_PAGES}, found {scope.pages}")
    if scope.attempts not in (1, 2, "repeat"):
        raise CheckError(f"attempts must be 1, 2 or repeat, found {scope.attempts}")
    default = Scope(scope.scheme)
    needs = {
        "unmap_retry": ("invalidate",),
        "bug1": ("invalidate",),
        "walk": ("invalidate", "truncate"),
        "bug2": ("invalidate", "truncate"),
    }
    for name, actors in needs.items():
        if getattr(scope, name) != getattr(default, name) and scope.actor not in actors:
            flag = name.replace("_", "-")
            raise CheckError(f"--{flag} is for --actor {' or '.join(actors)}, not {scope.actor}")
    if scope.acquire_only and scope.memory != "weak":
        raise CheckError("--lock-page acquire needs --memory weak: elsewhere it is a full barrier")
    if scope.plain_increment and scope.memory == "sc":
        raise CheckError("--increment plain needs --memory tso or weak: sc delays nothing")


@lru_cache
def _machine() -> Machine:
    return load_machine(MACHINE)


def actor_options(scope: Scope) -> dict[str, Option]:
    """Return the options of a scope's actor."""
    if scope.actor == "invalidate":
        return {
            "unmap_retry": scope.unmap_retry,
            "walk": scope.walk,
            "bug1": scope.bug1,
            "bug2": scope.bug2,
        }
    if scope.actor == "truncate":
        return {"walk": scope.walk, "bug2": scope.bug2}
    return {}


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
    program = registry.faulting_program(scheme, dict(scope.options))
    actors: tuple[ActorSetup, ...] = ()
    if ACTORS[scope.actor]:
        actor = registry.load_actor(ACTORS[scope.actor])
        steps = registry.program_of_actor(actor, actor_options(scope), scheme.fault_lock)
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

    Raises
    ------
    CheckError, UnknownScheme
        If the scope cannot be explored.
    """
    from dessim.engines.explorer.explore import explore
    from dessim.engines.explorer.story import concrete, written

    small = small_world_of(scope, scheme)
    promises = (scheme or registry.load(scope.scheme)).promises
    made = explore(small, properties or property_names(), bound)
    verdicts = []
    for name, finding in made.findings.items():
        steps, schedule, circle = finding.steps, "", 0
        if finding.verdict == "sometimes":
            moves, circle = concrete(made, name)
            steps, schedule = len(moves), written(small, moves)
        promised = name in promises
        verdicts.append(
            Verdict(scope, name, finding.verdict, steps, made.states, schedule, promised, circle)
        )
    return Checked(scope, tuple(verdicts), made)


def told(small: Any, schedule: str) -> list[Any]:
    """Return the lines of a written schedule: task, text, properties violated.

    Raises
    ------
    ScopeError
        If it cannot be read, or a step of it is not possible.
    """
    from dessim.engines.explorer.story import read_schedule, tell

    return tell(small, read_schedule(small, schedule))


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


def task_names(scope: Scope) -> list[str]:
    """Return the names of a scope's tasks: threads, then the actor."""
    threads = [f"thread {number + 1}" for number in range(scope.threads)]
    return threads + [scope.actor] * bool(ACTORS[scope.actor])


def core_scopes() -> list[Scope]:
    """Return the scopes of the core table: every scheme beside every way to unmap."""
    scopes = []
    for name in registry.names():
        lockless = not registry.load(name).promises
        plain = Scope(name)
        ways = [replace(plain, unmap_retry=retry) for retry in RETRIES]
        ways.append(replace(plain, walk="every_table"))
        if lockless:
            ways += [replace(way, options=(("precheck", True),)) for way in ways]
        for threads in (1, 2) if lockless else (2,):
            scopes += [replace(way, threads=threads) for way in ways]
    return scopes


def with_options(scope: Scope, options: Mapping[str, Option]) -> Scope:
    """Return a scope with other options of its scheme, those that are its defaults left out."""
    defaults = registry.load(scope.scheme).options
    kept = {k: v for k, v in options.items() if k not in defaults or v != defaults[k]}
    return replace(scope, options=tuple(sorted(kept.items())))
