"""From what a tracer wrote to what is kept and replayed: tasks are chosen, faults put in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from dessim.files.names import unfit_in_name
from dessim.kernel.replay import Replay, ReplayError, is_replayed, laid_out
from dessim.measure.traces.importing import Trace
from dessim.measure.traces.recording import RecordedFaults, Task, TraceError
from dessim.model.trace_file import Column, TraceFile, TraceTask
from dessim.model.workload import MAX_THREADS

TRACERS = ("perf", "perf-exec", "bpftrace", "trace-cmd", "trace_pipe")
FAULTS = ("read", "anonymous", "write_shared", "write_private")
SERVICE_QUANTILE = 0.05
Flags = npt.NDArray[np.bool_]
FAMILIES = ("tracepoint", "software", "minor or major")


@dataclass(frozen=True)
class TaskChoice:
    """Which tasks are taken, and who shares an address space.

    Attributes
    ----------
    pids, comms : tuple
        Empty: all tasks but the tracer's own.
    by_comm : bool
        Whether tasks of one name are threads of one process where the trace has no pids; if not,
        each is a process.
    """

    pids: tuple[int, ...] = ()
    comms: tuple[str, ...] = ()
    by_comm: bool = True


@dataclass(frozen=True)
class Imported:
    """A trace that can be replayed, and what was left out of it.

    Attributes
    ----------
    trace : TraceFile
    left_out : dict
        What was not taken -> faults.
    guessed_processes : bool
        Whether the trace has no pids.
    """

    trace: TraceFile
    left_out: dict[str, int]
    guessed_processes: bool


def imported(trace: Trace, choice: TaskChoice, name: str) -> Imported:
    """Return the faults of chosen tasks in order of time.

    Of a fault that several events recorded, that of the tracepoint is taken, which has the kind of
    access, or else that of page-faults.

    Raises
    ------
    TraceError
        If no fault is left, or there are too many tasks.
    """
    recording = trace.recording
    task, kind = np.array(recording.task), np.array(recording.kind)
    taken = _taken(recording, task, choice)[task]
    if not taken.any():
        raise TraceError(_nobody(recording.tasks))
    family = kind >> 2 & 3
    best = int(family[taken].min())
    kept = taken & (family == best)
    left_out = {
        "of other tasks": int((~taken).sum()),
        "recorded twice": int((taken & (family != best)).sum()),
    }
    order = np.flatnonzero(kept)[np.argsort(np.array(recording.time_ns)[kept], kind="stable")]
    used, numbers = np.unique(task[order], return_inverse=True)
    tasks, guessed = _processes([recording.tasks[i] for i in used], choice)
    source = {"name": name, "sha256": trace.sha256, "tool": trace.form, "event": FAMILIES[best]}
    counts = {**asdict(recording.counts), "left_out": left_out}
    file, files = _used_files(np.array(recording.file)[order].astype(np.int64), recording.files)
    found = TraceFile(
        numbers.astype(np.int64),
        np.array(recording.time_ns)[order],
        np.array(recording.page)[order],
        file,
        (kind & 3)[order].astype(np.int64),
        (kind >> 4 & 1)[order].astype(bool),
        tasks,
        files,
        {"source": source, "counts": counts},
    )
    return Imported(found, left_out, guessed)


def _taken(recording: RecordedFaults, task: Column, choice: TaskChoice) -> Flags:
    """Return which tasks are taken."""
    taken = np.array([_is_taken(t.pid, t.tid, t.comm, choice) for t in recording.tasks])
    is_tracer = np.array([t.comm in TRACERS for t in recording.tasks])
    if not choice.pids and not choice.comms and (taken & ~is_tracer)[task].any():
        taken &= ~is_tracer
    return taken


def _processes(chosen: Sequence[Task], choice: TaskChoice) -> tuple[tuple[TraceTask, ...], bool]:
    """Return tasks with the numbers of their processes, and whether these had to be guessed.

    Raises
    ------
    TraceError
        If there are too many tasks.
    """
    if len(chosen) > MAX_THREADS:
        raise TraceError(
            f"faults of {len(chosen):,} tasks, and {MAX_THREADS:,} can be replayed: choose some"
            " with --comm or --pid"
        )
    keys: list[object] = [
        ("pid", t.pid) if t.pid >= 0 else ("comm", t.comm) if choice.by_comm else ("tid", t.tid)
        for t in chosen
    ]
    number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    tasks = tuple(
        TraceTask(t.tid, number[key], _plain(t.comm)) for t, key in zip(chosen, keys, strict=True)
    )
    return tasks, any(t.pid < 0 for t in chosen)


def _is_taken(pid: int, tid: int, comm: str, choice: TaskChoice) -> bool:
    if not choice.pids and not choice.comms:
        return True
    return pid in choice.pids or tid in choice.pids or comm in choice.comms


def _nobody(tasks: Sequence[Task]) -> str:
    names = Counter(_plain(task.comm) for task in tasks)
    shown = ", ".join(f"{name or '(no name)'} ({n})" for name, n in names.most_common(8))
    return f"these tasks have no fault; the trace has tasks {shown}"


def _plain(text: str) -> str:
    return "".join("?" if unfit_in_name(c) else c for c in text)


def _used_files(file: Column, names: Sequence[str]) -> tuple[Column, tuple[str, ...]]:
    """Return the files of faults with new numbers, without those that no fault is in."""
    used = np.unique(file[file >= 0])
    place = np.full(max(len(names), 1), -1, dtype=np.int64)
    place[used] = np.arange(len(used))
    plain = [_plain(names[i]) for i in used]
    seen: Counter[str] = Counter()
    for i, name in enumerate(plain):  # names that became alike, or that mean something here
        seen[name] += 1
        if seen[name] > 1 or name in ("", "anonymous"):
            plain[i] = f"{name} ({i})"
    return np.where(file >= 0, place[np.maximum(file, 0)], file), tuple(plain)


def usual_fault(trace: TraceFile) -> str:
    """Return the kind of fault of which a trace has most."""
    counts = counts_by_kind(trace)
    return max(FAULTS[:3], key=lambda fault: counts[fault])


def counts_by_kind(trace: TraceFile) -> dict[str, int]:
    """Return how many faults a replay of each kind has; the writes of a file are in two of them."""
    return {fault: int(is_replayed(trace, fault).sum()) for fault in FAULTS}


def fault_time_ns(trace: TraceFile) -> int:
    """Return how long a fault and its tracing take at least: the 5 % quantile of all gaps.

    Between two faults of a task lie the rest of the first, its tracing and user work. Where a task
    touches page by page there is next to no user work: the shortest gaps are those of the fault.
    """
    order = np.argsort(trace.task, kind="stable")
    gaps = np.diff(trace.time_ns[order])
    same = np.diff(trace.task[order]) == 0
    return int(np.quantile(gaps[same], SERVICE_QUANTILE)) if same.any() else 0


def replay_for(trace: TraceFile, fault: str, mode: str, fault_time: int) -> Replay:
    """Return what tasks would do in a replay.

    Raises
    ------
    TraceError
        If it cannot be replayed.
    """
    try:
        return laid_out(trace, fault, mode, fault_time * 1000)
    except ReplayError as error:
        raise TraceError(str(error)) from None
