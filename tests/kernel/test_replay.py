"""Traces that are replayed: which pages, when, by whom; the step `arrive`."""

from itertools import pairwise

import numpy as np
import pytest
from helpers import a_machine, scheme_setup
from small_traces import a_replay, a_trace

from dessim.engines import compiled, reference, run_setup
from dessim.kernel import layout as lay
from dessim.kernel.replay import ReplayError, laid_out
from dessim.kernel.world import build_world
from dessim.model import SchemeChoice
from dessim.model.experiment import Point
from dessim.study.sweep.plan import setup_of

READ, WRITE, ANON, UNKNOWN = 0, 1, -1, -2
ROWS = (
    (0, 1_000, 7, 0, READ),
    (1, 1_500, 9, 0, READ),
    (0, 9_000, 600, 0, READ),
    (1, 9_100, 8, 0, READ),
    (0, 30_000, 5, 0, READ),
)


def replayed(workload, scheme, machine):
    """Return the run of a workload that replays a trace."""
    point = Point(
        experiment="x",
        machine=machine,
        workload=workload,
        scheme=SchemeChoice(name=scheme),
        threads=workload.threads,
        fault_around_order=0,
    )
    return setup_of(point, 0)


def reads(folder, rows=ROWS, processes=(0, 0), pages=1024, scheme="no_fault_around", **changes):
    """Return a run that replays reads, without fault-around and without variation of work."""
    workload = a_replay(folder, rows, processes, pages, **changes)
    return replayed(workload, scheme, a_machine(kernel={"work_cv_ppm": 0}))


def memory(folder, rows, processes=(0, 0), pages=512, **changes):
    """Return a run that replays faults that write."""
    return replayed(a_replay(folder, rows, processes, pages, **changes), "linux_6_12", a_machine())


def test_each_task_has_its_rows_in_order_of_time(tmp_path):
    """Rows stand task by task; all end with the same number of accesses done."""
    w = build_world(reads(tmp_path)).tolist()
    for task, pages in enumerate([[7, 600, 5], [9, 8]]):
        t = w[lay.H_TASK] + task * lay.T_WORDS
        first, last = w[t + lay.T_ACCESS], w[lay.H_ACCESSES]
        assert last - first == len(pages)
        assert [w[w[t + lay.T_EVERY] + 2 * i] for i in range(first, last)] == pages


def test_tasks_begin_when_their_first_fault_was_recorded(tmp_path):
    """The first fault of all is time 0."""
    w = build_world(reads(tmp_path)).tolist()
    starts = [w[w[lay.H_TASK] + i * lay.T_WORDS + lay.T_START] for i in range(2)]
    assert starts == [0, 500_000]


def test_every_recorded_fault_is_a_fault(tmp_path):
    """Five rows, five faults, in both engines, bit for bit, closed and open."""
    for mode in ("closed", "open"):
        setup = reads(tmp_path, replay=mode)
        runs = [run_setup(setup, engine) for engine in ("compiled", "reference")]
        assert runs[0] == runs[1]
        assert runs[0].counters["minor_faults"] == 5


def test_gaps_are_think_time_in_a_closed_replay(tmp_path):
    """A gap that is 1 ms longer ends the run 1 ms later; the fault's own time is taken off."""
    later = (*ROWS[:4], (0, 1_030_000, 5, 0, READ))
    first, second = (run_setup(reads(tmp_path, rows)) for rows in (ROWS, later))
    assert second.finish_ps - first.finish_ps == 1_000_000_000
    less = run_setup(reads(tmp_path, fault_time_ps=2_000_000))
    assert first.finish_ps - less.finish_ps == 2 * 2_000_000


def test_arrive_keeps_open_faults_to_the_times_recorded(tmp_path):
    """Faults far apart begin at their times: the run ends one fault after the last arrival."""
    run = run_setup(reads(tmp_path, replay="open"))
    latency = run.latency_max_ps
    assert 29_000_000 < run.finish_ps <= 29_000_000 + 2 * latency
    assert (run.counters["late_faults"], run.counters["late_ps"]) == (0, 0)


def test_a_task_that_is_late_queues_in_an_open_replay(tmp_path):
    """Of ten faults that arrive at once nine wait for those before them: the sum of their waits."""
    rows = [(0, 5_000, page, 0, READ) for page in range(10)]
    run = run_setup(reads(tmp_path, rows, (0,), 512, replay="open"))
    assert run.counters["late_faults"] == 9
    each = run.finish_ps / 10
    assert run.counters["late_ps"] == pytest.approx(45 * each, rel=0.3)


def test_no_run_without_a_trace_counts_lateness(tmp_path):
    """Results of other workloads are as they were."""
    assert "late_ps" not in run_setup(scheme_setup("no_fault_around", 0, 2)).counters
    assert run_setup(reads(tmp_path)).counters["late_ps"] == 0


def test_threads_of_a_process_share_its_pages(tmp_path):
    """Two tasks of one process want a page at the same time: one mapping; two processes: two."""
    rows = [(0, 1_000, 3, 0, READ), (1, 1_050, 3, 0, READ)]
    assert run_setup(reads(tmp_path, rows, (0, 0), 512)).counters["pages_mapped"] == 1
    assert run_setup(reads(tmp_path, rows, (0, 1), 512)).counters["pages_mapped"] == 2


def test_processes_may_have_different_numbers_of_threads(tmp_path):
    """Address spaces have the tasks of their process, also where these are not neighbours."""
    rows = [(task, 1_000 + task, task, 0, READ) for task in range(4)]
    w = build_world(reads(tmp_path, rows, (1, 0, 1, 1), 512)).tolist()
    mm_of = [w[w[lay.H_TASK] + i * lay.T_WORDS + lay.T_MM] for i in range(4)]
    assert [b == a for a, b in pairwise(mm_of)] == [False, True, True]
    assert [w[mm + lay.MM_TASKS] for mm in (mm_of[0], mm_of[1])] == [1, 3]
    assert run_setup(reads(tmp_path, rows, (1, 0, 1, 1), 512)).counters["minor_faults"] == 4


@pytest.mark.parametrize("fault", ["anonymous", "write_shared", "write_private"])
def test_faults_that_write_are_replayed_and_unmapped_at_the_end(tmp_path, fault):
    """Regions of different size and order; all memory is free again, in both engines."""
    file = ANON if fault == "anonymous" else 0
    rows = [(0, 1_000 + i, (i * 37) % 1200, file, WRITE) for i in range(40)]
    rows += [(1, 2_000 + i, 5 + i, file, WRITE) for i in range(3)]
    setup = memory(tmp_path, rows, fault=fault, pages=1536)
    runs = [run_setup(setup, engine) for engine in ("compiled", "reference")]
    assert runs[0] == runs[1]
    assert runs[0].counters["minor_faults"] == 43
    assert runs[0].counters["unmaps"] == 2


def test_a_page_that_faults_again_is_another_page():
    """After a munmap that no trace shows; two tasks within 100 µs want the same one."""
    rows = [(0, 0, 3, ANON, WRITE), (0, 500_000, 3, ANON, WRITE), (0, 900_000, 3, ANON, WRITE)]
    pages = laid_out(a_trace(rows, (0,)), "anonymous", "closed", 0).rows[:, 0]
    assert len(set(pages)) == 3
    rows = [(0, 0, 3, 0, READ), (1, 50_000, 3, 0, READ), (1, 400_000, 3, 0, READ)]
    pages = laid_out(a_trace(rows), "read", "closed", 0).rows[:, 0]
    assert (pages[0] == pages[1], pages[1] == pages[2]) == (True, False)


def test_pages_that_fault_again_fill_their_table_before_they_take_another():
    """600 faults of two pages: 512 in the table of both, the first two where they were."""
    rows = [(0, i * 200_000, 7 if i % 2 else 3, ANON, WRITE) for i in range(600)]
    replay = laid_out(a_trace(rows, (0,)), "anonymous", "closed", 0)
    found = replay.rows[:, 0]
    assert len(set(found)) == 600
    assert list(found[:2]) == [3, 7]
    assert sum(page < 512 for page in found) == 512
    assert replay.pages == 2 * 512


def test_places_in_page_tables_stay_as_they_were():
    """A page keeps its offset in its table; tables without a fault are not there."""
    numbers = [1 << 35, (1 << 35) + 511, 5, 5 + 512 * 1000]
    rows = [(0, i, page, 0, READ) for i, page in enumerate(numbers)]
    replay = laid_out(a_trace(rows, (0,)), "read", "closed", 0)
    found = replay.rows[:, 0]
    assert list(found % 512) == [page % 512 for page in numbers]
    assert found[0] // 512 == found[1] // 512
    assert replay.pages == 3 * 512


def test_kinds_of_faults_are_told_apart():
    """What the trace does not say is taken for what it mostly is."""
    rows = [
        (0, 0, 1, 0, READ),
        (0, 1, 2, 0, WRITE),
        (0, 2, 3, ANON, READ),
        (0, 3, 4, ANON, WRITE),
        (0, 4, 5, UNKNOWN, READ),
        (0, 5, 6, UNKNOWN, WRITE),
        (0, 6, 7, 0, 3),
        (0, 7, 8, UNKNOWN, 2),
    ]
    trace = a_trace(rows, (0,))
    found = {
        fault: sorted(laid_out(trace, fault, "closed", 0).rows[:, 0] % 512)
        for fault in ("read", "anonymous", "write_shared", "write_private")
    }
    assert found == {
        "read": [1, 5, 7, 8],
        "anonymous": [3, 4, 6],
        "write_shared": [2],
        "write_private": [2],
    }


def test_faults_of_other_kinds_are_think_time():
    """What lies between two replayed faults is one gap."""
    rows = [(0, 0, 1, 0, READ), (0, 4_000, 2, ANON, WRITE), (0, 9_000, 3, 0, READ)]
    rows = laid_out(a_trace(rows, (0,)), "read", "closed", 1_000_000).rows
    assert rows.tolist() == [[1, 0], [3, 8_000_000]]


def test_what_cannot_be_replayed_is_refused():
    """No fault of the kind, too many page tables, too long a time."""
    refused = {
        "no faults of kind": [(0, 0, 1, ANON, WRITE)],
        "page tables": [(0, i, 512 * i, 0, READ) for i in range(32_769)],
        "longer than 30 days": [(0, 0, 1, 0, READ), (0, 1 << 60, 2, 0, READ)],
    }
    for part, rows in refused.items():
        with pytest.raises(ReplayError, match=part):
            laid_out(a_trace(rows, (0,)), "read", "closed", 0)


def test_many_random_traces_leave_both_engines_alike(tmp_path):
    """Tasks, processes, pages, times and kinds of all sorts."""
    random = np.random.default_rng(5)
    for case in range(4):
        processes = tuple(sorted(random.integers(0, 3, 5)))
        numbers = {p: i for i, p in enumerate(dict.fromkeys(processes))}
        processes = tuple(numbers[p] for p in processes)
        times = np.sort(random.integers(0, 60_000, 80))
        rows = [
            (int(random.integers(5)), int(at), int(random.integers(40)) * 61, 0, READ)
            for at in times
        ]
        mode = ("closed", "open")[case % 2]
        replay = laid_out(a_trace(rows, processes), "read", mode, 0)
        setup = reads(tmp_path, rows, processes, replay.pages, "radix_walk_trylock", replay=mode)
        worlds = [build_world(setup), build_world(setup).tolist()]
        compiled.run(worlds[0])
        reference.run(worlds[1])
        assert worlds[0].tolist() == worlds[1]
