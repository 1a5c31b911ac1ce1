"""What all tests share: options, the place of compiled code, the compiled engine."""

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

# Test folders are not packages: `helpers` is found because this folder is on the path.
sys.path.insert(0, str(Path(__file__).parent))

# Compiled code is kept between runs of the tests, in one place for all workers.
os.environ.setdefault("DESSIM_CACHE_DIR", str(Path(tempfile.gettempdir()) / "dessim-tests-cache"))


# Started in the background of a script, the tests would hand an ignored Ctrl-C on to the commands
# that they interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--update-golden``."""
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files anew, then read the diff",
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a text with a file kept beside the tests, or write the file with --update-golden."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"{path} is missing: run pytest --update-golden and read the file"
        assert text == path.read_text(), f"{path.name} changed: a change of results needs a reason"

    return compare


@pytest.fixture(scope="session")
def run_compiled() -> Callable[[object], object]:
    """``run_setup`` on the compiled engine, which is compiled here once."""
    from helpers import a_lock_loop, lock_loop_setup

    from dessim.engines import run_setup

    run_setup(lock_loop_setup(a_lock_loop(iterations=1), threads=1), "compiled")
    return lambda setup: run_setup(setup, "compiled")
