"""Documents into models: every complaint of pydantic becomes a sentence with a place."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, TypeVar, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from dessim.model.document import Bad, Document, Path, dotted
from dessim.model.errors import Problem, suggest
from dessim.model.fields import FROM_FILE, Model, describe, keys_of, submodel, unit_of
from dessim.model.units import shorten

M = TypeVar("M", bound=Model)

_ADAPTERS: dict[int, TypeAdapter[Any]] = {}

_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}
_WANTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
}


def validate(model: type[M], document: Document) -> tuple[M | None, list[Problem]]:
    """Build a model from a document.

    Parameters
    ----------
    model : subclass of Model
    document : Document

    Returns
    -------
    model or None, list of Problem
        None exactly when there are problems (or a value that the loader complained about).
    """
    try:
        value = model.model_validate(document.data, by_alias=True, by_name=False, context=FROM_FILE)
    except ValidationError as error:
        return None, _problems(error, model, document)
    return value, []


def validate_leaf(field: FieldInfo, value: object) -> str | None:
    """Sentence about what is wrong with the value of one field, or None."""
    key = id(field)  # fields live as long as their classes
    if key not in _ADAPTERS:
        annotation: Any = field.annotation
        for item in field.metadata:
            annotation = Annotated[annotation, item]
        _ADAPTERS[key] = TypeAdapter(annotation)
    try:
        _ADAPTERS[key].validate_python(value, context=FROM_FILE)
    except ValidationError as error:
        return _sentence(error.errors()[0], None)
    return None


def field_at(model: type[Model], path: Path) -> tuple[FieldInfo | None, str]:
    """The field at a dotted path of YAML keys, or a sentence about why there is none."""
    current: type[Model] | None = model
    field: FieldInfo | None = None
    for step in path:
        if current is None:
            return None, f"'{shorten(str(step))}': a single value has no keys below it"
        known = keys_of(current)
        if step not in known:
            return None, _unknown_key(str(step), known)
        field = known[str(step)]
        current = submodel(field)
    return field, ""


def read_number(model: type[Model], path: Path, value: object) -> int:
    """Read a number as the field at `path` would, without the field's own bounds on counts.

    Raises
    ------
    ValueError
        If it is none, or not in the unit of the field.
    """
    field, _ = field_at(model, path)
    unit = unit_of(field) if field else None
    if unit is not None:
        return unit.read(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"expected a whole number, found {describe(value)}")


def _problems(error: ValidationError, model: type[Model], document: Document) -> list[Problem]:
    problems: list[Problem] = []
    for details in error.errors(include_url=False):
        path: Path = details["loc"]
        value = details["input"]
        if isinstance(value, Bad) or isinstance(document.get(path), Bad):
            continue
        if details["type"] == "too_short" and value:
            continue  # its items were wrong, and that is reported already
        if details["type"] == "dessim_check":
            for below, sentence in details["ctx"]["problems"]:
                place = document.place((*path, *below))
                problems.append(Problem(place, sentence))
            continue
        unknown = details["type"] == "extra_forbidden"
        place = document.place(path, key=unknown)
        sentence = _sentence(details, _model_at(model, path[:-1]), document)
        problems.append(Problem(place, sentence + _how_to_sweep(model, path, value)))
    return problems


def _how_to_sweep(model: type[Model], path: Path, value: object) -> str:
    """What to do with a list where one value is expected, as the end of a sentence."""
    if not isinstance(value, list) or len(path) != 1 or path[0] not in model.swept:
        return ""
    single = all(isinstance(one, (str, int, Decimal)) for one in value)
    values = shorten(", ".join(map(str, value))) if single else "…"
    return f"; `matrix: {{{path[0]}: [{values}]}}` sweeps it"


def _model_at(model: type[Model], path: Path) -> type[Model] | None:
    current: type[Model] | None = model
    named = False  # the next step is any name of a mapping of models
    for step in path:
        if named:
            named = False
            continue
        known = keys_of(current) if current else {}
        if step not in known:
            return None
        field = known[str(step)]
        current, named = submodel(field), False
        if current is None:
            current, named = _model_of_values(field), True
    return current


def _model_of_values(field: FieldInfo) -> type[Model] | None:
    """The model class of the values of a field that is a mapping of models."""
    values = get_args(field.annotation)[1:]
    is_model = values and isinstance(values[0], type) and issubclass(values[0], Model)
    return values[0] if is_model else None


def _sentence(
    details: ErrorDetails, owner: type[Model] | None, document: Document | None = None
) -> str:
    kind, value = details["type"], details["input"]
    context: Mapping[str, Any] = details.get("ctx", {})
    key = shorten(str(details["loc"][-1])) if details["loc"] else ""
    if kind == "extra_forbidden":
        return _unknown_key(key, keys_of(owner) if owner else {})
    if kind == "missing":
        return f"missing key '{shorten(dotted(details['loc']), 100)}'"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return _not_one_of(value, owner, key, context)
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"must be {words} {context[name]}, found {describe(value)}"
    if kind in ("model_type", "model_attributes_type", "dataclass_type"):
        return _not_a_mapping(value, details, owner, document)
    if kind in _WANTED and key == "include" and isinstance(value, str):
        return (
            f"'include' lists further points; a file cannot include {describe(value)}: name a"
            " machine or workload by its file, or start a machine from another one with 'base'"
        )
    if kind in _WANTED:
        return f"expected {_WANTED[kind]}, found {describe(value)}"
    if kind == "too_short" and isinstance(value, (list, tuple)):
        return "the list must not be empty"
    if kind == "string_unicode":
        return "the text has characters that are not valid Unicode"
    if kind in ("string_too_short", "too_short"):  # the latter after another check
        return "the text must not be empty"
    if kind in ("string_too_long", "too_long") and isinstance(value, str):
        return f"the text is longer than {context['max_length']} characters"
    if kind == "too_long":
        return f"the list is longer than {context['max_length']}"
    if kind == "string_pattern_mismatch":
        return f"'{shorten(str(value))}' is not a name: expected lower-case letters, digits and _"
    return details["msg"][:1].lower() + details["msg"][1:]


def _unknown_key(key: str, known: Mapping[str, Any]) -> str:
    return f"unknown key '{shorten(key)}'; {suggest(key, known, plural='keys')}"


def _not_one_of(
    value: object, owner: type[Model] | None, key: str, context: Mapping[str, Any]
) -> str:
    text = f"expected {context['expected']}, found {describe(value)}"
    field = keys_of(owner).get(key) if owner else None
    if field is not None and isinstance(value, str):
        allowed = [word for word in get_args(field.annotation) if isinstance(word, str)]
        hint = suggest(value, allowed, plural="words")
        if hint.startswith("did you mean"):
            text += f"; {hint}"
    return text


def _not_a_mapping(
    value: object,
    details: ErrorDetails,
    owner: type[Model] | None,
    document: Document | None,
) -> str:
    found = describe(value)
    if not details["loc"] and document is not None and value is None:
        return "empty: expected a mapping of keys to values"
    wanted = "a mapping of keys to values"
    inner = None
    if owner is not None and details["loc"]:
        field = keys_of(owner).get(str(details["loc"][-1]))
        inner = submodel(field) if field else None
    if inner is not None:
        wanted = f"a mapping with the keys {', '.join(keys_of(inner))}"
    return f"expected {wanted}, found {found}"
