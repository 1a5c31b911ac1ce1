"""What two sizes of a simulation do to the numbers of the larger one."""

from pathlib import Path

import pytest
from small import a_run, experiment_file

from dessim.measure.statistics.summary import Summary
from dessim.model import load_experiment, resolve
from dessim.study.sweep.precision import summary_of
from dessim.study.sweep.stationary import SizePair, Stationarity, refuse

MIB = 1 << 20


@pytest.mark.parametrize(
    ("pair", "perhaps"),
    [
        (SizePair(100.0, 106.0, 0.05, "unsure"), True),
        (SizePair(106.0, 100.0, 0.05, "unsure"), True),
        (SizePair(100.0, 104.0, 0.05, "unsure"), False),
        (SizePair(100.0, 104.0, 0.05, "agree", (1.02, 1.049)), False),
        (SizePair(100.0, 104.0, 0.05, "unsure", (1.01, 1.07)), True),
        (SizePair(100.0, 96.0, 0.05, "unsure", (0.92, 0.99)), True),
        (SizePair(100.0, 104.0, 0.05, "unsure", (0.97, 1.09)), False),
        (SizePair(100.0, 104.0, 0.05, "unsure", (0.97, 1.09), suspected=True), True),
        (SizePair(100.0, 101.0, 0.05, "agree", (0.99, 1.03), suspected=True), False),
        (SizePair(None, 104.0, 0.05, "unsure"), False),
        (SizePair(100.0, None, 0.05, "unsure"), False),
    ],
)
def test_sizes_that_may_differ(pair: SizePair, perhaps: bool) -> None:
    """Unsure, and: further apart than is borne, certain to change, or suspected before."""
    assert pair.perhaps is perhaps


def six_runs(folder: Path, **pairs: SizePair) -> Summary:
    """Return the summary of six runs of part of a file, after two sizes gave some pairs."""
    path = experiment_file(
        folder, "machine: ivybridge-ex-4s\nworkload: sequential-read\n", "a.yaml"
    )
    [point] = resolve(
        load_experiment(str(path), ["schemes=[radix_walk_trylock]", "simulate=64MiB"])
    )
    counters = a_run().counters
    runs = [
        a_run(pages_declared=8192, counters=counters | {"minor_faults": 1000 + number})
        for number in range(6)
    ]
    return refuse(summary_of(point, runs), Stationarity((32 * MIB, 64 * MIB), False, pairs))


def test_a_scaled_number_that_may_drift_has_no_interval(tmp_path: Path) -> None:
    """The number stays, with its reason: an interval over replications would not hold the file."""
    summary = six_runs(tmp_path, minor_faults=SizePair(940.0, 1003.0, 0.05, "unsure"))
    estimate = summary.metrics["minor_faults"]
    assert estimate.mean is not None
    assert estimate.ci95 is None
    assert estimate.reason is not None
    assert estimate.reason.startswith("perhaps not stationary: minor_faults is 1e+03 from 64MiB,")
    assert "size_unsure" in summary.flags
    assert "not_stationary" not in summary.flags
    assert any(note.startswith("perhaps not stationary: minor_faults") for note in summary.notes)
    assert summary.metrics["pages_mapped_per_s"].ci95 is not None  # it needs no scaling


SLOW = SizePair(1086.0, 1000.0, 0.05, "unsure", (0.89, 0.97))
"""A drift of 8 % from one size to the next that six runs do not prove to be more than 5 %."""


def test_a_slow_drift_of_the_tail_is_flagged(tmp_path: Path) -> None:
    """p99 has no interval, nor has a count that is not shown to agree; what agrees has its own."""
    agreed = SizePair(1.0, 1.0, 0.05, "agree")
    summary = six_runs(tmp_path, fault_latency_ns_p99=SLOW, completion_s=agreed)
    assert "size_unsure" in summary.flags
    tail = summary.metrics["fault_latency_ns_p99"]
    assert (tail.mean is not None, tail.ci95) == (True, None)
    assert tail.reason is not None
    assert "from 64MiB, 1.09e+03 ns from 32MiB" in tail.reason
    assert summary.metrics["completion_s"].ci95 is not None
    faults = summary.metrics["minor_faults"]
    assert faults.ci95 is None
    assert faults.reason is not None
    assert faults.reason.startswith("perhaps not stationary: fault_latency_ns_p99 is")


def test_the_far_tail_speaks_for_itself_only(tmp_path: Path) -> None:
    """p99.9 that may drift has no interval; it neither flags the point nor asks for more runs."""
    pair = SizePair(1086.0, 1000.0, 0.10, "unsure", (0.89, 0.97))
    summary = six_runs(tmp_path, fault_latency_ns_p999=pair)
    assert summary.metrics["fault_latency_ns_p999"].ci95 is None
    assert summary.flags == ()
    assert not Stationarity((32 * MIB, 64 * MIB), False, {"fault_latency_ns_p999": pair}).undecided


def test_growing_goes_on_while_a_metric_may_differ() -> None:
    """All that must agree does, and p99 may drift: a larger size is tried, or more runs."""
    agreed = SizePair(1.0, 1.0, 0.05, "agree", (0.99, 1.01))
    alike = {"completion_s": agreed, "fault_latency_ns_p99": agreed}
    assert Stationarity((MIB, 4 * MIB), False, alike).settled
    found = Stationarity((MIB, 4 * MIB), False, alike | {"fault_latency_ns_p99": SLOW})
    assert not found.settled
    assert found.undecided
    assert not found.as_dict()["stationary"]


@pytest.mark.parametrize(
    ("ends", "settled"), [((0.9, 1.1), True), ((0.376, 1.144), False), ((0.9, 1.3), False)]
)
def test_growing_goes_on_while_little_is_known_of_the_tail(
    ends: tuple[float, float], settled: bool
) -> None:
    """Equal medians of p99 end nothing where runs differ so much that it may have changed a lot."""
    agreed = SizePair(1.0, 1.0, 0.05, "agree", (0.99, 1.01))
    pairs = {
        "completion_s": agreed,
        "fault_latency_ns_p99": SizePair(1, 0.98, 0.05, "unsure", ends),
    }
    found = Stationarity((MIB, 4 * MIB), False, pairs)
    assert found.settled is settled
    assert not found.undecided
    assert found.as_dict()["stationary"]


def test_a_quantile_that_one_size_has_is_confirmed_by_none(tmp_path: Path) -> None:
    """A larger size is tried; at the cap a note says it, and the interval is that of its size."""
    lone = SizePair(None, 1000.0, 0.05, "unsure")
    found = Stationarity((MIB, 4 * MIB), False, {"fault_latency_ns_p99": lone})
    assert not found.settled
    assert not found.undecided
    summary = six_runs(tmp_path, fault_latency_ns_p99=lone)
    assert summary.metrics["fault_latency_ns_p99"].ci95 is not None
    assert summary.flags == ()
    assert "no second size confirms fault_latency_ns_p99: 32MiB is too little" in summary.notes


def test_a_mean_that_may_differ_has_no_interval_and_no_flag(tmp_path: Path) -> None:
    """Tables do not show it; what they show is as sure as it says."""
    summary = six_runs(tmp_path, fault_latency_ns_mean=SLOW)
    assert summary.metrics["fault_latency_ns_mean"].ci95 is None
    assert summary.flags == ()


def test_a_scaled_number_within_what_is_borne_keeps_its_interval(tmp_path: Path) -> None:
    """Six runs that scatter by more than the tolerance, around the same median."""
    pair = SizePair(1001.0, 1003.0, 0.05, "unsure", (0.9, 1.1))
    summary = six_runs(tmp_path, minor_faults=pair)
    assert summary.metrics["minor_faults"].ci95 is not None
    assert "size_unsure" not in summary.flags
