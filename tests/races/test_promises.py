"""What schemes promise: no BUG_ON against an invalidation or a truncation, in any of many runs."""

import pytest
from racing import race

from dessim import registry
from dessim.engines import compiled
from dessim.kernel import layout as lay
from dessim.kernel.world import build_world
from dessim.study.check import property_names

BUGS = ("bug1", "bug2")


def counters(setup):
    """Run on the compiled engine and return the counters, whatever the end looks like."""
    w = build_world(setup)
    compiled.run(w)
    base = w[lay.H_COUNT]
    return {name: int(w[base + i]) for i, name in enumerate(lay.COUNTERS)}


def fired(setup):
    """Return which BUG_ONs fired in a run, and how often."""
    found = counters(setup)
    return {name: found[name] for name in BUGS if found[name]}


def crowd(scheme, actor, seed, **changes):
    """Return a run of eight threads beside three actors that hardly pause."""
    return race(
        scheme, *[actor] * 3, threads=8, pages=16, order=3, seed=seed, every_ps=200_000, **changes
    )


@pytest.mark.parametrize("actor", ["invalidate_range", "truncate"])
@pytest.mark.parametrize("mapping", ["per_thread", "shared"])
@pytest.mark.parametrize(
    "scheme", [name for name in registry.names() if set(registry.load(name).promises) >= set(BUGS)]
)
def test_a_scheme_that_promises_it_never_fires_a_bug(scheme, mapping, actor, run_compiled):
    """Schemes that hold the page lock while they map never fire BUG1 or BUG2."""
    removed = 0
    for seed in range(6):
        found = counters(crowd(scheme, actor, seed, mapping=mapping))
        assert (found["bug1"], found["bug2"]) == (0, 0)
        removed += found["pages_removed"]
    assert removed > 20


@pytest.mark.parametrize("scheme", registry.names())
def test_a_promise_is_a_property_that_is_checked(scheme):
    """Nobody promises what `dessim check` does not know: that would never be broken."""
    assert set(registry.load(scheme).promises) <= set(property_names())


def test_the_lockless_scheme_promises_nothing():
    """It is the one whose BUG_ONs the tests below see fire."""
    assert registry.load("gang_lookup_mapcount").promises == ()


def test_the_lockless_scheme_fires_both_bugs(run_compiled):
    """In the same runs in which the others are silent, S2 fires BUG1 and BUG2."""
    seen = {}
    for seed in range(12):
        seen |= fired(crowd("gang_lookup_mapcount", "invalidate_range", seed))
    assert set(seen) == set(BUGS)


def test_a_truncation_knows_only_the_second_bug(run_compiled):
    """Truncate has no BUG1: S2 can fire BUG2 only."""
    seen = {}
    for seed in range(12):
        seen |= fired(crowd("gang_lookup_mapcount", "truncate", seed))
    assert set(seen) <= {"bug2"}


def test_bugs_that_are_switched_off_are_not_counted(run_compiled):
    """Without its BUG_ONs an invalidation counts none, and the run is otherwise the same race."""
    options = {"bug1": False, "bug2": False}
    for seed in range(4):
        setup = crowd("gang_lookup_mapcount", "invalidate_range", seed, actor_options=options)
        assert fired(setup) == {}


def test_runs_beside_actors_end_at_rest(run_compiled):
    """Hasty actors or not, at the end nothing is mapped, locked or leaked."""
    for seed in range(6):
        for scheme in ("no_fault_around", "radix_walk_trylock"):
            for mapping in ("per_thread", "shared"):
                run_compiled(crowd(scheme, "invalidate_range", seed, mapping=mapping))
