"""Real bugs of the kernel, found again: each version of each protocol has the verdict it must have.

Verdicts are those of commit messages and reports; where the explorer differs, the row says so.
"""

import csv
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner
from studies import loaded

from dessim import registry
from dessim.cli import main
from dessim.study.check import check_protocol, protocol_scope, protocol_small_world, story


@dataclass(frozen=True)
class Case:
    """A protocol with options: which properties are violated under which models."""

    name: str
    wrong: str
    models: tuple[str, ...] = ("sc", "tso", "pso")
    never: tuple[str, ...] = ()
    options: dict = field(default_factory=dict)


LOST, SOME = "no_store_lost", ("sc", "tso", "pso")
K1 = "killed_waiter"
CASES = [
    Case(K1, "deadlock"),
    Case(K1, "deadlock", (), SOME, {"version": "after"}),
    Case(K1, "deadlock", ("tso", "pso"), ("sc",), {"version": "plain_unlock"}),
    Case(K1, "deadlock", (), SOME, {"version": "fenced_unlock"}),
    Case(K1, "deadlock", (), ("sc",), {"version": "passed_on", "threads": 2}),
    # one more waiter: the fix of 4.13 still loses a wake-up (docs/races.md)
    Case(K1, "deadlock", ("sc",), (), {"version": "after", "threads": 2}),
    Case("vma_lock_release", "bug_on", ("pso", "lkmm"), ("sc", "tso")),
    Case("vma_lock_release", "bug_on", ("lkmm",), SOME, {"store": "release"}),
    Case("vma_lock_release", "bug_on", ("pso", "lkmm"), ("sc", "tso"), {"load": "acquire"}),
    Case(
        "vma_lock_release",
        "bug_on",
        (),
        (*SOME, "lkmm"),
        {"store": "release", "load": "acquire", "threads": 2},
    ),
    Case("anon_vma_check", "bug_on", (*SOME, "lkmm")),
    Case("anon_vma_check", "bug_on", (), (*SOME, "lkmm"), {"version": "after"}),
    Case("anon_vma_check", "bug_on", SOME, (), {"version": "test_again"}),
    Case("anon_vma_check", "bug_on", (), SOME, {"version": "mmap_lock"}),
    Case("anon_vma_check", "bug_on", (), SOME, {"version": "in_rcu"}),
    Case("anon_vma_check", "adopted_from_dead", SOME, (), {"version": "in_rcu"}),
    Case(
        "anon_vma_check",
        "bug_on",
        (),
        ("sc",),
        {"version": "after", "one_writer": False, "threads": 2},
    ),
    Case("hole_punch", "stale_data"),
    Case("hole_punch", "stale_data", (), SOME, {"version": "after"}),
    Case("hole_punch", "stale_data", (), SOME, {"version": "submitted"}),
    Case("hole_punch", "stale_data", SOME, (), {"version": "early_lookup"}),
    Case("hole_punch", "stale_data", SOME, (), {"version": "removal_only"}),
    Case("hole_punch", "deadlock", SOME, (), {"version": "inode_lock"}),
    Case("hole_punch", "stale_data", (), ("sc",), {"version": "after", "threads": 2}),
    Case("lost_dirty", LOST),
    Case("lost_dirty", LOST, SOME, (), {"mapped_twice": True}),
    Case("lost_dirty", LOST, SOME, (), {"version": "B"}),
    Case("lost_dirty", LOST, (), SOME, {"version": "B", "mapped_twice": True}),
    Case("lost_dirty", LOST, (), SOME, {"version": "C"}),
    Case("lost_dirty", LOST, (), SOME, {"version": "C", "mapped_twice": True}),
    Case("lost_dirty", LOST, SOME, (), {"version": "C_peek"}),
    Case("lost_dirty", LOST, ("sc",), (), {"one_cpu": True}),
    Case("lost_dirty", LOST, (), ("sc",), {"one_cpu": True, "preemptible": False}),
    Case("lost_dirty", LOST, (), ("sc",), {"version": "B", "one_cpu": True}),
    Case("lost_dirty", LOST, (), ("sc",), {"version": "C", "threads": 2}),
    Case("stack_rot", "bug_on", (*SOME, "lkmm")),
    Case("stack_rot", "bug_on", (), (*SOME, "lkmm"), {"version": "after", "threads": 2}),
    Case("stack_rot", "bug_on", (), (*SOME, "lkmm"), {"version": "in_rcu", "threads": 2}),
    Case("dirty_cow", "file_written"),
    Case("dirty_cow", "file_written", (), SOME, {"version": "after"}),
    Case("dirty_cow", "file_written", SOME, (), {"version": "no_dirty_test", "reader": True}),
    Case("dirty_cow", "file_written", (), SOME, {"version": "keep_ptl"}),
    Case("dirty_cow", "file_written", (), SOME, {"write_locked": True}),
    Case(
        "dirty_cow",
        "file_written",
        (),
        ("sc",),
        {"version": "after", "reader": True, "threads": 2},
    ),
    Case("mremap_flush", "freed_page_written"),
    Case("mremap_flush", "freed_page_written", (), SOME, {"version": "after", "threads": 2}),
    Case("gup_fork", "pinned_page_shared", (*SOME, "lkmm")),
    # in lkmm nothing but a lock is between fork's store and its load (docs/races.md)
    Case("gup_fork", "pinned_page_shared", ("lkmm",), SOME, {"version": "after"}),
    Case("gup_fork", "pinned_page_shared", SOME, (), {"version": "check_first"}),
    Case("swap_twice", LOST, (*SOME, "lkmm")),
    Case("swap_twice", LOST, (), SOME, {"version": "after", "threads": 3}),
    Case("swap_twice", LOST, SOME, (), {"version": "late"}),
    Case("futex_waiters", "deadlock", ("lkmm",), SOME),
    Case("futex_waiters", "deadlock", (), (*SOME, "lkmm"), {"version": "after", "threads": 2}),
    Case("futex_waiters", "deadlock", ("tso", "pso", "lkmm"), ("sc",), {"version": "no_fence"}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.name}-{c.options}-{c.wrong}")
def test_a_known_race_has_its_verdict(case):
    """Found where it was a bug, with a trace that replays; never where it was fixed."""
    for memory in (*case.models, *case.never):
        scope = protocol_scope(case.name, case.options, memory)
        found = {one.name: one for one in check_protocol(scope).verdicts}
        one = found[case.wrong]
        if memory in case.never:
            assert one.verdict == "never", memory
            continue
        assert one.verdict == "sometimes", memory
        lines = story(protocol_small_world(scope), one.schedule)
        assert len(lines) == one.steps
        violated = {name for line in lines for name in line.wrong}
        assert case.wrong in violated or case.wrong == "deadlock"


def test_nothing_else_goes_wrong_in_what_is_fixed():
    """The fixed versions have no other property violated, and nobody waits for ever."""
    fixed = {
        "dirty_cow": {"version": "after", "reader": True},
        "killed_waiter": {"version": "after"},
        "vma_lock_release": {"store": "release", "load": "acquire"},
        "anon_vma_check": {"version": "after"},
        "hole_punch": {"version": "after"},
        "lost_dirty": {"version": "C"},
        "stack_rot": {"version": "after"},
        "mremap_flush": {"version": "after"},
        "gup_fork": {"version": "after"},
        "swap_twice": {"version": "after"},
        "futex_waiters": {"version": "after"},
    }
    assert set(fixed) == set(registry.protocol_names())
    for name, options in fixed.items():
        scope = protocol_scope(name, options)
        assert {one.verdict for one in check_protocol(scope).verdicts} == {"never"}, name


FOLDER = Path(__file__).parents[2] / "experiments" / "known_races"
NOTE = Path(__file__).parents[2] / "docs" / "races.md"
in_checkout = pytest.mark.skipif(not FOLDER.exists(), reason="only a checkout has the study")


@pytest.fixture(scope="module")
def study():
    """Return the script that makes the table as a module."""
    return loaded(FOLDER / "study.py")


@in_checkout
def test_a_sample_of_the_table_is_found_again(study):
    """Versions drawn at random have the committed verdicts, steps and states in every model."""
    stored = list(csv.DictReader((FOLDER / "verdicts.csv").read_text().splitlines()))
    each = len(study.MODELS)
    assert len(stored) == each * len(study.CASES)
    light = [k for k, case in enumerate(study.CASES) if case.protocol != "killed_waiter"]
    for place in random.Random(5).sample(light, 12):
        again = study.as_csv(study.explored(study.CASES[place]))
        found = list(csv.DictReader(again.splitlines()))
        assert found == stored[each * place : each * (place + 1)]


@in_checkout
def test_the_table_has_every_version_of_every_protocol(study):
    """And the note shows the committed one."""
    for name in registry.protocol_names():
        one = registry.load_protocol(name)
        cases = [case for case in study.CASES if case.protocol == name]
        for key, values in one.choices.items():
            assert {case.options.get(key, one.options[key]) for case in cases} == set(values), name
    stored = list(csv.DictReader((FOLDER / "verdicts.csv").read_text().splitlines()))
    table = (FOLDER / "table.md").read_text()
    assert study.table(stored) == table
    assert NOTE.read_text().split("<!-- races-table -->\n")[1].split("<!-- end -->")[0] == table


@in_checkout
def test_the_traces_of_the_note_are_what_the_commands_print():
    """Each command prints the trace below it."""
    text = NOTE.read_text()
    shown = re.findall(r"^`dessim (check [^`]*)`\n\n```text\n(.*?)```", text, re.M | re.S)
    assert len(shown) == text.count("```text") == 4
    for command, trace in shown:
        done = CliRunner().invoke(main, command.split())
        assert done.exit_code == 1, done.output
        assert trace in done.output


def test_every_protocol_says_what_it_is_and_where_it_comes_from():
    """Its docstring has a source, and names each option."""
    for name in registry.protocol_names():
        one = registry.load_protocol(name)
        assert "Source\n------" in one.description, name
        for option in one.options:
            assert option in one.description, (name, option)
