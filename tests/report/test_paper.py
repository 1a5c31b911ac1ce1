"""Figures of `experiments`: all are drawn here from small results that the tests make."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from matplotlib.image import imread

from dessim.cli import main
from dessim.files.tables import read_rows
from dessim.report.common.results import Results
from dessim.report.paper import figures as paper
from dessim.report.paper.figures import Stored, check_needs
from dessim.report.plot.drawing import UnknownFigureError
from dessim.report.plot.style import COLUMN_IN, PAGE_IN

ROOT = Path(__file__).parents[2]
NAMES = [
    *(
        "ccdf",
        "exec_storm",
        "exit_storm",
        "fork_by_folio_size",
        "gang_lookup_speedup",
        "latency",
        "lock_collapse",
        "memory_by_folio_size",
        "mmap_database",
        "munmap_and_dontneed",
        "page_lock_convoy",
    ),
    *(
        "page_size",
        "published_table",
        "race",
        "thousand_cpus",
        "throughput",
        "time_share",
        "todays_faults",
    ),
]
FORMS = ("csv", "pdf", "png", "svg", "txt")
SMALL = {
    "scheme-comparison": (
        "--set threads=[8,32,120] --set simulate=128KiB --set workload=[sequential-read,"
        "shared-mapping] --set max_replications=2 --replications 2"
    ),
    "fault-around-2014": "--set simulate=2MiB --replications 1",
    "exec-storm": "--set threads=[1,4] --set workload.sweeps=4 --replications 2",
    "exit-storm": (
        "--set threads=[1,4] --set workload.sweeps=2 --set workload.file_size=256KiB"
        " --replications 2"
    ),
    "fork-by-folio-size": "--set workload.file_size=2MiB --replications 2",
    "gang-lookup-map": (
        "--set threads=[1,16] --set fault_around_order=[1,5] --set simulate=256KiB --replications 2"
    ),
    "invalidate-race": "--replications 2",
    "lock-collapse": "--set threads=[1,16,48] --set workload.iterations=100 --replications 2",
    "mmap-database": "--set workload.touches=20 --replications 2",
    "mthp": "--set threads=[1,4] --set workload.anon_order=[0,2] --set simulate=64KiB",
    "munmap-and-dontneed": "--set threads=[1,2] --set workload.file_size=128KiB --replications 2",
    "page-lock-queues": "--queues --set workload.touches_per_page=2 --replications 2",
    "page-size": (
        "--set workload.file_size=1MiB --set threads=[1,4] --set include=[] --replications 2"
    ),
    "readahead-or-not": "--set threads=[1,4] --set workload.file_size=16MiB --replications 2",
    **dict.fromkeys(
        ("anonymous-memory", "vma-locks", "will-it-scale"),
        "--set threads=[1,4] --set simulate=64KiB --replications 2",
    ),
    "thousand-cpus": "--set threads=[1,16] --set simulate=128KiB --set exclude=[]",
}
"""What makes the experiments short enough for a test."""
VERDICTS = "check/verdicts.json"


def typed(*words: str | Path) -> Result:
    """What happens when somebody types `dessim` and these words."""
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, run_compiled: object) -> Path:
    """Small results of all experiments that figures need."""
    folder = tmp_path_factory.mktemp("results")
    needed = {name for figure in map(paper.load, NAMES) for name in figure.needs}
    assert needed == {*SMALL, VERDICTS}
    for name in sorted(SMALL):
        done = typed("run", name, *SMALL[name].split(), "-q", "--out", folder)
        assert done.exit_code == 0, done.stderr
    (folder / VERDICTS).parent.mkdir()
    (folder / VERDICTS).write_text(typed("check", "--format", "json").stdout)
    return folder


@pytest.fixture(scope="module")
def drawn(results: Path) -> Path:
    """All figures, drawn by one command."""
    done = typed("figure", "--all", "--results-dir", results)
    assert done.exit_code == 0, done.stderr
    return results / "figures"


def test_the_folder_is_the_registry() -> None:
    """Each figure has a sentence that says what it shows; `dessim list` shows them."""
    assert paper.names() == NAMES
    listed = typed("list", "figures").output.splitlines()
    assert [line.split()[0] for line in listed] == NAMES
    assert all(paper.title_of(name).endswith(".") for name in NAMES)


def test_every_figure_is_written_in_every_form(drawn: Path) -> None:
    """PDF, SVG, PNG, its numbers and its caption, under one name."""
    expected = sorted(f"{name}.{form}" for name in NAMES for form in FORMS)
    assert sorted(path.name for path in drawn.iterdir()) == expected


@pytest.mark.parametrize("name", NAMES)
def test_figures_are_made_for_print(drawn: Path, name: str) -> None:
    """A column or a page wide, fonts embedded as TrueType, the caption also inside the files."""
    assert imread(drawn / f"{name}.png").shape[1] in (round(300 * COLUMN_IN), round(300 * PAGE_IN))
    pdf = (drawn / f"{name}.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"/Subject" in pdf
    assert "<dc:description>" in (drawn / f"{name}.svg").read_text()


@pytest.mark.parametrize(
    ("machine", "threads", "said"),
    [
        ("ivybridge-ex-4s", 120, "Beyond 60 threads SMT siblings wait for the same lines"),
        ("ivybridge-ex-4s", 60, ""),  # a core each
        ("opteron-magny-cours-4s", 96, ""),  # without siblings
        ("my-own", 120, ""),  # its profile may be anything
    ],
)
def test_throughput_says_what_is_assumed_of_siblings(machine: str, threads: int, said: str) -> None:
    """Where threads share cores, the caption names the share of common transfers and its range."""
    points = [{"machine": machine, "threads": n} for n in (1, threads)]
    text = paper.load("throughput").module.assumed(Results({"points": points}, {}))
    assert said in text
    assert bool(text) == bool(said)
    assert "in 50% (0% to 100%) of these cases is assumed" in text or not said


@pytest.mark.parametrize("name", NAMES)
def test_captions_say_method_machine_and_intervals(drawn: Path, name: str) -> None:
    """Whoever sees the figure alone knows what was run where, and how sure it is."""
    caption = (drawn / f"{name}.txt").read_text()
    assert "Machine: " in caption
    assert "Workload: " in caption
    assert "replication" in caption
    assert "Experiment " in caption


def test_the_same_results_give_the_same_bytes(drawn: Path, results: Path, tmp_path: Path) -> None:
    """Drawn again by another process with another hash seed: not a byte differs."""
    names = ("gang_lookup_speedup", "race", "page_lock_convoy")
    command = [sys.executable, "-m", "dessim", "figure", *names, "--out", str(tmp_path)]
    env = {"PYTHONHASHSEED": "7", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--results-dir", str(results)], env=env, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for file in (f"{name}.{form}" for name in names for form in FORMS):
        assert (drawn / file).read_bytes() == (tmp_path / file).read_bytes(), file


@pytest.mark.parametrize("name", NAMES)
def test_expected_numbers_belong_to_the_figure(results: Path, name: str) -> None:
    """The committed numbers have the columns that are drawn, and rows that its keys tell apart."""
    figure = paper.load(name)
    expected = read_rows(figure.expected)
    rows = figure.numbers(figure.draw(Stored(results)))
    assert list(expected[0]) == list(rows[0])
    keys = [tuple(row[key] for key in figure.keys) for row in expected]
    assert len(set(keys)) == len(keys)


def test_check_tells_what_differs_and_accept_ends_it(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was accepted is as expected; a changed number is reported, with exit code 1."""
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "experiments"
    own.mkdir()
    (own / "mine.py").write_text((ROOT / "experiments" / "lock_collapse.py").read_text())
    words = ("figure", "mine", "--results-dir", results, "--out", tmp_path / "out")
    assert "no expected numbers" in typed(*words, "--check").output
    assert typed(*words, "--accept", "--check").exit_code == 0
    expected = own / "expected" / "mine.csv"
    text = expected.read_text()
    expected.write_text(text.replace("mcs,48,", "mcs,48,9"))
    done = typed(*words, "--check")
    assert done.exit_code == 1
    assert "lock mcs, threads 48: turns_per_s is" in done.output
    assert "1 of 1 figures are not as expected" in done.stderr


def test_missing_results_are_told_with_the_commands_that_make_them(tmp_path: Path) -> None:
    """Nothing is drawn, every command stands there once, exit code 2."""
    done = typed("figure", "--all", "--results-dir", tmp_path, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert done.stderr.count("dessim run scheme-comparison") == 1
    assert done.stderr.count("\n  dessim run ") == len(SMALL)
    assert done.stderr.count(f"dessim check --format json > results/{VERDICTS}\n") == 1
    assert not (tmp_path / "out").exists()
    with pytest.raises(UnknownFigureError, match="lock-collapse"):
        check_needs([paper.load("lock_collapse")], Stored(tmp_path))


def test_wrong_words_are_refused_with_a_remedy(tmp_path: Path) -> None:
    """Names with --all, no name, --check of results, an unknown name: exit code 2, no traceback."""
    for words, reported in (
        (("--all", "race"), "drop the names"),
        ((), "pass --all"),
        (("races",), "no figure has that name"),
        (("race", "races", "--results-dir", tmp_path), "did you mean 'race'?"),
    ):
        done = typed("figure", *words)
        assert done.exit_code == 2
        assert reported in " ".join(done.stderr.replace("│", " ").split())


def test_a_file_that_is_no_figure_says_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A figure's file without KEYS is refused with its path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "half.py").write_text('"""Half."""\nNEEDS = {}\n')
    done = typed("figure", "half")
    assert done.exit_code == 2
    assert "half.py: a figure's file needs KEYS" in done.stderr


FIGURE = '''"""Mine."""
from dessim.report.paper.tolerance import Tolerance
NEEDS, KEYS, TOLERANCE = {}, (), Tolerance()
NEEDS: dict = {}
def draw(stored):
    return 1 / 0
'''


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        (FIGURE, "mine.py:6: ZeroDivisionError: division by zero"),
        (FIGURE.replace("1 / 0", "None"), "the stored results have no data for figure 'mine'"),
        (FIGURE.replace("NEEDS, KEYS", "KEYS, NEEDS.x"), "mine.py:3: NameError: name 'NEEDS'"),
        (FIGURE + "x = (", "mine.py:7: '(' was never closed"),
        (FIGURE.replace("NEEDS: dict = {}", ""), "found ./experiments/mine.py, but it defines no"),
    ],
    ids=["draw", "nothing", "import", "syntax", "no figure"],
)
def test_a_figure_s_file_that_fails_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reported: str
) -> None:
    """Exit code 2, file and line, no traceback."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.py").write_text(text)
    done = typed("figure", "mine")
    assert done.exit_code == 2
    assert reported in " ".join(done.stderr.split())


def a_verdict(**changes: object) -> dict[str, object]:
    """Return a row of `dessim check --format json`."""
    row: dict[str, object] = {
        "scheme": "gang_lookup_mapcount",
        "invalidate": {"unmap_retry": "none", "walk": "if_mapped", "bug1": True, "bug2": True},
        "actor": "invalidate_range",
        "precheck": False,
        "threads": 1,
        "tables": "own",
        "attempts": 1,
        "page": "neighbour",
        "pages": 1,
        "memory": "sc",
        "property": "BUG1",
        "verdict": "never",
        "steps": None,
        "states": 100,
    }
    return row | changes


def test_verdicts_of_the_explorer_stand_at_the_bars(results: Path, tmp_path: Path) -> None:
    """Sometimes in one scope is sometimes; never needs all scopes; nothing known is left empty."""
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "invalidate-race").symlink_to(results / "invalidate-race")
    (folder / "check").mkdir()
    retried = {"unmap_retry": "before_bug", "walk": "if_mapped", "bug1": True, "bug2": True}
    rows = [
        a_verdict(),
        a_verdict(threads=2, verdict="sometimes", steps=12),
        a_verdict(threads=3, verdict="sometimes", steps=10),
        a_verdict(memory="lkmm", verdict="sometimes", steps=3),
        a_verdict(property="BUG2"),
        a_verdict(invalidate=retried, verdict="unknown"),
        a_verdict(invalidate=retried),
    ]
    (folder / VERDICTS).write_text(json.dumps(rows))
    drawing = paper.load("race").draw(Stored(folder))
    found = {
        (r["workload"], r["series"], r["bug"]): (r["verdict"], r["steps"]) for r in drawing.rows
    }
    assert found["no-retry", "gang_lookup_mapcount", "bug1"] == ("sometimes", "10")
    assert found["no-retry", "gang_lookup_mapcount", "bug2"] == ("never", "")
    assert found["retry-before-bug", "gang_lookup_mapcount", "bug1"] == ("unknown", "")
    assert found["no-retry", "radix_walk_trylock", "bug1"] == ("", "")
    (folder / VERDICTS).unlink()
    done = typed("figure", "race", "--results-dir", folder)
    assert done.exit_code == 2
    assert "dessim check --format json" in done.stderr


def test_whoever_never_meets_a_bug_cannot_meet_it(results: Path) -> None:
    """No bar stands where the explorer, which visits every order of events, says never."""
    rows = paper.load("race").draw(Stored(results)).rows
    assert {row["verdict"] for row in rows} == {"never", "sometimes"}
    assert [row for row in rows if row["verdict"] == "never" and row["rate"]] == []
