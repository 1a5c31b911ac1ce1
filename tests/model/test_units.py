"""Units: exact conversion, required units, and messages that say what is expected."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dessim.model.units import (
    FREQUENCY,
    KINDS,
    RATE,
    SIZE,
    TIME,
    Kind,
    format_quantity,
    format_ratio,
    parse_quantity,
    parse_ratio,
)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("1.2us", TIME, 1_200_000),
        ("1.2µs", TIME, 1_200_000),
        ("1.2 us", TIME, 1_200_000),
        ("20ns", TIME, 20_000),
        ("1ps", TIME, 1),
        ("1s", TIME, 10**12),
        ("1e-6s", TIME, 10**6),
        ("0.1us", TIME, 100_000),
        ("456.789012345678s", TIME, 456_789_012_345_678),
        ("64KiB", SIZE, 65_536),
        ("64KB", SIZE, 64_000),
        ("64kB", SIZE, 64_000),
        ("37.5MiB", SIZE, 39_321_600),
        ("1TiB", SIZE, 1 << 40),
        ("7B", SIZE, 7),
        ("25GB/s", RATE, 25_000_000_000),
        ("2.8GHz", FREQUENCY, 2_800_000_000),
        ("3133.333333MHz", FREQUENCY, 3_133_333_333),
    ],
)
def test_a_quantity_is_read_exactly(text: str, kind: Kind, expected: int) -> None:
    """Prefixes and units give the exact integer, beyond what a binary float can hold."""
    assert parse_quantity(text, kind) == expected


@pytest.mark.parametrize(("text", "expected"), [("1.5ps", 2), ("2.5ps", 2), ("2.5000001ps", 3)])
def test_fractions_of_a_picosecond_are_rounded_half_to_even(text: str, expected: int) -> None:
    """What is not a whole number of ps goes to the nearest, and ties to the even one."""
    assert parse_quantity(text, TIME) == expected


@pytest.mark.parametrize(
    ("text", "kind", "part"),
    [
        ("20", TIME, "'20' has no unit: expected a time such as 20ns"),
        ("0", TIME, "'0' has no unit"),
        ("64K", SIZE, "an unknown unit"),
        ("64KiB", TIME, "expected a time such as 20ns, found a size: '64KiB'"),
        ("20ns", SIZE, "expected a size such as 64KiB, found a time: '20ns'"),
        ("25GB", RATE, "expected a data rate such as 25GB/s, found a size"),
        ("20parsec", TIME, "an unknown unit"),
        ("ns", TIME, "expected a time such as 20ns, found 'ns'"),
        ("", TIME, "found ''"),
        ("1 2ns", TIME, "found '1 2ns'"),
        ("1_000ns", TIME, "found '1_000ns'"),
        ("٣ns", TIME, "found '٣ns'"),
        ("nan s", TIME, "found 'nan s'"),
        ("inf s", TIME, "found 'inf s'"),
        ("-1ns", TIME, "a time must not be negative"),
        ("1e999s", TIME, "too large: a time is at most 1000s"),
        ("1e9999s", TIME, "found '1e9999s'"),
        ("9" * 5000 + "ns", TIME, "found a text of 5002 characters"),
        ("1000001s", TIME, "too large"),
        ("0.3KiB", SIZE, "not a whole number of bytes"),
        ("1QB", SIZE, "an unknown unit"),
    ],
)
def test_a_wrong_quantity_says_what_is_expected(text: str, kind: Kind, part: str) -> None:
    """Missing, wrong and unknown units, negative, huge and foreign numbers are distinguished."""
    with pytest.raises(ValueError, match=r"\w") as refusal:
        parse_quantity(text, kind)
    assert part in str(refusal.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 10**6), (Decimal("1.6"), 1_600_000), ("10%", 100_000), ("0.5", 500_000), ("1e-6", 1)],
)
def test_a_ratio_is_a_number_or_a_percentage(value: int | Decimal | str, expected: int) -> None:
    """Ratios come out in parts per million, exactly."""
    assert parse_ratio(value) == expected


@pytest.mark.parametrize("value", [-1, "-1%", "10ns", "x", Decimal("NaN"), 10**7, "1e999"])
def test_a_wrong_ratio_is_refused(value: int | Decimal | str) -> None:
    """Negative, huge and foreign ratios are errors."""
    with pytest.raises(ValueError, match="ratio"):
        parse_ratio(value)


@given(st.sampled_from(KINDS), st.integers(0, 10**12))
def test_writing_and_reading_a_quantity_is_the_identity(kind: Kind, value: int) -> None:
    """No digit is lost between a canonical integer and its text."""
    assert parse_quantity(format_quantity(value, kind), kind) == value


@given(st.integers(0, 10**12))
def test_writing_and_reading_a_ratio_is_the_identity(value_ppm: int) -> None:
    """No digit is lost between parts per million and the percentage."""
    assert parse_ratio(format_ratio(value_ppm)) == value_ppm


@given(st.text(max_size=60), st.sampled_from(KINDS))
def test_any_text_is_a_quantity_or_a_value_error(text: str, kind: Kind) -> None:
    """No text makes the reader fail in another way, and what it reads is not negative."""
    try:
        value = parse_quantity(text, kind)
    except ValueError:
        return
    assert value >= 0
