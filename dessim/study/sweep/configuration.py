"""The configuration of an experiment as it was run: every value with its unit and its source.

`configuration.json` lies next to the results, so that a reader of them needs no other file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dessim import registry
from dessim.model import Experiment, Machine, Point, SchemeChoice, Workload
from dessim.model.fields import Model, submodel, unit_of, yaml_form, yaml_key
from dessim.model.workload import foreign_keys

CONFIGURATION = "configuration.json"
Entry = dict[str, Any]


@dataclass(frozen=True)
class Invocation:
    """What somebody typed.

    Attributes
    ----------
    text : str
        The experiment's file as a person wrote it.
    command : str
        That makes the same results again; empty if there was none.
    """

    text: str = ""
    command: str = ""


def configuration_of(
    experiment: Experiment, points: Sequence[Point], engine: str, invocation: Invocation
) -> Entry:
    """Return what was run, JSON-able, in stable order.

    Parameters
    ----------
    experiment : Experiment
    points : sequence of Point
    engine : str
    invocation : Invocation
    """
    machines: dict[str, Machine] = {}
    workloads: dict[str, Workload] = {}
    chosen: dict[str, SchemeChoice] = {}
    swept: dict[str, list[Any]] = {}
    for point in points:
        machines.setdefault(point.machine.name, point.machine)
        workloads.setdefault(point.workload.name, point.workload)
        chosen.setdefault(json.dumps(point.scheme.entry()), point.scheme)
        for key, value in point.parameters.items():
            seen = swept.setdefault(key, [])
            if value not in seen:
                seen.append(value)
    return {
        "experiment": experiment.name,
        "description": experiment.description,
        "engine": engine,
        "command": invocation.command,
        "written": invocation.text,
        "settings": _settings(experiment, points),
        "swept": swept,
        "machines": [_machine(machine) for machine in machines.values()],
        "workloads": [_workload(workload) for workload in workloads.values()],
        "schemes": [
            {
                "name": one.name,
                "options": dict(sorted(one.options.items())),
                "description": registry.load(one.name).description,
            }
            for one in chosen.values()
        ],
    }


def _settings(experiment: Experiment, points: Sequence[Point]) -> list[Entry]:
    """Settings of the experiment that are neither machine nor workload nor scheme."""
    threads = sorted({point.threads for point in points})
    orders = sorted({point.fault_around_order for point in points})
    found: list[Entry] = [
        {"key": "threads", "value": ", ".join(map(str, threads))},
        {"key": "fault_around_order", "value": ", ".join(map(str, orders))},
    ]
    values = yaml_form(experiment)
    for key in (
        "simulate",
        "simulate_cap",
        "replications",
        "max_replications",
        "seed",
        "warmup",
        "measured",
    ):
        if key in values and (key != "max_replications" or experiment.precision):
            found.append({"key": key, "value": str(values[key])})
    for name, asked in (experiment.precision or {}).items():
        found.append({"key": f"precision.{name}", "value": str(asked)})
    return found


def _machine(machine: Machine) -> Entry:
    values = []
    for key, value, unit, meaning in _leaves(machine):
        row: Entry = {"key": key, "value": value, "meaning": meaning}
        known = machine.provenance.get(key)
        if known is not None:
            row |= {"tag": known.tag, "source": known.source, "note": known.note}
            if known.low is not None and known.high is not None and unit is not None:
                row["range"] = [unit.write(known.low), unit.write(known.high)]
        values.append(row)
    return {
        "name": machine.name,
        "description": machine.description,
        "sources": dict(machine.sources),
        "values": values,
    }


def _workload(workload: Workload) -> Entry:
    foreign = (*foreign_keys(workload.kind), "threads")  # how many there were, the settings say
    return {
        "name": workload.name,
        "description": workload.description,
        "values": [
            {"key": key, "value": value, "meaning": meaning}
            for key, value, _, meaning in _leaves(workload)
            if key not in foreign
        ],
    }


def _leaves(model: Model, prefix: str = "") -> Iterator[tuple[str, str, Any, str]]:
    """Yield key, value as text, unit and meaning of every number of a model."""
    values = yaml_form(model)
    for name, field in type(model).model_fields.items():
        key = yaml_key(name)
        if key not in values or (not prefix and key in ("name", "description", "sources")):
            continue
        inner = getattr(model, name)
        if submodel(field) is not None or isinstance(inner, Model):
            yield from _leaves(inner, f"{prefix}{key}.")
            continue
        value = values[key]
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield f"{prefix}{key}", text, unit_of(field), " ".join((field.description or "").split())


def configuration_text(configuration: Entry) -> str:
    """The configuration as it lies next to the results."""
    return json.dumps(configuration, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
