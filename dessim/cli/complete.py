"""Names that the shell completes: `eval "$(_DESSIM_COMPLETE=bash_source dessim)"`.

Nothing here fails: where something is wrong there is nothing to choose from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

import click

from dessim.cli.known import names_of
from dessim.errors import UserError


def _starting(words: Iterable[str], part: str) -> list[str]:
    return sorted(word for word in words if word.startswith(part))


def _names(kind: str) -> list[str]:
    with suppress(UserError, OSError):
        return names_of(kind)
    return []


def names_of_kind(ctx: click.Context, param: click.Parameter, part: str) -> list[str]:
    """Complete a name of the kind that stands before it."""
    return _starting(_names(str(ctx.params.get("kind"))), part)


def experiments(ctx: click.Context, param: click.Parameter, part: str) -> list[str]:
    """Complete an experiment: a name, or a YAML file here."""
    from pathlib import Path

    files = (path.name for path in Path().glob("*.y*ml"))
    return _starting([*_names("experiment"), *files], part)


def machines(ctx: click.Context, param: click.Parameter, part: str) -> list[str]:
    """Complete a machine."""
    return _starting(_names("machine"), part)


def workloads(ctx: click.Context, param: click.Parameter, part: str) -> list[str]:
    """Complete a workload."""
    return _starting(_names("workload"), part)


def schemes(ctx: click.Context, param: click.Parameter, part: str) -> list[str]:
    """Complete a scheme."""
    return _starting(_names("scheme"), part)


def explored(ctx: click.Context, param: click.Parameter, part: str) -> list[str]:
    """Complete what `dessim check` explores: a scheme, a protocol, or a litmus test here."""
    from pathlib import Path

    from dessim import registry

    found = [one.name for one in registry.listed("protocol")]
    files = [path.name for path in Path().glob("*.litmus")]
    return _starting([*_names("scheme"), *found, *files], part)


def settings(ctx: click.Context, param: click.Parameter, part: str) -> list[str]:
    """Complete `KEY.PATH=` of `--set`, and the names that a machine, workload or scheme takes."""
    key, equals, value = part.partition("=")
    if equals:
        named = _starting(_names(key), value) if key in ("machine", "workload") else []
        return [f"{key}={name}" for name in named]
    return _starting((f"{path}=" for path in _paths()), part)


def _paths() -> Iterator[str]:
    """Every key that `--set` takes, below machine and workload by its path."""
    from dessim.model.experiment import Experiment
    from dessim.model.fields import keys_of
    from dessim.model.machine import Machine
    from dessim.model.workload import Workload

    yield from keys_of(Experiment)
    for word, model in (("machine", Machine), ("workload", Workload)):
        yield from (f"{word}.{path}" for path in _below(model))


def _below(model: type) -> Iterator[str]:
    from dessim.model.fields import keys_of, submodel

    for key, field in keys_of(model).items():
        inner = submodel(field)
        if inner is None:
            yield key
        else:
            yield from (f"{key}.{path}" for path in _below(inner))
