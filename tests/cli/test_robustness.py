"""Nothing hangs, nothing is replaced, nothing is silently accepted: what once did, case by case."""

from __future__ import annotations

import csv
import errno
import os
import re
import stat
from pathlib import Path
from xml.dom import minidom

import pytest
from typing_in import FAST, HEADER, ROW, SMALL, typed

pytestmark = pytest.mark.usefixtures("empty_folder")


# --- places that are written to ------------------------------------------------------------------


def test_a_trace_replaces_no_link_and_no_pipe() -> None:
    """Its target is written; stacks next to it, too."""
    Path("old").write_text("old")
    Path("link").symlink_to("old")
    Path("link.folded").symlink_to("stacks")
    done = typed(
        "trace", "eight-processes", *SMALL[:4], "-q", "--format", "folded", "--out", "link"
    )
    assert done.exit_code == 0, done.output
    assert Path("link.folded").is_symlink()
    assert Path("stacks").read_text()
    os.mkfifo("pipe.folded")
    done = typed(
        "trace", "eight-processes", *SMALL[:4], "-q", "--format", "folded", "--out", "pipe"
    )
    assert done.exit_code == 2
    assert "pipe.folded: nobody reads this pipe" in done.stderr
    assert stat.S_ISFIFO(Path("pipe.folded").lstat().st_mode)


def test_a_full_disk_is_a_failure_with_its_remedy() -> None:
    """Exit code 1, as for runs that cannot be stored."""
    assert typed("run", "eight-processes", *FAST).exit_code == 0
    done = typed("report", "eight-processes", "--out", "/dev/full")
    assert done.exit_code == 1
    assert "No space left on device" in done.stderr
    assert "free some space" in done.stderr
    done = typed("export", "results", "--format", "csv", "--out", "/dev/full")
    assert done.exit_code == 1


@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.EROFS, "make it writable"), (errno.ENOSPC, "free some space")]
)
@pytest.mark.parametrize(
    "place", ["dessim.study.store.runs.Store.save", "dessim.study.sweep.request.run_request"]
)
def test_a_disk_that_takes_nothing_has_its_remedy(
    place: str, number: int, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one that can only be read, no space can be freed."""

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number), "runs")

    monkeypatch.setattr(place, fail)
    done = typed("run", "eight-processes", *FAST)
    assert done.exit_code == 1
    assert f"runs: {os.strerror(number)}; {remedy}: " in done.stderr


def test_leftovers_in_the_folder_of_results_go_with_the_next_run() -> None:
    """As the docs say; not only those of the store."""
    Path("results/eight-processes/.unfinished/dessim-a1b2c3d4").mkdir(parents=True)
    assert typed("run", "eight-processes", *FAST).exit_code == 0
    assert not Path("results/eight-processes/.unfinished").exists()


# --- what is checked before anything runs --------------------------------------------------------


@pytest.mark.parametrize(
    ("schemes", "said"),
    [
        ("[nonsense]", "unknown scheme 'nonsense'"),
        ("[nonsense]", "unknown scheme 'nonsense'; `dessim list schemes` lists them all\n"),
        (
            "[lock]",
            "unknown scheme 'lock'; did you mean 'lock_each_page' or 'radix_walk_trylock'?"
            " `dessim list schemes` lists them all\n",
        ),
        ("[{folio_batch: {nonsense: true}}]", "'folio_batch' has no option 'nonsense'"),
        (
            "[{linux_6_6: {contpte: true}}]",
            "of 'linux_6_6' exclude each other (folio_batches=False is its default)",
        ),
        (
            "[{linux_6_12: {contpte: true, folio_batches: false}}]",
            "of 'linux_6_12' exclude each other: one leaves",
        ),
    ],
)
def test_a_lock_loop_checks_its_schemes(schemes: str, said: str) -> None:
    """Though it has no use for them: results name them."""
    done = typed("run", "lock-collapse", "--set", f"schemes={schemes}", "--dry-run")
    assert done.exit_code == 2
    assert said in done.stderr
    assert "--set" in done.stderr


BROKEN = {
    "nounlock": ('(lock("ptl"),)', "does not release ptl, which it takes at step"),
    "twice": ('(lock("ptl"), lock("ptl"), unlock("ptl"), unlock("ptl"))', "takes ptl while it"),
    "unlockonly": ('(unlock("ptl"),)', "releases ptl, which it does not hold: at step"),
    "leak": ("(each_page(get_page()),)", "does not drop the reference to the page that it takes"),
}


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("name", BROKEN)
def test_broken_locking_is_refused_with_the_step(name: str, engine: str) -> None:
    """A lock that is kept, taken twice or not held, a reference that leaks: for no engine."""
    program, said = BROKEN[name]
    Path("schemes").mkdir()
    Path(f"schemes/{name}.py").write_text(
        '"""x"""\nfrom dessim.kernel.alphabet import each_page, get_page, lock, unlock\n'
        "from dessim.schemes.no_fault_around import SLOW_PATH as SLOW_PATH\n"
        f"FAULT_AROUND = {program}\n"
    )
    for words in (("run", "eight-processes", "--engine", engine), ("trace", "eight-processes")):
        done = typed(*words, "--set", f"schemes=[{name}]", *SMALL[:4])
        assert done.exit_code == 2
        assert said in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("schemes=[lock_each_page, lock_each_page]", "'lock_each_page' is already in the list"),
        ("max_replications=1", "max_replications is 1, and replications 6"),
        ("replications=100000", "runs: an experiment has at most 1,000,000"),
    ],
)
def test_settings_that_make_no_sense_are_refused(setting: str, said: str) -> None:
    """A scheme twice, fewer runs at most than at least, more runs than can be named."""
    sweep = "machine.cache_line.hold=[0ns,1ns,2ns,3ns,4ns,5ns,6ns]"
    done = typed("run", "eight-processes", "--dry-run", "--set", setting, "--set", sweep)
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("machine.kernel.rmap=[20ns, 0.02us]", "error: '0.02us' is already in the list"),
        ("zip={machine.kernel.rmap: [20ns, 20ns]}", "the values at this place of the lists are"),
        (
            "schemes=[gang_lookup_mapcount, {gang_lookup_mapcount: {precheck: false}}]",
            "an option has its default value here",
        ),
        ("precision={throughput: 1_0%}", "from 0.0001% to below 100%"),
        ("precision={throughput: ٣%}", "from 0.0001% to below 100%"),
        ("precision={throughput: 1e-300%}", "from 0.0001% to below 100%"),
        ("machine.topology.l3_size=0B", "must be at least 4KiB, found 0B"),
        ("machine.memory.bandwidth_per_socket=1B/s", "must be at least 1MB/s, found 1B/s"),
        ("machine.kernel.rmap={value: 20ns, source: ''}", "the source is empty"),
        ("name='   '", "a name must not be blank"),
        ("name=''", "the text must not be empty"),
        (f"name={'a' * 201}", "the text is longer than 200 characters"),
        ("machine.kernel.rmap=-3 cycles", "without a sign or an exponent"),
        ("machine.kernel.rmap=1e30 cycles", "without a sign or an exponent"),
        ("name=a\udcffb", "the text is not valid UTF-8"),
        ('name="a\\ud800"', "the text has characters that are not valid Unicode"),
    ],
)
def test_what_was_once_taken_is_refused_at_its_place(setting: str, said: str) -> None:
    """Points twice, numbers in other digits, values that no machine has."""
    done = typed("run", "eight-processes", "--dry-run", "--set", setting)
    assert done.exit_code == 2
    assert done.stderr.startswith("--set 1: ")
    assert said in done.stderr
    assert "Bad" not in done.stderr
    assert "validation" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--replications 3 --set replications=2", "--replications: error: 'replications' is set"),
        ("--set seed=1 --set seed=2", "--set 2: seed: error: 'seed' is set by --set 1 already"),
        ("--replications 1000000000", "--replications: error: must be at most 100000"),
        ("--seed 99999999999999999999", "--seed: error: must be less than"),
        ("--out=", "give the name of a folder"),
        ("--out results/runs", "where runs are stored: choose a folder outside"),
        ("--out results/runs/below", "where runs are stored: choose a folder outside"),
        (f"--out {'a' * 300}", f"error: {'a' * 199}…: this name is too long"),
    ],
)
def test_options_that_make_no_sense_are_refused(words: str, said: str) -> None:
    """Twice the same, far beyond what there is, or a store in a store."""
    Path("results/runs", "0" * 64).mkdir(parents=True)
    before = sorted(Path().rglob("*"))
    done = typed("run", "eight-processes", *words.split(), *FAST[:2])
    assert done.exit_code == 2
    assert said in done.stderr
    assert sorted(Path().rglob("*")) == before


def test_a_long_note_is_refused_at_its_place() -> None:
    """Ten thousand characters are enough."""
    text = (
        "machine: ivybridge-ex-4s\nworkload: separate-processes\nschemes: [lock_each_page]\n"
        f"matrix:\n  machine.cache_line.hold: [20ns]\ndescription: {'a' * 10_001}\n"
    )
    Path("note.yaml").write_text(text)
    done = typed("run", "note.yaml", "--dry-run")
    assert "note.yaml:6:14: error: the text is longer than 10000 characters" in done.stderr


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("a" * 10_001, "the text is longer than 10000 characters"),
        ("a\u202eb", "the text has control characters, which results must not contain"),
        ('"\\e[31m"', "the text has control characters, which results must not contain"),
    ],
)
def test_a_note_of_a_machine_that_results_cannot_hold_is_refused(note: str, said: str) -> None:
    """At its place, as any other text."""
    written = typed("show", "machine", "ivybridge-ex-4s").stdout
    assert "\ncache_line:\n" in written
    text, changed = re.subn(r'note: "?[^",}\n]*"?', lambda _: f"note: {note}", written, count=1)
    assert changed
    Path("machine.yaml").write_text(text)
    done = typed("show", "machine", "./machine.yaml")
    assert done.exit_code == 2
    assert said in done.stderr
    assert "machine.yaml:" in done.stderr


def test_many_empty_bins_are_no_bomb() -> None:
    """One fault and seconds of work: the tables are made in the memory of a few thousand bins."""
    import resource

    workload = (
        "{access: sequential, mapping: per_process, file_size: 64KiB, page_work: 3s,"
        " start_stagger: 0ns}"
    )
    Path("bomb.yaml").write_text(
        f"machine: ivybridge-ex-4s\nworkload: {workload}\nschemes: [lock_each_page]\n"
        "threads: 2\nreplications: 1\n"
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert typed("run", "bomb.yaml", "-q", "--engine", "reference").exit_code == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


# --- names ---------------------------------------------------------------------------------------


def test_names_that_look_alike_keep_their_results_apart() -> None:
    """And `clean --unused` removes nobody's runs."""
    text = "machine: ivybridge-ex-4s\nworkload: separate-processes\nreplications: 1\n"
    for name, scheme in (("a/b", "lock_each_page"), ("a b", "folio_batch")):
        Path("one.yaml").write_text(f"name: {name}\nschemes: [{scheme}]\n{text}")
        assert typed("run", "one.yaml", *FAST).exit_code == 0
    tables = {path.name for path in Path("results").iterdir()} - {"runs", ".answers"}
    assert len(tables) == 2
    assert "removed 0 runs" in typed("clean", "--unused").stdout


@pytest.mark.parametrize("name", ["\\e[31mred", "a\\rb", "a\\nb", "\\u202eb", "\\x7f", "a\\ufeffb"])
def test_control_characters_are_refused(name: str) -> None:
    """They would reach the terminal, break rows of tables, and are no XML."""
    Path("one.yaml").write_text(
        f'name: "{name}"\nmachine: ivybridge-ex-4s\nworkload: separate-processes\n'
        "schemes: [lock_each_page]\n"
    )
    done = typed("run", "one.yaml", "--dry-run")
    assert done.exit_code == 2
    assert "one.yaml:1:7: error: " in done.stderr
    assert "control characters" in done.stderr
    assert "\x1b" not in done.output


def test_a_name_may_be_long_and_begin_like_a_formula() -> None:
    """Two hundred characters of three bytes; no cell of a table is live."""
    name = "=" + "页" * 199
    Path("one.yaml").write_text(
        f'name: "{name}"\nmachine: ivybridge-ex-4s\nworkload: separate-processes\n'
        "schemes: [lock_each_page]\nreplications: 1\n"
    )
    done = typed("run", "one.yaml", *FAST, "--figures")
    assert done.exit_code == 0, done.output
    [table] = Path("results").glob("*/results.csv")
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert rows[1][0] == f"'{name}"
    drawings = list(Path("results").glob("*/figures/*.svg"))
    assert drawings
    for drawing in drawings:
        minidom.parse(str(drawing))


# --- tables that people bring --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{HEADER},completion_s\n{ROW},1\n", "own.csv:1:1: error: the header has the column"),
        (f"{HEADER}\n{ROW.replace('15.3', '1e-320')}\n", "own.csv:2:1: error: completion_s must"),
        (f"{HEADER}\n{ROW.replace('15.3', '')}\n", "own.csv:2:1: error: no measured"),
        (f"{HEADER},speed\n{ROW},1\n", "own.csv:1:1: error: unknown column 'speed'"),
        (f"{HEADER}\n{ROW}\n".replace(",", ";"), "own.csv:1:1: error: columns are separated by"),
        (f"{HEADER}\n{ROW}\n".replace(",", "\t"), "separated by commas, not by tabs"),
        (f'{HEADER}\n"{ROW}\n', "own.csv:2:1: error: a quoted text begins here and never ends"),
        (f"{HEADER}\n{ROW.replace('15.3', '1_5')}\n", "completion_s must be a number, found '1_5'"),
    ],
)
def test_a_measured_table_is_read_strictly(text: str, said: str) -> None:
    """With the place of what is wrong."""
    Path("own.csv").write_text(text)
    done = typed("validate", "--data", "own.csv", "-q")
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_table_that_is_no_file_is_refused_at_once() -> None:
    """A FIFO without a writer, an endless device, a file without end."""
    os.mkfifo("f.csv")
    Path("l.csv").symlink_to("/dev/zero")
    with Path("big.csv").open("wb") as file:
        file.truncate(1 << 40)
    for name, said in (
        ("f.csv", "this is not a file"),
        ("l.csv", "this is not a file"),
        ("/dev/zero", "this is not a file"),
        ("big.csv", "larger than 1 MiB"),
    ):
        done = typed("validate", "--data", name)
        assert done.exit_code == 2
        assert said in done.stderr


@pytest.mark.parametrize("rows", [ROW, f"{ROW},slow"])
def test_a_fit_of_too_few_rows_is_refused(rows: str) -> None:
    """Of one row every second one is none; of doubtful rows none can be used."""
    header = HEADER + (",doubtful" if rows.endswith("slow") else "")
    Path("one.csv").write_text(f"{header}\n{rows}\n")
    done = typed(
        *("calibrate", "fault-around-2014", "--data", "one.csv", "--params", "kernel.rmap", "-q")
    )
    assert done.exit_code == 2
    assert "1 usable cell, and" in done.stderr or "no row with" in done.stderr


# --- what is reported ----------------------------------------------------------------------------


def test_a_missed_precision_is_reported_without_a_comparison() -> None:
    """One scheme has nobody to be compared with."""
    done = typed(
        *("run", "eight-processes", *FAST[:-2], "--set", "schemes=[no_fault_around]"),
        *("--set", "precision={throughput: 0.001%}", "--set", "max_replications=2"),
        *("--replications", "2"),
    )
    assert done.exit_code == 0, done.output
    assert "The wanted precision was not met at 1 of 1 points" in done.stdout
