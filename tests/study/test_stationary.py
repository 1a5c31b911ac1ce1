"""What two sizes of a simulation do to the numbers of the larger one."""

from pathlib import Path

import pytest
from small import a_run, experiment_file

from dessim.measure.statistics.intervals import IntervalEstimate
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
        (SizePair(100.0, 104.0, 0.05, "agree"), False),
        (SizePair(None, 104.0, 0.05, "unsure"), False),
    ],
)
def test_medians_apart_that_runs_cannot_settle(pair: SizePair, perhaps: bool) -> None:
    """Unsure and further apart than is borne: perhaps not stationary."""
    assert pair.perhaps is perhaps


def minor_faults(folder: Path, pair: SizePair) -> tuple[IntervalEstimate, tuple[str, ...]]:
    """Return the faults of six runs of part of a file, after two sizes gave a pair."""
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
    found = Stationarity((32 * MIB, 64 * MIB), False, {"minor_faults": pair})
    summary = refuse(summary_of(point, runs), found)
    return summary.metrics["minor_faults"], summary.flags


def test_a_scaled_number_that_may_drift_has_no_interval(tmp_path: Path) -> None:
    """The number stays, with its reason: an interval over replications would not hold the file."""
    estimate, flags = minor_faults(tmp_path, SizePair(940.0, 1003.0, 0.05, "unsure"))
    assert estimate.mean is not None
    assert estimate.ci95 is None
    assert estimate.reason is not None
    assert estimate.reason.startswith("perhaps not stationary: minor_faults is 1e+03 from 64MiB,")
    assert "not_stationary" not in flags


def test_a_scaled_number_within_what_is_borne_keeps_its_interval(tmp_path: Path) -> None:
    """Six runs that scatter by more than the tolerance, around the same median."""
    estimate, _ = minor_faults(tmp_path, SizePair(1001.0, 1003.0, 0.05, "unsure"))
    assert estimate.ci95 is not None
