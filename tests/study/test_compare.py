import pytest
from small import EXPERIMENT, experiment_file

from dessim.engines import run_setup
from dessim.model import load_experiment, resolve
from dessim.study.store.runs import Store
from dessim.study.sweep.compare import comparisons_of, crossings, pairs_of_results, pairs_of_schemes
from dessim.study.sweep.jobs import jobs_of
from dessim.study.sweep.plan import setup_of
from dessim.study.sweep.precision import Reached, replications_wanted
from dessim.study.sweep.request import Request, run_request
from dessim.study.sweep.runner import run_all
from dessim.study.sweep.tables import document_of, table_rows


def a_point(scheme, threads, values, metric="pages_mapped_per_s", **changes):
    """Return a point of a results document with the values of its replications."""
    estimate = {"mean": sum(values) / len(values), "ci95": None, "n": len(values), "values": values}
    return {
        "scheme": scheme,
        "scheme_options": {},
        "workload": "w",
        "machine": "m",
        "fault_around_order": 4,
        "parameters": {},
        "threads": threads,
        "seed": 1,
        "metrics": {metric: estimate},
        **changes,
    }


POINTS = [
    a_point("old", 1, [100.0, 102.0, 98.0]),
    a_point("new", 1, [90.0, 91.0, 89.0]),
    a_point("old", 8, [300.0, 305.0, 290.0]),
    a_point("new", 8, [500.0, 512.0, 480.0]),
]


def test_schemes_are_paired_where_all_else_is_equal() -> None:
    """Pairs share threads and parameters; what only one of them has is left out."""
    extra = a_point("new", 4, [1.0])
    pairs = pairs_of_schemes([*POINTS, extra], "old", "new")
    assert [(p.a["threads"], p.b["scheme"]) for p in pairs] == [(1, "new"), (8, "new")]


def test_two_results_are_paired_by_point() -> None:
    """Machines may differ; schemes, threads and parameters may not."""
    other = [{**point, "machine": "n"} for point in POINTS[1:]]
    pairs = pairs_of_results(POINTS, other)
    assert [(p.a["scheme"], p.a["threads"]) for p in pairs] == [("new", 1), ("old", 8), ("new", 8)]


def test_numbers_that_depend_on_the_size_are_not_compared() -> None:
    """Their ratio would depend on it as well: no ratio, no crossover, and why."""
    moving = [
        {**p, "metrics": {m: {**e, "reason": "not stationary: 3 from 2MiB"}}}
        if p["threads"] == 8
        else p
        for p in POINTS
        for m, e in p["metrics"].items()
    ]
    [one] = comparisons_of(moving)
    rows = {row["threads"]: row for row in one["rows"] if row["metric"] == "pages_mapped_per_s"}
    assert rows[1]["ratio"] < 1
    assert rows[8]["ratio"] is None
    assert rows[8]["reason"] == "a replication has no value"
    [entry] = [e for e in one["crossovers"] if e["metric"] == "pages_mapped_per_s"]
    assert entry["crossovers"] == []


def test_the_crossover_says_who_overtakes() -> None:
    """New is slower with 1 thread and faster with 8: it overtakes in between."""
    pairs = pairs_of_schemes(POINTS, "old", "new")
    [entry] = crossings(pairs, "pages_mapped_per_s")
    [one] = entry["crossovers"]
    assert one["b_overtakes"]
    assert one["ci95"][0] < one["threads"] < one["ci95"][1]
    assert one["between"] == [1, 8]


@pytest.mark.parametrize("metric", ["completion_s", "fault_latency_ns_p99", "minor_faults"])
def test_of_times_and_events_less_is_better(metric: str) -> None:
    """The same numbers as times, or as counts of events: new falls behind."""
    points = [
        a_point(p["scheme"], p["threads"], p["metrics"]["pages_mapped_per_s"]["values"], metric)
        for p in POINTS
    ]
    [entry] = crossings(pairs_of_schemes(points, "old", "new"), metric)
    assert entry["crossovers"][0]["b_overtakes"] is False


def test_all_comparisons_of_a_document_are_one_family() -> None:
    """Two pairs of schemes: each p-value is adjusted for both and never gets smaller."""
    third = [a_point("odd", n, [v * 1.001 for v in (100.0, 103.0, 97.0)]) for n in (1, 8)]
    found = comparisons_of([*POINTS, *third])
    rows = [row for one in found for row in one["rows"] if row["p_value"] is not None]
    assert len(found) == 3
    assert all(row["p_value_holm"] >= row["p_value"] for row in rows)
    smallest = min(rows, key=lambda row: row["p_value"])
    assert smallest["p_value_holm"] == pytest.approx(len(rows) * smallest["p_value"])


@pytest.mark.parametrize(
    ("reached", "done", "cap", "need"),
    [
        (0.01, 10, 50, 10),
        (0.01, 5, 50, 10),
        (0.0049, 5, 50, 5),
        (0.01, 5, 7, 7),
        (0.015, 10, 50, 20),
        (0.0105, 10, 50, 12),
        (0.5, 40, 50, 50),
        (None, 1, 9, 2),
    ],
)
def test_replications_are_added_as_the_width_asks(reached, done, cap, need) -> None:
    """Half the width needs four times the runs; at most twice as many a step, and the cap.

    Fewer than ten are believed only if the interval is half as wide as it may be.
    """
    assert replications_wanted([Reached("x", 0.01, reached)], done, cap) == need


WHOLE = EXPERIMENT.replace("simulate: 64KiB\n", "").replace(
    "threads: [1, 2]", "threads: [1, 2], workload.file_size: [64KiB]"
)


def test_a_study_runs_until_it_is_precise_or_capped(tmp_path) -> None:
    """An unreachable precision ends at the cap and is not met; a coarse one adds nothing."""
    text = WHOLE + "precision: {completion: 0.0001%}\nmax_replications: 5\n"
    rounds = []

    def counted(jobs):
        rounds.append(len(jobs))
        return run_all(jobs)

    for wanted, replications in (("0.0001%", 5), ("99%", 2)):
        path = experiment_file(tmp_path, text.replace("0.0001%", wanted))
        request = Request(str(path), engine="reference")
        document = run_request(request, *request.load(), tmp_path, counted).document
        found = [p for p in document["points"] if p["threads"] == 2]
        assert [point["replications"] for point in found] == [replications] * 2
        met = wanted == "99%"
        assert [point["precision"]["completion_s"]["met"] for point in found] == [met] * 2
        said = {row["precision_met"] for row in table_rows(document) if row["threads"] == 2}
        assert said == {"yes" if met else "no"}
    assert rounds[0] == 8
    assert 3 <= len(rounds) <= 5


def test_every_number_of_a_table_says_how_it_was_made(tmp_path) -> None:
    """Interval, observations and method stand beside each metric."""
    experiment = load_experiment(str(experiment_file(tmp_path)))
    points = resolve(experiment)
    tally = run_all(jobs_of(points, "reference", Store(tmp_path / "runs")))
    document = document_of(experiment, points, tally, "reference")
    row = table_rows(document)[0]
    for name, estimate in document["points"][0]["metrics"].items():
        assert {f"{name}_lo", f"{name}_hi", f"{name}_n", f"{name}_method"} <= row.keys()
        assert estimate["method"]
        assert len(estimate["values"]) == 2


def test_schemes_draw_the_same_numbers(tmp_path) -> None:
    """Common random numbers: in the same replication, threads start alike under both schemes."""
    points = resolve(load_experiment(str(experiment_file(tmp_path))))
    a, b = (p for p in points if p.threads == 2)
    assert a.scheme.name != b.scheme.name
    for i in range(3):
        starts = {run_setup(setup_of(point, i), "reference").start_ps for point in (a, b)}
        assert len(starts) == 1
    assert run_setup(setup_of(a, 0), "reference").start_ps not in starts
