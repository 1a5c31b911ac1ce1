"""What each memory model allows: the classic litmus tests, as programs of the alphabet.

A store takes the page under the cursor out of the page cache; a load looks whether it is out, and
notes that by a reference to the page. Outcomes are thus what was counted on pages 0 and 1.
"""

import pytest
from tiny import STORE, endings, other_page, tiny

from dessim.kernel.alphabet import Step, fence, inc, lock_page, when

MODELS = ("sc", "tso", "weak")
NOTE = inc("page.refcount")
LOAD = when("page.ours", otherwise=(NOTE,))
BOTH_OLD = (0, 0)


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


@pytest.mark.parametrize(("memory", "allowed"), [("sc", False), ("tso", False), ("weak", True)])
def test_an_atomic_that_returns_nothing_is_no_fence_in_weak(memory, allowed):
    """A change of the mapcount orders stores and loads on x86, and not in the weak model."""
    programs = store_buffering(inc("page.mapcount"))
    assert (BOTH_OLD in endings(tiny(*programs, memory=memory))) is allowed


def test_a_plain_increment_is_no_fence_on_x86():
    """Without the lock prefix the increment waits in the store buffer like any store."""
    programs = store_buffering(inc("page.mapcount"))
    assert BOTH_OLD in endings(tiny(*programs, memory="tso", plain_increment=True))


def test_the_page_lock_is_a_fence_unless_it_is_acquire_only():
    """Two tasks that each lock a page, then look at the other's, miss each other only then."""
    look = when("page.unlocked", otherwise=(NOTE,))
    first = (lock_page(), *other_page("a"), look)
    second = (*other_page("b"), lock_page(), *other_page("c"), look)
    for memory in MODELS:
        assert BOTH_OLD not in endings(tiny(first, second, memory=memory))
    assert BOTH_OLD in endings(tiny(first, second, memory="weak", acquire_only=True))


def test_a_page_lock_that_nobody_sees_yet_is_still_a_lock():
    """Two tasks that lock one page never both hold it, acquire only or not."""
    take = (lock_page(), NOTE)
    assert endings(tiny(take, take, memory="weak", acquire_only=True)) == set()


def message_passing(*between: Step) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """One task writes data (page 0), then a flag (page 1); the other reads flag, then data."""
    writer = (STORE, *between, *other_page("a"), STORE)
    reader = (*other_page("b"), LOAD, *other_page("c"), LOAD)
    return writer, reader


@pytest.mark.parametrize(("memory", "allowed"), [("sc", False), ("tso", False), ("weak", True)])
def test_message_passing(memory, allowed):
    """The flag can be seen before the data only where stores pass each other."""
    found = endings(tiny(*message_passing(), memory=memory))
    assert ((0, 1) in found) is allowed
    assert {(0, 0), (1, 0), (1, 1)} <= found


@pytest.mark.parametrize("memory", MODELS)
def test_message_passing_with_a_fence_is_forbidden(memory):
    """A fence between the two stores keeps them in order; loads are in order anyway."""
    found = endings(tiny(*message_passing(fence()), memory=memory))
    assert found == {(0, 0), (1, 0), (1, 1)}


@pytest.mark.parametrize("memory", MODELS)
def test_load_buffering_is_forbidden(memory):
    """Two loads never both see stores that come after them in a circle: loads are not delayed."""
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
