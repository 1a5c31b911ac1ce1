"""Schemes side by side, as lines of text."""

from typing import Any

import pytest

from dessim.report.text.comparison import change, crossover_word, lines_of, summary_lines


def a_row(ratio: float | None, ends: list[float] | None, **changed: Any) -> dict[str, Any]:
    """A comparison as results hold it; its interval alone is narrower than that of its test."""
    alone = None if ends is None else [end**0.5 for end in ends]
    significant = None if ends is None else not ends[0] <= 1 <= ends[1]
    resolved = bool(ends) and ratio is not None and ends[1] <= 4 * ratio and ends[0] * 4 >= ratio
    side = {"mean": 100.0, "ci95": [99, 101], "n": 12, "stddev_ratio": 0.02, "flags": []}
    nearest = None
    if ends is not None and significant:
        nearest = ends[0] if ends[0] > 1 else ends[1]
    return {
        "workload": "w",
        "machine": "m",
        "fault_around_order": 4,
        "parameters": {},
        "threads": 8,
        "scheme": "a",
        "metric": "pages_mapped_per_s",
        "a": dict(side),
        "b": dict(side),
        "n": 12,
        "paired": True,
        "ratio": ratio,
        "ratio_ci95": alone,
        "ratio_ci95_simultaneous": ends,
        "p_value": 0.01,
        "p_value_holm": 0.04,
        "family": 4,
        "significant": significant,
        "resolved": resolved,
        "at_least": nearest,
        "method": "sign test over pairs of replications",
    } | changed


@pytest.mark.parametrize(
    ("ratio", "ends", "words"),
    [
        (1.06, [1.05, 1.07], "+6.0% [+5.0%, +7.0%]"),
        (1.02, [0.99, 1.08], "~ [-1.0%, +8.0%]"),
        (0.25, [0.21, 0.30], "-75.0% [-79.0%, -70.0%]"),
        (5.2, [4.1, 6.3], "5.20x [4.10x, 6.30x]"),
        (2.0, [1.1, 7.5], "2.00x [1.10x, 7.50x]"),
        (1.1, [0.07, 24804.0], "~ unresolved"),
        (30.0, [3.1, 900.0], "at least 3.10x"),
        (0.04, [0.002, 0.17], "at most 0.17x"),
        (1.06, None, "+6.0% (no interval)"),
        (None, None, "–"),  # noqa: RUF001 - the dash of the tables
    ],
)
def test_a_change_says_no_more_than_its_test(
    ratio: float | None, ends: list[float] | None, words: str
) -> None:
    """Its interval is that of the family, and what is wide is a bound, or unresolved."""
    assert change(a_row(ratio, ends)) == words


def test_results_of_earlier_versions_have_their_own_interval() -> None:
    """They know no family."""
    row = a_row(1.06, [1.05, 1.07])
    for key in ("ratio_ci95_simultaneous", "resolved", "at_least", "family", "method"):
        del row[key]
    row["ratio_ci95"] = [1.04, 1.08]
    assert change(row) == "+6.0% [+4.0%, +8.0%]"
    assert list(lines_of("a", "b", [row], []))


def test_a_crossover_is_a_bracket() -> None:
    """The interpolated number is never alone."""
    place = {"threads": 11.31, "between": [8, 16], "ci95": [8, 16]}
    entry = {"crossovers": [place | {"b_overtakes": True}]}
    assert crossover_word(entry, "a", "b") == (
        "b overtakes a between 8 and 16 threads (interpolated: 11.3)"
    )
    entry = {"crossovers": [place | {"b_overtakes": False}]}
    assert crossover_word(entry, "a", "b").startswith("a overtakes b between 8 and 16")
    assert crossover_word({"crossovers": [], "crossovers_reason": "none"}, "a", "b") == "none"


def test_the_remark_says_which_interval_of_which_family() -> None:
    """All comparisons together, by Bonferroni; one alone is no family."""
    [remark] = [x for x in lines_of("a", "b", [a_row(1.06, [1.05, 1.07])], []) if "change:" in x]
    assert "median ratio of 12 pairs" in remark
    assert "hold for all 4 comparisons together (Bonferroni)" in remark
    assert "sign test over pairs of replications" in remark
    one = a_row(1.06, [1.05, 1.07], family=1)
    assert "together" not in "".join(lines_of("a", "b", [one], []))


def test_what_is_missing_or_unresolved_is_counted_with_its_reason() -> None:
    """A refused number refers to its point, whose reason stands there."""
    missing = a_row(None, None)
    missing["a"] |= {"mean": None, "ci95": None, "reason": "not stationary: …"}
    wide = a_row(1.1, [0.07, 24804.0], reason="unresolved")
    text = "\n".join(lines_of("a", "b", [missing, wide], []))
    assert "one scheme has no number there: see its point (1 of 2 comparisons)" in text
    assert "extends more than a factor of 4 from its ratio (1 of 2 comparisons)" in text
    assert "24804" not in text
    assert "2480" not in text


def a_document(flags: list[str], met: bool | None) -> dict[str, Any]:
    """Two points of two schemes, and their comparison."""
    points = [
        {
            "workload": "w",
            "machine": "m",
            "fault_around_order": 4,
            "parameters": {},
            "threads": 8,
            "scheme": scheme,
            "scheme_options": {},
            "flags": flags if scheme == "b" else [],
        }
        for scheme in ("a", "b")
    ]
    if met is not None:
        asked = {"fault_latency_ns_p99": {"wanted": 0.05, "reached": None, "met": met}}
        points[1]["precision"] = asked
    rows = [a_row(1.06, [1.05, 1.07], metric=m) for m in ("pages_mapped_per_s", P99)]
    return {"points": points, "comparisons": [{"a": "a", "b": "b", "rows": rows, "crossovers": []}]}


P99 = "fault_latency_ns_p99"


def test_flags_and_precision_stand_beside_the_numbers_of_both_schemes() -> None:
    """A mixture is named, and what was not met by the headings of its columns."""
    lines = list(summary_lines(a_document(["mixture"], met=False)))
    assert lines[2].endswith("flags, precision")
    assert lines[3].endswith("B mixture, not met: p99")
    assert list(summary_lines(a_document([], met=True)))[3].endswith("B met")
    plain = list(summary_lines(a_document([], met=None)))
    assert not plain[2].endswith("precision")


def test_a_mixture_has_its_interval_in_full_and_is_named() -> None:
    """The spread of two kinds of runs says nothing of either."""
    row = a_row(1.06, [1.05, 1.07])
    row["b"]["flags"] = ["mixture"]
    [line] = [line for line in lines_of("a", "b", [row], []) if "8t.pages" in line]
    assert "100 ±1%" in line
    assert "100 [99.0, 101], mixture" in line
