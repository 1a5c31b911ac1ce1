"""Loops made for one program and machine leave the same Worlds as the loop that all share."""

import numpy as np
import pytest
from helpers import a_lock_loop, a_workload, lock_loop_setup, scheme_setup
from hypothesis import given, reject, settings
from hypothesis.strategies import integers
from racing import race
from random_runs import runs
from stories import WITHOUT_END, by_reference
from test_shipped import MACHINES, WORKLOADS, a_run

from dessim import registry
from dessim.engines import build, code_cache, compiled, loop, objects, specialise
from dessim.engines.translate import threaded
from dessim.engines.translate.source import NotTranslatable
from dessim.engines.translate.special import constant_words
from dessim.engines.translate.threaded import translate_threaded
from dessim.kernel import layout as lay
from dessim.kernel.world import build_world


def own_loop(w, level=0):
    """Return a loop made for a World, with little done for its speed."""
    arrays = {"run_chunk": build.arrays_of(loop.run_chunk)}
    return objects.Loaded(objects.emit(translate_threaded(w), level), arrays).functions["run_chunk"]


def run_in(w, go_on, monkeypatch):
    """Run a World in a loop."""
    with monkeypatch.context() as here:
        here.setattr(specialise.Course, "loop", lambda self: go_on)
        compiled.run(w)
    return w


def assert_same_world(setup, monkeypatch, level=0):
    """Check that a loop made for a run leaves what the shared one leaves, word for word."""
    ours, theirs = build_world(setup), build_world(setup)
    run_in(ours, own_loop(ours, level), monkeypatch)
    compiled.run(theirs)
    different = np.flatnonzero(ours != theirs)
    assert different.size == 0, different[:10]


@settings(settings.get_profile("quick"), max_examples=5)
@given(setup=runs())
def test_quick_random_runs(setup):
    """Random programs on random machines: the World is the reference engine's."""
    try:
        expected = by_reference(setup).world
    except WITHOUT_END:
        reject()
    w = build_world(setup)
    with pytest.MonkeyPatch.context() as monkeypatch:
        run_in(w, own_loop(w), monkeypatch)
    assert w.tolist() == expected


@pytest.mark.parametrize("scheme", registry.names())
def test_quick_every_scheme(scheme, monkeypatch):
    """Every shipped scheme; one of them with all that is done for speed."""
    setup = scheme_setup(scheme, 4, 6, workload=a_workload(pages=40, mapping="shared"))
    assert_same_world(setup, monkeypatch, level=3 if scheme == "no_fault_around" else 0)


@pytest.mark.slow
@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("scheme", registry.names())
def test_every_scheme_and_workload(scheme, workload, monkeypatch):
    """Every shipped scheme under every workload."""
    assert_same_world(a_run(scheme, workload, "ivybridge-ex-4s"), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES)
def test_every_machine(machine, monkeypatch):
    """Every machine: its topology, its locks, its lines."""
    setup = a_run("radix_walk_trylock", "separate-processes", machine, threads=12)
    assert_same_world(setup, monkeypatch)


@pytest.mark.parametrize(
    ("scheme", "workload"),
    [
        ("linux_6_12", "page-fault1"),
        ("linux_6_17", "fork"),
        ("radix_walk_trylock", "cold-cache-read"),
        ("radix_walk_trylock", "random-touch-under-pressure"),
    ],
)
def test_quick_steps_about_memory_can_be_written(scheme, workload):
    """Programs of today's faults and of files read by windows have loops of their own, too."""
    translate_threaded(build_world(a_run(scheme, workload, "broadwell-2650v4-2s")))


def test_quick_a_lock_loop_and_a_race(monkeypatch):
    """Programs of other kinds: a free-standing lock; an actor and a device."""
    loop_of_many = a_lock_loop(iterations=40, think_ps=700, hold_ps=300)
    assert_same_world(lock_loop_setup(loop_of_many, 9), monkeypatch)
    actors = race("gang_lookup_mapcount", "invalidate_range", seed=0, threads=6, pages=16)
    assert_same_world(actors, monkeypatch)


# --- one loop after the other ---------------------------------------------------------------------

LOOP_OF_MANY = lock_loop_setup(a_lock_loop(iterations=400, think_ps=700, hold_ps=300), 9)


class AtOnce:
    """A thread that is over as soon as it has begun."""

    def __init__(self, target, daemon):
        self.start = target


@pytest.fixture
def small_chunks(monkeypatch, tmp_path):
    """Let a run look for a loop of its own soon, and make it at once, in a place of its own."""
    monkeypatch.setenv(code_cache.CHOSEN, str(tmp_path))
    monkeypatch.setattr(compiled, "CHUNK", 500)
    monkeypatch.setattr(specialise, "LOOK_AFTER", 1_000)
    monkeypatch.setattr(specialise, "MAKE_AFTER", 2_000)
    monkeypatch.setattr(specialise.threading, "Thread", AtOnce)
    specialise._loaded.cache_clear()
    yield tmp_path / "dessim"
    specialise._loaded.cache_clear()


def courses(monkeypatch):
    """Return a list that is filled with the loops of a run: whether each is its own."""
    found = []
    right = specialise.Course.loop

    def watched(self):
        chosen = right(self)
        found.append(chosen is not self.shared)
        return chosen

    monkeypatch.setattr(specialise.Course, "loop", watched)
    return found


def test_quick_a_run_goes_on_in_a_loop_of_its_own(small_chunks, monkeypatch):
    """It is made once, takes over between two chunks, and serves the next run of other draws."""
    if build.is_plain():
        pytest.skip("nothing is compiled")
    expected = build_world(LOOP_OF_MANY)
    monkeypatch.setenv(specialise.SWITCH, "0")
    compiled.run(expected)
    monkeypatch.delenv(specialise.SWITCH)
    found = courses(monkeypatch)
    for first in (4, 2, 2):  # made; kept in this process; kept on the disk
        found.clear()
        w = build_world(LOOP_OF_MANY)
        compiled.run(w)
        assert (w == expected).all()
        assert found.index(True) + 1 == first, found[:6]
        assert all(found[first:])
        if first == 2:
            specialise._loaded.cache_clear()
    assert len([p for p in small_chunks.iterdir() if "-special-" in p.name]) == 1


def test_quick_a_run_that_its_own_loop_cannot_count_ends_in_the_shared_one(
    small_chunks, monkeypatch
):
    """Keys with a program counter reach less far: the loop for all takes over, for good."""
    if build.is_plain():
        pytest.skip("nothing is compiled")
    monkeypatch.setattr(threaded, "counter_bits", lambda _: 40)  # with 9 tasks 0.5 us are left
    expected = build_world(LOOP_OF_MANY)
    monkeypatch.setenv(specialise.SWITCH, "0")
    compiled.run(expected)
    monkeypatch.delenv(specialise.SWITCH)
    found = courses(monkeypatch)
    w = build_world(LOOP_OF_MANY)
    compiled.run(w)
    assert (w == expected).all()
    begun = found.index(True)
    assert found[begun:] == sorted(found[begun:], reverse=True)
    assert not found[-1]


@settings(settings.get_profile("quick"), max_examples=5)
@given(setup=runs(), bits=integers(20, 45))
def test_quick_random_runs_change_loops_at_any_event(setup, bits):
    """Wherever keys have no room any more, in a step that wakes others as well, nothing is lost."""
    try:
        expected = by_reference(setup).world
    except WITHOUT_END:
        reject()
    w = build_world(setup)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(threaded, "counter_bits", lambda _: bits)
        own = own_loop(w)

        monkeypatch.setattr(specialise.Course, "loop", lambda self: own if self.on else self.shared)
        compiled.run(w)
    assert w.tolist() == expected


def test_quick_a_loop_that_cannot_be_made_is_done_without(small_chunks, monkeypatch, caplog):
    """A run goes on as it began if making a loop fails."""

    def fails(*_):
        raise RuntimeError("no LLVM of this kind")

    monkeypatch.setattr(objects, "emit", fails)
    w = build_world(LOOP_OF_MANY)
    compiled.run(w)
    assert build.is_plain() or "no loop could be made" in caplog.text


def test_runs_that_differ_in_their_draws_share_a_loop():
    """The key of the draws is no constant; a program, a machine or a size is."""
    names = set()
    for replication in (0, 1):
        setup = lock_loop_setup(a_lock_loop(), 3, replication=replication)
        w = build_world(setup)
        names.add((int(w[lay.H_KEY]), specialise.name_of(constant_words(w))))
    assert len(names) == 2
    assert len({name for _, name in names}) == 1
    other = build_world(lock_loop_setup(a_lock_loop(iterations=11), 3))
    assert specialise.name_of(constant_words(other)) not in {name for _, name in names}


# --- faults ---------------------------------------------------------------------------------------


def test_a_changing_word_that_is_declared_constant_is_refused(monkeypatch):
    """The translator meets the store, and says where it is."""
    changing = tuple(place for place in lay.H_CHANGING if place != lay.H_EVENTS)
    monkeypatch.setattr(lay, "H_CHANGING", changing)
    with pytest.raises(NotTranslatable, match=r"steps\.py:\d+: .*declared constant"):
        translate_threaded(build_world(LOOP_OF_MANY))


def test_a_word_that_changed_all_the_same_is_noticed():
    """What no store by name does, a store by number could: the end of a run looks."""
    w = build_world(LOOP_OF_MANY)
    course = specialise.Course(w, loop.run_chunk, 500)
    course.begin()
    course.check()
    w[lay.H_HOLD] += 1
    with pytest.raises(RuntimeError, match="declared constant"):
        course.check()


@pytest.mark.parametrize("word", ["H_HOLD", "H_EVICT"])
def test_a_wrong_constant_is_noticed(word, monkeypatch):
    """The comparison of Worlds finds one wrong word of those that are written into the loop."""
    setup = scheme_setup("lock_each_page", 2, 3, workload=a_workload(pages=6, mapping="shared"))
    ours, theirs = build_world(setup), build_world(setup)
    known = constant_words(ours)
    place = getattr(lay, word)
    known[place] = 0 if known[place] else 1_000_000
    monkeypatch.setattr(threaded, "constant_words", lambda w: dict(known))
    try:
        run_in(ours, own_loop(ours), monkeypatch)
    except RuntimeError:  # the end of a run looks at what is declared constant, or nobody ends
        return
    compiled.run(theirs)
    assert (ours != theirs).any()
