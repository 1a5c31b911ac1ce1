"""Locking schemes: one file each. The folder is the registry."""

import importlib
import pkgutil
from dataclasses import dataclass
from difflib import get_close_matches

from dessim.kernel.alphabet import Step

type_of_option = bool | int | str


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
    promises : tuple of str
        Properties that the scheme claims to have in every order of events.
    """

    name: str
    description: str
    fault_around: tuple[Step, ...]
    slow_path: tuple[Step, ...]
    options: dict[str, type_of_option]
    promises: tuple[str, ...]


class UnknownScheme(KeyError):
    """A scheme, or an option of a scheme, that does not exist."""

    def __str__(self) -> str:
        return str(self.args[0])


def names() -> list[str]:
    """Return the names of all schemes, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def load(name: str) -> Scheme:
    """Return a scheme by name.

    Raises
    ------
    UnknownScheme
        If there is no such file; the message lists what there is and the nearest name.
    """
    known = names()
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownScheme(f"unknown scheme {name!r}{hint} (there are {', '.join(known)})")
    module = importlib.import_module(f"{__name__}.{name}")
    return Scheme(
        name,
        (module.__doc__ or "").strip(),
        module.FAULT_AROUND,
        module.SLOW_PATH,
        dict(getattr(module, "OPTIONS", {})),
        module.PROMISES,
    )


def options_of(scheme: Scheme, chosen: dict[str, type_of_option]) -> dict[str, type_of_option]:
    """Return a scheme's options: its defaults overridden by what was chosen.

    Raises
    ------
    UnknownScheme
        If an option is unknown or has the wrong type.
    """
    options = dict(scheme.options)
    for key, value in chosen.items():
        if key not in options:
            has = f"it has {', '.join(options)}" if options else "it has none"
            raise UnknownScheme(f"scheme {scheme.name!r} has no option {key!r} ({has})")
        if type(value) is not type(options[key]):
            wanted = type(options[key]).__name__
            raise UnknownScheme(f"option {key!r} of {scheme.name!r} takes a {wanted}: {value!r}")
        options[key] = value
    return options
