"""What `perf trace -F all` prints: faults with file and offset, syscalls among them.

Source
------
Linux 6.12 ``tools/perf/builtin-trace.c``: ``trace__pgfault``, ``print_location``,
``trace__fprintf_entry_head`` (time in ms, duration, comm/tid where there is more than one thread),
``trace__handle_event`` (LOST).
"""

from __future__ import annotations

import re

from dessim.measure.traces.fields import HEXADECIMAL, Prefixes, address_of, lost_in
from dessim.measure.traces.recording import (
    EXEC,
    MINOR_OR_MAJOR,
    PAGE_SHIFT,
    UNKNOWN_ACCESS,
    BadFieldError,
    RecordedFaults,
)

NAME = "perf-trace"
WHAT = "perf trace -F all"
HEAD = re.compile(
    r"^\s{0,40}(?:([0-9]{1,15})\.([0-9]{3})|\?)\s{1,20}"
    r"\([ .0-9]{0,20}(?:ms)?\s{0,20}\):\s?"
)
TARGET = re.compile(r"=>\s(.*)\s\(([dx?])(.)\)\s{0,20}$")
TASK = re.compile(r"^(?:(.*)/)?([0-9]{1,10})$")


class PerfTraceReader:
    """Reads lines of `perf trace` into a recording."""

    def __init__(self, recording: RecordedFaults) -> None:
        self._recording, self._prefixes = recording, Prefixes()
        self._symbols: dict[str, int] = {}

    def line(self, line: str) -> bool:
        """Take a line; False if it is none of this tool.

        Raises
        ------
        BadFieldError
            If it begins as one, and cannot be used.
        """
        found = HEAD.match(line)
        if found is None:
            if line.lstrip().startswith("LOST"):
                self._recording.counts.lost += lost_in(line)
                return True
            return not line.strip()
        for word in ("minfault [", "majfault ["):
            at = line.find(word, found.end())
            if at >= 0:
                break
        else:
            self._recording.counts.other_events += 1
            return True
        if found[1] is None:
            raise BadFieldError("a fault without a time")
        target = TARGET.search(line, at)
        if target is None:
            raise BadFieldError("a fault without '=> where (d.)'")
        prefix = line[found.end() : at]
        task = self._prefixes.get(prefix)
        if task is None:
            task = self._prefixes.put(prefix, self._task(prefix))
        ns = int(found[1]) * 1_000_000 + int(found[2]) * 1000
        self._fault(task, ns, target, major=word.startswith("maj"))
        return True

    def _task(self, prefix: str) -> int:
        text = prefix.strip()
        if not text:  # one thread only: perf trace does not name it
            return self._recording.task_of(0, -1, "")
        found = TASK.match(text)
        if found is None:
            raise BadFieldError("no task, as in 'name/1234', before the fault")
        return self._recording.task_of(int(found[2]), -1, found[1] or "")

    def _fault(self, task: int, ns: int, target: re.Match[str], *, major: bool) -> None:
        recording = self._recording
        access = EXEC if target[2] == "x" else UNKNOWN_ACCESS
        name, at, place = target[1].rpartition("@")
        address = address_of(place) if "+" not in place else None
        if address is None and not at:  # a symbol, and no file: the kernel's own
            recording.counts.kernel_addresses += 1
            return
        if not at:
            recording.fault(task, ns, address or 0, access, MINOR_OR_MAJOR, major=major)
            return
        backing = recording.backing_of(name)
        page = self._page_of_symbol(place) if address is None else address >> PAGE_SHIFT
        kind = access | MINOR_OR_MAJOR << 2 | major << 4
        if name.startswith("[kernel") or name == "[vdso]":
            recording.counts.kernel_addresses += 1
            return
        recording.add(task, ns, page & ((1 << 51) - 1), backing, kind)

    def _page_of_symbol(self, place: str) -> int:
        """Return a page for a symbol of a file, whose offset in the file is not printed.

        Symbols get pages of their own, far behind all offsets: which of them share one is unknown.
        """
        symbol, _, offset = place.rpartition("+")
        if HEXADECIMAL.match(offset) is None:
            raise BadFieldError("a symbol without an offset")
        name = f"{symbol}+{int(offset, 16) >> PAGE_SHIFT:x}"
        if len(self._symbols) >= 1_000_000:
            raise BadFieldError("more than 1,000,000 symbols")
        return (1 << 40) + self._symbols.setdefault(name, len(self._symbols))


READER = PerfTraceReader


def looks_like(line: str) -> bool:
    """Return whether a line can only be of this tool."""
    return HEAD.match(line) is not None
