"""Read and change single numbers of a machine or a workload by their dotted YAML path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic.fields import FieldInfo

from dessim.model.fields import Model, submodel, walk, yaml_key

AnyModel = TypeVar("AnyModel", bound=Model)


def paths_of(model: type[Model]) -> tuple[str, ...]:
    """Dotted paths of all leaf keys of a model, in order of definition."""
    return tuple(".".join(path) for path in walk(model))


def _attribute(model: type[Model], key: str) -> str:
    for name in model.model_fields:
        if yaml_key(name) == key:
            return name
    raise KeyError(key)


def field_of(model: type[Model], path: str) -> FieldInfo:
    """Field that a dotted path leads to.

    Raises
    ------
    KeyError
        If it leads nowhere.
    """
    key, _, rest = path.partition(".")
    found = model.model_fields[_attribute(model, key)]
    inner = submodel(found)
    if not rest:
        return found
    if inner is None:
        raise KeyError(path)
    return field_of(inner, rest)


def value_at(model: Model, path: str) -> Any:
    """Value at a dotted path, in the unit of its attribute.

    Raises
    ------
    KeyError
        If the path leads nowhere.
    """
    value: Any = model
    for key in path.split("."):
        value = getattr(value, _attribute(type(value), key))
    return value


def with_values(model: AnyModel, values: Mapping[str, Any]) -> AnyModel:
    """Return a copy with other values at some paths.

    Parameters
    ----------
    model : Model
    values : mapping of dotted path -> value, in the unit of the attribute
        They are not checked against each other or against bounds.
    """
    own: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        key, _, rest = path.partition(".")
        name = _attribute(type(model), key)
        if rest:
            nested.setdefault(name, {})[rest] = value
        else:
            own[name] = value
    for name, inner in nested.items():
        own[name] = with_values(getattr(model, name), inner)
    return model.model_copy(update=own) if own else model
