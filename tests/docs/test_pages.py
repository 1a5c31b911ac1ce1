"""Every command and file that a page of the documentation shows works."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from doc_blocks import blocks_of, run_page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(
    not (DOCS / "index.md").exists(), reason="only a checkout has the documentation"
)

SMALL = "--set simulate=64KiB --engine reference"
FEW = f"{SMALL} -q --replications 1 --set threads=2 --set workload=separate-processes"
EIGHT = f"dessim run eight-processes -q {SMALL} --replications 2"
WHOLE = (
    "tutorial.md",
    "howto.md",
    "statistics.md",
    "scale.md",
    "check.md",
    "modern-faults.md",
    "calls.md",
    "larger-than-memory.md",
    "machine.md",
    "protocols.md",
    "your-machine.md",
)
"""Pages that are run here as they are, but for ..."""
BEFORE = {"statistics.md": EIGHT, "scale.md": EIGHT}
"""... what must have been run before,"""
INSTEAD = {
    "tutorial.md": [
        (r"^python3 -m venv.*\n\. .*\n", ""),  # the slow test below does that
        (r"^mkdir -p ~/fault-study.*\n", ""),
    ],
    "scale.md": [
        (r"(?s)^pip install.*", "true"),  # a cluster: tests/scale
        (r"scheme-comparison -j 2.*", f"scheme-comparison {FEW} -j 2"),
    ],
    "larger-than-memory.md": [
        (r"^dessim run (\S+).*", r"dessim run \1 --dry-run"),  # a minute each
        (r"^dessim figure .*", "dessim figure --help"),
    ],
    "protocols.md": [(r"^(dessim check .*)$", r"\1 || test $? -eq 1")],  # a violated property
    "your-machine.md": [
        (r"^python3 -m venv.*\n\. .*\n", ""),
        (r"^dessim measure.*", "dessim measure --help"),  # tests/host; minutes of all CPUs
        (r"^dessim validate.*", "dessim validate --help"),
    ],
    "check.md": [(r"^dessim check( +#.*)?$", "dessim check --help")],  # tests/explorer
}
"""... lines that take long, or change the computer."""
ELSEWHERE = {
    "experiments.md": "test_guides.py",
    "schemes.md": "test_guides.py",
    "actors.md": "test_guides.py",
    "figures.md": "test_guides.py",
    "explain.md": "test_explanations.py",
    "translator.md": "test_explanations.py",
    "trace.md": "test_explanations.py",
    "fidelity.md": "test_fidelity.py",
    "report.md": "test_guides.py",
    "api.md": "test_guides.py",
}
"""Pages whose blocks another file of this folder runs."""


@pytest.mark.parametrize("name", WHOLE)
def test_what_a_page_shows_works(name, shell, tmp_path, request) -> None:
    """Its scripts end well in their order, on its files, and print what it says they print."""

    def edit(script: str) -> str:
        for pattern, new in INSTEAD.get(name, ()):
            script = re.sub(pattern, new, script, flags=re.MULTILINE)
        return script

    if name in BEFORE:
        assert shell(BEFORE[name], tmp_path).returncode == 0
    update = request.config.getoption("--update-golden")
    assert run_page(DOCS / name, shell, tmp_path, edit, update)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_tutorial_works_in_a_fresh_clone(tmp_path) -> None:
    """Typed as it stands into one shell, with nothing installed before, it ends with the figure."""
    clone = tmp_path / "clone"
    done = subprocess.run(["git", "clone", "-q", ROOT, clone], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("not a checkout of the repository")
    lines = ["set -euo pipefail"]
    for number, block in enumerate(blocks_of((DOCS / "tutorial.md").read_text())):
        if block.file:
            end = f"END_OF_FILE_{number}"
            lines += [f"mkdir -p $(dirname {block.file})", f"cat > {block.file} <<'{end}'"]
            lines += [block.text + end]
        elif block.language == "sh":
            lines.append(block.text)
    foreign = ("PYTHONPATH", "VIRTUAL_ENV", "DESSIM_CACHE_DIR")
    env = {key: value for key, value in os.environ.items() if key not in foreign}
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        cwd=clone,
        env=env | {"HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "fault-study/results/figures/price_of_locks.pdf").stat().st_size > 5000


def test_the_tutorial_ends_with_a_figure(shell, tmp_path) -> None:
    """Each of its files has its name before it, and the last command is about the figure."""
    blocks = blocks_of((DOCS / "tutorial.md").read_text())
    files = [block.file for block in blocks if block.language in ("yaml", "python")]
    assert all(files)
    folders = [name.split("/")[1] for name in files if "/" in name]
    assert folders == ["configs", "configs", "schemes", "experiments"]
    scripts = [block.text for block in blocks if block.language == "sh"]
    assert "dessim figure price_of_locks" in scripts[-1]


def test_every_page_with_commands_is_run() -> None:
    """A page with a shell or Python block is run here, or another file of tests names it."""
    for page in sorted(DOCS.glob("*.md")):
        languages = {block.language for block in blocks_of(page.read_text())}
        if not languages & {"sh", "python", "yaml"} or page.name in WHOLE:
            continue
        assert page.name in ELSEWHERE, f"add {page.name} to WHOLE (or ELSEWHERE) in {__file__}"
        other = Path(__file__).with_name(ELSEWHERE[page.name]).read_text()
        assert page.name in other
