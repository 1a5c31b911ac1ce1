"""What `dessim show` says of a scheme or an actor: its source, its options and its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dessim.kernel.assembler import Program
    from dessim.registry import Actor, Option, Scheme

WINDOW_ORDER = 4
"""log2 of the pages of the window in the steps that are shown: Linux' default, 16 pages."""


def as_text(kind: str, name: str) -> str:
    """Return docstring, options with their defaults, what it goes with, and its steps.

    Parameters
    ----------
    kind : "scheme" or "actor"
    name : str

    Raises
    ------
    UnknownScheme, SchemeFileError, UnbalancedError
        If there is no such file, or it cannot be used.
    """
    from dessim.report.text.hanging import hanging

    one, program, rows = _loaded(kind, name)
    whose = "Program of a thread:" if kind == "scheme" else "Program:"
    lines = [
        one.description,
        "",
        hanging("Options: ", ", ".join(_written(one.options)) or "none"),
        *(hanging("Exclude each other: ", " and ".join(_written(x))) for x in one.excluded),
        *(hanging(f"{label}: ", ", ".join(words) or "none") for label, words in rows.items()),
        "",
        whose,
        *(f"{i:>4}  {line}" for i, line in enumerate(program.listing)),
    ]
    return "\n".join(lines) + "\n"


def as_data(kind: str, name: str) -> dict[str, Any]:
    """Return the same for programs: a list of steps, and options with their values by name.

    Parameters and errors are those of `as_text`.
    """
    one, program, rows = _loaded(kind, name)
    return {
        "name": one.name,
        "description": one.description,
        "options": dict(one.options),
        "choices": {key: list(values) for key, values in one.choices.items()},
        "bounds": {key: list(ends) for key, ends in one.bounds.items()},
        "excluded": [dict(together) for together in one.excluded],
        **{label.lower().replace(" ", "_"): list(words) for label, words in rows.items()},
        "steps": list(program.listing),
    }


def _loaded(kind: str, name: str) -> tuple[Scheme | Actor, Program, dict[str, tuple[str, ...]]]:
    """Return what it is, its program with the defaults, and the lists that go with its options."""
    from dessim import registry
    from dessim.registry.parts import WRITES

    if kind == "actor":
        actor = registry.load_actor(registry.SHORT_NAMES.get(name, name))
        faults = ("read", *(WRITES if actor.alongside_writes else ()))
        return actor, registry.program_of_actor(actor, {}), {"Alongside faults": faults}
    scheme = registry.load(name)
    faults = ("read", *(kind for kind in WRITES if kind in scheme.faults))
    rows = {"Faults": faults, "Promises": scheme.promises}
    return scheme, registry.thread_program(scheme, {}, WINDOW_ORDER), rows


def _written(options: Mapping[str, Option]) -> list[str]:
    """Options as `--set` and a configuration take them: `walk=if_mapped`."""
    return [f"{key}={str(value).lower()}" for key, value in options.items()]
