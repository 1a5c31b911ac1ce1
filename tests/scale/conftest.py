"""Sweeps for the tests that disturb them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Test folders are not packages: `scale_processes` is found because this folder is on the path.
sys.path.insert(0, str(Path(__file__).parent))

from scale_processes import SWEEP, command  # only now it can be found


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The experiment's file."""
    path = tmp_path_factory.mktemp("sweep") / "sweep.yaml"
    path.write_text(SWEEP)
    return path


@pytest.fixture(scope="session")
def undisturbed(sweep: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """Results of a sweep that nobody disturbed, with two workers; and the seconds that it took."""
    out = tmp_path_factory.mktemp("undisturbed")
    begin = time.monotonic()
    done = subprocess.run(
        command(sweep, out, "-j", "2"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return out, time.monotonic() - begin


@pytest.fixture
def processes() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start processes, each in a group of its own; what is left of them is killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(words: list[str]) -> "subprocess.Popen[str]":
        pipe = subprocess.PIPE
        started.append(
            subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
