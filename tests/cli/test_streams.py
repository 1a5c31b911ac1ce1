"""Closed and narrow streams, signals, clusters: what once went wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typing_in import FAST, process

from dessim.study.sweep.executors import ClusterMissingError, ClusterWorkers, address_of

pytestmark = pytest.mark.usefixtures("empty_folder")


# --- streams and signals -------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_any_encoding_will_do(encoding: str) -> None:
    """What a stream cannot hold is written in other characters; JSON stays JSON."""
    surroundings = {**os.environ, "PYTHONIOENCODING": encoding}
    done = process("run", "eight-processes", *FAST, env=surroundings, encoding=encoding)
    assert done.returncode == 0, done.stderr
    assert "faults/s" in done.stdout
    done = process(
        "run", "eight-processes", *FAST, "--format", "json", env=surroundings, encoding=encoding
    )
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_closed_streams_stop_nothing(stream: str) -> None:
    """What was asked for is done, and no file gets the number of the stream."""
    number = ["stdin", "stdout", "stderr"].index(stream)
    words = [sys.executable, "-m", "dessim", "run", "eight-processes", *FAST]
    code = f"import os, sys; os.close({number}); os.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert Path("results/eight-processes/results.json").is_file()
    assert "Traceback" not in done.stderr
    if stream == "stdout":
        assert "standard output is closed" in done.stderr


def test_a_reader_that_goes_is_no_failed_run() -> None:
    """Exit code 141, as of other commands, and nothing is said."""
    command = [sys.executable, "-m", "dessim", "list"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == b""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr


SLOW_IMPORT = """\
import sys, time
import dessim.__main__ as command

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "dessim.cli":
            print("now", flush=True)
            time.sleep(60)

sys.meta_path.insert(0, Slow())
command.entry()
"""


def test_ctrl_c_while_modules_are_imported_leaves_no_traceback() -> None:
    """One word and exit code 130."""
    one = subprocess.Popen(
        [sys.executable, "-c", SLOW_IMPORT], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert one.stdout is not None
    assert one.stdout.readline() == b"now\n"
    one.send_signal(signal.SIGINT)
    assert one.communicate(timeout=60)[1] == b"interrupted\n"
    assert one.returncode == 130


def test_ctrl_c_stops_a_scheme_that_spins(run_compiled: object) -> None:
    """However many private steps an event fuses, the next look at Ctrl-C is soon."""
    from dessim.engines import compiled
    from dessim.engines.loop import FUSE_AT_MOST

    assert compiled.CHUNK * FUSE_AT_MOST < 100_000_000, "a second at 10 ns for each step"


# --- clusters ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"address": 5}', '{"address": "x"}'])
def test_a_damaged_scheduler_file_is_one_error(text: str) -> None:
    """It names the file."""
    Path("s.json").write_text(text)
    with pytest.raises(ClusterMissingError, match=r"s\.json: "):
        address_of(Path("s.json"))


def test_a_scheduler_elsewhere_must_be_encrypted_or_trusted() -> None:
    """Dask talks pickle: whoever answers can run code."""
    for address, plain, trusted in (
        ("tcp://127.0.0.1:8786", False, True),
        ("tcp://localhost:8786", False, True),
        ("tcp://[::1]:8786", False, True),
        ("tls://10.0.0.1:8786", False, True),
        ("tcp://10.0.0.1:8786", False, False),
        ("tcp://10.0.0.1:8786", True, True),
        ("tcp://head.example:8786", False, False),
        ("tcp://[fe80::1]:8786", False, False),
    ):
        Path("s.json").write_text(json.dumps({"address": address}))
        if trusted:
            assert address_of(Path("s.json"), plain=plain) == address
        else:
            with pytest.raises(ClusterMissingError, match=r"can run code here.*--cluster-plain"):
                address_of(Path("s.json"), plain=plain)


def test_certificates_must_be_there_and_the_scheduler_use_them(tmp_path: Path) -> None:
    """A folder without one of the files, and a scheduler without TLS, are named."""
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    certificates = tmp_path / "tls"
    certificates.mkdir()
    scheduler = tmp_path / "s.json"
    for address, said in (
        ("tls://127.0.0.1:1", r"ca\.pem: no such file; --cluster-tls wants a folder with"),
        ("tcp://127.0.0.1:1", "tcp://127.0.0.1:1 is not encrypted"),
    ):
        scheduler.write_text(json.dumps({"address": address}))
        with pytest.raises(ClusterMissingError, match=said):
            ClusterWorkers(str(scheduler), 1, tls=certificates)
