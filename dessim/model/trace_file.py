"""The file of an imported trace: its faults in columns, and where they come from.

Parquet with one row a fault, in order of time. Metadata under the key ``dessim.trace`` hold tasks,
source and counts as JSON.

========== ========= ==========================================================================
column     type      what
========== ========= ==========================================================================
task       int32     index in ``tasks``
time_ns    int64     as the tracer printed it
page       int64     number of the 4 KiB page: of the file, or of the address space
file       text      path of the file; ``anonymous``; empty if the trace does not say
access     text      ``read``, ``write``, ``exec``, ``unknown``
major      bool      whether the tracer called it a major fault
========== ========= ==========================================================================
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from dessim.errors import UserError
from dessim.files.reading import read_file

VERSION = 1
KEY = b"dessim.trace"
ACCESSES = ("read", "write", "exec", "unknown")
READ, WRITE, EXEC, UNKNOWN = range(4)
ANONYMOUS, UNKNOWN_FILE = -1, -2
MAX_TRACE_BYTES = 1 << 30
MAX_ROWS = 20_000_000
COLUMNS = ("task", "time_ns", "page", "file", "access", "major")
REMEDY = "write it again with `dessim import`"
Column = npt.NDArray[np.int64]


class TraceFileError(UserError):
    """A file that is no imported trace, or not the one that a workload names."""


@dataclass(frozen=True)
class TraceTask:
    """A thread of a trace.

    Attributes
    ----------
    tid : int
    process : int
        Tasks of one number share an address space; numbers count from 0.
    comm : str
    """

    tid: int
    process: int
    comm: str


@dataclass(frozen=True)
class TraceFile:
    """Faults in order of time.

    Attributes
    ----------
    task, time_ns, page, file, access : int64 array, shape (n,)
        ``file`` is an index in ``files``, ``ANONYMOUS`` or ``UNKNOWN_FILE``; ``access`` one in
        ``ACCESSES``.
    major : bool array, shape (n,)
    tasks : tuple of TraceTask
    files : tuple of str
    about : dict
        Source, tool and counts.
    """

    task: Column
    time_ns: Column
    page: Column
    file: Column
    access: Column
    major: npt.NDArray[np.bool_]
    tasks: tuple[TraceTask, ...]
    files: tuple[str, ...]
    about: Mapping[str, Any]

    def packed(self) -> bytes:
        """Return the bytes of its file: the same for the same faults."""
        import pyarrow as pa
        from pyarrow import parquet

        names = pa.array([*self.files, "anonymous", ""], pa.string())
        number = np.where(self.file == ANONYMOUS, len(self.files), self.file)
        number = np.where(self.file == UNKNOWN_FILE, len(self.files) + 1, number)
        words = pa.array(ACCESSES, pa.string())
        table = pa.table(
            {
                "task": pa.array(self.task, pa.int32()),
                "time_ns": pa.array(self.time_ns, pa.int64()),
                "page": pa.array(self.page, pa.int64()),
                "file": pa.DictionaryArray.from_arrays(number.astype(np.int32), names),
                "access": pa.DictionaryArray.from_arrays(self.access.astype(np.int8), words),
                "major": pa.array(self.major, pa.bool_()),
            }
        )
        tasks = [[task.tid, task.process, task.comm] for task in self.tasks]
        about = {"version": VERSION, "tasks": tasks, **self.about}
        text = json.dumps(about, ensure_ascii=False, allow_nan=False).encode()
        table = table.replace_schema_metadata({KEY: text})
        sink = pa.BufferOutputStream()
        parquet.write_table(table, sink, compression="zstd", store_schema=True)
        return bytes(sink.getvalue())


def digest_of(data: bytes) -> str:
    """Return the digest by which a workload names its trace."""
    return hashlib.sha256(data).hexdigest()


@lru_cache(maxsize=4)
def load_trace(path: str, sha256: str) -> TraceFile:
    """Read an imported trace.

    Parameters
    ----------
    path : str
    sha256 : str
        As the workload names it; empty: any.

    Raises
    ------
    UnreadableError, TraceFileError
        If it cannot be read, is another one, or holds what no trace can.
    """
    data = read_file(path, MAX_TRACE_BYTES)
    if sha256 and digest_of(data) != sha256:
        raise TraceFileError(
            f"{path}: not the trace that the workload was written for (trace_sha256 differs);"
            f" {REMEDY}"
        )
    try:
        trace = _unpacked(data)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, OSError) as error:
        raise TraceFileError(
            f"{path}: not a trace of dessim ({_one_line(error)}); {REMEDY}"
        ) from None
    problem = _problem(trace)
    if problem:
        raise TraceFileError(f"{path}: not a trace of dessim ({problem}); {REMEDY}")
    return trace


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return "".join(c if c.isprintable() else "?" for c in text[:120])


def _unpacked(data: bytes) -> TraceFile:
    import pyarrow as pa
    from pyarrow import parquet

    file = parquet.ParquetFile(pa.BufferReader(data))
    if file.metadata.num_rows > MAX_ROWS:
        raise ValueError("more than 20,000,000 faults")
    if tuple(file.schema_arrow.names) != COLUMNS:
        raise ValueError(f"its columns are not {', '.join(COLUMNS)}")
    table = file.read()
    about = json.loads((table.schema.metadata or {})[KEY])
    if about.pop("version") != VERSION:
        raise ValueError("of another version of dessim")
    tasks = tuple(
        TraceTask(int(tid), int(process), str(comm)) for tid, process, comm in about.pop("tasks")
    )
    numbers = {name: _numbers(table[name]) for name in ("task", "time_ns", "page", "major")}
    names, file_numbers = _coded(table["file"])
    words, word_numbers = _coded(table["access"])
    files = [name for name in names if name not in ("anonymous", "")]
    place = {name: i for i, name in enumerate(files)} | {"anonymous": ANONYMOUS, "": UNKNOWN_FILE}
    places = np.array([place[name] for name in names] or [0], dtype=np.int64)
    meaning = np.array([ACCESSES.index(word) for word in words] or [0], dtype=np.int64)
    return TraceFile(
        numbers["task"],
        numbers["time_ns"],
        numbers["page"],
        places[file_numbers],
        meaning[word_numbers],
        numbers["major"].astype(bool),
        tasks,
        tuple(files),
        about,
    )


def _numbers(column: Any) -> Column:
    if column.null_count:
        raise ValueError("a number is missing")
    found: Column = column.to_numpy().astype(np.int64)
    return found


def _coded(column: Any) -> tuple[list[str], Column]:
    """Return the texts of a column, and for each row which of them it holds."""
    coded = column.combine_chunks().dictionary_encode()
    if hasattr(coded, "combine_chunks"):
        coded = coded.combine_chunks()
    if coded.null_count:
        raise ValueError("a text is missing")
    return [str(name) for name in coded.dictionary.to_pylist()], _numbers(coded.indices)


def _problem(trace: TraceFile) -> str:
    """Return what a trace holds that none can hold, or nothing."""
    if not len(trace.task):
        return "it has no fault"
    processes = {task.process for task in trace.tasks}
    if processes != set(range(len(processes))):
        return "processes are not numbered from 0"
    if trace.task.min() < 0 or trace.task.max() >= len(trace.tasks):
        return "a fault of no task"
    if trace.time_ns.min() < 0 or (np.diff(trace.time_ns) < 0).any():
        return "times are not in order"
    if trace.page.min() < 0 or trace.page.max() >= 1 << 52:
        return "an impossible page"
    return ""
