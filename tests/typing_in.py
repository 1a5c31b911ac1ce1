"""What somebody types, in this process or in one of its own, for tests of what once went wrong."""

from __future__ import annotations

import subprocess
import sys

from click.testing import CliRunner, Result

from dessim.cli import main

SMALL = ("--set", "simulate=64KiB", "--set", "threads=2", "--replications", "1")
FAST = ("--engine", "reference", "-q", "--set", "workload.file_size=16KiB", *SMALL[2:])
HEADER = "workload,scheme,threads,fault_around_order,completion_s"
ROW = "sequential-read,radix_walk_trylock,1,4,15.3"


def typed(*words: object) -> Result:
    """What happens when somebody types `dessim` and these words."""
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert not isinstance(done.exception, Exception) or isinstance(done.exception, SystemExit), (
        done.exception
    )
    return done


def process(*words: object, **how: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "dessim", *map(str, words)]
    how = {"capture_output": True, "text": True, "timeout": 60, **how}
    return subprocess.run(command, check=False, **how)  # type: ignore[call-overload,no-any-return]
