"""The README's commands work as written, and print what it says they print."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
pytestmark = pytest.mark.skipif(not README.exists(), reason="only a checkout has the documentation")

HOWTO = ROOT / "docs" / "howto.md"
MAX_WORDS = 700


def blocks(language: str, page: Path = README) -> list[str]:
    """Return a page's fenced blocks of a language."""
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, page.read_text(), re.DOTALL | re.MULTILINE)


def set_up() -> str:
    """Return the command that installs and runs the main job."""
    return blocks("sh")[0].strip()


def next_commands() -> list[str]:
    """Return the commands to try next."""
    return [line.split("  #")[0].strip() for line in blocks("sh")[2].splitlines()]


@pytest.fixture(scope="module")
def quickstart(shell, tmp_path_factory):
    """Return the folder in which the main job ran, and what it printed."""
    folder = tmp_path_factory.mktemp("quickstart")
    command = set_up().split("&&")[-1].strip().removeprefix(".venv/bin/")
    done = shell(command, folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_two_commands_set_up() -> None:
    """Installing and running is one line, installing and testing another."""
    assert [len(block.splitlines()) for block in blocks("sh")[:2]] == [1, 1]
    assert "dessim run quickstart" in set_up()
    assert "pytest" in blocks("sh")[1]


def test_readme_is_short() -> None:
    """A reader is through it in three minutes: at most 700 words, blocks and tables included."""
    assert len(README.read_text().split()) <= MAX_WORDS


def test_the_main_job_prints_the_answer_shown(quickstart, request: pytest.FixtureRequest) -> None:
    """The README shows the last paragraph that its first command prints, the answer."""
    _, printed = quickstart
    shown = blocks("text")[0]
    if request.config.getoption("--update-golden"):
        answer = printed.rstrip("\n").split("\n\n")[-1] + "\n"
        README.write_text(README.read_text().replace(shown, answer))
        return
    assert printed.endswith(f"\n\n{shown}"), (
        "changed: pytest tests/docs --update-golden, and say why"
    )


def test_the_main_job_writes_the_figure_named(quickstart) -> None:
    """The figure that the README names is written, in each of its forms."""
    folder, _ = quickstart
    [name] = re.findall(r"`(results/\S+\.pdf)`", README.read_text())
    assert (folder / name).read_bytes().startswith(b"%PDF")
    assert (folder / name).with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_the_table_compares_the_schemes(quickstart) -> None:
    """Throughput and three quantiles of all schemes stand in the table, with intervals."""
    _, printed = quickstart
    schemes = ("lock_each_page", "gang_lookup_mapcount", "radix_walk_trylock")
    for word in (*schemes, "faults/s", "p50", "p99", "p99.9", "±"):
        assert word in printed


@pytest.mark.parametrize("command", next_commands() if README.exists() else [])
def test_the_commands_to_try_next_work(command, shell, tmp_path) -> None:
    """Every other command ends well, and prints something."""
    done = shell(command, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_python_lines_work(shell, tmp_path) -> None:
    """The lines for pandas read the results and print a row per point."""
    pytest.importorskip("pandas")
    small = "--engine reference --set simulate=64KiB --replications 2"
    assert shell(f"dessim run eight-processes -q {small}", tmp_path).returncode == 0
    (tmp_path / "try.py").write_text(blocks("python", HOWTO)[0])
    done = shell("python try.py", tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1 + 4


def copy_of_checkout(to: Path) -> Path:
    """Copy what is tracked, as a fresh clone would have it."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode:
        pytest.skip("not a checkout of the repository")
    for name in filter(None, listing.stdout.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)
    return to


def run(command: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command line with no environment of ours around it."""
    foreign = ("PYTHONPATH", "VIRTUAL_ENV")
    env = {key: value for key, value in os.environ.items() if key not in foreign}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_fresh_clone_installs_runs_and_works_as_a_wheel(tmp_path) -> None:
    """The first command works in a fresh copy; so does what it installs without the sources."""
    clone = tmp_path / "clone"
    clone.mkdir()
    copy_of_checkout(clone)
    done = run(set_up(), clone)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"\n\n{blocks('text')[0]}")

    done = run(".venv/bin/pip install -q --no-deps --force-reinstall .", clone)
    assert done.returncode == 0, done.stderr
    shutil.move(clone / ".venv", tmp_path / "installed")
    shutil.rmtree(clone)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    dessim = f"'{tmp_path}/installed/bin/python' -m dessim"
    done = run(f"{dessim} run quickstart --engine reference --set threads=2", elsewhere)
    assert done.returncode == 0, done.stderr
    assert "gang_lookup_mapcount" in done.stdout
    assert "ivybridge-ex-4s" in run(f"{dessim} list machines", elsewhere).stdout
