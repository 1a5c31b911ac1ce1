import io
from typing import Any

import pytest

from dessim.metrics import NAMES
from dessim.report.text.tables import print_table


def a_point(**changed: Any) -> dict[str, Any]:
    """A point with plausible numbers, the widest that columns get."""
    estimate = {"mean": 1234567.0, "ci95": [1000000.0, 1469134.0], "n": 5}
    return {
        "machine": "m",
        "workload": "w",
        "scheme": "gang_lookup_mapcount",
        "scheme_options": {},
        "threads": 1024,
        "fault_around_order": 4,
        "parameters": {},
        "replications": 5,
        "scaled": True,
        "simulated_bytes": 16 << 20,
        "metrics": {name: dict(estimate) for name in NAMES}
        | {"completion_s": {"mean": 12.34, "ci95": [10.0, 14.68], "n": 5}},
        "notes": [],
    } | changed


def printed(points: list[dict[str, Any]], **more: Any) -> list[str]:
    """Lines of the table."""
    out = io.StringIO()
    print_table({"points": points, **more}, out)
    return out.getvalue().splitlines()


def test_a_row_fits_in_a_hundred_columns() -> None:
    """The widest numbers with the longest scheme name."""
    lines = printed([a_point()])
    assert max(len(line) for line in lines) <= 100
    assert lines[0] == "w on m, scaled from 16 MiB per thread"
    assert lines[1].split() == (
        ["scheme", "threads", "order", "faults/s", "p50", "p99", "p99.9", "completion"]
    )
    assert lines[2].split()[:5] == ["gang_lookup_mapcount", "1024", "4", "1.23M", "±19%"]


def test_what_the_sample_does_not_support_is_a_dash_with_its_reason() -> None:
    """Never a number, and the reason below."""
    point = a_point()
    point["metrics"]["fault_latency_ns_p999"] = {
        "mean": None,
        "ci95": None,
        "n": 5,
        "reason": "only 2 of 2000 observations lie beyond it; 10 are needed",
    }
    lines = printed([point])
    assert lines[2].split()[-3] == "–"  # noqa: RUF001 - the dash of the table
    reason = "not supported by the sample: only 2 of 2000 observations lie beyond it; 10 are needed"
    assert any(line.endswith(reason) for line in lines)
    twice = "sample, 2 times; first: only 2 of 2000"
    assert any(twice in line for line in printed([point, point]))


def test_a_dash_that_is_not_shown_needs_no_reason() -> None:
    """Only metrics with a column are told about."""
    point = a_point()
    point["metrics"]["other"] = {"mean": None, "ci95": None, "n": 5, "reason": "too few"}
    assert not any("not supported" in line for line in printed([point]))


def test_rows_are_grouped_and_sorted_for_comparison() -> None:
    """A heading per workload and parameter; inside, the schemes of one thread count together."""
    points = [
        a_point(scheme="a", threads=8),
        a_point(scheme="a", threads=1),
        a_point(scheme="b", threads=8),
        a_point(scheme="c", parameters={"machine.cache_line.hold": "20ns"}),
    ]
    lines = printed(points)
    assert [line.split()[:2] for line in lines[2:5]] == [["a", "1"], ["a", "8"], ["b", "8"]]
    assert "w on m, machine.cache_line.hold 20ns, scaled from 16 MiB per thread" in lines


def test_measured_numbers_stand_beside_the_simulated() -> None:
    """Seconds and faults, each with its error; doubt is marked; the source is told."""
    point = a_point(
        measured={"completion_s": 2.0, "minor_faults": 100.0, "doubtful": "a misprint"},
        error={"completion_s": -0.25, "minor_faults": 0.01},
    )
    errors = {"completion_s": {"w": {"ratio": 0.25, "points": 1}}, "minor_faults": {}}
    measured = {"source": "A mail.", "mean_absolute_error": errors}
    lines = printed([point], measured=measured)
    assert lines[2].split()[5:7] == ["2.00s", "-25%?"]
    assert max(len(line) for line in lines[:3]) <= 100
    assert "mean |error| of completion: w 25.0% (n=1)" in lines
    assert "measured: A mail." in lines
    assert any(line.startswith("? a doubtful measurement") for line in lines)


def test_a_pipe_gets_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """No escape sequence, not even when a terminal promises colours."""
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b" not in "".join(printed([a_point()]))


def test_a_terminal_with_no_color_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR is obeyed: bold may stay, colours may not."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    out = Terminal()
    print_table({"points": [a_point()]}, out)
    assert "\x1b[3" not in out.getvalue()
    assert "gang_lookup_mapcount" in out.getvalue()


def test_a_point_whose_runs_all_failed_still_has_a_row() -> None:
    """Dashes instead of numbers."""
    lines = printed([a_point(metrics={}, replications=0)])
    assert lines[2].split()[3:] == ["–"] * 5  # noqa: RUF001 - the dash of the table


def test_events_of_actors_are_told_where_there_are_any() -> None:
    """A BUG_ON that did not fire is a 0 in the second table; without actors there is none."""
    quiet = {name: {"mean": 0.0, "ci95": None, "n": 1} for name in NAMES}
    assert not any("bug1" in line for line in printed([a_point(metrics=quiet)]))
    invalidated = quiet | {"invalidations": {"mean": 7.0, "ci95": None, "n": 1}}
    lines = printed([a_point(metrics=invalidated)])
    [heading] = [i for i, line in enumerate(lines) if "bug1" in line]
    assert lines[heading].split() == ["scheme", "threads", "order", "bug1", "bug2"]
    assert lines[heading + 1].split()[-2:] == ["0", "0"]
