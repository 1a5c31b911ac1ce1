"""Tables in the columns and with the names of the author of a patch."""

from __future__ import annotations

from pathlib import Path

import pytest

from dessim.model import ConfigError, find
from dessim.model.author import authors, our_workload, usual_author
from dessim.model.published import load_published
from dessim.study.fidelity.cells import cell_name, chosen

FILE = find("published", "fault-around-2014").with_suffix(".yaml")
WHOLE = FILE.read_text(encoding="utf-8")


def folder_with(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, table: str) -> None:
    """A working directory with a table of its own, and a file next to it."""
    published = folder / "configs" / "published"
    published.mkdir(parents=True, exist_ok=True)
    (published / "another.yaml").write_text(text, encoding="utf-8")
    (published / "another.csv").write_text(table, encoding="utf-8")
    monkeypatch.chdir(folder)


def test_the_author_of_2014_is_known() -> None:
    """One author's names come along; a name that nobody gave is ours."""
    assert authors() == (usual_author(),)
    assert our_workload("seq_16GiB") == "sequential-read"
    assert our_workload("sequential-read") == "sequential-read"
    assert usual_author().scheme_at(0) == "no_fault_around"
    assert usual_author().scheme_at(4) == "radix_walk_trylock"


def test_another_author_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other columns, names and words: no code knows them."""
    text = (
        WHOLE.replace("workload: workload", "workload: test")
        .replace("completion_s: seconds", "completion_s: wall")
        .replace("seq_16GiB", "seq")
        .replace("baseline: baseline", "baseline: vanilla")
        .replace("patched: radix_walk_trylock", "patched: folio_batch")
        .replace("column: note, begins: SUSPECT", "column: remark, begins: odd")
    )
    table = "test,threads,order,wall,remark\nseq,1,vanilla,7,\nseq,8,4,5.5,odd: cold\n"
    folder_with(tmp_path, monkeypatch, text, table)
    rows = load_published("another").rows
    assert rows["sequential-read", "no_fault_around", 1, 0].values == {"completion_s": 7}
    assert rows["sequential-read", "folio_batch", 8, 4].doubtful == "odd: cold"
    assert len(load_published("fault-around-2014").rows) == 51
    assert chosen(["seq:8:4"], rows, "--only") == [("sequential-read", "folio_batch", 8, 4)]


def test_a_cell_is_named_after_the_first_author(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual scheme of a cell is what the first author's kernels are; then it is not said."""
    key = ("sequential-read", "folio_batch", 8, 4)
    assert cell_name(key) == "sequential-read:8:4@folio_batch"
    text = WHOLE.replace("patched: radix_walk_trylock", "patched: folio_batch")
    folder_with(tmp_path, monkeypatch, text, "workload\n")
    assert cell_name(key) == "sequential-read:8:4"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "  threads: threads\n",
            "  thread: threads\n",
            "another.yaml:6:11: error: expected 'workload', 'threads'",
        ),
        ("baseline: baseline", "basline: baseline", "did you mean 'baseline'?"),
        ("{unpatched: no_fault_around, ", "{", "missing key 'schemes.unpatched'"),
        ("  threads: threads\n", "", "columns: missing threads"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, said: str
) -> None:
    """As any configuration."""
    assert old in WHOLE
    folder_with(tmp_path, monkeypatch, WHOLE.replace(old, new, 1), "workload\n")
    with pytest.raises(ConfigError) as caught:
        load_published("another")
    assert said in str(caught.value)


def test_a_wrong_file_stops_no_other_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for another table hears nothing of it."""
    folder_with(tmp_path, monkeypatch, WHOLE.replace("threads: threads", "x: y"), "workload\n")
    assert len(authors()) == 1
    assert load_published("fault-around-2014").rows
