"""Nominal 95 % intervals hold the truth in 92 to 98 % of independent experiments.

The quick tests do fewer experiments and allow for that; the slow ones hold rows of the tables in
docs/statistics.md (tests/covering.py makes them).
"""

import re
from dataclasses import replace
from math import sqrt
from types import SimpleNamespace

import numpy as np
import pytest
from covering import DOCS, HEADS
from covering_crossovers import CURVES, REPLICATIONS, Count, counted
from covering_models import FULL, MEAN, an_experiment, closed_queue, covered, models
from covering_rows import HIGH, LOW, METRICS, PAGES, Cell
from covering_shipped import CASES, rows_of, throughput

from dessim.measure.statistics.typical import typical_run
from dessim.measure.theory import open_queues

QUICK = 20


def between(inside, experiments, low=LOW, high=HIGH):
    """Check a share; with few experiments, four standard deviations more are allowed."""
    slack = 0 if experiments >= FULL // 2 else 4 * sqrt(0.05 * 0.95 / experiments)
    assert low - slack <= inside / experiments <= min(1, high + slack)


@pytest.mark.parametrize("model", models(), ids=lambda model: f"{model.name}; {model.interval}")
def test_intervals_cover(model, run_compiled):
    """Of twenty experiments of each model so many cover as in the long run: no gross error."""
    for row in covered(model, QUICK, run_compiled):
        assert row.intervals == QUICK
        between(row.inside, row.intervals)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("model", models(), ids=lambda model: f"{model.name}; {model.interval}")
def test_intervals_cover_in_full(model, run_compiled):
    """Of all experiments 92 to 98 % cover, and the documented table says how many."""
    for row in covered(model, FULL, run_compiled):
        assert row.intervals == FULL
        between(row.inside, row.intervals)
        assert row.text() in DOCS.read_text()


def test_half_an_interval_does_not_cover(run_compiled):
    """Half as wide, the same intervals hold the exact mean wait far less often: it can be seen."""
    model = closed_queue()
    exact, held = model.exact[MEAN], 0
    for number in range(QUICK):
        found = an_experiment(model, number, run_compiled).metrics[MEAN]
        held += abs(found.mean - exact) < (found.ci95[1] - found.ci95[0]) / 4
    assert held / QUICK < LOW


def sojourns(rng, customers, rho):
    """Return sojourns of M/M/1, from its steady state on, by Lindley's recursion."""
    services = rng.exponential(rho, customers)
    first = max(0.0, rng.exponential(rho / (1 - rho)) - rng.exponential(1.0))
    steps = services[:-1] - rng.exponential(1.0, customers - 1)
    walk = np.concatenate([[first], first + np.cumsum(steps)])
    waits = walk - np.minimum(0, np.minimum.accumulate(walk))
    return waits + services


@pytest.mark.parametrize(("share", "customers"), [(0.99, 10_000), (0.999, 100_000)])
def test_intervals_of_a_quantile_cover_in_the_steady_state(share, customers):
    """Long runs: the median of their quantiles is that of an endless run, and is covered."""
    rng = np.random.default_rng(11)
    exact = open_queues.mm1_sojourn_quantile(1.0, 0.5, share)
    held = 0
    for _ in range(200):
        runs = [float(np.quantile(sojourns(rng, customers, 0.5), share)) for _ in range(6)]
        low, high = typical_run(runs).ci95
        held += low <= exact <= high
    between(held, 200)


def test_short_runs_do_not_show_the_tail_of_an_endless_one():
    """The page says so: the p99 of 500 customers is below that of an endless run."""
    rng = np.random.default_rng(11)
    exact = open_queues.mm1_sojourn_quantile(1.0, 0.5, 0.99)
    runs = [float(np.quantile(sojourns(rng, 500, 0.5), 0.99)) for _ in range(400)]
    assert np.median(runs) < 0.95 * exact


@pytest.fixture(scope="module")
def lock_loop_rows(tmp_path_factory):
    """Rows of a cheap shipped point, of a small population."""
    case = next(case for case in CASES if case.experiment == "lock-collapse")
    return rows_of(replace(case, population=40), 100, tmp_path_factory.mktemp("covering"))


def test_a_shipped_point_covers(lock_loop_rows):
    """By the rounds of `dessim run`, with the settings of the file, of 40 runs of one point."""
    (row,) = lock_loop_rows
    assert row.made == 100
    assert set(row.cells) == set(METRICS)
    for cell in row.cells.values():
        assert cell.intervals == cell.made == 100
        between(cell.inside, cell.intervals)
        assert cell.half_width > 0


def test_nothing_is_flagged_there(lock_loop_rows):
    """The whole loop is simulated, its runs are alike."""
    (row,) = lock_loop_rows
    assert set(row.sizes) == {0}
    assert not row.words
    assert not row.failed


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_shipped_points_cover_in_full(case, tmp_path):
    """As in the tables, by other draws."""
    for row in rows_of(case, 1_000, tmp_path, seed=2):
        assert not row.failed


def test_a_cell_fails_if_it_covers_too_little_or_too_much():
    """Whatever is neither flagged nor refused: 91 of 100, and 100 of 100, are both no 95 %."""

    def cell(inside, intervals=1000, flagged=0):
        return Cell(intervals, inside, flagged, 1000)

    assert cell(950).passes
    assert not cell(910).passes
    assert not cell(1000).passes
    assert cell(320, flagged=960).passes
    assert not cell(320, flagged=900).passes
    assert cell(0, intervals=0, flagged=1000).text == "refused"
    assert cell(46, intervals=50, flagged=950).passes
    assert not cell(100, intervals=150, flagged=850).passes


def test_a_flat_curve_has_hardly_a_crossover():
    """Identical schemes: at most 5 % of experiments report one; a straight line has one."""
    rng = np.random.default_rng(3)
    for curve in CURVES[:2]:

        def logs(place, n, curve=curve):
            return [curve.of(place) + x for x in rng.normal(0, 0.02, n)]

        def right(low, high, curve=curve):
            return any(low <= 2**root <= high for root in curve.roots)

        count = counted(logs, right, REPLICATIONS[1], 200)
        assert count.passes(bool(curve.roots))
        assert bool(curve.roots) == (count.reported > 150)


def test_a_crossover_is_judged():
    """Too many false ones fail, and so do brackets that miss."""
    assert Count(100, 4, 4, 0).passes(crossings=False)
    assert not Count(100, 6, 6, 0).passes(crossings=False)
    assert Count(100, 50, 50, 46).passes(crossings=True)
    assert not Count(100, 50, 50, 40).passes(crossings=True)


@pytest.mark.parametrize("head", HEADS.values(), ids=list(HEADS))
def test_the_page_holds_the_tables(head):
    """Each once, with rows of as many cells, and none that failed: those are bold."""
    _, table = DOCS.read_text().split(head)
    rows = table[: table.index("\n\n")].strip().splitlines()
    columns = head.splitlines()[0].count("|")
    assert rows
    for row in rows:
        assert row.count("|") == columns
        assert "**" not in row


def test_the_page_has_a_row_for_each_case():
    """Nobody forgets to make the tables anew after a case is added."""
    text = DOCS.read_text()
    for case in CASES:
        for scheme in case.schemes:
            assert f"| {case.name}: `{scheme}` |" in text
    for model in models():
        assert f"| {model.name} | {next(iter(model.numbers.values()))} |" in text


def test_what_is_reported_of_too_few_runs_is_not_in_bold():
    """A refused cell is a word; a share has its interval."""
    assert re.fullmatch(r"95\.0 \[93\.\d, 96\.\d\]", Cell(1000, 950, 0, 1000).text)
    assert Cell(1000, 900, 0, 1000).text.startswith("**")


def test_throughput_of_what_maps_nothing_is_that_of_faults():
    """A lock loop maps no page."""
    nothing, something = (SimpleNamespace(values={PAGES: [0.0, x]}) for x in (0.0, 1.0))
    assert throughput(PAGES, nothing) == "steady_faults_per_s"
    assert throughput(PAGES, something) == PAGES
