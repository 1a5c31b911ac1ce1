"""Closed and narrow streams, signals, clusters: what once went wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from typing_in import FAST, process, typed

from dessim.cli import streams
from dessim.study.sweep import executors
from dessim.study.sweep.dask_scheduler import ClusterMissingError, address_of

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


@pytest.mark.parametrize("words", ["list", "--help"])
def test_a_reader_that_goes_is_no_failed_run(words: str) -> None:
    """Exit code 141, as of other commands, and nothing is said."""
    command = [sys.executable, "-m", "dessim", words]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == b""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr == b"error: standard output: No space left on device\n"


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_while_modules_are_imported_leaves_no_traceback(number: int) -> None:
    """One word and exit code 130."""
    one = subprocess.Popen(
        [sys.executable, "-c", SLOW_IMPORT], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert one.stdout is not None
    assert one.stdout.readline() == b"now\n"
    one.send_signal(number)
    assert one.communicate(timeout=60)[1] == b"interrupted\n"
    assert one.returncode == 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_any_command(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch systems send SIGTERM: it is Ctrl-C. Afterwards it means what it meant."""
    monkeypatch.setattr("dessim.model.locate.names", lambda *_: signal.raise_signal(number))
    before = signal.getsignal(number)
    done = typed("list", "machines")
    assert (done.exit_code, done.stderr) == (130, "interrupted\n")
    assert signal.getsignal(number) == before


def test_a_signal_that_falls_into_a_finalizer_comes_again() -> None:
    """Python drops what a finalizer raises; the command would go on for hours."""

    class Deaf:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    def go_on() -> None:
        with streams.interruptible():
            Deaf()
            time.sleep(20)

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        go_on()
    assert time.monotonic() - began < 10


def test_sigterm_stops_once() -> None:
    """The one that `timeout` sends to the group does not disturb the end of the first."""
    ended = []

    def stop_twice() -> None:
        with streams.interruptible():
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGTERM)
                ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        stop_twice()
    assert ended


@pytest.mark.parametrize(
    "error", [MemoryError(), ImportError("x.so: failed to map segment from shared object")]
)
def test_a_lack_of_memory_is_one_message(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """As under `ulimit -v`: a library that cannot be mapped is an ImportError."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("dessim.model.locate.names", fail)
    done = typed("list", "machines")
    assert done.exit_code == 1
    assert "error: not enough memory" in done.stderr


@pytest.mark.parametrize("words", ["list machines", "show machine x", "run quickstart"])
def test_a_folder_that_is_gone_is_named(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system says `No such file or directory`, and not which."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    done = typed(*words.split())
    assert done.exit_code == 2
    assert "error: the current folder is gone: go to one that exists" in done.stderr


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
            executors.ClusterWorkers(str(scheduler), 1, tls=certificates)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "accepts, and says nothing for 0.4 s"),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "is none that this"),
        (bytes(64), "is none that this"),
    ],
)
def test_who_is_no_scheduler_is_told_from_one(
    answer: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask's client would wait for ever for the first, and end in a traceback at the others."""
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    monkeypatch.setattr(executors, "SILENCE_S", 0.4)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        Path("s.json").write_text(json.dumps({"address": address}))
        kept: list[socket.socket] = []

        def answer_once() -> None:
            kept.append(server.accept()[0])
            kept[0].sendall(answer)

        answers = threading.Thread(target=answer_once)
        answers.start()
        with pytest.raises(ClusterMissingError, match=rf"s\.json: no scheduler answers: .*{said}"):
            executors.ClusterWorkers("s.json", 1)
        answers.join()
        kept[0].close()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tls://127.0.0.1:1", "needs certificates: pass --cluster-tls FOLDER"),
        ("ucx://127.0.0.1:1", "does not speak ucx; it speaks tcp, tls, ws and wss"),
    ],
)
def test_an_address_that_cannot_be_spoken_to_is_named(address: str, said: str) -> None:
    """With what it needs, before anybody is asked."""
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    Path("s.json").write_text(json.dumps({"address": address}))
    with pytest.raises(ClusterMissingError, match=said):
        executors.ClusterWorkers("s.json", 1)


def test_options_of_a_cluster_are_looked_at_though_results_are_stored() -> None:
    """An option that does not fit, or names no file, is none that was silently accepted."""
    assert typed("run", "eight-processes", *FAST).exit_code == 0
    Path("s.json").write_text('{"address": "tls://127.0.0.1:1"}')
    os.mkfifo("fifo")
    for words, said in (
        (("--cluster-plain",), "--cluster-plain is about a scheduler that runs already"),
        (("--cluster-tls", "tls"), "--cluster-tls is about a scheduler that runs already"),
        (("--cluster", "local", "--cluster-plain"), "--cluster-plain is about a scheduler"),
        (("--cluster", "nosuch"), "nosuch: no such file"),
        (("--cluster", ""), "this is a folder, not a file"),
        (("--cluster", "fifo"), "fifo: this is not a file"),
        (("--cluster", "s.json", "--cluster-tls", "no"), "error: no/ca.pem: no such file"),
    ):
        done = typed("run", "eight-processes", *FAST, *words)
        assert done.exit_code == 2, words
        assert said in done.stderr
