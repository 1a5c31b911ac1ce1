"""Keys of the YAML files with unit, bounds, default and meaning, from the models."""

from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from dessim import model
from dessim.model.calibration import Calibration, LeftOut
from dessim.model.experiment import Experiment, SchemeChoice
from dessim.model.fields import Model, Unit, keys_of, submodel, unit_of
from dessim.model.machine import Machine
from dessim.model.provenance import Tag, default_of
from dessim.model.workload import ActorChoice, Workload

from .markdown import block, code, escape, prose, table

RATIO = "a ratio, as `1.6` or `10%`"
PLAIN = {bool: "`true` or `false`", str: "text", int: "whole number", float: "number"}


def _unit(unit: Unit) -> str:
    words = f"{unit.kind.noun}, as `{unit.kind.example}`" if unit.kind else RATIO
    low = f"from {unit.write(unit.low)}" if unit.low else ""
    high = f"up to {unit.write(unit.high)}" if unit.high is not None else ""
    step = f"a multiple of {unit.write(unit.multiple)}" if unit.multiple > 1 else ""
    return ", ".join(filter(None, (words, low, high, step)))


def _bounds(metadata: list[Any]) -> str:
    """Bounds of a plain number, from the marks of its field."""
    low: list[Any] = []
    high: list[Any] = []
    for mark in metadata:
        for item in (mark, *getattr(mark, "metadata", ())):
            low += [item.ge] if getattr(item, "ge", None) is not None else []
            high += [item.le] if getattr(item, "le", None) is not None else []
            high += [item.lt - 1] if getattr(item, "lt", None) is not None else []
    words = [f"from {max(low)}"] if low else []
    words += [f"up to {min(high):,}"] if high else []
    return " ".join(words)


def _annotation(annotation: Any) -> str:
    while hasattr(annotation, "__metadata__"):
        annotation = get_args(annotation)[0]
    if annotation in PLAIN:
        return PLAIN[annotation]
    if annotation is Any:
        return "anything"
    origin = get_origin(annotation)
    arguments = [one for one in get_args(annotation) if one is not NoneType]
    if origin is Literal:
        return ", ".join(code(one) for one in arguments)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_annotation(one) for one in arguments))
    if origin is dict:
        return "a mapping"
    if origin is tuple:
        inner = arguments[0]
        return f"a list: {_annotation(inner)}" if get_origin(inner) is not tuple else "a matrix"
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return "a name, or in place"


def _value(field: FieldInfo) -> str:
    unit = unit_of(field)
    if unit is not None:
        return _unit(unit)
    kind = _annotation(field.annotation)
    bounds = _bounds(field.metadata) if kind == PLAIN[int] else ""
    return f"{kind} {bounds}".strip()


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    default = field.get_default(call_default_factory=True)
    unit = unit_of(field)
    if default is None or default in ((), {}, ""):
        return ""
    if isinstance(default, Model):
        return "its own defaults"
    if unit is not None:
        mark = default_of(field)
        known = f" ({mark.tag}: {escape(mark.note)})" if mark else ""
        return code(unit.write(default)) + known
    return code(str(default).lower() if isinstance(default, bool) else default)


def _keys(kind: type[Model]) -> str:
    rows = []
    for key, field in keys_of(kind).items():
        inner = submodel(field)
        about = (inner.__doc__ or "").partition("\n\n")[0] if inner is not None else ""
        meaning = escape(field.description or about)
        rows.append((code(key), _value(field), _default(field), meaning))
    return table(("key", "value", "left out", "meaning"), rows)


def _parts(kind: type[Model], found: dict[str, type[Model]], path: str = "") -> None:
    """Collect the models that a model holds, by where they stand first."""
    for key, field in keys_of(kind).items():
        inner = submodel(field)
        if inner is not None and inner not in found.values():
            found[f"{path}{key}"] = inner
            _parts(inner, found, f"{path}{key}.")


def _reference(kind: type[Model], title: str, more: dict[str, type[Model]], head: str) -> str:
    found = dict(more)
    _parts(kind, found)
    parts = [f"# {title}\n", head, prose(kind.__doc__ or ""), _keys(kind)]
    for path, inner in found.items():
        parts += [f"## {inner.__name__}\n", f"In `{path}`. {prose(inner.__doc__ or '')}"]
        parts.append(_keys(inner))
    return "\n".join(parts)


def machine_page() -> str:
    """Every key of a machine."""
    head = (
        "Keys of a file in `configs/machines/`. Every number may be written plainly or as `{value: 20ns, "
        f"tag: read, source: KEY, range: [10ns, 40ns], note: …}}`; tags are {_annotation(Tag)}. What "
        "the program does with each is in [the machine model](../machine.md); the profiles that "
        "ship with dessim are [here](machines.md).\n"
    )
    more = {"calibration": Calibration, "calibration.left_out": LeftOut}
    return _reference(Machine, "Keys of a machine", more, head)


def workload_page() -> str:
    """Every key of a workload."""
    head = "Keys of a file in `configs/workloads/`. Shipped ones: [here](shipped.md#workloads).\n"
    return _reference(Workload, "Keys of a workload", {"actors": ActorChoice}, head)


def experiment_page() -> str:
    """Every key of an experiment."""
    head = (
        "Keys of a file in `configs/experiments/`, or of any YAML file given to `dessim run`. "
        "How to write one: [Writing experiments](../experiments.md).\n"
    )
    return _reference(Experiment, "Keys of an experiment", {"schemes": SchemeChoice}, head)


def shipped_page() -> str:
    """The workloads, experiments and published tables that ship with dessim."""
    parts = ["# Shipped workloads, experiments and tables\n"]
    for kind, load in (
        ("workloads", model.load_workload),
        ("experiments", model.load_experiment),
    ):
        parts.append(f"## {kind.capitalize()}\n")
        for name in model.names(kind):
            text = model.find(kind, name).read_text(encoding="utf-8").partition("\n")[2]
            parts += [f"### {name}\n", escape(load(name).description) + "\n", block(text, "yaml")]
    parts.append("## Published measurements\n")
    for name in model.names("published"):
        lines = model.find("published", name).read_text(encoding="utf-8").splitlines()
        about = [line.lstrip("# ") for line in lines if line.startswith("#")]
        n = sum(1 for line in lines if line and not line.startswith("#")) - 1
        parts += [f"### {name}\n", escape(" ".join(about)) + f" ({n} rows)\n"]
    return "\n".join(parts)
