"""Fields that several tools print alike: times, numbers, events of faults."""

from __future__ import annotations

import re
from functools import lru_cache

from dessim.measure.traces.recording import (
    MINOR_OR_MAJOR,
    SOFTWARE,
    TRACEPOINT,
    UNKNOWN_ACCESS,
    BadFieldError,
    RecordedFaults,
    access_of,
)

TIME = re.compile(r"(?:^|(?<=[\s\]]))([0-9]{1,12})\.([0-9]{3,9}):(?=\s|$)")
"""Seconds with three to nine decimals, as perf script and ftrace print a time."""
FAULT_EVENT = re.compile(r"address=(\S{1,80})\s{1,20}ip=\S{1,200}\s{1,20}error_code=(\S{1,20})")
RATED = re.compile(
    r"^(?:([0-9]{1,19})\s+)?"  # the period
    r"(page-faults|faults|minor-faults|major-faults)(?::[\w]{0,9})?:(?:\s+|$)(.*)$"
)
LOST = re.compile(r"(?i)\blost\b[\s:=]{0,4}([0-9]{1,18})|\blost[_ ]events[^0-9]{1,9}([0-9]{1,18})")
HEXADECIMAL = re.compile(r"(?:0[xX])?[0-9a-fA-F]{1,16}$")
NUMBER = re.compile(r"[0-9]{1,19}|0[xX][0-9a-fA-F]{1,16}")
MAX_ERROR_CODE = (1 << 32) - 1
MAX_CACHED = 50_000
INSTRUCTION = re.compile(r"[0-9a-f]{6,16}$")
"""An address of code, behind that of the data and its symbol."""


def time_ns(seconds: str, decimals: str) -> int:
    """Return a time in ns from its two parts."""
    return int(seconds) * 1_000_000_000 + int(decimals.ljust(9, "0"))


def lost_in(line: str) -> int:
    """Return how many events a line says were lost, or 0."""
    found = LOST.search(line)
    return int(found[1] or found[2]) if found else 0


def whole_number(text: str, what: str) -> int:
    """Return a number with or without 0x."""
    if NUMBER.fullmatch(text) is None:
        raise BadFieldError(f"{what} is not a number")
    return int(text, 16 if text[:2] in ("0x", "0X") else 10)


@lru_cache(maxsize=1024)
def access_by(text: str) -> int:
    """Return what kind of access faulted, from the text of an error code: there are few."""
    code = whole_number(text, "error_code")
    if code > MAX_ERROR_CODE:
        raise BadFieldError("an impossible error_code")
    return access_of(code)


def address_of(text: str) -> int | None:
    """Return an address; None for a name, which only addresses of the kernel have."""
    if HEXADECIMAL.match(text):
        return int(text, 16)
    if text.startswith(("0x", "0X")):
        raise BadFieldError("the address is not a number")
    return None


def tracepoint_fault(recording: RecordedFaults, task: int, ns: int, event: str) -> bool:
    """Add a fault of exceptions:page_fault_user or page_fault_kernel, if the text is one."""
    found = FAULT_EVENT.search(event)
    if found is None:
        if "page_fault_" in event and "address=" in event:
            raise BadFieldError("page_fault_user without address, ip and error_code")
        return False
    address = address_of(found[1])
    if address is None:
        recording.counts.kernel_addresses += 1
        return True
    recording.fault(task, ns, address, access_by(found[2].rstrip(",")), TRACEPOINT)
    return True


def software_fault(recording: RecordedFaults, task: int, ns: int, event: str) -> bool:
    """Add a fault of perf's software events page-faults, minor-faults, major-faults."""
    found = RATED.match(event)
    if found is None:
        return False
    name, words = found[2], found[3].split(None, 2)
    family = SOFTWARE if name in ("page-faults", "faults") else MINOR_OR_MAJOR
    numbers = [word for word in words[:2] if HEXADECIMAL.match(word)]
    # With address and instruction there are two numbers, each perhaps with its symbol behind it; a
    # lone one that has a symbol is that of the instruction.
    if not numbers or (len(numbers) == 1 and len(words) > 1 and not _has_later(found[3])):
        recording.counts.without_address += 1
        return True
    address = int(numbers[0], 16)
    recording.fault(task, ns, address, UNKNOWN_ACCESS, family, major=name == "major-faults")
    return True


def _has_later(text: str) -> bool:
    """Return whether a bare address stands behind the second word of a text."""
    return any(INSTRUCTION.match(word) for word in text.split(None, 40)[2:40])


class Prefixes:
    """Who a line is about: the same words stand before the time again and again."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def get(self, text: str) -> int | None:
        """Return the task of a prefix that was read before."""
        return self._known.get(text)

    def put(self, text: str, task: int) -> int:
        """Remember the task of a prefix."""
        if len(self._known) >= MAX_CACHED:
            self._known.clear()
        self._known[text] = task
        return task
