"""Against truncation and a hole: bug2, what heals a stale pte, and what both repairs need."""

from dataclasses import replace
from pathlib import Path

import pytest
from scopes import changed

from dessim import registry
from dessim.actors import truncate
from dessim.engines.explorer.story import Walk
from dessim.engines.explorer.watch import ptes_of
from dessim.kernel import layout as lay
from dessim.kernel.addressing import page_at
from dessim.study.check import Scope, check, property_names, story

LOCKLESS = Scope("gang_lookup_mapcount", actor="truncate")
PRECHECK = {"precheck": True}


def steps_of(scope: Scope, *properties: str) -> dict[str, int | None]:
    """Return the length of the shortest trace for each property that is violated."""
    verdicts = check(scope, properties).verdicts
    assert all(verdict.verdict != "unknown" for verdict in verdicts)
    return {v.name: v.steps for v in verdicts if v.verdict == "sometimes"}


@pytest.mark.parametrize("punch_hole", [False, True])
@pytest.mark.parametrize(
    ("walk", "options", "memory", "steps"),
    [
        ("if_mapped", {}, "sc", 17),
        ("if_mapped", PRECHECK, "sc", 18),
        ("if_mapped", PRECHECK, "tso", 19),
        ("if_mapped", PRECHECK, "lkmm", 18),
        ("every_table", {}, "sc", 21),
        ("every_table", {}, "tso", 23),
        ("every_table", {}, "lkmm", 21),
    ],
)
def test_neither_half_of_the_repair_keeps_bug2_away(walk, options, memory, steps, punch_hole):
    """With Linux's own truncate_inode_page the pre-check is not enough; nor is the walk alone."""
    scope = changed(
        LOCKLESS, options=options, actor="truncate", walk=walk, punch_hole=punch_hole, memory=memory
    )
    assert steps_of(scope, "bug1", "bug2") == {"bug2": steps}


@pytest.mark.parametrize("punch_hole", [False, True])
@pytest.mark.parametrize("memory", ["sc", "tso", "lkmm"])
def test_the_repair_of_both_sides_is_enough(memory, punch_hole):
    """Pre-check, and a walk over every page table in truncate_inode_page: nothing is violated."""
    whole = changed(LOCKLESS, options=PRECHECK, actor="truncate", walk="every_table")
    scope = replace(whole.against(punch_hole=punch_hole), memory=memory, threads=2)
    assert steps_of(scope, *(name for name in property_names() if name != "livelock")) == {}


def test_bug2_comes_between_the_look_and_the_deletion():
    """The trace of the note: the first walk, the pre-check, the lock, the look, the count."""
    found = check(changed(LOCKLESS, options=PRECHECK), ("bug2",))
    lines = story(found.exploration.small, found.verdicts[0].schedule)
    texts = [line.text for line in lines]
    walked = texts.index("mutex_unlock(i_mmap_mutex)")
    assert "spin_lock(ptl)" in texts[:walked]
    looked = next(i for i, text in enumerate(texts) if text.startswith("page_mapped()? no"))
    raised = next(i for i, text in enumerate(texts) if text.startswith("page_add_file_rmap()"))
    deleted = next(i for i, text in enumerate(texts) if text.startswith("radix_tree_delete()"))
    assert walked < looked < deleted
    assert looked < raised
    assert texts[-1] == "BUG_ON(page_mapped(page)) fires: BUG2"


# --- what the last walk heals -------------------------------------------------------------------

QUIET = changed(LOCKLESS, actor="truncate", bug2=False, threads=2)
STALE = [
    ({"mapping_recheck": False}, {}, 50),
    ({"recheck_order": "mapping_first"}, {}, 51),
    ({"fence": False}, {"memory": "tso", "plain_increment": True}, 62),
    ({}, {"memory": "lkmm", "acquire_only": True}, 52),
]


@pytest.mark.parametrize(("options", "changes", "steps"), STALE)
def test_the_last_walk_of_a_truncation_heals_what_a_hole_leaves(options, changes, steps):
    """A pte that is set after the page has left its file: a truncation takes it away, a hole not.

    The threads find pages with the page-table lock held, for which the last walk waits.
    """
    scope = changed(QUIET, options=options, **changes)
    assert steps_of(scope, "stale_mapping") == {}
    assert steps_of(scope.against(punch_hole=True), "stale_mapping") == {"stale_mapping": steps}


def test_the_increment_is_the_fence_of_the_scheme():
    """It returns a value, so that a hole leaves nothing without the fence, in any model."""
    for memory in ("sc", "tso", "lkmm"):
        bare = changed(QUIET, options={"fence": False}, memory=memory, punch_hole=True)
        assert steps_of(bare, "stale_mapping") == {}


def test_lkmm_decides_only_half_without_any_order():
    """An increment that orders nothing, and no fence: a hole leaves a pte in 51 steps.

    What a truncation leaves, and either of them with the fence, is not decided: a later store
    might overtake a load.
    """
    bare = changed(QUIET, memory="lkmm", plain_increment=True)
    less = changed(bare, options={"fence": False})
    assert steps_of(less.against(punch_hole=True), "stale_mapping") == {"stale_mapping": 51}
    for scope in (less, bare, bare.against(punch_hole=True)):
        found = check(scope, ("stale_mapping",))
        assert found.verdicts[0].verdict == "unknown"
        assert any("load buffering" in text for text in found.exploration.untried)


@pytest.mark.parametrize("punch_hole", [False, True])
@pytest.mark.parametrize("memory", ["sc", "tso", "lkmm"])
def test_a_bug_on_that_looked_at_page_tables_would_never_fire(memory, punch_hole):
    """Beside truncation and a hole, too, no state has a pte for a page that left the page cache."""
    scope = replace(QUIET.against(punch_hole=punch_hole), memory=memory)
    made = check(scope, ("deadlock",)).exploration
    walk = Walk(made.small)
    mapped = 0
    for key in made.keys:
        walk.go_to([int(word) for word in key])
        ptes = ptes_of(walk.w, 0)
        mapped += ptes
        assert ptes == 0 or walk.w[page_at(walk.w, 0) + lay.P_FLAGS] & lay.FLAG_OURS
    assert mapped, "in some states it is mapped"


# Mistakes in the program, one by one: what is written, what is written in its place.
LAST = 'option("punch_hole", otherwise=UNMAP_RANGE)'
GUARDED = 'when("page.cached", *UNMAP_RANGE)'
FIRST = 'count("invalidations"),\n    *UNMAP_RANGE,\n'
LOOK = 'TRUNCATE_PAGE = (*UNMAP_IF_MAPPED, when("page.ours", *DELETE))'
BLIND = 'TRUNCATE_PAGE = (when("page.ours", *DELETE),)'


@pytest.fixture
def mistaken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that makes an actor of truncate's program with something else in it."""

    def make(written: str, instead: str) -> Scope:
        text = Path(truncate.__file__).read_text()
        assert text.count(written) == 1
        (tmp_path / "actors").mkdir()
        (tmp_path / "actors" / "mistaken.py").write_text(text.replace(written, instead))
        monkeypatch.chdir(tmp_path)
        return Scope("gang_lookup_mapcount").against("mistaken")

    return make


def test_a_last_walk_behind_a_guard_is_noticed(mistaken):
    """Asked for pages that are still in the page cache, the last walk never comes."""
    scope = replace(mistaken(LAST, GUARDED).against(bug2=False), threads=2)
    for options, changes, _ in STALE:
        found = steps_of(changed(scope, options=options, **changes), "stale_mapping")
        assert set(found) == {"stale_mapping"}


def test_a_first_walk_behind_a_guard_is_noticed(mistaken):
    """A first walk that asks whether the page is mapped makes bug2 come too early."""
    guarded = FIRST.replace("*UNMAP_RANGE", "each_folio_in_range(*UNMAP_IF_MAPPED)")
    assert steps_of(mistaken(FIRST, guarded), "bug2") == {"bug2": 13}


def test_a_deletion_without_a_walk_is_noticed(mistaken):
    """Who deletes without unmapping meets bug2 in the way of any scheme, locks or not."""
    found = replace(mistaken(LOOK, BLIND), scheme="radix_walk_trylock")
    assert set(steps_of(found, "bug2")) == {"bug2"}
    assert steps_of(Scope("radix_walk_trylock", actor="truncate"), "bug2") == {}


# --- reclaim deletes through the same function --------------------------------------------------


def test_reclaim_meets_bug2_only_without_the_reference():
    """The count is frozen at two; who raises a mapcount without a reference is not counted."""
    scope = Scope("gang_lookup_mapcount", actor="reclaim", threads=2)
    assert steps_of(scope, "bug2", "use_after_free") == {}
    less = changed(scope, options={"reference": False})
    assert steps_of(less, "bug2", "use_after_free") == {"bug2": 13, "use_after_free": 11}
    assert set(steps_of(less.against(bug2=False), "bug2", "use_after_free")) == {"use_after_free"}


@pytest.mark.parametrize("walk", ["if_mapped", "every_table"])
@pytest.mark.parametrize("name", [n for n in registry.names() if registry.load(n).promises])
def test_schemes_that_lock_pages_meet_nothing_beside_a_hole(name, walk):
    """Without the last walk, too, who maps under the page lock leaves nothing behind."""
    scope = Scope(name, threads=2).against("truncate", punch_hole=True, walk=walk)
    assert steps_of(scope, "bug2", "stale_mapping", "leak_at_rest", "deadlock") == {}
