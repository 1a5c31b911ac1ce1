"""What is left out of a state does not matter, and what is in it is enough."""

import random
from dataclasses import replace

import pytest

from dessim import registry
from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.explore import explore
from dessim.engines.explorer.story import Walk
from dessim.engines.explorer.world import ScopeError
from dessim.kernel import layout as lay
from dessim.study.check import Scope, check, small_world_of

ACTORS = ("invalidate", "truncate", "reclaim", "munmap")
SCOPES = [
    Scope(name, actor=actor, threads=2, tables=tables, memory=memory)
    for number, name in enumerate(registry.names())
    for actor, tables, memory in (
        ("invalidate", "shared", "sc"),
        (ACTORS[number % 4], "own", ("tso", "lkmm")[number % 2]),
    )
]
SCOPES += [
    Scope("gang_lookup_mapcount", threads=2, page=page, memory=memory)
    for page in ("target", "neighbour")
    for memory in ("tso", "lkmm")
]
# Alike but for the ptes in their store buffers (`lkmm`: but for which of them is known), each of a
# page table of its own.
SCOPES += [
    Scope(scheme, actor="none", threads=2, page="target", tables="own", memory=memory)
    for scheme, memory in (("no_fault_around", "tso"), ("lock_each_page", "lkmm"))
]
TRIES = 60


def name(scope: Scope) -> str:
    """Return a scope's name."""
    return f"{scope.scheme}-{scope.actor}-{scope.page}-{scope.tables}-{scope.memory}"


def tracked(small) -> set[int]:
    """Return the addresses of all words that belong to a state."""
    w, x = small.w, small.x
    base = int(w[x + ex.X_FIELD])
    fields = range(base, base + int(w[x + ex.X_FIELDS]) * ex.FIELD_WORDS, ex.FIELD_WORDS)
    found = {int(w[f + ex.F_ADDRESS]) for f in fields}
    for task in range(small.setup.threads, int(w[lay.H_TASKS])):  # follow from T_VISITED
        t = int(w[lay.H_TASK]) + task * lay.T_WORDS
        found |= {t + lay.T_PTE, t + lay.T_TABLE, t + lay.T_MM}
    return found


def scratch(small) -> set[int]:
    """Return the addresses of the explorer's own words."""
    return set(range(small.x, len(small.w)))


@pytest.mark.parametrize("scope", SCOPES, ids=name)
def test_what_is_not_in_a_state_does_not_matter(scope):
    """Words that moves change and states leave out can hold anything: the next state is the same.

    Those are times, counters, histograms, owners of cache lines.
    """
    small = small_world_of(scope)
    rng = random.Random(1)
    walk, dirty = Walk(small), set()
    state = tracked(small) | scratch(small)
    for _ in range(TRIES):
        before = list(walk.w)
        moves = walk.possible()
        if not moves or walk.fired:
            walk = Walk(small)
            continue
        walk.make(rng.choice(moves))
        dirty |= {i for i, (a, b) in enumerate(zip(before, walk.w, strict=True)) if a != b} - state
    dirty -= {walk.w[lay.H_WOKEN]}  # cleared before each step
    assert dirty, "steps count and take time"
    first, second = Walk(small), Walk(small)
    for _ in range(TRIES):
        moves = first.possible()
        assert second.possible() == moves
        if not moves or first.fired:
            first, second = Walk(small), Walk(small)
            continue
        for place in dirty:
            if place != first.w[lay.H_COUNT] + lay.N_BUG1:
                second.w[place] = rng.randrange(1, 1000)
        move = rng.choice(moves)
        first.make(move)
        second.make(move)
        assert first.key() == second.key()


@pytest.mark.parametrize("scope", SCOPES, ids=name)
def test_a_state_can_be_put_back(scope):
    """Packing and unpacking any reachable state gives it back, and the same moves."""
    small = small_world_of(scope)
    made = explore(small, ("deadlock",), symmetry=False)
    walk = Walk(small)
    rng = random.Random(2)
    for state in rng.sample(range(made.states), min(made.states, 50)):
        key = tuple(int(word) for word in made.keys[state])
        walk.go_to(key)
        assert walk.key() == key


@pytest.mark.parametrize("scope", SCOPES, ids=name)
def test_symmetry_changes_no_verdict(scope):
    """Interchanging alike threads leaves verdicts and lengths of traces as they are."""
    small = small_world_of(scope)
    names = tuple(p for p in ex.PROPERTIES if p != "livelock")
    with_it, without = (explore(small, names, symmetry=on) for on in (True, False))
    assert with_it.states <= without.states
    for one, other in zip(with_it.findings.values(), without.findings.values(), strict=True):
        assert (one.verdict, one.steps) == (other.verdict, other.steps)


def test_symmetry_saves_states_where_it_is_sound():
    """Two threads on one page table are alike; with one each an actor tells them apart."""
    scope = Scope("radix_walk_trylock", threads=2)
    small = small_world_of(scope)
    assert explore(small, ("bug1",)).states < explore(small, ("bug1",), symmetry=False).states
    own = explore(small_world_of(replace(scope, tables="own")), ("bug1",))
    assert not own.symmetric
    assert explore(small_world_of(replace(scope, tables="own", actor="none")), ("bug1",)).symmetric


def test_compiled_and_plain_agree():
    """The compiled search visits the states that plain Python finds, in the same order."""
    small = small_world_of(Scope("gang_lookup_mapcount"))
    made = explore(small, ("deadlock",), symmetry=False)
    walk = Walk(small)
    start = walk.key()
    found, queue = {start}, [start]
    for key in queue:
        walk.go_to(key)
        for move in walk.possible():
            walk.go_to(key)
            walk.make(move)
            after = walk.key()
            if not walk.fired and after not in found:
                found.add(after)
                queue.append(after)
    assert [tuple(map(int, key)) for key in made.keys] == queue


def test_too_many_tasks_are_refused():
    """A World that does not fit is refused with a reason."""
    small = small_world_of(Scope("no_fault_around"))
    from dessim.engines.explorer.world import small_world

    with pytest.raises(ScopeError, match="at most 6 tasks"):
        small_world(replace(small.setup, threads=9), small.rules)


def test_a_full_store_buffer_is_not_a_proof():
    """A search in which a store buffer was ever full calls nothing never."""
    small = small_world_of(Scope("gang_lookup_mapcount", memory="lkmm"))
    assert explore(small, ("mapcount_negative",)).findings["mapcount_negative"].verdict == "never"
    small.w[small.x + ex.X_FULL] = 1
    assert explore(small, ("mapcount_negative",)).findings["mapcount_negative"].verdict == "unknown"


def test_six_stores_on_their_way_are_enough():
    """In the widest scopes of the study no store buffer is ever full."""
    for pages in (1, 2):
        scope = Scope("gang_lookup_mapcount", pages=pages, memory="lkmm")
        quiet = scope.against(bug1=False, bug2=False)
        assert check(quiet, ("deadlock",)).exploration.complete
