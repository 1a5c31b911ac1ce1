"""What each memory model allows: the classic litmus tests, with the operations of the schemes.

A store takes the page under the cursor out of the page cache; a load looks whether it is out, and
notes that by a reference to the page. Outcomes are thus what was counted on pages 0 and 1.
"""

import pytest
from tiny import STORE, endings, other_page, tiny

from dessim.kernel.alphabet import Step, fence, inc, lock_page, note, when

MODELS = ("sc", "tso", "lkmm")
NOTE = inc("page.refcount")
BOTH_OLD = (0, 0)
LOAD_FIRST = when("page.ours", note(False), otherwise=(note(True),))
LOAD = when("page.ours", otherwise=(NOTE,))
FLAG_WITHOUT_DATA = (0, 1)


def store_buffering(*between: Step) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Each task stores to its own page and loads the other's."""
    first = (STORE, *between, *other_page("a"), LOAD)
    second = (*other_page("b"), STORE, *between, *other_page("c"), LOAD)
    return first, second


@pytest.mark.parametrize("memory", MODELS)
def test_store_buffering(memory):
    """Both loads may miss both stores where stores are delayed, and only there; all else may be."""
    others = {(0, 1), (1, 0), (1, 1)}
    delayed = set() if memory == "sc" else {BOTH_OLD}
    assert endings(tiny(*store_buffering(), memory=memory)) == others | delayed


@pytest.mark.parametrize("memory", MODELS)
def test_store_buffering_with_fences_is_forbidden(memory):
    """A fence between store and load makes at least one load see the other's store."""
    assert BOTH_OLD not in endings(tiny(*store_buffering(fence()), memory=memory))


@pytest.mark.parametrize("memory", MODELS)
def test_a_locked_instruction_that_returns_something_is_a_fence(memory):
    """An atomic addition to a reference count orders what is around it."""
    programs = store_buffering(inc("page.refcount"))
    assert endings(tiny(*programs, memory=memory)) == {(1, 2), (2, 1), (2, 2)}


@pytest.mark.parametrize("memory", MODELS)
def test_raising_the_mapcount_is_a_full_barrier(memory):
    """``page_add_file_rmap`` is ``atomic_inc_and_test``: it returns something, and orders all."""
    assert BOTH_OLD not in endings(tiny(*store_buffering(inc("page.mapcount")), memory=memory))


@pytest.mark.parametrize("memory", ["tso", "lkmm"])
def test_an_increment_that_orders_nothing_is_no_fence(memory):
    """What if: without the lock prefix on x86, and an atomic that returns nothing elsewhere."""
    programs = store_buffering(inc("page.mapcount"))
    assert BOTH_OLD in endings(tiny(*programs, memory=memory, plain_increment=True))


def test_the_page_lock_is_a_fence_unless_it_is_acquire_only():
    """Two tasks that each lock a page, then look at the other's, miss each other only then."""
    look = when("page.unlocked", otherwise=(NOTE,))
    first = (lock_page(), *other_page("a"), look)
    second = (*other_page("b"), lock_page(), *other_page("c"), look)
    for memory in MODELS:
        assert BOTH_OLD not in endings(tiny(first, second, memory=memory))
    assert BOTH_OLD in endings(tiny(first, second, memory="lkmm", acquire_only=True))


def test_a_page_lock_that_nobody_sees_yet_is_still_a_lock():
    """Two tasks that lock one page never both hold it, acquire only or not."""
    take = (lock_page(), NOTE)
    assert endings(tiny(take, take, memory="lkmm", acquire_only=True)) == set()


def message_passing(
    *between_stores: Step, between_loads: tuple[Step, ...] = ()
) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """One task writes data (page 0), then a flag (page 1); the other reads flag, then data."""
    writer = (STORE, *between_stores, *other_page("a"), STORE)
    count_flag = (*other_page("d"), when("noted", NOTE))  # a reference is a barrier: at the end
    reader = (*other_page("b"), LOAD_FIRST, *between_loads, *other_page("c"), LOAD, *count_flag)
    return writer, reader


@pytest.mark.parametrize(("memory", "allowed"), [("sc", False), ("tso", False), ("lkmm", True)])
def test_message_passing(memory, allowed):
    """The flag can be seen before the data only where stores, and loads, pass each other."""
    found = endings(tiny(*message_passing(), memory=memory))
    assert (FLAG_WITHOUT_DATA in found) is allowed


@pytest.mark.parametrize(
    ("stores", "loads", "allowed"),
    [((fence(),), (fence(),), False), ((fence(),), (), True), ((), (fence(),), True)],
)
def test_message_passing_needs_a_fence_on_both_sides(stores, loads, allowed):
    """In lkmm loads pass each other as stores do: one fence is not enough."""
    programs = message_passing(*stores, between_loads=loads)
    for memory in MODELS:
        found = FLAG_WITHOUT_DATA in endings(tiny(*programs, memory=memory))
        assert found is (allowed and memory == "lkmm")


@pytest.mark.parametrize("memory", MODELS)
def test_load_buffering_is_forbidden(memory):
    """Two loads never both see stores that are only made because of what they found."""
    first = when("page.ours", *other_page("a"), STORE, otherwise=(*other_page("b"), STORE, NOTE))
    second = when("page.ours", *other_page("d"), STORE, otherwise=(*other_page("e"), STORE, NOTE))
    found = endings(tiny((first,), (*other_page("c"), second), memory=memory))
    assert found == {(0, 0), (0, 1), (1, 0)}


@pytest.mark.parametrize("memory", MODELS)
def test_coherence(memory):
    """Of two loads of one page in a row the second never sees an older value than the first."""
    first_new = when("page.ours", otherwise=(inc("page.refcount"), LOAD))
    found = endings(tiny((STORE,), (first_new,), memory=memory, pages=1))
    assert found == {(0,), (2,)}


@pytest.mark.parametrize("memory", MODELS)
def test_a_task_sees_its_own_stores(memory):
    """A load after a store of the same task finds the new value, in memory or not."""
    found = endings(tiny((STORE, LOAD), (inc("page.mapcount"),), memory=memory, pages=1))
    assert found == {(1,)}
