"""Whatever lies where a command is told to read or write: it is used, or refused in one message."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import strategies as st
from mutants import quick_and_thorough

from dessim.cli import main
from dessim.cli.options import Folder, NewFile
from dessim.model import find

SMALL = (
    "machine: ivybridge-ex-4s\nworkload: sequential-read\nschemes: [radix_walk_trylock]\n"
    "threads: 1\nsimulate: 16KiB\nreplications: 1\n"
)
TABLE = (
    "workload,threads,order,minor_faults,seconds,note\n"
    "sequential-read,1,1,2098275,6.5,\nsequential-read,1,4,262251,5.7,\n"
)
LSCPU = (
    "Architecture: x86_64\nCPU(s): 2\nThread(s) per core: 1\nCore(s) per socket: 2\nSocket(s): 1\n"
)
REFERENCE = ("--engine", "reference", "-q")
CELLS = ("small.yaml", "--data", "table.csv", *REFERENCE)
ONE_NUMBER = ("--params", "kernel.rmap", "--underdetermined")
HERE = "PLACE"
"""Stands for the place that is attacked."""
LINES = {
    "run config": ("run", HERE, *REFERENCE),
    "run --set": ("run", "small.yaml", *REFERENCE, "--set", f"machine={HERE}"),
    "run --out": ("run", "small.yaml", *REFERENCE, "--out", HERE),
    "run --cluster": ("run", "small.yaml", "-q", "--cluster", HERE),
    "run --cluster-tls": ("run", "small.yaml", "-q", "--cluster", "s.json", "--cluster-tls", HERE),
    "explain config": ("explain", HERE, "--dry-run"),
    "explain --out": ("explain", "small.yaml", *REFERENCE, "--out", HERE),
    "trace config": ("trace", HERE, "-q", "--out", "t.json"),
    "trace --out": ("trace", "small.yaml", "-q", "--format", "folded", "--out", HERE),
    "validate experiment": ("validate", HERE, *CELLS[1:], "--no-figure"),
    "validate --data": ("validate", "small.yaml", *REFERENCE, "--no-figure", "--data", HERE),
    "validate --machine": ("validate", *CELLS, "--no-figure", "--machine", HERE),
    "validate --out": ("validate", *CELLS, "--no-figure", "--out", HERE),
    "validate --profile": ("validate", "--host", "--only", "x", "--profile", HERE),
    "predict experiment": ("predict", HERE, *CELLS[1:], "--cells", "sequential-read:1:4"),
    "predict --data": ("predict", "small.yaml", *REFERENCE, "--data", HERE),
    "predict --to": ("predict", *CELLS, "--cells", "sequential-read:1:4", "--to", HERE),
    "calibrate config": ("calibrate", HERE, *CELLS[1:], *ONE_NUMBER),
    "calibrate --data": ("calibrate", "small.yaml", *REFERENCE, "--data", HERE),
    "calibrate --to": ("calibrate", *CELLS, *ONE_NUMBER, "--force", "--to", HERE),
    "check scheme": ("check", HERE, "-q", "--max-states", "50"),
    "check litmus": ("check", f"{HERE}.litmus", "-q", "--max-states", "50"),
    "clean": ("clean", HERE, "--dry-run"),
    "status": ("status", HERE),
    "export": ("export", HERE, "--format", "csv"),
    "export --out": ("export", "results", "--format", "csv", "--out", HERE),
    "report": ("report", HERE),
    "report --out": ("report", "small", "--out", HERE),
    "report --results-dir": ("report", "small", "--results-dir", HERE),
    "compare": ("compare", "small", HERE),
    "compare --in": ("compare", "a", "b", "--in", HERE),
    "compare --results-dir": ("compare", "small", "small", "--results-dir", HERE),
    "figure": ("figure", HERE, "throughput"),
    "figure --out": ("figure", "small", "throughput", "--out", HERE),
    "figure --results-dir": ("figure", "small", "throughput", "--results-dir", HERE),
    "import": ("import", HERE, "--out", "own.yaml"),
    "import --out": ("import", "table.csv", "--out", HERE),
    "machine --lscpu": ("machine", "new", "m", "--lscpu", HERE),
    "machine --hwloc": ("machine", "new", "m", "--hwloc", HERE),
    "machine --numactl": ("machine", "new", "m", "--lscpu", "lscpu.txt", "--numactl", HERE),
    "machine --latency": ("machine", "new", "m", "--lscpu", "lscpu.txt", "--latency", HERE),
    "machine --base": ("machine", "new", "m", "--lscpu", "lscpu.txt", "--base", HERE),
    "machine --out": ("machine", "new", "m", "--lscpu", "lscpu.txt", "--force", "--out", HERE),
    "measure --out": ("measure", "-q", "--out", HERE),
    "show": ("show", "machine", HERE),
}
"""Commands, with one word for the place that is attacked."""
PLACES = (
    *("fifo", "link-to-fifo", "socket", "/dev/zero", "link-to-zero", "/dev/full", "folder"),
    *("loop", "missing/deep/x", "table.csv/x", "empty", "binary", "huge", "deep.json", "dangling"),
    *("", "-", "a\nb", "\x1b[31m", "\udcff", "=x", "x" * 300, "y" * 5000, "results"),
)
MEASURES = ("missing/deep/x", "dangling", "-", "a\nb", "\x1b[31m", "=x")
"""Places at which `measure` would begin to measure."""


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with what is needed, and with what is no file, or no folder."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)
    Path("table.csv").write_text(TABLE)
    Path("folder").mkdir()
    Path("loop").symlink_to("loop")
    Path("lost").symlink_to("table.csv/x")
    Path("link.yaml").symlink_to("small.yaml")
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    return tmp_path


@pytest.fixture
def whole(places: Path) -> Path:
    """The same, with results, and with files that are none of what a command reads."""
    (places / "lscpu.txt").write_text(LSCPU)
    (places / "s.json").write_text('{"address": "tls://127.0.0.1:9"}')
    (places / "link-to-fifo").symlink_to("fifo")
    (places / "link-to-zero").symlink_to("/dev/zero")
    (places / "dangling").symlink_to("nowhere")
    (places / "empty").touch()
    (places / "binary").write_bytes(bytes(range(256)) * 20)
    (places / "deep.json").write_text("[" * 100_000)
    with (places / "huge").open("wb") as file:
        file.truncate(1 << 40)
    done = CliRunner().invoke(main, ["run", "small.yaml", *REFERENCE])
    assert done.exit_code == 0, done.output
    return places


@quick_and_thorough(st.tuples(st.sampled_from(sorted(LINES)), st.sampled_from(PLACES)), 30, 1_500)
def _places(whole: Path, drawn: Any) -> None:
    """One place of one command: its exit code is one of those that are documented."""
    name, place = drawn
    if name == "measure --out" and place in MEASURES:
        return
    done = CliRunner().invoke(main, [word.replace(HERE, place) for word in LINES[name]])
    assert done.exit_code in (0, 1, 2), (drawn, done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), (drawn, done.exception)
    assert all(c.isprintable() or c == "\n" for c in done.stderr), (drawn, done.stderr)
    for special in ("fifo", "link-to-zero", "loop"):
        assert not (whole / special).is_file(), (drawn, "it was replaced")


_, test_thorough_places = _places  # each is a command: too long for every day


def commands(
    command: click.Command = main, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All commands, with their names."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, (*path, name))


def options_of(kind: type[click.Path]) -> set[str]:
    """Options of a type, behind their command: `run --out`; a command alone for an argument."""
    return {
        f"{path[0]} {option.opts[0] if option.opts[0].startswith('-') else ''}".strip()
        for path, command in commands()
        for option in command.params
        if isinstance(option.type, kind)
    }


def test_no_option_that_names_a_place_is_left_out() -> None:
    """Each path that click knows is attacked; others take a name or a file, and are listed."""
    attacked = {words[0] for words in LINES.values()}
    assert options_of(click.Path) - {*LINES, *attacked} == SHARED


SHARED = {"calibrate --out", "predict --out"}
"""As of `validate`: the same option."""
NEW_FILES = {
    "measure --out": "dessim.host.session.measure_host",
    "predict --to": "dessim.cli.predict.load_with",
    "calibrate --to": "dessim.cli.calibrate.load_with",
    "trace --out": "dessim.cli.trace.select",
    "export --out": "dessim.study.store.runs.Store",
    "report --out": "dessim.cli.report.known_results",
    "import --out": "dessim.measure.traces.importing.read_trace",
    "machine --out": "dessim.cli.machine._described",
}
"""Options that name a file to write, and what the command begins its work with."""
BAD_FILES = {
    "loop": "loop: this link leads to itself",
    "folder": "folder: this is a folder, not a file",
    "socket": "socket: this is a socket, not a file",
    "table.csv/x": "/table.csv: this is not a folder",
    "lost": "/table.csv: this is not a folder",
    "": "give the name of a file",
    "x" * 300: "this name is too long",
}


@pytest.mark.parametrize("place", BAD_FILES)
@pytest.mark.parametrize("name", NEW_FILES)
@pytest.mark.usefixtures("places")
def test_a_place_is_refused_before_the_work(
    monkeypatch: pytest.MonkeyPatch, name: str, place: str
) -> None:
    """A minute of measuring, or hours of fitting, and then nowhere to write it."""
    monkeypatch.setattr(NEW_FILES[name], None)
    done = CliRunner().invoke(main, [word.replace(HERE, place) for word in LINES[name]])
    assert done.exit_code == 2, done.output
    assert BAD_FILES[place] in done.stderr


def test_options_of_new_files_are_all_tried() -> None:
    """Each option of the type that checks a place is in the table above."""
    assert options_of(NewFile) == set(NEW_FILES)


@pytest.mark.parametrize(
    "words",
    [
        ("trace", "small.yaml", "-q", "--out", "small.yaml"),
        ("trace", "link.yaml", "-q", "--out", "small.yaml"),
        ("trace", "mine", "-q", "--out", "configs/experiments/mine.yaml"),
        ("predict", *CELLS, "--cells", "sequential-read:1:4", "--to", "table.csv"),
        ("calibrate", *CELLS, "--params", "kernel.rmap", "--force", "--to", "small.yaml"),
        ("calibrate", *CELLS, "--machine", "m.yaml", "--force", "--to", "m.yaml"),
        ("machine", "new", "m", "--lscpu", "small.yaml", "--force", "--out", "link.yaml"),
    ],
)
@pytest.mark.usefixtures("places")
def test_what_is_read_is_not_written_over(words: tuple[str, ...]) -> None:
    """By whatever name, and before any work."""
    Path("m.yaml").write_bytes(find("machines", "ivybridge-ex-4s").read_bytes())
    own = Path("configs/experiments/mine.yaml")
    own.parent.mkdir(parents=True)
    own.write_text(SMALL)
    files = [Path(name) for name in ("small.yaml", "table.csv", "m.yaml", own)]
    before = [path.read_bytes() for path in files]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2, done.output
    assert "the command reads this file; choose another one to write" in done.stderr
    assert [path.read_bytes() for path in files] == before


FOLDERS = (
    *("run --out", "run --cluster-tls", "explain --out", "validate --out", "figure --out"),
    *("clean", "status", "export"),
    *("report --results-dir", "compare --results-dir", "figure --results-dir"),
)
"""Options and arguments that name a folder; those of `validate` are shared."""
BAD_FOLDERS = {
    "loop": "loop: this link leads to itself",
    "fifo": "fifo: this is not a folder",
    "socket": "socket: this is not a folder",
    "/dev/zero": "/dev/zero: this is not a folder",
    "table.csv": "'table.csv' is a file",
    "table.csv/x": "/table.csv: this is not a folder",
    "lost": "lost: this link leads nowhere",
    "": "give the name of a folder",
    "x" * 300: "this name is too long",
}


@pytest.mark.parametrize("place", BAD_FOLDERS)
@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.usefixtures("places")
def test_a_place_that_is_no_folder_is_refused(name: str, place: str) -> None:
    """As its options are read: an empty name is not the folder in which the command runs."""
    done = CliRunner().invoke(main, [word.replace(HERE, place) for word in LINES[name]])
    assert done.exit_code == 2, done.output
    assert BAD_FOLDERS[place] in done.stderr


def test_options_of_folders_are_all_tried() -> None:
    """Each option of the type that checks a folder is in the table above."""
    assert options_of(Folder) == {*FOLDERS, *SHARED}
