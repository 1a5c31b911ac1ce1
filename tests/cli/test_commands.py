import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from small import EXPERIMENT, experiment_file

import dessim
from dessim.cli import main

HEAVY = ("llvmlite", "simpy", "scipy", "matplotlib", "pyarrow", "pandas", "distributed")
OUTPUTS = ("results.json", "results.csv", "results.parquet", "latency.csv")


def typed(*words: str | Path) -> Result:
    """What happens when somebody types `dessim` and these words."""
    return CliRunner().invoke(main, [str(word) for word in words])


def run_small(folder: Path, *words: str | Path) -> Result:
    """`dessim run` of the small experiment on the reference engine."""
    path = folder / "small.yaml"
    if not path.exists():
        experiment_file(folder)
    out = ("--out", folder / "results") if "--out" not in words else ()
    return typed("run", path, "--engine", "reference", *out, *words)


def in_process(*words: str | Path, **more: Any) -> subprocess.Popen[str]:
    """Start a real `dessim` process."""
    command = [sys.executable, "-m", "dessim", *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **more)


def test_version_is_that_of_the_package() -> None:
    """`dessim --version`."""
    assert typed("--version").output == f"dessim, version {dessim.__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["run", "--help"],
        ["list"],
        ["show", "machine", "ivybridge-ex-4s"],
        ["show", "scheme", "lock_each_page"],
        ["show", "experiment", "eight-processes", "--resolved"],
        ["schema", "experiment"],
    ],
    ids=" ".join,
)
def test_looking_around_imports_nothing_heavy(words: list[str]) -> None:
    """Help, lists and descriptions come without compilers, plotters and table libraries."""
    script = (
        "import sys; from dessim.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"found = [m for m in {HEAVY!r} if m in sys.modules]; assert not found, found"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_a_stored_answer_imports_nothing_that_simulates(tmp_path: Path) -> None:
    """Nor statistics, models or tables: what was made before is checked, read and printed."""
    first = run_small(tmp_path)
    assert first.exit_code == 0, first.output
    (answer,) = (tmp_path / "results/.answers").glob("*.json")
    heavy = (*HEAVY, "pydantic", "numpy", "dessim.kernel.steps")
    script = (
        "import sys; from dessim.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"found = [m for m in {heavy!r} if m in sys.modules]; assert not found, found"
    )
    words = ["run", tmp_path / "small.yaml", "--engine", "reference", "--out", tmp_path / "results"]
    again = subprocess.run(
        [sys.executable, "-c", script, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert again.returncode == 0, again.stderr
    assert again.stdout == first.stdout
    assert "16 were stored already\nunchanged: " in again.stderr
    assert answer.is_file()


def test_list_names_everything_that_is_shipped() -> None:
    """Machines, workloads, schemes, experiments and measured tables."""
    out = typed("list").stdout
    shipped = ("hypothetical-1024", "shared-mapping", "radix_walk_trylock", "thousand-cpus")
    assert all(name in out for name in (*shipped, "published:"))
    assert "\nradix_walk_trylock  " in typed("list", "schemes").stdout


def test_list_tells_which_file_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One broken file of one's own does not hide the others."""
    (tmp_path / "configs" / "experiments").mkdir(parents=True)
    experiment_file(tmp_path / "configs" / "experiments", "machine: 3\n", "broken.yaml")
    monkeypatch.chdir(tmp_path)
    done = typed("list", "experiments")
    assert done.exit_code == 0
    assert "broken" in done.stdout
    assert "eight-processes" in done.stdout


def test_show_prints_a_file_as_written_and_resolved() -> None:
    """Comments are there as written; resolved, every default is filled in."""
    assert "# yaml-language-server" in typed("show", "workload", "random-read").stdout
    assert "page_work: 0" in typed("show", "workload", "random-read", "--resolved").stdout


def test_show_scheme_tells_source_options_and_program() -> None:
    """Docstring, the option with its default, and numbered steps."""
    out = typed("show", "scheme", "gang_lookup_mapcount").stdout
    assert "L. Torvalds" in out
    assert "Options: precheck=false" in out
    assert "   0  begin\n   1  next access" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "quickstrat"], "did you mean 'quickstart'?"),
        (["run", "./nowhere.yaml"], "no such file"),
        (
            ["show", "machine", "ivybridge"],
            "did you mean 'ivybridge-ex-4s' or 'ivybridge-ex-4s-fitted'?",
        ),
        (["show", "scheme", "lock_each"], "did you mean 'lock_each_page'?"),
        (["show", "ship", "x"], "'ship' is not one of"),
        (["rnu"], "Did you mean 'run'?"),
        (["run", "eight-processes", "--set", "threds=3"], "did you mean 'threads'?"),
        (["run", "eight-processes", "--set", "threads=0"], "threads"),
        (["run", "eight-processes", "--set", "schemes=[lock]"], "unknown scheme 'lock'"),
        (["run", "eight-processes", "--set", "machine.cache_line.hold=3"], "error"),
        (["run", "eight-processes", "--replications", "0"], "0 is not in the range"),
        (["run", "eight-processes", "--engine", "fast"], "'fast' is not one of"),
        (["run", "eight-processes", "--out", "/dev/null/x"], "/dev/null: this is not a folder"),
        (["figure", "nothing-like-that"], "there are no results"),
        (["schema", "scheme"], "'scheme' is not one of"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_what_cannot_work_is_one_clear_error(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, nothing on standard output, no traceback."""
    monkeypatch.chdir(tmp_path)
    done = typed(*words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert isinstance(done.exception, SystemExit)


def test_a_user_s_error_points_into_the_file(tmp_path: Path) -> None:
    """File, line, column, the line itself and a caret."""
    path = experiment_file(tmp_path, EXPERIMENT.replace("replications", "replicatoins"))
    done = typed("run", path)
    assert f"{path}:9:1: error: unknown key 'replicatoins'" in done.stderr
    assert "    9 | replicatoins: 2\n      | ^" in done.stderr


def test_run_prints_a_table_and_names_what_it_wrote(tmp_path: Path) -> None:
    """A row per point on standard output; files and progress on standard error."""
    done = run_small(tmp_path)
    assert done.exit_code == 0
    rows = [line for line in done.stdout.splitlines() if line.startswith("lock_each_page ")]
    assert len(rows) == 2
    assert "16 runs in" in done.stderr  # of 32 KiB, and of 64 KiB
    assert ", 2 rounds (larger sizes, or more replications, each)\n" in done.stderr
    assert f"wrote {tmp_path}/results/small/results.{{json,csv,parquet}}" in done.stderr
    assert all((tmp_path / "results" / "small" / name).is_file() for name in OUTPUTS)
    assert len(list((tmp_path / "results" / "runs").glob("*/stats.json"))) == 16


def test_json_is_one_document_that_keeps_the_contract(tmp_path: Path) -> None:
    """Nothing else on standard output, and the same as the stored file."""
    done = run_small(tmp_path, "--format", "json")
    document = json.loads(done.stdout)
    assert document == json.loads((tmp_path / "results" / "small" / "results.json").read_text())
    point = document["points"][0]
    assert point["engine"] == "reference"
    assert point["scaled"] is True
    assert point["parameters"] == {}
    assert [size >> 10 for size in point["stationarity"]["sizes_bytes"]] == [32, 64]
    known = [one for one in point["metrics"].values() if one["ci95"] is not None]
    assert known
    assert all(one["ci95"][0] <= one["mean"] <= one["ci95"][1] for one in known)
    assert all(one["reason"] for one in point["metrics"].values() if one["mean"] is None)
    assert set(point["time_share"]) >= {"user", "mmap_lock", "ptl", "page_lock", "teardown"}


def test_csv_has_a_row_per_point(tmp_path: Path) -> None:
    """The same bytes as the stored file."""
    done = run_small(tmp_path, "--format", "csv", "-q")
    assert done.stdout == (tmp_path / "results" / "small" / "results.csv").read_text()
    assert len(list(csv.DictReader(io.StringIO(done.stdout)))) == 4
    assert done.stderr == ""


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    """All tables of two separate runs compare equal; with another seed the times differ."""
    run_small(tmp_path, "--out", tmp_path / "a")
    run_small(tmp_path, "--out", tmp_path / "b")
    run_small(tmp_path, "--out", tmp_path / "c", "--seed", "2")
    for name in OUTPUTS:
        first = (tmp_path / "a" / "small" / name).read_bytes()
        assert (tmp_path / "b" / "small" / name).read_bytes() == first
    tables = [(tmp_path / one / "small" / "results.csv").read_text() for one in ("a", "c")]
    seconds = [
        [row["fault_latency_ns_mean"] for row in csv.DictReader(io.StringIO(text))]
        for text in tables
    ]
    assert seconds[0] != seconds[1]


def test_a_dry_run_prints_the_runs_and_makes_nothing(tmp_path: Path) -> None:
    """Four points, eight runs of each of two sizes, and no results folder."""
    done = run_small(tmp_path, "-n")
    assert done.stdout.splitlines()[-1] == "4 points, 16 runs, 0 of them stored"
    assert done.stdout.splitlines()[0].startswith("lock_each_page threads=1 order=2")
    assert not (tmp_path / "results").exists()
    run_small(tmp_path)
    assert json.loads(run_small(tmp_path, "-n", "--format", "json").stdout)["runs"] == 16
    assert run_small(tmp_path, "-n").stdout.endswith("16 runs, 16 of them stored\n")


def test_a_second_run_uses_what_is_stored_and_force_does_not(tmp_path: Path) -> None:
    """Told on standard error; the tables are the same."""
    first = run_small(tmp_path)
    again = run_small(tmp_path)
    assert "16 were stored already" in again.stderr
    assert again.stdout == first.stdout
    assert "stored already" not in run_small(tmp_path, "--force").stderr


def test_set_changes_values_and_sweeps_lists(tmp_path: Path) -> None:
    """Three thread counts instead of two, one replication instead of two: no intervals."""
    words = ("--set", "threads=[1, 2, 3]", "--replications", "1", "--format", "json")
    document = json.loads(run_small(tmp_path, *words).stdout)
    assert [p["threads"] for p in document["points"]] == [1, 1, 2, 2, 3, 3]
    assert {p["metrics"]["completion_s"]["ci95"] for p in document["points"]} == {None}


def test_swept_keys_are_parameters(tmp_path: Path) -> None:
    """A swept cost appears with its value as written."""
    words = ("--set", "machine.cache_line.hold=[0ns, 80ns]", "--set", "threads=2")
    document = json.loads(run_small(tmp_path, *words, "--format", "json").stdout)
    found = [p["parameters"] for p in document["points"]]
    assert found == [{"machine.cache_line.hold": x} for x in ("0ns", "0ns", "80ns", "80ns")]


def test_verbose_tells_every_run_and_damage_is_reported(tmp_path: Path) -> None:
    """A line per run; a broken directory is named and made anew."""
    assert run_small(tmp_path, "-v").stderr.count(" ran: ") == 16
    victim = sorted((tmp_path / "results" / "runs").glob("*/stats.json"))[0]
    victim.write_text("")
    again = run_small(tmp_path, "-v")
    assert again.stderr.count(" ran: ") == 1
    assert f"warning: damaged, run again: {victim.parent}" in again.stderr


def test_failed_runs_are_listed_and_end_with_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every run fails: a table of dashes, each reason, exit code 1."""
    from dessim.study.sweep import runner

    def fail(*anything: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(runner, "run_setup", fail)
    done = run_small(tmp_path, "--set", "threads=1")
    assert done.exit_code == 1
    assert done.stderr.count("failed: ") == 4
    assert "MemoryError: no room" in done.stderr
    assert "error: 4 of 4 runs failed" in done.stderr


def test_figures_are_drawn_on_request_and_later(tmp_path: Path) -> None:
    """`run --figures` and `figure` give the same bytes; `figure` takes a folder or a name."""
    run_small(tmp_path, "--figures")
    folder = tmp_path / "results" / "small"
    first = {p.name: p.read_bytes() for p in (folder / "figures").iterdir()}
    done = typed("figure", folder, "throughput", "--out", tmp_path / "drawn")
    assert done.exit_code == 0
    assert f"wrote {tmp_path}/drawn/throughput.{{pdf,svg,png,csv,txt}}" in done.stderr
    again = {p.name: p.read_bytes() for p in (tmp_path / "drawn").iterdir()}
    assert again == {name: data for name, data in first.items() if name.startswith("throughput")}
    assert typed("figure", "small", "--results-dir", tmp_path / "results").exit_code == 0


def test_an_experiment_s_name_leads_nowhere_else(tmp_path: Path) -> None:
    """Slashes and dots of a name do not leave the results folder; `runs` stays the store's."""
    for name in ("../../up", "runs", "/etc"):
        assert run_small(tmp_path, "--set", f"name={name}", "--set", "threads=1").exit_code == 0
    found = {p.name for p in (tmp_path / "results").iterdir()}
    assert {name.rpartition("-")[0] for name in found - {"runs", ".answers"}} == {
        "-..-up",
        "experiment",
        "-etc",
    }


def test_head_ends_it_quietly(tmp_path: Path) -> None:
    """Whoever reads stops after a line: no complaint."""
    path = experiment_file(tmp_path)
    process = in_process("show", "experiment", path, "--resolved")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(timeout=60)


LONG = EXPERIMENT.replace("64KiB", "1MiB").replace("replications: 2", "replications: 5")


def children_of(pid: int) -> list[int]:
    """Worker processes of a process."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
            found.append(int(child))
    return found


def test_an_interrupt_finishes_the_books_and_the_same_command_goes_on(tmp_path: Path) -> None:
    """Ctrl-C after the first finished run: exit code 130, workers gone, then all is completed."""
    path = experiment_file(tmp_path, LONG)
    words = ("run", path, "--engine", "reference", "-v", "-j", "2", "--out", tmp_path / "results")
    process = in_process(*words)
    assert process.stderr is not None
    process.stderr.readline()
    workers = children_of(process.pid)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command resumes" in said
    assert "Traceback" not in said
    assert workers
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    resumed = in_process(*words)
    table, said = resumed.communicate(timeout=120)
    assert resumed.returncode == 0
    assert "stored already" in said
    fresh = in_process(*words[:-1], tmp_path / "fresh")
    assert fresh.communicate(timeout=120)[0] == table


def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    """SIGKILL of one worker in mid-sweep: the others' runs and its own are done, same tables."""
    path = experiment_file(tmp_path, LONG)
    words = ("run", path, "--engine", "reference", "-v", "-j", "2", "--out")
    process = in_process(*words, tmp_path / "killed")
    assert process.stderr is not None
    process.stderr.readline()
    workers = children_of(process.pid)
    os.kill(workers[0], signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    whole_run = in_process(*words, tmp_path / "whole")
    whole_run.communicate(timeout=120)
    assert whole_run.returncode == 0
    for name in OUTPUTS:
        killed, whole = (tmp_path / one / "small" / name for one in ("killed", "whole"))
        assert killed.read_bytes() == whole.read_bytes()


@pytest.mark.slow
def test_both_engines_print_the_same_table(tmp_path: Path) -> None:
    """Compiled and reference: equal tables and distributions."""
    reference = run_small(tmp_path, "--format", "table")
    words = ("--engine", "compiled", "--out", tmp_path / "compiled")
    compiled = typed("run", tmp_path / "small.yaml", *words)
    assert compiled.stdout == reference.stdout
    tails = [tmp_path / one / "small" / "latency.csv" for one in ("compiled", "results")]
    assert tails[0].read_bytes() == tails[1].read_bytes()
