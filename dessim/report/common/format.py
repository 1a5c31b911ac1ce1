"""Numbers as people read them: three digits, a prefix, a unit."""

import math
from collections.abc import Callable
from typing import Any

from dessim.metrics import BY_NAME, NS, SECONDS, Metric

UNKNOWN = "–"  # noqa: RUF001 - a dash that cannot be read as a sign
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_TIMES = ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1.0, "ns"))


def three_digits(x: float) -> str:
    """A number of any size with three significant digits and no exponent below a thousand."""
    if abs(x) >= 99.95 or x == 0:
        return f"{x:.0f}"
    return f"{x:.1f}" if abs(x) >= 9.995 else f"{x:.2f}"


def plain_number(x: float, *, raised: bool = False) -> str:
    """A number at an axis; powers of ten far from 1 as `1e-6`, or raised: `10⁻⁶`."""
    power = round(math.log10(x)) if x > 0 else 0
    if not 1e-3 <= x < 1e5 and power and math.isclose(x, 10.0**power):
        return "10" + str(power).translate(_SUPERSCRIPTS) if raised else f"1e{power}"
    return f"{x:g}"


def _scaled(x: float, units: tuple[tuple[float, str], ...]) -> str:
    for size, unit in units:
        if abs(x) >= 0.9995 * size:
            return f"{three_digits(x / size)}{unit}"
    return f"{three_digits(x / units[-1][0])}{units[-1][1]}"


def amount(x: float) -> str:
    """A count or a rate: `1.23M`."""
    return _scaled(x, _PREFIXES)


def duration_ns(x: float) -> str:
    """A time given in ns: `1.23us`."""
    return _scaled(x, _TIMES)


def duration_s(x: float) -> str:
    """A time given in s: `1.23s`."""
    return duration_ns(x * 1e9)


def form_of(metric: Metric) -> Callable[[float], str]:
    """How a metric's numbers are written: its unit decides."""
    return {NS: duration_ns, SECONDS: duration_s}.get(metric.unit, amount)


def form_of_name(name: str) -> Callable[[float], str]:
    """The same for a name from stored results, which may know metrics that are gone."""
    return form_of(BY_NAME[name]) if name in BY_NAME else amount


def percent(x: float) -> str:
    """A ratio as a signed percentage: `+12%`."""
    return f"{x * 100:+.0f}%" if abs(x) >= 0.0995 else f"{x * 100:+.1f}%"


def plus_minus(estimate: dict[str, Any]) -> str:
    """Half-width of an interval relative to its centre: `±2%`; nothing without an interval.

    Below 1 % it says just that: quantiles come from buckets of that width.
    """
    mean, ci95 = estimate["mean"], estimate["ci95"]
    if ci95 is None or not mean:
        return ""
    relative = (ci95[1] - ci95[0]) / 2 / abs(mean)
    return "±<1%" if relative < 0.01 else f"±{relative * 100:.0f}%"


def threads_word(n: int) -> str:
    """`1 thread`, `8 threads`."""
    return f"{n} thread" if n == 1 else f"{n} threads"


def scheme_of(point: dict[str, Any]) -> str:
    """Scheme of a point with its options: `name` or `name+option`, `name option=3`."""
    words = [point["scheme"]]
    for key, value in point.get("scheme_options", {}).items():
        if value is True:
            words.append(f"+{key}")
        else:
            words.append(f" {key}={str(value).lower()}")
    return "".join(words)
