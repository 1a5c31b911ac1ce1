from pathlib import Path

import pytest

from dessim.model import ConfigError, load_experiment, resolve
from dessim.model.published import load_published, mean_errors

HEADER = "workload,scheme,threads,fault_around_order,completion_s,doubtful\n"


def own_table(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Put a table of one's own where the working directory's configurations are."""
    (folder / "configs" / "published").mkdir(parents=True)
    (folder / "configs" / "published" / "own.csv").write_text(text)
    monkeypatch.chdir(folder)


def test_the_table_of_2014_is_whole() -> None:
    """49 rows of the mail, one of them doubtful, and two more; their sources; some numbers."""
    table = load_published("fault-around-2014")
    assert len(table.rows) == 51
    assert "1393530827-25450-1-git-send-email-kirill.shutemov@linux.intel.com" in table.source
    assert "Not from the mail: the two rows with 120 threads" in table.source
    rows = table.rows
    with_120 = {key: row.values for key, row in rows.items() if key[2] == 120}
    assert with_120 == {
        ("sequential-read", "no_fault_around", 120, 0): {
            "completion_s": 124.589,
            "minor_faults": 503352863,
        },
        ("sequential-read", "radix_walk_trylock", 120, 9): {
            "completion_s": 28.042,
            "minor_faults": 1471862,
        },
    }
    assert rows["sequential-read", "no_fault_around", 1, 0].values["completion_s"] == 7.250461742
    assert rows["sequential-read", "radix_walk_trylock", 32, 4].values["minor_faults"] == 9716537
    assert rows["random-read", "radix_walk_trylock", 8, 9].values["completion_s"] == 14.395635804
    doubtful = [key for key, row in rows.items() if row.doubtful]
    assert doubtful == [("touch-one-per-table", "radix_walk_trylock", 8, 1)]


def test_the_experiment_of_2014_asks_for_exactly_what_was_measured() -> None:
    """Each point has a measured row and each row a point."""
    table = load_published("fault-around-2014")
    points = resolve(load_experiment("fault-around-2014"))
    found = [table.of_point(point) for point in points]
    assert None not in found
    assert len(points) == len(table.rows)


def test_a_point_that_nobody_measured_has_no_row() -> None:
    """Another scheme is another thing."""
    overrides = ["schemes=[lock_each_page]", "include=[]"]
    points = resolve(load_experiment("fault-around-2014", overrides))
    assert {load_published("fault-around-2014").of_point(point) for point in points} == {None}


def test_wrong_lines_are_told_with_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them at once, comment lines counted."""
    lines = "# source\n" + HEADER + "a,b,1,0,1.5,\na,b,1,0,2.5,\nc,d,x,0,1,\ne,f,1,0\ng,h,1,0,-1,\n"
    own_table(tmp_path, monkeypatch, lines)
    with pytest.raises(ConfigError) as caught:
        load_published("own")
    said = str(caught.value)
    assert "own.csv:4:1: error: a second row for a, b, 1, 0" in said
    assert "own.csv:5:1: error: threads must be a whole number, found 'x'" in said
    assert "own.csv:6:1: error: 4 cells, where the header has 6" in said
    assert "own.csv:7:1: error: a measured number must be positive" in said


@pytest.mark.parametrize("cell", ["1_5.3", "\u0661\u0665", "0x10", "1e", "1 5"])
def test_a_number_is_written_in_plain_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: str
) -> None:
    """What Python would read as a number is a slip in a table."""
    own_table(tmp_path, monkeypatch, HEADER + f"a,b,1,0,{cell},\n")
    with pytest.raises(ConfigError, match="must be a number, found"):
        load_published("own")


def test_a_header_without_the_keys_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a row stands for must be said."""
    own_table(tmp_path, monkeypatch, "workload,scheme,seconds\na,b,1\n")
    with pytest.raises(ConfigError, match="the header lacks threads, fault_around_order"):
        load_published("own")


def test_mean_errors_leave_doubtful_rows_out() -> None:
    """+10 % and -30 % are 20 % on average; the doubtful 90 % does not count."""
    points = [
        {"workload": "w", "measured": {}, "error": {"completion_s": 0.1}},
        {"workload": "w", "measured": {}, "error": {"completion_s": -0.3}},
        {"workload": "w", "measured": {"doubtful": "?"}, "error": {"completion_s": -0.9}},
        {"workload": "v"},
    ]
    assert mean_errors(points, "completion_s") == {"w": (pytest.approx(0.2), 2)}
