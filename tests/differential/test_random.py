"""Random programs, machines and workloads: both engines tell the same story, tie for tie."""

import pytest
from hypothesis import given, reject, settings
from random_runs import runs
from stories import WITHOUT_END, RunawayError, assert_same, by_loop, by_reference, difference

from dessim.kernel import layout as lay
from dessim.kernel.operation import COMMAND, OF_PROTOCOLS, PRESSURE, READAHEAD, RECLAIM
from dessim.kernel.ops import OPERATIONS, OPS


def same_unless_endless(setup):
    """Check that engines agree; Hypothesis complains if too many runs are too long."""
    try:
        assert_same(setup)
    except RunawayError:
        reject()


@settings(settings.get_profile("quick"))
@given(setup=runs())
def test_quick_random_runs(setup):
    """Logs, order of shared steps, final Worlds and results of random runs are equal."""
    same_unless_endless(setup)


@pytest.mark.slow
@pytest.mark.timeout(3600)  # on a busy machine 4,000 runs take more than the usual ten minutes
@settings(settings.get_profile("thorough"))
@given(setup=runs())
def test_thorough_random_runs(setup):
    """The same, for many more runs, other ones each time."""
    same_unless_endless(setup)


@settings(settings.get_profile("quick"), max_examples=40)
@given(setup=runs())
def test_quick_the_loop_uncompiled(setup):
    """The source of the event loop says the same before it is compiled, one event at a time."""
    try:
        reference = by_reference(setup)
    except WITHOUT_END:
        reject()
    for budget in (1, 7, 10**9):
        assert difference(setup, reference, by_loop(setup, budget=budget)) is None


SELDOM = ("bug1", "bug2", "pte_lost")
"""Outcomes that take more luck than everyday's runs have."""
PROTOCOLS = {row.name for row in OPERATIONS if row.group in OF_PROTOCOLS}
"""Steps that only the explorer can use."""
UNMET = {"drop_frame"}
"""What only tasks come to that fault on one page of memory: here each has a region of its own."""
PAGED = {row.name for row in OPERATIONS if row.group in (PRESSURE, READAHEAD, COMMAND, RECLAIM)}
"""Steps of files larger than memory: ``test_paging`` has runs of its own."""

REPLAYED = {"arrive"}
"""Of traces, which come from files: ``tests/kernel/test_replay.py``."""


def test_quick_random_runs_reach_every_step():
    """Each word of the alphabet, each waiting and each usual outcome occurs in the random runs."""
    seen, counted = set(), set()

    def look(setup):
        try:
            story = by_reference(setup)
        except WITHOUT_END:
            reject()
        for _, _, pc in story.log:
            place = story.world[lay.H_PROG] + pc * lay.I_WORDS + lay.I_OP
            seen.add(OPS[story.world[place]])
        base = story.world[lay.H_COUNT]
        counted.update(name for i, name in enumerate(lay.COUNTERS) if story.world[base + i])

    for frames, examples in ((("scheme", "wild loop"), 600), (("memory",), 800)):
        profile = settings(settings.get_profile("quick"), max_examples=examples)
        profile(given(setup=runs(frames))(look))()
    assert seen == set(OPS) - PROTOCOLS - UNMET - PAGED - REPLAYED
    paged = lay.COUNTERS[lay.N_PAGING_COUNTERS :]
    assert counted >= set(lay.COUNTERS) - {*SELDOM, *paged}
