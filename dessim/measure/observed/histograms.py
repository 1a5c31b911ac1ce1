"""Histograms of latencies: bpftrace's `hist()` and `lhist()`, and bcc's tables.

Source
------
bpftrace 0.21 ``src/output.cpp``: ``TextOutput::hist_to_str``, ``lhist_to_str``,
``hist_index_label``; ``JsonOutput``. bcc ``src/python/bcc/table.py``: ``_print_log2_hist``,
``_print_linear_hist``.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise

from dessim.measure.observed.values import (
    MAX_ROWS,
    NS_OF,
    BadRowError,
    Histogram,
    Measurements,
    whole,
)

MAP = re.compile(r"^@([A-Za-z_]\w{0,60})?(?:\[(.{0,200})\])?:\s{0,4}$")
EDGE = r"-?[0-9]{1,18}[KMGTP]?"
BIN = re.compile(
    rf"^(?:\[({EDGE})\]|([\[(])({EDGE}|\.\.\.), ({EDGE}|\.\.\.)[)\]])"
    r"\s{1,40}([0-9]{1,18})\s{0,8}(?:\||$)"
)
BCC_HEAD = re.compile(r"^\s{1,20}([A-Za-z]\w{0,30})\s{1,20}: count\s{1,10}distribution\s{0,4}$")
BCC_BIN = re.compile(
    r"^\s{0,24}([0-9]{1,19})(?: -> ([0-9]{1,19}))?\s{1,24}: ([0-9]{1,18})\s{0,20}\|"
)
BCC_WORDS = re.compile(
    r"^(?:Tracing|Detaching|Hit Ctrl|avg = |\s*$|Function = |Ctrl-C|pid = |\^C"
    r"|[0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"|[\w .:\[\]<>/+-]{1,80} = )"
)
POWERS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50}
INFINITE = float("inf")
LARGEST = (1 << 64) - 1
MOST_COUNTED = 10**18


def unit_in(name: str) -> float | None:
    """Return ns of the unit that a name ends in or holds: `@usecs`, `@lat_us`, `nsecs`."""
    for word in reversed(re.split(r"[_\W0-9]+", name.lower())):
        if word in NS_OF and word != "m":
            return NS_OF[word]
    return None


class HistogramReader:
    """Reads lines with histograms.

    Parameters
    ----------
    measured : Measurements
        Gets the histograms.
    unit_ns : float or None
        Of maps whose name does not say.
    """

    def __init__(self, measured: Measurements, unit_ns: float | None) -> None:
        self._measured, self._unit = measured, unit_ns
        self._current: Histogram | None = None
        self._scale, self._section, self._rows = 1.0, "", 0
        self.took_unit = False
        """Whether the unit that was given is that of a map."""

    def line(self, line: str) -> bool:
        """Take a line; False if it has nothing to do with histograms.

        Raises
        ------
        BadRowError
            If it begins as one, and cannot be used.
        """
        if not line.strip():
            return True
        if line.startswith("{"):
            return self._json(line)
        found = MAP.match(line)
        if found:
            self._begin(found[1] or "", found[2] or "")
            return True
        found = BIN.match(line)
        if found:
            self._bin(found)
            return True
        found = BCC_HEAD.match(line)
        if found:
            self._begin(found[1], self._section)
            return True
        found = BCC_BIN.match(line)
        if found:
            low = whole(found[1])
            high = whole(found[2]) if found[2] else low
            self._add(low, high + 1, whole(found[3]))
            return True
        return self._between(line)

    def _between(self, line: str) -> bool:
        if line.startswith("@"):  # a map that is no histogram: @count: 5
            return ":" in line
        if line.startswith(("Function = ", "bucket ")) or re.match(r"^[\w ]{1,40} = ", line):
            self._section = line.strip()[:100]
        said = line.startswith(("Attach", "Lost ", "Warning", "WARNING"))
        return said or BCC_WORDS.match(line) is not None

    def _begin(self, name: str, key: str) -> None:
        unit = unit_in(name)
        if unit is None:
            unit, self.took_unit = self._unit, True
        if unit is None:
            raise BadRowError(
                f"no unit is known for {('@' + name)[:40]!r}: name the map @usecs or @nsecs, or"
                " give --unit"
            )
        self._scale = unit
        label = f"{name}[{key}]" if key else name
        self._current = Histogram("".join(c if c.isprintable() else "?" for c in label))
        self._measured.histograms.append(self._current)

    def _bin(self, found: re.Match[str]) -> None:
        if found[1] is not None:
            low: float = _edge(found[1])
            high: float = low + 1
        else:
            low = -INFINITE if found[3] == "..." else _edge(found[3])
            high = INFINITE if found[4] == "..." else _edge(found[4])
        self._add(low, high, whole(found[5]))

    def _add(self, low: float, high: float, count: int) -> None:
        if self._current is None:
            raise BadRowError("a row of a histogram without a name or header before it")
        self._rows += 1
        if self._rows > MAX_ROWS:
            raise BadRowError("more than 100,000 rows")
        if high <= low:
            raise BadRowError("a row of a histogram that ends before it begins")
        low, high = max(low, 0) * self._scale, max(high, 0) * self._scale
        bins = self._current.bins
        if high <= low:
            return  # negative times: clocks of two CPUs
        if bins and low < bins[-1][1]:
            raise BadRowError("rows are not in order, or overlap")
        bins.append((low, high, count))

    def _json(self, line: str) -> bool:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            raise BadRowError("not a complete JSON object") from None
        kind, data = found.get("type"), found.get("data")
        if kind not in ("hist", "lhist") or not isinstance(data, dict):
            return isinstance(kind, str)
        for name, rows in data.items():
            by_key = rows if isinstance(rows, dict) else {"": rows}
            for key, listed in by_key.items():
                self._begin(str(name).lstrip("@"), str(key))
                if not isinstance(listed, list):
                    raise BadRowError("a histogram without rows")
                for row in listed:
                    self._json_row(row)
        return True

    def _json_row(self, row: object) -> None:
        """Add a row; without ``min`` or ``max`` it has no such end, as rows of `lhist` have."""
        numbers = row if isinstance(row, dict) else {}
        if not _is_whole(numbers.get("count"), 0, MOST_COUNTED):
            raise BadRowError("a row of a histogram without a whole number as its count")
        for end in ("min", "max"):
            if end in numbers and not _is_whole(numbers[end], -LARGEST, LARGEST):
                raise BadRowError(f"a row of a histogram whose {end} is no whole number of 64 bits")
        high = numbers["max"] + 1 if "max" in numbers else INFINITE
        self._add(numbers.get("min", -INFINITE), high, numbers["count"])


def _is_whole(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _edge(text: str) -> int:
    suffix = text[-1] if text[-1] in POWERS else ""
    return int(text.removesuffix(suffix)) * POWERS[suffix]


def merged(histograms: list[Histogram]) -> Histogram:
    """Return all histograms of a file as one: bins with the same bounds are added.

    Raises
    ------
    BadRowError
        If their bins are not the same where both have some.
    """
    bins: dict[tuple[float, float], int] = {}
    for histogram in histograms:
        for low, high, n in histogram.bins:
            bins[low, high] = bins.get((low, high), 0) + n
    rows = sorted((low, high, n) for (low, high), n in bins.items())
    for before, after in pairwise(rows):
        if after[0] < before[1]:
            raise BadRowError("histograms with different bins: choose one with --key")
    name = histograms[0].name if len(histograms) == 1 else f"{len(histograms)} histograms"
    return Histogram(name, rows)


def looks_like(line: str) -> bool:
    """Return whether a line can only be of a histogram."""
    if line.startswith("{"):
        return '"hist"' in line or '"lhist"' in line
    return any(form.match(line) for form in (BIN, BCC_HEAD, BCC_BIN)) or (
        MAP.match(line) is not None
    )
