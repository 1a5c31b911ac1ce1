from pathlib import Path

from dessim.study.store.version import ROOMS, hash_of

PLAIN = "x = 1\n\n\ndef f(a):\n    return a + x\n"
EXPLAINED = (
    '"""A module."""\n\nx = 1  # one\n\n\ndef f(\n    a,\n):\n    """Add."""\n    return a + x\n'
)


def hash_with(folder: Path, source: str) -> str:
    """Hash of a package whose kernel is this source."""
    for room in ROOMS:
        (folder / room).mkdir(exist_ok=True)
    (folder / "kernel" / "a.py").write_text(source)
    return hash_of(folder)


def test_an_explanation_keeps_runs_and_a_change_does_not(tmp_path: Path) -> None:
    """Comments, docstrings and layout do not count; a number, an operator and a name do."""
    plain = hash_with(tmp_path, PLAIN)
    assert hash_with(tmp_path, EXPLAINED) == plain
    for change in (("x = 1", "x = 2"), ("a + x", "a - x"), ("def f", "def g"), ("a + x", "x + a")):
        assert hash_with(tmp_path, PLAIN.replace(*change)) != plain
