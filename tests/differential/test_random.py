"""Random programs, machines and workloads: both engines tell the same story, tie for tie."""

import pytest
from hypothesis import given, settings
from random_runs import runs
from stories import assert_same, by_loop, by_reference, difference

from dessim.kernel import layout as lay


@settings(settings.get_profile("quick"))
@given(setup=runs())
def test_quick_random_runs(setup):
    """Logs, order of shared steps, final Worlds and results of random runs are equal."""
    assert_same(setup)


@pytest.mark.slow
@settings(settings.get_profile("thorough"))
@given(setup=runs())
def test_thorough_random_runs(setup):
    """The same, for many more runs, other ones each time."""
    assert_same(setup)


@settings(settings.get_profile("quick"), max_examples=40)
@given(setup=runs())
def test_quick_the_loop_uncompiled(setup):
    """The source of the event loop says the same before it is compiled, one event at a time."""
    reference = by_reference(setup)
    for budget in (1, 7, 10**9):
        assert difference(setup, reference, by_loop(setup, budget=budget)) is None


def test_quick_random_runs_reach_every_step():
    """Each word of the alphabet, each waiting and each outcome occurs in the random runs."""
    seen, counted = set(), set()

    @settings(settings.get_profile("quick"), max_examples=150)
    @given(setup=runs())
    def look(setup):
        story = by_reference(setup)
        for _, _, pc in story.log:
            seen.add(lay.OPS[setup.program.words[pc * lay.I_WORDS + lay.I_OP]])
        base = story.world[lay.H_COUNT]
        counted.update(name for i, name in enumerate(lay.COUNTERS) if story.world[base + i])

    look()
    assert seen == set(lay.OPS)
    assert counted == set(lay.COUNTERS) - {"lock_acquisitions"}
