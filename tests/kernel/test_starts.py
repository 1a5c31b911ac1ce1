"""When threads start: at regular intervals, or with a random part of the same mean."""

from itertools import pairwise
from statistics import mean

import pytest
from helpers import a_machine, a_workload, scheme_setup

from dessim.kernel import layout as lay
from dessim.kernel.world import build_world


def gaps(stagger_ps, jitter_ppm, seed=1):
    """Return the intervals between the starts of 200 threads."""
    machine = a_machine(topology={"cores_per_l3": 50, "threads_per_core": 1})
    workload = a_workload(
        start="interval", start_stagger_ps=stagger_ps, start_jitter_ppm=jitter_ppm
    )
    w = build_world(scheme_setup("no_fault_around", 0, 200, machine, workload, seed)).tolist()
    starts = [w[w[lay.H_TASK] + i * lay.T_WORDS + lay.T_START] for i in range(200)]
    assert starts[0] == 0
    return [b - a for a, b in pairwise(starts)]


def test_without_jitter_threads_start_at_regular_intervals():
    """With jitter 0 every interval is the one asked for."""
    assert gaps(1_000_000, 0) == [1_000_000] * 199


@pytest.mark.parametrize("jitter_ppm", [300_000, 1_000_000])
def test_jitter_keeps_the_mean_interval_and_the_regular_part(jitter_ppm):
    """Intervals vary around the one asked for (4 sigma), above the part that is not random."""
    interval = 1_000_000
    found = gaps(interval, jitter_ppm)
    share = jitter_ppm / 1e6
    assert min(found) >= interval * (1 - share)
    assert abs(mean(found) - interval) < 4 * share * interval / 199**0.5
    assert len(set(found)) > 190


def test_the_machine_says_how_fast_threads_are_created_if_the_workload_does_not():
    """Without a stagger of its own the workload's threads start at the machine's pace."""
    pace = a_machine().kernel.thread_start_ps
    assert gaps(None, 0) == [pace] * 199


def test_another_seed_starts_threads_at_other_times():
    """The random part is drawn from the seed."""
    assert gaps(1_000_000, 1_000_000) != gaps(1_000_000, 1_000_000, seed=2)
