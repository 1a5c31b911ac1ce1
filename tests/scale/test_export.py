"""Status, clean and export tell what is there; the lines of the documentation read it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from small import EXPERIMENT, experiment_file

from dessim.cli import main

ROOT = Path(__file__).parents[2]
FILES = [path for path in (ROOT / "README.md", ROOT / "docs" / "scale.md") if path.exists()]


def typed(*words: str | Path) -> Result:
    """What happens when somebody types `dessim` and these words."""
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the small experiment, under the name that the documentation uses."""
    folder = tmp_path_factory.mktemp("made")
    path = experiment_file(folder, EXPERIMENT.replace("name: small", "name: eight-processes"))
    done = typed("run", path, "--engine", "reference", "--out", folder / "results", "-q")
    assert done.exit_code == 0, done.output
    return folder / "results"


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    """A copy of them, to spoil."""
    shutil.copytree(made, tmp_path / "results")
    return tmp_path / "results"


def test_status_counts_points_and_runs(results: Path) -> None:
    """Four points, eight runs of either size; a lost and a damaged one count: exit code 1."""
    assert "eight-processes: 4 of 4 points, 16 of 16 runs\n" in typed("status", results).stdout
    runs = sorted(path for path in (results / "runs").iterdir() if path.is_dir())
    shutil.rmtree(runs[0])
    (runs[1] / "stats.json").write_text("")
    done = typed("status", results, "--format", "json")
    found = json.loads(done.stdout)
    assert done.exit_code == 1
    assert found["sweeps"][0]["runs_done"] == found["runs"] == 14
    assert [text.startswith(str(runs[1])) for text in found["damaged"]] == [True]


def test_runs_of_another_version_are_counted_and_kept(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were whole when they were stored: `clean` leaves them, `status` does not complain."""
    monkeypatch.setattr("dessim.study.store.runs.model_version", lambda: "another")
    monkeypatch.setattr("dessim.study.store.runs._fields", lambda: ("events",))
    done = typed("status", results)
    assert done.exit_code == 0
    assert "4 of 4 points, 16 of 16 runs\nstored: 0 whole runs\n16 runs of another" in done.stdout
    assert "removed 0 runs" in typed("clean", results).stdout
    assert "removed 0 runs" in typed("clean", results, "--unused").stdout
    assert "removed 16 runs" in typed("clean", results, "--all").stdout


@pytest.mark.parametrize("command", ["status", "clean", "export"])
def test_a_folder_without_results_is_refused(results: Path, command: str) -> None:
    """And the one above is named, if that is it."""
    done = typed(command, results / "runs")
    assert done.exit_code == 2
    assert f"{str(results / 'runs')!r} is not a folder of results; {results} is one" in done.stderr
    (results / "empty").mkdir()
    assert typed(command, results / "empty").exit_code == 2


def test_clean_keeps_all_runs_while_a_sweep_cannot_be_read(results: Path) -> None:
    """What belongs to a damaged manifest is not taken for unused: exit code 2, nothing removed."""
    manifest = next(results.glob("*/sweep.json"))
    before = sorted((results / "runs").iterdir())
    manifest.write_text("null")
    refused = typed("clean", results, "--unused")
    assert refused.exit_code == 2
    assert "sweep.json is missing or damaged" in refused.stderr
    assert sorted((results / "runs").iterdir()) == before


def test_clean_removes_what_is_damaged_or_unused_and_nothing_else(results: Path) -> None:
    """A damaged run goes; runs of no sweep go with `--unused`; `-n` only tells."""
    runs = sorted(path for path in (results / "runs").iterdir() if path.is_dir())
    (runs[1] / "stats.json").write_text("")
    assert "would remove 1 run and" in typed("clean", results, "-n").stdout
    assert "removed 1 run and" in typed("clean", results).stdout
    assert not runs[1].exists()
    assert "removed 0 runs" in typed("clean", results, "--unused").stdout
    (results / "eight-processes" / "sweep.json").unlink()
    assert typed("clean", results, "--unused").exit_code == 2  # its tables are there
    (results / "eight-processes" / "seals.json").unlink()
    assert "removed 15 runs" in typed("clean", results, "--unused").stdout
    assert (results / "eight-processes" / "results.csv").exists()


@pytest.mark.parametrize("form", ["parquet", "csv", "json"])
def test_export_has_a_row_for_each_run(results: Path, form: str) -> None:
    """Eight rows in each format, the same bytes when written again, damaged runs left out.

    Those of the smaller size, which no result uses, are left out, too, unless they are asked for.
    """
    done = typed("export", results / "eight-processes", "--format", form)
    assert done.exit_code == 0, done.output
    path = results / "eight-processes" / f"runs.{form}"
    left = "8 of 8 runs; 8 runs of sizes that no result uses are left out"
    assert f"wrote {path}: {left}" in done.stderr
    before = path.read_bytes()
    assert typed("export", results / "eight-processes", "--format", form).exit_code == 0
    assert path.read_bytes() == before
    if form == "json":
        rows = json.loads(before)
        assert [(row["threads"], row["replication"]) for row in rows[:4]] == [
            (1, 0),
            (1, 1),
            (1, 0),
            (1, 1),
        ]
        assert {(row["simulated_bytes"], row["final"]) for row in rows} == {(1 << 16, True)}
        typed("export", results, "--format", form, "--all-sizes", "--out", results / "every.json")
        every = json.loads((results / "every.json").read_text())
        sizes = [(row["simulated_bytes"], row["final"]) for row in every]
        assert sizes.count((1 << 15, False)) == sizes.count((1 << 16, True)) == 8
        damaged = rows[0]["run"]
        (results / "runs" / damaged / "stats.json").write_text("")
        assert "7 of 8 runs" in typed("export", results, "--format", form).stderr


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_export_writes_into_a_pipe_and_through_a_link(results: Path, form: str) -> None:
    """Neither is replaced by a file; `-` is standard output."""
    assert typed("export", results, "--format", form).exit_code == 0
    wanted = (results / f"runs.{form}").read_bytes()
    (results / "link").symlink_to(results / "target")
    assert typed("export", results, "--format", form, "--out", results / "link").exit_code == 0
    assert (results / "link").is_symlink()
    assert (results / "target").read_bytes() == wanted
    pipe = results / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "dessim", "export", str(results), "--format", form, "--out"]
    with subprocess.Popen([*command, str(pipe)], stderr=subprocess.PIPE):
        assert pipe.read_bytes() == wanted
    assert pipe.is_fifo()
    done = subprocess.run([*command, "-"], capture_output=True, check=True)
    assert done.stdout == wanted


def test_the_plan_tells_the_memory_of_each_point(tmp_path: Path) -> None:
    """`--dry-run` estimates without running: in words, and in bytes for programs."""
    path = experiment_file(tmp_path)
    out = typed("run", path, "-n").stdout
    assert re.search(r" from 32KiB and 64KiB x 2, \d+ MiB each", out)
    assert out.endswith("4 points, 16 runs, 0 of them stored\n")
    plan = json.loads(typed("run", path, "-n", "--format", "json").stdout)
    assert all(point["memory_bytes"] > 1 << 20 for point in plan["points"])
    assert plan["runs"] == sum(point["runs"] for point in plan["points"]) == 16


def test_the_plan_tells_what_may_follow(tmp_path: Path) -> None:
    """Two sizes are sure; memory is that of the cap, which is larger."""
    text = EXPERIMENT.replace("simulate: 64KiB", "simulate: auto\nsimulate_cap: 1GiB")
    path = experiment_file(tmp_path, text)
    out = typed("run", path, "-n").stdout
    assert " from 8MiB and 32MiB, up to 1GiB x 2, " in out
    assert out.endswith("16 runs, 0 of them stored; more follow where two sizes do not agree\n")
    plan = json.loads(typed("run", path, "-n", "--format", "json").stdout)
    low = EXPERIMENT.replace("simulate: 64KiB", "simulate: auto\nsimulate_cap: 64MiB")
    less = json.loads(
        typed("run", experiment_file(tmp_path, low, "low.yaml"), "-n", "--format", "json").stdout
    )
    for high, point in zip(plan["points"], less["points"], strict=True):
        assert high["memory_bytes"] > point["memory_bytes"] + (1 << 20)


def test_a_study_that_was_stopped_while_growing_says_so(results: Path) -> None:
    """A manifest of the first round: no point is done, though its runs are; none is exported."""
    manifest = results / "eight-processes" / "sweep.json"
    found = json.loads(manifest.read_text())
    found["points"] = [point | {"final": False} for point in found["points"] if not point["final"]]
    manifest.write_text(json.dumps(found))
    said = typed("status", results).stdout
    assert "0 of 4 points, 8 of 8 runs; 4 points may need larger parts of their file" in said
    assert "0 of 0 runs; 8 runs of sizes" in typed("export", results).stderr


def snippets() -> list[Any]:
    """Python blocks of the README and of docs/scale.md."""
    found = []
    for path in FILES:
        blocks = re.findall(r"^```python\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)
        found += [pytest.param(block, id=f"{path.name}-{i}") for i, block in enumerate(blocks)]
    return found


@pytest.mark.parametrize("code", snippets())
def test_the_lines_of_the_documentation_work(code: str, made: Path) -> None:
    """Each block for pandas or DuckDB reads real results and prints something."""
    pytest.importorskip("pandas")
    pytest.importorskip("duckdb")
    assert typed("export", made / "eight-processes").exit_code == 0
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=made.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "lock_each_page" in done.stdout


@pytest.mark.parametrize(
    "content",
    [
        "null",
        "[]",
        '{"engine": "c", "points": ["a"]}',
        '{"engine": "c", "points": [{"runs": [["0"]]}]}',
        '{"engine": 1, "points": []}',
    ],
)
def test_damaged_books_count_as_none(results: Path, content: str) -> None:
    """As those that are not JSON: the same `dessim run` writes them again, and clean waits."""
    (results / "eight-processes" / "sweep.json").write_text(content)
    done = typed("status", results)
    assert done.exit_code == 1
    assert "eight-processes:" not in done.stdout
    assert "missing or damaged: " in done.stdout
    assert "belong to no current sweep" not in done.stdout
    assert typed("clean", results, "--unused").exit_code == 2
    assert typed("clean", results).exit_code == 0
    done = typed("export", results)
    assert done.exit_code == 2
    assert "there is no sweep" in done.stderr
    assert typed("report", results / "eight-processes").exit_code == 0
