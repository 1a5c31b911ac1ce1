"""What was asked before is answered from its tables, until anything behind them changes."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from small import experiment_file

from dessim.cli import main
from dessim.study.store import answers

WORDS = ("run", "small.yaml", "--engine", "reference", "--replications", "4")


def typed(*words: str) -> Result:
    """What happens when somebody types `dessim` and these words."""
    return CliRunner().invoke(main, list(words))


def again() -> Result:
    """The same command once more."""
    done = typed(*WORDS)
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    """A small experiment that was run once, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    experiment_file(tmp_path)
    return again()


def test_the_same_question_has_the_same_answer(asked: Result) -> None:
    """Nothing is written; the text is the same."""
    before = Path("results").stat().st_mtime_ns, Path("results/runs").stat().st_mtime_ns
    done = again()
    assert done.stdout == asked.stdout
    assert "unchanged: results/" in done.stderr
    assert before == (Path("results").stat().st_mtime_ns, Path("results/runs").stat().st_mtime_ns)


def test_leftovers_go_even_if_nothing_is_to_be_done(asked: Result) -> None:
    """A worker was killed as it wrote, another did its run: the next command tidies up."""
    left = Path("results/runs/.unfinished/tmp12345678/new")
    left.mkdir(parents=True)
    done = again()
    assert "unchanged: results/" in done.stderr
    assert "removed 1 leftover of killed processes" in done.stderr
    assert not left.parents[1].exists()
    assert done.stdout == asked.stdout


def _damage(pattern: str) -> None:
    path = sorted(Path("results").glob(pattern))[0]
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def _new_scheme() -> None:
    Path("schemes").mkdir()
    Path("schemes/mine.py").write_text('"""Mine."""\n')


def _new_machine() -> None:
    Path("configs/machines").mkdir(parents=True)
    Path("configs/machines/mine.yaml").write_text("name: mine\n")


def _longer_comment() -> None:
    with Path("small.yaml").open("a") as file:
        file.write("# more\n")


CHANGES: dict[str, Callable[[], None]] = {
    "a run is damaged": lambda: _damage("runs/*/stats.json"),
    "a run is gone": lambda: os.remove(next(Path("results").glob("runs/*/stats.json"))),
    "a table is changed": lambda: _damage("*/results.csv"),
    "the document is gone": lambda: os.remove(next(Path("results").glob("*/results.json"))),
    "the experiment says more": _longer_comment,
    "a scheme is new": _new_scheme,
    "a machine is new": _new_machine,
    "the manifest is damaged": lambda: _damage("*/sweep.json"),
    "the manifest is gone": lambda: os.remove(next(Path("results").glob("*/sweep.json"))),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_changes_is_seen(asked: Result, change: Callable[[], None]) -> None:
    """It is done as if for the first time, and is known again afterwards."""
    change()
    done = again()
    assert "wrote " in done.stderr
    assert done.stdout == asked.stdout
    assert "unchanged: " in again().stderr


def test_other_words_are_another_question(asked: Result) -> None:
    """Another seed, and then the first once more: its tables were written over."""
    assert "wrote " in typed(*WORDS, "--seed", "5").stderr
    assert "wrote " in again().stderr
    assert "unchanged: " in again().stderr


def test_dessim_s_own_sources_count(asked: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version of dessim does not take an old answer."""
    monkeypatch.setattr(answers, "surroundings", lambda: "other")
    assert "wrote " in again().stderr


def test_what_changes_during_a_run_is_no_answer(
    asked: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sources that were edited while runs went on: the tables may be of either."""
    monkeypatch.setattr(answers, "surroundings", iter(("before", "begun", "edited")).__next__)
    assert "wrote " in again().stderr
    monkeypatch.setattr(answers, "surroundings", lambda: "edited")
    assert "wrote " in again().stderr
    assert "unchanged: " in again().stderr


def test_clean_takes_answers_that_hold_no_more(asked: Result) -> None:
    """With their runs; others stay."""
    folder = Path("results") / answers.FOLDER
    assert typed("clean").exit_code == 0
    assert len(list(folder.glob("*.json"))) == 1
    assert typed("clean", "--all").exit_code == 0
    assert not list(folder.glob("*.json"))


def test_another_run_that_was_interrupted_left_its_manifest(asked: Result) -> None:
    """Tables and manifest are then of two experiments: neither is an answer."""
    manifest = next(Path("results").glob("*/sweep.json"))
    before = manifest.read_bytes()
    assert "wrote " in typed(*WORDS, "--seed", "5").stderr
    other = manifest.read_bytes()
    again()
    assert "unchanged: " in again().stderr
    manifest.write_bytes(other)
    assert "wrote " in again().stderr
    assert manifest.read_bytes() == before


EDITS: dict[str, Any] = {
    "files": [[], {}, 5, {"a": 5}],
    "runs": [5, [5], None],
    "tables": [[], None, [5], "results", ["/etc/passwd"]],
    "surroundings": [None],
}


@pytest.mark.parametrize(("part", "value"), [(k, v) for k, vs in EDITS.items() for v in vs])
def test_an_answer_that_was_edited_is_none(asked: Result, part: str, value: Any) -> None:
    """Whatever stands in it: the experiment is done as if for the first time."""
    path = next((Path("results") / answers.FOLDER).glob("*.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {part: value}))
    assert "wrote " in again().stderr
    assert "unchanged: " in again().stderr
