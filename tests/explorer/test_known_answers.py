"""What is known about the schemes: from the thread of 2014, and found here, pinned."""

from dataclasses import replace

import pytest
from scopes import changed

from dessim import registry
from dessim.engines.explorer.story import Walk, read_schedule
from dessim.engines.explorer.watch import ptes_of
from dessim.kernel import balance
from dessim.kernel import layout as lay
from dessim.kernel.addressing import page_at
from dessim.kernel.alphabet import (
    each_page,
    get_page,
    inc,
    lock,
    lock_page,
    put_page,
    set_pte,
    unlock,
    unlock_page,
    when,
)
from dessim.registry import Scheme, programs
from dessim.study.check import Scope, check, story

LOCKLESS = Scope("gang_lookup_mapcount")
SAFE = [name for name in registry.names() if registry.load(name).promises]
BUGS = ("bug1", "bug2")
REAL = (
    *("mapcount_negative", "mapcount_below_ptes", "mapcount_at_rest", "stale_mapping"),
    *("use_after_free", "leak_at_rest", "deadlock"),
)


def steps_of(scope: Scope, *properties: str) -> dict[str, int | None]:
    """Return the length of the shortest trace for each property that is violated."""
    verdicts = check(scope, properties).verdicts
    assert all(verdict.verdict != "unknown" for verdict in verdicts)
    return {v.name: v.steps for v in verdicts if v.verdict == "sometimes"}


# --- the race of the thread ----------------------------------------------------------------------


def test_the_lockless_scheme_meets_bug1_in_ten_steps():
    """One thread, one fault: the count is raised between the look and the BUG_ON."""
    found = check(LOCKLESS, ("bug1",))
    verdict = found.verdicts[0]
    assert (verdict.verdict, verdict.steps) == ("sometimes", 10)
    lines = story(found.exploration.small, verdict.schedule)
    thread = [line.text for line in lines if line.task == 0]
    actor = [line.text for line in lines if line.task == 1]
    assert thread == [
        "down_read(mmap_sem)",
        "spin_lock(ptl)",
        *[line for line in thread if line.startswith("find_get_page(): found")],
        "pte_none(*pte)? yes",
        "page_add_file_rmap(): mapcount 0 -> 1",
    ]
    assert actor[-4:] == [
        "lock_page()",
        "page->mapping == mapping? yes",
        "page_mapped()? no",
        "BUG_ON(page_mapped(page)) fires: BUG1",
    ]
    assert lines[-1].wrong == ("bug1",)


@pytest.mark.parametrize("page", ["neighbour", "target"])
@pytest.mark.parametrize(("threads", "tables"), [(1, "shared"), (2, "shared"), (2, "own")])
@pytest.mark.parametrize("scheme", SAFE)
def test_schemes_that_lock_pages_meet_neither(scheme, threads, tables, page):
    """Who maps with the page lock held never meets either BUG_ON, nor anything worse."""
    scope = Scope(scheme, threads=threads, tables=tables, page=page)
    assert steps_of(scope, *BUGS, *REAL) == {}


@pytest.mark.parametrize("actor", ["truncate", "reclaim", "munmap"])
@pytest.mark.parametrize("scheme", SAFE)
def test_other_actors_do_no_harm_to_schemes_that_lock(scheme, actor):
    """Truncation, reclaim and munmap beside two threads: nothing goes wrong."""
    assert steps_of(Scope(scheme, actor=actor, threads=2), *BUGS, *REAL) == {}


def test_truncate_meets_the_lockless_scheme_too():
    """The BUG_ON inside the deletion fires beside truncate; reclaim and munmap know none."""
    assert set(steps_of(replace(LOCKLESS, actor="truncate"), *BUGS, *REAL)) == {"bug2"}
    for actor in ("reclaim", "munmap"):
        assert steps_of(replace(LOCKLESS, actor=actor, threads=2), *BUGS, *REAL) == {}


@pytest.mark.parametrize(
    ("changes", "bug1", "bug2"),
    [
        ({"unmap_retry": "before_bug"}, None, 13),
        ({"unmap_retry": "before_bug", "attempts": 2}, 36, 13),
        ({"unmap_retry": "before_bug", "attempts": 2, "page": "target"}, None, 13),
        ({"unmap_retry": "before_bug", "threads": 2}, 25, 13),
        ({"unmap_retry": "before_bug", "threads": 2, "tables": "own"}, 28, 13),
        ({"unmap_retry": "always_bug"}, 11, 14),
        ({"unmap_retry": "until_unmapped"}, 10, 13),
        ({"walk": "every_table"}, 14, 17),
        ({"options": {"precheck": True}}, 11, 14),
    ],
)
def test_repairs_of_the_invalidation(changes, bug1, bug2):
    """Unmapping once more helps against bug1 only if nobody faults a second time; never bug2."""
    wanted = {name: steps for name, steps in (("bug1", bug1), ("bug2", bug2)) if steps}
    assert steps_of(changed(LOCKLESS, **changes), *BUGS) == wanted


def test_unmapping_until_unmapped_may_never_end():
    """A thread that faults for ever can keep the loop going: a fair circle, and it is one."""
    scope = changed(LOCKLESS, unmap_retry="until_unmapped", attempts="repeat")
    found = check(scope, ("livelock",))
    (verdict,) = found.verdicts
    assert verdict.verdict == "sometimes"
    walk = Walk(found.exploration.small)
    keys = []
    for action in read_schedule(found.exploration.small, verdict.schedule):
        keys.append(walk.key())
        walk.make(action)
    assert walk.key() == keys[-verdict.circle]
    assert steps_of(replace(scope, attempts=2), "livelock") == {}
    assert steps_of(scope.against(unmap_retry="always_bug"), "livelock") == {}


# --- what is really wrong: with the BUG_ONs taken out ------------------------------------------


QUIET = changed(LOCKLESS, bug1=False, bug2=False, threads=2)


@pytest.mark.parametrize("memory", ["sc", "tso", "lkmm"])
def test_without_bug_ons_the_lockless_scheme_does_no_harm(memory):
    """The raised count is only ever transient: nothing stale, freed, lost or stuck."""
    assert steps_of(replace(QUIET, memory=memory), *REAL) == {}


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"options": {"mapping_recheck": False}}, {"stale_mapping"}),
        ({"options": {"recheck_order": "mapping_first"}}, {"stale_mapping"}),
        ({"options": {"reference": False}}, {"use_after_free"}),
        ({"options": {"fence": False}}, set()),
        ({"options": {"fence": False}, "memory": "tso"}, set()),
        ({"options": {"fence": False}, "memory": "lkmm"}, set()),
        (
            {"options": {"fence": False}, "memory": "tso", "plain_increment": True},
            {"stale_mapping"},
        ),
        ({"memory": "tso", "plain_increment": True}, set()),
        ({"memory": "lkmm", "acquire_only": True}, {"stale_mapping"}),
    ],
)
def test_each_part_of_the_lockless_scheme_is_needed(changes, wrong):
    """Reference, both tests, their order, a page lock that is a barrier: all needed. The fence is
    not: the increment before it returns something, and is a full barrier in every kernel.
    """
    assert set(steps_of(changed(QUIET, **changes), *REAL)) == wrong


@pytest.mark.parametrize(("fence", "verdict"), [(False, "sometimes"), (True, "unknown")])
def test_the_fence_is_for_an_increment_that_orders_nothing(fence, verdict):
    """What if the mapcount were raised by ``atomic_inc``: then the fence is what orders it. With
    it nothing is found; a later increment may overtake an earlier look, which is not decided.
    """
    scope = changed(QUIET, options={"fence": fence}, memory="lkmm", plain_increment=True)
    found = check(scope, ("stale_mapping",))
    assert found.verdicts[0].verdict == verdict
    assert any("load buffering" in text for text in found.exploration.untried)


@pytest.mark.parametrize("scheme", SAFE)
def test_schemes_that_lock_need_no_full_barrier(scheme):
    """Page locks that are acquire only are enough for who maps under them."""
    scope = Scope(scheme, threads=2, memory="lkmm", acquire_only=True)
    assert steps_of(scope, *BUGS, *REAL) == {}


# --- deliberately bad schemes ---------------------------------------------------------------------

MAP = when("pte.none", inc("page.mapcount"), set_pte(), otherwise=(put_page(),))
BLOCK_AND_MAP = (
    get_page(),
    lock_page(),
    when("page.ours_uptodate", MAP, otherwise=(put_page(),)),
    unlock_page(),
)


def bad_scheme(fault_around, slow_path=None) -> Scheme:
    """Return a scheme that is not in the folder."""
    slow = registry.load("no_fault_around").slow_path if slow_path is None else slow_path
    return Scheme("bad", "", fault_around, slow, {}, {}, (), "mmap_lock")


def deadlocks(scheme: Scheme, scope: Scope) -> bool:
    """Return whether a scheme can deadlock."""
    (verdict,) = check(scope, ("deadlock",), scheme=scheme).verdicts
    assert verdict.verdict != "unknown"
    return verdict.verdict == "sometimes"


NEIGHBOURS = each_page(when("not_target", when("page.cached", *BLOCK_AND_MAP)))
TARGET = (get_page(), lock_page(), lock("ptl"), MAP)
UNDER_PTL = bad_scheme((), (*TARGET, unlock_page(), NEIGHBOURS, unlock("ptl")))
HOLDING_THE_TARGET = bad_scheme((), (*TARGET, NEIGHBOURS, unlock("ptl"), unlock_page()))
EACH_ITS_TARGET = Scope("bad", actor="none", page="target", pages=2, threads=2)


@pytest.fixture
def may_sleep(monkeypatch):
    """Let programs sleep with a spinlock, which is refused before anything is explored."""
    monkeypatch.setattr(balance, "sleeps", lambda number, a, b: False)
    programs._imbalance.cache_clear()
    yield
    programs._imbalance.cache_clear()


@pytest.mark.usefixtures("may_sleep")
def test_blocking_on_a_page_under_the_ptl_deadlocks():
    """One thread holds the page-table lock and wants a page that another has locked, who wants the
    page-table lock. Beside an invalidation that always takes it one thread is enough.
    """
    assert deadlocks(UNDER_PTL, EACH_ITS_TARGET)
    assert deadlocks(UNDER_PTL, Scope("bad", page="target", pages=2).against(walk="every_table"))
    assert not deadlocks(UNDER_PTL, replace(EACH_ITS_TARGET, threads=1))


@pytest.mark.usefixtures("may_sleep")
def test_two_processes_deadlock_if_they_block_on_neighbours_with_their_targets_locked():
    """Own page tables: each holds its target's page lock and waits for the other's."""
    own = replace(EACH_ITS_TARGET, tables="own")
    assert deadlocks(HOLDING_THE_TARGET, own)
    assert not deadlocks(HOLDING_THE_TARGET, replace(own, pages=1))
    assert not deadlocks(UNDER_PTL, own), "the target is unlocked first: nobody waits in a circle"


@pytest.mark.parametrize("memory", ["sc", "tso", "lkmm"])
def test_a_bug_on_that_looked_at_page_tables_would_never_fire(memory):
    """No state of the lockless scheme has a pte for a page that has left the page cache: what the
    BUG_ONs are afraid of does not happen, only what they look at.
    """
    made = check(replace(QUIET, memory=memory), ("deadlock",)).exploration
    walk = Walk(made.small)
    w, mapped = walk.w, 0
    for key in made.keys:
        walk.go_to([int(word) for word in key])
        mapped += ptes_of(w, 0)
        ours = w[page_at(w, 0) + lay.P_FLAGS] & lay.FLAG_OURS
        assert ours or ptes_of(w, 0) == 0
    assert mapped, "in some states it is mapped"
