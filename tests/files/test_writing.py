"""The one writer replaces only regular files, and only when all is written."""

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dessim.files import writing
from dessim.files.atomic import UNFINISHED
from dessim.files.seals import BrokenSealError, changed, read_sealed, write_sealed
from dessim.files.writing import ThereError, UnwritableError, write_all


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    """Also one that leads to nothing yet; rights of the old file are kept."""
    target = tmp_path / "there" / "target"
    target.parent.mkdir()
    target.write_text("old")
    target.chmod(0o600)
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "dangling").symlink_to(tmp_path / "there" / "new")
    write_all({tmp_path / "link": b"1", tmp_path / "dangling": b"2"})
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "dangling").is_symlink()
    assert target.read_text() == "1"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert (tmp_path / "there" / "new").read_text() == "2"
    assert not list(tmp_path.rglob(f"{UNFINISHED}*"))


def test_a_link_that_leads_to_itself_is_refused_and_stays(tmp_path: Path) -> None:
    """It has no target; to put a file there would replace the link."""
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(UnwritableError, match="loop: this link leads to itself"):
        write_all({loop: b"new"})
    with pytest.raises(UnwritableError, match="leads to itself"), writing.writing(loop):
        pass
    assert loop.is_symlink()


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    """With a reader; without one the writer does not wait."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UnwritableError, match="nobody reads this pipe"):
        write_all({pipe: b"x"})
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    while not got and reader.is_alive():
        try:
            write_all({pipe: b"text"})
        except UnwritableError:  # the reader has not come yet
            continue
        reader.join(10)
    assert got == [b"text"]
    assert stat.S_ISFIFO(pipe.lstat().st_mode)


def test_a_device_is_written_to_and_stays() -> None:
    """A full one says so."""
    with pytest.raises(OSError, match="No space left") as caught:
        write_all({Path("/dev/full"): b"x"})
    assert caught.value.errno in writing.NOT_TAKEN
    assert stat.S_ISCHR(Path("/dev/full").lstat().st_mode)


def test_standard_output_is_appended_to(tmp_path: Path) -> None:
    """`>> file` and `/dev/stdout`: what stands in the file stays."""
    code = (
        "from pathlib import Path\nfrom dessim.files.writing import write_all\n"
        "write_all({Path('/dev/stdout'): b'one '})\nwrite_all({Path('/dev/fd/1'): b'two'})\n"
    )
    with (tmp_path / "file").open("ab") as file:
        file.write(b"before ")
        file.flush()
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert (tmp_path / "file").read_text() == "before one two"


def test_all_are_written_before_the_first_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full at the second file leaves the first as it was, and nothing next to it."""
    (tmp_path / "a").write_text("old")
    real = writing.write_through

    def full(folder: Path, files: dict[str, bytes]) -> None:
        real(folder, dict(list(files.items())[:1]))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writing, "write_through", full)
    with pytest.raises(OSError, match="No space"):
        write_all({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_writer_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    """As of one large file that is written bit by bit."""

    def fail() -> None:
        with writing.writing(tmp_path / "a") as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not list(tmp_path.iterdir())


def test_leftovers_go_with_the_next_write(tmp_path: Path) -> None:
    """What a killed writer left in a folder of results."""
    (tmp_path / UNFINISHED / "dessim-a1b2c3d4").mkdir(parents=True)
    write_all({tmp_path / "a": b"x"})
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_place_of_somebody_else_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder of many users each writer has a place."""
    (tmp_path / UNFINISHED).mkdir()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    write_all({tmp_path / "a": b"x"})
    assert sorted(path.name for path in tmp_path.iterdir()) == [UNFINISHED, "a"]


def test_a_broken_seal_is_noticed(tmp_path: Path) -> None:
    """A changed file is refused with the remedy, whole ones pass, and so do those without seals."""
    write_sealed({"one": b"1", "two": b"2"}, tmp_path)
    assert read_sealed(tmp_path / "one") == b"1"
    assert changed(tmp_path) == []
    (tmp_path / "two").write_bytes(b"3")
    with pytest.raises(
        BrokenSealError, match="changed after it was written; the same `dessim run`"
    ):
        read_sealed(tmp_path / "two")
    assert changed(tmp_path) == [tmp_path / "two"]
    (tmp_path / "seals.json").write_bytes(b"[" * 100_000)
    with pytest.raises(BrokenSealError, match="not JSON"):
        read_sealed(tmp_path / "one")
    (tmp_path / "seals.json").unlink()
    assert read_sealed(tmp_path / "two") == b"3"


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_new_file_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """Of several files none is written if one is there; also on a disk without links."""

    def link(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(os, "link", link)
    one, two = tmp_path / "one", tmp_path / "two"
    two.write_bytes(b"precious")
    with pytest.raises(ThereError, match="two exists already"):
        write_all({one: b"1", two: b"2"}, new=True)
    assert not one.exists()
    assert two.read_bytes() == b"precious"
    two.unlink()
    two.symlink_to("three")
    write_all({one: b"1", two: b"2"}, new=True)
    assert (one.read_bytes(), (tmp_path / "three").read_bytes()) == (b"1", b"2")
    assert one.stat().st_nlink == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "three", "two"]
