"""SIGKILL at random moments of every command that writes: each file is the old one or the new one.

Half of the kills wait for the moment at which something is being written; most of a command's time
goes into starting up.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from dessim.files.atomic import UNFINISHED

SAMPLE = Path(__file__).parents[1] / "traces" / "samples" / "perf_script_page-faults_addr.txt"
SMALL = (
    *("eight-processes", "--engine", "reference", "--set", "workload.file_size=16KiB"),
    *("--set", "threads=[1,2]", "--replications", "2"),
)
OLD = b"what was there before\n"
TIMED = "provenance.json"
"""Says how long a run took: the only file that differs from time to time."""
LSCPU = (
    "Architecture: x86_64\nModel name: Intel(R) Xeon(R) Gold 6346 CPU @ 3.10GHz\nCPU(s): 32\n"
    "Thread(s) per core: 2\nCore(s) per socket: 16\nSocket(s): 1\nL3 cache: 36 MiB (1 instance)\n"
)


@dataclass(frozen=True)
class Command:
    """A command that writes.

    Attributes
    ----------
    words : tuple of str
    files : tuple of str
        Places that it writes, or folders of them.
    old : bool
        Whether they hold something else before; a store only grows.
    """

    words: tuple[str, ...]
    files: tuple[str, ...]
    old: bool = True


COMMANDS = {
    "report": Command(("report", "eight-processes"), ("results/eight-processes/report.html",)),
    "report of two": Command(
        ("report", "eight-processes", "copy", "--out", "both.html"), ("both.html",)
    ),
    "figure": Command(
        ("figure", "eight-processes", "throughput", "--out", "drawn"),
        tuple(f"drawn/throughput.{end}" for end in ("pdf", "svg", "png", "csv", "txt")),
    ),
    "export": Command(("export", "results", "--format", "csv", "--out", "runs.csv"), ("runs.csv",)),
    "export parquet": Command(("export", "results", "--out", "runs.parquet"), ("runs.parquet",)),
    "trace": Command(
        (
            *("trace", SMALL[0], "--set", "workload.file_size=16KiB", "-q"),
            *("--threads", "8", "--scheme", "lock_each_page"),
            *("--format", "folded", "--out", "t.folded"),
        ),
        ("t.folded",),
    ),
    "import": Command(("import", str(SAMPLE), "--out", "own.yaml"), ("own.yaml", "own.parquet")),
    "machine new": Command(
        ("machine", "new", "mine", "--lscpu", "lscpu.txt", "--out", "mine.yaml", "--force"),
        ("mine.yaml",),
    ),
    "run": Command(("run", *SMALL, "-q", "--force"), ("results/eight-processes",), old=False),
    "explain": Command(
        ("explain", *SMALL[:-2], "-q", "--out", "other"), ("other/runs",), old=False
    ),
}
QUICK = ("report", "import")
KILLS = int(os.environ.get("DESSIM_KILLS", "20"))
"""Of each command, as tests/attack.py wants them."""


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with results of a small experiment, twice."""
    folder = tmp_path_factory.mktemp("stored")
    dessim(folder, "run", *SMALL, "-q")
    shutil.copytree(folder / "results" / "eight-processes", folder / "copy")
    (folder / "lscpu.txt").write_text(LSCPU)
    return folder


def started(folder: Path, *words: str) -> "subprocess.Popen[str]":
    """Start a command in a folder."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "dessim", *words]
    return subprocess.Popen(
        command, cwd=folder, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )


def dessim(folder: Path, *words: str) -> float:
    """Run a command to its end; return the seconds that it took."""
    begin = time.monotonic()
    process = started(folder, *words)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, (words, said)
    return time.monotonic() - begin


def contents(folder: Path, places: tuple[str, ...]) -> dict[str, bytes]:
    """All files at some places, by their names; none of a writer that is at work."""
    found = {}
    for place in (folder / one for one in places):
        files = [place] if place.is_file() else sorted(place.rglob("*")) if place.is_dir() else []
        for path in files:
            parts = path.relative_to(folder).parts
            hidden = any(part.startswith(".") for part in parts)
            if path.is_file() and not hidden and path.name != TIMED:
                found["/".join(parts)] = path.read_bytes()
    return found


def killed(folder: Path, words: tuple[str, ...], usual_s: float, rng: random.Random) -> bool:
    """Kill a command at a random moment; return whether it was still alive."""
    process = started(folder, *words)
    end = time.monotonic() + rng.uniform(0.0, 1.1 * usual_s)
    if rng.random() < 0.5:  # when it writes
        end = time.monotonic() + 20 * usual_s
        while process.poll() is None and time.monotonic() < end:
            if any(folder.rglob(f"{UNFINISHED}*")):
                break
        end = time.monotonic() + rng.uniform(0.0, 0.01)
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.0005)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    return alive


def attacked(name: str, stored: Path, folder: Path, times: int) -> int:
    """Kill a command so many times; return how often it was still alive."""
    command, rng = COMMANDS[name], random.Random(name)
    shutil.copytree(stored, folder)
    before = contents(folder, command.files)
    usual_s = dessim(folder, *command.words)
    after, hits = contents(folder, command.files), 0
    assert after, "it writes nothing where it should"
    for _ in range(times):
        for place in command.files if command.old else ():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_bytes(OLD)
        if not command.old:
            shutil.rmtree(folder / command.files[0], ignore_errors=True)
            for place, data in before.items():
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
                (folder / place).write_bytes(data)
        hits += killed(folder, command.words, usual_s, rng)
        for place, data in contents(folder, command.files).items():
            good = (OLD if command.old else before.get(place), after.get(place))
            assert data in good, f"{place} is half-written ({len(data)} bytes)"
    dessim(folder, *command.words)
    assert contents(folder, command.files) == after
    return hits


@pytest.mark.parametrize("name", QUICK)
def test_a_killed_command_leaves_old_or_new(name: str, stored: Path, tmp_path: Path) -> None:
    """Two kills each, and the same command again gives what it always gave."""
    attacked(name, stored, tmp_path / "here", 2)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_writes_may_be_killed(name: str, stored: Path, tmp_path: Path) -> None:
    """Twenty kills of each, two hundred in all; some of them while it works."""
    assert attacked(name, stored, tmp_path / "here", KILLS) > KILLS // 4
