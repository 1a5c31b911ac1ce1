"""Tiny programs whose states and interleavings can be counted by hand."""

import pytest
from tiny import seen, tiny, ways, with_edges

from dessim.engines.explorer.explore import explore
from dessim.kernel.alphabet import get_page, inc, lock, trylock_page, unlock, unlock_page

INC = inc("page.refcount")


def test_independent_steps_make_a_grid():
    """Two and three additions: 3 x 4 states, 2 x 4 + 3 x 3 moves, 5 over 2 orders."""
    made = with_edges(tiny((INC,) * 2, (INC,) * 3, pages=1))
    assert (made.states, made.moves, ways(made)) == (12, 17, 10)


def test_alike_threads_halve_the_grid():
    """Two threads of two additions each: 9 states, of which 6 are different."""
    small = tiny((INC,) * 2, threads=2, pages=1)
    assert seen(small, symmetry=False).states == 9
    assert seen(small).states == 6


def test_three_alike_threads():
    """Three threads of two additions: 27 states, of which 10 are different (3 of 3, repeated)."""
    small = tiny((INC,) * 2, threads=3, pages=1)
    assert seen(small, symmetry=False).states == 27
    assert seen(small).states == 10


def test_a_lock_leaves_the_corner_of_the_grid_out():
    """Lock, add, unlock in two tasks: of 4 x 4 states the 4 with both inside cannot be, and there
    are two orders.
    """
    section = (lock("tree_lock"), INC, unlock("tree_lock"))
    made = with_edges(tiny(section, section, pages=1))
    assert made.states == 16 - 4
    assert ways(made) == 2


def test_trylock_gives_up():
    """Two tasks that try a page lock: 17 states, drawn by hand.

    A task is before the lock, inside (2 places), through, or turned away: (0,0); one inside or
    through, the other before: 3 + 3; one inside, the other turned away or through: 4 + 4; both
    through, or one through and one turned away, whoever: 2.
    """
    section = (trylock_page(INC, unlock_page()),)
    assert seen(tiny(section, section, pages=1)).states == 17


def test_a_store_buffer_is_one_more_place():
    """In tso each of two dropped spinlocks is before, on its way, or visible: 2 x 2 more states.

    Lock (a full barrier), unlock, for a lock each: 4 places a task and no way to meet.
    """
    first = (lock("tree_lock"), unlock("tree_lock"))
    second = (lock("i_mmap_mutex"), get_page())
    assert seen(tiny(first, second, memory="sc", pages=1)).states == 3 * 3
    assert seen(tiny(first, second, memory="tso", pages=1)).states == 4 * 3


def test_opposite_orders_of_locks_deadlock():
    """One takes tree_lock then i_mmap_mutex, the other the other way round: they can be stuck."""
    names = ("tree_lock", "i_mmap_mutex")
    programs = [
        (lock(a), lock(b), unlock(b), unlock(a)) for a, b in (names, tuple(reversed(names)))
    ]
    made = explore(tiny(*programs, pages=1))
    assert made.findings["deadlock"].verdict == "sometimes"
    assert made.findings["deadlock"].steps == 2


def test_the_same_order_of_locks_does_not():
    """Both in the same order: nobody is ever stuck."""
    program = (
        *(lock("tree_lock"), lock("i_mmap_mutex")),
        *(unlock("i_mmap_mutex"), unlock("tree_lock")),
    )
    made = explore(tiny(program, program, pages=1))
    assert made.findings["deadlock"].verdict == "never"


def test_readers_do_not_count_on_passing_a_writer():
    """A reader that takes the lock again while a writer waits is stuck: queues are in order."""
    reader = (lock("mmap_lock"), lock("mmap_lock"), unlock("mmap_lock"), unlock("mmap_lock"))
    writer = (lock("mmap_lock_write"), unlock("mmap_lock_write"))
    assert explore(tiny(reader, writer)).findings["deadlock"].verdict == "sometimes"
    assert explore(tiny(reader, reader)).findings["deadlock"].verdict == "never"


@pytest.mark.parametrize("bound", [1, 5, 11])
def test_a_bound_is_never_a_proof(bound):
    """With fewer states than there are nothing is called never."""
    made = explore(tiny((INC,) * 2, (INC,) * 3, pages=1), bound=bound)
    assert not made.complete
    assert {finding.verdict for finding in made.findings.values()} <= {"unknown", "sometimes"}


def test_a_bound_that_is_not_hit_changes_nothing():
    """As many states as there are, and one more, are enough."""
    made = explore(tiny((INC,) * 2, (INC,) * 3, pages=1), ("deadlock",), bound=13)
    assert made.complete
    assert made.findings["deadlock"].verdict == "never"


def test_words_of_the_explorer_have_names_of_their_own():
    """A module that takes both layouts by the star would take one for the other."""
    from dessim.engines.explorer import layout as ex
    from dessim.kernel import layout as lay

    shared = {name for name in vars(ex) if name.isupper()} & set(vars(lay))
    assert shared == set()
