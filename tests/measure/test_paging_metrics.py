"""What a run on a file larger than memory reports: bytes, amplification, major and minor faults."""

from functools import lru_cache

import pytest
from helpers import scheme_setup
from paging_labs import paging_setup

from dessim.engines import run_setup
from dessim.measure.statistics.run_metrics import minor_latencies, run_metrics


@lru_cache
def result():
    """Return a run under pressure."""
    setup = paging_setup(pages=512, share=0.5, cached=0.5, touches=150, threads=3)
    return run_setup(setup, "compiled")


def test_time_series_add_up_to_the_counters():
    """Touches, pages read and evictions lie in time bins, however often these were doubled."""
    run = result()
    for series, counter in (
        (run.series_touches, "touches"),
        (run.series_read, "pages_read"),
        (run.series_evictions, "evictions"),
        (run.series_interrupts, "interrupts"),
    ):
        assert sum(series) == run.counters[counter] > 0


def test_bytes_and_amplification_are_those_of_the_pages_read():
    """4 KiB a page; pages read over pages touched."""
    run, values = result(), run_metrics(result()).values
    assert values["device_bytes_read"] == 4096 * run.counters["pages_read"]
    assert values["read_amplification"] == pytest.approx(run.counters["pages_read"] / 450)
    assert values["evictions"] == run.counters["evictions"]


def test_major_and_minor_latencies_are_all_latencies():
    """Each fault is one or the other, and those that waited for the device took longer."""
    run, values = result(), run_metrics(result()).values
    minor = sum(n for _, n in minor_latencies(run))
    assert minor + run.major_count == run.latency_count
    assert run.major_count == sum(n for _, n in run.major_counts) > 100
    assert values["major_latency_ns_mean"] > 90_000 > 20 * values["minor_latency_ns_mean"] / 20
    total = run.major_count * values["major_latency_ns_mean"]
    total += minor * values["minor_latency_ns_mean"]
    assert total == pytest.approx(run.latency_sum_ps / 1000)


def test_runs_without_an_advice_have_none_of_it():
    """Their numbers are 0, or there is none."""
    run = run_setup(scheme_setup("no_fault_around", 0, 1), "compiled")
    values = run_metrics(run).values
    assert values["device_bytes_read"] == values["touches_per_s"] == 0
    assert values["major_latency_ns_mean"] is None
    assert "evictions" not in run.counters
    assert "reclaim" not in run.time_ps
