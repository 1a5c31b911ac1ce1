"""The commands of the guides to explanations and traces work, on a file of a few pages."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / "README.md").exists(), reason="only a checkout has the documentation"
)
SMALL = "--set simulate=16KiB"
FEW = "--replications 2 --engine reference"
SHORT = "--trajectories 2 --samples 8 --top 2 --replications 1"


def commands(page: str) -> list[str]:
    """Return the `dessim` commands of a page's shell blocks."""
    text = (ROOT / "docs" / page).read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).splitlines()
    return [line.split("  #")[0] for line in lines if line.startswith("dessim ")]


@pytest.mark.parametrize(
    "command", commands("explain.md") if ROOT.joinpath("docs").exists() else []
)
def test_the_commands_of_explain_work(shell, tmp_path, command) -> None:
    """Each ends well and prints something about the experiment."""
    more = f"{SMALL} {FEW}" + (f" {SHORT}" if "--sensitivity" in command else "")
    done = shell(f"{command} {more}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "8 threads" in done.stdout


def test_the_commands_of_trace_work(shell, tmp_path) -> None:
    """A trace and folded stacks are written where the page says."""
    pytest.importorskip("perfetto")
    [command] = commands("trace.md")
    done = shell(f"{command} {SMALL}", tmp_path)
    assert done.returncode == 0, done.stderr
    for name in re.findall(r"`(results/\S+\.pftrace)`", (ROOT / "docs/trace.md").read_text()):
        assert (tmp_path / name).stat().st_size > 1000
        assert (tmp_path / name).with_suffix(".folded").exists()


def test_the_worked_example_of_translator_is_what_comes_out(shell, tmp_path) -> None:
    """The lines of the kernel stand in it, and the command prints the code shown.

    Places of words and numbers of values are others after each change of the kernel.
    """
    text = (ROOT / "docs" / "translator.md").read_text()
    (source,) = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    kernel = (ROOT / "dessim" / "kernel" / "steps.py").read_text()
    for part in source.split("    ...\n"):
        assert part in kernel
    (shown,) = re.findall(r"^```text\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (command,) = re.findall(r"`(python -m dessim\.engines\.translate \S+ --step \S+)`", text)
    done = shell(command, tmp_path)
    assert done.returncode == 0, done.stderr

    def bare(lines: list[str]) -> list[str]:
        without = [line.split(" ;")[0].rstrip() for line in lines]
        placed = [re.sub(r"(getelementptr .*i64) \d+$", r"\1 N", line) for line in without]
        numbers: dict[str, int] = {}
        return [
            re.sub(r"%\.\d+", lambda m: f"%v{numbers.setdefault(m[0], len(numbers))}", line)
            for line in placed
        ]

    wanted = bare(shown.splitlines()[1:])
    assert bare(done.stdout.splitlines()[-len(wanted) - 1 : -1]) == wanted
