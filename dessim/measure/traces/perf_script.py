"""What `perf script` prints: tracepoints, software events with addresses, records of mappings.

Source
------
Linux 6.12 ``tools/perf/builtin-script.c``: ``perf_sample__fprintf_start`` (comm, pid/tid, CPU, time
with six or nine decimals), ``process_event`` (period, event, address, ip); ``util/event.c``:
``perf_event__fprintf_mmap2``, ``_task``, ``_comm``, ``_lost``.
"""

from __future__ import annotations

import re

from dessim.measure.traces.fields import (
    HEXADECIMAL,
    TIME,
    Prefixes,
    lost_in,
    software_fault,
    time_ns,
    tracepoint_fault,
    whole_number,
)
from dessim.measure.traces.recording import BadFieldError, RecordedFaults

NAME = "perf-script"
WHAT = "perf script"
CPU = re.compile(r"\[[0-9]{1,6}\]$")
TASK = re.compile(r"(?:(-?[0-9]{1,10})/)?(-?[0-9]{1,10})$")
FLAGS = re.compile(r"(?=\S{0,11}[A-Za-z.])[\w.#+-]{1,12}$")
MMAP = re.compile(
    r"PERF_RECORD_MMAP2? (-?[0-9]{1,10})/-?[0-9]{1,10}: "
    r"\[(0x[0-9a-f]{1,16}|0)\((0x[0-9a-f]{1,16}|0)\)"
    r" @ (0x[0-9a-f]{1,16}|0|[0-9]{1,18})[^\]]{0,200}\]: "
    r"(?:(\S{4}) )?(.*)$"
)
FORK = re.compile(
    r"PERF_RECORD_FORK\((-?[0-9]{1,10}):-?[0-9]{1,10}\):\((-?[0-9]{1,10}):-?[0-9]{1,10}\)"
)


class PerfScriptReader:
    """Reads lines of `perf script` into a recording."""

    def __init__(self, recording: RecordedFaults) -> None:
        self._recording, self._prefixes = recording, Prefixes()

    def line(self, line: str) -> bool:
        """Take a line; False if it is none of this tool.

        Raises
        ------
        BadFieldError
            If it begins as one, and cannot be used.
        """
        found = TIME.search(line)
        if found is None:
            return self._without_time(line)
        prefix, event = line[: found.start()], line[found.end() :].lstrip()
        if "PERF_RECORD_" in event:
            return self._record(event)
        task = self._prefixes.get(prefix)
        if task is None:
            task = self._prefixes.put(prefix, self._task(prefix))
        ns = time_ns(found[1], found[2])
        recording = self._recording
        if "address=" in event and tracepoint_fault(recording, task, ns, event):
            return True
        if "fault" in event and software_fault(recording, task, ns, event):
            return True
        if ":" not in event and not event.split():
            raise BadFieldError("nothing after the time")
        recording.counts.other_events += 1
        return True

    def _task(self, prefix: str) -> int:
        words = prefix.split()
        if len(words) > 1 and FLAGS.match(words[-1]):
            words.pop()  # -F +flags, +misc
        if words and CPU.match(words[-1]):
            words.pop()
        found = TASK.match(words[-1]) if words else None
        if found is None:
            raise BadFieldError("no number of a task: print it with -F comm,pid,tid,time,event,…")
        tid, pid = int(found[2]), int(found[1]) if found[1] else -1
        return self._recording.task_of(tid, pid, " ".join(words[:-1]))

    def _without_time(self, line: str) -> bool:
        if "PERF_RECORD_" in line:
            return self._record(line)
        words = line.split(None, 2)
        if not words:
            return True
        if words[0] == "LOST" or lost_in(line):
            self._recording.counts.lost += lost_in(line)
            return True
        # Call chains: an address, its symbol, its file, on lines of their own.
        return line[0] in " \t" and len(words[0]) >= 4 and bool(HEXADECIMAL.match(words[0]))

    def _record(self, text: str) -> bool:
        recording = self._recording
        if "PERF_RECORD_LOST" in text:
            recording.counts.lost += lost_in(text)
        elif "PERF_RECORD_MMAP" in text:
            found = MMAP.search(text)
            if found is None:
                raise BadFieldError("an incomplete record of a mapping")
            if int(found[1]) >= 0:
                start, length, offset = (whole_number(found[i], "a mapping") for i in (2, 3, 4))
                backing = recording.backing_of(found[6])
                recording.mappings_of(int(found[1])).put(start, length, offset, backing)
        elif "PERF_RECORD_FORK" in text:
            found = FORK.search(text)
            if found is None:
                raise BadFieldError("an incomplete record of a fork")
            recording.fork(int(found[1]), int(found[2]))
        return True


READER = PerfScriptReader


def looks_like(line: str) -> bool:
    """Return whether a line can only be of this tool."""
    found = TIME.search(line)
    if found is None:
        return "PERF_RECORD_" in line
    words = line[: found.start()].split()
    if words and CPU.match(words[-1]):
        words.pop()
    return bool(words) and TASK.match(words[-1]) is not None
