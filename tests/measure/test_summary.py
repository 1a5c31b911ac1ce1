"""What a point says of itself in flags: each is there where it should be, and nowhere else."""

import pytest
from small import a_run

from dessim.kernel.result import RunResult
from dessim.measure.statistics.summary import Summary, summarise


def runs_of(completions_us: list[int]) -> list[RunResult]:
    """Runs that are alike but for the end of their last process, us."""
    return [a_run(completion_ps=us * 1_000_000) for us in completions_us]


def flags_of(runs: list[RunResult]) -> set[str]:
    """The flags of a point."""
    found: Summary = summarise(runs)
    return set(found.flags)


def test_a_point_without_doubts_has_no_flag() -> None:
    """Six runs that are alike: as sure as the intervals say."""
    assert flags_of(runs_of([1200, 1201, 1202, 1203, 1204, 1205])) == set()


@pytest.mark.parametrize(
    ("completions_us", "flag"),
    [
        ([1200, 1201, 1202], "few_replications"),
        ([1200, 1201, 1202, 1203, 1204, 9000], "mixture"),
        ([1000, 2500, 6200, 15600, 39000, 97000], "unresolved"),
    ],
)
def test_a_doubt_is_a_flag(completions_us: list[int], flag: str) -> None:
    """Few runs, one of another kind, or an interval beyond a factor of four."""
    assert flag in flags_of(runs_of(completions_us))


def test_a_run_whose_threads_hardly_meet_gives_the_point_no_steady_rate() -> None:
    """One estimator a point: neither the rate of the others nor an average stands in for it."""
    runs = [*runs_of([1200] * 5), a_run(start_ps=890_000_000)]
    found = summarise(runs)
    assert "no_overlap" in found.flags
    assert found.metrics["steady_faults_per_s"].mean is None
    assert "in 1 of 6 runs" in (found.metrics["steady_faults_per_s"].reason or "")
    assert found.metrics["average_faults_per_s"].mean is not None
