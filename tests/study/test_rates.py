"""Rates of will-it-scale: tables that are read, runs that are counted, intervals of predictions."""

from types import SimpleNamespace

import pytest

from dessim.model import ConfigError, find
from dessim.study.fidelity.rate_predictions import MACHINES, points, predict, with_intervals
from dessim.study.fidelity.rate_tables import (
    SHIPPED,
    chosen_rates,
    is_table_of_rates,
    load_rates,
    rate_rows,
    rates_validation,
)
from dessim.study.fidelity.rates import RatePoint, machine_of, middle_rate_per_s, task_counts

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


def test_predictions_go_on_where_the_table_ends():
    """Known rows are not simulated again; intervals are the errors of their tests."""
    wanted = [p for p in points([BROADWELL]) if p.test != "mmap2" or p.mode != "processes"]
    known = [
        {
            **{key: str(getattr(p, key)) for key in ("machine", "kernel", "test", "mode", "tasks")},
            "rate": "100",
        }
        for p in wanted
    ]
    found = predict([BROADWELL], known, lambda rows: None)
    new = [row for row in found if row["rate"] != "100"]
    assert len(new) == len(list(points([BROADWELL]))) - len(wanted)
    assert float(new[0]["speedup"]) > 0
    (row,) = with_intervals(new[:1], {"mmap2": 0.5})
    assert float(row["rate_hi"]) / float(row["rate_lo"]) == pytest.approx(2.71828**1.96, rel=1e-3)


def test_points_that_cannot_differ_share_a_run():
    """Processes of 6.15 and 6.17 are those of 6.12; threads are not."""
    alone = RatePoint(BROADWELL, "6.17", "mmap2", "processes", 4).simulated()
    assert alone == RatePoint(BROADWELL, "6.6", "mmap1", "processes", 4)
    threads = RatePoint(BROADWELL, "6.17", "page_fault3", "threads", 4)
    assert threads.simulated() == threads
    assert all(machine_of(name) for name in MACHINES)
    assert task_counts(machine_of(BROADWELL)) == [1, 2, 4, 8, 16, 24, 48]
