import math

import numpy as np
import pytest
from helpers import a_lock_loop, a_machine, a_workload, ideal_machine

from dessim.engines import run_setup
from dessim.errors import UserError
from dessim.model import Point, SchemeChoice, load_machine
from dessim.model.provenance import Provenance
from dessim.study.explain.sensitivity import (
    SensitivityPlan,
    machine_at,
    of_workload,
    point_at,
    ranged,
    sensitivity,
)
from dessim.study.sweep.plan import setup_of


def run_here(points):
    """Do all replications with the reference engine."""
    return [
        [run_setup(setup_of(point, i), "reference") for i in range(point.replications)]
        for point in points
    ]


def with_ranges(machine, **ranges):
    """Return a machine whose numbers, by path with `__` for the dot, have these ranges."""
    provenance = {
        name.replace("__", "."): Provenance(tag="assumed", low=low, high=high)
        for name, (low, high) in ranges.items()
    }
    return machine.model_copy(update={"provenance": provenance})


def a_contended_loop(threads: int) -> Point:
    """Return a ticket lock whose hand-over is all that costs anything, and three ranges."""
    machine = ideal_machine(threads)
    locks = machine.locks.model_copy(update={"ticket_per_waiter_ps": 1_000})
    kernel = machine.kernel.model_copy(update={"lock_local_ps": 10, "rmap_ps": 10})
    machine = with_ranges(
        machine.model_copy(update={"locks": locks, "kernel": kernel}),
        locks__ticket_per_waiter=(500, 2_000),
        kernel__lock_local=(9, 11),
        kernel__rmap=(1, 100),
    )
    return Point(
        experiment="test",
        machine=machine,
        workload=a_lock_loop(think_ps=0, hold_ps=1_000, iterations=200),
        scheme=SchemeChoice(name="no_fault_around"),
        threads=threads,
        fault_around_order=0,
        replications=1,
    )


def test_the_parameter_that_is_known_to_matter_is_found() -> None:
    """Four threads, no think time: a turn is the hold time and the hand-over past two waiters.

    With two other waiters, a turn takes 1,000 + 2 c ps: between the ends of c's range, throughput
    falls by a factor of 5,000 / 2,000. Costs that a lock loop does not pay do nothing.
    """
    plan = SensitivityPlan("completion", trajectories=8, samples=0)
    found = sensitivity([a_contended_loop(4)], plan, run_here)
    [response] = found["responses"]
    rows = {row["parameter"]: row for row in response["effects"]}
    assert next(iter(rows)) == "locks.ticket_per_waiter"
    best = rows["locks.ticket_per_waiter"]
    assert best["mu_star"] == pytest.approx(math.log(5 / 2), rel=0.1)
    assert best["mu"] == pytest.approx(best["mu_star"])
    assert rows["kernel.rmap"]["mu_star"] == 0
    assert 0 < rows["kernel.lock_local"]["mu_star"] < 0.01 * best["mu_star"]
    assert response["chance"] is None  # one replication tells nothing about chance
    assert response["greatest"] / response["least"] == pytest.approx(5 / 2, rel=0.1)


def test_sobol_agrees_with_the_screening() -> None:
    """All variance belongs to the one parameter that matters."""
    plan = SensitivityPlan("completion", trajectories=3, samples=16, top=2)
    found = sensitivity([a_contended_loop(4)], plan, run_here)
    first, second = found["responses"][0]["sobol"]
    assert first["parameter"] == "locks.ticket_per_waiter"
    assert first["total"] == pytest.approx(1, abs=0.2)
    assert abs(second["total"]) < 0.01


def test_nobody_waits_for_a_lock_alone() -> None:
    """With one thread the hand-over has no effect at all, and no Sobol design is run."""
    plan = SensitivityPlan("completion", trajectories=3, samples=8)
    found = sensitivity([a_contended_loop(1)], plan, run_here)
    rows = {row["parameter"]: row for row in found["responses"][0]["effects"]}
    assert rows["locks.ticket_per_waiter"]["mu_star"] == 0
    assert found["samples"] == 0
    assert "sobol" not in found["responses"][0]


def test_of_two_schemes_the_ratio_is_a_response_too() -> None:
    """What both pay alike cancels in the ratio; what one pays more often decides."""
    machine = with_ranges(
        a_machine(), user__read_page_dram=(500_000, 2_000_000), kernel__slow_path=(1, 10**6)
    )
    points = [
        Point(
            experiment="test",
            machine=machine,
            workload=a_workload(64),
            scheme=SchemeChoice(name=name),
            threads=2,
            fault_around_order=3,
            replications=2,
        )
        for name in ("no_fault_around", "gang_lookup_mapcount")
    ]
    found = sensitivity(points, SensitivityPlan("completion", 4, 0), run_here)
    *each, ratio = found["responses"]
    assert [entry["ratio"] for entry in (*each, ratio)] == [False, False, True]
    assert ratio["response"] == "gang_lookup_mapcount / no_fault_around"
    assert ratio["effects"][0]["parameter"] == "kernel.slow_path"
    assert ratio["effects"][0]["mu"] < 0
    assert ratio["share_above_1"] == 0


def test_the_same_seed_gives_the_same_answer() -> None:
    """Design, bootstrap and runs are functions of their seeds."""
    plan = SensitivityPlan("completion", 3, 8, 2)
    first, second = (sensitivity([a_contended_loop(3)], plan, run_here) for _ in range(2))
    assert first == second


def test_machines_stay_inside_the_ranges_of_their_sources() -> None:
    """At both ends and in between; a clock with all cores busy never exceeds that of one core."""
    machine = load_machine("ivybridge-ex-4s")
    point = a_contended_loop(2).model_copy(update={"machine": machine, "workload": a_workload(64)})
    parameters = ranged(point)
    assert len(parameters) > 40
    rng = np.random.default_rng(1)
    for x in (
        np.zeros(len(parameters)),
        np.ones(len(parameters)),
        *rng.random((20, len(parameters))),
    ):
        other = machine_at(machine, parameters, x)
        assert other.clock.all_cores_hz <= other.clock.one_core_hz
        for parameter, u in zip(parameters, x, strict=True):
            [number] = parameter.numbers
            value = number.at(parameter.low + (parameter.high - parameter.low) * u)
            assert number.low <= value <= number.high
    assert "two_hops" not in " ".join(one.name for one in parameters)


def test_what_cannot_be_answered_is_refused() -> None:
    """No ranges, no such metric, no value of it."""
    point = a_contended_loop(2)
    bare = point.model_copy(update={"machine": ideal_machine(2)})
    with pytest.raises(UserError, match="has a range"):
        sensitivity([bare], SensitivityPlan(), run_here)
    with pytest.raises(UserError, match="no metric is named"):
        sensitivity([point], SensitivityPlan("speed"), run_here)
    with pytest.raises(UserError, match="has no positive value"):
        sensitivity([point], SensitivityPlan("pages_mapped_per_s", 2, 0), run_here)


def a_scaled_point(**changed) -> Point:
    """Return eight processes behind a barrier, of a file of which a part is simulated."""
    machine = with_ranges(a_machine(), kernel__thread_start=(10**7, 10**8))
    workload = a_workload(256, mapping="per_process", start_stagger_ps=10**6)
    point = Point(
        experiment="test",
        machine=machine,
        workload=workload,
        scheme=SchemeChoice(name="no_fault_around"),
        threads=8,
        fault_around_order=0,
        simulate_bytes=64 << 12,
        replications=1,
    )
    return point.model_copy(update=changed)


def test_starts_and_the_length_of_the_file_are_screened() -> None:
    """From the barrier to threads that are made one by one; a quarter to four times the part."""
    point = a_scaled_point()
    starts, length = of_workload(point, "pages_mapped_per_s")
    assert [(one.low, one.high) for one in starts.numbers] == [(10**6, 10**8)]
    assert [(one.low, one.high) for one in length.numbers] == [(16 << 12, 256 << 12)]
    assert ranged(point) == []  # the machine's own interval plays no part here
    ends = [point_at(point, [starts, length], x) for x in ((0, 0), (1, 1))]
    assert [one.workload.start_stagger_ps for one in ends] == [10**6, 10**8]
    assert [one.workload.file_size_bytes >> 12 for one in ends] == [16, 256]
    assert [one.simulate_bytes for one in ends] == [None, None]


def test_what_can_play_no_part_is_not_screened() -> None:
    """A file's length decides its completion, which is no finding; one thread starts alone."""
    point = a_scaled_point()
    assert [one.name for one in of_workload(point, "completion_s")] == ["workload.start_stagger"]
    alone = of_workload(a_scaled_point(threads=1), "pages_mapped_per_s")
    assert [one.name for one in alone] == ["workload.file_size"]
    plain = a_scaled_point(workload=a_workload(256, start_stagger_ps=None))
    assert [one.name for one in of_workload(plain, "completion_s")] == []


def test_without_a_steady_phase_the_rate_is_that_of_the_whole_run() -> None:
    """Threads that start late do not overlap: all runs tell one rate, under its own name."""
    found = sensitivity([a_scaled_point()], SensitivityPlan("throughput", 2, 0), run_here)
    assert found["metric"] == "average_pages_per_s"
    assert {one["parameter"] for one in found["parameters"]} == {
        "workload.start_stagger",
        "workload.file_size",
    }
