"""Quantities with units, read exactly into integers: `1.2us`, `64KiB`, `25GB/s`, `2.8GHz`, `10%`.

quantiphy knows the spelling of prefixes and units. The number itself never passes through a
binary float: it is read as a fraction, multiplied by the exact scale and rounded half to even.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

PPM = 1_000_000
MAX_TEXT = 40
"""Longest text taken for a number: more digits than any real quantity has."""

_NUMBER_AND_UNIT = re.compile(
    r"(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)\s*(?P<unit>[A-Za-zµμ%/]*)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a number measures: its base unit, how many canonical units that is, and its bounds."""

    noun: str
    base_unit: str
    canonical_per_base: int
    example: str
    largest: str
    whole: bool = False
    """Refuse fractions of the canonical unit instead of rounding them."""


TIME = Kind("a time", "s", 10**12, "20ns", "1000s")
SIZE = Kind("a size", "B", 1, "64KiB", "1PiB", whole=True)
RATE = Kind("a data rate", "B/s", 1, "25GB/s", "1PB/s")
FREQUENCY = Kind("a frequency", "Hz", 1, "2.8GHz", "1THz")
KINDS = (TIME, SIZE, RATE, FREQUENCY)


@lru_cache(4096)  # a machine is read for each experiment that names it
def parse_quantity(text: str, kind: Kind) -> int:
    """Read a number with its unit into an integer of the canonical unit of `kind`.

    Parameters
    ----------
    text : str
        For example ``1.2us``; KB = 1000 B, KiB = 1024 B.
    kind : Kind

    Returns
    -------
    int, ps | B | B/s | Hz
        Exact; what is not whole is rounded half to even (sizes must be whole).

    Raises
    ------
    ValueError
        If the unit is missing or of another kind, or the number is negative, huge or no number.
    """
    number, unit = _split(text, f"{kind.noun} such as {kind.example}")
    if not unit:
        raise ValueError(f"'{number}' has no unit: expected {kind.noun} such as {kind.example}")
    base_unit, scale = _unit_scale(unit)
    if base_unit != kind.base_unit:
        if unit.startswith("cycle"):
            raise ValueError(
                f"'{shorten(text)}': only times of a machine are in cycles, as in 120 cycles,"
                " without a sign or an exponent"
            )
        other = next((k.noun for k in KINDS if k.base_unit == base_unit), "an unknown unit")
        raise ValueError(
            f"expected {kind.noun} such as {kind.example}, found {other}: '{shorten(text)}'"
        )
    value = Fraction(number) * scale * kind.canonical_per_base
    if value < 0:
        raise ValueError(f"{kind.noun} must not be negative, found '{shorten(text)}'")
    if text != kind.largest and value > parse_quantity(kind.largest, kind):
        raise ValueError(f"'{shorten(text)}' is too large: {kind.noun} is at most {kind.largest}")
    if kind.whole and value.denominator != 1:
        raise ValueError(f"'{shorten(text)}' is not a whole number of bytes")
    if value and not round(value):
        smallest = format_quantity(1, kind) if kind is not TIME else "1ps"
        raise ValueError(f"'{shorten(text)}' is less than {smallest}: write 0, or more")
    return round(value)


def parse_ratio(value: int | Decimal | str) -> int:
    """Read a plain number (`1.6`) or a percentage (`10%`) into parts per million.

    Parameters
    ----------
    value : int, Decimal or str
        A YAML number, or text with a percent sign.

    Returns
    -------
    int, ppm
        Rounded half to even.

    Raises
    ------
    ValueError
        If it is no ratio, or not between 0 and 1,000,000.
    """
    if isinstance(value, str):
        number, unit = _split(value, "a ratio such as 1.6 or 10%")
        if unit not in ("", "%"):
            raise ValueError(f"expected a ratio such as 1.6 or 10%, found '{shorten(value)}'")
        ratio = Fraction(number) / (100 if unit else 1)
    elif isinstance(value, Decimal) and not value.is_finite():
        raise ValueError("expected a ratio such as 1.6 or 10%, found no finite number")
    else:
        ratio = Fraction(value)
    if ratio < 0:
        raise ValueError(f"a ratio must not be negative, found {shorten(str(value))}")
    if ratio > PPM:
        raise ValueError(f"a ratio is at most {PPM}, found {shorten(str(value))}")
    if ratio and not round(ratio * PPM):
        raise ValueError(f"{shorten(str(value))} is less than one millionth: write 0, or more")
    return round(ratio * PPM)


def format_quantity(value: int, kind: Kind) -> str:
    """Write a canonical integer with the largest unit that keeps it exact and short.

    Parameters
    ----------
    value : int, ps | B | B/s | Hz
    kind : Kind

    Returns
    -------
    str
        `parse_quantity` of it gives `value` again.
    """
    for unit, size in _UNITS[kind.base_unit]:
        if value >= size and value % size == 0:
            return f"{value // size}{unit}"
    if kind is TIME:  # 1234567 ps -> 1234.567ns: exact, because a ps is 1/1000 ns
        return f"{value // 1000}.{value % 1000:03d}".rstrip("0").rstrip(".") + "ns"
    return f"{value}{kind.base_unit}"


def format_ratio(value_ppm: int) -> str:
    """Write parts per million as an exact percentage.

    Parameters
    ----------
    value_ppm : int, ppm

    Returns
    -------
    str
        `parse_ratio` of it gives `value_ppm` again.
    """
    return f"{value_ppm // 10_000}.{value_ppm % 10_000:04d}".rstrip("0").rstrip(".") + "%"


def shorten(text: str, limit: int = MAX_TEXT) -> str:
    """Cut foreign text for a message and make every control character visible."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() else "�" for c in cut)


def _split(text: str, expected: str) -> tuple[str, str]:
    """Split `1.2us` into number and unit; the number is short enough to be computed with."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"expected {expected}, found a text of {len(text)} characters")
    match = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected {expected}, found '{shorten(text)}'")
    return match["number"], match["unit"]


@lru_cache(maxsize=1024)
def _unit_scale(unit: str) -> tuple[str, Fraction]:
    """Base unit and exact scale of a unit with prefix, as quantiphy reads it: `us` -> s, 10^-6."""
    from quantiphy import QuantiPhyError, Quantity

    try:
        one = Quantity(f"1{unit}", binary=True)
        scale = float(one)
    except QuantiPhyError:
        return "?", Fraction(1)
    if not 1e-18 <= scale <= 1e18:  # beyond, a float no longer holds every power exactly
        return "?", Fraction(1)
    # Powers of 1024 are exact in binary; powers of ten are exact in their shortest decimal form.
    exact = Fraction(int(scale)) if scale.is_integer() else Fraction(repr(scale))
    return one.units, exact


_UNITS: dict[str, tuple[tuple[str, int], ...]] = {
    "s": (("s", 10**12), ("ms", 10**9), ("us", 10**6), ("ns", 10**3)),
    "B": (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)),
    "B/s": (("GB/s", 10**9), ("MB/s", 10**6), ("KB/s", 10**3)),
    "Hz": (("GHz", 10**9), ("MHz", 10**6), ("KHz", 10**3)),
}
