r"""What bpftrace's `printf` prints: fields in an order that the person chose.

The documented program is::

    tracepoint:exceptions:page_fault_user {
      printf("%llu %d %d %d %s 0x%lx 0x%lx 0x%x\n",
             nsecs, cpu, pid, tid, comm, args->address, args->ip, args->error_code);
    }

Other orders and other fields are named by ``--fields``. Fields are parted by white space, or by one
of ``, ; |`` and tabs; ``name=value`` needs no order.

Source
------
bpftrace 0.21 ``src/output.cpp``: ``TextOutput::lost_events``, ``attached_probes``;
``JsonOutput::message``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from dessim.files.numbers import whole
from dessim.measure.traces.fields import HEXADECIMAL, Prefixes, access_by, lost_in, whole_number
from dessim.measure.traces.recording import (
    TRACEPOINT,
    UNKNOWN_ACCESS,
    BadFieldError,
    RecordedFaults,
    TraceError,
)

NAME = "bpftrace"
WHAT = "bpftrace printf"
USUAL = ("time_ns", "cpu", "pid", "tid", "comm", "address", "ip", "error_code")
UNITS_NS = {"time_ns": 1, "time_us": 1000, "time_ms": 1_000_000, "time_s": 1_000_000_000}
ALIASES = {
    **dict.fromkeys(("nsecs", "ns", "ts", "timestamp", "time", "elapsed"), "time_ns"),
    **dict.fromkeys(("usecs", "us"), "time_us"),
    **dict.fromkeys(("addr", "vaddr", "cr2"), "address"),
    **dict.fromkeys(("err", "error", "code"), "error_code"),
    **dict.fromkeys(("tgid",), "pid"),
    "-": "",
}
KNOWN = (*USUAL, *UNITS_NS, "")
SEPARATORS = (",", ";", "|", "\t")
PAIR = re.compile(r"([A-Za-z_]\w{0,30})[=:](.*)$")
SAID = re.compile(
    r"(?:Attach(?:ing|ed) [0-9]|\s*$|@|WARNING|Tracing|Lost|stdin:|INFO|DEBUG"
    r"|(?:TIME|time|nsecs)(?![=:]))"
)
AS_HEXADECIMAL = 12  # digits of an address below 2^48


def fields_of(text: str) -> tuple[str, ...]:
    """Return the names of fields, as a person lists them.

    Raises
    ------
    TraceError
        If one is unknown, is there twice, or what a fault needs is not among them.
    """
    words = [word for word in re.split(r"[\s,;|]+", text.strip()) if word]
    names = tuple(ALIASES.get(word, word) for word in words)
    for word, name in zip(words, names, strict=True):
        if name not in KNOWN:
            known = ", ".join(dict.fromkeys(name for name in KNOWN if name))
            raise TraceError(f"--fields: unknown field {word[:30]!r}; there are {known}, and -")
    used = [name for name in names if name]
    twice = sorted({name for name in used if used.count(name) > 1})
    times = [name for name in used if name in UNITS_NS]
    if twice or len(times) > 1:
        raise TraceError(f"--fields: {', '.join(twice or times)}: give each once")
    check_needed(used, "--fields")
    return names


def check_needed(names: Sequence[str], where: str) -> None:
    """Refuse fields that do not make a fault.

    Raises
    ------
    TraceError
        If the time, the task or the address is missing.
    """
    missing = [name for name in ("tid", "address") if name not in names]
    if not any(name in UNITS_NS for name in names):
        missing.insert(0, "time_ns")
    if "tid" in missing and "pid" in names:
        missing.remove("tid")
    if missing:
        several = len(missing) > 1
        verb = "are missing: print and name them" if several else "is missing: print and name it"
        raise TraceError(f"{where}: {', '.join(missing)} {verb}")


class BpftraceReader:
    """Reads lines of bpftrace into a recording."""

    def __init__(self, recording: RecordedFaults, fields: tuple[str, ...] = USUAL) -> None:
        self._recording, self._prefixes, self._fields = recording, Prefixes(), fields
        self._split: Callable[[str], list[str]] | None = None
        self._pairs = False
        times = [name for name in UNITS_NS if name in fields]
        self._unit_ns = UNITS_NS[times[0]] if times else 1
        self._time = fields.index(times[0]) if times else 0
        self._address = fields.index("address") if "address" in fields else 0
        self._code = fields.index("error_code") if "error_code" in fields else -1
        self._who = [i for i, name in enumerate(fields) if name in ("pid", "tid", "comm")]

    def line(self, line: str) -> bool:
        """Take a line; False if it is none of this tool.

        Raises
        ------
        BadFieldError
            If it begins as one, and cannot be used.
        """
        if line[0] == "{":
            return self._json(line)
        if not line[0].isdecimal() and SAID.match(line):
            self._recording.counts.lost += lost_in(line)
            return True
        if self._split is None:
            self._split = splitter(line)
            words = self._split(line)
            self._pairs = len(words) > 1 and all(map(PAIR.match, words))
        words = self._split(line)
        if self._pairs:
            self._fault(self._named(words))
        else:
            self._placed_fault(words)
        return True

    def _json(self, line: str) -> bool:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            raise BadFieldError("not a complete JSON object") from None
        kind, data = found.get("type"), found.get("data")
        if kind == "printf" and isinstance(data, str):
            lines = data.rstrip("\n").split("\n")
            return all(not part or (part[0] != "{" and self.line(part)) for part in lines)
        if kind == "lost_events" and isinstance(data, dict):
            lost = data.get("events", 0)
            self._recording.counts.lost += lost if isinstance(lost, int) and lost > 0 else 0
        return isinstance(kind, str)

    def _named(self, words: list[str]) -> dict[str, str]:
        found = [PAIR.match(word) for word in words]
        if not all(found):
            raise BadFieldError("not all fields are name=value, as those of the first line")
        pairs = ((pair[1].lower(), pair[2].strip()) for pair in found if pair)
        return {ALIASES.get(name, name): value for name, value in pairs}

    def _placed_fault(self, words: list[str]) -> None:
        """Add a fault whose fields are known by their places: the way of nearly all lines."""
        fields, more = self._fields, len(words) - len(self._fields)
        if more > 0 and "comm" in fields:  # a name with separators in it
            at = fields.index("comm")
            words = [*words[:at], " ".join(words[at : at + more + 1]), *words[at + more + 1 :]]
        elif more:
            wanted = " ".join(name or "-" for name in fields)
            raise BadFieldError(f"{len(words)} fields, not {len(fields)} ({wanted})")
        who = "\t".join([words[i] for i in self._who])
        task = self._prefixes.get(who)
        if task is None:
            named = dict(zip(fields, words, strict=True))
            task = self._prefixes.put(who, self._task(named))
        when, code = words[self._time], self._code
        ns = in_ns(when, self._unit_ns)
        access = UNKNOWN_ACCESS
        if code >= 0:
            access = access_by(words[code])
        self._recording.fault(task, ns, address_in(words[self._address]), access, TRACEPOINT)

    def _fault(self, found: dict[str, str]) -> None:
        times = [name for name in UNITS_NS if name in found]
        if not times or "address" not in found or ("tid" not in found and "pid" not in found):
            raise BadFieldError("time, tid or address is missing")
        who = f"{found.get('pid')} {found.get('tid')} {found.get('comm')}"
        task = self._prefixes.get(who)
        if task is None:
            task = self._prefixes.put(who, self._task(found))
        ns = in_ns(found[times[0]], UNITS_NS[times[0]])
        access = UNKNOWN_ACCESS
        if found.get("error_code"):
            access = access_by(found["error_code"])
        self._recording.fault(task, ns, address_in(found["address"]), access, TRACEPOINT)

    def _task(self, found: dict[str, str]) -> int:
        pid = whole_number(found["pid"], "pid") if found.get("pid", "-1") != "-1" else -1
        tid = whole_number(found["tid"], "tid") if "tid" in found else pid
        if not 0 <= tid < 1 << 31 or not -1 <= pid < 1 << 31:
            raise BadFieldError("an impossible task number")
        return self._recording.task_of(tid, pid, found.get("comm", ""))


def in_ns(text: str, unit_ns: int) -> int:
    """Return a time in ns, whole or with decimals."""
    if text.isascii() and text.isdecimal() and len(text) < 20:
        return int(text) * unit_ns
    before, point, after = text.partition(".")
    ns = whole_number(before, "the time") * unit_ns
    if point:
        decimals = whole(after)
        if decimals is None:
            raise BadFieldError("the time is not a number")
        ns += decimals * unit_ns // 10 ** len(after)
    return ns


def address_in(text: str) -> int:
    """Return an address: hexadecimal, or decimal if it has more digits than it could have then."""
    if text[:2].lower() == "0x" or len(text) <= AS_HEXADECIMAL or not text.isdecimal():
        if HEXADECIMAL.match(text) is None:
            raise BadFieldError("the address is not a number")
        return int(text, 16)
    return whole_number(text, "the address")


def splitter(line: str) -> Callable[[str], list[str]]:
    """Return what parts the fields of a line, and of all that follow it."""
    for separator in SEPARATORS:
        if line.count(separator) >= 2:
            return lambda text: [word.strip() for word in text.split(separator)]
    return str.split


READER = BpftraceReader


def looks_like(line: str) -> bool:
    """Return whether a line can only be of this tool."""
    if line.startswith(("Attaching ", "Attached ", '{"type":')):
        return True
    words = splitter(line)(line)
    return len(words) == len(USUAL) and words[0].isdecimal() and words[5].startswith("0x")
