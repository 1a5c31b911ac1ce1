"""What an experiment is: the human form with lists, and the resolved points that it stands for."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    InstanceOf,
    PrivateAttr,
    model_validator,
)
from pydantic_core import core_schema

from dessim.model.costs import COMMAND_FIELDS
from dessim.model.document import Document
from dessim.model.fields import (
    Count,
    Model,
    Name,
    Text,
    Time,
    Unit,
    describe,
    refuse,
    yaml_form,
    yaml_key,
)
from dessim.model.growth import AUTO
from dessim.model.machine import Machine
from dessim.model.paging_rules import PAGING_FIELDS
from dessim.model.precision import wanted
from dessim.model.trace_rules import TRACE_FIELDS
from dessim.model.units import SIZE, format_quantity
from dessim.model.workload import (
    PAGE_BYTES,
    ThreadCount,
    Workload,
    foreign_keys,
)
from dessim.model.write_rules import WRITE_FIELDS

SWEPT_KEYS = ("threads", "fault_around_order", "machine", "workload", "simulate")
Scalar = bool | int | float | str
"""A swept value as results carry it."""
FaultAroundOrder = Annotated[int, Field(strict=True, ge=0, le=9)]
SimulatedBytes = Annotated[int, Unit(SIZE, low=PAGE_BYTES, high=1 << 40, multiple=PAGE_BYTES)]


class SizeOrAuto(Unit):
    """A size, or the word `auto`, which is kept as ``AUTO``."""

    def read(self, value: object) -> int:
        """Canonical integer of a value as a file writes it."""
        return AUTO if value == "auto" else Unit.read(self, value)

    def write(self, value: int) -> str:
        """Text that `read` turns into the same integer again."""
        return "auto" if value == AUTO else Unit.write(self, value)

    def _validate(self, value: object, info: core_schema.ValidationInfo) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value == AUTO:
            return AUTO
        return Unit._validate(self, value, info)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        size = Unit.__get_pydantic_json_schema__(self, schema, handler)
        return {"anyOf": [{"const": "auto"}, size]}


AutoBytes = Annotated[int, SizeOrAuto(SIZE, low=PAGE_BYTES, high=1 << 40, multiple=PAGE_BYTES)]
Replications = Annotated[Count, Field(le=100_000)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=1 << 63)]

_SCHEME_FORM = "expected a scheme: a name, or {name: {option: value}}"


def _option(value: Any) -> Any:
    if not isinstance(value, (bool, int, str)):
        raise ValueError(f"expected true, false, a whole number or text, found {describe(value)}")
    return value


def _reference(word: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        if not isinstance(value, (str, dict)):
            raise ValueError(f"expected the name of a {word} or a mapping, found {describe(value)}")
        return value

    return BeforeValidator(check)


OptionValue = Annotated[bool | int | str, BeforeValidator(_option)]


class SchemeChoice(Model):
    """A locking scheme by name, with options; in YAML `name` or `{name: {option: value}}`."""

    name: Annotated[Text, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=100)]
    """Name of a file in `dessim/schemes`."""
    options: dict[Annotated[Text, Field(max_length=100)], OptionValue] = Field(default_factory=dict)
    """Options of the scheme that differ from its defaults."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"name": data}
        if not isinstance(data, (dict, SchemeChoice)):
            raise refuse([((), f"{_SCHEME_FORM}, found {describe(data)}")])
        if isinstance(data, dict) and "name" not in data and len(data) == 1:
            [(name, options)] = data.items()
            return {"name": name, "options": {} if options is None else options}
        if isinstance(data, dict) and "name" not in data:
            raise refuse([((), _SCHEME_FORM)])
        return data

    def entry(self) -> str | dict[str, dict[str, bool | int | str]]:
        """The YAML form: the name, or the name with its options in order of their names."""
        if not self.options:
            return self.name
        return {self.name: dict(sorted(self.options.items()))}


class Experiment(Model):
    """The human form: one point, or a sweep when `matrix`, `zip` or `include` hold lists."""

    swept: ClassVar = SWEPT_KEYS

    name: Name
    """Name of the experiment, as in results; left out in a file: the file's name."""
    description: Text = ""
    """What the experiment shows."""
    machine: Annotated[str | dict[str, Any], _reference("machine")]
    """Name of a file in configs/machines, a path, or a machine in place."""
    workload: Annotated[str | dict[str, Any], _reference("workload")]
    """Name of a file in configs/workloads, a path, or a workload in place."""
    schemes: Annotated[tuple[SchemeChoice, ...], Field(min_length=1)]
    """Locking schemes to compare."""
    threads: ThreadCount | None = None
    """Number of threads; default: the workload's."""
    fault_around_order: FaultAroundOrder = 4
    """log2 of the fault-around window in units of 4 KiB (Linux: 4, 64 KiB); at most a page of the
    machine turns fault-around off."""
    matrix: dict[str, Any] = Field(default_factory=dict)
    """Swept keys with lists: every combination is a point."""
    zip: dict[str, Any] = Field(default_factory=dict)
    """Swept keys with lists of equal length, stepped through together."""
    include: tuple[dict[str, Any], ...] = ()
    """Extra points: each sets some keys, and may choose its `schemes`."""
    exclude: tuple[dict[str, Any], ...] = ()
    """Points to leave out: all keys of an entry must match, with a value or one of a list."""
    simulate_bytes: AutoBytes | None = None
    """Bytes of the file that each thread really reads; completion time and counts are extrapolated.
    `auto`: grow until two sizes agree in every reported metric; if they do not agree up to
    `simulate_cap`, nothing is extrapolated. Default: the whole file."""
    simulate_cap_bytes: SimulatedBytes | None = None
    """Largest size that `simulate: auto` tries; default: about a second of work per run."""
    replications: Replications = 5
    """Independent runs of every point."""
    seed: Seed = 1
    """Seed of all random draws."""
    measured: Text | None = None
    """Name of a table in configs/published to print next to the results."""
    precision: Annotated[dict[str, Any] | None, BeforeValidator(wanted)] = None
    """Relative half-width to reach for 95 % intervals, by metric: `{throughput: 1%,
    fault_latency_p99: 3%}`. dessim adds replications until it is met."""
    max_replications: Replications = 50
    """Most replications of a point with `precision`."""
    warmup_ps: Time | None = None
    """Time from which steady rates count; default: where MSER-5 finds the end of the warm-up."""

    @model_validator(mode="after")
    def _check(self) -> Experiment:
        problems: list[tuple[tuple[str | int, ...], str]] = []
        seen: set[str] = set()
        for i, scheme in enumerate(self.schemes):
            entry = repr(scheme.entry())
            if entry in seen:
                problems.append((("schemes", i), f"'{scheme.name}' is already in the list"))
            seen.add(entry)
        if "max_replications" in self.model_fields_set and (
            self.max_replications < self.replications
        ):
            text = (
                f"max_replications is {self.max_replications}, and replications {self.replications}"
            )
            problems.append((("max_replications",), f"{text}: it must not be less"))
        if problems:
            raise refuse(problems)
        return self

    _document: Document | None = PrivateAttr(default=None)
    _references: Any = PrivateAttr(default=None)


class Point(Model):
    """One resolved point of an experiment: everything that its runs need, no lists, no names."""

    experiment: str
    """Name of the experiment."""
    machine: InstanceOf[Machine]  # already validated: a sweep shares one object
    workload: InstanceOf[Workload]
    scheme: InstanceOf[SchemeChoice]
    threads: ThreadCount
    fault_around_order: FaultAroundOrder
    simulate_bytes: SimulatedBytes | None = None
    """Bytes of the file simulated per thread; None simulates the file in full."""
    simulate_cap_bytes: SimulatedBytes | None = None
    """Largest size that is tried, if `simulate_bytes` grows until two sizes agree; else None."""
    parameters: dict[str, Scalar] = Field(default_factory=dict)
    """Every other swept key, as written."""
    replications: Replications = 5
    seed: Seed = 1
    measured: str | None = None

    def resolved(self) -> dict[str, Any]:
        """Complete form of what decides the result of a run, every default filled in.

        It leaves out what cannot change a run: the experiment's name, descriptions, sources,
        the number of replications and the published table. It is an experiment of one point
        itself: loading it gives the same point.

        Returns
        -------
        dict
            JSON-able, in stable order; quantities as exact text with units.
        """
        machine = yaml_form(self.machine)
        workload = yaml_form(self.workload)
        for part in (machine, workload):
            part.pop("description", None)
            part.pop("sources", None)
            part.pop("calibration", None)
        for name in foreign_keys(self.workload.kind):
            workload.pop(name)
        if not self.workload.uses_frames:  # nothing of it is paid, and nothing of it is asked
            machine.pop("frames")
        if not self.workload.writes:
            for name in WRITE_FIELDS:
                workload.pop(yaml_key(name), None)
        if not self.workload.pages_file:
            for name in PAGING_FIELDS:
                workload.pop(yaml_key(name), None)
        if not self.workload.commands:
            machine.pop("paging")
            for name in COMMAND_FIELDS:
                machine["device"].pop(yaml_key(name))
        machine["device"].pop("profile", None)  # its numbers are there
        if not self.workload.replays:
            for name in TRACE_FIELDS:
                workload.pop(yaml_key(name), None)
        result: dict[str, Any] = {
            "machine": machine,
            "workload": workload,
            "schemes": [self.scheme.entry()],
            "threads": self.threads,
            "fault_around_order": self.fault_around_order,
        }
        if self.simulate_bytes is not None:
            result["simulate"] = format_quantity(self.simulate_bytes, SIZE)
        return {**result, "seed": self.seed}
