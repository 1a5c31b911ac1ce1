import pytest

from dessim.report.paper.tolerance import Row, Tolerance, differences

KEYS = ("scheme", "threads")
EXPECTED: list[Row] = [
    {"scheme": "a", "threads": "1", "rate": "100", "rate_lo": "99", "rate_hi": "101", "why": ""},
    {"scheme": "a", "threads": "2", "rate": "200", "rate_lo": "", "rate_hi": "", "why": "never"},
]


def changed(row: int, **cells: str) -> list[Row]:
    """Return the expected rows with some cells of one of them changed."""
    return [{**one, **(cells if i == row else {})} for i, one in enumerate(EXPECTED)]


def test_equal_rows_do_not_differ() -> None:
    """Nothing is reported of the very numbers that are expected, in any order."""
    assert differences(EXPECTED, EXPECTED[::-1], KEYS, Tolerance()) == []


@pytest.mark.parametrize(
    ("rate", "tolerance", "fine"),
    [
        ("209", Tolerance(relative=0.05), True),
        ("211", Tolerance(relative=0.05), False),
        ("203", Tolerance(absolute=3), True),
        ("203.1", Tolerance(absolute=3), False),
        ("211", Tolerance(relative=0.05, absolute=12), True),
    ],
)
def test_the_greater_of_share_and_distance_is_allowed(rate, tolerance, fine) -> None:
    """A number is as expected up to the tolerance, and not a bit further."""
    assert (differences(EXPECTED, changed(1, rate=rate), KEYS, tolerance) == []) == fine


@pytest.mark.parametrize(("rate", "fine"), [("105.9", True), ("106.1", False)])
def test_both_intervals_count(rate: str, fine: bool) -> None:
    """Half-widths of 1 and 5 allow a distance of 6; ends of intervals are not compared."""
    found = changed(0, rate=rate, rate_lo="100", rate_hi="110")
    assert (differences(EXPECTED, found, KEYS, Tolerance()) == []) == fine


def test_text_must_be_equal_and_numbers_must_stay_known() -> None:
    """Another verdict, and a number that is not known any more, are reported with their row."""
    said = differences(EXPECTED, changed(1, why="sometimes", rate=""), KEYS, Tolerance(relative=9))
    assert said == [
        "scheme a, threads 2: rate is empty, expected 200",
        "scheme a, threads 2: why is sometimes, expected never",
    ]


def test_rows_and_columns_must_be_there() -> None:
    """A row too few, one too many, and a column that is gone are reported."""
    found = [{"scheme": "a", "threads": "1", "rate": "100"}, {"scheme": "b", "threads": "1"}]
    assert differences(EXPECTED, found, KEYS, Tolerance()) == [
        "scheme a, threads 2: no longer drawn",
        "scheme b, threads 1: not expected",
        "column why is no longer drawn",
    ]


def test_a_tolerance_says_itself() -> None:
    """In words for people."""
    assert str(Tolerance(0.1, 0.02)) == "10 % or 0.02 or the intervals"
    assert str(Tolerance()) == "the intervals"
