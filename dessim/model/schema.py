"""JSON Schema of the YAML files, for completion, hover and diagnostics in editors.

`dessim schema` prints it; every shipped file names its schema in its first line.
"""

from __future__ import annotations

import copy
from typing import Any, Literal, get_args

from dessim.model.cycles import CYCLES
from dessim.model.experiment import SWEPT_KEYS, Experiment
from dessim.model.fields import Model, keys_of, submodel, unit_of, yaml_form
from dessim.model.machine import Machine
from dessim.model.provenance import Tag
from dessim.model.units import TIME
from dessim.model.workload import Workload

SchemaKind = Literal["experiment", "machine", "workload"]
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_UNITLESS = {("Machine", key) for key in ("name", "description", "sources", "calibration")}


def json_schema(kind: SchemaKind) -> dict[str, Any]:
    """JSON Schema of one kind of file, in its YAML spelling.

    Parameters
    ----------
    kind : "experiment", "machine" or "workload"

    Returns
    -------
    dict
        Draft 2020-12; stable order.
    """
    build = {"experiment": _experiment, "machine": _machine, "workload": _workload}[kind]
    return {"$schema": _DIALECT, **build()}


def _machine() -> dict[str, Any]:
    schema = _as_written(Machine)
    schema["properties"].pop("provenance", None)
    definitions = schema.get("$defs", {})
    definitions.pop("Provenance", None)
    _allow_sources(Machine, schema, definitions)
    return _or_based(_file_form(schema))


def _or_based(schema: dict[str, Any]) -> dict[str, Any]:
    """A file with `base` may leave out everything; one without has to name what is required."""
    schema["properties"].pop("origins", None)
    text = "A machine that supplies everything that this file leaves out: its name, or a path."
    base = {"type": "string", "minLength": 1, "description": text}
    schema["properties"] = {"base": base, **schema["properties"]}
    whole = {**_demands(Machine), "required": schema.pop("required")}
    schema["anyOf"] = [{"required": ["base"]}, whole]
    for section in _sections(Machine):
        schema["$defs"][section].pop("required", None)
    return schema


def _as_written(model: type[Model]) -> dict[str, Any]:
    """Schema of a model, with defaults in the units that people write."""
    schema = model.model_json_schema()
    pending = [(model, schema)]
    while pending:
        one, own = pending.pop()
        for key, field in keys_of(one).items():
            unit, inner = unit_of(field), submodel(field)
            if unit is not None and isinstance(field.default, int):
                own["properties"][key]["default"] = unit.write(field.default)
            elif inner is not None:
                if "default" in own["properties"][key]:
                    own["properties"][key]["default"] = yaml_form(field.get_default())
                pending.append((inner, schema["$defs"][inner.__name__]))
    return schema


def _sections(model: type[Model]) -> set[str]:
    """Names of the models that a model is made of."""
    found: set[str] = set()
    for field in keys_of(model).values():
        inner = submodel(field)
        if inner is not None:
            found |= {inner.__name__} | _sections(inner)
    return found


def _demands(model: type[Model]) -> dict[str, Any]:
    """Which keys a model and the sections in it must have."""
    demands: dict[str, Any] = {}
    required = [key for key, field in keys_of(model).items() if field.is_required()]
    if required:
        demands["required"] = required
    for key, field in keys_of(model).items():
        inner = submodel(field)
        below = _demands(inner) if inner is not None else {}
        if below:
            demands.setdefault("properties", {})[key] = below
    return demands


def _workload() -> dict[str, Any]:
    return _file_form(_as_written(Workload))


def _experiment() -> dict[str, Any]:
    schema = _file_form(_as_written(Experiment))
    definitions = schema.setdefault("$defs", {})
    properties = schema["properties"]
    for word, part in (("machine", _machine()), ("workload", _workload())):
        definitions.update(part.pop("$defs", {}))
        definitions[part["title"]] = part
        inline = {"$ref": f"#/$defs/{part['title']}"}
        description = properties[word].get("description", "")
        properties[word] = {"description": description, "anyOf": [{"type": "string"}, inline]}
    definitions["SchemeChoice"] = {
        "title": "SchemeChoice",
        "description": "A locking scheme by name, or {name: {option: value}}.",
        "anyOf": [
            {"type": "string"},
            {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": {
                    "type": ["object", "null"],
                    "additionalProperties": {"type": ["boolean", "integer", "string"]},
                },
            },
        ],
    }
    swept = {key: _single(properties[key]) for key in SWEPT_KEYS}
    for word in ("matrix", "zip"):
        _replace(properties, word, _keys(swept, lambda s: {"type": "array", "items": s}))
    scheme = {"$ref": "#/$defs/SchemeChoice"}
    extra = {**swept, "scheme": scheme, "schemes": {"type": "array", "items": scheme}}
    _replace(properties, "include", {"type": "array", "items": _keys(extra, lambda s: s)})
    choice = {**swept, "scheme": scheme}
    _replace(
        properties,
        "exclude",
        {
            "type": "array",
            "items": _keys(choice, lambda s: {"anyOf": [s, {"type": "array", "items": s}]}),
        },
    )
    return schema


def _file_form(schema: dict[str, Any]) -> dict[str, Any]:
    """A file may leave its name out: then it is the file's."""
    schema["required"] = [key for key in schema.get("required", []) if key != "name"]
    return schema


def _allow_sources(model: type[Model], schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Let every number also be written as {value, tag, source, range, note}."""
    for key, field in keys_of(model).items():
        inner = submodel(field)
        if inner is not None:
            if inner.__name__ in definitions:
                target = definitions[inner.__name__]
                if not target.get("x-done"):
                    target["x-done"] = True
                    _allow_sources(inner, target, definitions)
                    del target["x-done"]
            continue
        if (model.__name__, key) in _UNITLESS:
            continue
        plain = schema["properties"][key]
        if "oneOf" in plain:
            continue
        unit = unit_of(field)
        if unit is not None and unit.kind is TIME:
            plain["pattern"] = f"{plain['pattern'].removesuffix('$')}$|{CYCLES}"
        head = {k: plain.pop(k) for k in ("title", "description", "default") if k in plain}
        number = unit is not None or plain.get("type") == "integer"
        schema["properties"][key] = {**head, "oneOf": [plain, _sourced(plain, number)]}


def _sourced(plain: dict[str, Any], number: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "value": copy.deepcopy(plain),
        "tag": {"enum": list(get_args(Tag)), "description": "How the number is known."},
        "source": {"type": "string", "description": "A key of `sources`, or free text."},
        "note": {"type": "string", "description": "How it was obtained, what to doubt."},
    }
    if number:
        properties["range"] = {
            "type": "array",
            "items": copy.deepcopy(plain),
            "minItems": 2,
            "maxItems": 2,
            "description": "Plausible range: [low, high].",
        }
    return {
        "type": "object",
        "properties": properties,
        "required": ["value"],
        "additionalProperties": False,
    }


def _single(schema: dict[str, Any]) -> dict[str, Any]:
    """Schema of one swept value: without default and null."""
    single = {k: v for k, v in schema.items() if k not in ("default", "title", "description")}
    if "anyOf" in single:
        kept = [option for option in single["anyOf"] if option != {"type": "null"}]
        single = kept[0] if len(kept) == 1 else {"anyOf": kept}
    return single


def _keys(properties: dict[str, Any], wrap: Any) -> dict[str, Any]:
    scalar = {"type": ["string", "number", "boolean"]}
    return {
        "type": "object",
        "properties": {
            key: value if key == "schemes" else wrap(value) for key, value in properties.items()
        },
        "patternProperties": {r"^(machine|workload)\.": wrap(scalar)},
        "additionalProperties": False,
    }


def _replace(properties: dict[str, Any], key: str, schema: dict[str, Any]) -> None:
    description = properties[key].get("description", "")
    properties[key] = {"description": description, **schema}
