"""Programs that are traps, special files in the store, edited results: what once went wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typing_in import FAST, SMALL, typed

from dessim.engines import code_cache

pytestmark = pytest.mark.usefixtures("empty_folder")


# --- your own files that are programs --------------------------------------------------------

HOSTILE = {
    "ends": ("import os\nos._exit(0)\n", "it kills the process that reads it (exit code 0)"),
    "crashes": (
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
        "it kills the process that reads it (exit code -9)",
    ),
    "threads": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\n",
        "it starts threads",
    ),
    "exits": ("import sys\nsys.exit(0)\n", "SystemExit"),
    "endless": ("while True: pass\n", "it is still running after 0.5 s"),
    "eats": ("kept = bytes(3 << 30)\n", "it takes more than 1024 MiB"),
    "eats_slowly": (
        "kept = []\nwhile True: kept.append(bytearray(50 << 20))\n",
        "it takes more than 1024 MiB",
    ),
    "numbers": ("FAULT_AROUND = 5\n", "FAULT_AROUND must be a tuple of steps, found int"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_scheme_that_is_a_trap_stops_only_who_names_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what it did; whoever names another one does not notice."""
    from dessim.model import python_file

    if name == "endless":
        monkeypatch.setattr(python_file, "PATIENCE_S", 0.5)
    text, said = HOSTILE[name]
    Path("schemes").mkdir()
    Path(f"schemes/{name}.py").write_text(f"{text}FAULT_AROUND = SLOW_PATH = ()\n{text}")
    done = typed("run", "eight-processes", "--set", f"schemes=[{name}]", *SMALL, "--dry-run")
    assert done.exit_code == 2
    assert said in done.stderr
    assert f"schemes/{name}.py" in done.stderr
    assert typed("run", "eight-processes", "--dry-run").exit_code == 0
    assert typed("list").exit_code == 0


@pytest.mark.parametrize("text", ['print "python 2"\n', "\0", "(" * 5000, "x = '\\ud800'\n"])
def test_a_file_that_is_no_python_blocks_nothing(text: str) -> None:
    """Nor does a FIFO or a broken configuration of that name."""
    for folder in ("schemes", "actors", "experiments"):
        Path(folder).mkdir()
        Path(folder, "notes.py").write_text(text)
        os.mkfifo(f"{folder}/pipe.py")
    for folder in ("machines", "workloads", "experiments", "published"):
        Path("configs", folder).mkdir(parents=True)
        Path("configs", folder, "notes.yaml").write_text("{")
        Path("configs", folder, "notes.csv").write_text('"')
    assert typed("run", "eight-processes", "--dry-run").exit_code == 0
    assert typed("run", "fault-around-2014", "--dry-run").exit_code == 0
    done = typed("list")
    assert done.exit_code == 0
    assert "cannot be used:" in done.stdout
    done = typed("figure", "notes")
    assert done.exit_code == 2


def test_what_a_scheme_prints_is_no_result() -> None:
    """It goes to standard error: JSON stays JSON."""
    Path("schemes").mkdir()
    Path("schemes/loud.py").write_text(
        '"""x"""\nprint("hello")\n'
        "from dessim.schemes.no_fault_around import SLOW_PATH as SLOW_PATH\nFAULT_AROUND = ()\n"
    )
    done = typed("run", "eight-processes", *FAST, "--set", "schemes=[loud]", "--format", "json")
    assert done.exit_code == 0, done.output
    json.loads(done.stdout)


# --- the store and results -----------------------------------------------------------------------


def test_special_files_in_the_store_stop_nobody() -> None:
    """A FIFO, a link to an endless device, a list 200,000 levels deep."""
    assert typed("run", "eight-processes", *FAST).exit_code == 0
    [one, *_] = sorted(Path("results/runs").iterdir())
    (one / "stats.json").unlink()
    os.mkfifo(one / "stats.json")
    done = typed("status")
    assert done.exit_code == 1
    assert "stats.json: this is not a file" in done.stdout
    assert typed("export", "results", "--format", "csv").exit_code == 0
    (one / "stats.json").unlink()
    (one / "stats.json").symlink_to("/dev/zero")
    assert typed("status").exit_code == 1
    Path("results/eight-processes/sweep.json").write_text("[" * 200_000)
    assert typed("status").exit_code == 1
    done = typed("run", "eight-processes", *FAST)
    assert done.exit_code == 0, done.output
    assert "damaged, run again" in done.stderr
    assert typed("status").exit_code == 0


@pytest.mark.parametrize("name", ["results.json", "latency.csv"])
def test_edited_results_are_not_drawn(name: str) -> None:
    """They still parse; the seal shows it. The same run writes them again."""
    assert typed("run", "eight-processes", *FAST).exit_code == 0
    path = Path("results/eight-processes", name)
    text = path.read_text()
    edited = text.replace("1", "2", 1)
    assert edited != text
    path.write_text(edited)
    for words in (("report", "eight-processes"), ("figure", "eight-processes")):
        done = typed(*words)
        assert done.exit_code == 2
        assert f"{name} was changed after it was written" in done.stderr
    done = typed("status")
    assert done.exit_code == 1
    assert f"changed after it was written: results/eight-processes/{name}" in done.stdout
    assert typed("run", "eight-processes", *FAST).exit_code == 0
    assert path.read_text() == text
    assert typed("report", "eight-processes").exit_code == 0


@pytest.mark.parametrize(
    "text", ["", "{", "5", "null", "[]", '"x"', "{}", '{"results.json": "0"}', None]
)
def test_status_names_seals_that_are_none(text: str | None) -> None:
    """Nobody can vouch for what they should seal; None: they are a folder."""
    assert typed("run", "eight-processes", *FAST).exit_code == 0
    seals = Path("results/eight-processes/seals.json")
    seals.unlink()
    if text is None:
        seals.mkdir()
    else:
        seals.write_text(text)
    done = typed("status")
    assert done.exit_code == 1
    changed = [line for line in done.stdout.splitlines() if line.startswith("changed after")]
    assert changed
    assert typed("report", "eight-processes").exit_code == 2


def test_a_fifo_in_the_cache_is_nothing_to_wait_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor a link to what never ends."""
    monkeypatch.setenv("DESSIM_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / "dessim").mkdir()
    os.mkfifo(tmp_path / "dessim" / "fifo.o")
    (tmp_path / "dessim" / "zero.o").symlink_to("/dev/zero")
    assert code_cache.stored("fifo.o") is None
    assert code_cache.stored("zero.o") is None
