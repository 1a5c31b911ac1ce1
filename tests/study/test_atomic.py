"""Leftovers of killed writers go, and only those."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dessim.files.atomic import UNFINISHED, clear, leftovers, workspace

WRITER = """\
import sys, time
from pathlib import Path
from dessim.files.atomic import workspace
with workspace(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("x")
    print("ready", flush=True)
    time.sleep(600)
"""


def a_writer(root: Path) -> "subprocess.Popen[str]":
    """Start a process that is in the middle of writing."""
    command = [sys.executable, "-c", WRITER, str(root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_leftover_is_what_a_killed_writer_leaves(tmp_path: Path) -> None:
    """While it writes it is spared; once it is killed its workspace goes at the next clearing."""
    process = a_writer(tmp_path)
    try:
        assert clear(tmp_path) == 0
        assert len(list((tmp_path / UNFINISHED).iterdir())) == 1
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert len(leftovers(tmp_path)) == 1
    assert clear(tmp_path) == 1
    assert not (tmp_path / UNFINISHED).exists()


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    """A writer that fails removes its own workspace."""
    try:
        with workspace(tmp_path) as folder:
            (folder / "half").write_text("x")
            raise OSError("no room")
    except OSError:
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_from_before_locks_is_a_leftover(tmp_path: Path) -> None:
    """A folder without a lock file belongs to nobody."""
    (tmp_path / UNFINISHED / "tmp_a1b2c3d" / "new").mkdir(parents=True)
    assert clear(tmp_path) == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["thesis", "tmp_a1b2c3d", "dessim-a1b2c3d4"])
def test_what_dessim_did_not_make_stays(tmp_path: Path, name: str) -> None:
    """Somebody else's folder of the same name, whatever is in it; writers write beside it."""
    kept = tmp_path / UNFINISHED / name / "text"
    kept.parent.mkdir(parents=True)
    kept.write_text("x")
    assert clear(tmp_path) == 0
    with workspace(tmp_path) as folder:
        assert folder.is_dir()
    assert kept.read_text() == "x"
    assert os.listdir(tmp_path) == [UNFINISHED]


def test_a_workspace_is_known_by_its_name_and_is_no_link(tmp_path: Path) -> None:
    """A folder of notes may hold one that is called new; a link may lead to a workspace."""
    place = tmp_path / UNFINISHED
    (place / "notes" / "new").mkdir(parents=True)
    (tmp_path / "other" / "new").mkdir(parents=True)
    (place / "dessim-a1b2c3d4").symlink_to(tmp_path / "other")
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("there", ["link", "link to itself", "file"])
def test_nothing_is_written_or_removed_through_a_link(tmp_path: Path, there: str) -> None:
    """It may lead anywhere, to folders that look like workspaces, too."""
    root, other = tmp_path / "root", tmp_path / "other"
    (other / "dessim-a1b2c3d4" / "new").mkdir(parents=True)
    root.mkdir()
    place = root / UNFINISHED
    if there == "file":
        place.touch()
    else:
        place.symlink_to(other if there == "link" else place)
    assert clear(root) == 0
    with workspace(root) as folder:
        assert folder.parents[1] != place
    assert os.listdir(other) == ["dessim-a1b2c3d4"]
    assert os.listdir(root) == [UNFINISHED]


def test_many_writers_make_and_remove_the_place_at_the_same_time(tmp_path: Path) -> None:
    """Eight writers, each a hundred workspaces: nobody trips over another's removal."""

    def write(number: int) -> int:
        for _ in range(100):
            with workspace(tmp_path) as folder:
                (folder / str(number)).write_text("x")
        return number

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(write, range(8))) == list(range(8))
    assert list(tmp_path.iterdir()) == []
