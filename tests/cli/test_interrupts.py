"""Ctrl-C at a terminal: every process of the group gets it, at whatever moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from small import EXPERIMENT, experiment_file
from typing_in import typed

from dessim.cli import streams
from dessim.study.sweep.interrupts import DeafContext, deaf, later

pytestmark = pytest.mark.usefixtures("empty_folder")

LONG = EXPERIMENT.replace("64KiB", "4MiB").replace("replications: 2", "replications: 20")


def workers_of(pid: int) -> list[int]:
    """Worker processes of a process, also of those that import their modules still."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [
        int(child)
        for child in children
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("number", "seconds"), [(signal.SIGINT, 0.1), (signal.SIGINT, 0.6), (signal.SIGTERM, 0.3)]
)
def test_a_signal_to_all_processes_gets_one_line(number: int, seconds: float) -> None:
    """Workers that have just begun print no traceback, and none is left."""
    experiment = experiment_file(Path(), LONG)
    words = ["run", str(experiment), "--engine", "reference", "-q", "-j", "2"]
    one = subprocess.Popen(
        [sys.executable, "-m", "dessim", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: workers_of(one.pid))
    time.sleep(seconds)
    workers = workers_of(one.pid)
    os.killpg(one.pid, number)
    said = one.communicate(timeout=60)[1]
    assert one.returncode == 130
    assert said.startswith("interrupted: ")
    assert said.count("\n") == 1, said
    wait_for(lambda: not any(Path(f"/proc/{worker}/exe").exists() for worker in workers))


def test_a_worker_has_sigint_blocked_from_its_beginning() -> None:
    """And SIGTERM not: the parent ends it so. The parent hears both, before and after."""
    worker = DeafContext().Process(target=time.sleep, args=(60,))
    worker.start()
    status = Path(f"/proc/{worker.pid}/status").read_text()
    worker.terminate()
    worker.join()
    blocked = int(status.partition("SigBlk:")[2].split()[0], 16)
    assert blocked >> (signal.SIGINT - 1) & 1
    assert not blocked >> (signal.SIGTERM - 1) & 1
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize("wrapped", [later, deaf])
def test_ctrl_c_while_workers_start_comes_afterwards(
    wrapped: Callable[[], AbstractContextManager[None]],
) -> None:
    """It is neither lost nor heard in the midst of it."""
    done = []

    def begin() -> None:
        with wrapped():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
            done.append("all")

    with pytest.raises(KeyboardInterrupt):
        begin()
    assert done == ["all"]


def test_ctrl_c_that_python_wraps_is_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """An import that is interrupted may end as a RuntimeError."""

    def interrupted(*_: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise RuntimeError("Error calling __set_name__") from error

    monkeypatch.setattr("dessim.model.locate.names", interrupted)
    done = typed("list", "machines")
    assert (done.exit_code, done.stderr) == (130, "interrupted\n")
    assert not streams.is_of_interrupt(ValueError("another"))
