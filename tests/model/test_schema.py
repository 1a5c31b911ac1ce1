"""JSON Schema: it describes the YAML spelling, and accepts every file that the loader accepts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dessim.model import config_root, json_schema
from dessim.model.errors import Source
from dessim.model.fields import keys_of
from dessim.model.machine import KernelCosts
from dessim.model.schema import SchemaKind
from dessim.model.yaml_loader import parse_document

VALID = Path(__file__).parent / "valid"
INVALID = Path(__file__).parent / "invalid"
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, Decimal),
    "null": type(None),
}
IGNORED = {"$schema", "$defs", "title", "description", "default", "examples"}


def accepts(schema: Any, value: Any, root: dict[str, Any]) -> bool:
    """Whether a value fits a schema: the keywords that dessim's schemas use, and no others."""
    if schema is True:
        return True
    checks: dict[str, Callable[[Any], bool]] = {
        "$ref": lambda s: accepts(root["$defs"][s.removeprefix("#/$defs/")], value, root),
        "anyOf": lambda s: any(accepts(option, value, root) for option in s),
        "oneOf": lambda s: sum(accepts(option, value, root) for option in s) == 1,
        "type": lambda s: _typed(s, value),
        "enum": lambda s: value in s,
        "const": lambda s: value == s,
        "pattern": lambda s: not isinstance(value, str) or re.search(s, value) is not None,
        "minimum": lambda s: not _number(value) or value >= Decimal(str(s)),
        "maximum": lambda s: not _number(value) or value <= Decimal(str(s)),
        "exclusiveMinimum": lambda s: not _number(value) or value > s,
        "exclusiveMaximum": lambda s: not _number(value) or value < s,
        "minLength": lambda s: not isinstance(value, str) or len(value) >= s,
        "maxLength": lambda s: not isinstance(value, str) or len(value) <= s,
        "minItems": lambda s: not isinstance(value, list) or len(value) >= s,
        "maxItems": lambda s: not isinstance(value, list) or len(value) <= s,
        "items": lambda s: not isinstance(value, list) or all(accepts(s, v, root) for v in value),
        "minProperties": lambda s: not isinstance(value, dict) or len(value) >= s,
        "maxProperties": lambda s: not isinstance(value, dict) or len(value) <= s,
        "propertyNames": lambda s: (
            not isinstance(value, dict) or all(accepts(s, key, root) for key in value)
        ),
        "required": lambda s: not isinstance(value, dict) or set(s) <= set(value),
        "properties": lambda _: not isinstance(value, dict) or _properties(schema, value, root),
        "additionalProperties": lambda _: (
            not isinstance(value, dict) or _properties(schema, value, root)
        ),
        "patternProperties": lambda _: True,  # seen by _properties
    }
    unknown = set(schema) - set(checks) - IGNORED
    assert not unknown, f"the checker does not know {unknown}"
    return all(check(schema[word]) for word, check in checks.items() if word in schema)


def _typed(types: str | list[str], value: Any) -> bool:
    names = [types] if isinstance(types, str) else types
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, TYPES[name]) for name in names)


def _number(value: Any) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def _properties(schema: dict[str, Any], value: dict[str, Any], root: dict[str, Any]) -> bool:
    for key, item in value.items():
        if key in schema.get("properties", {}):
            inner = schema["properties"][key]
        else:
            patterns = schema.get("patternProperties", {})
            found = [s for pattern, s in patterns.items() if re.search(pattern, key)]
            inner = found[0] if found else schema.get("additionalProperties", True)
        if inner is False or not accepts(inner, item, root):
            return False
    return True


def _data(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    return parse_document(text, Source(path.name, tuple(text.split("\n"))))[0].data


def _kind_of(path: Path) -> SchemaKind:
    word = (
        path.stem.partition("-")[0]
        if path.parent.name in ("valid", "invalid")
        else path.parent.name
    )
    return word.removesuffix("s")  # type: ignore[return-value]


SHIPPED = [
    p
    for kind in ("machines", "workloads", "experiments")
    for p in (config_root() / kind).glob("*.yaml")
]


@pytest.mark.parametrize("path", sorted([*SHIPPED, *VALID.glob("*.yaml")]), ids=lambda p: p.stem)
def test_every_valid_file_fits_its_schema(path: Path) -> None:
    """Editors show no error in a file that loads."""
    schema = json_schema(_kind_of(path))
    assert accepts(schema, _data(path), schema)


@pytest.mark.parametrize(
    "name",
    [
        "machine-unknown-key",
        "machine-missing-unit",
        "machine-wrong-unit",
        "machine-attribute-name",
        "machine-missing-keys",
        "machine-wrong-types",
        "machine-provenance",
        "workload-threads",
        "workload-choices",
        "workload-list",
        "experiment-unknown-key",
        "experiment-seed",
        "experiment-sweep-keys",
        "experiment-sweep-values",
        "experiment-simulate",
        "experiment-reference-types",
        "experiment-inline",
    ],
)
def test_editors_show_the_common_mistakes(name: str) -> None:
    """Unknown keys, missing units and wrong words do not fit the schema either."""
    path = INVALID / f"{name}.yaml"
    schema = json_schema(_kind_of(path))
    assert not accepts(schema, _data(path), schema)


def test_every_cost_has_a_description_and_both_forms() -> None:
    """Hovering a key explains it; its value may carry its source."""
    schema = json_schema("machine")
    kernel = schema["$defs"]["KernelCosts"]["properties"]
    assert list(kernel) == list(keys_of(KernelCosts))
    for key, cost in kernel.items():
        assert cost["description"], key
        plain, sourced = cost["oneOf"]
        assert plain["examples"] == ([1.6, "10%"] if key.endswith("_cv") else ["20ns"])
        assert set(sourced["properties"]) == {"value", "tag", "source", "range", "note"}


@pytest.mark.parametrize(
    ("cost", "fits"),
    [
        ("20ns", True),
        ({"value": "20ns", "tag": "read", "range": ["1ns", "30ns"]}, True),
        ({"value": "20ns", "colour": "red"}, False),
        ({"tag": "read"}, False),
        ({"value": "20ns", "range": ["1ns"]}, False),
        ({"value": 20}, False),
    ],
)
def test_the_long_form_is_checked_as_well(cost: Any, fits: bool) -> None:
    """{value, …} needs a value with a unit and knows no other keys."""
    schema = json_schema("machine")
    assert accepts(schema["$defs"]["KernelCosts"]["properties"]["rmap"], cost, schema) is fits


def test_only_yaml_spellings_appear() -> None:
    """No key of a schema carries the unit of its attribute, or what only the loader fills."""
    for kind in ("experiment", "machine", "workload"):
        text = json.dumps(json_schema(kind))
        assert not re.search(r'"\w+_(ps|ppm|hz|bytes|bytes_per_s)":', text)
        assert "provenance" not in text


@pytest.mark.parametrize("kind", ["experiment", "machine", "workload"])
def test_a_schema_is_the_same_every_time(kind: SchemaKind) -> None:
    """Regenerating a committed schema changes nothing, and all its references resolve."""
    schema = json_schema(kind)
    text = json.dumps(schema)
    assert text == json.dumps(json_schema(kind))
    for name in re.findall(r'"#/\$defs/(\w+)"', text):
        assert name in schema["$defs"]
