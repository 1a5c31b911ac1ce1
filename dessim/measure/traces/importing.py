"""From the text of a trace to its faults: which tool wrote it, and then line by line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from dessim.errors import counted
from dessim.files.lines import DamagedLineError, TextLines, shown
from dessim.measure.traces import bpftrace, ftrace, perf_script, perf_trace
from dessim.measure.traces.recording import BadFieldError, RecordedFaults, TraceError

LOOKED_AT = 400
"""TextLines after which the tool must be known."""
SKIP = "fix the file, or skip and count such lines with --skip-damaged"
MODULES = {module.NAME: module for module in (perf_script, perf_trace, ftrace, bpftrace)}
FORMATS = tuple(MODULES)


class TraceReader(Protocol):
    """Takes lines of one tool."""

    def line(self, line: str) -> bool:
        """Take a line; False if it is none of this tool."""


class Trace:
    """A trace that was read.

    Attributes
    ----------
    form : str
        Which tool wrote it.
    recording : RecordedFaults
    whole : bool
        Whether its last line has an end.
    sha256 : str
        Of its text, unpacked.
    """

    def __init__(self, form: str, recording: RecordedFaults, lines: TextLines) -> None:
        self.form, self.recording = form, recording
        self.whole, self.sha256 = lines.ended, lines.sha256


def read_trace(
    path: str | Path,
    form: str = "",
    fields: tuple[str, ...] = (),
    *,
    skip_damaged: bool = False,
) -> Trace:
    """Read the page faults of a trace.

    Parameters
    ----------
    path : str or Path
        Of a text, also packed by gzip; ``-`` is standard input.
    form : str, optional
        One of ``FORMATS``; what is written there decides if it is empty.
    fields : tuple of str, optional
        Of bpftrace's lines, as ``bpftrace.fields_of`` returns them.
    skip_damaged : bool, optional
        Count lines that cannot be read instead of ending with the first.

    Raises
    ------
    UnreadableError, DamagedLineError
        If the file or one of its lines cannot be read.
    TraceError
        If no tool is recognised, or there is no fault.
    """
    lines = TextLines(path)
    recording = RecordedFaults()
    reading = _Reading(lines.name, recording, form or ("bpftrace" if fields else ""), fields)
    reading.skips = skip_damaged
    try:
        for some in lines:
            reading.take(some)
        reading.end()
    finally:
        lines.close()
    _check(recording, lines.name, reading.form)
    return Trace(reading.form, recording, lines)


class _Reading:
    """Where a reader stands in its lines."""

    def __init__(
        self, name: str, recording: RecordedFaults, form: str, fields: tuple[str, ...]
    ) -> None:
        self.name, self.recording, self.form = name, recording, form
        self.fields, self.skips = fields, False
        self._kept: list[str] = []
        self._number = 0
        self._reader = self._made(form) if form else None

    def _made(self, form: str) -> TraceReader:
        if form == bpftrace.NAME:
            return bpftrace.BpftraceReader(self.recording, self.fields or bpftrace.USUAL)
        made: TraceReader = MODULES[form].READER(self.recording)
        return made

    def take(self, some: list[str]) -> None:
        """Read some lines, or keep them until it is known which tool wrote them."""
        if self._reader is None:
            self._kept += some
            if len(self._kept) < LOOKED_AT:
                return
            self._choose()
            some, self._kept = self._kept, []
        self._read(some)

    def end(self) -> None:
        """Read what was kept."""
        if self._reader is None:
            self._choose()
            self._read(self._kept)

    def _choose(self) -> None:
        seen = self._kept[:LOOKED_AT]
        votes = {
            form: sum(module.looks_like(line.rstrip("\r")) for line in seen if line)
            for form, module in MODULES.items()
        }
        self.form = max(votes, key=lambda form: votes[form])
        if not votes[self.form]:
            first = next((line for line in seen if line.strip() and line[0] != "#"), "")
            known = ", ".join(f"{name} ({module.WHAT})" for name, module in MODULES.items())
            begins = f"unknown trace format, beginning with {shown(first)}"
            what = begins if first else "no line of a trace in it"
            raise TraceError(
                f"{self.name}: {what}; there are {known}: choose with"
                " --format, and with --fields for other fields of bpftrace"
            )
        self._reader = self._made(self.form)

    def _read(self, some: list[str]) -> None:
        assert self._reader is not None
        take = self._reader.line
        comment: Callable[[str], None] | None = getattr(self._reader, "comment", None)
        number = self._number
        for line in some:
            number += 1
            if line.endswith("\r"):
                line = line.rstrip("\r")
            if not line:
                continue
            if line[0] == "#":
                if comment is not None:
                    comment(line)
                continue
            try:
                if take(line):
                    continue
                what = f"no line of {MODULES[self.form].WHAT}: {shown(line)}"
            except BadFieldError as error:
                what = f"{error}: {shown(line)}"
            if not self.skips:
                raise DamagedLineError(self.name, number, what, SKIP)
            self.recording.counts.damaged += 1
        self.recording.counts.lines = self._number = number


def _check(recording: RecordedFaults, name: str, form: str) -> None:
    """Refuse a trace without faults: the remedy depends on what is there instead.

    Raises
    ------
    TraceError
    """
    if len(recording.task):
        return
    counts = recording.counts
    if counts.without_address:
        raise TraceError(
            f"{name}: {counted(counts.without_address, 'fault')}, and none with an address: record"
            " with `perf record -e page-faults -c 1 -d`, and print with"
            " `perf script -F comm,pid,tid,cpu,time,event,addr,ip`"
        )
    others = counts.other_events + counts.kernel_addresses
    seen = counted(others, "other event") if others else "no events"
    raise TraceError(
        f"{name}: no page fault, but {seen} of {MODULES[form].WHAT}: record"
        " exceptions:page_fault_user, or page-faults with addresses (perf record -d)"
    )
