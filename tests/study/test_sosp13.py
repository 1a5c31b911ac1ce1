import math
from pathlib import Path

import pytest

from dessim.model import ConfigError, find
from dessim.study.fidelity.sosp13 import (
    CURVES,
    NOT_SIMULATED,
    chosen_rows,
    curve_rows,
    curves_validation,
    in_unit_of,
    is_table_of_curves,
    load_curves,
    machine_of,
    ns_per_operation,
)

TABLE = find("published", "sosp13-synchronization")
ROWS = load_curves(TABLE)


def test_every_curve_is_simulated_or_says_why_not() -> None:
    """Seven quantities in the table; a point that is there twice counts once."""
    assert {row.quantity for row in ROWS} == set(CURVES) | set(NOT_SIMULATED)
    assert not set(CURVES) & set(NOT_SIMULATED)
    keys = [(row.curve, row.threads) for row in ROWS]
    assert len(keys) == len(set(keys))


def test_a_table_of_curves_is_told_from_one_of_cells() -> None:
    """By its columns."""
    assert is_table_of_curves(TABLE)
    assert not is_table_of_curves(find("published", "fault-around-2014"))


def test_units_are_those_of_the_figures() -> None:
    """100 ns between operations are 10 a microsecond; 4 threads at 2.1 GHz: (400 - 100) * 2.1."""
    rate = next(row for row in ROWS if row.unit == "Mops/s")
    ticket = next(row for row in ROWS if row.unit == "kcycles" and row.threads == 4)
    machine = machine_of(ticket, CURVES[ticket.quantity])
    assert in_unit_of(rate, machine, 100.0) == pytest.approx(10)
    assert in_unit_of(ticket, machine, 100.0) == pytest.approx(0.630)


def test_errors_are_logarithms_of_what_was_simulated() -> None:
    """The document agrees with a simulation by hand; too few threads are shown, not counted."""
    rows = [r for r in chosen_rows(ROWS, ["atomic_fai"]) if r.machine == "opteron48"]
    rows = [row for row in rows if row.threads in (2, 4)]
    document = curves_validation(rows, "own", "reference", 1, 1)
    machine = machine_of(rows[1], CURVES["atomic_fai"])
    each_ns = ns_per_operation(machine, CURVES["atomic_fai"].program, 4, "reference")
    two, four = document["cells"]
    assert four["value"]["log_error"] == pytest.approx(math.log(1000 / each_ns / 17.39))
    assert two["doubtful"]
    [group] = document["errors"]
    assert group["value"]["all"]["cells"] == 1
    assert group["value"]["unseen"] is None  # a number was chosen with this curve in view
    assert [row["threads"] for row in curve_rows(document)] == [2, 4]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("4,opteron64,atomic_fai,1,2.0,Mops/s", "machine 'opteron64': there are"),
        ("4,opteron48,atomic_fai,1,2.0,MHz", "unit 'MHz'"),
        ("4,opteron48,atomic_fai,0,2.0,Mops/s", "must be positive"),
        ("4,opteron48,atomic_fai,1", "zip"),
    ],
)
def test_wrong_lines_are_told_with_their_numbers(tmp_path: Path, line: str, words: str) -> None:
    """File, line and what is wrong."""
    path = tmp_path / "own.csv"
    path.write_text(f"# own\nfigure,machine,quantity,threads,value,unit\n{line}\n")
    with pytest.raises(ConfigError, match=words) as caught:
        load_curves(path)
    assert "own.csv:3:1: error:" in str(caught.value)
