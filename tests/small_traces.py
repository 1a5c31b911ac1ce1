"""Traces of a few faults, as files that workloads replay."""

import numpy as np

from dessim.model.trace_file import TraceFile, TraceTask, digest_of
from dessim.model.workload import PAGE_BYTES, Workload


def a_trace(rows, processes=(0, 0)):
    """Return a trace of rows (task, ns, page, file, access) in order of time."""
    columns = [np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)]
    tasks = tuple(TraceTask(100 + i, process, f"t{i}") for i, process in enumerate(processes))
    files = tuple(f"/f{i}" for i in range(max(columns[3].max() + 1, 0)))
    major = np.zeros(len(rows), dtype=bool)
    return TraceFile(*columns, major, tasks, files, {"source": {"name": "x"}})


def a_replay(folder, rows, processes=(0, 0), pages=512, **changes):
    """Return a workload that replays a trace, which is written to a folder."""
    data = a_trace(rows, processes).packed()
    path = folder / f"{digest_of(data)[:8]}.parquet"
    path.write_bytes(data)
    return Workload(
        name="replayed",
        access="trace",
        trace=str(path),
        trace_sha256=digest_of(data),
        file_size_bytes=pages * PAGE_BYTES,
        threads=len(processes),
        **changes,
    )
