from fractions import Fraction

import pytest
from helpers import a_lock_loop, a_workload, lock_loop_setup, scheme_setup
from small import a_run

from dessim.engines import run_setup
from dessim.measure.statistics.run_metrics import (
    STARTS_AND_ENDS,
    completion_ps,
    run_metrics,
    steady_window,
    time_shares,
)
from dessim.metrics import NAMES


def test_a_whole_file_needs_no_scaling() -> None:
    """Completion of a run in full is what the run says."""
    assert completion_ps(a_run(), fixed_exit_ps=50_000_000) == 1_200_000_000


def test_a_part_is_scaled_by_the_pages_that_are_missing() -> None:
    """Start once, reading and freeing page tables ten times, the fixed part of the exit once."""
    run = a_run(pages_declared=1000)
    expected = 100_000_000 + 10 * 900_000_000 + 10 * 150_000_000 + 50_000_000
    assert completion_ps(run, fixed_exit_ps=50_000_000) == expected


def test_an_exit_shorter_than_its_fixed_part_is_not_scaled_at_all() -> None:
    """The fixed part is never more than the teardown that was seen."""
    run = a_run(pages_declared=1000, completion_ps=1_000_000_000)
    assert completion_ps(run, fixed_exit_ps=50_000_000) == 100_000_000 + 10 * 900_000_000


def test_counts_are_scaled_and_rounded_but_latencies_are_not() -> None:
    """A third more pages: 1000 faults stand for 1333; a latency is a latency."""
    values = run_metrics(a_run(pages_simulated=75)).values
    assert values["minor_faults"] == 1333
    assert values["fault_latency_ns_mean"] == 1000.0
    assert values["fault_latency_ns_max"] == 1000.0


def test_rates_come_from_the_bins_in_which_all_threads_run() -> None:
    """Faults outside the window from last start to first finish do not count."""
    faults = (50,) * 100 + (2,) * 800 + (70,) * 100
    run = a_run(series_faults=faults, series_pages=tuple(3 * n for n in faults))
    found = run_metrics(run)
    assert steady_window(run) == (100, 900)
    assert found.values["steady_faults_per_s"] == 2e6
    assert found.values["pages_mapped_per_s"] == 6e6
    assert found.notes == ()


def test_bins_cut_by_the_window_are_left_out() -> None:
    """A start inside a bin excludes it, and so does a finish."""
    run = a_run(start_ps=100_000_001, first_finish_ps=899_999_999)
    assert steady_window(run) == (101, 899)


@pytest.mark.parametrize(
    ("first_finish_ps", "window"),
    [(298_999_999, None), (300_000_000, (100, 300))],
    ids=["just below a fifth", "a fifth"],
)
def test_a_window_below_a_fifth_of_the_run_is_not_steady(
    first_finish_ps: int, window: tuple[int, int] | None
) -> None:
    """200 of 1000 us are enough, 198 are not."""
    assert steady_window(a_run(first_finish_ps=first_finish_ps)) == window


def test_fewer_than_eight_bins_are_not_steady() -> None:
    """Seven bins are not enough, eight are."""
    coarse = a_run(series_bin_ps=100_000_000, series_faults=(1,) * 10, series_pages=(1,) * 10)
    assert steady_window(coarse) == (1, 9)
    assert steady_window(a_run(series_bin_ps=101_000_000)) is None


def test_without_a_steady_phase_the_whole_run_counts_under_its_own_name() -> None:
    """All faults over the time to the last finish: 1000 in 1 ms; there is no steady rate."""
    found = run_metrics(a_run(first_finish_ps=110_000_000))
    assert not found.steady
    assert found.values["steady_faults_per_s"] is None
    assert found.values["average_faults_per_s"] == 1e6


def test_threads_that_never_overlap_are_told() -> None:
    """A first finish before the last start makes a run sequential, whatever it was meant to be."""
    notes = run_metrics(a_run(first_finish_ps=100_000_000)).notes
    assert any("do not all overlap" in note for note in notes)


def test_shares_add_up_and_the_fixed_exit_is_not_scaled() -> None:
    """Ten times the user time and the variable teardown, once the fixed 400 us."""
    shares = time_shares(a_run(pages_declared=1000), fixed_exit_ps=400_000_000)
    total = Fraction(15_000 + 1_000 + 400)
    assert shares["teardown"] == float(1_400 / total)
    assert sum(shares.values()) == pytest.approx(1, abs=1e-12)


def test_a_run_without_faults_has_no_latencies() -> None:
    """No observations: None, not zero."""
    run = a_run(latency_counts=(), latency_count=0, latency_sum_ps=0, latency_max_ps=0)
    values = run_metrics(run).values
    assert all(values[name] is None for name in NAMES if name.startswith("fault_latency"))


def test_faults_of_a_lock_loop_are_acquisitions() -> None:
    """Each of 3 threads takes the lock 5 times; the last wait ends after the first thread has."""
    run = run_setup(lock_loop_setup(a_lock_loop(iterations=5), threads=3), "reference")
    assert run_metrics(run).values["minor_faults"] == 15
    assert (run.latency_count, run.latency_steady) == (14, True)


def test_latencies_of_the_whole_run_are_noted():
    """A run without time in which all threads ran says that its latencies are all there were."""
    assert STARTS_AND_ENDS in run_metrics(a_run(latency_steady=False)).notes
    assert STARTS_AND_ENDS not in run_metrics(a_run()).notes


def test_one_thread_counts_all_its_latencies():
    """From its start to its finish all threads run, if it is the only one."""
    setup = scheme_setup("no_fault_around", 0, 1, workload=a_workload(pages=9))
    run = run_setup(setup, "reference")
    assert (run.latency_count, run.latency_steady) == (9, True)


def test_threads_that_do_not_overlap_have_latencies_of_the_whole_run():
    """If the first finishes before the last starts, every fault counts."""
    workload = a_workload(pages=2, start_stagger_ps=10**9, start_jitter_ppm=0)
    run = run_setup(scheme_setup("no_fault_around", 0, 3, workload=workload), "reference")
    assert (run.latency_count, run.faults, run.latency_steady) == (6, 6, False)
