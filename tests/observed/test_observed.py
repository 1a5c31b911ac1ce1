"""What other tools measured is read as it was printed, and compared with what was simulated."""

import json
import math

import pytest

from dessim.errors import UserError
from dessim.measure.observed import beside
from dessim.measure.observed.blame import SETTING, read_blame
from dessim.measure.observed.locks import category_of
from dessim.measure.observed.rates import quantity_of
from dessim.measure.observed.reading import read_measured
from dessim.measure.observed.values import Histogram
from dessim.report.text.measured import compared

HIST = """Attaching 2 probes...
@count: 5

@usecs[pf, 3]:
[0]                 1200 |@@@@@@@@                     |
[1]                 5000 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
[2, 4)               155 |@                            |
[1K, 2K)               1 |                             |

"""
LINEAR = """@lat_ns:
(..., 0)               3 |@                            |
[0, 100)              10 |@@@@                         |
[100, 200)            20 |@@@@@@@@                     |
[200, ...)             2 |                             |
"""
BCC = """Tracing 1 functions for "handle_mm_fault"... Hit Ctrl-C to end.
^C
     nsecs               : count     distribution
         0 -> 1          : 0        |                                        |
         2 -> 3          : 0        |                                        |
       512 -> 1023       : 8        |****************************************|
      1024 -> 2047       : 2        |**********                              |

avg = 812 nsecs, total: 8120 nsecs, count: 10
Detaching...
"""
CONTENTION = """ contended   total wait     max wait     avg wait         type   caller

        12     67.13 us     24.01 us      5.59 us     spinlock   rmqueue_bulk+0x5c
         3      1.20 ms    900.01 us    400.39 us      rwsem:W   __vm_munmap+0x6d
         5     10.20 us      4.01 us      2.39 us     spinlock   tick_do_update_jiffies64+0x25

"""
BY_LOCK = """ contended   total wait     max wait     avg wait            address   symbol

         3      1.20 ms    900.01 us    400.39 us   ffff88810a035780   mmap_lock (rwsem)
"""
CSV_LOCKS = """# output: contended, total wait, max wait, avg wait, type, caller
3, 1200000, 900010, 400390, rwsem:W, __vm_munmap+0x6d
"""
REPORTED = """          Name   acquired  contended     avg wait   total wait     max wait

 &mm->mmap_lock        100          3      400 us      1.20 ms    900.01 us
"""
WILL_IT_SCALE = """tasks,processes,processes_idle,threads,threads_idle,linear
0,0,100,0,100,0
1,523000,50,519000,50,523000
2,900000,10,600000,10,1046000
"""
HYPERFINE = json.dumps(
    {"results": [{"command": "pf 2", "mean": 0.5, "stddev": None, "parameters": {"threads": "2"}}]}
)


def read(tmp_path, text, **options):
    """Return what a text holds."""
    path = tmp_path / "m.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_measured(path, **options)


def bins(tmp_path, text, **options):
    """Return the bins of the first histogram of a text."""
    return read(tmp_path, text, **options).histograms[0].bins


def test_histograms_of_bpftrace_are_read(tmp_path):
    """Powers of two with suffixes, single values, linear ones with open ends; CRLF."""
    expected = [(0, 1e3, 1200), (1e3, 2e3, 5000), (2e3, 4e3, 155), (1024e3, 2048e3, 1)]
    assert bins(tmp_path, HIST) == expected
    assert bins(tmp_path, HIST.replace("\n", "\r\n")) == expected
    assert read(tmp_path, HIST).histograms[0].name == "usecs[pf, 3]"
    assert bins(tmp_path, LINEAR) == [(0, 100, 10), (100, 200, 20), (200, math.inf, 2)]


def test_histograms_of_bcc_and_of_json_are_read(tmp_path):
    """Bounds are inclusive there."""
    assert bins(tmp_path, BCC)[-2:] == [(512, 1024, 8), (1024, 2048, 2)]
    text = {"type": "hist", "data": {"@usecs": [{"min": 2, "max": 3, "count": 7}]}}
    assert bins(tmp_path, json.dumps(text) + "\n") == [(2e3, 4e3, 7)]


def test_a_unit_that_no_name_says_is_asked_for(tmp_path):
    """Nothing is guessed."""
    text = HIST.replace("@usecs", "@lat")
    with pytest.raises(UserError, match="--unit"):
        read(tmp_path, text)
    assert bins(tmp_path, text, unit_ns=1e6)[1] == (1e6, 2e6, 5000)


def test_quantiles_lie_in_their_bin():
    """In proportion to what is counted there."""
    histogram = Histogram("x", [(0, 10, 50), (10, 20, 50)])
    assert histogram.quantile(0.5) == (0, 10, 10)
    assert histogram.quantile(0.75) == (10, 20, 15)


@pytest.mark.parametrize("text", [CONTENTION, BY_LOCK, CSV_LOCKS, REPORTED])
def test_tables_of_perf_lock_are_read(tmp_path, text):
    """By caller, by lock, as CSV, and of `perf lock report`: waits in ns, by name."""
    locks = read(tmp_path, text).locks
    [mmap] = [lock for lock in locks if category_of(lock.name) == "mmap_lock"]
    assert (mmap.contended, mmap.wait_ns) == (3, pytest.approx(1.2e6))
    assert [category_of(lock.name) for lock in locks][:1] in (["zone_lock"], ["mmap_lock"])


def test_rates_and_times_are_read(tmp_path):
    """will-it-scale's two modes, hyperfine's parameters, and units in headings."""
    numbers = read(tmp_path, WILL_IT_SCALE).numbers
    assert [(n.threads, n.series, n.value) for n in numbers] == [
        (1, "processes", 523000),
        (1, "threads", 519000),
        (2, "processes", 900000),
        (2, "threads", 600000),
    ]
    for text in (HYPERFINE, "command,mean,stddev,parameter_threads\npf 2,0.5,,2\n"):
        [one] = read(tmp_path, text).numbers
        assert (one.quantity, one.value, one.threads) == ("completion_s", 0.5, 2)
    [one] = read(tmp_path, "cpus;kernel;Mpages/s\n4;linux_6_1;1.5\n").numbers
    assert (one.quantity, one.value, one.threads, one.scheme) == (
        "pages_per_s",
        1.5e6,
        4,
        "linux_6_1",
    )


HEADINGS = {
    "throughput (faults/s)": ("faults_per_s", 1),
    "kfaults/s": ("faults_per_s", 1e3),
    "faults_per_s": ("faults_per_s", 1),
    "page_faults_per_sec": ("faults_per_s", 1),
    "ops/ms": ("operations_per_s", 1e3),
    "p99 [us]": ("latency_ns_p99", 1e3),
    "p99.9 (ms)": ("latency_ns_p999", 1e6),
    "fault_latency_ns_p99": ("latency_ns_p99", 1),
    "latency_us": ("latency_ns_mean", 1e3),
    "completion_s": ("completion_s", 1),
    "elapsed (ms)": ("completion_s", 1e-3),
    "threads": None,
    "throughput": None,
    "p99": None,
}


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_heading_says_quantity_and_unit(heading):
    """A column without a unit is no quantity."""
    found = quantity_of(heading)
    expected = HEADINGS[heading]
    assert found == (expected if expected is None else (expected[0], pytest.approx(expected[1])))


BAD = {
    "": "the file is empty",
    "hello\n": "unknown format",
    "@usecs:\n[0] 5 |@|\n[0] 6 |@|\n": ":3: rows are not in order",
    "@usecs:\n[0] 5 |@|\n[1] x |@|\n": ":3: not of histograms",
    "[0]    5 |@|\n": ":1: a row of a histogram without",
    "@usecs:\n[4, 2) 5 |@|\n": ":2: a row of a histogram that ends before it begins",
    "@usecs:\n[0] 0 ||\n": "all histograms are empty",
    CONTENTION.replace("12     67", "12     x"): ":3: not of tables of perf lock",
    CONTENTION + "        12     6": ":7: not of",
    CONTENTION.replace("67.13", "-67.13"): ":3: a total wait that is negative",
    CSV_LOCKS.replace("1200000", "-1"): ":2: a total wait that is negative",
    REPORTED.replace("1.20", "-1.20"): ":3: a total wait that is negative",
    REPORTED.replace("   total", " total"): ":1: no column 'total wait' in the header: columns are",
    "Name  acquired  contended total wait\nfoo  1 2 3\n": ":1: no column 'contended' in the",
    CSV_LOCKS.replace("max wait", "total wait"): ":1: two columns have one name",
    CSV_LOCKS.replace("total wait", "total waits"): ":1: no column 'total wait' in the header",
    "threads,faults/s\n1,x\n": ":2: 'x' is not a number",
    "threads,faults/s\n1,\u0663\n": ":2: '\u0663' is not a number",
    "threads,faults/s\n\u0663,1\n": ":2: '\u0663' is no count",
    "@usecs:\n[0] \u0663 |@|\n[1] 5 |@|\n": ":2: not of histograms",
    'threads,faults/s\n1,2\n\n3,"4\n5,6\n': ":4: a quoted text begins here and never ends",
    "threads,faults/s\n1,-5\n": ":2: faults/s: -5 is not positive",
    "threads,faults/s\n1\n": ":2: 1 cell, not 2",
    "threads,faults/s\n1,1e999\n": ":2: '1e999' is not a plausible measurement",
    "threads,rate\n1,5\n": ":1: no column is a rate",
    "threads,threads\n1,5\n": ":1: two columns have one name",
    '{"results": [{"mean": null}]}': "'None' is not a number",
    '{"results": []}': "no list of results",
    "{": ":1: not JSON",
    "a,b\x00c\n1,2\n": ":1: no column",
}


ROWS = {
    '"min": 0, "max": null, "count": 5': "max is no whole number",
    '"min": 0, "max": [], "count": 5': "max is no whole number",
    '"min": 0, "max": "9", "count": 5': "max is no whole number",
    '"min": 0, "max": NaN, "count": 5': "max is no whole number",
    '"min": 0, "max": -Infinity, "count": 5': "max is no whole number",
    '"min": 0, "max": 1.5, "count": 5': "max is no whole number",
    '"min": 0, "max": true, "count": 5': "max is no whole number",
    f'"min": 0, "max": {10**400}, "count": 5': "max is no whole number",
    '"min": false, "max": 3, "count": 5': "min is no whole number",
    f'"min": {-(10**400)}, "max": 3, "count": 5': "min is no whole number",
    '"min": 0, "max": 3, "count": true': "as its count",
    '"min": 0, "max": 3, "count": -1': "as its count",
    f'"min": 0, "max": 3, "count": {10**400}': "as its count",
    '"min": 0, "max": 3': "as its count",
    '"min": 5, "max": 3, "count": 5': "ends before it begins",
}
BAD |= {
    f'{{"type": "hist", "data": {{"@usecs": [{{{row}}}]}}}}': said for row, said in ROWS.items()
}


@pytest.mark.parametrize("text", BAD)
def test_damaged_measurements_are_refused_with_line_and_reason(tmp_path, text):
    """One message of one line."""
    with pytest.raises(UserError) as refusal:
        read(tmp_path, text)
    assert BAD[text] in str(refusal.value)
    assert "\n" not in str(refusal.value)


def a_point(**changes):
    """Return a point as results have it."""
    metrics = {"steady_faults_per_s": None, "average_faults_per_s": 1e6, "completion_s": 1.0}
    return {
        "scheme": "linux_6_1",
        "workload": "w",
        "threads": 2,
        "metrics": {name: {"mean": value} for name, value in metrics.items()},
        "time_share": {"mmap_lock": 0.1, "ptl": 0.3, "user": 0.6},
        **changes,
    }


LONGER = [
    {"latency_ns": 1_000.0, "longer_share": 0.5},
    {"latency_ns": 2_000.0, "longer_share": 0.1},
    {"latency_ns": 4_000.0, "longer_share": 0.0},
]


def test_errors_are_logarithms_of_simulated_over_measured(tmp_path):
    """Twice as much is +0.69; the average rate stands in for a steady one that there is not."""
    measured = read(tmp_path, "threads,faults/s,completion_s\n2,500000,1.0\n4,1,1\n")
    found = compared([a_point()], {}, measured)
    assert [row["ln_ratio"] for row in found["rows"]] == pytest.approx([math.log(2), 0])
    assert found["mean_abs_ln_error"] == pytest.approx(math.log(2) / 2)


def test_what_has_nothing_in_common_is_refused_with_both_sides(tmp_path):
    """Threads that were measured, and those that were simulated."""
    measured = read(tmp_path, "threads,faults/s\n8,500000\n")
    with pytest.raises(UserError, match="threads 8 were measured, 2 simulated"):
        compared([a_point()], {}, measured)


def test_histograms_stand_beside_latencies(tmp_path):
    """Quantiles with their bins, and the share of each bin."""
    text = "@nsecs:\n[0, 1024)  50 |@|\n[1024, 2048)  40 |@|\n[2048, 4096)  910 |@|\n"
    found = compared([a_point()], {0: LONGER}, read(tmp_path, text))
    p50 = found["rows"][0]
    assert (p50["measured_from"], p50["measured_to"], p50["simulated"]) == (2048, 4096, 1000)
    assert sum(row["simulated"] for row in found["bins"]) == pytest.approx(1)
    assert found["distance"] == pytest.approx(beside.share_up_to(LONGER, 2048) - 0.09)


def test_waits_stand_beside_shares_of_time_with_locks(tmp_path):
    """Only locks that both sides know count."""
    text = (
        CONTENTION
        + "    1    400.00 us    400.00 us    400.00 us     spinlock   __pte_offset_map_lock+0x1\n"
    )
    rows = {row["quantity"]: row for row in compared([a_point()], {}, read(tmp_path, text))["rows"]}
    total = 1200 + 400 + 67.13
    assert rows["mmap_lock"]["measured"] == pytest.approx(1200 / total)
    assert rows["ptl"]["simulated"] == pytest.approx(0.75)
    assert rows["(not compared)"]["ln_ratio"] is None


def blame_file(tmp_path, **changes):
    """Write the blame of a point; return what is read of it."""
    point = a_point()
    entry = {key: point.get(key) for key in SETTING} | {
        "by_category": {"mmap_lock": 30, "ptl": 10, "page_lines": 7},
    }
    path = tmp_path / "blame.json"
    path.write_text(json.dumps({"blame": [entry | changes]}))
    return path


def test_waits_stand_beside_waits_where_there_is_blame(tmp_path):
    """Shares of what explain --blame found, of the locks that both sides know."""
    blame = read_blame(blame_file(tmp_path))
    point = a_point() | {"machine": None, "fault_around_order": None}
    found = compared([point], {}, read(tmp_path, CONTENTION), blame=blame)
    shares = {row["quantity"]: row["simulated"] for row in found["rows"]}
    assert shares["mmap_lock"] == pytest.approx(0.75)
    assert shares["ptl"] == pytest.approx(0.25)
    other = read_blame(blame_file(tmp_path, threads=99))
    with pytest.raises(UserError, match="the blame has no point of"):
        compared([point], {}, read(tmp_path, CONTENTION), blame=other)


@pytest.mark.parametrize(
    "waits", [None, {"ptl": -1}, {"ptl": 0.5}, {"ptl": True}, {"ptl": 10**400}]
)
def test_blame_that_is_none_is_refused(tmp_path, waits):
    """With the command that makes it."""
    with pytest.raises(UserError, match="explain EXPERIMENT --blame --format json"):
        read_blame(blame_file(tmp_path, by_category=waits))
