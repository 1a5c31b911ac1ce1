"""Where the time goes: every picosecond of every task is in exactly one category."""

import pytest
from helpers import BUSY_MACHINE, a_lock_loop, a_workload, lock_loop_setup, scheme_setup

from dessim import registry
from dessim.engines import run_setup
from dessim.kernel import layout as lay
from dessim.kernel.result import InvariantError, check_at_rest, read_result
from dessim.kernel.world import WorldError, build_world


@pytest.mark.parametrize("mapping", ["per_thread", "shared", "per_process"])
@pytest.mark.parametrize("scheme", registry.names())
def test_time_by_category_adds_up_exactly(scheme, mapping):
    """The categories sum to the tasks' time from start to end, and none is negative."""
    workload = a_workload(pages=40, mapping=mapping, start_stagger_ps=50_000)
    result = run_setup(scheme_setup(scheme, 3, 12, BUSY_MACHINE, workload), "reference")
    assert sum(result.time_ps.values()) == result.total_time_ps
    assert min(result.time_ps.values()) >= 0
    if mapping == "per_process":  # then every task lives to its own end, at most that of the run
        assert result.total_time_ps <= 12 * result.completion_ps


@pytest.mark.parametrize("mapping", ["per_thread", "shared", "per_process"])
@pytest.mark.parametrize("scheme", registry.names())
def test_pages_add_up(scheme, mapping):
    """Every page is mapped once per mapping, touched once per thread, unmapped at the end."""
    threads, pages = 12, 40
    workload = a_workload(pages=pages, mapping=mapping, start_stagger_ps=50_000)
    result = run_setup(scheme_setup(scheme, 3, threads, BUSY_MACHINE, workload), "reference")
    mappings = 1 if mapping == "shared" else threads
    counters = result.counters
    assert counters["pages_mapped"] == counters["ptes_cleared"] == pages * mappings
    assert counters["tables_freed"] == mappings
    assert counters["touches"] == pages * threads
    assert result.faults == counters["minor_faults"]
    assert sum(n for _, n in result.latency_counts) == result.latency_count
    assert 0 < result.latency_count <= result.faults
    assert sum(result.series_faults) == counters["minor_faults"]
    assert sum(result.series_pages) == counters["pages_mapped"]


def test_a_lock_loops_time_is_think_hold_and_waiting():
    """On the ideal machine nothing but think, hold and lock takes time."""
    loop = a_lock_loop(think_ps=300, hold_ps=100, iterations=20)
    result = run_setup(lock_loop_setup(loop, 5), "reference")
    spent = {name: ps for name, ps in result.time_ps.items() if ps}
    assert set(spent) == {"think", "hold", "lock"}
    assert spent["think"] == 5 * 20 * 300
    assert spent["hold"] == 5 * 20 * 100


@pytest.mark.parametrize("category", ["fork", "reclaim"])
def test_a_category_that_the_workload_does_not_know_is_kept_if_it_has_time(category):
    """A scheme may work on anything: what it spends is in the account, and adds up."""
    w = build_world(scheme_setup("no_fault_around", 0, 2)).tolist()
    t = w[lay.H_TASK]
    w[t + lay.T_ACCOUNT + lay.CATEGORIES.index(category)] += 7
    w[t + lay.T_CLOCK] += 7
    spent = read_result(w, 1).time_ps
    assert spent[category] == 7
    assert ({"fork", "reclaim"} - {category}) & set(spent) == set()


def test_a_world_whose_time_does_not_add_up_is_refused():
    """One picosecond too many in the accounts is an error, not a result."""
    w = build_world(scheme_setup("no_fault_around", 0, 2)).tolist()
    w[w[lay.H_TASK] + lay.T_ACCOUNT] += 1
    with pytest.raises(InvariantError, match="accounted 1 ps of 0 ps"):
        read_result(w, 1)


@pytest.mark.parametrize(
    ("word", "value"), [(lay.P_MAPCOUNT, 1), (lay.P_REFCOUNT, 2), (lay.P_FLAGS, lay.FLAG_LOCKED)]
)
def test_a_world_not_at_rest_is_refused(word, value):
    """A page that stays mapped, referenced or locked at the end is an error that names it."""
    w = build_world(scheme_setup("no_fault_around", 0, 2)).tolist()
    check_at_rest(w)
    w[w[lay.H_PAGE] + 3 * w[lay.H_PAGE_WORDS] + word] = value
    with pytest.raises(InvariantError, match="page 3 at the end"):
        check_at_rest(w)


def test_missing_pages_need_a_device():
    """A workload whose pages have to be read is refused on a machine that has no device."""
    cold = a_workload(cached_ppm=0)
    with pytest.raises(WorldError, match=r"device\.read_latency"):
        build_world(scheme_setup("no_fault_around", 0, 2, workload=cold))
