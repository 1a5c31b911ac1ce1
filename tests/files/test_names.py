"""Names as folders, and text in tables."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from dessim.files.names import folder_name, is_plain, unfit_in_name
from dessim.files.tables import csv_text


def test_a_plain_name_is_its_folder() -> None:
    """What can be a folder is one, in any script."""
    for name in ("eight-processes", "a-b", "v1.2_x", "größe", "页面"):
        assert folder_name(name) == name


def test_names_that_look_alike_have_folders_of_their_own() -> None:
    """Those that cannot be folders get a digest; long ones stay below what the system takes."""
    names = ["a/b", "a b", "a-b", "a\\b", "", ".", "..", "runs", ".a", "a", "a.", "页" * 200]
    names += ["页" * 199, "experiment-runs"]
    folders = [folder_name(name) for name in names]
    assert len(set(folders)) == len(names)
    assert all(len(folder.encode()) < 200 for folder in folders)


@given(st.text(max_size=300), st.text(max_size=300))
def test_two_names_never_share_a_folder(one: str, other: str) -> None:
    """And no folder leads elsewhere."""
    folders = folder_name(one), folder_name(other)
    assert (folders[0] == folders[1]) == (one == other)
    for folder in folders:
        assert folder not in ("", ".", "..", "runs")
        assert not folder.startswith(".")
        assert "/" not in folder
        assert len(folder.encode()) < 200


def test_what_would_steer_a_terminal_is_not_plain() -> None:
    """Control characters, line ends, turned text, what XML forbids; other scripts are."""
    assert is_plain("größe, 页面 \u00a0 é")
    assert is_plain("👩\u200d🔧 می\u200cشود 𠀀")
    for c in "\x00\x1b\r\n\t\x7f\x9b\u2028\u202e\ud800\uffff":
        assert not is_plain(f"a{c}b"), hex(ord(c))


def test_a_name_has_no_invisible_characters() -> None:
    """Two names that look the same are one to a reader, and two to dessim."""
    assert unfit_in_name("größe, 页面 \u00a0 é 🔧") == ""
    for c in "\x1b\n\u00ad\u200b\u200d\u202e\ufeff\ue000":
        assert unfit_in_name(f"a{c}b") == f"U+{ord(c):04X}"


def test_text_never_becomes_a_formula() -> None:
    """Cells and headers; numbers stay numbers."""
    rows = [{"=x": "=1+1", "b": -1.5}, {"=x": "@a", "b": None}, {"=x": "a=b", "b": True}]
    text = csv_text(rows)
    assert list(csv.reader(io.StringIO(text))) == [
        ["'=x", "b"],
        ["'=1+1", "-1.5"],
        ["'@a", ""],
        ["a=b", "true"],
    ]
