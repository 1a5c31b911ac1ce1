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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from dessim.files.atomic import UNFINISHED
from dessim.model import load_machine
from dessim.study.store.runs import FILES

SAMPLE = Path(__file__).parents[1] / "traces" / "samples" / "perf_script_page-faults_addr.txt"
SMALL = (
    *("eight-processes", "--engine", "reference", "--set", "workload.file_size=16KiB"),
    *("--set", "threads=[1,2]", "--replications", "2"),
)
CELLS = ("small.yaml", "--data", "table.csv", "--engine", "reference", "-q")
OLD = b"what was there before\n"
TIMED = "provenance.json"
"""Says how long a run took: the only file that differs from time to time."""
LSCPU = (
    "Architecture: x86_64\nModel name: Intel(R) Xeon(R) Gold 6346 CPU @ 3.10GHz\nCPU(s): 32\n"
    "Thread(s) per core: 2\nCore(s) per socket: 16\nSocket(s): 1\nL3 cache: 36 MiB (1 instance)\n"
)


TEXTS = {
    "lscpu.txt": LSCPU,
    "table.csv": "workload,threads,order,minor_faults,seconds,note\n"
    "sequential-read,1,1,2098275,6.5,\nsequential-read,1,4,262251,5.7,\n"
    "sequential-read,2,4,524502,5.8,\n",
    "small.yaml": "machine: ivybridge-ex-4s\nworkload: sequential-read\n"
    "schemes: [radix_walk_trylock]\nsimulate: 64KiB\nreplications: 1\n",
}
"""What commands read."""
EXPLORED = (
    *("check", "killed_waiter", "--memory", "tso", "-q"),
    *("--set", "version=after", "--set", "threads=2"),
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
        Whether they hold something else before; a store is what it was.
    varies : bool
        Whether it writes something else each time: a profile of a machine, then.
    """

    words: tuple[str, ...]
    files: tuple[str, ...]
    old: bool = True
    varies: bool = False


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
    "import": Command(
        ("import", str(SAMPLE), "--out", "own.yaml", "--force"), ("own.yaml", "own.parquet")
    ),
    "machine new": Command(
        ("machine", "new", "mine", "--lscpu", "lscpu.txt", "--out", "mine.yaml", "--force"),
        ("mine.yaml",),
    ),
    "run": Command(("run", *SMALL, "-q", "--force"), ("results/eight-processes",), old=False),
    "explain": Command(
        ("explain", *SMALL[:-2], "-q", "--out", "other"), ("other/runs",), old=False
    ),
    "clean": Command(("clean", "--unused"), ("results",), old=False),
    "validate": Command(
        ("validate", *CELLS, "--no-figure", "--out", "checked"), ("checked",), old=False
    ),
    "predict": Command(
        ("predict", *CELLS, "--cells", "sequential-read:2:4", "--simulate", "64KiB"),
        ("predictions.csv", "predictions.json"),
    ),
    "calibrate": Command(
        (
            "calibrate",
            *CELLS,
            "--fit",
            "all",
            "--params",
            "user.read_page_dram",
            "--to",
            "fitted.yaml",
            "--force",
        ),
        ("fitted.yaml", "results/calibrate-small/calibration.json"),
    ),
    "measure": Command(
        ("measure", "--budget", "5s", "-q", "--force"), ("my-machine.yaml",), varies=True
    ),
}
QUICK = ("report", "import")
KILLS = int(os.environ.get("DESSIM_KILLS", "20"))
"""Of each command, as tests/attack.py wants them."""


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with results of a small experiment, twice, and with runs that nobody needs."""
    folder = tmp_path_factory.mktemp("stored")
    dessim(folder, "run", *SMALL, "-q", "--seed", "2")
    dessim(folder, "run", *SMALL, "-q")
    shutil.copytree(folder / "results" / "eight-processes", folder / "copy")
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
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


def contents(folder: Path, places: tuple[str, ...], timed: str = "") -> dict[str, bytes]:
    """All files at some places, by their names; none of a writer that is at work, or ``timed``."""
    found = {}
    for place in (folder / one for one in places):
        files = [place] if place.is_file() else sorted(place.rglob("*")) if place.is_dir() else []
        for path in files:
            parts = path.relative_to(folder).parts
            hidden = any(part.startswith(".") for part in parts)
            if path.is_file() and not hidden and path.name != timed:
                found["/".join(parts)] = path.read_bytes()
    return found


def killed(folder: Path, words: tuple[str, ...], usual_s: float, rng: random.Random) -> bool:
    """Kill a command at a random moment; return whether it was still alive."""
    process = started(folder, *words)
    end = time.monotonic() + rng.uniform(0.0, 1.1 * usual_s)
    if rng.random() < 0.5:  # when it writes
        end = time.monotonic() + 20 * usual_s
        while process.poll() is None and time.monotonic() < end:
            with suppress(FileNotFoundError):  # a folder that goes while it is looked at
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


def torn_runs(files: dict[str, bytes]) -> list[str]:
    """Stored runs that lack some of their files."""
    found: dict[str, set[str]] = {}
    for place in files:
        folder, _, name = place.rpartition("/")
        if folder.rpartition("/")[0].endswith("runs"):
            found.setdefault(folder, set()).add(name)
    return [folder for folder, names in found.items() if names != {*FILES, TIMED}]


def is_profile(folder: Path, data: bytes) -> bool:
    """Whether a profile is whole."""
    (folder / "found.yaml").write_bytes(data)
    return "measured" in {
        one.tag for one in load_machine(folder / "found.yaml").provenance.values()
    }


def put_back(folder: Path, command: Command, before: dict[str, bytes]) -> None:
    """Make all as it was before the command: what it replaces, or the store as it was."""
    if not command.old:
        shutil.rmtree(folder / command.files[0], ignore_errors=True)
    files = dict.fromkeys(command.files, OLD) if command.old else before
    for place, data in files.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(data)


def attacked(name: str, stored: Path, folder: Path, times: int) -> int:
    """Kill a command so many times; return how often it was still alive."""
    command, rng = COMMANDS[name], random.Random(name)
    shutil.copytree(stored, folder)
    before = contents(folder, command.files)
    usual_s = dessim(folder, *command.words)
    after, hits = contents(folder, command.files, TIMED), 0
    assert after, "it writes nothing where it should"
    for _ in range(times):
        put_back(folder, command, before)
        hits += killed(folder, command.words, usual_s, rng)
        assert torn_runs(contents(folder, command.files)) == []
        for place, data in contents(folder, command.files, TIMED).items():
            good = (OLD if command.old else before.get(place), after.get(place))
            whole = data in good or (command.varies and is_profile(folder, data))
            assert whole, f"{place} is half-written ({len(data)} bytes)"
    dessim(folder, *command.words)
    assert command.varies or contents(folder, command.files, TIMED) == after
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


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_killed_check_says_what_it_always_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps what it has found at its bound, or does not; the next search finds the same."""
    monkeypatch.setenv("DESSIM_CACHE_DIR", str(tmp_path / "cache"))

    def said(*words: str) -> tuple[str, int]:
        process = started(tmp_path, *EXPLORED, *words)
        return process.communicate(timeout=600)[0], process.returncode

    whole, rng, hits = said("--no-keep"), random.Random(5), 0
    bounds = ("20000", "40000", "60000")
    for turn in range(KILLS):
        kept = tmp_path / "cache" / "dessim" / "searches"
        if turn % 2:  # every second one goes on from what the one before has left
            shutil.rmtree(kept, ignore_errors=True)
        words = (*EXPLORED, "--max-states", bounds[turn % len(bounds)])
        process, alive = started(tmp_path, *words), True
        before = {path: path.stat().st_size for path in kept.rglob("*") if path.is_file()}
        while alive:  # until something is being kept
            alive = process.poll() is None
            now = {path: path.stat().st_size for path in kept.rglob("*") if path.is_file()}
            if now != before:
                break
            time.sleep(0.0005)
        time.sleep(rng.uniform(0.0, 0.01))
        if alive := process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        hits += alive
        assert said("--max-states", bounds[(turn + 1) % len(bounds)])[1] in (0, 1)
    assert said() == whole
    assert hits > KILLS // 4
