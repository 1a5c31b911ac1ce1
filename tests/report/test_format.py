import pytest

from dessim.report.common.format import (
    amount,
    duration_ns,
    duration_s,
    percent,
    plain_number,
    plus_minus,
    scheme_of,
    threads_word,
)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0.00"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (999.4, "999"),
        (999.9, "1.00k"),
        (123456, "123k"),
        (4.195e6, "4.20M"),
        (2.5e9, "2.50G"),
    ],
)
def test_amounts_have_three_digits(number: float, text: str) -> None:
    """A prefix per thousand, and no rounding to four digits."""
    assert amount(number) == (text if number else "0")


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0.5, "0.50ns"), (715, "715ns"), (1234, "1.23us"), (9.3e5, "930us"), (3.2e9, "3.20s")],
)
def test_times_carry_their_unit(ns: float, text: str) -> None:
    """From ns to s."""
    assert duration_ns(ns) == text
    assert duration_s(ns / 1e9) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [(-0.096, "-9.6%"), (0.2, "+20%"), (-0.0004, "-0.0%"), (1.5, "+150%")]
)
def test_errors_are_signed_percentages(ratio: float, text: str) -> None:
    """One decimal below ten percent."""
    assert percent(ratio) == text


def test_half_widths_are_relative_and_never_invented() -> None:
    """5 around 100 is 5 %; no interval, nothing; below 1 % just that."""
    assert plus_minus({"mean": 100, "ci95": [95, 105]}) == "±5%"
    assert plus_minus({"mean": 100, "ci95": [99.9, 100.1]}) == "±<1%"
    assert plus_minus({"mean": 100, "ci95": None}) == ""
    assert plus_minus({"mean": 0, "ci95": [0, 0]}) == ""


def test_schemes_are_named_with_their_options() -> None:
    """A switch that is on by its name, others with their value."""
    options = {"precheck": True, "batch": 3, "undo": False}
    assert scheme_of({"scheme": "s", "scheme_options": options}) == "s+precheck batch=3 undo=false"
    assert threads_word(1) == "1 thread"
    assert threads_word(2) == "2 threads"


def test_numbers_at_axes_are_short() -> None:
    """As they are from a thousandth to 100,000; powers of ten beyond as such."""
    told = [plain_number(x) for x in (0.0, 0.001, 1.5, 20000, 1e5, 1e-6, 2e-6)]
    assert told == ["0", "0.001", "1.5", "20000", "1e5", "1e-6", "2e-06"]
    assert plain_number(1e-6, raised=True) == "10⁻⁶"
