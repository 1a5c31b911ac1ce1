"""Whatever a tool, or somebody in its place, wrote: it is read, or refused in one line."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import strategies as st
from mutants import EDITS, edited, quick_and_thorough, refused_or_done
from rich.console import Console

from dessim.cli import main
from dessim.measure.observed.reading import read_measured
from dessim.measure.observed.values import Measurements
from dessim.measure.traces.converting import TaskChoice, fault_time_ns, imported, usual_fault
from dessim.measure.traces.importing import FORMATS, read_trace
from dessim.model.trace_file import load_trace
from dessim.report.text.measured import compared, print_comparison

SAMPLES = Path(__file__).parents[1] / "traces" / "samples"
TRACES = sorted(path.name for path in SAMPLES.glob("*.txt"))
RECORDS = (
    b"pf 1/1 [000]  5.000001: PERF_RECORD_MMAP2 1/1: [0x7fb8d8ed0000(0x8000) @ 0x2000 fe:00 7 0]:"
    b" r--p /lib/l.so\npf 1/1 [000]  5.000002: PERF_RECORD_FORK(2:2):(1:1)\n"
    b"pf 1/1 [000]  5.000003: PERF_RECORD_LOST lost 5\n"
    b"pf 2/2 [000]  5.000004: page-faults:     7fb8d8ed3e06     7f3f041b47ad\n"
)
MEASURED = {
    "hist": b"@usecs[pf]:\n[0]     12 |@@|\n[2, 4)   155 |@|\n[1K, 2K)      1 | |\n",
    "hist.json": b'{"type": "hist", "data": {"@usecs": [{"min": 0, "max": 1, "count": 5},'
    b' {"min": 2, "max": 3, "count": 7}]}}\n',
    "lhist.json": b'{"type": "lhist", "data": {"@ns": {"a": [{"max": -1, "count": 1},'
    b' {"min": 0, "max": 99, "count": 5}, {"min": 100, "count": 2}]}}}\n',
    "bcc": b"     nsecs               : count     distribution\n"
    b"       512 -> 1023       : 8  |*|\n",
    "lock": b" contended   total wait     max wait     avg wait         type   caller\n\n"
    b"        12     67.13 us     24.01 us      5.59 us     spinlock   rmqueue_bulk+0x5c\n",
    "locks.csv": b"# output: contended, total wait, max wait, avg wait, type, caller\n"
    b"3, 1200000, 900010, 400390, rwsem:W, __vm_munmap+0x6d\n",
    "wis": b"tasks,processes,processes_idle,threads,threads_idle,linear\n1,523,50,519,50,523\n",
    "hyperfine": b'{"results": [{"command": "a", "mean": 0.5, "parameters": {"threads": "2"}}]}',
    "csv": b"threads,kernel,throughput (kfaults/s),p99 [us]\n3,linux_6_1,300,7.1\n",
}

POINTS = [
    {
        "scheme": "linux_6_1",
        "workload": "w",
        "threads": threads,
        "metrics": {"average_faults_per_s": {"mean": 1e6}, "completion_s": {"mean": 1.0}},
        "time_share": {"mmap_lock": 0.1, "ptl": 0.3, "user": 0.6},
    }
    for threads in (1, 2, 3)
]
LONGER = [{"latency_ns": 2e3, "longer_share": 0.5}, {"latency_ns": 4e3, "longer_share": 0.0}]


def shown(measured: Measurements) -> None:
    """Compare measurements with a result, and print the comparison in both of its forms."""
    for points in (POINTS, POINTS[:1]):
        found = compared(points, dict.fromkeys(range(len(points)), LONGER), measured)
        json.dumps(found, allow_nan=False)
        print_comparison(Console(file=io.StringIO()), {"a": "a", "b": "b", **found})


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, bytes]:
    """What is mutated, by name."""
    return {name: (SAMPLES / name).read_bytes() for name in TRACES} | {"records": RECORDS}


@quick_and_thorough(
    st.tuples(
        st.sampled_from([*TRACES, "records"]), EDITS, st.sampled_from(["", *FORMATS]), st.booleans()
    ),
    60,
    18_000,
)
def _traces(whole: dict[str, bytes], drawn: Any) -> None:
    """Mutated traces, also read as those of another tool: what is taken can be kept."""
    name, edits, form, skips = drawn
    path = Path("own.txt")
    path.write_bytes(edited(whole[name], edits))
    trace = refused_or_done(lambda: read_trace(path, form, skip_damaged=skips))
    if trace is None:
        return
    found = refused_or_done(lambda: imported(trace, TaskChoice(), "own.txt"))
    if found is not None:
        Path("own.parquet").write_bytes(found.trace.packed())
        again = load_trace.__wrapped__("own.parquet", "")
        assert (again.tasks, again.files) == (found.trace.tasks, found.trace.files)
        assert usual_fault(again) == usual_fault(found.trace)
        assert fault_time_ns(again) >= 0


test_quick_traces, test_thorough_traces = _traces


@quick_and_thorough(st.tuples(st.sampled_from(sorted(MEASURED)), EDITS), 80, 20_000)
def _measured(whole: dict[str, bytes], drawn: Any) -> None:
    """Mutated measurements: what is taken can be compared."""
    name, edits = drawn
    path = Path("own.txt")
    path.write_bytes(edited(MEASURED[name], edits))
    measured = refused_or_done(lambda: read_measured(path))
    if measured is not None:
        refused_or_done(lambda: shown(measured))


test_quick_measured, test_thorough_measured = _measured


@quick_and_thorough(EDITS, 40, 1_000)
def _columns(whole: dict[str, bytes], drawn: Any) -> None:
    """Mutated files of faults."""
    words = ["import", str(SAMPLES / TRACES[0]), "--out", "kept.yaml", "--force"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    Path("own.parquet").write_bytes(edited(Path("kept.parquet").read_bytes(), drawn))
    refused_or_done(lambda: load_trace.__wrapped__("own.parquet", ""))


test_quick_columns, test_thorough_columns = _columns
