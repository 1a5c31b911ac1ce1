import math
from pathlib import Path

import pytest

from dessim.model import ConfigError, find
from dessim.study.fidelity.sosp13 import (
    chosen_rows,
    curve_rows,
    curves_validation,
    in_unit_of,
    is_table_of_curves,
    load_curves,
    machine_of,
    ns_per_operation,
    setup_of,
)

TABLE = find("published", "sosp13-synchronization")
SETUP = setup_of(TABLE)
ROWS = load_curves(TABLE, SETUP)


def test_every_curve_is_simulated_or_says_why_not() -> None:
    """Seven quantities in the table; a point that is there twice counts once."""
    assert {row.quantity for row in ROWS} == set(SETUP.curves) | set(SETUP.not_simulated)
    assert not set(SETUP.curves) & set(SETUP.not_simulated)
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
    machine = machine_of(ticket, SETUP)
    assert in_unit_of(rate, machine, 100.0, 100_000) == pytest.approx(10)
    assert in_unit_of(ticket, machine, 100.0, 100_000) == pytest.approx(0.630)


def test_errors_are_logarithms_of_what_was_simulated() -> None:
    """The document agrees with a simulation by hand; too few threads are shown, not counted."""
    rows = [r for r in chosen_rows(ROWS, ["atomic_fai"]) if r.machine == "opteron48"]
    rows = [row for row in rows if row.threads in (2, 4)]
    document = curves_validation(rows, SETUP, "own", "reference", 1, 1)
    machine = machine_of(rows[1], SETUP)
    each_ns = ns_per_operation(machine, SETUP, "atomic_fai", 4, "reference")
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
        ("4,opteron48,atomic_fai,0,2.0,Mops/s", "threads must be 1 to"),
        ("4,opteron48,atomic_fai,1", "4 cells, where the header has 6"),
    ],
)
def test_wrong_lines_are_told_with_their_numbers(tmp_path: Path, line: str, words: str) -> None:
    """File, line and what is wrong."""
    path = tmp_path / "own.csv"
    path.write_text(f"# own\nfigure,machine,quantity,threads,value,unit\n{line}\n")
    with pytest.raises(ConfigError, match=words) as caught:
        load_curves(path, SETUP)
    assert "own.csv:3:1: error:" in str(caught.value)


WHOLE = TABLE.with_suffix(".yaml").read_text(encoding="utf-8")


def own_curves(folder: Path, old: str = "", new: str = "") -> Path:
    """A table of one's own with a file beside it in which one thing is changed."""
    assert old in WHOLE
    path = folder / "own.csv"
    path.write_text(TABLE.read_text(encoding="utf-8"), encoding="utf-8")
    path.with_suffix(".yaml").write_text(WHOLE.replace(old, new, 1), encoding="utf-8")
    return path


def test_a_table_of_ones_own_is_simulated_as_the_file_beside_it_says(tmp_path: Path) -> None:
    """Without such a file it is simulated as the shipped one is."""
    path = own_curves(tmp_path, "pause: 100ns", "pause: 0.2us")
    assert setup_of(path) == SETUP.model_copy(update={"pause_ps": 200_000})
    path.with_suffix(".yaml").unlink()
    assert setup_of(path) == SETUP


def test_settings_are_in_the_units_of_the_machine() -> None:
    """Times in ps, ratios in ppm, words as they are; those of all machines first."""
    tas = SETUP.settings_of("lock_tas", "opteron48")
    assert list(tas.items()) == [
        ("cache_line.hold", 0),
        ("locks.page_table_lock", "test_and_set"),
        ("locks.test_and_set_per_waiter", 120_000),
    ]
    assert SETUP.settings_of("atomic_fai", "xeon80")["cache_line.arbitration_share"] == 100_000
    assert SETUP.settings_of("lock_tas", "xeon80") == {"cache_line.hold": 0}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("pause: 100ns", "pause: 100", "own.yaml:9:8: error: '100' has no unit"),
        ("pause: 100ns\n", "", "error: missing key 'pause'"),
        ("placement: compact", "placement: compct", "did you mean 'compact'?"),
        ("locks.page_table_lock: mcs", "locks.page_table_loc: mcs", "'page_table_lock'?"),
        ("_per_waiter: 120ns", "_per_waiter: 120", "'120' has no unit"),
        ("each: [count, touch_line]", "each: [touch_line]", "counted exactly once"),
        (
            "each: [count, touch_line]",
            "each: [count, tuch]",
            "expected 'lock', 'unlock', 'touch_line'",
        ),
        ("min_threads: 4", "min_thread: 4", "did you mean 'min_threads'?"),
    ],
)
def test_a_wrong_file_beside_a_table_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    """File, line, what is wrong and the nearest word, as of any configuration."""
    with pytest.raises(ConfigError) as caught:
        setup_of(own_curves(tmp_path, old, new))
    assert said in str(caught.value)
    assert "own.yaml" in str(caught.value)
