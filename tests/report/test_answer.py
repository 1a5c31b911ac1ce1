"""The answer of a run in sentences."""

from typing import Any

import pytest

from dessim.metrics import View, columns_of
from dessim.report.common.answer import VERBS, answer_lines

PAGES, P99 = (metric.name for metric in columns_of(View.RESULTS))


def row(metric: str, threads: int, ratio: float | None, **changed: Any) -> dict[str, Any]:
    """A comparison at one number of threads, its interval 1 % to either side."""
    ends = None if ratio is None else [ratio * 0.99, ratio * 1.01]
    return {
        "metric": metric,
        "workload": "w",
        "machine": "m",
        "fault_around_order": 4,
        "parameters": {},
        "threads": threads,
        "ratio": ratio,
        "ratio_ci95": ends,
        "ratio_ci95_simultaneous": ends,
        "significant": ratio is not None and abs(ratio - 1) > 0.01,
        "resolved": True,
    } | changed


def document(*comparisons: tuple[str, str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Results with these comparisons."""
    return {"comparisons": [{"a": a, "b": b, "rows": rows} for a, b, rows in comparisons]}


def answer(*rows: dict[str, Any]) -> list[str]:
    """The answer about two schemes."""
    return answer_lines(document(("old", "new", list(rows))))


def test_both_metrics_with_the_same_numbers_of_threads_are_one_sentence() -> None:
    """Smallest and greatest change, the interval that holds all, numbers of threads once."""
    rows = [row(PAGES, 6, 1.06), row(PAGES, 8, 1.08), row(P99, 6, 0.25), row(P99, 8, 0.25)]
    assert answer(*rows) == [
        "Compared with old, new maps 6.0 to 8.0 % [4.9, 9.1] more pages/s"
        " and cuts p99 by 75.0 % [74.8, 75.2] with 6 and 8 threads."
    ]


def test_the_better_scheme_is_the_subject() -> None:
    """Where the second scheme is worse, ratios are turned round."""
    [line] = answer(row(PAGES, 8, 0.5), row(P99, 8, 2.0))
    assert line == (
        "Compared with new, old maps 2.00 [1.98, 2.02] times as many pages/s"
        " and cuts p99 by 50.0 % [49.5, 50.5] with 8 threads."
    )


def test_where_it_is_worse_is_said_too() -> None:
    """More here, fewer there, and nothing of where nothing is significant."""
    rows = [row(PAGES, 1, 0.98), row(PAGES, 8, 1.5), row(PAGES, 32, 1.001), row(P99, 8, 2.5)]
    assert answer(*rows) == [
        "Compared with old, new maps 50.0 % [48.5, 51.5] more pages/s with 8 threads"
        " but maps 2.0 % [1.0, 3.0] fewer pages/s with 1 thread;"
        " raises p99 by a factor of 2.50 [2.48, 2.52] with 8 threads."
    ]


def test_no_difference_is_an_answer() -> None:
    """It is said, with the numbers of threads that were tried."""
    assert answer(row(PAGES, 8, 1.0), row(P99, 8, 1.0)) == [
        "No significant difference of old and new in pages/s or p99 with 8 threads."
    ]


@pytest.mark.parametrize(
    "why", [{"ratio": None}, {"resolved": False}, {"ratio_ci95_simultaneous": None}]
)
def test_a_ratio_without_an_interval_is_never_said(why: dict[str, Any]) -> None:
    """Not stationary, unresolved, or one replication."""
    line = answer(row(PAGES, 4, 1.5), row(PAGES, 8, 3.0) | why)[0]
    assert "50.0 %" in line
    assert "8 threads" not in line


def test_of_several_schemes_the_two_best_are_compared() -> None:
    """The first scheme is often the one that nobody would take."""
    found = document(
        ("none", "all", [row(PAGES, 8, 10.0)]),
        ("none", "best", [row(PAGES, 8, 11.0)]),
        ("all", "best", [row(PAGES, 8, 1.1)]),
    )
    assert answer_lines(found) == [
        "Compared with all, best maps 10.0 % [8.9, 11.1] more pages/s with 8 threads."
    ]


def test_each_place_has_a_sentence_and_many_are_cut() -> None:
    """It names the workload and what differs; after six there is the number of the others."""
    rows = [row(PAGES, 8, 1.5, fault_around_order=order) for order in range(8)]
    lines = answer(*rows)
    assert lines[0].startswith("w, order 0: compared with old, new maps 50.0 %")
    assert lines[6:] == ["And 2 more: see the comparisons."]


def test_one_scheme_has_no_answer() -> None:
    """Nothing is made up."""
    assert answer_lines({}) == answer_lines({"comparisons": []}) == []


def test_every_metric_that_is_compared_has_its_verbs() -> None:
    """A new one needs words."""
    assert set(VERBS) == {PAGES, P99}
