"""Rates of will-it-scale: tables that are read, runs that are counted, intervals of predictions."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from dessim.model import ConfigError, find
from dessim.study.fidelity import rate_predictions, rates
from dessim.study.fidelity.prediction_record import entry, faults, maker, stale
from dessim.study.fidelity.rate_predictions import MACHINES, points, predict, with_intervals
from dessim.study.fidelity.rate_tables import (
    SHIPPED,
    chosen_rates,
    is_table_of_rates,
    load_rates,
    rate_rows,
    rates_validation,
)
from dessim.study.fidelity.rates import (
    TESTS,
    RatePoint,
    machine_of,
    middle_rate_per_s,
    task_counts,
)

BROADWELL = "broadwell-2650v4-2s"
HEADER = "machine,kernel,test,mode,tasks,rate\n"
OWN = "tasks,processes,processes_idle,threads,threads_idle,linear\n"


@pytest.fixture
def table(tmp_path):
    """Return what writes a table and returns its path."""

    def write(text, name="page_fault1.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def run_of(series, first_finish, finish, bin_ps=1000):
    """Return as much of a run as a rate is made of."""
    return SimpleNamespace(
        series_faults=series, series_bin_ps=bin_ps, first_finish_ps=first_finish, finish_ps=finish
    )


def test_a_rate_is_that_of_the_last_sweeps_before_anybody_ends():
    """What happens at the beginning, and when some are through, does not count."""
    run = run_of([90, 90, 10, 10, 10, 10, 10, 1, 1, 1], 6500, 10_000)
    assert middle_rate_per_s(run, 30) == pytest.approx(10 / 1000 * 10**12)


def test_a_rate_is_that_of_the_middle_of_the_work_where_one_task_ends_early():
    """A task that took a lock out of turn is through after a tenth of the run."""
    run = run_of([50, *[10] * 15], 1000, 16_000)
    assert middle_rate_per_s(run, 50) == pytest.approx(10 / 1000 * 10**12)


@pytest.mark.parametrize(("kernel", "tasks"), [("6.1", 48), ("6.12", 16)])
def test_a_rate_is_that_of_longer_runs(kernel, tasks, monkeypatch):
    """The first sweep of threads, all of which fault, is not counted: it would add a third.

    Runs of other seeds and lengths differ by up to 6 %.
    """
    point = RatePoint(BROADWELL, kernel, "page_fault1", "threads", tasks)
    found = rates.rate_of(point).per_s
    monkeypatch.setattr(rates, "SWEEPS", 2 * rates.SWEEPS)
    assert found == pytest.approx(rates.rate_of(point).per_s, rel=0.15)


def test_a_point_can_have_options_that_no_version_has():
    """A flush every 8 written pages, as between Linux 6.1 and 6.2, costs a fifth or more."""
    point = RatePoint("cascade-lake-6252-2s", "6.1", "page_fault3", "threads", 16)
    changed = replace(point, options=(("delay_rmap", True), ("rmap_batch", 8)))
    assert rates.setup_of(changed).batches.rmap_batch == 8
    assert rates.rate_of(changed).per_s < 0.8 * rates.rate_of(point).per_s


def test_the_shipped_table_is_read_and_names_known_machines():
    """Each row has a profile, and tasks that it has CPUs for."""
    path = find("published", SHIPPED)
    assert is_table_of_rates(path)
    rows = load_rates(path, None, None)
    assert len(rows) > 50
    assert {row.point.test for row in rows} >= {"page_fault1", "page_fault2", "page_fault3"}
    asleep = [r.idle_share for r in rows if r.point.mode == "threads" and r.point.tasks == 16]
    assert asleep[0] == 0.327


def test_will_it_scales_own_csv_says_how_idle_all_cpus_were(table):
    """Of 48 CPUs 77.57 % idle: 10.8 busy for 16 tasks, a third of whose time has no CPU."""
    path = table(OWN + "0,0,100,0,100,0\n16,5546153,66.7,2332446,77.57,9\n32,1,50,0,0,9\n")
    rows = load_rates(path, BROADWELL, "5.15")
    assert [(r.point.mode, r.point.tasks, r.per_s) for r in rows] == [
        ("processes", 16, 5546153),
        ("threads", 16, 2332446),
        ("processes", 32, 1),
    ]
    assert rows[1].point.test == "page_fault1"
    assert rows[1].idle_share == pytest.approx(0.327, abs=0.001)
    assert rows[0].idle_share == pytest.approx(0.001, abs=0.001)


@pytest.mark.parametrize(
    ("text", "name", "options", "why"),
    [
        (OWN + "1,1,1,1,1,1\n", "page_fault1.csv", (None, "5.15"), "--machine: error: will-it"),
        (OWN + "1,1,1,1,1,1\n", "brk1.csv", (BROADWELL, "5.15"), "a file of will-it-scale is name"),
        (OWN + "1,1,101,1,1,1\n", "page_fault1.csv", (BROADWELL, "5.15"), "must be 0 to 100"),
        (OWN + "0,0,100,0,100,0\n", "page_fault1.csv", (BROADWELL, "5.15"), "no row has a rate"),
        (HEADER + "here,5.15,mmap1,threads,1,9\n", "a.csv", (None, None), "no profile has this"),
        (HEADER + f"{BROADWELL},5.14,mmap1,threads,1,9\n", "a.csv", (None, None), "kernel '5.14'"),
        (HEADER + f"{BROADWELL},6.1,mmap1,fibres,1,9\n", "a.csv", (None, None), "mode 'fibres'"),
        (HEADER + f"{BROADWELL},6.1,mmap1,threads,49,9\n", "a.csv", (None, None), "1 to 48, the"),
        (HEADER + f"{BROADWELL},6.1,mmap1,threads,1,9\n", "a.csv", (None, "6.1"), "leave it out"),
        (HEADER + f"{BROADWELL},6.1,mmap1,threads,1,9\n" * 2, "a.csv", (None, None), "in line 2"),
        ("machine,kernel,speed\n", "a.csv", (None, None), "the columns must be machine, kernel"),
    ],
)
def test_a_wrong_table_is_refused(table, text, name, options, why):
    """The error says what is wrong, and where."""
    path = table(text, name)
    assert is_table_of_rates(path)
    with pytest.raises(ConfigError, match=why):
        load_rates(path, *options)


def test_a_validation_compares_rates_ratios_and_time_asleep(table):
    """Half the simulated rate was measured: the error is ln 2; threads to processes is compared."""
    point = RatePoint(BROADWELL, "6.1", "mmap1", "processes", 1)
    text = "".join(f"{BROADWELL},6.1,mmap1,{mode},1,400000\n" for mode in ("processes", "threads"))
    rows = load_rates(table(HEADER + text), None, None)
    assert rows[0].point == point
    seen = []
    document = rates_validation(rows, "a", "reference", 1, seen.append)
    assert seen == [1, 2]
    (group,) = document["errors"]
    assert group["rate"]["all"]["cells"] == 2
    assert document["error_of_ratios"]["cells"] == 1
    rate = document["cells"][0]["rate"]
    assert rate["simulated"] > 0
    assert [row["measured"] for row in rate_rows(document)] == [400_000, 400_000]


def test_chosen_rates_are_those_of_a_test_or_a_machine(table):
    """What the table does not have is refused, with what there is."""
    rows = load_rates(find("published", SHIPPED), None, None)
    assert {row.point.test for row in chosen_rates(rows, ["mmap1"])} == {"mmap1"}
    assert {row.point.machine for row in chosen_rates(rows, [BROADWELL])} == {BROADWELL}
    with pytest.raises(ConfigError, match="no test or machine 'brk1'"):
        chosen_rates(rows, ["brk1"])


def some_rows(group, rate="100"):
    """Return all rows of a part, with a made-up rate and the interval of an error of 0.5."""
    rows = [
        {
            **{key: str(getattr(p, key)) for key in ("machine", "kernel", "test", "mode", "tasks")},
            "rate": rate,
            "rate_lo": "",
            "rate_hi": "",
            "speedup": "1.0",
            "idle_share": "0.0",
        }
        for p in points(group)
    ]
    return with_intervals(rows, ERRORS)


GROUP, OTHER = (BROADWELL, "6.12"), (BROADWELL, "5.15")
ERRORS = dict.fromkeys(TESTS, 0.5)


def a_record(*parts, made_by=None):
    """Return the record of some parts."""
    each = {" ".join(group): entry(rows, made_by or maker()) for group, rows in parts}
    return {"errors": ERRORS, "parts": each}


def test_predictions_go_on_where_the_table_ends():
    """What this version made is not made again; what is missing, changed or older is."""
    rows = some_rows(GROUP)
    assert stale([GROUP, OTHER], rows, a_record((GROUP, rows))) == [OTHER]
    assert stale([GROUP], rows, a_record((GROUP, rows), made_by="an older one")) == [GROUP]
    assert stale([GROUP], some_rows(GROUP, "101"), a_record((GROUP, rows))) == [GROUP]
    assert stale([GROUP], rows[1:], a_record((GROUP, rows))) == [GROUP]


def test_a_part_has_a_row_for_each_point_and_points_that_cannot_differ_share_a_run(monkeypatch):
    """Each run once, whatever rows need it; the interval is that of the test's error."""
    runs = []

    def rate_of(point, engine, seed):
        runs.append(point)
        return rates.TestRate(1000.0 * point.tasks, 0.25)

    monkeypatch.setattr(rate_predictions, "rate_of", rate_of)
    found = {}
    predict([GROUP, (BROADWELL, "6.15")], found.__setitem__)
    rows = found[GROUP]
    assert [len(part) for part in found.values()] == [len(list(points(GROUP)))] * 2
    assert len(runs) == len(set(runs)) < 2 * len(rows)
    assert all(point == point.simulated() for point in runs)
    assert {(row["tasks"], row["speedup"]) for row in rows} >= {("1", "1.000"), ("48", "48.000")}
    assert {row["idle_share"] for row in rows} == {"0.250"}
    (row,) = with_intervals(rows[:1], {rows[0]["test"]: 0.5})
    assert float(row["rate_hi"]) / float(row["rate_lo"]) == pytest.approx(2.71828**1.96, rel=1e-3)


def test_what_is_wrong_with_a_table_is_said():
    """Missing rows, unknown or several versions, changed rows and intervals, no numbers."""
    rows, others = some_rows(GROUP), some_rows(OTHER)
    assert faults([GROUP], rows, a_record((GROUP, rows))) == []
    assert faults([GROUP], rows[1:], a_record((GROUP, rows))) == [
        f"{BROADWELL} 6.12: has {len(rows) - 1} rows of {len(rows)}"
    ]
    assert faults([GROUP], rows, {}) == ["there is no record of which version made the table"]
    assert faults([GROUP], rows, {"errors": ERRORS}) == [
        f"{BROADWELL} 6.12: nobody knows which version made it"
    ]
    (changed,) = faults([GROUP], some_rows(GROUP, "101"), a_record((GROUP, rows)))
    assert changed.endswith("not those that were recorded")
    two = a_record((GROUP, rows))
    two["parts"] |= a_record((OTHER, others), made_by="an older one")["parts"]
    (several,) = faults([GROUP, OTHER], rows + others, two)
    assert several.startswith("made by 2 versions")
    wide = [{**rows[0], "rate_hi": "1000000"}, *rows[1:]]
    (interval,) = faults([GROUP], wide, a_record((GROUP, wide)))
    assert "interval" in interval
    none = [{**rows[0], "speedup": "nan"}, *rows[1:]]
    (no_number,) = faults([GROUP], none, a_record((GROUP, none)))
    assert no_number.endswith("not a rate or a share")


def test_points_that_cannot_differ_share_a_run():
    """Processes of 6.15 and 6.17 are those of 6.12; threads are not."""
    alone = RatePoint(BROADWELL, "6.17", "mmap2", "processes", 4).simulated()
    assert alone == RatePoint(BROADWELL, "6.6", "mmap1", "processes", 4)
    threads = RatePoint(BROADWELL, "6.17", "page_fault3", "threads", 4)
    assert threads.simulated() == threads
    assert all(machine_of(name) for name in MACHINES)
    assert task_counts(machine_of(BROADWELL)) == [1, 2, 4, 8, 16, 24, 48]


def test_pft_has_the_clock_of_all_its_threads(monkeypatch):
    """They sleep for mmap_lock where they unmap, which is behind the measured time."""
    setup = rates.setup_of
    monkeypatch.setattr(rates, "_with_cores_asleep", None)
    monkeypatch.setattr(rates, "setup_of", lambda point, seed: setup(point, seed, 64))
    rate = rates.rate_of(RatePoint("broadwell-2690v4-2s", "6.1", "pft", "threads", 8))
    assert rate.per_s > 100_000
    assert rate.idle_share == 0
