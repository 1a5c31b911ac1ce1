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
    """The widest numbers with the longest scheme name. No workload has all events at once."""
    lines = printed([a_point()])
    assert max(len(line) for line in lines[: lines.index("")]) <= 100
    assert lines[0] == "w on m"
    assert lines[3] == "scaled from 16 MiB per thread"
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
    reason = "p99.9: only 2 of 2000 observations lie beyond it; 10 are needed"
    dash = "–"  # noqa: RUF001 - the dash of the table
    assert f"{dash} {reason}" in lines
    other = a_point(threads=2)
    other["metrics"]["fault_latency_ns_p999"] = {
        "mean": None,
        "ci95": None,
        "n": 5,
        "reason": "only 1 of 1000 observations lie beyond it; 10 are needed",
    }
    assert f"{dash} {reason} (the first of 2 like it)" in printed([point, other])


def test_a_number_without_an_interval_says_so_and_why() -> None:
    """`±?` in its cell, and the reason with a remedy below."""
    point = a_point()
    reason = "not stationary: p50 is 2 ns from 8MiB, 1 ns from 4MiB"
    point["metrics"]["fault_latency_ns_p50"] |= {"ci95": None, "reason": reason}
    lines = printed([point])
    assert lines[2].split()[5:7] == ["1.23ms", "±?"]
    remedy = "try a larger `simulate` (`simulate_cap` with `auto`), or the whole file"
    assert f"±? p50: {reason}; {remedy}" in lines


def test_a_count_that_cannot_be_scaled_is_a_dash_and_no_zero() -> None:
    """Where sizes differ a count has no number; it was not that nothing happened."""
    few, many = a_point(), a_point(threads=8)
    few["metrics"]["shootdowns"] = {"mean": 192.0, "ci95": None, "n": 5}
    many["metrics"]["shootdowns"] = {"mean": None, "ci95": None, "n": 5, "reason": "differs"}
    eight, most = printed([few, many])[9:11]
    assert ("192" in most.split(), "192" in eight.split()) == (True, False)
    assert ("–" in eight.split(), " 0 " in eight) == (True, False)  # noqa: RUF001 - the dash


def test_a_dash_that_is_not_shown_needs_no_reason() -> None:
    """Only metrics with a column are reported about."""
    point = a_point()
    point["metrics"]["other"] = {"mean": None, "ci95": None, "n": 5, "reason": "too few"}
    assert not any("too few" in line for line in printed([point]))


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
    assert "w on m, machine.cache_line.hold 20ns" in lines


MIB = 1 << 20


def grown(smaller: int, larger: int, ratio: float, **changed: Any) -> dict[str, Any]:
    """A point that grew from one size to another, and the ratio of what they say."""
    pair = {"ratio": ratio, "verdict": "agree"}
    found = {"sizes_bytes": [smaller * MIB, larger * MIB], "metrics": {"completion_s": pair}}
    return a_point(simulated_bytes=larger * MIB, stationarity=found, flags=[], **changed)


def test_schemes_whose_sizes_differ_stay_in_one_table() -> None:
    """A column tells the size of each, and one line how far the size before agrees."""
    points = [grown(8, 32, 0.99, scheme="a"), grown(32, 128, 1.02, scheme="b")]
    lines = printed(points)
    assert [line.split()[:4] for line in lines[1:4]] == [
        ["scheme", "threads", "order", "simulated"],
        ["a", "1024", "4", "32"],
        ["b", "1024", "4", "128"],
    ]
    said = "scaled from 32 MiB to 128 MiB per thread; the size before each gives the same within"
    assert lines[4] == f"{said} 2 %"
    alike = printed([grown(8, 32, 0.99, scheme="a"), grown(8, 32, 1.004, scheme="b")])
    assert "simulated" not in alike[1]
    assert alike[4] == "scaled from 32 MiB per thread; 8 MiB gives the same within 1 %"
    apart = printed([grown(8, 32, 2.2, scheme="a")])
    assert "; 8 MiB differs by up to 120 %; there are too few runs" in "\n".join(apart)


def mixed(**changed: Any) -> dict[str, Any]:
    """A point of which 3 of 40 runs are of another kind."""
    modes = [
        {"runs": 37, "share": 0.925, "share_ci95": [0.8, 0.98], "mean": 23e3, "ci95": [22e3, 24e3]},
        {"runs": 3, "share": 0.075, "share_ci95": [0.016, 0.2], "mean": 665e3, "ci95": None},
    ]
    point = a_point(replications=40, flags=["mixture"], **changed)
    sentence = "3 of 40 runs are of another kind in fault_latency_ns_p99 (7.5 %)"
    point |= {"mixture": {"metric": "fault_latency_ns_p99", "modes": modes}, "notes": [sentence]}
    point["metrics"]["fault_latency_ns_p99"] = {"mean": 23.2e3, "ci95": [22.9e3, 23.5e3], "n": 40}
    return point


def test_two_kinds_of_runs_are_told_and_get_no_plus_minus() -> None:
    """Share with its interval, the value of each kind, and of all; the rest excludes a share."""
    lines = printed([mixed(), a_point(scheme="b", flags=[])])
    assert "23.2us [22.9, 23.5]" in lines[2]
    assert "±" not in lines[2]
    assert lines[2].endswith("mixture")
    assert (
        "gang_lookup_mapcount, 1024 threads: 3 of 40 runs are of another kind (7.5 %, 95 % interval"
        " 1.6 to 20 %): p99 665us (no interval from so few) instead of 23.0us [22.0, 24.0];"
        " typical run of all 23.2us [22.9, 23.5]"
    ) in lines
    assert (
        "elsewhere 5 runs of one kind: another would have shown up if more than 45.1 % were of it"
    ) in lines
    assert not any(line.startswith("note:") for line in lines)


def test_runs_too_few_to_look_for_kinds_exclude_nothing() -> None:
    """Below five runs nobody looks, so nothing is said; nor of results without flags."""
    few = a_point(flags=["few_replications"], replications=4)
    assert not any("of one kind" in line for line in printed([few]))
    assert not any("of one kind" in line for line in printed([a_point()]))
    assert any(line.startswith("few_replications: ") for line in printed([few]))
    assert "flags" not in printed([few])[1]  # all have it: a line says so


def test_what_is_not_stationary_is_named_once_with_what_helps() -> None:
    """The flag's line, not one note for each point; nothing claims to be scaled."""
    notes = [f"not stationary: completion_s is {x} s from 8MiB" for x in (2, 3)]
    points = [
        a_point(threads=n, flags=["not_stationary"], notes=[note])
        for n, note in zip((1, 2), notes, strict=True)
    ]
    lines = printed(points)
    [line] = [line for line in lines if "longer simulation" in line]
    assert line.startswith("not_stationary: ")
    assert line.endswith(
        "try a larger `simulate` (`simulate_cap` with `auto`), or the whole file (all 2 points)"
    )
    assert "simulated 16 MiB per thread; nothing is scaled up" in lines
    assert not any(line.startswith("note:") for line in lines)


def test_a_steady_rate_that_is_missing_has_the_average_beside_it_under_its_own_name() -> None:
    """A column for all points of the table, so that like stands by like."""
    without = a_point(threads=2, flags=["no_overlap"])
    without["metrics"]["steady_faults_per_s"] = {
        "mean": None,
        "ci95": None,
        "n": 5,
        "reason": "no steady rate",
    }
    lines = printed([a_point(flags=[]), without])
    assert lines[1].split() == ["average"]
    heads = ["scheme", "threads", "order", "faults/s", "faults/s", "p50"]
    assert lines[2].split()[:6] == heads
    assert lines[3].split()[3:6] == ["–", "1.23M", "±19%"]  # noqa: RUF001 - the dash of the table
    assert lines[4].split()[3:7] == ["1.23M", "±19%", "1.23M", "±19%"]
    assert "average" not in printed([a_point(flags=[])])[1]


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_a_narrow_terminal_breaks_cells_and_cuts_no_digit(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """Intervals go below their numbers; every number is whole, and no line of a table too long."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "dumb")
    out = Terminal()
    print_table({"points": [mixed(), a_point(scheme="b", flags=[])]}, out)
    table = out.getvalue().split("scaled from")[0].splitlines()
    assert max(map(len, table)) <= columns
    text = "".join(table)
    assert "23.2us" in text
    assert text.count("1.23M") == 2
    assert "…" not in text


def test_measured_numbers_stand_beside_the_simulated() -> None:
    """Seconds and faults, each with its error; doubt is marked; the source is reported."""
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
