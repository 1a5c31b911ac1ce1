"""Measured things, whatever tool printed them, and how their units are written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from dessim.errors import UserError

NS_OF = {
    **dict.fromkeys(("ns", "nsec", "nsecs", "nanoseconds"), 1.0),
    **dict.fromkeys(("us", "µs", "μs", "usec", "usecs", "microseconds"), 1e3),
    **dict.fromkeys(("ms", "msec", "msecs", "milliseconds"), 1e6),
    **dict.fromkeys(("s", "sec", "secs", "seconds"), 1e9),
    **dict.fromkeys(("m", "min"), 60e9),
}
PREFIX = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "mega": 1e6, "kilo": 1e3}
MAX_ROWS = 100_000
LEAST, MOST = 1e-12, 1e18
"""Between which a measured number lies, in ns, s or 1/s."""


class MeasuredError(UserError):
    """A file of measurements that cannot be used."""


class BadRowError(ValueError):
    """What is wrong with a line; whoever reads lines says which one it is."""


@dataclass
class Histogram:
    """How many latencies lie between two bounds.

    Attributes
    ----------
    name : str
    bins : list of (float, float, int), ns
        From, up to (exclusive; infinite in the last of a linear one), count; ascending.
    """

    name: str
    bins: list[tuple[float, float, int]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Number of latencies."""
        return sum(n for _, _, n in self.bins)

    def quantile(self, share: float) -> tuple[float, float, float]:
        """Return a quantile: the bounds of its bin, and where in the bin it should be, ns."""
        wanted, seen = share * self.count, 0
        for low, high, n in self.bins:
            if n and seen + n >= wanted:
                if high == float("inf"):
                    return low, high, low
                inside = (wanted - seen) / n
                return low, high, low + (high - low) * inside
            seen += n
        return self.bins[-1][0], self.bins[-1][1], self.bins[-1][0]


@dataclass(frozen=True)
class MeasuredLock:
    """Waits for one lock, or at one place that takes locks.

    Attributes
    ----------
    name : str
        Of the lock, or of the function that takes it.
    contended : int
    wait_ns : float
    """

    name: str
    contended: int
    wait_ns: float


@dataclass(frozen=True)
class MeasuredNumber:
    """A number measured at some setting.

    Attributes
    ----------
    quantity : str
        ``faults_per_s``, ``pages_per_s``, ``operations_per_s``, ``completion_s``, or a quantile of
        latency: ``latency_ns_p99``, ``latency_ns_mean``.
    value : float
    threads : int or None
    scheme, workload, series : str
        Empty if the file does not say. ``series``: which column or command.
    """

    quantity: str
    value: float
    threads: int | None = None
    scheme: str = ""
    workload: str = ""
    series: str = ""


@dataclass
class Measurements:
    """What a file of measurements holds: one of three.

    Attributes
    ----------
    form : str
        Which tool wrote it.
    histograms, locks, numbers : list
    notes : list of str
    """

    form: str
    histograms: list[Histogram] = field(default_factory=list)
    locks: list[MeasuredLock] = field(default_factory=list)
    numbers: list[MeasuredNumber] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def number(text: str) -> float:
    """Return a number; commas may group its digits.

    Raises
    ------
    BadRowError
        If it is none, or none that can have been measured.
    """
    plain = text.strip()
    if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3}){1,6}(\.[0-9]{1,9})?", plain):
        plain = plain.replace(",", "")
    if not re.fullmatch(r"[+-]?[0-9]{1,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,3})?", plain):
        raise BadRowError(f"{text.strip()[:30]!r} is not a number")
    value = float(plain)
    if value and not LEAST <= abs(value) <= MOST:
        raise BadRowError(f"{text.strip()[:30]!r} is not a plausible measurement")
    return value


def whole(text: str) -> int:
    """Return a whole number that is not negative.

    Raises
    ------
    BadRowError
    """
    plain = text.strip()
    if not re.fullmatch(r"[0-9]{1,18}", plain):
        raise BadRowError(f"{plain[:30]!r} is no count")
    return int(plain)
