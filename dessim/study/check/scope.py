"""What is explored: a scheme, somebody else, and how small the World is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from dessim import registry
from dessim.errors import UserError
from dessim.registry import Actor, Option, Scheme

NOBODY = "none"
MAX_THREADS, MAX_PAGES = 3, 2
MODELS = ("sc", "tso", "pso", "lkmm")
INVALIDATE = {"unmap_retry": "none", "walk": "if_mapped", "bug1": True, "bug2": True}
"""Options that a row of results has for every actor, with what they are where there are none."""


class CheckError(UserError):
    """A scope that cannot be explored; the message says what to do about it."""


@dataclass(frozen=True)
class Scope:
    """What is explored.

    Attributes
    ----------
    scheme : str
    scheme_options : tuple of (str, value)
        Options of the scheme that differ from its defaults; `with_scheme` sets them.
    actor : str
        One of `actors`.
    actor_options : tuple of (str, value)
        Options of the actor that differ from its defaults; `against` sets them.
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
        ``sc``, ``tso`` or ``lkmm``.
    plain_increment, acquire_only, split_lookup : bool
        See ``engines.explorer.orders.Rules``.
    """

    scheme: str
    scheme_options: tuple[tuple[str, Option], ...] = ()
    actor: str = "invalidate"
    actor_options: tuple[tuple[str, Option], ...] = ()
    threads: int = 1
    tables: str = "shared"
    attempts: int | str = 1
    page: str = "neighbour"
    pages: int = 1
    memory: str = "sc"
    plain_increment: bool = False
    acquire_only: bool = False
    split_lookup: bool = False

    def with_scheme(self, **options: Option) -> Scope:
        """Return the scope with options of its scheme, in addition to those that it has.

        Raises
        ------
        UnknownScheme
            If there is no such option, or no such value of it.
        """
        chosen = {**dict(self.scheme_options), **options}
        kept = _chosen(registry.load(self.scheme), chosen)
        return replace(self, scheme_options=kept)

    def against(self, actor: str = "", **options: Option) -> Scope:
        """Return the scope with another actor, or with options of the one that it has.

        Raises
        ------
        CheckError, UnknownScheme
            If there is no such actor, no such option, or no such value of it.
        """
        actor = short_name(actor or self.actor)
        chosen = {**dict(self.actor_options), **options} if actor == self.actor else options
        found = actor_of(actor)
        if found is None:
            for key in chosen:
                raise CheckError(f"no actor is chosen, so there is no option {key!r} of it")
            return replace(self, actor=actor, actor_options=())
        return replace(self, actor=actor, actor_options=_chosen(found, chosen))

    def described(self) -> dict[str, Any]:
        """Return the scope as the keys of a row of results."""
        scheme, actor = dict(self.scheme_options), dict(self.actor_options)
        return {
            "scheme": self.scheme,
            "invalidate": {key: actor.get(key, usual) for key, usual in INVALIDATE.items()},
            "actor": self.actor,
            "precheck": bool(scheme.get("precheck", False)),
            "threads": self.threads,
            "tables": self.tables,
            "attempts": self.attempts,
            "page": self.page,
            "pages": self.pages,
            "memory": self.memory,
            "scheme_options": scheme,
            "actor_options": actor,
        }


def _chosen(one: Scheme | Actor, options: Mapping[str, Option]) -> tuple[tuple[str, Option], ...]:
    """Return options as a scope holds them: equal scopes are equal, however they were made."""
    full = registry.options_of(one, options)
    return tuple(sorted((k, v) for k, v in full.items() if v != one.options[k]))


def actors() -> list[str]:
    """Return what can be named as an actor: all actors by their short names, and nobody."""
    return [*map(short_name, registry.actor_names()), NOBODY]


def shipped_actors() -> list[str]:
    """Return the short names of the actors that ship with dessim."""
    shipped = [one.name for one in registry.listed("ACTOR") if not one.own and not one.problem]
    return list(map(short_name, shipped))


def short_name(actor: str) -> str:
    """Return an actor's name on the command line and in results."""
    shorts = {full: short for short, full in registry.SHORT_NAMES.items()}
    return shorts.get(actor, actor)


def actor_of(actor: str) -> Actor | None:
    """Return an actor by its name or its short name; None for nobody.

    Raises
    ------
    CheckError
        If there is none of that name.
    SchemeFileError
        If its file cannot be used.
    """
    if actor == NOBODY:
        return None
    name = registry.SHORT_NAMES.get(actor, actor)
    try:
        return registry.load_actor(name)
    except registry.UnknownScheme as error:
        known = actors()
        near = get_close_matches(actor, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise CheckError(f"unknown actor {actor!r}: there are {', '.join(known)}{hint}") from error


def refuse_nonsense(scope: Scope) -> None:
    """Refuse a scope whose parts do not go together.

    Raises
    ------
    CheckError
        With what is wrong and what can be done.
    """
    actor_of(scope.actor)
    if not 1 <= scope.threads <= MAX_THREADS:
        raise CheckError(f"threads must be 1 to {MAX_THREADS}, found {scope.threads}")
    if not 1 <= scope.pages <= MAX_PAGES:
        raise CheckError(f"pages must be 1 to {MAX_PAGES}, found {scope.pages}")
    if scope.attempts not in (1, 2, "repeat"):
        raise CheckError(f"attempts must be 1, 2 or repeat, found {scope.attempts}")
    if scope.memory not in MODELS:
        raise CheckError(
            f"memory must be sc, tso, pso or lkmm (weak is now lkmm), found {scope.memory!r}"
        )
    if dict(scope.scheme_options).get("folio_order", 0):
        raise CheckError("folio_order must be 0: the explorer handles single pages only")
    if scope.acquire_only and scope.memory != "lkmm":
        raise CheckError("--lock-page acquire needs --memory lkmm: elsewhere it is a full barrier")
    if scope.plain_increment and scope.memory == "sc":
        raise CheckError("--increment plain needs --memory tso or lkmm: sc delays nothing")


def task_names(scope: Scope) -> list[str]:
    """Return the names of a scope's tasks: threads, then the actor."""
    threads = [f"thread {number + 1}" for number in range(scope.threads)]
    return threads + [scope.actor] * (scope.actor != NOBODY)


def core_scopes(name: str) -> list[Scope]:
    """Return the scopes of a scheme in the core table: against every way to unmap.

    A scheme that promises nothing is shown with one thread, too, and with each of its repairs.
    """
    scheme = registry.load(name)
    plain = Scope(name)
    actor = actor_of(plain.actor)
    assert actor is not None
    ways = [plain.against(unmap_retry=retry) for retry in actor.choices["unmap_retry"]]
    ways += [plain.against(walk=walk) for walk in actor.choices["walk"][1:]]
    repaired = [way.with_scheme(**repair) for repair in scheme.repairs for way in ways]
    crowds = (2,) if scheme.promises else (1, 2)
    return [replace(way, threads=threads) for threads in crowds for way in (*ways, *repaired)]
