"""`dessim check` and a checker that shares nothing with it come to the same verdicts.

The checker (``plain_*.py``) is plain Python, written from descriptions of the protocols and not
from dessim's programs. Its steps are others, so that verdicts are compared and not traces.
"""

import ast
import json
import sys
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import plain_actors
import pytest
from click.testing import CliRunner
from plain_machine import If, Machine
from plain_scope import PROPERTIES, Scope

from dessim.cli import main

SCHEMES = (
    *("no_fault_around", "lock_each_page", "gang_lookup_mapcount"),
    *("radix_walk_trylock", "folio_batch"),
)
LOCKLESS = Scope("gang_lookup_mapcount")
QUIET = replace(LOCKLESS, bug1=False, bug2=False)
CUT = replace(LOCKLESS, actor="truncate")

# Every scheme beside every actor: answers 1 and 2 of docs/thread-2014.md.
BESIDE = [
    Scope(scheme, actor=actor, threads=2, tables=tables, page=page)
    for scheme, actor, tables, page in product(
        SCHEMES,
        ("invalidate", "reclaim", "munmap", "none"),
        ("shared", "own"),
        ("neighbour", "target"),
    )
]
STORE_BUFFERS = [
    Scope(scheme, actor=actor, threads=2, page=page, memory="tso")
    for scheme, actor, page in product(
        SCHEMES, ("invalidate", "reclaim", "munmap"), ("neighbour", "target")
    )
]
STORE_BUFFERS += [
    Scope(scheme, actor="none", threads=2, tables="own", page="target", memory="tso")
    for scheme in SCHEMES
]
# Every way to unmap again, to walk and to look first: answers 3 to 6, and their table.
SIZES = (
    {},
    {"attempts": 2},
    {"attempts": 2, "page": "target"},
    {"threads": 2},
    {"threads": 2, "tables": "own"},
)
REPAIRS = [
    replace(LOCKLESS, unmap_retry=retry, walk=walk, precheck=precheck, **size)
    for retry, walk, precheck, size in product(
        ("none", "before_bug", "always_bug", "until_unmapped"),
        ("if_mapped", "every_table"),
        (False, True),
        SIZES,
    )
    if (retry, walk) != ("until_unmapped", "every_table")
]
# What each part of the lockless scheme is for: answer 7, and the table of what is left out.
LEFT_OUT = (
    *({}, {"fence": False}, {"reference": False}, {"mapping_recheck": False}),
    *({"recheck_order": "mapping_first"}, {"precheck": True}),
)
MODELS = ({}, {"memory": "tso"}, {"memory": "tso", "increment": "plain"})
PARTS = [
    replace(scope, **left_out, **model)
    for scope, left_out, model in product((LOCKLESS, QUIET), LEFT_OUT, MODELS)
]
PARTS += [
    replace(LOCKLESS, actor=actor, **left_out)
    for actor, left_out in product(("reclaim", "munmap"), LEFT_OUT)
]
LARGER = [
    *(replace(QUIET, threads=2, tables=tables, memory="tso") for tables in ("shared", "own")),
    *(replace(QUIET, threads=3, tables=tables) for tables in ("shared", "own")),
    replace(QUIET, threads=2, pages=2),
    replace(QUIET, threads=2, attempts=2),
    replace(LOCKLESS, precheck=True, walk="every_table", threads=3),
    replace(LOCKLESS, precheck=True, walk="every_table", pages=2),
    replace(LOCKLESS, precheck=True, walk="every_table", threads=2, fence=False, memory="tso"),
    replace(LOCKLESS, precheck=True, unmap_retry="before_bug", bug2=False, threads=3),
    *(Scope(scheme, threads=2, page="target", pages=2) for scheme in SCHEMES),
]
# truncate_pagecache ends with a walk through every page table of the range, in any case.
TRUNCATE = [
    Scope(scheme, actor="truncate", threads=2, tables=tables, page=page)
    for scheme, tables, page in product(SCHEMES, ("shared", "own"), ("neighbour", "target"))
]
TRUNCATE += [
    replace(CUT, bug2=bug2, punch_hole=hole, **left_out, **model)
    for bug2, hole, left_out, model in product((True, False), (False, True), LEFT_OUT, MODELS)
]
TRUNCATE += [
    replace(CUT, precheck=True, walk="every_table"),
    replace(CUT, precheck=True, walk="every_table", threads=2, tables="own"),
    replace(CUT, precheck=True, walk="every_table", fence=False, memory="tso"),
]
COMPARED = list(dict.fromkeys(BESIDE + STORE_BUFFERS + REPAIRS + PARTS + LARGER + TRUNCATE))

independent = cache(plain_actors.verdicts)


def said(scope: Scope) -> dict[str, str]:
    """Return the verdicts of `dessim check`."""
    wanted = [word for name in PROPERTIES for word in ("--property", name)]
    result = CliRunner().invoke(main, ["check", *scope.words(), *wanted, "--format", "json"])
    assert result.exit_code == 0, result.output
    return {row["property"]: row["verdict"] for row in json.loads(result.stdout)}


def bad(scope: Scope) -> set[str]:
    """Return what sometimes happens, as this checker sees it."""
    return {name for name, verdict in independent(scope).items() if verdict == "sometimes"}


@pytest.mark.parametrize("scope", COMPARED, ids=lambda scope: "_".join(scope.words()))
def test_verdicts_agree(scope):
    """Both searches come to the same verdict on each property."""
    assert said(scope) == independent(scope)


def test_what_is_compared_decides_something():
    """All pairs of scheme and actor are compared, and both verdicts occur where both can."""
    pairs = {(scope.scheme, scope.actor) for scope in COMPARED}
    assert len(COMPARED) >= 330
    assert pairs >= set(product(SCHEMES, ("invalidate", "truncate", "reclaim", "munmap")))
    for name in ("bug1", "bug2", "stale_mapping", "use_after_free"):
        assert {independent(scope)[name] for scope in PARTS} == {"never", "sometimes"}


def test_the_checker_imports_nothing_of_dessim():
    """Only the standard library, and its own files."""
    here = Path(__file__).parent
    files = sorted(here.glob("plain_*.py"))
    assert len(files) == 4
    for file in files:
        nodes = list(ast.walk(ast.parse(file.read_text())))
        names = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
        names |= {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
        assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names | {
            file.stem for file in files
        }


# --- seeded mistakes: the checker bites -----------------------------------------------------------


@pytest.mark.parametrize(
    ("mistake", "scope", "found"),
    [
        ("no_page_lock", Scope("lock_each_page"), {"bug1", "bug2", "stale_mapping"}),
        ("no_page_lock", Scope("radix_walk_trylock"), {"bug1", "bug2", "stale_mapping"}),
        ("no_page_lock", Scope("folio_batch"), {"bug1", "bug2", "stale_mapping"}),
        (
            "no_page_lock",
            Scope("no_fault_around", page="target"),
            {"bug1", "bug2", "stale_mapping"},
        ),
        ("no_mapping_check", Scope("radix_walk_trylock"), {"stale_mapping"}),
        ("busy_keeps_reference", Scope("radix_walk_trylock"), {"leak_at_rest"}),
        ("sleeps_under_ptl", Scope("radix_walk_trylock", walk="every_table"), {"deadlock"}),
        (
            "no_ptl",
            Scope("lock_each_page", actor="none", threads=2),
            {"mapcount_at_rest", "leak_at_rest"},
        ),
        ("ptl_kept", Scope("radix_walk_trylock", actor="none", threads=2), {"deadlock"}),
        ("pte_first", Scope("radix_walk_trylock", actor="none"), {"mapcount_below_ptes"}),
        (
            "lowers_twice",
            Scope("radix_walk_trylock", actor="munmap"),
            {"mapcount_negative", "mapcount_below_ptes", "mapcount_at_rest"},
        ),
        (
            "frees_anyway",
            Scope("radix_walk_trylock", actor="reclaim"),
            {"use_after_free", "leak_at_rest"},
        ),
    ],
)
def test_a_seeded_mistake_changes_verdicts(mistake, scope, found):
    """Nothing is wrong with the scheme; with the mistake this is, and nothing else."""
    assert bad(scope) == set()
    assert bad(replace(scope, mistake=mistake)) == found


# --- the memory model, alone ----------------------------------------------------------------------


def outcomes(memory: str, first, second) -> set[tuple[int, int]]:
    """Return what two tasks can have read in the end, one word each."""
    machine = Machine(memory)
    x, y, a, b = (machine.word() for _ in range(4))
    for make in (first, second):
        task = machine.task()
        task.run(make(task, x, y, a, b))
    return {(state[a], state[b]) for state, at_rest, _ in machine.reachable() if at_rest}


def reads(task, word, into):
    """Read a word into another, at once."""
    load = task.load(word)

    def step(words):
        words[into] = load(words)
        return 0

    return step


@pytest.mark.parametrize(
    ("memory", "fence", "both_old"),
    [("sc", False, False), ("tso", False, True), ("tso", True, False)],
)
def test_store_buffering(memory, fence, both_old):
    """Store, then load of the other's word: both old only through store buffers without a fence."""

    def side(mine, into):
        def program(task, x, y, a, b):
            own, other = ((x, y), (y, x))[mine]
            between = [task.fence()] if fence else []
            return [task.store(own, 1), *between, reads(task, other, (a, b)[into])]

        return program

    assert ((0, 0) in outcomes(memory, side(0, 0), side(1, 1))) is both_old


@pytest.mark.parametrize("memory", ["sc", "tso"])
def test_message_passing(memory):
    """Stores become visible in order: who sees the second sees the first."""

    def writer(task, x, y, a, b):
        return [task.store(x, 1), task.store(y, 1)]

    def reader(task, x, y, a, b):
        return [reads(task, y, a), reads(task, x, b)]

    assert outcomes(memory, writer, reader) == {(0, 0), (0, 1), (1, 1)}


def test_a_task_sees_its_own_stores():
    """A load is answered from the task's own buffer, plain increments included."""

    def alone(task, x, y, a, b):
        plus = task.store(x, 1, adds=True)
        seen = task.load(x)
        return [plus, plus, If(lambda words: seen(words) == 2, [reads(task, x, a)])]

    assert outcomes("tso", alone, lambda *_: []) == {(2, 0)}
