"""Runs of two kinds are found, runs of one kind are left alone."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dessim.measure.statistics.modes import (
    CRITICAL,
    critical_gap,
    excluded_share,
    mixture_of,
    modes_of,
    nothing_seen,
    replications_for_modes,
    share_interval,
)


def _spread(n: int, seed: int = 1) -> list[float]:
    """Return n runs of one kind: 100 within some 3 %."""
    return np.random.default_rng(seed).lognormal(math.log(100), 0.03, n).tolist()


@pytest.mark.parametrize("n", [5, 10, 20, 40])
def test_one_collapse_is_found_as_soon_as_it_is_among_the_runs(n: int) -> None:
    """A run that takes five times as long is of another kind, in 95 of 100 sets and more."""
    found = [modes_of([*_spread(n - 1, seed), 500.0]) for seed in range(200)]
    assert sum(one is not None and one.rare.runs == 1 for one in found) >= 190


@pytest.mark.parametrize("n", [5, 10, 20, 40])
def test_runs_of_one_kind_are_left_alone(n: int) -> None:
    """Skewed runs of one kind that scatter by 20 % are suspected in fewer than 7 % of the sets."""
    draws = np.random.default_rng(n).gumbel(0, 0.15, (1000, n))
    alarms = sum(modes_of(np.exp(row).tolist()) is not None for row in draws)
    assert alarms <= 70


def test_a_small_gap_is_no_mode() -> None:
    """Runs within a few per cent are of one kind, however clearly they fall into two."""
    assert modes_of([100.0, 100.1, 100.2, 100.1, 108.0]) is None
    assert modes_of([100.0, 100.1, 100.2, 100.1, 120.0]) is not None


def test_the_published_example() -> None:
    """Of 841 k, 516 k, 499 k, 502 k and 519 k pages/s the first is of another kind."""
    found = modes_of([841e3, 516e3, 499e3, 502e3, 519e3], "pages_mapped_per_s")
    assert found is not None
    assert found.members == (True, False, False, False, False)
    assert found.common.typical.mean == pytest.approx(509e3)
    assert found.rare.typical.ci95 is None
    assert found.rare.typical.reason == "1 runs of this kind; 5 are needed for an interval"
    assert found.sentence.startswith(
        "1 of 5 runs are of another kind in pages_mapped_per_s (20.0 %, 95 % interval 0.5 % to 71.6"
    )
    assert found.sentence.endswith("1.65 times the value of the others")


def test_three_of_forty() -> None:
    """The share of three in forty has Clopper and Pearson's interval, 1.6 to 20.4 %."""
    found = modes_of([*_spread(37), 480.0, 700.0, 2000.0])
    assert found is not None
    assert found.rare.runs == 3
    assert found.rare.share_ci95 == pytest.approx((0.0157, 0.2039), abs=1e-4)
    assert found.common.typical.ci95 is not None
    assert found.as_dict()["modes"][1]["share"] == pytest.approx(3 / 40)


def test_a_far_run_needs_no_gap() -> None:
    """Collapses of any size leave no gap; the run far from all others gives them away."""
    runs = [*_spread(30), *(100 * 1.06**i for i in range(1, 14))]
    found = modes_of(runs)
    assert found is not None
    assert found.rare is found.high


def test_broad_modes_that_touch_are_found_with_many_runs() -> None:
    """Half of the runs at 5 to 7 us, half at 10 to 12, one in between: two humps, no gap."""
    runs = [*np.linspace(5, 7, 19), 8.4, *np.linspace(10, 12.5, 20)]
    found = modes_of(runs)
    assert found is not None
    assert found.low.runs + found.high.runs == 40
    assert 0.3 < found.rare.share <= 0.5
    assert modes_of(runs[::3]) is None  # 14 runs: too few


def test_a_uniform_spread_is_one_hump() -> None:
    """Forty runs evenly between 5 and 12 us are of one kind."""
    assert modes_of(np.linspace(5, 12, 40).tolist()) is None


def test_runs_with_and_without_anything_are_of_two_kinds() -> None:
    """A rate of 0 in one run of five is another kind; 0 in all of them is not."""
    found = modes_of([0.0, 5.0, 5.0, 5.1, 5.2])
    assert found is not None
    assert (found.rare.runs, found.gap) == (1, math.inf)
    assert found.as_dict()["gap_standard_deviations"] is None
    assert modes_of([0.0] * 5) is None


def test_fewer_than_five_runs_show_no_kinds() -> None:
    """Four runs are too few to tell spread from kinds."""
    assert modes_of([1.0, 1.0, 1.0, 100.0]) is None


def test_the_metric_of_the_widest_gap_is_told() -> None:
    """All of completion, throughput and p99 are looked at, a missing one is not."""
    alike = _spread(10)
    values = {
        "completion_s": [*alike[1:], 160.0],
        "fault_latency_ns_p99": [*alike[1:], 5000.0],
        "pages_mapped_per_s": [None, *alike[1:]],
        "fault_latency_ns_mean": [*alike[1:], 1e9],
    }
    found = mixture_of(values)
    assert found is not None
    assert found.metric == "fault_latency_ns_p99"
    assert found.shown_by == ("completion_s", "fault_latency_ns_p99")
    assert found.as_dict()["shown_by"] == ["completion_s", "fault_latency_ns_p99"]
    assert mixture_of({"completion_s": alike}) is None


def test_faults_are_looked_at_where_no_pages_are_mapped() -> None:
    """A lock loop maps nothing; its rate is that of acquisitions."""
    rates = [*_spread(9), 20.0]
    found = mixture_of({"pages_mapped_per_s": [0.0] * 10, "steady_faults_per_s": rates})
    assert found is not None
    assert found.metric == "steady_faults_per_s"
    both = {"pages_mapped_per_s": _spread(10), "steady_faults_per_s": rates}
    assert mixture_of(both) is None


@given(st.lists(st.floats(1e-3, 1e9), min_size=5, max_size=50))
def test_the_kinds_share_the_runs(values: list[float]) -> None:
    """Every run is of one kind; the rarer one has at most half."""
    found = modes_of(values)
    if found is None:
        return
    assert found.low.runs + found.high.runs == len(values)
    assert sum(found.members) == found.rare.runs <= len(values) / 2
    assert found.high.typical.mean is not None
    assert found.low.typical.mean is not None
    assert found.high.typical.mean > found.low.typical.mean


@pytest.mark.parametrize(("n", "limit"), CRITICAL)
def test_critical_gaps_are_those_of_skewed_runs(n: int, limit: float) -> None:
    """Of 1500 sets of Gumbel draws 3 to 7 % have a wider gap."""
    assert critical_gap(n) == pytest.approx(limit)
    draws = np.random.default_rng(n).gumbel(0, 10.0, (1500, n))
    alarms = sum(_gap(np.sort(row)) > limit for row in draws)
    assert 0.03 <= alarms / 1500 <= 0.07


def _gap(x: np.ndarray) -> float:
    """Widest gap in standard deviations of its greater side, written again, with numpy."""
    found = 0.0
    for k in range(1, len(x)):
        low, high = x[:k], x[k:]
        sides = [side.std(ddof=1) for side in (low, high) if 2 * len(side) >= len(x)]
        found = max(found, float((x[k] - x[k - 1]) / max(sides)))
    return found


def test_between_the_rows_the_limit_falls() -> None:
    """More runs need a smaller gap, down to 40 runs."""
    limits = [critical_gap(n) for n in range(5, 60)]
    assert limits == sorted(limits, reverse=True)
    assert critical_gap(1000) == 2.9


@pytest.mark.parametrize(("n", "share"), [(5, 0.4507), (20, 0.1391), (40, 0.0722), (59, 0.0495)])
def test_what_no_collapse_excludes(n: int, share: float) -> None:
    """None of n: a share above 1 - 0.05^(1/n) would have shown up; five runs exclude little."""
    assert excluded_share(n) == pytest.approx(share, abs=1e-4)


def test_what_no_other_kind_means_in_words() -> None:
    """Twenty runs leave room for kinds of up to 14 % of the runs."""
    assert nothing_seen(20) == (
        "20 runs of one kind: another would have shown up if more than 13.9 % were of it"
    )


def test_no_runs_exclude_nothing() -> None:
    """Without runs there is nothing to say."""
    with pytest.raises(ValueError, match="exclude nothing"):
        excluded_share(0)


def test_shares_at_the_ends() -> None:
    """None of 10 and all of 10: one end is exact, the other by hand 1 - 0.025^(1/10)."""
    assert share_interval(0, 10) == pytest.approx((0, 1 - 0.025**0.1))
    assert share_interval(10, 10) == pytest.approx((0.025**0.1, 1))


def test_suspicion_asks_for_thirty_runs_and_then_for_forty() -> None:
    """Runs are spent on modes first; at forty the question is settled."""
    shown_by = ("completion_s", "fault_latency_ns_p99")
    wanted = [replications_for_modes(n, shown_by) for n in (5, 29, 30, 39, 40, 77)]
    assert wanted == [30, 30, 40, 40, 40, 77]


def test_modes_of_the_tail_alone_are_worth_twenty_runs() -> None:
    """Where completion and throughput are of one kind, less hangs on the share of the rarer one."""
    wanted = [replications_for_modes(n, ("fault_latency_ns_p99",)) for n in (5, 11, 12, 19, 20, 30)]
    assert wanted == [12, 12, 20, 20, 20, 30]
