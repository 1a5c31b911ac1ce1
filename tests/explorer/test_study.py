"""The study's committed results are what the explorer says, and the note's table is theirs."""

import csv
import importlib.util
import random
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from dessim.cli import main
from dessim.study.check import CheckError, Scope, check, refuse_nonsense

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "every_order"
NOTE = ROOT / "docs" / "thread-2014.md"
SAMPLE = 20
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="only a checkout has the study")


@pytest.fixture(scope="module")
def study():
    """Return the study's script as a module."""
    spec = importlib.util.spec_from_file_location("every_order_study", FOLDER / "study.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stored():
    """Return the committed rows."""
    with (FOLDER / "verdicts.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_scope_has_its_row(study, stored):
    """As many rows as scopes of the schemes that it is about, and nothing in them is unknown, but
    for what would follow in lkmm if the mapcount were raised without any order.
    """
    about = {row["scheme"] for row in stored}
    scopes = [scope for scope in dict.fromkeys(study.scopes()) if scope.scheme in about]
    assert len(stored) == len(scopes)
    unknown = [row for row in stored if "unknown" in row.values()]
    assert {(row["memory"], row["increment"]) for row in unknown} <= {("lkmm", "plain")}


def test_every_scope_can_be_explored(study):
    """No scope is refused: the study would end with an error after all that came before it."""
    for scope in study.scopes():
        refuse_nonsense(scope)


@pytest.mark.parametrize("memory", ["weak", "TSO", ""])
def test_a_memory_model_that_does_not_exist_is_refused(memory):
    """The message says which there are."""
    with pytest.raises(CheckError, match=f"must be sc, tso, pso or lkmm .* found '{memory}'"):
        check(Scope("no_fault_around", memory=memory))


def test_a_sample_of_the_study_is_found_again(study, stored):
    """Scopes drawn at random from the study give the same rows: verdicts, steps, states."""
    about = {row["scheme"] for row in stored}
    scopes = [scope for scope in dict.fromkeys(study.scopes()) if scope.scheme in about]
    for place in random.Random(4).sample(range(len(scopes)), SAMPLE):
        (again,) = csv.DictReader(study.as_csv([study.explored(scopes[place])]).splitlines())
        assert again == stored[place]


def test_schemes_that_lock_pages_are_never_at_fault(stored):
    """In the whole study only the lockless scheme violates anything."""
    wrong = {
        row["scheme"]
        for row in stored
        for name in row
        if row[name].isdigit() and name not in ("threads", "attempts", "pages", "states")
    }
    assert wrong == {"gang_lookup_mapcount"}


def test_pre_check_and_unconditional_walk_together_are_never_at_fault(study, stored):
    """The repair that keeps both BUG_ONs violates nothing while the lockless scheme is whole, in
    any memory model, even with page locks that are acquire only.
    """
    repaired = [
        row
        for row in stored
        if row["scheme"] == study.LOCKLESS
        and (row["walk"], row["precheck"]) == ("every_table", "true")
        and row["options"] in ("", "fence=false")
        and (row["memory"], row["increment"]) != ("lkmm", "plain")
    ]
    assert {row["memory"] for row in repaired} == {"sc", "tso", "lkmm"}
    assert {row["lock_page"] for row in repaired} == {"full", "acquire"}
    names = study.property_names()
    assert {row[name] for row in repaired for name in names} == {"never"}


def test_that_repair_is_not_enough_beside_truncation_without_its_own_walk(study, stored):
    """With Linux's truncate_inode_page and the pre-check bug2 is met in every scope that has it."""
    half = [
        row
        for row in stored
        if row["scheme"] == study.LOCKLESS
        and (row["actor"], row["walk"]) == ("truncate", "if_mapped")
        and (row["precheck"], row["bug2_on"]) == ("true", "true")
    ]
    assert {row["memory"] for row in half} == {"sc", "tso", "lkmm"}
    assert {row["punch_hole"] for row in half} == {"true", "false"}
    assert all(row["bug2"].isdigit() for row in half)
    assert min(int(row["bug2"]) for row in half) == 18


def test_no_stale_pte_is_left_beside_a_truncation(stored):
    """Its last walk takes them away, whatever is left out of the scheme; a hole leaves them."""
    stale = {
        row["punch_hole"]
        for row in stored
        if row["actor"] == "truncate" and row["stale_mapping"].isdigit()
    }
    assert stale == {"true"}


@pytest.mark.parametrize(
    ("mark", "file"), [("every-order", "table.md"), ("truncation", "truncation.md")]
)
def test_the_note_shows_the_tables_of_the_study(mark, file):
    """The tables in the note are the committed ones."""
    shown = NOTE.read_text().split(f"<!-- {mark}-table -->\n")[1].split("<!-- end -->")[0]
    assert shown == (FOLDER / file).read_text()


def test_the_traces_in_the_note_are_what_the_commands_print():
    """Each command of the note prints the trace below it."""
    blocks = NOTE.read_text().split("```text\n")[1:]
    commands = re.findall(r"^`dessim (check .*)`$", NOTE.read_text(), re.MULTILINE)
    assert len(blocks) == len(commands) == 4
    for command, block in zip(commands, blocks, strict=True):
        done = CliRunner().invoke(main, command.split())
        assert done.exit_code == 0, done.output
        assert block.split("```")[0] in done.output
