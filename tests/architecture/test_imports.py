"""Imports go one way, and looking things up is quick because heavy libraries stay out."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("llvmlite", "simpy", "scipy", "matplotlib", "pyarrow")


def test_the_import_contract_is_kept():
    """Rooms import downwards only; simpy, llvmlite and matplotlib are known where they belong."""
    command = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    run = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    "command", [["--help"], ["list"], ["show", "experiment", "eight-processes"]]
)
def test_looking_things_up_imports_no_heavy_library(command):
    """`--help`, `list` and `show` start without the libraries that only a run needs."""
    code = (
        "import sys\n"
        "from dessim.cli import main\n"
        "try:\n"
        f"    main({command!r})\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        f"print('HEAVY', *[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "HEAVY"
