"""The one reader waits for nothing and reads no more than its limit."""

import os
import socket
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dessim.files.lines import TextLines, shown
from dessim.files.reading import (
    UnreadableError,
    parse_json,
    piped,
    read_file,
    read_json,
    read_text,
)


def test_a_regular_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    """A file of exactly the limit passes, one byte more does not."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1024)
    assert read_file(path, 1024) == b"x" * 1024
    with pytest.raises(UnreadableError, match="larger than 0 KiB"):
        read_file(path, 1023)


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("what", ["fifo", "socket", "folder", "zero"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, what: str, link: bool) -> None:
    """A FIFO, a socket, a folder and an endless device, by name or behind a link."""
    path = tmp_path / what
    if what == "fifo":
        os.mkfifo(path)
    elif what == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))
    elif what == "folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")
    if link:
        (tmp_path / "link").symlink_to(path)
        path = tmp_path / "link"
    with pytest.raises(UnreadableError, match=r"this is (not a file|a folder, not a file)"):
        read_file(path)


def test_what_is_not_there_says_so(tmp_path: Path) -> None:
    """A missing file, a part of the way that is none, a link to nothing, a NUL byte."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    for path in (tmp_path / "no", tmp_path / "file" / "below", tmp_path / "link"):
        with pytest.raises(UnreadableError, match="no such file") as caught:
            read_file(path)
        assert caught.value.missing
    with pytest.raises(UnreadableError, match="cannot be read"):
        read_file("a\0b")


def test_a_file_without_a_size_is_bounded_too() -> None:
    """Files of /proc have size 0 and yet content."""
    assert read_file("/proc/self/status").startswith(b"Name:")
    with pytest.raises(UnreadableError, match="larger"):
        read_file("/proc/self/status", 10)


def test_text_and_json_name_what_is_wrong(tmp_path: Path) -> None:
    """No UTF-8: the line; not JSON: the place; too deep, not finite: so."""
    path = tmp_path / "file"
    path.write_bytes(b"one\ntwo \xff")
    with pytest.raises(UnreadableError, match="byte 0xff in line 2 is not UTF-8"):
        read_text(path)
    with pytest.raises(UnreadableError, match="not JSON"):
        read_json(path)
    for text, reason in (("[" * 200_000, "nested too deep"), ("[NaN]", "NaN is not a number")):
        with pytest.raises(ValueError, match=reason):
            parse_json(text)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    """At the beginning it is dropped; elsewhere a message shows a question mark for it."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n")
    with closing(TextLines(path)) as lines:
        [[first, second]] = list(lines)
    assert first == "one"
    assert shown(second) == "'?two'"


def test_a_closed_standard_input_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has no stream for it then; and one that is open for writing cannot be read."""
    monkeypatch.setattr(sys, "stdin", None)
    for read in (piped, lambda: read_file("-"), lambda: TextLines("-")):
        with pytest.raises(UnreadableError, match="standard input is closed"):
            read()
    with (tmp_path / "file").open("wb", buffering=0) as file:
        stream = os.fdopen(file.fileno(), closefd=False)
        monkeypatch.setattr(sys, "stdin", stream)
        with pytest.raises(UnreadableError, match=r"standard input cannot be read: .*descriptor"):
            piped()
        stream.close()
