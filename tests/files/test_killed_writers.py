"""SIGKILL at random moments of writing: each file is the old one or the new one, whole."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dessim.files.atomic import UNFINISHED
from dessim.files.seals import BrokenSealError, read_sealed, write_sealed

NAMES = ("results.json", "results.csv", "latency.csv")
SIZE = 200_000
WRITER = """\
import itertools, sys
from pathlib import Path
from dessim.files.seals import write_sealed
print("ready", flush=True)
for i in itertools.count():
    data = bytes([65 + i % 26]) * int(sys.argv[2])
    write_sealed(dict.fromkeys(sys.argv[3:], data), Path(sys.argv[1]))
"""


def killed(folder: Path, rng: random.Random) -> None:
    """Kill a writer that writes again and again."""
    words = [sys.executable, "-c", WRITER, str(folder), str(SIZE), *NAMES]
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(rng.uniform(0.0, 0.1))
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


@pytest.mark.parametrize("times", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_a_killed_writer_leaves_no_half_file(tmp_path: Path, times: int) -> None:
    """Nor a set of files of two runs that passes for one; the next writer clears up."""
    rng = random.Random(times)
    folder = tmp_path / "results"
    write_sealed(dict.fromkeys(NAMES, b"@" * SIZE), folder)
    for _ in range(times):
        killed(folder, rng)
        found = {name: (folder / name).read_bytes() for name in NAMES}
        assert all(len(data) == SIZE and len(set(data)) == 1 for data in found.values())
        for name, data in found.items():
            try:
                assert read_sealed(folder / name) == data
            except BrokenSealError:
                continue  # killed between two renames: not drawn, and written again by a run
    write_sealed(dict.fromkeys(NAMES, b"@" * SIZE), folder)
    assert not (folder / UNFINISHED).exists()
    assert all(read_sealed(folder / name) == b"@" * SIZE for name in NAMES)
