"""Counts, page tables and page cache agree after every event, and at the end nothing is left."""

import pytest
from invariants import bugs, watched_run
from racing import race

from dessim import registry
from dessim.kernel import layout as lay
from dessim.kernel.invariants import BrokenError, check_pages
from dessim.kernel.result import check_at_rest
from dessim.kernel.world import build_world

ACTORS = ("invalidate_range", "reclaim", "truncate")


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("mapping", ["per_thread", "shared"])
@pytest.mark.parametrize("scheme", registry.names())
def test_invariants_hold_after_every_event_beside_an_actor(scheme, mapping, actor):
    """No event leaves a page with more ptes than mappings, a negative count, or a stale pte."""
    w = watched_run(race(scheme, actor, mapping=mapping, seed=4))
    check_at_rest(w)
    assert w[w[lay.H_COUNT] + lay.N_PAGES_REMOVED] > 0


@pytest.mark.parametrize("folio_order", [1, 2])
def test_invariants_hold_for_folios(folio_order):
    """Mapped in batches, pages of a folio share their head's references and are never free."""
    setup = race("folio_batch", threads=4, pages=16, order=3, options={"folio_order": folio_order})
    check_at_rest(watched_run(setup))


def test_invariants_hold_while_bugs_fire():
    """Beside frequent invalidations S2's BUG_ONs fire, and yet no pte is ever left behind."""
    seen = 0
    for seed in range(4):
        w = watched_run(race("gang_lookup_mapcount", *["invalidate_range"] * 2, seed=seed))
        check_at_rest(w)
        seen += bugs(w)
    assert seen > 0


@pytest.mark.parametrize("retry", ["none", "before_bug", "always_bug", "until_unmapped"])
def test_invariants_hold_for_every_way_to_unmap_again(retry):
    """However often the invalidation unmaps, counts and page tables agree."""
    walk = "if_mapped" if retry == "until_unmapped" else "every_table"
    setup = race(
        "gang_lookup_mapcount",
        "invalidate_range",
        actor_options={"unmap_retry": retry, "walk": walk},
    )
    check_at_rest(watched_run(setup))


@pytest.mark.parametrize("walk", ["if_mapped", "every_table"])
@pytest.mark.parametrize("punch_hole", [False, True])
def test_invariants_hold_for_every_way_to_truncate(walk, punch_hole):
    """A truncation or a hole, with either walk: counts and page tables agree."""
    options = {"walk": walk, "punch_hole": punch_hole}
    for mapping in ("per_process", "shared"):
        setup = race("gang_lookup_mapcount", "truncate", actor_options=options, mapping=mapping)
        check_at_rest(watched_run(setup))


def test_invariants_hold_on_a_file_that_has_to_be_read():
    """Missing pages, a device, readahead and sleepers: nobody maps what is not there yet."""
    setup = race("radix_walk_trylock", pages=24, cached_ppm=300_000, readahead_pages=4)
    check_at_rest(watched_run(setup))


def test_invariants_hold_with_munmap_churn():
    """Threads that unmap what they touched leave nothing behind."""
    setup = race("radix_walk_trylock", pages=24, unmap_every_pages=4)
    check_at_rest(watched_run(setup))


@pytest.mark.parametrize("actor", ["invalidate_range", "truncate"])
def test_invariants_hold_with_munmap_churn_beside_an_actor(actor):
    """A munmap and an unmap walk that meet on a pte take it away once, not twice."""
    for seed in range(6):
        watched_run(race("no_fault_around", actor, unmap_every_pages=4, seed=seed))


@pytest.mark.parametrize("mapping", ["per_thread", "shared", "per_process"])
@pytest.mark.parametrize("scheme", registry.names())
def test_invariants_hold_beside_munmap(scheme, mapping):
    """Ranges that are unmapped under faulting threads, whole page tables too, leave nothing."""
    for beside in ((), ("invalidate_range",)):
        actors = ("munmap", *beside)
        setup = race(scheme, *actors, mapping=mapping, pages=12, range_pages=12, every_ps=2_000_000)
        w = watched_run(setup)
        check_at_rest(w)
        mappings = w[lay.H_MAPPINGS]
        assert w[w[lay.H_COUNT] + lay.N_TABLES_FREED] > mappings  # more than at exit


@pytest.mark.parametrize("actor", ["invalidate_range", "truncate"])
def test_invariants_hold_when_processes_end_beside_an_actor(actor):
    """The end of a process and an unmap walk that meet on a pte take it away once, not twice."""
    for seed in range(6):
        watched_run(race("no_fault_around", actor, mapping="per_process", seed=seed))


def broken(change):
    """Return a World of two pages, one of them mapped properly, after a change."""
    w = build_world(race("no_fault_around", pages=2, threads=1)).tolist()
    record = w[lay.H_PAGE]
    w[w[w[lay.H_MAPPING] + lay.M_PTE]] = 1
    w[record + lay.P_MAPCOUNT] = 1
    w[record + lay.P_REFCOUNT] = 2
    check_pages(w)
    change(w, record)
    return w


@pytest.mark.parametrize(
    ("word", "value"),
    [
        (lay.P_MAPCOUNT, 0),
        (lay.P_MAPCOUNT, -1),
        (lay.P_REFCOUNT, 0),
        (lay.P_REFCOUNT, -1),
        (lay.P_FLAGS, lay.FLAG_UPTODATE),
    ],
)
def test_the_checker_notices(word, value):
    """A lost mapping, a negative count, a page freed or removed while mapped: each is found."""

    def change(w, record):
        w[record + word] = value

    with pytest.raises(BrokenError, match="page 0"):
        check_pages(broken(change))
