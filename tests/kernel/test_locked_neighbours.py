"""What each scheme does with a neighbour that somebody else has locked: leave it out, undo all."""

import pytest
from helpers import a_machine, a_workload, scheme_setup

from dessim.kernel import layout as lay
from dessim.kernel.steps import advance
from dessim.kernel.world import build_world

CASES = [
    ("lock_each_page", {}, "trylock_lost"),
    ("radix_walk_trylock", {}, "trylock_lost"),
    ("gang_lookup_mapcount", {}, "recheck_lost"),
    ("gang_lookup_mapcount", {"precheck": True}, "recheck_lost"),
]


def first_fault(scheme, locked, **options):
    """Carry out the first fault, on page 0 of 4; return World, the locked page, its mapcounts."""
    machine = a_machine(topology={"threads_per_core": 1})
    setup = scheme_setup(scheme, 2, 1, machine, a_workload(pages=4), **options)
    w = build_world(setup).tolist()
    record = w[lay.H_PAGE] + locked * w[lay.H_PAGE_WORDS]
    w[record + lay.P_FLAGS] |= lay.FLAG_LOCKED
    now, mapcounts = 0, set()
    while not w[w[lay.H_HIST] + lay.Y_COUNT]:
        now = advance(w, 0, now)
        mapcounts.add(w[record + lay.P_MAPCOUNT])
    return w, record, mapcounts


@pytest.mark.parametrize("locked", [1, 3])
@pytest.mark.parametrize(("scheme", "options", "counter"), CASES)
def test_a_locked_neighbour_is_left_out_counted_and_left_as_it_was(
    scheme, options, counter, locked
):
    """All pages but the locked one are mapped; its counts and flags are what they were before."""
    w, record, mapcounts = first_fault(scheme, locked, **options)
    assert w[w[w[lay.H_TASK] + lay.T_PTE]] == 0b1111 & ~(1 << locked)
    assert (w[record + lay.P_MAPCOUNT], w[record + lay.P_REFCOUNT]) == (0, 1)
    assert w[record + lay.P_FLAGS] == lay.FLAG_LOCKED | lay.FLAG_UPTODATE | lay.FLAG_OURS
    counts = {name: w[w[lay.H_COUNT] + i] for i, name in enumerate(lay.COUNTERS)}
    lost = {name: counts[name] for name in ("trylock_lost", "recheck_lost") if counts[name]}
    assert lost == {counter: 1}
    raised_and_undone = scheme == "gang_lookup_mapcount" and not options
    assert mapcounts == ({0, 1} if raised_and_undone else {0})
