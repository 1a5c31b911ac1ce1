"""Actor read_maps: a reader of /proc/PID/maps holds mmap_lock while others fault and unmap."""

import pytest
from helpers import a_workload
from whole_runs import assert_engines_agree, point_with, result_of

from dessim.model import load_machine
from dessim.model.workload import ActorChoice
from dessim.study.sweep.plan import setup_of


def a_point(scheme="linux_6_12", every_ps=20_000_000, count=2, options=(), **changes):
    """Return four threads that fault and unmap, and readers of their mm's mappings."""
    actor = ActorChoice(name="read_maps", every_ps=every_ps, options=dict(options))
    return point_with((actor,) * count, 64, 4, scheme, **{"sweeps": 40} | changes)


def mean_ps(result, call):
    """Return the mean ps of a call of the workload's threads."""
    return result.calls[call].sum_ps / result.calls[call].count


def test_readers_delay_writers_and_not_with_locks_of_vmas():
    """A munmap waits for a page of text; from 6.17 on nobody waits."""
    alone, held, apart = (
        mean_ps(result_of(a_point("linux_6_17", count=n, options={"per_vma": per_vma})), "region")
        for n, per_vma in ((0, False), (2, False), (2, True))
    )
    lines_ps = 40 * load_machine("icelake-sp-2s").frames.show_vma_ps
    assert held > alone + lines_ps / 4
    assert apart < alone + lines_ps / 10


def test_rounds_come_at_the_rate_that_is_asked_for():
    """A quarter of the pause: more reads, and more delay."""
    slow, fast = (result_of(a_point(every_ps=every)) for every in (80_000_000, 20_000_000))
    assert fast.counters["invalidations"] > 1.5 * slow.counters["invalidations"]
    assert mean_ps(fast, "region") > mean_ps(slow, "region")


@pytest.mark.parametrize("per_vma", [False, True])
@pytest.mark.parametrize("scheme", ["linux_6_1", "linux_6_17"])
def test_engines_agree(scheme, per_vma):
    """Word for word, with rwsems whose writers spin on the reader."""
    point = a_point(scheme, options={"per_vma": per_vma}, sweeps=2)
    assert_engines_agree(setup_of(point, 0))


def test_readers_come_alongside_faults_that_read():
    """Every scheme can be asked, also those of 2014."""
    point = a_point("radix_walk_trylock")
    actor = ActorChoice(name="read_maps", every_ps=10**6)
    point = point.model_copy(update={"workload": a_workload(64, actors=(actor,))})
    assert result_of(point).counters["invalidations"] > 0
