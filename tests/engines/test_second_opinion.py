"""Another compiler's opinion: numba makes of the same source a loop that leaves the same Worlds."""

import numpy as np
import pytest
from helpers import a_lock_loop, a_workload, lock_loop_setup, scheme_setup
from racing import race

from dessim import registry
from dessim.engines import build, compiled, loop
from dessim.engines.build import Entries
from dessim.kernel.layout import World
from dessim.kernel.world import build_world

numba = pytest.importorskip("numba")


def by_numba(copy):
    """Return a function compiled by numba, for arrays of words and integers."""
    word = numba.types.int64
    words = numba.types.Array(word, 1, "C")
    notes = dict(copy.__annotations__)
    result = numba.types.void if notes.pop("return") is None else word
    kinds = [words if note in (World, "World") else word for note in notes.values()]
    dispatcher = numba.njit(error_model="numpy")(copy)
    dispatcher.compile(result(*kinds))
    dispatcher.disable_compile()
    return dispatcher


@pytest.fixture(scope="module")
def numba_loop() -> Entries:
    """Return numba's loop: it takes half a minute."""
    space = build.namespace(wrap=by_numba)
    return Entries(space["first_keys"], space["run_chunk"], plain=False)


def setups():
    """Yield a run of each scheme, of a lock loop, and of threads and an actor that race."""
    for scheme in registry.names():
        workload = a_workload(pages=40, mapping="shared")
        yield scheme, scheme_setup(scheme, 4, 6, workload=workload)
    loop_of_each_kind = a_lock_loop(iterations=40, think_ps=700, hold_ps=300)
    yield "lock loop", lock_loop_setup(loop_of_each_kind, 9)
    yield "race", race("gang_lookup_mapcount", "invalidate_range", seed=0, threads=6, pages=16)


def test_two_compilers_agree_word_for_word(numba_loop, monkeypatch):
    """LLVM under the translator and LLVM under numba: the same Worlds at the end."""
    for name, setup in setups():
        ours, theirs = build_world(setup), build_world(setup)
        compiled.run(ours)
        with monkeypatch.context() as other:
            other.setattr(build, "entries", lambda **_: numba_loop)
            compiled.run(theirs)
        different = np.flatnonzero(ours != theirs)
        assert different.size == 0, (name, different[:10])


def test_the_second_opinion_is_asked(numba_loop, monkeypatch):
    """The comparison runs two loops: a fault in one of them is found."""

    def faulty(*_):
        return loop.TOO_LATE

    monkeypatch.setattr(
        build, "entries", lambda **_: Entries(numba_loop.first_keys, faulty, plain=False)
    )
    with pytest.raises(OverflowError):
        compiled.run(build_world(lock_loop_setup(a_lock_loop(iterations=1), 2)))
