import pytest

from dessim.report.common.format import (
    amount,
    duration_ns,
    duration_s,
    estimate_text,
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


@pytest.mark.parametrize(
    ("mean", "ci95", "words"),
    [
        (1000, [950, 1050], "1.00us ±5%"),
        (1000, [999, 1001], "1.00us ±<1%"),
        (1000, [995, 1010], "1.00us ±<1%"),  # lopsided, but by less than 2 %
        (1350, [1200, 1900], "1.35us [1.20, 1.90]"),
        (1050, [950, 1400], "1.05us [950ns, 1.40us]"),  # units differ: each says its own
        (5000, [1200, 20001], "[1.20us, 20.0us]"),  # more than a factor of four
        (2.0, [0, 5], "2.00ns [0, 5.00]"),
        (2.0, [-1, 5], "2.00ns [-1.00, 5.00]"),  # ± 150 % is no way to say it
        (1000, None, "1.00us"),
        (None, None, "–"),  # noqa: RUF001 - the dash of the tables
    ],
)
def test_an_interval_is_a_plus_minus_only_where_that_is_true(
    mean: float | None, ci95: list[float] | None, words: str
) -> None:
    """Lopsided ones are estimate_text in full, and of those that say little only the ends."""
    assert estimate_text({"mean": mean, "ci95": ci95, "n": 5}, duration_ns) == words


def test_runs_of_two_kinds_get_no_plus_minus_and_what_is_refused_says_so() -> None:
    """However narrow the interval is; one run alone has no interval, which is no refusal."""
    narrow = {"mean": 1000, "ci95": [999, 1001], "n": 40}
    assert estimate_text(narrow, duration_ns, alike=False) == "1.00us [999ns, 1.00us]"
    refused = {"mean": 1000, "ci95": None, "n": 5, "reason": "two sizes differ"}
    assert estimate_text(refused, duration_ns) == "1.00us ±?"
    assert estimate_text(refused | {"n": 1}, duration_ns) == "1.00us"
    assert estimate_text(None, duration_ns) == "–"  # noqa: RUF001 - the dash of the tables


def test_schemes_are_named_with_their_options() -> None:
    """A switch that is on by its name, others with their value."""
    options = {"precheck": True, "batch": 3, "undo": False}
    assert scheme_of({"scheme": "s", "scheme_options": options}) == "s+precheck batch=3 undo=false"
    assert threads_word(1) == "1 thread"
    assert threads_word(2) == "2 threads"


def test_numbers_at_axes_are_short() -> None:
    """As they are from a thousandth to 100,000; powers of ten beyond as such."""
    estimate_text = [plain_number(x) for x in (0.0, 0.001, 1.5, 20000, 1e5, 1e-6, 2e-6)]
    assert estimate_text == ["0", "0.001", "1.5", "20000", "1e5", "1e-6", "2e-06"]
    assert plain_number(1e-6, raised=True) == "10⁻⁶"
