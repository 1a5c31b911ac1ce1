"""CONTRIBUTING.md says which files a new thing takes: nothing else is needed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / "CONTRIBUTING.md").exists(), reason="only a checkout has CONTRIBUTING.md"
)

SCHEME = '''"""Trial: no fault-around; the ordinary path alone.

Source
------
Nobody's.
"""

from dessim.schemes.no_fault_around import SLOW_PATH as SLOW_PATH

PROMISES = ("bug1", "bug2")
FAULT_AROUND = ()
'''
ACTOR = '''"""Trial: look at each page of a range.

Source
------
Nobody's.
"""

from dessim.kernel.alphabet import each_in_range, when

ACTOR = (each_in_range(when("page.mapped")),)
'''
ROW = """OP_PEEK = operation(
    "peek",
    PAGE,
    "PageDirty()",
    line=PAGE_LINE,
    access=LINE_LOAD,
    cost="page_checks",
    category="page_lines",
    order=about.loading(lay.IN_FLAGS),
)
LAST_PAGE = TABLE.last(PAGE)
"""
EFFECT = """    elif op == OP_PEEK:
        w[t + T_NOTED] = w[page_at(w, w[t + T_CURSOR]) + P_FLAGS] & FLAG_UPTODATE
    elif op == OP_BUG_ON:
"""
WORD = '''def peek() -> Step:
    """Look at the page."""
    return Step("peek")


def forget() -> Step:
'''
PEEKING = '''"""Trial: look at the page before the ordinary path.

Source
------
Nobody's.
"""

from dessim.kernel.alphabet import peek
from dessim.schemes.no_fault_around import SLOW_PATH as ORDINARY

PROMISES = ("bug1", "bug2")
FAULT_AROUND = ()
SLOW_PATH = (peek(), *ORDINARY)
'''
EXPERIMENT = """
machine: trial
workload: {name: tiny, access: sequential, mapping: per_process, file_size: 64KiB,
  start_stagger: 0ns, actors: [{name: trial_actor, every: 1us, range_pages: 4}]}
schemes: [trial_scheme, trial_operation]
threads: 2
replications: 1
"""
SCRIPT = """
from dataclasses import asdict
from click.testing import CliRunner
from dessim.cli import main
from dessim.engines import run_setup
from dessim.model import load_experiment, resolve
from dessim.study.sweep.plan import setup_of

points = resolve(load_experiment("trial.yaml", []))
assert [point.machine.name for point in points] == ["trial"] * 2
for point in points:
    runs = [asdict(run_setup(setup_of(point, 0), engine)) for engine in ("reference", "compiled")]
    assert runs[0] == runs[1], point.scheme.name
    assert runs[0]["counters"]["minor_faults"] > 0
assert runs[0]["time_ps"]["page_lines"] > 0

def said(*words):
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0, (words, done.output)
    return done.stdout

assert "trial_scheme" in said("list", "schemes")
assert "trial_actor" in said("list", "actors")
assert "trial" in said("list", "machines")
assert "  peek\\n" in said("show", "scheme", "trial_operation")
assert "name: trial" in said("show", "machine", "trial")
assert "trial_operation" in said("check", "trial_operation", "--actor", "trial_actor")
"""


def files_of(title: str) -> list[str]:
    """Return the files that a section of CONTRIBUTING.md names."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    [section] = re.findall(rf"^### {title}\n(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)
    found = [re.findall(r"`([^`]+\.(?:py|yaml|csv|md))`", line) for line in bullets(section)]
    return [name for names in found for name in names]


def bullets(section: str) -> list[str]:
    """Return the part of each bullet before its colon."""
    items = re.findall(r"^\* (.*?)(?=^\S|\Z)", section, re.MULTILINE | re.DOTALL)
    return [item.partition(":")[0] for item in items]


def named(name: str) -> str:
    """Return a file of an operation as a path: two are named without their folder."""
    return name.replace("FAMILY", "pages") if "/" in name else f"dessim/kernel/{name}"


def put(folder: Path, name: str, old: str, new: str) -> str:
    """Replace a text that stands once in a file; return the file's name."""
    file = folder / name
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, (name, old)
    file.write_text(text.replace(old, new), encoding="utf-8")
    return name


def test_a_scheme_an_actor_an_operation_and_a_machine_take_their_lists(tmp_path: Path) -> None:
    """With these files alone both engines agree, the explorer checks, and the commands show them.

    One copy for all four, because a copy compiles its kernel anew.
    """
    for room in ("dessim", "configs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, tmp_path / room, ignore=ignored)
    touched = {
        put(tmp_path, "dessim/kernel/ops/pages.py", "LAST_PAGE = TABLE.last(PAGE)\n", ROW),
        put(tmp_path, "dessim/kernel/pages.py", "    elif op == OP_BUG_ON:\n", EFFECT),
        put(tmp_path, "dessim/kernel/alphabet.py", "def forget() -> Step:\n", WORD),
    }
    assert touched <= {named(name) for name in files_of("An operation")}
    [scheme], [actor], [machine] = map(files_of, ("A scheme", "An actor", "A machine"))
    profile = (ROOT / machine.replace("NAME", "ivybridge-ex-4s")).read_text(encoding="utf-8")
    new = {
        scheme.replace("NAME", "trial_scheme"): SCHEME,
        scheme.replace("NAME", "trial_operation"): PEEKING,
        actor.replace("NAME", "trial_actor"): ACTOR,
        machine.replace("NAME", "trial"): profile.replace("name: ivybridge-ex-4s", "name: trial"),
        "trial.yaml": EXPERIMENT,
    }
    for name, text in new.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("title", "tested"),
    [
        ("A cost of a machine", "test_new_cost.py"),
        ("A metric", "test_metrics.py"),
    ],
)
def test_other_recipes_are_followed_by_their_own_tests(title: str, tested: str) -> None:
    """The trial of a cost and that of a metric change the first file that the list names."""
    first, *_ = files_of(title)
    assert Path(first).name in (Path(__file__).parent / tested).read_text(encoding="utf-8")


def test_every_figure_has_what_its_list_says() -> None:
    """A shipped figure is its file, its expected numbers and its row."""
    drawing, expected, rows = files_of("A figure")
    text = (ROOT / rows).read_text(encoding="utf-8")
    for file in sorted((ROOT / drawing).parent.glob("*.py")):
        if "def draw(" in file.read_text(encoding="utf-8"):
            assert (ROOT / expected.replace("NAME", file.stem)).exists(), file.stem
            assert f"`{file.stem}`" in text, file.stem


def test_every_file_of_a_list_exists() -> None:
    """What is named without a placeholder is there."""
    titles = (
        *("An operation", "A family of operations", "A cost of a machine"),
        *("A metric", "A figure"),
    )
    names = [named(name) for title in titles for name in files_of(title)]
    missing = [n for n in names if "NAME" not in n and not (ROOT / n).exists()]
    assert len(names) > 8
    assert not missing
