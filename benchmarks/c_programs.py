"""Building and running the programs in C. Where there is no compiler they are left out."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from benchmarks.c_table import header
from benchmarks.world_file import Rows, numbers_of, read_output, write_numbers
from dessim.kernel.world import Setup

SOURCES = Path(__file__).parent / "c"
FLAGS = ("-O3", "-march=native", "-std=gnu11", "-Wall", "-Wextra", "-Werror")

C = "C"
C_PROFILE = "C, with its profile"
"""Names of contenders: as it is, and compiled again with what its branches did."""


def compiler() -> str | None:
    """Return the machine's C compiler (``$CC``, or ``cc``), or None."""
    return shutil.which(os.environ.get("CC", "cc"))


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="dessim-benchmarks-")


@cache
def build(program: str, *defines: str) -> Path:
    """Compile a program and return the executable.

    Raises
    ------
    FileNotFoundError
        If there is no compiler.
    RuntimeError
        If it does not compile.
    """
    name = hashlib.sha256(" ".join((program, *defines)).encode()).hexdigest()[:12]
    target = Path(_scratch().name) / f"{program}-{name}"
    _compile(program, defines, target)
    return target


@cache
def build_with_profile(program: str, *defines: str, trained_on: Setup) -> Path:
    """Compile a program that knows what its branches did in a run; return the executable.

    The options are those of gcc, and of clang in gcc's form (GCC manual, *Program Instrumentation
    Options* and ``-fprofile-use``): gcc finds a profile by the name of the executable, so that both
    builds have one name.
    """
    folder = Path(tempfile.mkdtemp(prefix="profile-", dir=_scratch().name))
    target = folder / program
    _compile(program, defines, target, f"-fprofile-generate={folder}")
    run(target, trained_on)
    _compile(program, defines, target, f"-fprofile-use={folder}", "-Wmissing-profile")
    return target


def _compile(program: str, defines: tuple[str, ...], target: Path, *more: str) -> None:
    cc = compiler()
    if cc is None:
        raise FileNotFoundError("no C compiler")
    scratch = Path(_scratch().name)
    (scratch / "table.h").write_text(header(), encoding="ascii")
    flags = [*FLAGS, *more, *(f"-D{define}" for define in defines)]
    command = [cc, *flags, f"-I{scratch}", "-o", str(target), str(SOURCES / f"{program}.c"), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")


def run(executable: Path, setup: Setup, repeats: int = 1) -> Rows:
    """Run a program on the numbers of a setup and return what it printed.

    ``cpu_ns`` is its own processor time in the simulation proper, summed over the repeats.
    """
    numbers = Path(_scratch().name) / "numbers.txt"
    write_numbers(numbers_of(setup), numbers)
    command = [str(executable), str(numbers), str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{executable.name} failed: {done.stderr.strip()}")
    return read_output(done.stdout)
