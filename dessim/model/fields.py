"""The base of all model classes, and field types that carry a unit.

An attribute's name ends in its unit (`hold_ps`); its YAML key does not (`hold: 20ns`), because the
value carries it. Python code gives integers in the attribute's unit; a file must write the unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, ClassVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError, core_schema

from dessim.files.names import is_plain, unfit_in_name
from dessim.model import units
from dessim.model.units import FREQUENCY, PPM, RATE, SIZE, TIME, Kind

FROM_FILE = {"from_file": True}
"""Validation context of data that a person wrote: a number without its unit is refused."""

_SUFFIXES = {"_bytes_per_s": RATE, "_bytes": SIZE, "_ps": TIME, "_hz": FREQUENCY, "_ppm": None}


@cache
def yaml_key(attribute: str) -> str:
    """YAML spelling of an attribute: the name without its unit (`hold_ps` -> `hold`)."""
    for suffix in _SUFFIXES:
        if attribute.endswith(suffix):
            return attribute.removesuffix(suffix)
    return attribute


class Model(BaseModel):
    """Frozen data whose YAML keys carry no unit and whose unknown keys are errors."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        alias_generator=yaml_key,
        validate_by_name=True,
        validate_by_alias=True,
    )
    swept: ClassVar[tuple[str, ...]] = ()
    """Keys that an experiment may sweep instead of setting them."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Field annotation: an integer in a canonical unit, written with its unit in YAML.

    `kind` None stands for a ratio in parts per million; the bounds are canonical integers. With
    `flag`, true and false are the ratios 1 and 0: of a share that was a flag once.
    """

    kind: Kind | None
    low: int = 0
    high: int | None = None
    multiple: int = 1
    flag: bool = False

    def read(self, value: object) -> int:
        """Canonical integer of a value as a file writes it.

        Raises
        ------
        ValueError
            If it has no unit, the wrong one, or lies outside the bounds.
        """
        if self.flag and isinstance(value, bool):
            return PPM if value else 0
        if self.kind is None:
            if isinstance(value, bool) or not isinstance(value, (int, Decimal, str)):
                raise ValueError(f"expected a ratio such as 1.6 or 10%, found {describe(value)}")
            return self._bounded(units.parse_ratio(value))
        wanted = f"{self.kind.noun} such as {self.kind.example}"
        if isinstance(value, bool) or not isinstance(value, (int, Decimal, str)):
            raise ValueError(f"expected {wanted}, found {describe(value)}")
        if not isinstance(value, str):
            shown = units.shorten(str(value))
            raise ValueError(f"'{shown}' has no unit: expected {wanted}")
        return self._bounded(units.parse_quantity(value, self.kind))

    def write(self, value: int) -> str:
        """Text that `read` turns into the same integer again."""
        if self.kind is None:
            return units.format_ratio(value)
        return units.format_quantity(value, self.kind)

    def _bounded(self, value: int) -> int:
        if value < self.low:
            raise ValueError(f"must be at least {self.write(self.low)}, found {self.write(value)}")
        if self.high is not None and value > self.high:
            raise ValueError(f"must be at most {self.write(self.high)}, found {self.write(value)}")
        if value % self.multiple:
            step = self.write(self.multiple)
            raise ValueError(f"must be a multiple of {step}, found {self.write(value)}")
        return value

    def _validate(self, value: object, info: core_schema.ValidationInfo) -> int:
        from_file = bool(info.context and info.context.get("from_file"))
        if not from_file and isinstance(value, int) and not isinstance(value, bool):
            return self._bounded(value)
        return self.read(value)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        if self.kind is None:
            percent = {"type": "string", "pattern": r"^[0-9.]+([eE][-+]?[0-9]+)? ?%$"}
            bounds: dict[str, Any] = {"type": "number", "minimum": self.low / PPM}
            if self.high is not None:
                bounds["maximum"] = self.high / PPM
            forms = [bounds, percent, *([{"type": "boolean"}] if self.flag else [])]
            return {"anyOf": forms, "examples": [1.6, "10%"]}
        unit = self.kind.base_unit
        number = r"^[0-9.]+([eE][-+]?[0-9]+)? ?"
        prefixes = r"([kKMGTP]i?)?" if "B" in unit else r"[afpnuµmkKMGT]?"
        return {
            "type": "string",
            "pattern": f"{number}{prefixes}{unit}$",
            "examples": [self.kind.example],
        }


Time = Annotated[int, Unit(TIME)]
"""int, ps; YAML `20ns`."""
PositiveTime = Annotated[int, Unit(TIME, low=1)]
"""int, ps, > 0."""
Frequency = Annotated[int, Unit(FREQUENCY, low=1_000_000)]
"""int, Hz, >= 1 MHz; YAML `2.8GHz`."""
Rate = Annotated[int, Unit(RATE, low=1_000_000)]
"""int, B/s, >= 1 MB/s; YAML `40GB/s`."""
Size = Annotated[int, Unit(SIZE, low=4096)]
"""int, B, >= 4 KiB; YAML `37.5MiB`."""
Ratio = Annotated[int, Unit(None)]
"""int, ppm; YAML `1.6` or `10%`."""
Share = Annotated[int, Unit(None, high=PPM)]
"""int, ppm, 0..1."""
ShareOrFlag = Annotated[int, Unit(None, high=PPM, flag=True)]
"""int, ppm, 0..1; a file may also say true or false."""
SlowDown = Annotated[int, Unit(None, low=PPM, high=100 * PPM)]
"""int, ppm, 1..100."""
Count = Annotated[int, Field(strict=True, ge=1)]
"""A whole number, >= 1, without unit."""
Flag = Annotated[bool, Field(strict=True)]
MAX_WORDS = 10_000


def unfit_text(text: str) -> str:
    """Return why results cannot hold a text, or nothing."""
    if len(text) > MAX_WORDS:
        return f"the text is longer than {MAX_WORDS} characters"
    if not is_plain(text.replace("\n", "").replace("\t", "")):
        return "the text has control characters, which results must not contain"
    return ""


def _readable(text: str) -> str:
    if why := unfit_text(text):
        raise ValueError(why)
    return text


def _on_one_line(text: str) -> str:
    if character := unfit_in_name(text):
        what = "control characters, line ends or invisible characters"
        raise ValueError(f"a name has no {what}: remove {character}")
    if text.isspace():
        raise ValueError("a name must not be blank")
    return text


Text = Annotated[str, Field(strict=True, max_length=MAX_WORDS), AfterValidator(_readable)]
Name = Annotated[Text, Field(min_length=1, max_length=200), AfterValidator(_on_one_line)]
"""A name as files, tables and terminals show it."""


def unit_of(field: FieldInfo) -> Unit | None:
    """The unit of a field, also of an optional one; None for a plain number or text."""
    for item in field.metadata:
        if isinstance(item, Unit):
            return item
    for argument in get_args(field.annotation):
        for item in getattr(argument, "__metadata__", ()):
            if isinstance(item, Unit):
                return item
    return None


def submodel(field: FieldInfo) -> type[Model] | None:
    """The model class that a field holds, if it holds one."""
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    return None


def keys_of(model: type[Model]) -> dict[str, FieldInfo]:
    """Fields of a model by their YAML key, without those that only the loader fills."""
    return {
        yaml_key(name): field
        for name, field in model.model_fields.items()
        if field.exclude is not True
    }


def walk(model: type[Model], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of all leaf keys of a model, in order of definition."""
    for key, field in keys_of(model).items():
        inner = submodel(field)
        if inner is None:
            yield (*prefix, key)
        else:
            yield from walk(inner, (*prefix, key))


def refuse(problems: Sequence[tuple[tuple[str | int, ...], str]]) -> PydanticCustomError:
    """Build the error of a check over several keys: each (path below this model, sentence)."""
    text = "; ".join(sentence for _, sentence in problems)
    return PydanticCustomError("dessim_check", "{text}", {"text": text, "problems": list(problems)})


def yaml_form(model: Model) -> dict[str, Any]:
    """The YAML form of a model with every default filled in, in order of definition.

    Returns
    -------
    dict
        Quantities as text with units; loading it gives an equal model.
    """
    result: dict[str, Any] = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if field.exclude is True or value is None:
            continue
        unit = unit_of(field)
        if isinstance(value, Model):
            value = yaml_form(value)
        elif unit is not None:
            value = unit.write(value)
        elif isinstance(value, tuple):
            value = [_yaml_item(row) for row in value]
        result[yaml_key(name)] = value
    return result


def _yaml_item(item: Any) -> Any:
    if isinstance(item, Model):
        return yaml_form(item)
    return list(item) if isinstance(item, tuple) else item


def describe(value: object) -> str:
    """Name a foreign value in a message: `text 'abc'`, `a list`, `nothing`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Decimal)):
        return units.shorten(str(value))
    if isinstance(value, str):
        return f"text '{units.shorten(value)}'"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, (list, tuple)) else type(value).__name__
