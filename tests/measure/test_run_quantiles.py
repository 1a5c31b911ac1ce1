"""Quantiles of runs: each needs ten observations beyond it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dessim.kernel.histogram import bucket_high, bucket_low
from dessim.measure.statistics.run_quantiles import run_quantile_ns, typical_quantile


def test_inside_a_bucket_ranks_are_equally_far_apart() -> None:
    """Rank 25 of 100 in one bucket is a quarter of the way through it."""
    low, end = bucket_low(500), bucket_high(500) + 1
    found = run_quantile_ns(((500, 100),), 250_000)
    assert found == pytest.approx((low + (end - low) / 4) / 1000)


def test_five_observations_beyond_are_needed_in_a_run() -> None:
    """Five hundred observations have a p99, 499 have none; a p99.9 needs five thousand."""
    assert run_quantile_ns(((500, 500),), 990_000) is not None
    assert run_quantile_ns(((500, 499),), 990_000) is None
    assert run_quantile_ns(((500, 4999),), 999_000) is None
    assert run_quantile_ns((), 500_000) is None


@given(
    st.dictionaries(st.integers(0, 3000), st.integers(1, 50), min_size=1, max_size=30),
    st.sampled_from([500_000, 900_000, 990_000]),
)
def test_the_quantile_is_in_the_bucket_of_its_rank(table: dict[int, int], ppm: int) -> None:
    """At most its share of the observations lies below the bucket, and no more above."""
    counts = tuple(sorted(table.items()))
    found = run_quantile_ns(counts, ppm)
    total = sum(table.values())
    if found is None:
        assert total * (1_000_000 - ppm) < 5_000_000
        return
    below = sum(n for bucket, n in counts if bucket_high(bucket) + 1 <= found * 1000 - 1)
    above = sum(n for bucket, n in counts if bucket_low(bucket) >= found * 1000 + 1)
    assert below <= total * ppm / 1_000_000 + 1e-6
    assert above <= total * (1_000_000 - ppm) / 1_000_000 + 1e-6


def test_the_typical_run_does_not_hear_of_one_that_collapsed() -> None:
    """Four runs in bucket 500 and one in bucket 2000: the p99 of the typical run is in 500."""
    runs = [((500, 2000),)] * 4 + [((2000, 2000),)]
    found = typical_quantile(runs, 990_000)
    assert found.mean is not None
    assert bucket_low(500) <= found.mean * 1000 <= bucket_high(500) + 1
    assert found.ci95 is not None
    assert found.ci95[1] * 1000 >= bucket_low(2000)
    assert found.observations == 10_000


def test_the_typical_run_has_ten_observations_beyond() -> None:
    """Three runs of 1000 observations and two of 600 have a p99; two and three have none."""
    long, short = ((500, 1000),), ((500, 600),)
    assert typical_quantile([long] * 3 + [short] * 2, 990_000).mean is not None
    assert typical_quantile([long] * 2 + [short] * 3, 990_000).mean is None
    assert typical_quantile([], 990_000).mean is None


def test_one_short_run_leaves_no_number() -> None:
    """All runs or none have the quantile, and the reason says what would help."""
    found = typical_quantile([((500, 2000),), ((500, 2000),), ((500, 400),)], 990_000)
    assert (found.mean, found.ci95) == (None, None)
    assert found.reason == (
        "observations beyond it: 20 of a typical run, and 4 of the shortest;"
        " 10 and 5 are needed: simulate more"
    )
