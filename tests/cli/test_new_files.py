"""Commands that make a file of their own: where they may write it, and what they never replace."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dessim.cli import main

TRACE = "1000 0 7 7 a 0x7f0000001000 0x1 0x6\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a new folder with a trace."""
    monkeypatch.chdir(tmp_path)
    Path("t.txt").write_text(TRACE)


def run(*words: str) -> Result:
    """Run dessim here."""
    return CliRunner().invoke(main, list(words))


@pytest.mark.parametrize("name", ["t.yaml", "t.parquet"])
@pytest.mark.parametrize("trace", [TRACE, "damaged"], ids=["whole", "damaged"])
def test_an_import_replaces_files_with_force_only(name: str, trace: str) -> None:
    """It is refused before the trace is read."""
    Path("t.txt").write_text(trace)
    Path(name).write_text("precious")
    done = run("import", "t.txt")
    assert done.exit_code == 2
    assert f"{name} exists already: give another --out, or --force to replace it" in done.stderr
    assert Path(name).read_text() == "precious"
    if trace == TRACE:
        assert run("import", "t.txt", "--force").exit_code == 0
        assert Path(name).read_bytes() != b"precious"


@pytest.mark.parametrize("name", ["own.yaml", "own.parquet"])
def test_an_import_never_replaces_its_trace(name: str) -> None:
    """Not with --force, and not behind a link."""
    Path("t.txt").rename(name)
    Path("link.txt").symlink_to(name)
    for file in (name, "link.txt"):
        done = run("import", file, "--out", "own.yaml", "--force")
        assert done.exit_code == 2
        assert f"{name} is the trace itself: give another --out" in done.stderr
    assert Path(name).read_text() == TRACE
