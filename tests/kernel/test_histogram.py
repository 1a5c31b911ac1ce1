"""Latency histogram and time series: buckets, quantiles, merging, halving."""

import random

import pytest
from helpers import a_lab

from dessim.kernel import layout as lay
from dessim.kernel.accounting import end_latency, record_in_series, record_latency
from dessim.kernel.histogram import bucket_high, bucket_low, bucket_of, merge, quantile_ps
from dessim.kernel.result import Latencies, choose_latencies

RANDOM = random.Random(1)
VALUES = sorted(
    {
        *range(600),
        *(2**k + d for k in range(8, 48) for d in (-1, 0, 1)),
        *(RANDOM.randrange(2**48) for _ in range(500)),
    }
)
VALUES = [v for v in VALUES if v < 2**48]


def test_each_value_lies_in_its_bucket():
    """Bucket and bounds are inverse to each other."""
    for value in VALUES:
        bucket = bucket_of(value)
        assert bucket_low(bucket) <= value <= bucket_high(bucket)


def test_buckets_follow_on_each_other_without_gap():
    """Each bucket begins one above the end of the one before, and knows its own bounds."""
    for bucket in range(lay.HIST_BUCKETS - 1):
        assert bucket_low(bucket + 1) == bucket_high(bucket) + 1
        assert bucket_of(bucket_low(bucket)) == bucket_of(bucket_high(bucket)) == bucket


def test_buckets_are_at_most_a_128th_wide():
    """The relative width of every bucket is at most 1/128."""
    for bucket in range(1, lay.HIST_BUCKETS):
        width = bucket_high(bucket) - bucket_low(bucket) + 1
        assert width == 1 or width * 128 <= bucket_low(bucket)


def test_larger_values_never_lie_in_lower_buckets():
    """The bucket rises with the value."""
    buckets = [bucket_of(value) for value in VALUES]
    assert buckets == sorted(buckets)


def test_what_is_too_large_goes_into_the_last_bucket():
    """Values beyond the histogram are counted, not lost and not out of bounds."""
    for value in (2**48, 2**55, 2**62):
        assert bucket_of(value) == lay.HIST_BUCKETS - 1


def test_merging_adds_counts():
    """The sum of histograms is the histogram of the sum."""
    assert merge([((1, 2), (5, 1)), ((5, 3),), ()]) == ((1, 2), (5, 4))


@pytest.mark.parametrize(
    ("per_million", "rank"), [(0, 1), (1, 1), (500_000, 50), (990_000, 99), (1_000_000, 100)]
)
def test_a_quantile_is_the_observation_of_that_rank(per_million, rank):
    """With one observation each at 1 .. 100 ps the quantile is its rank."""
    counts = tuple((i, 1) for i in range(1, 101))
    assert quantile_ps(counts, per_million) == rank


def test_a_quantile_of_nothing_is_none():
    """An empty histogram has no quantiles."""
    assert quantile_ps((), 500_000) is None


def end_a_latency(lab, began, ended):
    """Let a latency of task 0 end, and record it."""
    lab.put(0, lay.T_FAULT_AT, began)
    end_latency(lab.w, lab.w[lay.H_TASK], ended)
    record_latency(lab.w, lab.w[lay.H_TASK])


def test_a_recorded_latency_is_counted_summed_and_compared():
    """Count, sum, maximum and bucket of recorded latencies are exact."""
    lab = a_lab()
    for latency in (100, 900, 100):
        end_a_latency(lab, 0, latency)
    base = lab.w[lay.H_HIST] + lay.Y_BUCKETS
    assert lab.w[base + bucket_of(100)] == 2
    assert lab.w[base + bucket_of(900)] == 1
    assert lab.latencies() == (3, 1100, 900)


def test_latencies_are_apart_by_whether_all_threads_ran_when_they_ended():
    """From the last start to the first finish, both included; a beginning before does not count."""
    lab = a_lab()
    lab.w[lay.H_STEADY_FROM], lab.w[lay.H_STEADY_TO] = 1_000, 2_000
    for ended in (999, 1_000, 2_000, 2_001):
        end_a_latency(lab, 900, ended)
    assert lab.latencies(0) == (2, 100 + 1_100, 1_100)
    assert lab.latencies(1) == (2, 99 + 1_101, 1_101)


SOME, MORE = Latencies(((5, 2),), 5, 10, 2), Latencies(((5, 1), (9, 1)), 9, 14, 2)


@pytest.mark.parametrize(
    ("steady", "times", "chosen"),
    [
        (SOME, (100, 200, 500), (SOME, True)),
        (SOME, (100, 199, 500), (SOME + MORE, False)),
        (SOME, (200, 100, 500), (SOME + MORE, False)),
        (Latencies((), 0, 0, 0), (0, 500, 500), (MORE, False)),
    ],
    ids=["a-fifth", "too-short", "no-overlap", "nothing-ended"],
)
def test_latencies_of_the_steady_part_speak_for_a_run_if_it_is_a_fifth_of_it(steady, times, chosen):
    """Else those of the whole run do, and it is reported."""
    assert choose_latencies(steady, MORE, *times) == chosen


def test_adding_latencies_adds_counts_and_sums_and_takes_the_greatest():
    """Two parts of a run are one whole."""
    assert Latencies(((5, 3), (9, 1)), 9, 24, 4) == SOME + MORE


def series_of(events):
    """Record (time, pages) events; return bin width and both series."""
    lab = a_lab()
    for now, pages in events:
        record_in_series(lab.w, now, pages)
    base, bins = lab.w[lay.H_SERIES], lay.SERIES_BINS
    width = 1 << lab.w[lay.H_SERIES_SHIFT]
    return width, lab.w[base : base + bins], lab.w[base + bins : base + 2 * bins]


EVENTS = [(now, 1 + now % 7) for now in sorted(RANDOM.randrange(1024 << 24) for _ in range(2_000))]


def test_the_series_halves_until_the_latest_event_fits():
    """Bins double in width just often enough, and then hold what falls into them."""
    width, faults, pages = series_of(EVENTS)
    last = EVENTS[-1][0]
    assert last < width * lay.SERIES_BINS <= 2 * max(last + 1, lay.SERIES_BINS << 20)
    for i in range(lay.SERIES_BINS):
        inside = [p for now, p in EVENTS if now // width == i]
        assert (faults[i], pages[i]) == (len(inside), sum(inside))


def test_the_series_does_not_depend_on_the_order_of_recording():
    """An engine may record faults in any order: the series is the same."""
    shuffled = list(EVENTS)
    RANDOM.shuffle(shuffled)
    assert series_of(shuffled) == series_of(EVENTS) == series_of(EVENTS[::-1])
