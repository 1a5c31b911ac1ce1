"""Real bugs of the kernel, found again: each version of each protocol has the verdict it must have.

Verdicts are those of commit messages and reports; where the explorer differs, the row says so.
"""

from dataclasses import dataclass, field

import pytest

from dessim import registry
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
    # one more waiter: the fix of 4.13 still loses a wake-up (docs/protocols.md)
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
    }
    for name, options in fixed.items():
        scope = protocol_scope(name, options)
        assert {one.verdict for one in check_protocol(scope).verdicts} == {"never"}, name


def test_every_protocol_says_what_it_is_and_where_it_comes_from():
    """Its docstring has a source, and names each option."""
    for name in registry.protocol_names():
        one = registry.load_protocol(name)
        assert "Source\n------" in one.description, name
        for option in one.options:
            assert option in one.description, (name, option)
