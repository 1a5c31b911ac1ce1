"""Scopes of the explorer for tests: any field of a scope, any option of its actor or its scheme."""

from dataclasses import fields, replace
from typing import Any

from dessim.study.check import Scope

FIELDS = {field.name for field in fields(Scope)}


def changed(scope: Scope, options: dict[str, Any] | None = None, **changes: Any) -> Scope:
    """Return a scope with other fields; what is no field is an option of its actor.

    ``options`` are those of its scheme.
    """
    actor = changes.pop("actor", "")
    own = {key: changes.pop(key) for key in list(changes) if key not in FIELDS}
    scope = replace(scope, **changes)
    if actor or own:
        scope = scope.against(actor, **own)
    return scope.with_scheme(**options) if options else scope
