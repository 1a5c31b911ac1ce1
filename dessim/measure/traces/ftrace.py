"""What tracefs' `trace` holds, and `trace-cmd report` prints, in both of its formats.

Source
------
Linux 6.12 ``kernel/trace/trace_output.c``: ``trace_print_context`` (task-pid, tgid, CPU, flags,
seconds with six decimals), ``trace_print_lat_context`` (the latency format: CPU and flags in one
word, time in µs); ``kernel/trace/trace.c``: ``print_event_info``, ``print_func_help_header``.
"""

from __future__ import annotations

import re

from dessim.measure.traces.fields import TIME, Prefixes, lost_in, time_ns, tracepoint_fault
from dessim.measure.traces.recording import BadFieldError, RecordedFaults

NAME = "ftrace"
WHAT = "ftrace's trace, or trace-cmd report"
TASK = re.compile(r"-([0-9]{1,10})\s{0,20}(?:\(\s{0,20}([0-9]{1,10}|-{1,10})\))?$")
CPU = re.compile(r"\[[0-9]{1,6}\]$")
LATENCY = re.compile(r"\s([0-9]{1,15})(?:\.([0-9]{1,3}))?us[^\s:0-9]?\s{0,8}:\s")
WRITTEN = re.compile(r"entries-in-buffer/entries-written: ([0-9]{1,18})/([0-9]{1,18})")
RAW_CLOCK = re.compile(r"\[[0-9]{1,6}\]\s{1,20}(?:\S{1,12}\s{1,20})?[0-9]{6,20}:\s")


class FtraceReader:
    """Reads lines of ftrace into a recording."""

    def __init__(self, recording: RecordedFaults) -> None:
        self._recording, self._prefixes = recording, Prefixes()

    def comment(self, line: str) -> None:
        """Take a line that begins with #: the header says what was overwritten."""
        found = WRITTEN.search(line)
        if found is not None:
            self._recording.counts.lost += max(0, int(found[2]) - int(found[1]))

    def line(self, line: str) -> bool:
        """Take a line; False if it is none of this tool.

        Raises
        ------
        BadFieldError
            If it begins as one, and cannot be used.
        """
        found = TIME.search(line)
        if found is not None:
            prefix, ns = line[: found.start()], time_ns(found[1], found[2])
        else:
            found = LATENCY.search(line)
            if found is None:
                return self._without_time(line)
            prefix, ns = line[: found.start()], int(found[1]) * 1000
            ns += int((found[2] or "0").ljust(3, "0"))
        task = self._prefixes.get(prefix)
        if task is None:
            task = self._prefixes.put(prefix, self._task(prefix))
        event = line[found.end() :].lstrip()
        if "address=" in event and tracepoint_fault(self._recording, task, ns, event):
            return True
        if not event:
            raise BadFieldError("nothing after the time")
        self._recording.counts.other_events += 1
        return True

    def _task(self, prefix: str) -> int:
        text = prefix.rstrip()
        before, _, last = text.rpartition(" ")
        if before and not CPU.match(last) and not TASK.search(text):
            text = before.rstrip()  # flags, or CPU and flags of the latency format
        if CPU.search(text):
            text = text[: text.rindex("[")].rstrip()
        found = TASK.search(text)
        if found is None:
            raise BadFieldError("no task and number, as in 'bash-1234', before the time")
        pid = int(found[2]) if found[2] and found[2].isdecimal() else -1
        return self._recording.task_of(int(found[1]), pid, text[: found.start()].strip())

    def _without_time(self, line: str) -> bool:
        words = line.split(None, 1)
        if not words or words[0] in ("=>", "<stack", "#####"):
            return True
        if words[0].startswith("CPU") and "LOST" in line:
            self._recording.counts.lost += lost_in(line)
            return True
        if RAW_CLOCK.search(line):
            raise BadFieldError("times without a unit: record with trace_clock local or mono")
        return words[0].startswith(("cpus=", "version", "CPU:", "cpu="))


READER = FtraceReader


def looks_like(line: str) -> bool:
    """Return whether a line can only be of this tool."""
    if line.startswith("# tracer:") or "entries-in-buffer" in line:
        return True
    found = TIME.search(line) or LATENCY.search(line)
    if found is None:
        return False
    words = line[: found.start()].split()
    if len(words) > 1 and not CPU.match(words[-1]) and not TASK.search(words[-1]):
        words.pop()
    if words and CPU.match(words[-1]):
        words.pop()
    return bool(words) and TASK.search(" ".join(words)) is not None
