import pytest
from helpers import a_lock_loop, a_machine, a_workload, ideal_machine

from dessim.engines import run_setup
from dessim.metrics import UnknownMetricError
from dessim.model import Point, SchemeChoice
from dessim.study.explain.time import time_of
from dessim.study.explain.whatif import (
    TOGETHER,
    Scenario,
    causal_scenarios,
    effects,
    metric_name,
    scenarios_of,
)
from dessim.study.sweep.plan import setup_of


def a_point(**changes) -> Point:
    """Return a point on the test machine."""
    values = {
        "experiment": "test",
        "machine": a_machine(),
        "workload": a_workload(64),
        "scheme": SchemeChoice(name="lock_each_page"),
        "threads": 4,
        "fault_around_order": 2,
        "replications": 3,
        **changes,
    }
    return Point(**values)


def run_here(points):
    """Do all replications with the reference engine."""
    return [
        [run_setup(setup_of(point, i), "reference") for i in range(point.replications)]
        for point in points
    ]


def test_the_time_adds_up() -> None:
    """Simulated categories add up exactly; shares to 1, times per fault to their total."""
    point = a_point()
    [runs] = run_here([point])
    found = time_of(point, runs)
    categories = found["categories"]
    assert sum(c["simulated_ps"] for c in categories) == found["simulated_total_ps"]
    assert found["simulated_total_ps"] == sum(run.total_time_ps for run in runs)
    assert sum(c["share"]["mean"] for c in categories) == pytest.approx(1, abs=1e-12)
    total = found["total_ns_per_fault"]["mean"]
    assert sum(c["ns_per_fault"]["mean"] for c in categories) == pytest.approx(total)


def test_a_speed_up_is_exact() -> None:
    """One thread, fixed times: half the hold time ends the loop sooner by exactly that share."""
    workload = a_lock_loop(think_ps=3_000_000, hold_ps=1_000_000, iterations=100)
    point = a_point(machine=ideal_machine(1), workload=workload, threads=1)
    [found] = effects([point], [scenarios_of([("hold", 500_000)])], ["completion"], run_here)
    [row] = found["effects"]
    assert row["metrics"]["completion"]["ratio"] == pytest.approx(3.5 / 4, abs=1e-9)
    assert row["costs"] == {"workload.hold": ["1us", "500ns"]}


def test_cutting_nothing_has_no_effect() -> None:
    """The runs are identical, and every ratio is 1."""
    [found] = effects([a_point()], [scenarios_of([("map", 0)])], ["throughput"], run_here)
    [row] = found["effects"]
    assert row["identical"]
    assert row["costs"] == {}
    assert row["metrics"]["throughput"]["ratio"] == 1
    assert not row["metrics"]["throughput"]["significant"]


def test_several_cuts_are_tried_alone_and_together() -> None:
    """The last scenario holds all of them."""
    speedups = [("map", 500_000), ("line_remote", 200_000)]
    found = scenarios_of(speedups)
    assert [one.speedups for one in found] == [(speedups[0],), (speedups[1],), tuple(speedups)]
    assert [one.name for one in found] == ["map -50%", "line_remote -20%", TOGETHER]


def test_the_cost_that_all_time_goes_to_ranks_first() -> None:
    """With a user who reads for a millisecond per page, nothing else matters as much."""
    machine = a_machine(user={"read_page_dram_ps": 10**9, "read_page_l3_ps": 10**9})
    point = a_point(machine=machine, threads=1)
    own = causal_scenarios(point)
    [found] = effects([point], [own], ["completion"], run_here)
    ratios = {row["name"]: row["metrics"]["completion"]["ratio"] for row in found["effects"]}
    best = min(ratios, key=lambda name: ratios[name])
    assert best == "read_page_dram"
    assert ratios[best] == pytest.approx(0.9, abs=0.005)
    assert all(ratio > 0.99 for name, ratio in ratios.items() if name != best)


def test_costs_that_are_nothing_are_not_tried() -> None:
    """Each cost of the causal profile is used by the point and above zero."""
    point = a_point(machine=ideal_machine(4), workload=a_lock_loop(), threads=4)
    names = {scenario.name for scenario in causal_scenarios(point)}
    assert {"think", "hold"} <= names
    assert not names & {"rmap", "read_page_dram", "rmw_modified.same_l3"}


def test_metrics_are_known_by_short_names() -> None:
    """Throughput is pages mapped, or turns of a lock loop."""
    assert metric_name("throughput", a_point()) == "pages_mapped_per_s"
    assert metric_name("throughput", a_point(workload=a_lock_loop())) == "steady_faults_per_s"
    assert metric_name("fault_latency_p99", a_point()) == "fault_latency_ns_p99"
    with pytest.raises(UnknownMetricError, match="did you mean 'completion'"):
        metric_name("complete", a_point())


def test_points_are_run_in_one_go() -> None:
    """All points and scenarios are handed over at once, base first."""
    seen = []

    def run(points):
        seen.append([point.machine.kernel.rmap_ps for point in points])
        return run_here(points)

    points = [a_point(), a_point(threads=2)]
    own = [Scenario("free", (("rmap", 1_000_000),))]
    found = effects(points, [own, own], ["throughput"], run)
    rmap_ps = points[0].machine.kernel.rmap_ps
    assert seen == [[rmap_ps, 0, rmap_ps, 0]]
    assert [entry["threads"] for entry in found] == [4, 2]
