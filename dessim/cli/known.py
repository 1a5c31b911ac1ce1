"""Names that a command takes: one that nobody has gets the nearest, and how to see all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from dessim.errors import UserError
from dessim.files.reading import STDIN

WORDS = {"scheme": "SLOW_PATH", "actor": "ACTOR"}
"""Kinds that are Python files -> the word that such a file defines."""
SHOWN = ("machine", "workload", *WORDS, "experiment")
"""Kinds that `dessim show` takes."""
MIN_PART, MAX_NEAR = 3, 3
"""Letters from which on a part of a name finds it; names suggested at most."""


class UnknownNameError(UserError):
    """A name of a kind that nothing has; the message suggests others."""


def known(kind: str) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Return a callback for an argument or option that takes a name of a kind, or a path."""

    def checked(context: click.Context, parameter: click.Parameter, name: str | None) -> str | None:
        if name is not None:
            refuse_unknown(kind, name)
        return name

    return checked


def refuse_unknown(kind: str, name: str) -> None:
    """Refuse a name that nothing of a kind has. A path passes, and a file that cannot be used.

    Raises
    ------
    UnknownNameError
        It names what else has that name, or the nearest names, and the command that lists all.
    """
    names = names_of(kind)
    if name in names or _leads_to_a_file(kind, name):
        return
    for other in SHOWN:
        if name in names_of(other):
            raise UnknownNameError(
                f"no {kind} is named {name!r}, but {_article(other)} {other} is: `dessim show"
                f" {other} {name}`"
            )
    near = nearest(name, names)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    shown = repr(name) if len(name) <= 60 else f"{name[:60]!r}…"
    raise UnknownNameError(
        f"no {kind} is named {shown}; {hint}`dessim list {kind}s` lists them all"
    )


def own_name(name: str, also: str = "") -> str:
    """Return the name of a scheme, actor or protocol of your own that is given by its file.

    Parameters
    ----------
    name : str
    also : str
        What else may be given, for the message.

    Raises
    ------
    UnknownNameError
        If its file does not lie where such files are found.
    SchemeFileError
        If it cannot be used.
    """
    if "/" not in name and name != STDIN and not name.lower().endswith(".py"):
        return name
    from dessim.registry.files import WORDS as FOLDERS
    from dessim.registry.files import SchemeFileError, found

    path = Path(name).resolve()
    for one in found():
        if one.own and one.path == path and one.problem:
            raise SchemeFileError(one.problem)
    if path.is_file() and path.parent in [Path(folder).resolve() for folder in FOLDERS]:
        return path.stem
    raise UnknownNameError(
        f"{name!r} is no scheme, actor or protocol{also}: `dessim list` names them; your own are"
        " found in ./schemes, ./actors and ./protocols, where p7.py is called p7"
    )


def names_of(kind: str) -> list[str]:
    """Return all names of a kind, also those of files that cannot be used, which say why."""
    if kind in WORDS:
        from dessim import registry

        listed = [one.name for one in registry.listed(WORDS[kind])]
        if kind == "actor":
            return [*listed, *registry.SHORT_NAMES]
        return [*listed, *(name for names in versions().values() for name in names)]
    from dessim.model.locate import names

    return names(f"{kind}s")  # type: ignore[arg-type]


def versions() -> dict[str, list[str]]:
    """Return schemes of several versions of Linux, and the names of these, the oldest first.

    They are read from the files, as descriptions are, and none is run: that is much faster.
    """
    import ast

    from dessim import registry
    from dessim.model.python_file import tree_of

    return {
        one.name: [ast.literal_eval(key) for key in node.value.keys if key is not None]
        for one in registry.listed("SLOW_PATH")
        if not one.own  # one of your own has no versions
        for node in tree_of(one.path).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Dict)
        and any(isinstance(to, ast.Name) and to.id == "COLUMNS" for to in node.targets)
    }


def nearest(name: str, names: list[str]) -> list[str]:
    """Return the names that are most like one, the most similar first; then those it is part of."""
    from difflib import get_close_matches  # here, because most commands have no error to report

    cut = name[:100]
    near = get_close_matches(cut, names, MAX_NEAR)
    if len(cut) >= MIN_PART:
        near += [one for one in names if cut.lower() in one.lower()]
    return list(dict.fromkeys(near))[:MAX_NEAR]


def _leads_to_a_file(kind: str, name: str) -> bool:
    """Whether a name is a path, or that of a file: whoever loads it says what is wrong with it."""
    if kind in WORDS:
        from dessim.registry.files import why_not

        return bool(name) and bool(why_not(name, WORDS[kind]))
    from dessim.model.locate import is_path

    return is_path(f"{kind}s", name)  # type: ignore[arg-type]


def _article(kind: str) -> str:
    return "an" if kind[0] in "aeiou" else "a"
