"""What schemes, actors and protocols there are, and loading one by name.

A scheme's file has ``FAULT_AROUND``, ``SLOW_PATH`` and ``PROMISES`` (which your own may lack);
an actor's file has ``ACTOR``, and may have ``ALONGSIDE_WRITES``; a protocol's has a function
``protocol``. All may have ``OPTIONS`` with defaults, ``CHOICES`` with the values that a text may
take, ``BOUNDS`` with the least and the greatest value of a number, and ``EXCLUDED`` with options
that do not go together.
"""

import contextlib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

from dessim.errors import UserError
from dessim.files.numbers import whole
from dessim.kernel.alphabet import Step
from dessim.kernel.protocol import Protocol, ProtocolError
from dessim.model.errors import suggest
from dessim.model.python_file import doc_of, place_of, why_unfit
from dessim.model.units import shorten
from dessim.registry import files, parts
from dessim.registry.files import Found, SchemeFileError
from dessim.registry.parts import Option, shown
from dessim.schemes import linux

BUILD = """\
from dessim.kernel.protocol import compiled
compiled(own["protocol"](**{!r}))
"""
Bounds = Mapping[str, tuple[int, int]]
ANY_NUMBER = (-(10**9), 10**9)
"""Bounds of a number that has none: a greater one is a slip."""
THREADS: dict[str, tuple[int, int]] = {"threads": (1, 6)}
"""Of a protocol's option that `--threads` sets: no protocol has more actors."""
ABOUT_BUILD = ("protocol()", "it only returns a Protocol")


@dataclass(frozen=True)
class Scheme:
    """A locking scheme.

    Attributes
    ----------
    name : str
    description : str
        What it is and where it comes from: the docstring of its file.
    fault_around, slow_path : tuple of Step
        Mapping the window, and the ordinary path for a target that is still unmapped.
    options : dict
        Options with their defaults.
    choices : dict
        Values that an option with text may take.
    bounds : dict
        Least and greatest value of an option that is a number.
    promises : tuple of str
        Properties that the scheme claims to have in every order of events.
    fault_lock : str
        The lock that a fault holds: ``mmap_lock`` or ``vma_lock``.
    excluded : tuple of dict
        Options that do not go together.
    repairs : tuple of dict
        Options with which the core table of ``dessim check`` shows the scheme once more.
    file : str
        Its path, if it is your own.
    faults : dict
        What faults do that write, by their kind: ``anonymous``, ``write_shared``,
        ``write_private``.
    missing : tuple of Step
        What a fault does about a target that is not in the page cache; empty: what Linux does
        (``programs.read_and_retry``).
    """

    name: str
    description: str
    fault_around: tuple[Step, ...]
    slow_path: tuple[Step, ...]
    options: dict[str, Option]
    choices: dict[str, tuple[str, ...]]
    promises: tuple[str, ...]
    fault_lock: str
    excluded: tuple[dict[str, Option], ...] = ()
    repairs: tuple[dict[str, Option], ...] = ()
    file: str = ""
    faults: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    missing: tuple[Step, ...] = ()
    bounds: Bounds = field(default_factory=dict)

    def lock_of(self, options: Mapping[str, Option]) -> str:
        """Return the lock that a fault holds with some options, ``mmap_lock`` or ``vma_lock``."""
        chosen = options.get("lock", self.fault_lock)
        return "mmap_lock" if chosen == "mmap_lock" else "vma_lock"


@dataclass(frozen=True)
class Actor:
    """Somebody else who works on the file's pages.

    Attributes
    ----------
    name, description, options, choices, excluded, file, bounds
        As of a scheme.
    steps : tuple of Step
        One round.
    alongside_writes : bool
        Whether it can run where faults write, and there is no file that all share.
    """

    name: str
    description: str
    steps: tuple[Step, ...]
    options: dict[str, Option]
    choices: dict[str, tuple[str, ...]]
    excluded: tuple[dict[str, Option], ...] = ()
    file: str = ""
    alongside_writes: bool = False
    bounds: Bounds = field(default_factory=dict)


@dataclass(frozen=True)
class ProtocolFile:
    """A protocol of the explorer: what it is, and how it is built with options.

    Attributes
    ----------
    name, description, options, choices, excluded, file, bounds
        As of a scheme.
    build : callable
        Returns the protocol, given all options by name.
    """

    name: str
    description: str
    build: Callable[..., Protocol]
    options: dict[str, Option]
    choices: dict[str, tuple[str, ...]]
    excluded: tuple[dict[str, Option], ...] = ()
    file: str = ""
    bounds: Bounds = field(default_factory=dict)

    def made(self, chosen: Mapping[str, Option]) -> Protocol:
        """Return the protocol with some options.

        Raises
        ------
        UnknownScheme
            If there is no such option, or no such value of it.
        SchemeFileError
            If it cannot be built; the message names the line.
        """
        options = options_of(self, chosen)
        path = Path(self.file or self.build.__code__.co_filename)
        if self.file and (reason := why_unfit(path, BUILD.format(options), *ABOUT_BUILD)):
            raise SchemeFileError(f"{path}: {reason}")
        try:
            with contextlib.redirect_stdout(sys.stderr):
                found = self.build(**options)
            if not isinstance(found, Protocol):
                raise ProtocolError(f"protocol() returns {shown(found)}, and no Protocol(...)")
        except (Exception, SystemExit) as error:  # whatever a person's file may do
            kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
            told = f"{place_of(error, path)}: {kind}{error}".removesuffix(": ")
            raise SchemeFileError(told) from error
        return found


Named = Scheme | Actor | ProtocolFile


class UnknownScheme(UserError):  # noqa: N818 - it says what is unknown, not that it is an error
    """A scheme, an actor, or an option of one, that does not exist."""


def names() -> list[str]:
    """Return the names of all schemes, sorted; a file that cannot be used has none."""
    return _names("SLOW_PATH")


def columns() -> list[str]:
    """Return the names of schemes that are another one with other options: Linux by version."""
    return list(linux.COLUMNS)


def actor_names() -> list[str]:
    """Return the names of all actors, sorted; a file that cannot be used has none."""
    return _names("ACTOR")


def _names(word: str) -> list[str]:
    every = files.found()
    wrong = {one.name for one in every if one.problem}
    return sorted({one.name for one in every if word in one.words} - wrong)


def _find(name: str, word: str, kind: str) -> tuple[Found, ModuleType]:
    """Return a file by its name, and its module: only here a file is run."""
    every = [one for one in files.found() if one.name == name]
    for one in sorted(every, key=lambda one: not one.problem):
        if one.problem or word in one.words:
            module = files.run(one)
            parts.check(module, one.path, word)
            return one, module
    known = [*_names(word), *(linux.COLUMNS if word == "SLOW_PATH" else ())]
    reason = files.why_not(name, word)
    if reason:
        raise UnknownScheme(f"unknown {kind} {name!r}: {reason}")
    hint = suggest(name, known, plural=f"{kind}s")
    near = f"{hint} " if hint.startswith("did you mean") else ""
    raise UnknownScheme(f"unknown {kind} {name!r}; {near}`dessim list {kind}s` lists them all")


def load(name: str) -> Scheme:
    """Return a scheme by name.

    Raises
    ------
    UnknownScheme
        If there is no such file; the message lists what there is and the nearest name.
    SchemeFileError
        If its file cannot be used; the message names file, line and remedy.
    """
    if name in linux.COLUMNS:
        return replace(load("linux"), name=name, options=linux.COLUMNS[name])
    found, module = _find(name, "SLOW_PATH", "scheme")
    return Scheme(
        name,
        doc_of(module),
        module.FAULT_AROUND,
        module.SLOW_PATH,
        dict(getattr(module, "OPTIONS", {})),
        dict(getattr(module, "CHOICES", {})),
        getattr(module, "PROMISES", ()),
        getattr(module, "FAULT_LOCK", "mmap_lock"),
        tuple(getattr(module, "EXCLUDED", ())),
        tuple(getattr(module, "REPAIRS", ())),
        str(found.path) if found.own else "",
        dict(getattr(module, "FAULTS", {})),
        getattr(module, "MISSING", ()),
        dict(getattr(module, "BOUNDS", {})),
    )


def load_actor(name: str) -> Actor:
    """Return an actor by name.

    Raises
    ------
    UnknownScheme
        If there is no such file.
    SchemeFileError
        If its file cannot be used.
    """
    found, module = _find(name, "ACTOR", "actor")
    return Actor(
        name,
        doc_of(module),
        module.ACTOR,
        dict(getattr(module, "OPTIONS", {})),
        dict(getattr(module, "CHOICES", {})),
        tuple(getattr(module, "EXCLUDED", ())),
        str(found.path) if found.own else "",
        getattr(module, "ALONGSIDE_WRITES", False),
        dict(getattr(module, "BOUNDS", {})),
    )


def protocol_names() -> list[str]:
    """Return the names of all protocols, sorted; a file that cannot be used has none."""
    return _names("protocol")


def load_protocol(name: str) -> ProtocolFile:
    """Return a protocol by name.

    Raises
    ------
    UnknownScheme
        If there is no such file.
    SchemeFileError
        If its file cannot be used.
    """
    found, module = _find(name, "protocol", "protocol")
    return ProtocolFile(
        name,
        doc_of(module),
        module.protocol,
        dict(getattr(module, "OPTIONS", {})),
        dict(getattr(module, "CHOICES", {})),
        tuple(getattr(module, "EXCLUDED", ())),
        str(found.path) if found.own else "",
        THREADS | getattr(module, "BOUNDS", {}),
    )


def options_of(scheme: Named, chosen: Mapping[str, Option]) -> dict[str, Option]:
    """Return a scheme's options: its defaults overridden by what was chosen.

    Raises
    ------
    UnknownScheme
        If an option is unknown, has the wrong type or value, or does not go together with another.
    """
    options = dict(scheme.options)
    for key, value in chosen.items():
        if key not in options:
            raise UnknownScheme(f"{scheme.name!r} has no option {key!r} {_instead(key, options)}")
        if type(value) is not type(options[key]):
            raise UnknownScheme(
                f"option {key!r} of {scheme.name!r} takes {_wanted(options[key])}: {value!r}"
            )
        allowed = scheme.choices.get(key)
        if allowed and value not in allowed:
            raise UnknownScheme(
                f"option {key!r} of {scheme.name!r} is one of {', '.join(allowed)}: {value!r}"
            )
        _check_bounds(scheme, key, value)
        options[key] = value
    for clash in scheme.excluded:
        if clash.items() <= options.items():
            values = " and ".join(f"{key}={value}" for key, value in clash.items())
            defaults = [f"{key}={value}" for key, value in clash.items() if key not in chosen]
            note = f" ({' and '.join(defaults)} is its default)" if defaults else ""
            raise UnknownScheme(
                f"options {values} of {scheme.name!r} exclude each other{note}: one leaves nothing"
                " for the other to do, or no kernel has both"
            )
    return options


def _check_bounds(scheme: Named, key: str, value: Option) -> None:
    """Refuse a number that is too small or too great."""
    least, most = scheme.bounds.get(key, ANY_NUMBER)
    is_default = value == scheme.options[key]
    if type(value) is int and not is_default and not least <= value <= most:
        raise UnknownScheme(
            f"option {key!r} of {scheme.name!r} is a number from {least} to {most}:"
            f" {shorten(str(value))}"
        )


def _instead(key: str, options: Iterable[str]) -> str:
    """Return what could be meant by an unknown option."""
    has = ", ".join(options)
    near = get_close_matches(key, options, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"(it has {has or 'none'}{hint})"


def _wanted(default: Option) -> str:
    """Return what an option takes, by its default."""
    if isinstance(default, bool):
        return "true or false"
    return "a whole number" if isinstance(default, int) else "a text"


def read_option(scheme: Named, key: str, text: str) -> Option:
    """Return the value of an option that was written as text, by the type of its default.

    Raises
    ------
    UnknownScheme
        If there is no such option, or the text is not a value of it.
    """
    if key not in scheme.options:
        raise UnknownScheme(
            f"{scheme.name!r} has no option {key!r} {_instead(key, scheme.options)}"
        )
    default = scheme.options[key]
    value: Option | None = text
    if isinstance(default, bool):
        words = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
        value, wanted = words.get(text.lower()), "on or off"
    elif isinstance(default, int):
        number = whole(text.removeprefix("-"))
        value, wanted = number and (-number if text.startswith("-") else number), "a whole number"
    if value is None:
        raise UnknownScheme(f"option {key!r} of {scheme.name!r} takes {wanted}: {shown(text)}")
    return value
