"""What was made of former results, and still lies next to newer ones, is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dessim.cli import main
from dessim.files.drawn import outdated
from dessim.files.seals import DRAWN

TINY = """\
name: tiny
machine: ivybridge-ex-4s
workload: separate-processes
schemes: [lock_each_page, gang_lookup_mapcount]
threads: 2
simulate: 64KiB
replications: 2
"""
PLACE = Path("results/tiny")
FIGURE, PAGE, QUEUES = "figures/throughput.csv", "report.html", "page_lock_queues.csv"


def run(*words: str) -> Result:
    """Run dessim here, which succeeds."""
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == 0, done.output
    return done


def old() -> set[str]:
    """What `status` names, by its name in the folder of the results."""
    found = json.loads(run("status", "--format", "json").stdout)["outdated"]
    assert [str(path) for path in outdated(PLACE)] == found
    return {Path(path).relative_to(PLACE).as_posix() for path in found}


@pytest.fixture(autouse=True)
def drawn(empty_folder: Path) -> None:
    """Results with figures, queues and a page."""
    (empty_folder / "tiny.yaml").write_text(TINY)
    run("run", "tiny.yaml", "-q", "--figures", "--queues")
    run("report", "tiny")


def test_files_of_former_results_are_named_until_they_are_made_again() -> None:
    """By `run`, with the commands that make them, and by `status`, for as long as they are old."""
    assert old() == set()
    assert "former" not in run("run", "tiny.yaml", "-q", "--force").stderr
    said = run("run", "tiny.yaml", "-q", "--seed", "9").stderr
    assert said.startswith("note: of former results: results/tiny/figures/{")
    assert said.endswith(
        " results/tiny/page_lock_queues.csv results/tiny/report.html; to make again:"
        " `dessim figure results/tiny`, `dessim report results/tiny`, the same `dessim run` with"
        " --queues\n"
    )
    assert {FIGURE, PAGE, QUEUES} < old()
    assert run("run", "tiny.yaml", "-q", "--seed", "9").stderr == said, "unchanged"
    shown = run("status").stdout
    assert "of former results: results/tiny/figures/{" in shown
    assert "  to make again: `dessim figure results/tiny`, `dessim report results/tiny`" in shown
    run("figure", "tiny")
    assert old() == {PAGE, QUEUES}
    run("report", "tiny")
    run("run", "tiny.yaml", "-q", "--seed", "9", "--queues")
    assert old() == set()
    assert "former" not in run("status").stdout


def test_what_a_run_draws_again_is_not_named() -> None:
    """Only what it left."""
    said = run("run", "tiny.yaml", "-q", "--seed", "9", "--figures").stderr
    assert said == (
        "note: of former results: results/tiny/page_lock_queues.csv results/tiny/report.html; to"
        " make again: `dessim report results/tiny`, the same `dessim run` with --queues\n"
    )
    assert old() == {PAGE, QUEUES}
    run("run", "tiny.yaml", "-q")
    assert not {PAGE, QUEUES} & old()
    assert FIGURE in old()


@pytest.mark.parametrize("record", [None, "", "[]", '{"report.html": 1}', '{"../x": "1"}'])
def test_files_without_a_record_are_of_what_was_there(record: str | None) -> None:
    """As those of an earlier version; nothing outside the folder is named."""
    (PLACE / DRAWN).unlink()
    (PLACE.parent / "x").touch()
    if record is not None:
        (PLACE / DRAWN).write_text(record)
    assert old() == set()
    run("run", "tiny.yaml", "-q", "--seed", "9")
    assert {FIGURE, PAGE, QUEUES} < old()
    assert "../x" not in old()


def test_what_was_drawn_elsewhere_or_is_gone_is_not_named() -> None:
    """And what was drawn next to the results by a name of its own is, with how to draw it again."""
    for name in (PAGE, QUEUES):
        (PLACE / name).unlink()
    run("figure", "tiny", "throughput", "--out", "mine")
    run("report", "tiny", "--out", "mine.html")
    run("report", "tiny", "--out", "results/tiny/mine.html")
    run("figure", "tiny", "throughput", "--out", "results/tiny")
    for path in (PLACE / "figures").iterdir():
        path.unlink()
    said = run("run", "tiny.yaml", "-q", "--seed", "9").stderr
    assert said == (
        "note: of former results: results/tiny/mine.html results/tiny/throughput"
        ".{csv,pdf,png,svg,txt}; to make again: `dessim report results/tiny --out FILE`,"
        " `dessim figure results/tiny --out FOLDER`\n"
    )
