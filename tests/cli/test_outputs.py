"""Where commands write: a name says what a file is, and nothing is replaced that nobody named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from matplotlib.figure import Figure

from dessim.cli import main
from dessim.files.own import RESULTS
from dessim.files.seals import DRAWN, MANIFEST, SEALS, changed
from dessim.files.writing import UnwritableError
from dessim.report.plot.drawing import Drawing
from dessim.report.plot.save import save

TINY = """\
name: tiny
machine: ivybridge-ex-4s
workload: separate-processes
schemes: [lock_each_page, gang_lookup_mapcount]
matrix: {threads: [2]}
simulate: 64KiB
replications: 2
"""
TABLE = (
    "workload,threads,order,minor_faults,seconds,note\n"
    "sequential-read,1,1,2098275,6.5,\nsequential-read,1,4,262251,5.7,\n"
)
FAULT = "1000 0 7 7 a 0x7f0000001000 0x1 0x6\n"
SEALED = Path("results/tiny")
MAGIC = {"parquet": b"PAR1", "csv": b"expe", "json": b'[\n{"'}
PREDICT = ("predict", "tiny.yaml", "--data", "table.csv", "-q", "--cells", "sequential-read:2:4")


def run(*words: str | Path) -> Result:
    """Run dessim here."""
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with results."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "tiny.yaml").write_text(TINY)
    (folder / "table.csv").write_text(TABLE)
    (folder / "fault.txt").write_text(FAULT)
    before = Path.cwd()
    os.chdir(folder)
    done = run("run", "tiny.yaml", "-q")
    os.chdir(before)
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(autouse=True)
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a copy of it."""
    shutil.copytree(made, tmp_path / "here", symlinks=True)
    monkeypatch.chdir(tmp_path / "here")


def stdout_of(*words: str) -> tuple[bytes, str]:
    """Run dessim with a pipe as standard output; return what is in it, and standard error."""
    command = [sys.executable, "-m", "dessim", *words]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr.decode()


def test_a_trace_goes_to_standard_output() -> None:
    """One of the two files, whole, and nothing else is made."""
    before = sorted(Path().iterdir())
    assert run("trace", "tiny.yaml", "-q", "--out", "t.pftrace").exit_code == 0
    trace, said = stdout_of("trace", "tiny.yaml", "--out", "-")
    assert trace == Path("t.pftrace").read_bytes()
    assert "wrote - (" in said
    stacks, said = stdout_of("trace", "tiny.yaml", "-q", "--format", "folded", "--out", "-")
    assert stacks == Path("t.folded").read_bytes()
    assert not said
    assert sorted(Path().iterdir()) == sorted([*before, Path("t.pftrace"), Path("t.folded")])


@pytest.mark.parametrize("form", MAGIC)
def test_the_name_of_an_export_says_its_format(form: str) -> None:
    """As does --format where the name says nothing."""
    assert run("export", "results", "--out", f"x.{form}").exit_code == 0
    assert run("export", "results", "--out", f"X.{form.upper()}").exit_code == 0
    assert run("export", "results", "--out", "x", "--format", form).exit_code == 0
    for name in (f"x.{form}", f"X.{form.upper()}", "x"):
        assert Path(name).read_bytes().startswith(MAGIC[form])
    table, _ = stdout_of("export", "results", "--out", "-", "--format", form)
    assert table == Path("x").read_bytes()


def test_an_export_is_parquet_unless_something_else_is_said() -> None:
    """Next to the results, and in a pipe."""
    assert run("export", "results").exit_code == 0
    table, _ = stdout_of("export", "results", "--out", "/dev/stdout")
    assert table == Path("results/runs.parquet").read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--out", "y.parquet", "--format", "csv"), "a csv table's name must end in .csv"),
        (("--out", "notes.md"), "a table's name must end in .parquet, .csv or .json"),
        (("--out", "keep.yaml", "--format", "json"), "a json table's name must end in .json"),
        (("--out", "x"), "the name says no format: add --format (parquet, csv, json)"),
    ],
)
def test_an_export_whose_name_says_something_else_is_refused(
    words: tuple[str, ...], said: str
) -> None:
    """Whether something is there or not."""
    for _ in range(2):
        done = run("export", "results", *words)
        assert done.exit_code == 2
        assert said in done.stderr
        Path(words[1]).write_text("precious")
    assert Path(words[1]).read_text() == "precious"


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        (("report", "tiny"), ".html or .htm"),
        (("trace", "other.yaml"), ".perfetto, .trace, .pb or .json"),
        (("trace", "other.yaml", "--format", "folded"), ".pb, .json or .folded"),
    ],
)
def test_an_output_has_a_name_of_its_kind(words: tuple[str, ...], ends: str) -> None:
    """The experiment is none."""
    Path("other.yaml").write_text(TINY)
    done = run(*words, "--out", "tiny.yaml")
    assert done.exit_code == 2
    assert f"--out tiny.yaml: a {'page' if words[0] == 'report' else 'trace'}'s" in done.stderr
    assert done.stderr.endswith(f"{ends}\n")
    assert Path("tiny.yaml").read_text() == TINY


def test_what_is_no_file_may_have_any_name() -> None:
    """Nothing is replaced there."""
    Path("null.txt").symlink_to("/dev/null")
    for words in (("report", "tiny"), ("trace", "tiny.yaml"), ("export", "results")):
        done = run(*words, "--out", "null.txt")
        assert done.exit_code == 0, done.output
    assert not Path("null.folded").exists()


# --- files of results ----------------------------------------------------------------------------


def test_the_names_of_results_are_those_that_are_written() -> None:
    """They are kept where the seals are gone."""
    found = {path.name for path in SEALED.iterdir()}
    assert found == {*RESULTS, SEALS, MANIFEST}


WRITERS = (
    ("report", "tiny", "--out"),
    ("trace", "tiny.yaml", "-q", "--out"),
    ("export", "results/tiny", "--format", "csv", "--out"),
    (*PREDICT, "--to"),
    ("machine", "new", "m", "--force", "--out"),
    ("measure", "--force", "--out"),
    ("import", "fault.txt", "--force", "--out"),
    ("calibrate", "tiny.yaml", "--data", "table.csv", "--force", "--to"),
)


CASES = [
    *((writer, "results.csv") for writer in WRITERS),
    *((WRITERS[0], name) for name in (*RESULTS, SEALS, MANIFEST, DRAWN) if name != "results.csv"),
]


@pytest.mark.parametrize(("writer", "name"), CASES)
def test_no_command_writes_over_results(writer: tuple[str, ...], name: str) -> None:
    """By whatever name, with and without seals."""
    (SEALED / DRAWN).write_text("{}")
    before = {path: path.read_bytes() for path in SEALED.iterdir()}
    Path("link.csv").symlink_to(SEALED / name)
    for place in (SEALED / name, SEALED.absolute() / ".." / "tiny" / name, Path("link.csv")):
        done = run(*writer, place)
        assert done.exit_code == 2
        assert f"{place} is a file of results, which only `dessim run` writes" in done.stderr
    assert {path: path.read_bytes() for path in SEALED.iterdir()} == before
    (SEALED / SEALS).unlink()
    assert run(*writer, SEALED / name).exit_code == 2
    (SEALED / MANIFEST).unlink()
    (SEALED / SEALS).write_text("{")
    assert run(*writer, SEALED / name).exit_code == 2


@pytest.mark.parametrize("writer", WRITERS, ids=lambda words: words[0])
def test_no_command_writes_into_the_store(writer: tuple[str, ...]) -> None:
    """Neither over a file of a run nor a new one."""
    Path("elsewhere").symlink_to("results/runs")
    a_run = next(path for path in Path("results/runs").iterdir() if len(path.name) == 64)
    for place in (a_run / "stats.json", "results/runs/new.csv", f"elsewhere/{a_run.name}/x.csv"):
        done = run(*writer, place)
        assert done.exit_code == 2
        assert "where runs are stored: choose another place" in done.stderr


def test_files_next_to_results_can_be_written() -> None:
    """A page, a table and a figure; but not a figure whose numbers would be a file of results."""
    assert run("report", "tiny", "--out", SEALED / "report.html").exit_code == 0
    assert run("export", "results/tiny", "--out", SEALED / "runs.csv").exit_code == 0
    assert run("figure", "tiny", "throughput", "--out", SEALED).exit_code == 0
    with pytest.raises(UnwritableError, match=r"latency\.csv is a file of results"):
        save(Drawing(Figure(), [{"threads": 1}], "Empty."), SEALED, "latency")
    assert changed(SEALED) == []


# --- files that nobody named ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "first", "second"),
    [
        (("trace", "tiny.yaml", "-q", "--out", "u.pftrace"), "u.pftrace", "u.folded"),
        ((*PREDICT, "--to", "own.csv"), "own.csv", "own.json"),
        (PREDICT, "predictions.csv", "predictions.json"),
    ],
)
def test_a_second_file_is_replaced_with_the_first_only(
    words: tuple[str, ...], first: str, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command may be repeated; a file of yours stays."""
    Path(second).write_text("precious")
    with monkeypatch.context() as patch:
        patch.setattr("dessim.study.explain.trace.record", None)
        patch.setattr("dessim.cli.predict.simulator", None)
        done = run(*words)
    assert done.exit_code == 2
    assert f"{second} is there without {first}, and would be replaced" in done.stderr
    assert Path(second).read_text() == "precious"
    Path(second).unlink()
    assert run(*words).exit_code == 0
    Path(second).write_text("old")
    assert run(*words).exit_code == 0
    assert Path(second).read_text() != "old"


def test_a_second_file_is_no_file_of_results() -> None:
    """`results.parquet` of an import, `configuration.json` of predictions."""
    (SEALED / "configuration.csv").write_text("mine")
    for words in (
        ("import", "fault.txt", "--force", "--out", SEALED / "results.yaml"),
        (*PREDICT, "--to", SEALED / "configuration.csv"),
    ):
        done = run(*words)
        assert done.exit_code == 2
        assert "is a file of results" in done.stderr
    assert changed(SEALED) == []
