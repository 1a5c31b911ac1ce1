"""Actor map_unmap: a thread that writes mmap_lock at a rate while others of its mm fault."""

import pytest
from helpers import TLB, TLB_PS
from memory_labs import regions
from whole_runs import point_with, result_of

from dessim import registry
from dessim.kernel import layout as lay
from dessim.kernel.memory_words import flush_own
from dessim.model.workload import ActorChoice
from dessim.study.sweep.plan import actors_of

EVERY_PS = 50_000_000


def a_point(
    scheme="linux_6_12", every_ps=EVERY_PS, count=1, name="map_unmap", options=(), **changes
):
    """Return eight threads that fault, and actors that map and unmap at a rate."""
    actors = (ActorChoice(name=name, every_ps=every_ps, options=dict(options)),) * count
    return point_with(actors, 512, 8, scheme, **{"sweeps": 2} | changes)


def test_flush_own_interrupts_who_runs_the_mm_and_takes_nobodys_translations():
    """The pages are those of the actor: it flushes them here, and the others answer."""
    lab = regions(flush_own(), threads=3, tlb=TLB)
    lab.put(0, lay.T_RANGE, 4)
    lab.put(0, lay.T_VISITED, lab.get(0, lay.T_MAPPING))
    done = lab.go(0, 0)
    assert done == 4 * TLB_PS["invlpg"] + TLB_PS["ipi_base"] + 2 * TLB_PS["ipi_per_cpu"]
    assert lab.counter("interrupts") == 2
    assert lab.counter("tlb_flushes") == 0


@pytest.mark.parametrize("fault", ["anonymous", "write_private", "write_shared"])
def test_rounds_come_at_the_rate_that_is_asked_for(fault):
    """A quarter of the pause, more rounds; each is two calls, apart from those of threads."""
    slow, fast = (result_of(a_point(fault=fault, every_ps=EVERY_PS // n)) for n in (1, 4))
    for result, every_ps in ((slow, EVERY_PS), (fast, EVERY_PS // 4)):
        rounds = result.counters["invalidations"]
        assert result.calls["writer"].count == 2 * rounds
        assert result.calls["region"].count == 8 * 2
        took_ps = result.calls["writer"].sum_ps
        assert rounds * every_ps + took_ps == pytest.approx(result.finish_ps, rel=0.45)
    assert fast.counters["invalidations"] > 1.5 * slow.counters["invalidations"]


def test_writers_stop_faults_under_mmap_lock_and_hardly_those_under_locks_of_vmas():
    """What the VMA's lock is for: faults go on while somebody else maps."""
    took = {
        (scheme, count): result_of(a_point(scheme, EVERY_PS // 5, count)).finish_ps
        for scheme in ("linux_6_1", "linux_6_17")
        for count in (0, 2)
    }
    assert took["linux_6_1", 2] > 1.15 * took["linux_6_1", 0]
    assert took["linux_6_17", 2] < 1.1 * took["linux_6_17", 0]


def test_who_has_touched_its_region_interrupts_the_others():
    """With ``touched`` munmap flushes; without it the CPUs of the others are left alone."""
    found = [result_of(a_point(options={"touched": touched})) for touched in (False, True)]
    quiet, loud = (one.counters["interrupts"] for one in found)
    assert loud > quiet + found[1].counters["invalidations"]


def test_actors_of_a_shared_file_are_refused_where_faults_write():
    """The message names the one that can run there."""
    point = a_point()
    choice = ActorChoice(name="truncate", every_ps=EVERY_PS)
    workload = point.workload.model_copy(update={"actors": (choice,)})
    with pytest.raises(registry.UnknownScheme, match="use actor 'map_unmap'"):
        actors_of(point.model_copy(update={"workload": workload}))
