"""Schemes in ./schemes of the working directory."""

import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dessim import registry
from dessim.cli import main
from dessim.study.store.version import model_version

SCHEME = '''"""``mine``: a sentence about it."""

from dessim.kernel.alphabet import work
from dessim.schemes.no_fault_around import SLOW_PATH as SLOW_PATH

PROMISES = ()
FAULT_AROUND = (work("fault_around_setup"),)
'''
RUN = (
    *("run", "eight-processes", "--engine", "reference", "-q", "--format", "json"),
    *("--set", "schemes=[mine, no_fault_around]", "--set", "workload.file_size=16KiB"),
    *("--set", "threads=2", "--replications", "2"),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder `schemes` of an empty working directory, with the scheme `mine`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "schemes").mkdir()
    (tmp_path / "schemes" / "mine.py").write_text(SCHEME)
    return tmp_path / "schemes"


def typed(*words: str) -> Result:
    """What happens when somebody types `dessim` and these words."""
    return CliRunner().invoke(main, words)


def test_a_file_is_a_scheme_by_its_name(folder: Path) -> None:
    """It is listed with its sentence and shown with its steps, next to dessim's own."""
    assert re.search(r"^mine +a sentence about it\.$", typed("list", "schemes").output, re.M)
    assert "work fault_around_setup" in typed("show", "scheme", "mine").output
    assert "lock_each_page" in registry.names()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_runs_in_this_process_and_in_workers(folder: Path, workers: str) -> None:
    """With a window that it leaves empty it has the faults of no fault-around."""
    done = typed(*RUN, "-j", workers)
    assert done.exit_code == 0, done.output
    mine, none = (p["metrics"]["minor_faults"] for p in json.loads(done.stdout)["points"])
    assert mine["mean"] == none["mean"] > 0


def test_runs_become_stale_when_it_changes_but_not_when_it_is_explained(folder: Path) -> None:
    """The version of the model holds its steps; a program text of somebody else is left alone."""
    path = folder / "mine.py"
    before = model_version()
    path.write_text(SCHEME.replace("a sentence", "another sentence"))
    os.utime(path, ns=(1, 1))
    assert model_version() == before
    path.write_text(SCHEME.replace("fault_around_setup", "lookup_descent"))
    os.utime(path, ns=(2, 2))
    assert model_version() != before
    assert "work lookup_descent" in typed("show", "scheme", "mine").output
    path.unlink()
    without = model_version()
    (folder / "other.py").write_text("raise SystemExit('run by mistake')\n")
    assert model_version() == without != before
    assert "mine" not in registry.names()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("mine", "x = (", "mine.py:1: '(' was never closed"),
        ("mine", SCHEME + "\n1 / 0\n", "mine.py:9: ZeroDivisionError: division by zero"),
        (
            "mine",
            SCHEME.replace("fault_around_setup", "nothing"),
            "mine.py:7: ProgramError: unknown cost 'nothing'; ",
        ),
        (
            "mine",
            SCHEME.replace("FAULT_AROUND", "AROUND"),
            "mine.py: a scheme needs FAULT_AROUND, which is missing; docs/schemes.md shows one",
        ),
        ("mine", SCHEME + "exit('by mistake')\n", "mine.py:8: SystemExit: by mistake; fix it, or"),
        ("mine", SCHEME + "FAULT_LOCK = 'ptl'\n", "FAULT_LOCK must be 'mmap_lock' or 'vma_lock'"),
        (
            "mine",
            SCHEME.replace("work(", "go_to(").replace("import work", "import go_to"),
            "no label is called 'fault_around_setup'",
        ),
        (
            "mine",
            SCHEME.replace(",)", ")"),
            "mine.py: FAULT_AROUND must be a tuple of steps, found Step",
        ),
        (
            "mine",
            SCHEME.replace("()", "3"),
            "mine.py: PROMISES must be a tuple of texts, found int",
        ),
        (
            "mine",
            SCHEME + "OPTIONS = ()\n",
            "mine.py: OPTIONS must be a dict, of on or off, numbers and texts, found tuple",
        ),
        (
            "mine",
            SCHEME + "BOUNDS = {'size': 9}\n",
            "mine.py: BOUNDS must be a dict, of pairs of whole numbers, but that of 'size' is none",
        ),
        (
            "mine",
            SCHEME.replace("SLOW_PATH", "SLOW"),
            "unknown scheme 'mine': found ./schemes/mine.py, but it defines no SLOW_PATH",
        ),
        ("lock_each_page", SCHEME, "dessim has a 'lock_each_page' already"),
    ],
    ids=[
        *("syntax", "exception", "word", "part", "exit", "lock", "place"),
        *("comma", "promises", "options", "bounds", "no scheme", "name"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(folder: Path, name: str, text: str, message: str) -> None:
    """Exit code 2, the file, the line where there is one, and what is wrong; no traceback."""
    (folder / "mine.py").unlink()
    (folder / f"{name}.py").write_text(text)
    done = typed("show", "scheme", name)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_is_no_scheme_is_named_where_one_asks_for_it(folder: Path) -> None:
    """In an experiment as well, and if its name cannot be one."""
    (folder / "mine.py").write_text("x = 1\n")
    done = typed(*RUN)
    assert done.exit_code == 2
    assert "found ./schemes/mine.py, but it defines no SLOW_PATH" in done.stderr
    (folder / "Mine.py").write_text(SCHEME)
    done = typed("show", "scheme", "Mine")
    assert done.exit_code == 2
    assert "its name does not begin with a small letter" in done.stderr


def test_parts_may_be_annotated(folder: Path) -> None:
    """A name with a type is defined as well as one without."""
    head = "from dessim.schemes.no_fault_around import SLOW_PATH as SLOW\nSLOW_PATH: tuple = SLOW\n"
    (folder / "typed.py").write_text(f"{head}FAULT_AROUND: tuple = ()\nPROMISES: tuple = ()\n")
    assert "typed" in registry.names()


UNUSABLE = {
    "broken.py": ("x = (", "broken.py:1: '(' was never closed; fix it, or move the file"),
    "lock_each_page.py": (SCHEME, "dessim has a 'lock_each_page' already; rename yours"),
    "lacking.py": ("SLOW_PATH = ()\n", "a scheme needs FAULT_AROUND, which is missing"),
    "nobody.py": ("\0", "nobody.py"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_file_stops_only_who_names_it(folder: Path, name: str) -> None:
    """It is listed with what is wrong and where; everything else is listed, shown and run."""
    text, wrong = UNUSABLE[name]
    (folder / name).write_text(text)
    listed = typed("list", "schemes")
    assert listed.exit_code == 0
    (line,) = [line for line in listed.stdout.splitlines() if "cannot be used:" in line]
    assert line.startswith(name.removesuffix(".py"))
    assert wrong in line
    assert re.search(r"^mine +a sentence about it\.$", listed.stdout, re.M)
    assert typed("show", "scheme", "mine").exit_code == 0
    assert typed(*RUN).exit_code == 0
    done = typed("show", "scheme", name.removesuffix(".py"))
    assert done.exit_code == 2
    assert wrong in done.stderr


@pytest.mark.parametrize("text", ["raise SystemExit(3)\n", "while True: pass\n", "1 / 0\n"])
def test_a_file_that_nobody_names_is_not_run(folder: Path, text: str) -> None:
    """Whatever it does: it is listed by its docstring, and what is named works."""
    (folder / "other.py").write_text(SCHEME.replace("mine", "other") + text)
    assert re.search(r"^  other +a sentence about it\.$", typed("list").stdout, re.M)
    assert typed("show", "scheme", "mine").exit_code == 0
    assert typed(*RUN).exit_code == 0
    assert model_version()


ACTOR = '''"""Actor ``onlooker``: looks at pages."""

from dessim.kernel.alphabet import count, each_in_range, get_page, option, put_page, when

OPTIONS = {"careless": False, "times": 1}
ACTOR = (
    count("invalidations"),
    each_in_range(when("page.cached", get_page(), option("careless", otherwise=(put_page(),)))),
)
'''


@pytest.mark.parametrize("place", ["actors", "schemes"])
def test_an_actor_of_ones_own_is_listed_and_shown(folder: Path, place: str) -> None:
    """In ./actors, and still in ./schemes."""
    (folder.parent / place).mkdir(exist_ok=True)
    (folder.parent / place / "onlooker.py").write_text(ACTOR)
    assert re.search(r"^onlooker +looks at pages\.$", typed("list", "actors").stdout, re.M)
    assert "onlooker" not in typed("list", "schemes").stdout
    assert "page.refcount + 1" in typed("show", "actor", "onlooker").stdout
    before = model_version()
    (folder.parent / place / "onlooker.py").unlink()
    assert model_version() != before


def test_two_files_of_one_name_are_told(folder: Path) -> None:
    """One in ./actors, one in ./schemes: which is meant cannot be known."""
    (folder.parent / "actors").mkdir()
    (folder.parent / "actors" / "mine.py").write_text(ACTOR)
    done = typed("show", "scheme", "mine")
    assert done.exit_code == 2
    assert "actors/mine.py: there is a 'mine' already; rename yours" in done.stderr


def test_a_scheme_that_keeps_a_lock_is_refused_before_it_runs(folder: Path) -> None:
    """`run`, `trace`, `show`, `check`: the file, the lock, the step and the way there."""
    text = SCHEME.replace("import work", "import lock, unlock, when, work")
    keeps = '(lock("ptl"), when("window.open", unlock("ptl")),)'
    (folder / "mine.py").write_text(text.replace('(work("fault_around_setup"),)', keeps))
    lines = [
        RUN,
        ("trace", "eight-processes", "--set", "schemes=[mine]"),
        ("show", "scheme", "mine"),
        ("check", "mine"),
    ]
    for words in lines:
        done = typed(*words)
        assert done.exit_code == 2, words
        assert f"error: {folder / 'mine.py'}: scheme 'mine' does not release ptl" in done.stderr
        assert "(lock ptl): at step" in done.stderr
        assert "when window open: no" in done.stderr
        assert len(done.stderr.splitlines()) == 1


WAITS_WITH_LOCK = '''"""``mine``: waits for the device with mmap_sem held."""

from dessim.kernel.alphabet import retry_fault, try_again, unlock, wait_on_page
from dessim.kernel.programs import READ_PAGE
from dessim.schemes.no_fault_around import SLOW_PATH as SLOW_PATH

FAULT_AROUND = ()
MISSING = (*READ_PAGE, wait_on_page(), unlock("mmap_lock"), try_again(), retry_fault())
'''
COLD = (
    *("run", "eight-processes", "-q", "--format", "json", "--replications", "1"),
    *("--set", "schemes=[mine, no_fault_around]", "--set", "workload=sequential-read"),
    *("--set", "workload.cached=50%", "--set", "simulate=128KiB", "--set", "threads=3"),
)


def cold(folder: Path, missing: str, engine: str) -> tuple[dict[str, float], dict[str, float]]:
    """Return the means of a scheme with a path of its own for missing pages, and of Linux."""
    (folder / "mine.py").write_text(re.sub("MISSING = .*", f"MISSING = {missing}", WAITS_WITH_LOCK))
    done = typed(*COLD, "--engine", engine)
    assert done.exit_code == 0, done.output
    mine, linux = (
        {name: metric["mean"] for name, metric in point["metrics"].items()}
        for point in json.loads(done.stdout)["points"]
    )
    return mine, linux


def test_it_may_own_the_path_of_missing_pages(folder: Path) -> None:
    """Without a second attempt each page that is read costs a second fault, in both engines."""
    mine, linux = cold(folder, "(*READ_PAGE, wait_on_page())", "compiled")
    assert cold(folder, "(*READ_PAGE, wait_on_page())", "reference") == (mine, linux)
    assert linux["major_faults"] > 0
    assert mine["major_faults"] == linux["major_faults"]
    again = mine["minor_faults"] - linux["minor_faults"]
    assert again >= linux["major_faults"]


def test_a_missing_path_may_wait_with_the_lock_held(folder: Path) -> None:
    """The example of the guide: as many faults, and the wait stands before the unlock."""
    (folder / "mine.py").write_text(WAITS_WITH_LOCK)
    done = typed(*COLD, "--engine", "compiled")
    assert done.exit_code == 0, done.output
    mine, linux = (point["metrics"] for point in json.loads(done.stdout)["points"])
    assert mine["minor_faults"] == linux["minor_faults"]
    guide = (Path(__file__).parents[2] / "docs" / "schemes.md").read_text()
    assert WAITS_WITH_LOCK.partition("\n\n")[2] in guide


def test_a_missing_path_that_keeps_the_lock_or_meets_windows_is_refused(folder: Path) -> None:
    """The walk over all paths includes it; a file that is read by windows has its own path."""
    text = WAITS_WITH_LOCK.replace('unlock("mmap_lock"), ', "")
    (folder / "mine.py").write_text(text)
    done = typed(*COLD, "--engine", "reference")
    assert done.exit_code == 2
    assert "mmap_lock" in done.stderr
    (folder / "mine.py").write_text(WAITS_WITH_LOCK)
    done = typed("run", "cold-cache", "--set", "schemes=[mine]", "--dry-run")
    assert done.exit_code == 2
    assert "MISSING" in done.stderr
