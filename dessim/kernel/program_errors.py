"""Programs that cannot be assembled, and names in them that nobody knows."""

import reprlib
from collections.abc import Iterable

from dessim.errors import UserError, plural
from dessim.model.errors import suggest


class ProgramError(UserError):
    """A program that cannot be assembled: an unknown word, option or place."""


def text_of(value: object, what: str) -> str:
    """Return a text that is one; schemes are written by people, and are not type-checked."""
    if isinstance(value, str) and value.isprintable():
        return value
    raise ProgramError(f"{what} is a text that prints, not {reprlib.repr(value)}")


def known(name: str, names: Iterable[str], kind: str) -> str:
    """Return a name if it is one of those that exist.

    Raises
    ------
    ProgramError
        Otherwise; the message has the nearest name, or what there is.
    """
    names = tuple(names)
    if text_of(name, f"a {kind}") not in names:
        raise ProgramError(f"unknown {kind} {name!r}; {suggest(name, names, plural=plural(kind))}")
    return name
